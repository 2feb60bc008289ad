//! What to learn from a run, written from its numbers.

use super::{
    advice,
    results::{Method, Results},
};
use crate::{
    experiments::common::{ByMethod, Difference, spread, verdict},
    outcome::{Format, Lesson},
    wording::{list, percent, tested},
};

/// The lessons of a run.
pub fn learn(results: &Results) -> Vec<Lesson> {
    vec![
        confidence(results),
        calibration(results),
        rival(results),
        both(results),
        accuracy(results),
        clusters(results),
        separation(results),
        advice::choice(results),
        advice::practice(results),
        advice::trust(results),
    ]
}

/// The ε with the lowest mean NLL on the validation part.
pub fn best_on_validation(results: &Results) -> f64 {
    let nll = |smoothing: f64| results.mean(Method::smoothed(smoothing), "valid_nll");
    let all = results.settings.smoothing.iter().copied();
    all.min_by(|a, b| nll(*a).total_cmp(&nll(*b))).expect("a list is never empty")
}

/// A lesson.
pub fn lesson(title: &str, lead: impl Into<String>, points: Vec<String>, conclusion: impl Into<String>) -> Lesson {
    Lesson { title: title.to_owned(), lead: lead.into(), points, conclusion: conclusion.into() }
}

/// A point for each ε above 0.
fn for_smoothed(results: &Results, point: impl Fn(Method) -> String) -> Vec<String> {
    let smoothed = results.settings.smoothing.iter().filter(|smoothing| **smoothing > 0.0);
    smoothed.map(|smoothing| point(Method::smoothed(*smoothing))).collect()
}

/// The names of the methods for which `holds`.
fn named(methods: &[Method], holds: impl Fn(Method) -> bool) -> Vec<String> {
    methods.iter().filter(|method| holds(**method)).map(|method| method.title()).collect()
}

/// All networks as they are, those with the other convention too.
fn unscaled(results: &Results) -> Vec<Method> {
    results.methods().filter(|method| !method.is_scaled).collect()
}

/// A difference of likelihood losses, in words.
fn nats(difference: Difference) -> String {
    format!("{} nats ({})", signed(difference.mean, 3), verdict(difference.test))
}

/// A number with its sign.
pub fn signed(number: f64, decimals: usize) -> String {
    format!("{number:+.decimals$}").replace('-', "−")
}

fn share(difference: Difference) -> String {
    tested(difference.mean, difference.test)
}

fn confidence(results: &Results) -> Lesson {
    let all: Vec<Method> = results.settings.smoothing.iter().map(|smoothing| Method::smoothed(*smoothing)).collect();
    let point = |method: &Method| {
        let [asked, _] = method.recipe.targets(results.data.classes());
        format!(
            "{}: the loss asks for {}, the training labels get {}; on the test part confidence minus accuracy is {}.",
            method.title(),
            percent(asked),
            percent(results.mean(*method, "trained_confidence")),
            share(results.gap(*method))
        )
    };
    let sentence = |what: &str, names: Vec<String>| {
        if names.is_empty() { String::new() } else { format!("{what}: {}. ", list(&names)) }
    };
    let conclusion = sentence("Overconfident", named(&all, |method| results.gap(method).is_gain()))
        + &sentence("Underconfident", named(&all, |method| results.gap(method).is_loss()))
        + &sentence("No gap beyond chance", named(&all, |method| !results.gap(method).is_significant()))
        + "Smoothing sets how sure the network becomes of what it has learned by heart; how often it is right elsewhere \
           it does not know, so one ε fits one accuracy.";
    lesson(
        "Smoothing sets a confidence, it does not measure one",
        "A loss that asks for probability 1 drives the confidence on training images towards 1, and test images follow. \
         A loss that asks for less gets less:",
        all.iter().map(point).collect(),
        conclusion,
    )
}

fn calibration(results: &Results) -> Lesson {
    let gains = |method: Method| results.difference("ece", method, Method::PLAIN);
    let all = unscaled(results);
    let won = named(&all, |method| gains(method).is_loss());
    let lost = named(&all, |method| gains(method).is_gain());
    let mut conclusion = match (won.len(), lost.len()) {
        (0, 0) => "No difference in calibration error is beyond chance.".to_owned(),
        (_, 0) => format!("Better calibrated beyond chance: {}.", list(&won)),
        (0, _) => format!("Worse calibrated beyond chance: {}.", list(&lost)),
        _ => format!("Better calibrated beyond chance: {}; worse: {}.", list(&won), list(&lost)),
    };
    if !results.gap(Method::PLAIN).is_gain() {
        conclusion +=
            " Without smoothing the network is not overconfident beyond chance in this run: there was nothing to cure.";
    }
    conclusion += &format!(
        " No calibration error is 0: probabilities like those of ε = {} would have {} on this test part by chance even if \
         they were perfect.",
        results.settings.reference(),
        percent(results.mean(results.reference(), "ece_by_chance"))
    );
    lesson(
        "Is the smoothed network better calibrated?",
        format!(
            "Minus ε = 0, which has a calibration error of {}:",
            spread(results.metric(Method::PLAIN, "ece"), Format::Percent)
        ),
        for_smoothed(results, |method| {
            format!(
                "{}: calibration error {}, with bins of equal counts {}, NLL {}.",
                method.title(),
                share(gains(method)),
                share(results.difference("ece_equal_mass", method, Method::PLAIN)),
                nats(results.difference("nll", method, Method::PLAIN))
            )
        }),
        conclusion,
    )
}

fn rival(results: &Results) -> Lesson {
    let smoothed = results.reference();
    let minus = |metric| results.difference(metric, smoothed, Method::SCALED);
    let (ece, nll) = (minus("ece"), minus("nll"));
    let conclusion = match (ece.is_significant(), nll.is_significant()) {
        (false, false) => {
            "Neither is beyond chance: one number fitted afterwards does what training with smoothed labels does."
        }
        _ if ece.mean >= 0.0 && nll.mean >= 0.0 => {
            "The number fitted afterwards does better: it is fitted to how often this network is right, ε is not."
        }
        _ if ece.mean <= 0.0 && nll.mean <= 0.0 => {
            "Smoothing does better: it has changed what the network learned, and not only how sure it sounds."
        }
        _ => "They differ, in one measure for the better and in the other for the worse.",
    };
    lesson(
        "The honest rival: one number, fitted afterwards",
        format!(
            "Dividing the logits of the network with ε = 0 by {} brings its calibration error from {} to {} and its NLL from \
             {} to {}, without any new training and without changing one answer. ε = {} minus that:",
            spread(results.metric(Method::PLAIN, "best_temperature"), Format::Number(2)),
            percent(results.mean(Method::PLAIN, "ece")),
            percent(results.mean(Method::SCALED, "ece")),
            spread(results.metric(Method::PLAIN, "nll"), Format::Number(3)),
            spread(results.metric(Method::SCALED, "nll"), Format::Number(3)),
            results.settings.reference()
        ),
        vec![
            format!("calibration error {};", share(ece)),
            format!("NLL {};", nats(nll)),
            format!("accuracy {}.", share(minus("accuracy"))),
        ],
        conclusion,
    )
}

fn both(results: &Results) -> Lesson {
    let gain = |metric, method: Method| results.difference(metric, method.scaled(), Method::SCALED);
    let adds = for_smoothed(results, |method| {
        format!(
            "{}: wants the temperature {}; scaled by it, minus ε = 0 scaled: calibration error {}, NLL {}.",
            method.title(),
            spread(results.metric(method, "best_temperature"), Format::Number(2)),
            share(gain("ece", method)),
            nats(gain("nll", method))
        )
    });
    let smoothed = results.reference();
    let (ece, nll) = (gain("ece", smoothed), gain("nll", smoothed));
    let conclusion = match (nll.is_loss() || ece.is_loss(), nll.is_gain() || ece.is_gain()) {
        (true, false) => {
            "Here both together are better than scaling alone: smoothing has taught the network something that \
                          a temperature can't."
        }
        (false, true) => {
            "Both together are worse than scaling alone: what smoothing took from the logits, no temperature \
                          brings back."
        }
        (true, true) => "In one measure both together are better than scaling alone, in the other worse.",
        (false, false) => {
            "Both together are no better than scaling alone beyond chance: for calibration one of them is enough."
        }
    };
    lesson(
        "Smoothing and scaling do not simply add up",
        format!(
            "The network with ε = 0 wants the temperature {}. A temperature below 1 means that smoothing went too far and \
             has to be undone in part:",
            spread(results.metric(Method::PLAIN, "best_temperature"), Format::Number(2))
        ),
        adds,
        conclusion,
    )
}

fn accuracy(results: &Results) -> Lesson {
    let changes = |method: Method| results.difference("accuracy", method, Method::PLAIN);
    let all = unscaled(results);
    let won = named(&all, |method| changes(method).is_gain());
    let lost = named(&all, |method| changes(method).is_loss());
    let noise = results.settings.label_noise;
    let conclusion = match (won.is_empty(), lost.is_empty()) {
        (true, true) => {
            "No significant difference: in this run smoothing is no regulariser that shows in accuracy, and does \
                         no harm that shows either."
                .to_owned()
        }
        (false, true) => format!("Beyond chance better: {}.", list(&won)),
        (true, false) => format!("Beyond chance worse: {}.", list(&lost)),
        (false, false) => format!("Beyond chance better: {}; worse: {}.", list(&won), list(&lost)),
    };
    let labels = if noise > 0.0 {
        format!(" {:.0} % of the training labels are wrong on purpose.", 100.0 * noise)
    } else {
        " The labels are clean; `--set label_noise=0.2` replaces a fifth of those for training by wrong ones."
            .to_owned()
    };
    lesson(
        "Accuracy",
        format!(
            "ε = 0 has {} of the test part right. Minus that:",
            spread(results.metric(Method::PLAIN, "accuracy"), Format::Percent)
        ),
        for_smoothed(results, |method| format!("{}: {}.", method.title(), share(changes(method)))),
        conclusion + &labels,
    )
}

fn clusters(results: &Results) -> Lesson {
    let minus = |metric, method| results.difference(metric, method, Method::PLAIN);
    let smoothed = results.reference();
    let [test, train] = ["cluster_ratio", "cluster_ratio_train"].map(|metric| minus(metric, smoothed));
    let conclusion = match (train.is_loss(), test.is_loss()) {
        (true, true) => {
            "Tighter beyond chance, on images that the network has learned and on others: the effect that Müller \
                         et al. 2019 describe."
        }
        (true, false) => {
            "Tighter beyond chance on training images alone: where the network has learned by heart, not where \
                          it has to judge."
        }
        (false, true) => "Tighter beyond chance on test images.",
        (false, false) if train.is_gain() || test.is_gain() => {
            "Looser beyond chance: not what Müller et al. 2019 describe."
        }
        (false, false) => "Nothing beyond chance: what Müller et al. 2019 describe does not show in this run.",
    };
    lesson(
        "Tighter classes",
        format!(
            "Distance within a class over distance between classes, before the logits; ε = 0 has {} on test and {} on training \
             images. Minus that:",
            spread(results.metric(Method::PLAIN, "cluster_ratio"), Format::Number(3)),
            spread(results.metric(Method::PLAIN, "cluster_ratio_train"), Format::Number(3))
        ),
        for_smoothed(results, |method| {
            let [test, train] = ["cluster_ratio", "cluster_ratio_train"].map(|metric| minus(metric, method));
            format!(
                "{}: test {} ({}), training {} ({}).",
                method.title(),
                signed(test.mean, 3),
                verdict(test.test),
                signed(train.mean, 3),
                verdict(train.test)
            )
        }),
        conclusion,
    )
}

fn separation(results: &Results) -> Lesson {
    let smoothed = results.reference();
    let minus = |method| results.difference("error_auroc", method, Method::SCALED);
    let conclusion = match (minus(smoothed).is_loss(), minus(smoothed).is_gain()) {
        (true, _) => {
            "Smoothing blurs what confidence is often wanted for, the choice of answers to distrust; calibration on \
                      average does not show that."
        }
        (_, true) => "Smoothing makes confidence a better guide to the answers to distrust.",
        _ => {
            "No significant difference: for the choice of answers to distrust, smoothing neither helps nor harms here."
        }
    };
    lesson(
        "Does confidence still tell right from wrong?",
        format!(
            "A calibrated network may still give right and wrong answers the same confidence. How likely a right answer has \
             more than a wrong one: {} for ε = 0 with its temperature. Minus that:",
            percent(results.mean(Method::SCALED, "error_auroc"))
        ),
        for_smoothed(results, |method| format!("{}: {}.", method.title(), share(minus(method)))),
        conclusion,
    )
}
