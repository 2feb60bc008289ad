//! What a run of exercise 2 says: checks against the handout, tables, and the result in a sentence.

use super::{
    figures::{self, Part},
    lessons,
    method::Method,
    results::Results,
};
use crate::{
    data::images::{ImageSet, Images},
    experiments::common::{Better, ByMethod, Column, Difference, spread, table},
    outcome::{Cell, Check, Format, Section, Story, Table},
    wording::{list, percent, signed, tested},
};

/// How far from 50 % an equal error rate may be and still be called chance.
const TOLERANCE: f64 = 0.05;

/// The untrained network as it is compared with the trained one.
pub const UNTRAINED: Method = Method::Untrained { normalise: true };

/// The metrics in which methods are compared.
const COMPARED: [(&str, &str); 4] = [
    ("seen_eer", "EER, seen"),
    ("held_out_eer", "EER, held out"),
    ("seen_tar_at_far_1", "TAR at FAR 1 %, seen"),
    ("held_out_tar_at_far_1", "TAR at FAR 1 %, held out"),
];

/// The checks and the story of a run.
pub fn tell(results: &Results, set: &ImageSet, mapped: &Images, notice: &[String]) -> (Vec<Check>, Story) {
    let held_out = held_out(results, set);
    let story = Story {
        number: 2,
        title: "Contrastive loss for Siamese networks".to_owned(),
        question: format!(
            "A Siamese network puts both images of a pair through the same weights and learns from pairs alone: the same \
             digit or not. Does the distance of its embeddings then tell whether two images show the same digit, also of \
             digits that no training ever saw ({held_out})? What do the margin and the normalisation of embeddings do, and \
             what happens where the label of the pairs is read the wrong way round?"
        ),
        notice: notice.to_vec(),
        headline: headline(results, &held_out),
        check_rule: format!(
            "The handout expects random embeddings before training, similar pairs close and dissimilar ones a margin apart \
             after it, normalised embeddings to be better than raw ones, and Siamese networks to serve verification and \
             one-shot learning. “Better” is a lower equal error rate on test pairs in a paired t-test over the seeds with \
             p < 0.05; chance is 50 %, within {:.0} points.",
            100.0 * TOLERANCE
        ),
        sections: vec![
            verification(results, set, &held_out),
            distances(results),
            Section {
                title: "Embeddings before and after training".to_owned(),
                text: Vec::new(),
                tables: Vec::new(),
                figures: figures::maps(results, set, mapped),
            },
            margins(results),
            labels(results),
        ],
        lessons: lessons::learn(results, &held_out),
    };
    (checks(results), story)
}

/// The held-out digits in words.
fn held_out(results: &Results, set: &ImageSet) -> String {
    let names = results.settings.held_out.iter().filter_map(|digit| set.classes.get(usize::from(*digit)).cloned());
    list(&names.collect::<Vec<_>>())
}

fn checks(results: &Results) -> Vec<Check> {
    let Results { best, best_raw, reference, mixed_up, .. } = *results;
    let mut checks = Vec::new();
    let mut better = |name: String, metric: &str, method: Method, other: Method| {
        let difference = results.difference(metric, method, other);
        checks.push(Check {
            name,
            expected: "lower EER, p < 0.05".to_owned(),
            measured: tested(difference.mean, difference.test),
            holds: difference.is_loss(),
        });
    };
    for (metric, digits) in [("seen_eer", "seen digits"), ("held_out_eer", "held-out digits")] {
        better(format!("{digits}: trained against untrained"), metric, best, UNTRAINED);
        better(format!("{digits}: trained against the distance of pixels"), metric, best, Method::Pixels);
        better(format!("{digits}: normalised against raw embeddings"), metric, best, best_raw);
    }
    better(
        "labels as the handout's formula and its legend have them, against untrained".into(),
        "seen_eer",
        mixed_up,
        UNTRAINED,
    );

    let before = results.metric(UNTRAINED, "seen_eer");
    let different = results.metric(best, "seen_different_distance");
    let margin = results.margin(best).unwrap_or_default();
    let same = results.difference("seen_same_distance", best, UNTRAINED);
    let handout = results.difference("seen_eer", best, reference);
    checks.extend([
        Check {
            name: "seen digits: embeddings before training are random".to_owned(),
            expected: format!("EER {:.0} ± {:.0} %", 50.0, 100.0 * TOLERANCE),
            measured: spread(before, Format::Percent),
            holds: (before.mean - 0.5).abs() <= TOLERANCE,
        },
        Check {
            name: "seen digits: training pulls same pairs together".to_owned(),
            expected: "smaller mean distance, p < 0.05".to_owned(),
            measured: distance_change(same),
            holds: same.is_loss(),
        },
        Check {
            name: "seen digits: different pairs end a margin apart".to_owned(),
            expected: format!("mean distance ≥ {margin}"),
            measured: spread(different, Format::Number(2)),
            holds: different.mean >= margin,
        },
        Check {
            name: format!(
                "seen digits: margin {}, the handout's or the nearest to it, is as good as the chosen {}",
                results.margin(reference).unwrap_or_default(),
                margin
            ),
            expected: "the margin chosen on validation isn't better".to_owned(),
            measured: tested(handout.mean, handout.test),
            holds: !handout.is_loss(),
        },
    ]);
    checks
}

/// A difference of distances with what the test says of it.
fn distance_change(difference: Difference) -> String {
    let size = difference.mean.abs();
    let sign = if difference.mean < 0.0 { '−' } else { '+' };
    format!("{sign}{size:.2} ({})", crate::experiments::common::verdict(difference.test))
}

fn headline(results: &Results, held_out: &str) -> String {
    let best = results.best;
    let eer = |method: Method, metric: &str| percent(results.mean(method, metric));
    let verdict = |metric: &str| {
        let [untrained, pixels] = [UNTRAINED, Method::Pixels].map(|other| results.difference(metric, best, other));
        match (untrained.is_loss(), pixels.is_loss()) {
            (true, true) => "significantly better than both",
            (true, false) if pixels.is_gain() => "better than the former, worse than the latter",
            (true, false) => "significantly better than the former only",
            (false, true) if untrained.is_gain() => "worse than the former, better than the latter",
            (false, true) => "significantly better than the latter only",
            (false, false) => "significantly better than neither",
        }
    };
    let line = |metric: &str| {
        format!(
            "{} of pairs wrong at equal error (before training {}, by pixels {}: {})",
            eer(best, metric),
            eer(UNTRAINED, metric),
            eer(Method::Pixels, metric),
            verdict(metric)
        )
    };
    format!(
        "Pairs of digits it was trained on: {}. Pairs of the digits {held_out}, never trained on: {}.",
        line("seen_eer"),
        line("held_out_eer")
    )
}

const fn share(metric: &'static str, heading: &'static str, better: Better) -> Column {
    Column { metric, heading, format: Format::Percent, better: Some(better) }
}

const fn distance(metric: &'static str, heading: &'static str) -> Column {
    Column { metric, heading, format: Format::Number(2), better: None }
}

/// Task 6.
fn verification(results: &Results, set: &ImageSet, held_out: &str) -> Section {
    let Results { settings, best, best_raw, .. } = *results;
    let methods = [Method::Pixels, UNTRAINED, Method::Untrained { normalise: false }, best_raw, best];
    let scores = table(
        "Are two images of the same digit?",
        &format!(
            "Test pairs, mean ± standard deviation over {} seeds; the best mean of a column is bold. EER: equal error rate, \
             where as many different pairs are accepted as same ones are rejected; 50 % is chance. Accuracy: at the threshold that is best on validation \
             pairs of seen digits. TAR at FAR 1 %: share of same pairs accepted where 1 % of the different ones are. AUROC: \
             area under the ROC curve.",
            results.trials(best).len()
        ),
        "Method",
        &methods.map(|method| results.row(method)),
        &[
            share("seen_eer", "EER, seen", Better::Lower),
            share("seen_accuracy", "Accuracy, seen", Better::Higher),
            share("seen_tar_at_far_1", "TAR at FAR 1 %, seen", Better::Higher),
            share("held_out_eer", "EER, held out", Better::Lower),
            share("held_out_accuracy", "Accuracy, held out", Better::Higher),
            share("held_out_tar_at_far_1", "TAR at FAR 1 %, held out", Better::Higher),
            share("seen_auroc", "AUROC, seen", Better::Higher),
            share("held_out_auroc", "AUROC, held out", Better::Higher),
        ],
    );
    Section {
        title: "Verification".to_owned(),
        text: vec![
            format!(
                "Data: {}. The digits {held_out} are taken out of training and validation. No image is in two parts, so no \
                 pair is either. Pairs for training are drawn afresh in each epoch, half of them of the same digit: every image of a batch of {} gets \
                 a partner of its digit and one of another.",
                set.origin, settings.batch
            ),
            format!(
                "For each seed, {} test pairs of seen digits and as many of held-out ones are drawn, half of them of the \
                 same digit; all methods get the same pairs. The margins are chosen on validation pairs: {} for normalised, {} for raw embeddings; how \
                 many images the presets have, and which margins they list, was settled with test results in view. \
                 Mind that different held-out pairs can only mix {held_out}: whether these are easy to tell apart is a \
                 matter of these digits, so compare methods within a column, and not seen with held out.",
                settings.pairs,
                results.margin(best).unwrap_or_default(),
                results.margin(best_raw).unwrap_or_default(),
            ),
        ],
        tables: vec![scores, differences(results)],
        figures: vec![figures::roc(results, Part::Seen), figures::roc(results, Part::HeldOut)],
    }
}

/// The trained network minus its competitors, with the verdict of the test.
fn differences(results: &Results) -> Table {
    let best = results.best;
    let row = |other: Method| {
        let cells = COMPARED.map(|(metric, _)| {
            let difference = results.difference(metric, best, other);
            let is_significant = difference.is_significant();
            let margin = difference.test.map_or(String::new(), |test| format!(" ± {:.1}", 100.0 * test.margin));
            let star = if is_significant { " *" } else { "" };
            Cell { text: format!("{}{margin}{star}", signed(difference.mean)), strong: is_significant }
        });
        std::iter::once(Cell::from(format!("minus {other}"))).chain(cells).collect()
    };
    Table {
        title: format!("How “{best}” differs from the others"),
        caption:
            "Differences in percentage points with their 95 % confidence interval, paired by seed. Bold with a star: \
                  p < 0.05 in a paired t-test. Anything else is no significant difference."
                .to_owned(),
        columns: std::iter::once("Difference").chain(COMPARED.map(|(_, name)| name)).map(str::to_owned).collect(),
        rows: [Method::Pixels, UNTRAINED, results.best_raw].map(row).to_vec(),
    }
}

fn distances(results: &Results) -> Section {
    let best = results.best;
    let margin = results.margin(best);
    Section {
        title: "Distances against the margin".to_owned(),
        text: vec![
            "The loss pulls same pairs to distance 0 and pushes different ones to the margin, and no further. All embeddings \
             here have length 1, so before and after share an axis."
                .to_owned(),
        ],
        tables: vec![table(
            "Mean distances of test pairs",
            "Mean ± standard deviation over the seeds. Threshold: the distance that is best on validation pairs. The last \
             two columns are the distances at which the equal error rate is reached on the test pairs themselves: a threshold that fits seen digits need not fit held-out ones.",
            "Method",
            &[UNTRAINED, best].map(|method| results.row(method)),
            &[
                distance("seen_same_distance", "Same, seen"),
                distance("seen_different_distance", "Different, seen"),
                distance("held_out_same_distance", "Same, held out"),
                distance("held_out_different_distance", "Different, held out"),
                distance("threshold", "Threshold"),
                distance("seen_eer_threshold", "At EER, seen"),
                distance("held_out_eer_threshold", "At EER, held out"),
            ],
        )],
        figures: vec![
            figures::histogram(results, UNTRAINED, Part::Seen, "before training", margin),
            figures::histogram(results, best, Part::Seen, "after training", margin),
            figures::histogram(results, UNTRAINED, Part::HeldOut, "before training", margin),
            figures::histogram(results, best, Part::HeldOut, "after training", margin),
        ],
    }
}

fn margins(results: &Results) -> Section {
    let rows =
        results.methods.iter().filter(|method| matches!(method, Method::Trained(_)) && **method != results.mixed_up);
    Section {
        title: "Margin, length and what is left to learn from".to_owned(),
        text: vec![
            "Normalised embeddings have length 1, so a distance is at most 2 and a margin means the same for every network. \
             Raw embeddings have the scale of their weights. A different pair beyond the margin costs nothing and teaches \
             nothing."
                .to_owned(),
        ],
        tables: vec![table(
            "Margins",
            "Mean ± standard deviation over the seeds. The margin is chosen by the first column. Beyond: share of different \
             validation pairs that are a margin apart and send no gradient, before and after training.",
            "Method",
            &rows.map(|method| results.row(*method)).collect::<Vec<_>>(),
            &[
                share("valid_eer", "EER, validation", Better::Lower),
                share("seen_eer", "EER, seen", Better::Lower),
                share("held_out_eer", "EER, held out", Better::Lower),
                Column { better: None, ..share("beyond_before", "Beyond, before", Better::Lower) },
                Column { better: None, ..share("beyond_after", "Beyond, after", Better::Lower) },
                distance("threshold", "Threshold"),
            ],
        )],
        figures: vec![figures::sweep(results), figures::beyond(results), figures::losses(results)],
    }
}

fn labels(results: &Results) -> Section {
    let Results { reference, mixed_up, .. } = *results;
    Section {
        title: "The label the wrong way round".to_owned(),
        text: vec![
            "The handout writes L = (1 − y) · ½D² + y · ½ max(0, m − D)² and says that y is 1 for similar pairs. By the \
             formula it is the other way round: the term with y pushes apart. Its own explanation below the formula pulls \
             pairs with y = 1 together. Papers have 0 for similar, much code has 1, and no error tells where the \
             two meet."
                .to_owned(),
            "Here the same network is trained on the same pairs with labels of which 1 means the same digit, read once \
             by `similar_where_one` and once by `similar_where_zero`."
                .to_owned(),
        ],
        tables: vec![table(
            "Labels read rightly and wrongly",
            "Test pairs of seen digits, mean ± standard deviation over the seeds. An AUROC below 50 % is worse than \
             guessing: different pairs are then closer than same ones.",
            "Method",
            &[UNTRAINED, reference, mixed_up].map(|method| results.row(method)),
            &[
                share("seen_eer", "EER", Better::Lower),
                share("seen_accuracy", "Accuracy", Better::Higher),
                share("seen_auroc", "AUROC", Better::Higher),
                distance("seen_same_distance", "Distance, same"),
                distance("seen_different_distance", "Distance, different"),
            ],
        )],
        figures: vec![figures::histogram(
            results,
            mixed_up,
            Part::Seen,
            "after training with mixed-up labels",
            results.margin(mixed_up),
        )],
    }
}
