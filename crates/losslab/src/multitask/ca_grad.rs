//! The best worst case near the sum of the gradients.

use super::gram::GramMatrix;
use super::surgery::GradientWeights;
use super::worst_case::WorstCase;
use crate::error::{ConfigError, Range};
use burn::config::Config;

const NAME: &str = "cagrad";

/// Configuration of [`CaGrad`].
#[derive(Config, Debug)]
pub struct CaGradConfig {
    /// How far the combination may be from the sum of the gradients, as a share of the sum's length: at least 0, with 0
    /// the sum itself. Default: 0.4, the value of the paper's experiments with images (NYU-v2, Cityscapes); its
    /// two-dimensional example has 0.5.
    #[config(default = 0.4)]
    pub c: f64,
}

impl CaGradConfig {
    /// Creates the method.
    ///
    /// # Errors
    /// If `c` is below 0 or not finite.
    pub fn try_init(&self) -> Result<CaGrad, ConfigError> {
        ConfigError::check(NAME, "c", self.c, Range::AtLeast(0.0))?;
        Ok(CaGrad { c: self.c })
    }

    /// Creates the method.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> CaGrad {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Conflict-averse gradient descent: CAGrad (Liu et al. 2021, [arXiv:2110.14048](https://arxiv.org/abs/2110.14048)).
///
/// ```text
/// combined = the d that maximises minᵢ ⟨gᵢ, d⟩  subject to  ‖d − g₀‖ ≤ c·‖g₀‖,   g₀ = Σᵢ gᵢ
///          = g₀ + c·‖g₀‖ · g_w / ‖g_w‖,   g_w = Σᵢ wᵢ·gᵢ,
///            where w minimises ⟨g_w, g₀⟩ + c·‖g₀‖·‖g_w‖ over w ≥ 0, Σᵢ wᵢ = 1
/// ```
///
/// The paper (and torchjd) has the mean of the gradients for `g₀`; the sum here gives the combination times the number of
/// tasks, as the authors' code does, so that it compares with the other methods. It isn't divided by `1 + c` or `1 + c²`.
/// The minimum is found in closed form for two tasks, and for more by shifting weight between two tasks at a time and
/// Newton steps, until `minᵢ ⟨gᵢ, d⟩` is within rounding of its bound.
///
/// It holds that
/// - `minᵢ ⟨gᵢ, d⟩` is at least that of the sum: the task that is worst off never loses by the method;
/// - for `c ≥ 1` every `⟨gᵢ, d⟩` is at least 0 (to a thousandth of `max ‖gᵢ‖²` where `g_w` is 0). For `c < 1` that is **not** promised: it depends on whether
///   such a `d` is near enough;
/// - for `c < 1`, `⟨g₀, d⟩ ≥ (1 − c)·‖g₀‖²`: the sum of the losses goes down, and training ends where the sum's would;
/// - scaling all gradients scales the combination, and the order of the tasks doesn't matter (where `g_w` is 0, several
///   combinations can be equally good, and the order may decide between them);
/// - one task alone, or the same gradient for all, gives `(1 + c)·g₀`; gradients that cancel give 0.
///
/// NaN: see [`GradientWeights`].
///
/// **Use it** where one task lags behind the others. **Don't** with losses of very different scale: a task with a short
/// gradient is always the worst off, and decides.
///
/// # Example
///
/// ```
/// use losslab::{CaGradConfig, GradientSurgery};
///
/// let gradients = [[1.0, 0.0], [-1.5, 1.0]];
/// let mut surgery = CaGradConfig::new().with_c(0.5).init();
/// let d = surgery.combine(&gradients)?;
/// // The sum (−0.5, 1) harms the first task by 0.5; the combination harms it less.
/// let first = d[0] * gradients[0][0] + d[1] * gradients[0][1];
/// assert!(first > -0.5);
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CaGrad {
    c: f64,
}

impl GradientWeights for CaGrad {
    fn weights(&mut self, gram: &GramMatrix) -> Vec<f64> {
        let tasks = gram.tasks();
        if !gram.is_finite() {
            return vec![f64::NAN; tasks];
        }
        let radius = self.c * gram.norm_of_sum(&vec![1.0; tasks]);
        if radius == 0.0 {
            return vec![1.0; tasks];
        }
        let worst = WorstCase::solve(gram, radius);
        worst.weights.iter().map(|weight| 1.0 + radius * weight / worst.length).collect()
    }
}
