//! The best worst case near the sum of the gradients.

use super::gram::GramMatrix;
use super::surgery::GradientSurgery;
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
/// The minimum is found exactly for two tasks, and for more by exact steps that shift weight between two tasks at a time,
/// until `minᵢ ⟨gᵢ, d⟩` is within a relative 10⁻¹² of its bound.
///
/// It holds that
/// - `minᵢ ⟨gᵢ, d⟩` is at least that of the sum: the task that is worst off never loses by the method;
/// - for `c ≥ 1` every `⟨gᵢ, d⟩` is at least 0 (to a thousandth of `max ‖gᵢ‖²` where `g_w` is 0). For `c < 1` that is **not** promised: it depends on whether
///   such a `d` is near enough;
/// - for `c < 1`, `⟨g₀, d⟩ ≥ (1 − c)·‖g₀‖²`: the sum of the losses goes down, and training ends where the sum's would;
/// - scaling all gradients scales the combination, and the order of the tasks doesn't matter;
/// - one task alone, or the same gradient for all, gives `(1 + c)·g₀`; gradients that cancel give 0.
///
/// Where `g_w` is 0, `d` is where the formula tends to. NaN: see [`GradientSurgery`].
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

impl GradientSurgery for CaGrad {
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

/// The weights of the worst case, `w`.
struct WorstCase {
    weights: Vec<f64>,
    /// `‖g_w‖`, made a little longer so that it is never 0.
    length: f64,
}

impl WorstCase {
    /// Minimises the convex `F(w) = ⟨g_w, g₀⟩ + radius·‖g_w‖` over the simplex. The derivative by `wᵢ` is `⟨gᵢ, d⟩`, so
    /// weight goes from the task that gains most to the one that gains least.
    fn solve(gram: &GramMatrix, radius: f64) -> Self {
        const ENOUGH_STEPS: usize = 100_000;
        let tasks = gram.tasks();
        let longest = gram.norms().into_iter().fold(0.0, f64::max);
        // ‖g_w‖ has no derivative at 0. The square of this is still above the rounding of squares.
        let smoothing = 1e-7 * longest;
        let with_sum = (0..tasks).map(|i| gram.product_with_sum(i, &vec![1.0; tasks])).collect::<Vec<f64>>();
        let tolerance = 1e-12 * longest * (gram.norm_of_sum(&vec![1.0; tasks]) + radius);
        let mut weights = vec![1.0 / tasks as f64; tasks];
        for _ in 0..ENOUGH_STEPS {
            let length = gram.norm_of_sum(&weights).hypot(smoothing);
            let with_worst = (0..tasks).map(|i| gram.product_with_sum(i, &weights)).collect::<Vec<f64>>();
            let gain = |i: usize| with_sum[i] + radius * with_worst[i] / length;
            let by_gain = |i: &usize, j: &usize| gain(*i).total_cmp(&gain(*j));
            let weighted = (0..tasks).filter(|&i| weights[i] > 0.0);
            let (Some(least), Some(most)) = ((0..tasks).min_by(by_gain), weighted.max_by(by_gain)) else { break };
            let mean = (0..tasks).map(|i| weights[i] * gain(i)).sum::<f64>();
            if mean - gain(least) <= tolerance {
                break;
            }
            let line = Line {
                slope: with_sum[least] - with_sum[most],
                radius,
                square: [
                    length * length,
                    with_worst[least] - with_worst[most],
                    gram.product(least, least) + gram.product(most, most) - 2.0 * gram.product(least, most),
                ],
            };
            let shift = line.minimum(weights[most]);
            if shift == 0.0 {
                break;
            }
            weights[least] += shift;
            weights[most] = (weights[most] - shift).max(0.0);
        }
        let length = gram.norm_of_sum(&weights).hypot(smoothing);
        Self { weights, length }
    }
}

/// `slope·x + radius·√(s₀ + 2·s₁·x + s₂·x²)`, with the square above 0 everywhere.
struct Line {
    slope: f64,
    radius: f64,
    square: [f64; 3],
}

impl Line {
    /// Where it is lowest in `[0, end]`.
    fn minimum(&self, end: f64) -> f64 {
        let [s0, s1, s2] = self.square;
        // The root is √s₂·√(u² + m) with u = x + s₁/s₂; its derivative √s₂·u/√(u² + m) must be −slope/radius.
        let steepness = -self.slope / (self.radius * s2.sqrt());
        if s2 <= 0.0 || steepness <= -1.0 {
            return 0.0;
        }
        if steepness >= 1.0 {
            return end;
        }
        let centre = s1 / s2;
        let m = (s0 / s2 - centre * centre).max(0.0);
        let u = steepness * (m / (1.0 - steepness * steepness)).sqrt();
        (u - centre).clamp(0.0, end)
    }
}
