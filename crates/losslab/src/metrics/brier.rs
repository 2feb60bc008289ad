//! Proper scores: the Brier score with its parts, and the negative log-likelihood.

use super::calibration::{Bins, CalibrationConfig, check_targets};
use super::classification::check_scores;
use super::error::MetricError;
use super::input::{Logits, Probabilities, check_classes, check_unit_interval, surprisal};
use serde::{Deserialize, Serialize};

/// The Brier score: the mean over the rows of `Σ_k (p_k − [k is the target])²`, in `[0, 2]`.
///
/// # Errors
/// If there is no row, the lengths differ, or a target isn't a class.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Probabilities, brier};
///
/// let probabilities = Probabilities::try_new(vec![0.75, 0.25], 2)?;
/// assert_eq!(brier(&probabilities, &[0])?, 0.0625 + 0.0625);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn brier(probabilities: &Probabilities, targets: &[i64]) -> Result<f64, MetricError> {
    check_targets("brier", probabilities, targets)?;
    let of_row = |(row, &target): (&[f64], &i64)| {
        let error = |(class, p): (usize, &f64)| (p - f64::from(class as i64 == target)).powi(2);
        row.iter().enumerate().map(error).sum::<f64>()
    };
    Ok(probabilities.rows().zip(targets).map(of_row).sum::<f64>() / targets.len() as f64)
}

/// The Brier score of a binary classifier: the mean of `(score − label)²`, in `[0, 1]`: half of [`brier`] of the two
/// classes.
///
/// # Errors
/// If there is no score, the lengths differ, or a score isn't in `[0, 1]`.
pub fn binary_brier(scores: &[f64], labels: &[bool]) -> Result<f64, MetricError> {
    check_binary(scores, labels)?;
    Ok(mean_square(scores, labels))
}

/// The parts of a Brier score: `brier = reliability − resolution + uncertainty + within_bins`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrierDecomposition {
    /// The score itself.
    pub brier: f64,
    /// How far confidence is from frequency, bin by bin: lower is better, 0 is calibrated.
    pub reliability: f64,
    /// How far the bins' frequencies are from the overall one: higher is better.
    pub resolution: f64,
    /// The variance of the labels, which the model can't change.
    pub uncertainty: f64,
    /// What different scores within a bin add or, where they follow the labels, take off. 0 where each bin holds one score:
    /// then it is the decomposition of Murphy 1973; with it, it is that of Stephenson et al. 2008.
    pub within_bins: f64,
}

/// The parts of the binary Brier score. With `n_b` samples in a bin, of mean score `f_b` and share of positives `o_b`, and
/// `o` the share of all: reliability `Σ n_b (f_b − o_b)² / n`, resolution `Σ n_b (o_b − o)² / n`, uncertainty `o (1 − o)`.
///
/// # Errors
/// If there is no score, the lengths differ, a score isn't in `[0, 1]`, or the number of bins isn't in `[1, 1000000]`.
///
/// # Example
///
/// ```
/// use losslab::metrics::{CalibrationConfig, binary_brier_decomposition};
///
/// // Said 0.25, was 0.5; said 0.75, was 1.
/// let (scores, labels) = ([0.25, 0.25, 0.75, 0.75], [true, false, true, true]);
/// let parts = binary_brier_decomposition(&scores, &labels, &CalibrationConfig::new())?;
/// assert_eq!(parts.reliability, 0.0625);
/// assert_eq!(parts.resolution, 0.0625);
/// assert_eq!(parts.uncertainty, 0.1875);
/// assert_eq!(parts.brier, parts.reliability - parts.resolution + parts.uncertainty);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn binary_brier_decomposition(
    scores: &[f64],
    labels: &[bool],
    config: &CalibrationConfig,
) -> Result<BrierDecomposition, MetricError> {
    check_binary(scores, labels)?;
    let share = |positives: usize, of: usize| positives as f64 / of as f64;
    let n = labels.len();
    let overall = share(labels.iter().filter(|&&label| label).count(), n);
    let (mut reliability, mut resolution, mut within_bins) = (0.0, 0.0, 0.0);
    for (_, _, samples) in Bins::of(scores, config)?.iter().filter(|bin| !bin.2.is_empty()) {
        let of_bin = |index: &usize| (scores[*index], labels[*index]);
        let weight = share(samples.len(), n);
        let (bin_scores, bin_labels): (Vec<f64>, Vec<bool>) = samples.iter().map(of_bin).unzip();
        // Of equal scores the mean would round, and leave something within the bin.
        let equal = bin_scores.iter().all(|score| *score == bin_scores[0]);
        let score = if equal { bin_scores[0] } else { bin_scores.iter().sum::<f64>() / samples.len() as f64 };
        let frequency = share(bin_labels.iter().filter(|&&label| label).count(), samples.len());
        reliability += weight * (score - frequency).powi(2);
        resolution += weight * (frequency - overall).powi(2);
        if !equal {
            // The variance of the scores less twice their covariance with the labels.
            let spread =
                |(x, label): (&f64, &bool)| (x - score).powi(2) - 2.0 * (x - score) * (f64::from(*label) - frequency);
            within_bins += bin_scores.iter().zip(&bin_labels).map(spread).sum::<f64>() / n as f64;
        }
    }
    let brier = mean_square(scores, labels);
    Ok(BrierDecomposition { brier, reliability, resolution, uncertainty: overall * (1.0 - overall), within_bins })
}

/// The parts of the Brier score of several classes: the sum over the classes of the parts of each class's probability
/// against the rest, so that `brier` is that of [`brier`].
///
/// # Errors
/// If there is no row, the lengths differ, a target isn't a class, or the number of bins isn't in `[1, 1000000]`.
pub fn brier_decomposition(
    probabilities: &Probabilities,
    targets: &[i64],
    config: &CalibrationConfig,
) -> Result<BrierDecomposition, MetricError> {
    check_targets("brier decomposition", probabilities, targets)?;
    let mut sum =
        BrierDecomposition { brier: 0.0, reliability: 0.0, resolution: 0.0, uncertainty: 0.0, within_bins: 0.0 };
    for class in 0..probabilities.classes() {
        let labels: Vec<bool> = targets.iter().map(|&target| target == class as i64).collect();
        let parts = binary_brier_decomposition(&probabilities.of_class(class)?, &labels, config)?;
        sum.brier += parts.brier;
        sum.reliability += parts.reliability;
        sum.resolution += parts.resolution;
        sum.uncertainty += parts.uncertainty;
        sum.within_bins += parts.within_bins;
    }
    Ok(sum)
}

/// The negative log-likelihood: the mean of `−ln p` of the target, in nats. From logits it is never infinite: see
/// [`nll_of_logits`].
///
/// # Errors
/// If there is no row, the lengths differ, a target isn't a class, or a target has probability 0, so that the value would
/// be infinite.
pub fn nll(probabilities: &Probabilities, targets: &[i64]) -> Result<f64, MetricError> {
    const NAME: &str = "nll";
    check_targets(NAME, probabilities, targets)?;
    let mut sum = 0.0;
    for (index, (row, &target)) in probabilities.rows().zip(targets).enumerate() {
        let p = row[target as usize];
        if p == 0.0 {
            let why = format!("the target of row {index} has probability 0; logits give a finite value");
            return Err(MetricError::undefined(NAME, why));
        }
        sum -= p.ln();
    }
    Ok(sum / targets.len() as f64)
}

/// The negative log-likelihood from logits, without the rounding of a softmax: the mean of `ln Σ exp(z) − z` of the target.
///
/// # Errors
/// If there is no row, the lengths differ, a target isn't a class, or logits are more than 1e308 apart.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Logits, nll, nll_of_logits};
///
/// let logits = Logits::try_new(vec![0.0, 1000.0], 2)?;
/// assert_eq!(nll_of_logits(&logits, &[0])?, 1000.0);
/// assert!(nll(&logits.softmax(), &[0]).is_err()); // a probability that rounds to 0
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn nll_of_logits(logits: &Logits, targets: &[i64]) -> Result<f64, MetricError> {
    check_logit_targets("nll", logits, targets)?;
    let of_row = |(row, &target): (&[f64], &i64)| surprisal(row)(row[target as usize]);
    let mean = logits.rows().zip(targets).map(of_row).sum::<f64>() / targets.len() as f64;
    if mean.is_finite() {
        Ok(mean)
    } else {
        Err(MetricError::undefined("nll", "the logits are so far apart that it overflows"))
    }
}

/// Checks that there is a target for each row.
pub(crate) fn check_logit_targets(metric: &'static str, logits: &Logits, targets: &[i64]) -> Result<(), MetricError> {
    MetricError::check_not_empty(metric, "logits", logits.len())?;
    MetricError::check_length(metric, "targets", targets.len(), logits.len(), "the rows of logits")?;
    check_classes(metric, "targets", targets, logits.classes())
}

fn check_binary(scores: &[f64], labels: &[bool]) -> Result<(), MetricError> {
    check_scores("binary brier", "labels", scores, labels)?;
    check_unit_interval("binary brier", "scores", scores)
}

fn mean_square(scores: &[f64], labels: &[bool]) -> f64 {
    let square = |(score, label): (&f64, &bool)| (score - f64::from(*label)).powi(2);
    scores.iter().zip(labels).map(square).sum::<f64>() / labels.len() as f64
}
