//! What the handout says of several losses, beside what was measured.

use super::{
    methods::{Method, Units, automatic},
    results::{Results, TUNED, adaptive},
    settings::Settings,
};
use crate::{
    experiments::common::{ByMethod, Difference, verdict},
    outcome::Check,
    wording::{p_value, percent, points},
};

/// How much the error of a task may change with the units of a loss, for a method that is said not to mind them.
pub const TOLERANCE: f64 = 0.15;

/// The part of the gradient that each task has at least where they are balanced.
pub const BALANCED: f64 = 0.25;

/// The share of conflicting steps from which on gradients are said to be in conflict.
pub const IN_CONFLICT: f64 = 0.1;

/// Equal weights, by the name of their row.
pub const EQUAL: &str = "equal weights";

/// All checks of a run.
pub fn checks(settings: &Settings, results: &Results) -> Vec<Check> {
    let units = [Units::Plain, Units::Times(settings.scale)];
    let weights = adaptive(settings).into_iter().filter(|method| !method.is_surgery());
    let mut checks: Vec<Check> = units.iter().map(|units| neglect(*units, results)).collect();
    checks.extend(weights.map(|method| balance(&method.name(), results)));
    checks.extend(units.iter().map(|units| normalise(*units, results)));
    checks.extend(automatic(settings).iter().map(|method| units_do_not_matter(&method.name(), settings, results)));
    checks.push(conflict(results));
    checks.push(better_than_tuned(&Method::Uncertainty(settings.uncertainty[0]).name(), results));
    checks
}

/// A number with its sign, and with a true minus.
pub fn change(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", number.abs());
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    match (is_zero, number < 0.0) {
        (true, _) => text,
        (false, true) => format!("−{text}"),
        (false, false) => format!("+{text}"),
    }
}

/// How units are called in a sentence.
pub fn in_units(units: Units) -> String {
    match units {
        Units::Plain => "losses as they are".to_owned(),
        Units::Times(factor) => format!("reconstruction loss × {factor}"),
        Units::Normalised => "normalised losses".to_owned(),
    }
}

/// The share of wrong classes and the squared error at `scale`, in relation to those with the losses as they are.
pub fn change_with_scale(name: &str, settings: &Settings, results: &Results) -> [f64; 2] {
    let errors = |units| {
        let mean = |metric| results.metric_in(units, name, metric).mean;
        [1.0 - mean("accuracy"), mean("mse")]
    };
    let (scaled, plain) = (errors(Units::Times(settings.scale)), errors(Units::Plain));
    [scaled[0] / plain[0], scaled[1] / plain[1]]
}

/// Whether the units of the losses make no difference to a method.
pub fn is_robust(name: &str, settings: &Settings, results: &Results) -> bool {
    change_with_scale(name, settings, results).iter().all(|change| (change - 1.0).abs() <= TOLERANCE)
}

fn neglect(units: Units, results: &Results) -> Check {
    let of = |metric| Difference::of(results.metric_in(units, EQUAL, metric), results.metric(TUNED, metric));
    let (accuracy, mse) = (of("accuracy"), of("mse"));
    let p = |difference: Difference| difference.test.map_or("one seed".to_owned(), |test| p_value(test.p));
    Check {
        name: format!("equal weights, {}: a task is neglected", in_units(units)),
        expected: "one worse than with the tuned weight, p < 0.05".to_owned(),
        measured: format!(
            "{} ({}), squared error {} ({})",
            points(accuracy.mean),
            p(accuracy),
            change(mse.mean, 4),
            p(mse)
        ),
        holds: accuracy.is_loss() || mse.is_gain(),
    }
}

fn balance(name: &str, results: &Results) -> Check {
    let share = |name: &str| results.metric(name, "reconstruction_share").mean;
    Check {
        name: format!("{name}: balances the tasks"),
        expected: format!("{:.0} to {:.0} % of the gradient", 100.0 * BALANCED, 100.0 * (1.0 - BALANCED)),
        measured: format!("{}; equal weights {}", percent(share(name)), percent(share(EQUAL))),
        holds: (BALANCED..=1.0 - BALANCED).contains(&share(name)),
    }
}

fn normalise(units: Units, results: &Results) -> Check {
    let [normalised, equal] =
        [Method::Normalised.name().as_str(), EQUAL].map(|name| results.metric_in(units, name, "joint_error"));
    let difference = Difference::of(normalised, equal);
    Check {
        name: format!("normalise losses, {}", in_units(units)),
        expected: "better than equal weights, p < 0.05".to_owned(),
        measured: format!("{:.2} against {:.2} ({})", normalised.mean, equal.mean, verdict(difference.test)),
        holds: difference.is_loss(),
    }
}

fn units_do_not_matter(name: &str, settings: &Settings, results: &Results) -> Check {
    let [wrong, squares] = change_with_scale(name, settings, results);
    Check {
        name: format!("{name}: units do not matter"),
        expected: format!("errors change by at most {:.0} %", 100.0 * TOLERANCE),
        measured: format!("wrong classes × {wrong:.2}, squared error × {squares:.2}"),
        holds: is_robust(name, settings, results),
    }
}

fn conflict(results: &Results) -> Check {
    let metric = |metric| results.metric(TUNED, metric).mean;
    Check {
        name: "tuned weight: the gradients are in conflict".to_owned(),
        expected: format!("in at least {:.0} % of the steps", 100.0 * IN_CONFLICT),
        measured: format!("in {}; mean cosine {}", percent(metric("conflicts")), change(metric("cosine"), 2)),
        holds: metric("conflicts") >= IN_CONFLICT,
    }
}

fn better_than_tuned(name: &str, results: &Results) -> Check {
    let joint = |name: &str| results.metric(name, "joint_error").mean;
    let difference = results.difference("joint_error", name, TUNED);
    Check {
        name: format!("{name}: beats fixed weights"),
        expected: "better than the tuned weight, p < 0.05".to_owned(),
        measured: format!("{:.2} against {:.2} ({})", joint(name), joint(TUNED), verdict(difference.test)),
        holds: difference.is_loss(),
    }
}

#[cfg(test)]
mod tests {
    use super::change;

    #[test]
    fn changes_have_a_sign_unless_they_are_nothing() {
        assert_eq!([change(0.126, 2), change(-0.126, 2), change(-0.001, 2)], ["+0.13", "−0.13", "0.00"]);
    }
}
