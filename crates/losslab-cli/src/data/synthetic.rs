//! Two overlapping classes whose best possible classifier is known, so that no loss can be blamed or praised for
//! what the data decide.

use super::{Split, Table};
use crate::random;
use rand::{RngExt, seq::SliceRandom};
use rand_distr::StandardNormal;
use statrs::distribution::{ContinuousCDF, Normal};

/// Two Gaussian classes with unit variance in every direction, whose centres lie `separation` apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoGaussians {
    /// Number of features.
    pub features: usize,
    /// Distance of the centres, in standard deviations.
    pub separation: f64,
    /// Share of the rare class, label 1.
    pub rare_share: f64,
}

/// Rows for training, validation and testing. Testing costs little, and few rare rows measure nothing.
const ROWS: [usize; 3] = [4000, 4000, 10_000];

impl TwoGaussians {
    /// Fresh rows for all three parts.
    pub fn split(&self, seed: u64) -> Split {
        let [train, valid, test] = ["training", "validation", "test"];
        Split {
            train: self.table(ROWS[0], seed, train),
            valid: self.table(ROWS[1], seed, valid),
            test: self.table(ROWS[2], seed, test),
        }
    }

    fn table(&self, rows: usize, seed: u64, part: &str) -> Table {
        let mut random = random::stream(seed, part);
        let rare = (rows as f64 * self.rare_share).round() as usize;
        let mut labels: Vec<bool> = (0..rows).map(|row| row < rare).collect();
        labels.shuffle(&mut random);
        // The rare class is moved by the same amount along every axis.
        let shift = self.separation / (self.features as f64).sqrt();
        let mut features = Vec::with_capacity(rows * self.features);
        for label in &labels {
            for _ in 0..self.features {
                let noise: f64 = random.sample(StandardNormal);
                features.push((noise + if *label { shift } else { 0.0 }) as f32);
            }
        }
        Table { columns: self.features, features, labels }
    }

    /// The highest recall of the rare class that any classifier can have when it gets `common_accuracy` of the
    /// common class right.
    pub fn best_recall(&self, common_accuracy: f64) -> f64 {
        let normal = Normal::standard();
        normal.cdf(self.separation - normal.inverse_cdf(common_accuracy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_PERCENT: TwoGaussians = TwoGaussians { features: 3, separation: 2.0, rare_share: 0.1 };

    #[test]
    fn classes_have_their_share_centre_and_spread() {
        let test = TEN_PERCENT.split(1).test;
        assert_eq!((test.rows(), test.rare()), (10_000, 1000));
        let along: Vec<(bool, f64)> = (0..test.rows())
            .map(|row| (test.labels[row], test.row(row).iter().map(|v| f64::from(*v)).sum::<f64>() / 3_f64.sqrt()))
            .collect();
        for (class, centre) in [(false, 0.0), (true, 2.0)] {
            let values: Vec<f64> = along.iter().filter(|(label, _)| *label == class).map(|(_, value)| *value).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            assert!((mean - centre).abs() < 0.1 && (variance - 1.0).abs() < 0.15, "{class}: {mean} {variance}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_rows() {
        assert_eq!(TEN_PERCENT.split(1), TEN_PERCENT.split(1));
        assert_ne!(TEN_PERCENT.split(1).train, TEN_PERCENT.split(2).train);
        assert_ne!(TEN_PERCENT.split(1).train.row(0), TEN_PERCENT.split(1).valid.row(0));
    }

    #[test]
    fn the_best_recall_is_that_of_two_shifted_bell_curves() {
        // At half of the common class right the threshold is its centre, two deviations below the rare one's.
        assert!((TEN_PERCENT.best_recall(0.5) - 0.977_249_868).abs() < 1e-6);
        assert!((TEN_PERCENT.best_recall(0.95) - 0.638_760_0).abs() < 1e-3);
    }
}
