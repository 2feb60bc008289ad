//! Cross-entropy with class weights and label smoothing in one pass a row.

use crate::chunks::Sums;
use crate::options::SmoothingConvention;
use crate::rows::{Others, RowTerm, by_row, weighted_sum};
use crate::simd::Arithmetic;

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
    let (others, extra) = match loss.convention {
        _ if loss.smoothing == 0.0 => (0.0, 1.0),
        SmoothingConvention::Uniform => (loss.smoothing / classes as f64, 1.0 - loss.smoothing),
        SmoothingConvention::Others => {
            let others = loss.smoothing / (classes as f64 - 1.0);
            (others, 1.0 - loss.smoothing - others)
        }
    };
    let all_weights =
        loss.weights.map_or(classes as f64, |weights| weights.iter().map(|&weight| f64::from(weight)).sum());
    let row = Row { weights: loss.weights, others, extra, all_weights };
    by_row(&row, logits, classes, targets, gradient, loss.ignore_index)
}

/// What all rows share.
struct Row<'a> {
    weights: Option<&'a [f32]>,
    /// The target mass of the true class is `others + extra`, that of every other class `others`.
    others: f64,
    extra: f64,
    all_weights: f64,
}

impl RowTerm for Row<'_> {
    #[inline(always)]
    fn row<A: Arithmetic>(&self, x: &[f32], y: usize, mut gradient: Option<&mut [f32]>) -> Sums {
        let weight = self.weights.map_or(1.0, |weights| f64::from(weights[y]));
        let rest = Others::of::<A>(x, y, gradient.as_deref_mut());
        let e = (-rest.z.abs()).exp();
        // q = 1 − p_y keeps its digits where p_y is near 1.
        let (nll, q) = if rest.z >= 0.0 { (e.ln_1p(), e / (1.0 + e)) } else { (e.ln_1p() - rest.z, 1.0 / (1.0 + e)) };
        let mut term = self.extra * weight * nll;
        if self.others > 0.0 {
            let log_sum = nll + f64::from(x[y]);
            term += self.others * (self.all_weights * log_sum - weighted_sum(x, self.weights));
        }
        if let Some(gradient) = gradient {
            // dL/dx_c = p_c·m − m_c, where m_c is the weighted target mass of class c and m its sum.
            let mass = self.others * self.all_weights + self.extra * weight;
            let (share, others) = (rest.share(q * mass), self.others as f32);
            match self.weights.filter(|_| others > 0.0) {
                None => gradient.iter_mut().for_each(|g| *g = *g * share - others),
                Some(weights) => {
                    gradient.iter_mut().zip(weights).for_each(|(g, weight)| *g = *g * share - others * weight);
                }
            }
            gradient[y] = (self.others * (self.all_weights - weight) - q * mass) as f32;
        }
        Sums::of(term, weight)
    }
}
