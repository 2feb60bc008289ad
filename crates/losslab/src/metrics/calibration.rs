//! Does a confidence of 0.8 mean that 8 of 10 are right? Calibration errors over bins of confidence.
//!
//! Two questions, two sets of functions: of the **top label** (is the predicted class right as often as its probability
//! says?), and of the **positive class** of a binary classifier (is the label positive as often as the score says?). Both
//! take probabilities; logits go through [`Logits::softmax`](super::Logits::softmax) first.

use super::classification::check_scores;
use super::error::MetricError;
use super::input::{Probabilities, check_classes, check_unit_interval};
use burn::config::Config;
use serde::{Deserialize, Serialize};

/// Where one bin of confidence ends and the next begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binning {
    /// Bin i of B is `[i/B, (i+1)/B)`, the last one closed: a confidence of exactly 0 or 1 is in the first or last bin.
    #[default]
    EqualWidth,
    /// Bins of as equal counts as ties allow: a sample with l lower confidences among n is in bin ⌊l·B/n⌋, so that equal
    /// confidences share a bin (Nixon et al. 2019).
    EqualMass,
}

/// Configuration of the bins.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub struct CalibrationConfig {
    /// The number of bins, from 1 to 1,000,000. Default: 15.
    #[config(default = 15)]
    pub bins: usize,
    /// Where they are. Default: of equal width.
    #[config(default = "Binning::EqualWidth")]
    pub binning: Binning,
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// One bin of a [`ReliabilityTable`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The lower edge of a bin of equal width; the lowest confidence in a bin of equal mass.
    pub low: f64,
    /// The upper edge of a bin of equal width; the highest confidence in a bin of equal mass.
    pub high: f64,
    /// The number of samples.
    pub count: u64,
    /// Their mean confidence; nothing without samples.
    pub confidence: Option<f64>,
    /// The share of them that is right (or positive); nothing without samples.
    pub accuracy: Option<f64>,
}

impl ReliabilityBin {
    /// Confidence − accuracy: above 0 where the model is overconfident. Nothing without samples.
    pub fn gap(&self) -> Option<f64> {
        Some(self.confidence? - self.accuracy?)
    }
}

/// Confidence and accuracy bin by bin: the data of a reliability diagram, from which the calibration errors follow.
///
/// # Example
///
/// ```
/// use losslab::metrics::{CalibrationConfig, ReliabilityTable};
///
/// let config = CalibrationConfig::new().with_bins(2);
/// let scores = [0.1, 0.3, 0.6, 1.0];
/// let table = ReliabilityTable::binary(&scores, &[false, true, true, true], &config)?;
/// // Of the lower two, 0.2 on average, a half is positive; of the upper two, 0.8 on average, all are.
/// assert!((table.ece() - (0.3 + 0.2) / 2.0).abs() < 1e-15);
/// assert!((table.mce() - 0.3).abs() < 1e-15);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityTable {
    bins: Vec<ReliabilityBin>,
}

impl ReliabilityTable {
    /// Of the probability of the predicted class, and whether it is the target.
    ///
    /// # Errors
    /// If there is no row, the lengths differ, a target isn't a class, or the number of bins isn't in `[1, 1000000]`.
    pub fn top_label(
        probabilities: &Probabilities,
        targets: &[i64],
        config: &CalibrationConfig,
    ) -> Result<Self, MetricError> {
        check_targets("top-label calibration", probabilities, targets)?;
        let right = probabilities.predictions().iter().zip(targets).map(|(a, b)| a == b).collect::<Vec<bool>>();
        Self::of(&confidences(probabilities), &right, config)
    }

    /// Of the probability of the positive class, and whether the label is positive.
    ///
    /// # Errors
    /// If there is no score, the lengths differ, a score isn't in `[0, 1]`, or the number of bins isn't in
    /// `[1, 1000000]`.
    pub fn binary(scores: &[f64], labels: &[bool], config: &CalibrationConfig) -> Result<Self, MetricError> {
        check_scores("binary calibration", "labels", scores, labels)?;
        check_unit_interval("binary calibration", "scores", scores)?;
        Self::of(scores, labels, config)
    }

    fn of(confidences: &[f64], right: &[bool], config: &CalibrationConfig) -> Result<Self, MetricError> {
        let bins = Bins::of(confidences, config)?;
        let of_bin = |(low, high, members): (f64, f64, &[usize])| {
            let mean = |sum: f64| (!members.is_empty()).then_some(sum / members.len() as f64);
            ReliabilityBin {
                low,
                high,
                count: members.len() as u64,
                confidence: mean(members.iter().map(|&sample| confidences[sample]).sum()),
                accuracy: mean(members.iter().filter(|&&sample| right[sample]).count() as f64),
            }
        };
        Ok(Self { bins: bins.iter().map(of_bin).collect() })
    }

    /// The bins by ascending confidence: all of equal width, also the empty ones; those of equal mass that hold a sample.
    pub fn bins(&self) -> &[ReliabilityBin] {
        &self.bins
    }

    /// The expected calibration error (Naeini et al. 2015, Guo et al. 2017): the mean over the samples of their bin's
    /// `|confidence − accuracy|`.
    pub fn ece(&self) -> f64 {
        self.expected(|bin, gap| bin.count as f64 * gap.abs())
    }

    /// The maximum calibration error: the largest `|confidence − accuracy|` of a bin that holds a sample.
    pub fn mce(&self) -> f64 {
        self.bins.iter().filter_map(ReliabilityBin::gap).fold(0.0, |largest, gap| largest.max(gap.abs()))
    }

    /// The debiased calibration error of Kumar et al. 2019 ([arXiv:1909.10155](https://arxiv.org/abs/1909.10155)): the
    /// root of the mean over the samples of `(confidence − accuracy)² − accuracy (1 − accuracy) / (count − 1)` of their
    /// bin. What is taken off is what chance alone adds to the square, which makes the plain error too large.
    ///
    /// Where the sum isn't above 0, no error shows beyond chance: 0. A bin of one sample tells nothing of chance and adds
    /// 0, which makes the result too small where such bins hold many of the samples: take fewer bins then. The square
    /// root makes it comparable to a root-mean-square of gaps, which is at least the [`ece`](Self::ece) of the same gaps.
    ///
    /// # Errors
    /// If no bin holds two samples.
    pub fn debiased_ece(&self) -> Result<f64, MetricError> {
        if self.bins.iter().all(|bin| bin.count < 2) {
            return Err(MetricError::undefined("debiased ece", "no bin holds two samples"));
        }
        let term = |bin: &ReliabilityBin, gap: f64| match (bin.count, bin.accuracy) {
            (2.., Some(accuracy)) => {
                let count = bin.count as f64;
                count * (gap * gap - accuracy * (1.0 - accuracy) / (count - 1.0))
            }
            _ => 0.0,
        };
        Ok(self.expected(term).max(0.0).sqrt())
    }

    fn expected(&self, term: impl Fn(&ReliabilityBin, f64) -> f64) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| bin.count).sum();
        self.bins.iter().filter_map(|bin| Some(term(bin, bin.gap()?))).sum::<f64>() / total as f64
    }
}

/// Expected calibration error of the predicted class, as [`ReliabilityTable::ece`].
///
/// # Errors
/// Those of [`ReliabilityTable::top_label`].
///
/// # Example
///
/// ```
/// use losslab::metrics::{CalibrationConfig, Logits, top_label_ece};
///
/// let logits = Logits::try_new(vec![0.0, 4f64.ln(), 4f64.ln(), 0.0], 2)?;
/// // Twice sure to 0.8, once right.
/// let ece = top_label_ece(&logits.softmax(), &[1, 1], &CalibrationConfig::new())?;
/// assert!((ece - 0.3).abs() < 1e-12);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn top_label_ece(
    probabilities: &Probabilities,
    targets: &[i64],
    config: &CalibrationConfig,
) -> Result<f64, MetricError> {
    Ok(ReliabilityTable::top_label(probabilities, targets, config)?.ece())
}

/// Maximum calibration error of the predicted class, as [`ReliabilityTable::mce`].
///
/// # Errors
/// Those of [`ReliabilityTable::top_label`].
pub fn top_label_mce(
    probabilities: &Probabilities,
    targets: &[i64],
    config: &CalibrationConfig,
) -> Result<f64, MetricError> {
    Ok(ReliabilityTable::top_label(probabilities, targets, config)?.mce())
}

/// Debiased calibration error of the predicted class, as [`ReliabilityTable::debiased_ece`].
///
/// # Errors
/// Those of [`ReliabilityTable::top_label`].
pub fn top_label_debiased_ece(
    probabilities: &Probabilities,
    targets: &[i64],
    config: &CalibrationConfig,
) -> Result<f64, MetricError> {
    ReliabilityTable::top_label(probabilities, targets, config)?.debiased_ece()
}

/// Expected calibration error of the positive class, as [`ReliabilityTable::ece`].
///
/// # Errors
/// Those of [`ReliabilityTable::binary`].
pub fn binary_ece(scores: &[f64], labels: &[bool], config: &CalibrationConfig) -> Result<f64, MetricError> {
    Ok(ReliabilityTable::binary(scores, labels, config)?.ece())
}

/// Class-wise expected calibration error (Kull et al. 2019, [arXiv:1910.12656](https://arxiv.org/abs/1910.12656)): the
/// mean over the classes of the [`binary_ece`] of each class's probability.
///
/// A class without a target counts too: its probabilities should then be 0. With very many classes most probabilities are
/// near 0, and so is the mean.
///
/// # Errors
/// Those of [`ReliabilityTable::top_label`].
pub fn classwise_ece(
    probabilities: &Probabilities,
    targets: &[i64],
    config: &CalibrationConfig,
) -> Result<f64, MetricError> {
    check_targets("class-wise ece", probabilities, targets)?;
    let classes = probabilities.classes();
    let of_class = |class: usize| {
        let labels: Vec<bool> = targets.iter().map(|&target| target == class as i64).collect();
        binary_ece(&probabilities.of_class(class)?, &labels, config)
    };
    Ok((0..classes).map(of_class).sum::<Result<f64, MetricError>>()? / classes as f64)
}

/// One bar of a [`confidence_histogram`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceBin {
    /// As [`ReliabilityBin::low`].
    pub low: f64,
    /// As [`ReliabilityBin::high`].
    pub high: f64,
    /// The number of rows whose highest probability is in the bin.
    pub count: u64,
}

/// How many rows have their highest probability in each bin. It needs no targets, so that it also shows a shift in
/// production.
///
/// # Errors
/// If there is no row, or the number of bins isn't in `[1, 1000000]`.
pub fn confidence_histogram(
    probabilities: &Probabilities,
    config: &CalibrationConfig,
) -> Result<Vec<ConfidenceBin>, MetricError> {
    MetricError::check_not_empty("confidence histogram", "probabilities", probabilities.len())?;
    let bins = Bins::of(&confidences(probabilities), config)?;
    let bar = |(low, high, members): (f64, f64, &[usize])| ConfidenceBin { low, high, count: members.len() as u64 };
    Ok(bins.iter().map(bar).collect())
}

/// Checks that there is a target for each row.
pub(crate) fn check_targets(
    metric: &'static str,
    probabilities: &Probabilities,
    targets: &[i64],
) -> Result<(), MetricError> {
    MetricError::check_not_empty(metric, "probabilities", probabilities.len())?;
    MetricError::check_length(metric, "targets", targets.len(), probabilities.len(), "the rows of probabilities")?;
    check_classes(metric, "targets", targets, probabilities.classes())
}

/// The highest probability of each row.
fn confidences(probabilities: &Probabilities) -> Vec<f64> {
    probabilities.rows().map(|row| row.iter().copied().fold(0.0, f64::max)).collect()
}

/// Samples by bin.
pub(crate) struct Bins {
    /// Edges and samples of each bin.
    bins: Vec<(f64, f64, Vec<usize>)>,
}

impl Bins {
    /// Bins of at least one confidence, each in `[0, 1]`.
    pub(crate) fn of(confidences: &[f64], config: &CalibrationConfig) -> Result<Self, MetricError> {
        let count = config.bins;
        if !(1..=1_000_000).contains(&count) {
            return Err(MetricError::parameter("calibration", "bins", count, "in [1, 1000000]"));
        }
        let edge = |bin: usize| bin as f64 / count as f64;
        let mut bins: Vec<(f64, f64, Vec<usize>)> =
            (0..count).map(|bin| (edge(bin), edge(bin + 1), Vec::new())).collect();
        match config.binning {
            Binning::EqualWidth => {
                for (sample, &confidence) in confidences.iter().enumerate() {
                    // The product may round over an edge, to either side.
                    let guess = ((confidence * count as f64) as usize).min(count - 1);
                    let bin = guess + usize::from(guess + 1 < count && confidence >= edge(guess + 1));
                    bins[bin - usize::from(confidence < edge(bin))].2.push(sample);
                }
            }
            Binning::EqualMass => {
                let mut order: Vec<usize> = (0..confidences.len()).collect();
                order.sort_by(|&a, &b| confidences[a].total_cmp(&confidences[b]));
                let mut lower = 0;
                for tied in order.chunk_by(|&a, &b| confidences[a] == confidences[b]) {
                    bins[(lower as u128 * count as u128 / order.len() as u128) as usize].2.extend(tied);
                    lower += tied.len();
                }
                bins.retain(|bin| !bin.2.is_empty());
                for (low, high, samples) in &mut bins {
                    (*low, *high) = (confidences[samples[0]], confidences[samples[samples.len() - 1]]);
                }
            }
        }
        Ok(Self { bins })
    }

    /// Lower edge, upper edge and samples of each bin.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, f64, &[usize])> {
        self.bins.iter().map(|(low, high, samples)| (*low, *high, samples.as_slice()))
    }
}
