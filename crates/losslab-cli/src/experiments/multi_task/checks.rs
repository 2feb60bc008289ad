//! What the handout says of several losses, beside what was measured.

use super::{
    methods::{Method, Units, automatic},
    results::{Results, TUNED, adaptive},
    settings::Settings,
};
use crate::{
    experiments::common::{Difference, verdict},
    outcome::Check,
    wording::percent,
};

/// How much the joint error may change with the units of a loss, for a method that is said not to mind them.
pub const TOLERANCE: f64 = 0.1;

/// The share of conflicting steps from which on gradients are said to be in conflict.
pub const IN_CONFLICT: f64 = 0.1;

/// Equal weights, by the name of their row.
pub const EQUAL: &str = "equal weights";

/// All checks of a run.
pub fn checks(settings: &Settings, results: &Results) -> Vec<Check> {
    let units = [Units::Plain, Units::Times(settings.scale)];
    let weights = adaptive(settings).into_iter().filter(|method| !matches!(method, Method::PcGrad | Method::CaGrad));
    let mut checks: Vec<Check> = units.iter().map(|units| neglect(*units, results)).collect();
    checks.extend(weights.map(|method| balance(&method.name(), results)));
    checks.extend(units.iter().map(|units| normalise(*units, results)));
    checks.extend(automatic(settings).iter().map(|method| units_do_not_matter(&method.name(), settings, results)));
    checks.push(conflict(results));
    checks.push(better_than_tuned(&Method::Uncertainty(settings.uncertainty[0]).name(), results));
    checks
}

/// How units are called in a sentence.
pub fn in_units(units: Units) -> String {
    match units {
        Units::Plain => "losses as they are".to_owned(),
        Units::Times(factor) => format!("reconstruction loss × {factor}"),
        Units::Normalised => "normalised losses".to_owned(),
    }
}

/// The joint error at `scale` in relation to that with the losses as they are.
pub fn change_with_scale(name: &str, settings: &Settings, results: &Results) -> f64 {
    let joint = |units| results.metric(units, name, "joint_error").mean;
    joint(Units::Times(settings.scale)) / joint(Units::Plain)
}

/// Whether the units of the losses make no difference to a method.
pub fn is_robust(name: &str, settings: &Settings, results: &Results) -> bool {
    (change_with_scale(name, settings, results) - 1.0).abs() <= TOLERANCE
}

fn neglect(units: Units, results: &Results) -> Check {
    let (equal, tuned) =
        (results.metric(units, EQUAL, "joint_error"), results.metric(Units::Plain, TUNED, "joint_error"));
    let difference = Difference::of(equal, tuned);
    Check {
        name: format!("equal weights, {}: a task is neglected", in_units(units)),
        expected: "joint error above that of the tuned weight, p < 0.05".to_owned(),
        measured: format!("{:.2} against {:.2} ({})", equal.mean, tuned.mean, verdict(difference.test)),
        holds: difference.is_gain(),
    }
}

fn balance(name: &str, results: &Results) -> Check {
    let share = |name: &str| percent(results.metric(Units::Plain, name, "reconstruction_share").mean);
    let difference = results.difference("imbalance", name, EQUAL);
    Check {
        name: format!("{name}: balances the tasks"),
        expected: "reconstruction's part of the gradient nearer to 50 % than with equal weights, p < 0.05".to_owned(),
        measured: format!("{}, equal weights {} ({})", share(name), share(EQUAL), verdict(difference.test)),
        holds: difference.is_loss(),
    }
}

fn normalise(units: Units, results: &Results) -> Check {
    let [normalised, equal] =
        [Method::Normalised.name().as_str(), EQUAL].map(|name| results.metric(units, name, "joint_error"));
    let difference = Difference::of(normalised, equal);
    Check {
        name: format!("normalise losses, {}", in_units(units)),
        expected: "joint error below that of equal weights, p < 0.05".to_owned(),
        measured: format!("{:.2} against {:.2} ({})", normalised.mean, equal.mean, verdict(difference.test)),
        holds: difference.is_loss(),
    }
}

fn units_do_not_matter(name: &str, settings: &Settings, results: &Results) -> Check {
    Check {
        name: format!("{name}: units do not matter"),
        expected: format!("joint error changes by at most {:.0} %", 100.0 * TOLERANCE),
        measured: format!(
            "times {:.2} where the reconstruction loss is times {}",
            change_with_scale(name, settings, results),
            settings.scale
        ),
        holds: is_robust(name, settings, results),
    }
}

fn conflict(results: &Results) -> Check {
    let metric = |metric| results.metric(Units::Plain, TUNED, metric).mean;
    Check {
        name: "the gradients are in conflict (tuned weight)".to_owned(),
        expected: format!("cosine below 0 in at least {:.0} % of the steps", 100.0 * IN_CONFLICT),
        measured: format!("{} of them; mean cosine {:+.2}", percent(metric("conflicts")), metric("cosine")),
        holds: metric("conflicts") >= IN_CONFLICT,
    }
}

fn better_than_tuned(name: &str, results: &Results) -> Check {
    let joint = |name: &str| results.metric(Units::Plain, name, "joint_error").mean;
    let difference = results.difference("joint_error", name, TUNED);
    Check {
        name: format!("{name}: better than the best fixed weight"),
        expected: "lower joint error, p < 0.05".to_owned(),
        measured: format!("{:.2} against {:.2} ({})", joint(name), joint(TUNED), verdict(difference.test)),
        holds: difference.is_loss(),
    }
}
