//! Task 6: are two images of the same digit? Answered by their distance.

use losslab::metrics::{
    MetricError, Orientation, VerificationPairs, equal_error_rate, tar_at_far, verification_accuracy, verification_roc,
};
use serde::{Deserialize, Serialize};

const DISTANCE: Orientation = Orientation::Distance;

/// The false accept rate at which true accepts are reported.
pub const FAR: f64 = 0.01;

/// Bins of the histograms of distances.
const BINS: usize = 50;

/// How far embeddings of length 1 can be apart.
const FARTHEST: f64 = 2.0;

/// How well distances tell pairs of the same digit from pairs of different digits.
#[derive(Deserialize, Serialize)]
pub struct Verified {
    /// Equal error rate.
    pub eer: f64,
    /// The distance at which it is reached.
    pub eer_threshold: f64,
    /// Share of pairs that are judged rightly at the threshold from the validation part.
    pub accuracy: f64,
    /// True accept rate at [`FAR`].
    pub tar: f64,
    /// Area under the ROC curve.
    pub auroc: f64,
    /// Mean distance of pairs of the same digit and of different digits.
    pub distance: [f64; 2],
    /// Share of the pairs of the same digit and of different digits in each bin of [`edges`].
    pub histogram: [Vec<f64>; 2],
    /// True accept rate at each false accept rate of [`far_grid`].
    pub roc: Vec<f64>,
}

impl Verified {
    /// Measures pairs; accepted are those that are at most `threshold` apart.
    pub fn new(pairs: &VerificationPairs, threshold: f64) -> Result<Self, MetricError> {
        let VerificationPairs { distances, same } = pairs;
        let eer = equal_error_rate(distances, same, DISTANCE)?;
        let roc = verification_roc(distances, same, DISTANCE)?;
        let accepted_at = |far: f64| {
            let allowed = roc.points().iter().take_while(|point| point.false_positive_rate <= far);
            allowed.map(|point| point.true_positive_rate).fold(0.0, f64::max)
        };
        let kinds = [true, false].map(|kind| -> Vec<f64> {
            distances.iter().zip(same).filter(|(_, same)| **same == kind).map(|(distance, _)| *distance).collect()
        });
        Ok(Self {
            eer: eer.rate,
            eer_threshold: eer.threshold,
            accuracy: verification_accuracy(distances, same, DISTANCE, threshold)?,
            tar: tar_at_far(distances, same, DISTANCE, FAR)?.tar,
            auroc: roc.area(),
            distance: [0, 1].map(|kind| kinds[kind].iter().sum::<f64>() / kinds[kind].len() as f64),
            histogram: [0, 1].map(|kind| histogram(&kinds[kind])),
            roc: far_grid().into_iter().map(accepted_at).collect(),
        })
    }
}

/// The threshold with the highest accuracy on these pairs, and their equal error rate.
pub fn threshold_and_eer(pairs: &VerificationPairs) -> Result<(f64, f64), MetricError> {
    let best = losslab::metrics::best_verification_accuracy(&pairs.distances, &pairs.same, DISTANCE)?;
    let eer = equal_error_rate(&pairs.distances, &pairs.same, DISTANCE)?;
    // Below 0 nothing is accepted. At 0 it is hardly more: only images that coincide.
    Ok((best.threshold.max(0.0), eer.rate))
}

/// False accept rates of the ROC curves: ten a decade, from 0.001 to 1.
pub fn far_grid() -> Vec<f64> {
    (0..=30).map(|step| 10_f64.powf(f64::from(step) / 10.0 - 3.0)).collect()
}

/// Borders of the bins of the histograms, from 0 to as far as embeddings of length 1 can be apart.
pub fn edges() -> Vec<f64> {
    (0..=BINS).map(|edge| FARTHEST * edge as f64 / BINS as f64).collect()
}

/// The share of all values that is in each bin. What is beyond the last border is in none.
fn histogram(values: &[f64]) -> Vec<f64> {
    let mut counts = vec![0_u32; BINS];
    for value in values {
        let bin = (value / FARTHEST * BINS as f64) as usize;
        // Rounding may put the largest possible distance a hair beyond 2.
        let bin = if *value <= FARTHEST + 1e-6 { bin.min(BINS - 1) } else { bin };
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    counts.into_iter().map(|count| f64::from(count) / values.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pairs_by_hand() {
        let pairs = VerificationPairs { distances: vec![0.1, 1.0, 0.5, 2.0], same: vec![true, true, false, false] };
        assert_eq!(threshold_and_eer(&pairs).unwrap(), (0.1, 0.5));
        let verified = Verified::new(&pairs, 0.1).unwrap();
        assert_eq!((verified.accuracy, verified.tar, verified.auroc), (0.75, 0.5, 0.75));
        assert_eq!((verified.distance, verified.eer), ([0.55, 1.25], 0.5));
        let filled = |kind: usize| -> Vec<usize> {
            verified.histogram[kind]
                .iter()
                .enumerate()
                .filter(|(_, share)| **share == 0.5)
                .map(|(bin, _)| bin)
                .collect()
        };
        assert_eq!([filled(0), filled(1)], [[2, 25], [12, 49]]);
        assert_eq!((verified.roc[0], verified.roc[30]), (0.5, 1.0));
    }

    #[test]
    fn a_threshold_is_never_infinite() {
        let pairs = VerificationPairs { distances: vec![2.0, 1.0], same: vec![true, false] };
        assert_eq!(threshold_and_eer(&pairs).unwrap(), (0.0, 1.0));
    }

    #[test]
    fn distances_beyond_the_last_bin_are_in_none() {
        assert_eq!(histogram(&[5.0, 0.0]).iter().sum::<f64>(), 0.5);
        assert_eq!(edges().len(), BINS + 1);
    }
}
