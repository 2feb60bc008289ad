//! Calibration by one number that all logits are divided by.

use super::brier::{check_logit_targets, nll_of_logits};
use super::calibration::{CalibrationConfig, top_label_ece};
use super::error::MetricError;
use super::input::{Logits, Probabilities};
use serde::{Deserialize, Serialize};

/// Temperature scaling (Guo et al. 2017, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599)): the temperature T that
/// minimises the negative log-likelihood of `softmax(logits / T)`, with what it changes.
///
/// Fit it on validation data, [`apply`](Self::apply) it to other data. Predictions don't change; T above 1 softens an
/// overconfident model.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Logits, TemperatureScaling};
///
/// // Always sure to e⁴ : 1, but right in three of four: the best odds are 3 : 1.
/// let logits = Logits::try_new([4.0, 0.0].repeat(4), 2)?;
/// let scaling = TemperatureScaling::fit(&logits, &[0, 0, 0, 1])?;
/// assert!((scaling.temperature - 4.0 / 3f64.ln()).abs() < 1e-9);
/// assert!(scaling.nll_after < scaling.nll_before && scaling.ece_after < 1e-9);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemperatureScaling {
    /// The temperature.
    pub temperature: f64,
    /// The negative log-likelihood of the data as it was.
    pub nll_before: f64,
    /// The negative log-likelihood with the temperature, never larger.
    pub nll_after: f64,
    /// The [`top_label_ece`] of the data as it was, in 15 bins of equal width.
    pub ece_before: f64,
    /// The same with the temperature. It usually falls, but nothing makes it fall: the likelihood is what is fitted.
    pub ece_after: f64,
}

const NAME: &str = "temperature scaling";

impl TemperatureScaling {
    /// Finds the temperature by Newton's method on its logarithm, kept in a bracket that shrinks at every step. The
    /// likelihood has a single peak, so that it is the best of all temperatures.
    ///
    /// # Errors
    /// If there is no row, the lengths differ, a target isn't a class, or no finite temperature above 0 is best:
    /// - every target has the highest logit of its row: the colder the better (one class alone, or data that the model was
    ///   trained on);
    /// - the targets' logits are on average not above the means of their rows: the hotter the better (equal logits, targets that
    ///   the model knows nothing of).
    pub fn fit(logits: &Logits, targets: &[i64]) -> Result<Self, MetricError> {
        check_logit_targets(NAME, logits, targets)?;
        let temperature = Objective::new(logits, targets)?.minimum()?;
        let scaled = logits.scaled(temperature)?;
        let ece = |logits: &Logits| top_label_ece(&logits.softmax(), targets, &CalibrationConfig::new());
        Ok(Self {
            temperature,
            nll_before: nll_of_logits(logits, targets)?,
            nll_after: nll_of_logits(&scaled, targets)?,
            ece_before: ece(logits)?,
            ece_after: ece(&scaled)?,
        })
    }

    /// The calibrated probabilities of logits.
    ///
    /// # Errors
    /// If a logit divided by the temperature overflows.
    pub fn apply(&self, logits: &Logits) -> Result<Probabilities, MetricError> {
        Ok(logits.scaled(self.temperature)?.softmax())
    }
}

/// The negative log-likelihood as a function of `β = 1 / T`, in which it is convex: its derivative is the mean of the
/// expected logit less the target's, its second derivative the mean variance of the logits.
struct Objective {
    /// Rows shifted to a highest logit of 0 and scaled to a lowest of −1 over all of them.
    rows: Logits,
    targets: Vec<i64>,
    /// What the logits were divided by.
    scale: f64,
}

impl Objective {
    fn new(logits: &Logits, targets: &[i64]) -> Result<Self, MetricError> {
        // Halves can't overflow where a difference of two finite logits does.
        let below_highest = |row: &[f64]| {
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter().map(|z| z / 2.0 - highest / 2.0).collect::<Vec<f64>>()
        };
        let halves: Vec<f64> = logits.rows().flat_map(below_highest).collect();
        let scale = halves.iter().fold(0.0, |scale: f64, half| scale.max(-half));
        if scale == 0.0 {
            return Err(MetricError::undefined(NAME, "the logits of each row are equal: no temperature matters"));
        }
        let rows = Logits::try_new(halves.iter().map(|half| half / scale).collect(), logits.classes())?;
        let objective = Self { rows, targets: targets.to_vec(), scale: 2.0 * scale };
        let of_targets = || objective.rows.rows().zip(targets).map(|(row, &target)| row[target as usize]);
        if of_targets().all(|z| z == 0.0) {
            let why = "every target has the highest logit of its row: the lower the temperature, the better";
            return Err(MetricError::undefined(NAME, why));
        }
        // Nearer to 0 it is rounding error.
        if objective.slopes(0.0).0 >= -1e-14 {
            let why = "the mean of the targets' logits isn't above that of all: the higher the temperature, the better";
            return Err(MetricError::undefined(NAME, why));
        }
        Ok(objective)
    }

    /// First and second derivative in β, of the scaled rows.
    fn slopes(&self, beta: f64) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for (row, &target) in self.rows.rows().zip(&self.targets) {
            // The highest logit of a row is 0: nothing overflows, and the sum is at least 1.
            let weights = || row.iter().map(|z| (z, (beta * z).exp()));
            let [sum, moment] = weights().fold([0.0; 2], |[sum, moment], (z, w)| [sum + w, moment + w * z]);
            let mean = moment / sum;
            first += mean - row[target as usize];
            second += weights().map(|(z, w)| w * (z - mean) * (z - mean)).sum::<f64>() / sum;
        }
        let n = self.targets.len() as f64;
        (first / n, second / n)
    }

    /// The temperature at which the slope is 0.
    fn minimum(&self) -> Result<f64, MetricError> {
        let beta = |log: f64| log.exp();
        let rising = |log: f64| self.slopes(beta(log)).0 > 0.0;
        // Here a temperature of about the largest difference of logits. Doublings reach any that matters.
        let (mut low, mut high) = (0.0, 0.0);
        let mut step = 1.0;
        while !rising(high) {
            (low, high, step) = (high, high + step, step * 2.0);
            Self::check_range(high)?;
        }
        if low == high {
            low = -1.0;
            step = 2.0;
            while rising(low) {
                (high, low, step) = (low, low - step, step * 2.0);
                Self::check_range(low)?;
            }
        }
        let mut log = f64::midpoint(low, high);
        for _ in 0..200 {
            let (first, second) = self.slopes(beta(log));
            if first > 0.0 {
                high = log
            } else {
                low = log
            }
            // In the logarithm of β, the derivatives are β f′ and β f′ + β² f″.
            let curvature = first + beta(log) * second;
            let newton = log - first / curvature;
            let next = if curvature > 0.0 && newton > low && newton < high { newton } else { f64::midpoint(low, high) };
            let moved = (next - log).abs();
            log = next;
            if moved <= 1e-14 * (1.0 + log.abs()) || high - low <= 1e-15 {
                break;
            }
        }
        Ok(self.scale / beta(log))
    }

    /// Beyond it the slope is rounding error.
    fn check_range(log: f64) -> Result<(), MetricError> {
        if log.abs() < 600.0 {
            return Ok(());
        }
        Err(MetricError::undefined(NAME, "the best temperature is too far from the size of the logits to be found"))
    }
}
