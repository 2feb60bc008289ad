//! What is expected of the landscapes beside what was measured.

use super::{METHODS, Method, results::Results};
use crate::{
    experiments::common::{ByMethod, Difference, spread, verdict},
    outcome::{Check, Format},
};

/// The least share of a path in its plane that Li et al. found.
const IN_PLANE: f64 = 0.4;
/// Of the largest eigenvalue: the most that a nearly convex surface curves downwards.
const NEARLY_CONVEX: f64 = 0.1;

/// All checks.
pub fn checks(results: &Results) -> Vec<Check> {
    let flatter = |method: Method, metric: &str, what: &str| {
        let difference = results.difference(metric, method, Method::CrossEntropy);
        Check {
            name: format!("{} against cross-entropy, {what}", method.title()),
            expected: "lower, p < 0.05".to_owned(),
            measured: change(difference),
            holds: difference.is_loss(),
        }
    };
    let in_plane = |method: Method| {
        let share = results.metric(method, "path_in_plane");
        Check {
            name: format!("{}: variance of the path in its plane", method.title()),
            expected: format!("at least {:.0} %", 100.0 * IN_PLANE),
            measured: spread(share, Format::Percent),
            holds: share.mean >= IN_PLANE,
        }
    };
    let nearly_convex = |method: Method| {
        let share = results.metric(method, "negative_share");
        Check {
            name: format!("{}: most negative over largest eigenvalue", method.title()),
            expected: format!("at most {:.0} %", 100.0 * NEARLY_CONVEX),
            measured: spread(share, Format::Percent),
            holds: share.mean <= NEARLY_CONVEX,
        }
    };
    let regularised = [Method::Focal, Method::LabelSmoothing];
    METHODS
        .into_iter()
        .map(in_plane)
        .chain(METHODS.into_iter().map(nearly_convex))
        .chain(regularised.map(|method| flatter(method, "top_eigenvalue", "largest eigenvalue")))
        .chain(regularised.map(|method| {
            flatter(method, "cross_entropy_top_eigenvalue", "largest eigenvalue of cross-entropy's own Hessian there")
        }))
        .chain(regularised.map(|method| flatter(method, "sharpness", "sharpness")))
        .collect()
}

/// A difference of numbers without a unit, with what the test says: `−1.234 (p = 0.012)`.
pub fn change(difference: Difference) -> String {
    let size = difference.mean.abs();
    // Three digits that count.
    let decimals = if size > 0.0 { (2.0 - size.log10().floor()).clamp(0.0, 12.0) as usize } else { 0 };
    let sign = match difference.mean {
        mean if mean > 0.0 => "+",
        mean if mean < 0.0 => "−",
        _ => "",
    };
    format!("{sign}{size:.decimals$} ({})", verdict(difference.test))
}
