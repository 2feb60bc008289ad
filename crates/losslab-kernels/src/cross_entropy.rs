//! Cross-entropy with class weights and label smoothing in one pass a row.

use crate::chunks::Sums;
use crate::options::SmoothingConvention;
use crate::softmax_focal::{Others, by_row};

/// The parameters of cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy<'a> {
    /// The smoothing ε in `[0, 1]`; 0 is plain cross-entropy.
    pub smoothing: f64,
    /// Where the smoothed mass goes. `Others` needs two classes or more.
    pub convention: SmoothingConvention,
    /// A weight for each class.
    pub weights: Option<&'a [f32]>,
    /// Samples with this target are not valid.
    pub ignore_index: Option<i64>,
}

/// The sum over all samples of `Σ_c w_c q_c (−ln p_c)`, where `q` is the smoothed target, with its gradient with
/// respect to the logits.
///
/// `logits` is row-major, `[targets.len(), classes]`; targets are in `0..classes`, or `ignore_index`. The weight of a
/// sample is that of its target.
///
/// # Panics
/// If a length or a target doesn't fit.
pub fn cross_entropy(
    loss: CrossEntropy<'_>,
    logits: &[f32],
    classes: usize,
    targets: &[i64],
    gradient: Option<&mut [f32]>,
) -> Sums {
    // The target mass of the true class is `others + extra`, that of every other class `others`.
    let (others, extra) = match loss.convention {
        _ if loss.smoothing == 0.0 => (0.0, 1.0),
        SmoothingConvention::Uniform => (loss.smoothing / classes as f64, 1.0 - loss.smoothing),
        SmoothingConvention::Others => {
            let others = loss.smoothing / (classes as f64 - 1.0);
            (others, 1.0 - loss.smoothing - others)
        }
    };
    let weight = |c: usize| loss.weights.map_or(1.0, |weights| f64::from(weights[c]));
    let all_weights: f64 = (0..classes).map(weight).sum();
    by_row(logits, classes, targets, gradient, loss.ignore_index, |x, y, gradient| {
        let rest = Others::of(x, y);
        let e = (-rest.z.abs()).exp();
        // q = 1 − p_y keeps its digits where p_y is near 1.
        let (nll, q) = if rest.z >= 0.0 { (e.ln_1p(), e / (1.0 + e)) } else { (e.ln_1p() - rest.z, 1.0 / (1.0 + e)) };
        let mut term = extra * weight(y) * nll;
        if others > 0.0 {
            let log_sum = nll + f64::from(x[y]);
            term += others * x.iter().enumerate().map(|(c, &x)| weight(c) * (log_sum - f64::from(x))).sum::<f64>();
        }
        if let Some(gradient) = gradient {
            // dL/dx_c = p_c·m − m_c, where m_c is the weighted target mass of class c and m its sum.
            let mass = others * all_weights + extra * weight(y);
            rest.spread(x, q * mass, gradient);
            if others > 0.0 {
                for (c, g) in gradient.iter_mut().enumerate() {
                    *g -= (others * weight(c)) as f32;
                }
            }
            gradient[y] = (others * (all_weights - weight(y)) - q * mass) as f32;
        }
        Sums::of(term, weight(y))
    })
}
