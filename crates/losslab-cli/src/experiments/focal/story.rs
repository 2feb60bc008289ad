//! What a run of exercise 1 says: checks against the handout, tables, and the result in a sentence.

use super::{
    Settings, figures, lessons,
    results::{CROSS_ENTROPY, Results, TUNED, WEIGHTED, focal_name, reference, title},
    settings::Criterion,
};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::{Cell, Check, Section, Story, Table},
    wording::{list, mean_and_spread, p_value, percent, signed, tested},
};

/// Metrics of the tables: key, heading.
const COLUMNS: [(&str, &str); 8] = [
    ("common_accuracy", "Common class"),
    ("recall", "Rare class"),
    ("precision", "Precision"),
    ("f1", "F1"),
    ("auprc", "AUPRC"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("recall_at_95_common", "Recall at 95 % common"),
    ("accuracy", "Accuracy"),
];

/// Metrics in which focal loss is compared with its competitors.
const COMPARED: [(&str, &str); 5] = [
    ("recall", "Recall"),
    ("precision", "Precision"),
    ("f1", "F1"),
    ("auprc", "AUPRC"),
    ("balanced_accuracy", "Balanced accuracy"),
];

/// Differences that the report shows for a data set: each metric for each of the four competitors.
pub const COMPARISONS: usize = 4 * COMPARED.len();

/// How far a measured share may be from the handout's and still agree with it.
const TOLERANCE: f64 = 0.05;

/// The checks and the story of a run.
pub fn tell(settings: &Settings, results: &[Results]) -> (Vec<Check>, Story) {
    let checks: Vec<Check> = results.iter().flat_map(|results| checks(results, settings)).collect();
    let loss = Section {
        title: "The loss".to_owned(),
        text: vec![
            "Focal loss multiplies the cross-entropy of an example by (1 − p_t)^γ, where p_t is the probability that \
             the network gives the true class, and by α for the rare class or 1 − α for the common one. γ decides how \
             fast an example loses its say once it is right; α shifts the balance between the classes."
                .to_owned(),
        ],
        tables: Vec::new(),
        figures: vec![figures::focal_curves(settings)],
    };
    let sets = results.iter().map(|results| section(results, settings));
    let story = Story {
        number: 1,
        title: "Focal loss for imbalanced data".to_owned(),
        question: format!(
            "When one class is rare, cross-entropy is said to give it up and focal loss to rescue it. Here the same \
             network is trained with cross-entropy, weighted cross-entropy and focal loss (γ = {}) on the same batches \
             from the same first weights. A fourth competitor needs no new loss: the cross-entropy network with its \
             decision threshold tuned on the validation part.",
            list(&settings.gamma.iter().map(ToString::to_string).collect::<Vec<_>>())
        ),
        notice: Vec::new(),
        headline: results
            .iter()
            .find(|r| r.set.is_digits())
            .or(results.first())
            .map_or(String::new(), |r| headline(r, settings)),
        check_rule: format!(
            "The handout expects of cross-entropy 99 % on the common and 20 % on the rare class, of focal loss (γ = 2) \
             95 % and 85 %. A share agrees when it is within {:.0} points of that. “More” and “better” need a paired \
             t-test over the seeds with p < 0.05.",
            100.0 * TOLERANCE
        ),
        sections: sets.chain([loss]).collect(),
        lessons: lessons::learn(settings, results),
    };
    (checks, story)
}

fn checks(results: &Results, settings: &Settings) -> Vec<Check> {
    let focal = reference(settings);
    let key = &results.set.key;
    let share = |method: &str, metric: &str, class: &str, expected: f64| {
        let measured = results.metric(method, metric);
        Check {
            name: format!("{key}: {}, {class} class", title(method)),
            expected: format!("{:.0} %", 100.0 * expected),
            measured: format!("{} %", mean_and_spread(measured)),
            holds: (measured.mean - expected).abs() <= TOLERANCE,
        }
    };
    let gain = |name: String, expected: &str, difference: Difference| Check {
        name: format!("{key}: {name}"),
        expected: format!("{expected}, p < 0.05"),
        measured: tested(difference.mean, difference.test),
        holds: difference.is_gain(),
    };
    let criterion = criterion_key(settings);
    vec![
        share(CROSS_ENTROPY, "common_accuracy", "common", 0.99),
        share(CROSS_ENTROPY, "recall", "rare", 0.20),
        share(&focal, "common_accuracy", "common", 0.95),
        share(&focal, "recall", "rare", 0.85),
        gain(
            format!("{} against cross-entropy, recall of the rare class", title(&focal)),
            "more",
            results.difference("recall", &focal, CROSS_ENTROPY),
        ),
        gain(
            format!("{} against the tuned threshold, {}", title(&focal), settings.criterion.title()),
            "better",
            results.difference(criterion, &focal, TUNED),
        ),
    ]
}

/// The metric that the criterion is called in rows.
pub fn criterion_key(settings: &Settings) -> &'static str {
    match settings.criterion {
        Criterion::F1 => "f1",
        Criterion::BalancedAccuracy => "balanced_accuracy",
    }
}

fn headline(results: &Results, settings: &Settings) -> String {
    let focal = reference(settings);
    let recall = |method: &str| percent(results.mean(method, "recall"));
    let (found, before) = (recall(&focal), recall(CROSS_ENTROPY));
    let gain = results.difference("recall", &focal, CROSS_ENTROPY);
    let chance = gain.test.map_or("one seed".to_owned(), |test| p_value(test.p));
    let first = match (gain.is_significant(), gain.mean > 0.0) {
        (true, true) => format!("finds {found} of the rare class where cross-entropy finds {before} ({chance})"),
        (true, false) => format!("finds only {found} of the rare class where cross-entropy finds {before} ({chance})"),
        (false, _) => {
            format!("finds {found} of the rare class and cross-entropy {before}: no significant difference ({chance})")
        }
    };
    let criterion = criterion_key(settings);
    let name = settings.criterion.title();
    let rival = results.difference(criterion, &focal, TUNED);
    let score = |method: &str| percent(results.mean(method, criterion));
    let scores = format!("{name} {} against {}", score(TUNED), score(&focal));
    let second = match (rival.is_significant(), rival.mean > 0.0) {
        (true, true) => format!("; it also beats cross-entropy with a tuned threshold ({scores})"),
        (true, false) => format!("; cross-entropy with a tuned threshold does better still ({scores})"),
        (false, _) => format!(
            "; cross-entropy with a tuned threshold finds {} ({scores}: no significant difference)",
            recall(TUNED)
        ),
    };
    format!("{}: focal loss with γ = {} {first}{second}.", results.set.title, settings.reference_gamma())
}

fn section(results: &Results, settings: &Settings) -> Section {
    let share = percent(results.mean_of(|study| study.rare_share));
    let note = format!("Share of the rare class in the training part: {share}.");
    Section {
        title: results.set.title.clone(),
        text: vec![format!("{} {note}", results.set.about)],
        tables: vec![scores(results, settings), differences(results, settings)],
        figures: figures::of(results, settings),
    }
}

/// Every method with every metric; the best mean of a column stands out.
fn scores(results: &Results, settings: &Settings) -> Table {
    let methods: Vec<String> = [CROSS_ENTROPY, TUNED, WEIGHTED]
        .map(str::to_owned)
        .into_iter()
        .chain(settings.gamma.iter().map(|gamma| focal_name(*gamma)))
        .collect();
    let best = COLUMNS
        .map(|(metric, _)| methods.iter().map(|method| results.mean(method, metric)).fold(f64::NEG_INFINITY, f64::max));
    let row = |method: &String| {
        let numbers = COLUMNS.iter().zip(best).map(|((metric, _), best)| {
            let metric = results.metric(method, metric);
            Cell { text: mean_and_spread(metric), strong: metric.mean == best }
        });
        let row = results.rows.iter().find(|row| row.name.ends_with(&format!("/{method}")));
        let choice = |metric: &str| {
            let metric = row.and_then(|row| row.metric(metric));
            Cell::from(metric.map_or("–".to_owned(), |metric| format!("{:.2}", metric.mean)))
        };
        let name = Cell::from(title(method));
        std::iter::once(name).chain(numbers).chain([choice("alpha"), choice("threshold")]).collect()
    };
    let headings = COLUMNS.iter().map(|(_, heading)| *heading);
    Table {
        title: "Results on the test part".to_owned(),
        caption: format!(
            "Per cent, mean ± standard deviation over {} seeds; the best mean of a column is bold. The first two \
             columns are the accuracies on each class; that of the rare class is its recall. AUPRC: average precision. α and threshold are means over the seeds: α of \
             focal loss is chosen for each seed on the validation part by {}, that of weighted cross-entropy is one minus \
             the share of the rare class.",
            results.studies.len(),
            settings.criterion.title()
        ),
        columns: std::iter::once("Method").chain(headings).chain(["α", "Threshold"]).map(str::to_owned).collect(),
        rows: methods.iter().map(row).collect(),
    }
}

/// Focal loss minus its competitors, with the verdict of the test.
fn differences(results: &Results, settings: &Settings) -> Table {
    let focal = reference(settings);
    let competitors = [CROSS_ENTROPY.to_owned(), TUNED.to_owned(), WEIGHTED.to_owned(), focal_name(0.0)];
    let is_known =
        |method: &&String| **method != focal && (**method != focal_name(0.0) || settings.gamma.contains(&0.0));
    let row = |method: &String| {
        let cells = COMPARED.iter().map(|(metric, _)| {
            let difference = results.difference(metric, &focal, method);
            let margin = difference.test.map_or(String::new(), |test| format!(" ± {:.1}", 100.0 * test.margin));
            Cell {
                text: format!(
                    "{}{margin}{}",
                    signed(difference.mean),
                    if difference.is_significant() { " *" } else { "" }
                ),
                strong: difference.is_significant(),
            }
        });
        std::iter::once(Cell::from(format!("minus {}", title(method)))).chain(cells).collect()
    };
    Table {
        title: format!("How {} differs from the others", title(&focal)),
        caption: "Differences in percentage points with their 95 % confidence interval, paired by seed. Bold with a \
                  star: p < 0.05 in a paired t-test. Anything else is no significant difference."
            .to_owned(),
        columns: std::iter::once("Difference").chain(COMPARED.map(|(_, name)| name)).map(str::to_owned).collect(),
        rows: competitors.iter().filter(is_known).map(row).collect(),
    }
}
