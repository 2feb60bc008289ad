//! What a run of exercise 4 says: checks against the handout, tables, and the result in a sentence.

use super::{
    Recipe, figures, lessons,
    results::{Method, Results},
};
use crate::{
    experiments::common::{self, Better, ByMethod, Column, Difference, verdict},
    outcome::{Cell, Check, Format, Row, Section, Story, Table},
    wording::{list, percent, points, significant, tested},
};

/// How far the confidence on the training images may be from what the loss asks for.
const NEAR: f64 = 0.03;
/// How far two computations of one number in f32 may be apart.
const ROUNDING: f64 = 1e-5;
/// The ε from which a network is expected to be underconfident.
const LARGE: f64 = 0.2;

/// The checks and the story of a run.
pub fn tell(results: &Results) -> (Vec<Check>, Story) {
    let smoothing: Vec<String> = results.settings.smoothing.iter().map(ToString::to_string).collect();
    let story = Story {
        number: 4,
        title: "Label smoothing".to_owned(),
        question: format!(
            "Hard labels are said to make a network overconfident, and smoothed ones to cure it. The same small residual \
             network is trained with ε = {} on the same batches from the same first weights. The rival needs no training: \
             the logits of the network with ε = 0, divided by one temperature that suits the validation part.",
            list(&smoothing)
        ),
        notice: notice(results),
        headline: headline(results),
        check_rule: format!(
            "“Lower”, “higher” and “below” need a paired t-test over the seeds with p < 0.05; what “does not suffer” or is \
             “not worse” must not be significantly worse. The calibration error is the expected one in 15 bins of equal \
             width; “near” is within {:.0} points.",
            100.0 * NEAR
        ),
        sections: vec![main_section(results), cluster_section(results), loss_section(results)],
        lessons: lessons::learn(results),
    };
    (checks(results), story)
}

fn notice(results: &Results) -> Vec<String> {
    let mut notice: Vec<String> = results.data.notice.clone().into_iter().collect();
    let unscalable = results.unscalable();
    if unscalable > 0 {
        notice.push(format!(
            "{unscalable} of the {} networks have no best temperature: such a network has the whole validation part \
             right, or knows nothing of it. They are left at 1.",
            results.rows.len() / 2 * results.seeds.len()
        ));
    }
    notice
}

fn checks(results: &Results) -> Vec<Check> {
    let (plain, rescued, smoothed) = (Method::PLAIN, Method::SCALED, results.reference());
    let name = smoothed.title();
    let check =
        |name: String, expected: String, measured: String, holds: bool| Check { name, expected, measured, holds };
    let difference = |name: String, expected: &str, difference: Difference, holds: bool| {
        check(name, expected.to_owned(), tested(difference.mean, difference.test), holds)
    };
    let (gap, ece) = (results.gap(plain), results.difference("ece", smoothed, plain));
    let accuracy = results.difference("accuracy", smoothed, plain);
    let rival = results.difference("ece", rescued, smoothed);
    let both = results.difference("ece", smoothed.scaled(), rescued);
    let clusters = results.difference("cluster_ratio", smoothed, plain);
    let temperature = results.difference("best_temperature", smoothed, plain);
    let [asked, _] = smoothed.recipe.targets(results.data.classes());
    let trained = results.mean(smoothed, "trained_confidence");
    let identities = results.identities();
    let best = lessons::best_on_validation(results);
    let largest = Method::smoothed(results.settings.largest());

    let mut checks = vec![
        difference("ε = 0: confidence minus accuracy".into(), "above 0, p < 0.05", gap, gap.is_gain()),
        difference(format!("{name} against ε = 0, calibration error"), "lower, p < 0.05", ece, ece.is_loss()),
        difference(format!("{name} against ε = 0, accuracy"), "does not suffer", accuracy, !accuracy.is_loss()),
        difference(format!("{name} against ε = 0, accuracy"), "higher, p < 0.05", accuracy, accuracy.is_gain()),
        difference(
            format!("ε = 0 with temperature scaling against {name}, calibration error"),
            "not worse",
            rival,
            !rival.is_gain(),
        ),
        difference(
            format!("{name} with temperature scaling against ε = 0 with it, calibration error"),
            "no gain: not lower",
            both,
            !both.is_loss(),
        ),
        check(
            format!("{name}: the best temperature against that of ε = 0"),
            "lower, p < 0.05".into(),
            format!("{} ({})", lessons::signed(temperature.mean, 2), verdict(temperature.test)),
            temperature.is_loss(),
        ),
        check(
            format!("{name}: mean probability of the training labels"),
            format!("near {}", percent(asked)),
            percent(trained),
            (trained - asked).abs() <= NEAR,
        ),
        check(
            format!("{name} against ε = 0, distance within classes over that between them"),
            "lower, p < 0.05".into(),
            format!("{} ({})", lessons::signed(clusters.mean, 3), verdict(clusters.test)),
            clusters.is_loss(),
        ),
        check(
            format!("{name}: the ε with the lowest mean likelihood loss on the validation part"),
            format!("ε = {}", results.settings.reference()),
            format!("ε = {best}"),
            best == results.settings.reference(),
        ),
        check(
            "ε/K for all with ε, and ε/(K−1) for the others with ε(K−1)/K".into(),
            "the same loss and gradient".into(),
            apart(identities.conventions.max(identities.gradients)),
            identities.conventions.max(identities.gradients) < ROUNDING,
        ),
        check(
            "The loss is (1 − ε) H(y, p) + ε (D_KL(u ‖ p) + ln K)".into(),
            "equal".into(),
            apart(identities.parts),
            identities.parts < ROUNDING,
        ),
    ];
    if results.settings.largest() >= LARGE {
        let gap = results.gap(largest);
        let name = format!("{}: confidence minus accuracy", largest.title());
        checks.insert(2, difference(name, "below 0, p < 0.05", gap, gap.is_loss()));
    }
    checks
}

/// A relative difference, which may be 0.
fn apart(difference: f64) -> String {
    if difference == 0.0 {
        "no difference".to_owned()
    } else {
        format!("{} % apart at most", significant(100.0 * difference))
    }
}

fn headline(results: &Results) -> String {
    let (plain, rescued, smoothed) = (Method::PLAIN, Method::SCALED, results.reference());
    let ece = |method| percent(results.mean(method, "ece"));
    let gain = results.difference("ece", smoothed, plain);
    let rival = results.difference("ece", smoothed, rescued);
    let accuracy = results.difference("accuracy", smoothed, plain);
    format!(
        "{}: with ε = {} the calibration error is {} where cross-entropy has {} ({}); cross-entropy with temperature \
         scaling has {} ({}). Accuracy changes by {} ({}).",
        results.data.title,
        results.settings.reference(),
        ece(smoothed),
        ece(plain),
        verdict(gain.test),
        ece(rescued),
        verdict(rival.test),
        points(accuracy.mean),
        verdict(accuracy.test)
    )
}

const fn column(metric: &'static str, heading: &'static str, format: Format, better: Option<Better>) -> Column {
    Column { metric, heading, format, better }
}

const HIGHER: Option<Better> = Some(Better::Higher);
const LOWER: Option<Better> = Some(Better::Lower);

fn main_section(results: &Results) -> Section {
    let seeds = results.seeds.len();
    let rows = titled(results, results.methods());
    let rows: Vec<&Row> = rows.iter().collect();
    let main = common::table(
        "Results on the test part",
        &format!(
            "Mean ± standard deviation over {seeds} seeds; the best mean of a column is bold. “Scaled”: logits divided by \
             the temperature in its column, fitted for each seed on the validation part. Gap: mean confidence minus \
             accuracy, above 0 is overconfident. NLL: mean −ln p of the true class. “To the others”: ε/(K−1) for each class but the true one \
             in place of ε/K for every class."
        ),
        "Method",
        &rows,
        &[
            column("accuracy", "Accuracy", Format::Percent, HIGHER),
            column("ece", "Calibration error", Format::Percent, LOWER),
            column("gap", "Gap", Format::Percent, None),
            column("nll", "NLL (nats)", Format::Number(3), LOWER),
            column("temperature", "Temperature", Format::Number(2), None),
            column("brier", "Brier score", Format::Number(4), LOWER),
        ],
    );
    let more = common::table(
        "Confidence on the test part",
        "Calibration error with bins of equal counts, and what perfectly calibrated probabilities would have by chance \
         (bins of equal width). Confidence: the probability of the answer. Separation: how likely a right answer has more \
         confidence than a wrong one (area under the ROC curve; 50 % is no better than a coin).",
        "Method",
        &rows,
        &[
            column("ece_equal_mass", "Error, equal counts", Format::Percent, LOWER),
            column("ece_by_chance", "Error by chance", Format::Percent, None),
            column("confidence", "Confidence", Format::Percent, None),
            column("confidence_right", "… of right answers", Format::Percent, None),
            column("confidence_wrong", "… of wrong answers", Format::Percent, LOWER),
            column("error_auroc", "Separation", Format::Percent, HIGHER),
        ],
    );
    Section {
        title: results.data.title.clone(),
        text: vec![results.data.about.clone()],
        tables: vec![main, more, differences(results)],
        figures: figures::of_confidence(results),
    }
}

/// Rows with the names of the report.
fn titled(results: &Results, methods: impl Iterator<Item = Method>) -> Vec<Row> {
    methods.map(|method| Row { name: method.title(), metrics: results.row(method).metrics.clone() }).collect()
}

/// Every method minus cross-entropy, with the verdict of the test.
fn differences(results: &Results) -> Table {
    let metrics = [
        ("accuracy", "Accuracy", 100.0, 1),
        ("ece", "Calibration error", 100.0, 1),
        ("nll", "NLL (nats)", 1.0, 3),
        ("brier", "Brier score", 1.0, 4),
    ];
    let row = |method: Method| -> Vec<Cell> {
        let cell = |(metric, _, scale, decimals): (&str, &str, f64, usize)| {
            let difference = results.difference(metric, method, Method::PLAIN);
            let margin = difference.test.map_or(String::new(), |test| format!(" ± {:.decimals$}", scale * test.margin));
            let star = if difference.is_significant() { " *" } else { "" };
            Cell {
                text: format!("{:+.decimals$}{margin}{star}", scale * difference.mean).replace('-', "−"),
                strong: difference.is_significant(),
            }
        };
        std::iter::once(Cell::from(method.title())).chain(metrics.map(cell)).collect()
    };
    Table {
        title: "How the others differ from ε = 0 without scaling".to_owned(),
        caption: "Differences with their 95 % confidence interval, paired by seed; accuracy and calibration error in \
                  percentage points. Bold with a star: p < 0.05 in a paired t-test. Anything else is no significant \
                  difference."
            .to_owned(),
        columns: std::iter::once("Minus ε = 0")
            .chain(metrics.map(|(_, heading, ..)| heading))
            .map(str::to_owned)
            .collect(),
        rows: results.methods().filter(|method| *method != Method::PLAIN).map(row).collect(),
    }
}

fn cluster_section(results: &Results) -> Section {
    let rows = titled(results, results.methods().filter(|method| !method.is_scaled));
    let table = common::table(
        "How tight the classes are",
        "Mean Euclidean distance of two images of one class over that of two images of different classes, in the layer \
         before the logits (of the first 1,000 images of a part at most): 0 for classes that are points, 1 for none at \
         all. Last column: the mean probability that the network gives the labels it was trained with.",
        "Method",
        &rows.iter().collect::<Vec<_>>(),
        &[
            column("cluster_ratio", "Test images", Format::Number(3), LOWER),
            column("cluster_ratio_train", "Training images", Format::Number(3), LOWER),
            column("trained_confidence", "Probability of training labels", Format::Percent, None),
        ],
    );
    Section {
        title: "The layer before the logits".to_owned(),
        text: vec![
            "Smoothing asks all wrong classes for the same probability, so an image should be as far from every one of \
             them: Müller et al. 2019 see each class draw together. What two classes have in common is lost with it, by \
             which they explain that a smoothed network makes a poor teacher."
                .to_owned(),
        ],
        tables: vec![table],
        figures: figures::of_clusters(results),
    }
}

fn loss_section(results: &Results) -> Section {
    let classes = results.data.classes();
    let row = |recipe: Recipe| -> Vec<Cell> {
        let [right, wrong] = recipe.targets(classes);
        let same = recipe.converted(classes).smoothing;
        let title = Method { recipe, is_scaled: false }.title();
        [title, format!("{right:.4}"), format!("{wrong:.4}"), format!("{same:.4}")].map(Cell::from).into()
    };
    let identities = results.identities();
    Section {
        title: "The loss".to_owned(),
        text: vec![
            format!(
                "Two conventions share the name ε. The paper, PyTorch and this library by default take ε from the true class \
                 and give ε/K to all K classes, the true one among them; the handout's code gives ε/(K−1) to each of the \
                 others. They are one family: the first with ε is the second with ε(K−1)/K. On the test logits of the \
                 networks with ε = 0 both have, ε converted, the same loss ({}) and the same gradient ({}).",
                apart(identities.conventions),
                apart(identities.gradients)
            ),
            format!(
                "The handout calls the loss H(q, p) + D_KL(u ‖ p), a pull to equal probabilities u beside cross-entropy. With \
                 its weights it is (1 − ε) H(y, p) + ε (D_KL(u ‖ p) + ln K), y being the hard label: {}. Taken without \
                 weights, as it stands there, it would be smoothing with ε = 0.5.",
                apart(identities.parts).replace("no difference", "without a difference")
            ),
        ],
        tables: vec![Table {
            title: format!("What is asked of the network, K = {classes}"),
            caption: "Probabilities that have the lowest loss, and the ε that means the same in the other convention."
                .to_owned(),
            columns: ["Trained with", "True class", "Each other class", "Same as, in the other convention, ε"]
                .map(str::to_owned)
                .into(),
            rows: results.settings.recipes().into_iter().map(row).collect(),
        }],
        figures: Vec::new(),
    }
}
