//! What to learn from a run, written from its numbers.

use super::{
    checks::{EQUAL, IN_CONFLICT, change, change_with_scale, is_robust},
    methods::{Method, SCALE_BOUND, Task, Units, automatic},
    results::{Results, TUNED},
    settings::Settings,
    training::Material,
};
use crate::{
    experiments::common::{ByMethod, Difference, verdict},
    outcome::Lesson,
    statistics::LEVEL,
    wording::{list, percent, tested},
};

/// Gradients whose mean cosine is smaller than this are called almost perpendicular.
const PERPENDICULAR: f64 = 0.2;

/// The lessons of a run.
pub fn learn(settings: &Settings, results: &Results, material: &Material) -> Vec<Lesson> {
    vec![
        curve(settings, results),
        adaptive_or_tuned(settings, results),
        units(settings, results),
        conflict(results),
        price(settings, results),
        trust(settings, results, material),
    ]
}

fn lesson(title: &str, lead: String, points: Vec<String>, conclusion: String) -> Lesson {
    Lesson { title: title.to_owned(), lead, points, conclusion }
}

/// What the fixed weights buy, and what two networks would have got.
fn curve(settings: &Settings, results: &Results) -> Lesson {
    let fixed = settings.fixed();
    let [low, high] = [fixed[0], fixed[fixed.len() - 1]];
    let [small, large] = [low, high].map(|weight| Method::Fixed(weight).name());
    let mean = |name: &str, metric: &str| results.metric(name, metric).mean;
    let (accuracy, mse) = (results.difference("accuracy", &large, &small), results.difference("mse", &large, &small));
    let range = format!(
        "From a weight of {low} to one of {high}, accuracy goes from {} to {} ({}) and the squared error from {:.4} \
         to {:.4} ({}).",
        percent(mean(&small, "accuracy")),
        percent(mean(&large, "accuracy")),
        verdict(accuracy.test),
        mean(&small, "mse"),
        mean(&large, "mse"),
        verdict(mse.test)
    );
    let against = |task: Task, metric: &str| {
        let alone = results.row(&Method::Alone(task).name());
        Difference::of(results.metric(TUNED, metric), alone.metric(metric).expect("its own metric"))
    };
    let (classify, reconstruct) = (against(Task::Classify, "accuracy"), against(Task::Reconstruct, "mse"));
    let bound = format!(
        "The tuned weight (usually {}) against a network for each task: accuracy {}, squared error {} ({}).",
        results.usual_weight(),
        tested(classify.mean, classify.test),
        change(reconstruct.mean, 4),
        verdict(reconstruct.test)
    );
    let conclusion = match (accuracy.is_loss(), mse.is_loss()) {
        (true, true) => "One task pays for the other: a weight is a choice of a point on this curve, not a detail.",
        (false, true) if accuracy.is_gain() => {
            "Here the larger weight is better for both tasks: the reconstruction also teaches the classifier."
        }
        (false, true) => {
            "The reconstruction gains and the classification doesn't lose beyond chance: in this range the weight is \
             nearly free to choose, as long as the reconstruction gets enough of it."
        }
        (true, false) => {
            "The classification loses and the reconstruction doesn't gain beyond chance: small weights do."
        }
        (false, false) => "Neither change is beyond chance: in this range the weight hardly matters.",
    };
    let shared = match (classify.is_loss(), reconstruct.is_gain()) {
        (false, false) => " Sharing the encoder costs neither task anything beyond chance.",
        (true, true) => " Sharing the encoder costs both tasks something.",
        (true, false) => {
            " Sharing the encoder costs the classification something, and the reconstruction nothing beyond chance."
        }
        (false, true) => {
            " Sharing the encoder costs the reconstruction something, and the classification nothing beyond chance."
        }
    };
    lesson(
        "A weight is a point on a curve",
        "What fixed weights reach:".to_owned(),
        vec![range, bound],
        conclusion.to_owned() + shared,
    )
}

/// Is anything that finds its weights by itself better than one weight, tuned?
fn adaptive_or_tuned(settings: &Settings, results: &Results) -> Lesson {
    let methods = automatic(settings);
    let judged: Vec<(String, Difference)> = methods
        .iter()
        .map(|method| (method.name(), results.difference("joint_error", &method.name(), TUNED)))
        .collect();
    let points = judged
        .iter()
        .map(|(name, difference)| {
            format!(
                "{name}: joint error {:.2}, {} against the tuned weight ({}).",
                results.metric(name, "joint_error").mean,
                change(difference.mean, 2),
                verdict(difference.test)
            )
        })
        .collect();
    let names = |holds: fn(Difference) -> bool| -> Vec<String> {
        judged.iter().filter(|(_, difference)| holds(*difference)).map(|(name, _)| name.clone()).collect()
    };
    let (better, worse) = (names(Difference::is_loss), names(Difference::is_gain));
    let strict = LEVEL / judged.len() as f64;
    let lasting: Vec<String> = judged
        .iter()
        .filter(|(_, difference)| difference.is_loss() && difference.test.is_some_and(|test| test.p < strict))
        .map(|(name, _)| name.clone())
        .collect();
    let won = match (better.is_empty(), lasting.is_empty()) {
        (true, _) => "None is better than the tuned weight beyond chance".to_owned(),
        (false, true) => format!(
            "Better at p < {LEVEL}: {}; but not at p < {strict:.3}, which {} comparisons ask for",
            list(&better),
            judged.len()
        ),
        (false, false) => {
            format!("Better, also at the p < {strict:.3} that {} comparisons ask for: {}", judged.len(), list(&lasting))
        }
    };
    let lost = if worse.is_empty() { String::new() } else { format!("; worse: {}", list(&worse)) };
    let literature = if lasting.is_empty() {
        "That is what Kurin et al. (2022) and Xin et al. (2022) found: a weighted sum that is tuned with the same \
         care matches the methods that were made to replace it. What these save is the tuning."
    } else {
        "Kurin et al. (2022) and Xin et al. (2022) found that a tuned weighted sum matches such methods. Here it \
         doesn't; a finer grid of fixed weights would be the first thing to try."
    };
    lesson(
        "Adaptive weights against one tuned weight",
        "Each method that needs no weight by hand, at its default settings, losses as they are:".to_owned(),
        points,
        format!("{won}{lost}. {literature}"),
    )
}

/// Who suffers when a loss is written in other units.
fn units(settings: &Settings, results: &Results) -> Lesson {
    let scaled = Units::Times(settings.scale);
    let names: Vec<String> =
        std::iter::once(EQUAL.to_owned()).chain(automatic(settings).into_iter().map(Method::name)).collect();
    let (robust, bound): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| is_robust(name, settings, results));
    let changes = |names: &[String]| {
        let one = |name: &String| {
            let [wrong, squares] = change_with_scale(name, settings, results);
            format!("{name} (× {wrong:.2} and × {squares:.2})")
        };
        if names.is_empty() { "none".to_owned() } else { list(&names.iter().map(one).collect::<Vec<_>>()) }
    };
    let joint = |method: Method| {
        let of = |units| results.metric_in(units, &method.name(), "joint_error").mean;
        format!("{} {:.2} instead of {:.2}", method.name(), of(Units::Normalised), of(Units::Plain))
    };
    let equal = |units: Units| {
        let mean = |metric| results.metric_in(units, EQUAL, metric).mean;
        format!("{} right and a squared error of {:.4}", percent(mean("accuracy")), mean("mse"))
    };
    lesson(
        "Equal weights are not neutral",
        format!(
            "What multiplying the reconstruction loss by {} does to the share of wrong classes and to the squared \
             error:",
            settings.scale
        ),
        vec![
            format!("Change little: {}.", changes(&robust)),
            format!("Follow the units: {}.", changes(&bound)),
            format!("Joint error on normalised losses: {}.", list(&SCALE_BOUND.map(joint))),
        ],
        format!(
            "Equal weights give {} with the losses as they are, and {} with the factor: what “equal” means is \
             decided by the units. {}",
            equal(Units::Plain),
            equal(scaled),
            why(&bound)
        ),
    )
}

/// Why units reach some methods, `bound` being those that mind.
fn why(bound: &[String]) -> String {
    let starts_at_one = |name: &&String| name.starts_with("uncertainty") || name.as_str() == Method::GradNorm.name();
    let late: Vec<String> = bound.iter().filter(starts_at_one).cloned().collect();
    let rule = "Dividing by the first losses takes the units out at once; what looks at the pace of the losses or at \
                the angle of the gradients inherits them.";
    match late.as_slice() {
        [] => format!(
            "{rule} Weights that are learned from the size of the losses or of their gradients come to terms with \
             any units."
        ),
        late => format!(
            "{rule} Weights that are learned from the size of the losses or of their gradients forget the units in \
             the end, but they start at 1 and need time: here it was too short for {}.",
            list(late)
        ),
    }
}

/// Lengths, angles, and what gradient surgery had to mend.
fn conflict(results: &Results) -> Lesson {
    let metric = |name: &str, metric: &str| results.metric(name, metric).mean;
    let lengths = format!(
        "With equal weights the classification's gradient is {:.0} times as long as the reconstruction's, which \
         steers {} of the encoder's step.",
        metric(EQUAL, "length_ratio"),
        percent(metric(EQUAL, "reconstruction_share"))
    );
    let angle = |name: &str| {
        format!(
            "{name}: cosine {}, below 0 in {} of the steps",
            change(metric(name, "cosine"), 2),
            percent(metric(name, "conflicts"))
        )
    };
    let surgery = [Method::PcGrad, Method::CaGrad, Method::Mgda].map(Method::name).map(|name| {
        let difference = results.difference("joint_error", &name, EQUAL);
        format!(
            "{name} minus equal weights, which it starts from: joint error {} ({})",
            change(difference.mean, 2),
            verdict(difference.test)
        )
    });
    let (share, cosine) = (metric(TUNED, "conflicts"), metric(TUNED, "cosine"));
    let often = format!("With the tuned weight the gradients conflict in {} of the steps", percent(share));
    let conclusion = match (share < IN_CONFLICT, cosine.abs() < PERPENDICULAR) {
        (true, _) => format!("{often}: there is little to mend."),
        (false, true) => format!(
            "{often}, but on average they are almost perpendicular: taking out the part that conflicts leaves both \
             much as they were. What differs is their length, and that is what a weight changes."
        ),
        (false, false) => format!("{often}, and are not perpendicular: there is something to mend."),
    };
    lesson(
        "Conflict is about direction, neglect about length",
        "In the shared parameters:".to_owned(),
        vec![lengths, format!("{}. {}.", angle(EQUAL), angle(TUNED)), format!("{}.", surgery.join("; "))],
        conclusion,
    )
}

/// What each method costs.
fn price(settings: &Settings, results: &Results) -> Lesson {
    let grid = settings.fixed().len();
    let gradients: Vec<String> =
        automatic(settings).into_iter().filter(|method| method.needs_gradients()).map(Method::name).collect();
    let losses: Vec<String> =
        automatic(settings).into_iter().filter(|method| !method.needs_gradients()).map(Method::name).collect();
    let normalised = results.difference("joint_error", &Method::Normalised.name(), TUNED);
    lesson(
        "What it costs",
        "Passes forwards and backwards, counted, not timed:".to_owned(),
        vec![
            format!("1 for a step, one training: {}.", list(&losses)),
            format!("2 for a step (one for each task), one training: {}.", list(&gradients)),
            format!("1 for a step, {grid} trainings to find it: the tuned weight."),
        ],
        format!(
            "The cheapest of all, dividing each loss by its first value, has a joint error {} against the tuned \
             weight ({}): {}.",
            change(normalised.mean, 2),
            verdict(normalised.test),
            if normalised.is_gain() {
                "a start, not the end"
            } else {
                "start there, and tune one weight from it if the balance isn't what you want"
            }
        ),
    )
}

fn trust(settings: &Settings, results: &Results, material: &Material) -> Lesson {
    let test = material.parts.test.len();
    let compared = 3 * (automatic(settings).len() + 1);
    lesson(
        "How far to trust these numbers",
        "A seed draws the images, the first weights and the order of the batches; all methods share them, which is why \
         differences are tested in pairs:"
            .to_owned(),
        vec![
            format!(
                "{} seeds; one of {test} test images moves the accuracy by {:.2} points.",
                results.seeds(),
                100.0 / test as f64
            ),
            format!(
                "Of the {compared} differences in the table about {:.0} would look significant by chance alone.",
                (compared as f64 * LEVEL).max(1.0)
            ),
            "The adaptive methods run at default settings, the fixed weight is tuned: a method that was tuned as \
             well could do better."
                .to_owned(),
        ],
        "Only the fixed weight is chosen, on the validation part. How much a classification error counts against a \
         squared error is itself a choice: the joint error takes their ratios to single networks as equally \
         important."
            .to_owned(),
    )
}
