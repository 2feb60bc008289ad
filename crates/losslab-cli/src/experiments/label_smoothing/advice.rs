//! What follows from a run: how to choose, what to do, how far to trust it.

use super::{
    Recipe,
    lessons::{best_on_validation, lesson},
    results::{Method, Results},
};
use crate::{
    experiments::common::{ByMethod, Difference, spread, verdict},
    outcome::{Format, Lesson},
    statistics::LEVEL,
    wording::{list, points},
};
use losslab::SmoothingConvention;

/// Differences that the table of differences has for a method.
const COMPARED: usize = 4;

/// How to choose ε, and what ε means.
pub fn choice(results: &Results) -> Lesson {
    let classes = results.data.classes();
    let nll = |smoothing: &f64| {
        let metric = results.metric(Method::smoothed(*smoothing), "valid_nll");
        format!("{} with ε = {smoothing}", spread(metric, Format::Number(3)))
    };
    let mut points = vec![format!(
        "NLL on the validation part: {}.",
        list(&results.settings.smoothing.iter().map(nll).collect::<Vec<_>>())
    )];
    points.extend(results.settings.others.iter().map(|smoothing| {
        let recipe = Recipe { smoothing: *smoothing, convention: SmoothingConvention::Others };
        let others = Method { recipe, is_scaled: false };
        let same = results.settings.smoothing.contains(smoothing).then(|| {
            let difference = results.difference("confidence", others, Method::smoothed(*smoothing));
            format!(
                "; trained with that number in both, the second is less confident on the test part by {}",
                less(difference)
            )
        });
        format!(
            "ε/(K−1) with ε = {smoothing} is ε/K with ε = {:.4}{}.",
            recipe.converted(classes).smoothing,
            same.unwrap_or_default()
        )
    }));
    lesson(
        "Which ε, in which convention",
        "ε is chosen on validation data like any other number. With K classes the two conventions differ by a factor of \
         K/(K−1): much for two classes, nothing for a thousand.",
        points,
        format!("The lowest mean is that of ε = {}; the usual advice is 0.1.", best_on_validation(results)),
    )
}

/// A difference of shares, turned round.
fn less(difference: Difference) -> String {
    format!("{} ({})", points(-difference.mean), verdict(difference.test))
}

/// What follows for the next network.
pub fn practice(results: &Results) -> Lesson {
    let smoothed = results.reference();
    let name = format!("ε = {}", results.settings.reference());
    let ece = results.difference("ece", smoothed, Method::SCALED);
    let together = results.difference("nll", smoothed.scaled(), Method::SCALED);
    let accuracy = results.difference("accuracy", smoothed, Method::PLAIN);
    let probabilities = if ece.is_loss() {
        format!(
            "Where probabilities matter, {name} beats temperature scaling here; scaling costs a minute, so try both."
        )
    } else if ece.is_gain() {
        format!("Where probabilities matter, scale by a temperature: {name} alone is worse.")
    } else {
        format!(
            "Where probabilities matter, scale by a temperature first: it costs a minute, and {name} is no better beyond chance."
        )
    };
    let training = if accuracy.is_gain() || together.is_loss() {
        format!(
            "{name} earns its place as a regulariser: it improves accuracy or, with scaling on top, the likelihood."
        )
    } else if accuracy.is_loss() || together.is_gain() {
        format!("As a regulariser {name} costs more than it gives here.")
    } else {
        format!("As a regulariser {name} gives nothing beyond chance here.")
    };
    let order = if results.metric(smoothed, "best_temperature").mean < 1.0 {
        format!(
            "Having trained with {name}, fit a temperature all the same: it comes out at {:.2}, because the network is not sure enough.",
            results.mean(smoothed, "best_temperature")
        )
    } else {
        format!(
            "Having trained with {name}, fit a temperature all the same: it comes out at {:.2}, so smoothing did not do all the work.",
            results.mean(smoothed, "best_temperature")
        )
    };
    lesson(
        "What to do in practice",
        "By the numbers of this run:",
        vec![probabilities, training, order],
        "Fit the temperature on data that nothing was trained on, and choose ε there too. Smooth no teacher whose \
         probabilities another network is to learn from.",
    )
}

/// What these numbers can't say.
pub fn trust(results: &Results) -> Lesson {
    let seeds = results.seeds.len();
    let tests = (results.methods().count() - 1) * COMPARED;
    let test = results.data.parts(results.seeds[0]).test.len();
    lesson(
        "How far to trust these numbers",
        format!(
            "A seed draws the training and validation images, the first weights and the order of the batches; all methods \
             share them, which is why differences are tested in pairs. {seeds} seeds see large differences only: “no \
             significant difference” is not “no difference”."
        ),
        vec![
            format!(
                "{test} test images, the same for all seeds: one of them moves accuracy by {:.2} points.",
                100.0 / test as f64
            ),
            format!(
                "Of the {tests} differences in the table about {:.0} would look significant by chance alone.",
                tests as f64 * LEVEL
            ),
        ],
        "Temperatures and the choice of ε come from the validation part. How many images and epochs the presets have was \
         settled with test results in view; all methods share them.",
    )
}
