//! Tasks 3 to 5: how often a network is right on the test part, and whether it knows how often.

use crate::random;
use losslab::metrics::{
    Binning, CalibrationConfig, Logits, MetricError, ReliabilityTable, auroc, brier, nll_of_logits, top_label_ece,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Draws for what chance alone does to the calibration error.
const DRAWS: usize = 100;

/// Logits, measured against the right classes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Measures {
    accuracy: f64,
    ece: f64,
    ece_mass: f64,
    ece_chance: f64,
    nll: f64,
    brier: f64,
    confidence: f64,
    confidence_right: f64,
    confidence_wrong: f64,
    error_auroc: f64,
    /// Confidence and accuracy in the bins of the calibration error.
    pub reliability: ReliabilityTable,
}

impl Measures {
    /// Measures logits. The seed is for [`by_chance`].
    pub fn of(logits: &Logits, targets: &[i64], seed: u64) -> Result<Self, MetricError> {
        let probabilities = logits.softmax();
        let right: Vec<bool> = probabilities.predictions().iter().zip(targets).map(|(a, b)| a == b).collect();
        let confidences: Vec<f64> = probabilities.rows().map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
        let mean_where = |wanted: &dyn Fn(bool) -> bool| {
            let chosen: Vec<f64> =
                confidences.iter().zip(&right).filter(|(_, right)| wanted(**right)).map(|(c, _)| *c).collect();
            chosen.iter().sum::<f64>() / chosen.len() as f64
        };
        let width = CalibrationConfig::new();
        let reliability = ReliabilityTable::top_label(&probabilities, targets, &width)?;
        Ok(Self {
            accuracy: right.iter().filter(|right| **right).count() as f64 / right.len() as f64,
            ece: reliability.ece(),
            ece_mass: top_label_ece(&probabilities, targets, &width.with_binning(Binning::EqualMass))?,
            ece_chance: by_chance(&confidences, seed)?,
            nll: nll_of_logits(logits, targets)?,
            brier: brier(&probabilities, targets)?,
            confidence: mean_where(&|_| true),
            confidence_right: mean_where(&|right| right),
            confidence_wrong: mean_where(&|right| !right),
            // Undefined where all are right, or none.
            error_auroc: auroc(&confidences, &right).unwrap_or(f64::NAN),
            reliability,
        })
    }

    /// All numbers by the names they have in `outcome.json`.
    pub fn numbers(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("accuracy", self.accuracy),
            ("ece", self.ece),
            ("ece_equal_mass", self.ece_mass),
            ("ece_by_chance", self.ece_chance),
            ("nll", self.nll),
            ("brier", self.brier),
            ("confidence", self.confidence),
            ("gap", self.confidence - self.accuracy),
            ("confidence_right", self.confidence_right),
            ("confidence_wrong", self.confidence_wrong),
            ("error_auroc", self.error_auroc),
        ]
    }
}

/// The calibration error that a network with these confidences has on average when each answer is right with exactly the
/// probability that it says: what is left for perfect calibration by the chance of a finite test part.
fn by_chance(confidences: &[f64], seed: u64) -> Result<f64, MetricError> {
    let random = &mut random::stream(seed, "perfect calibration");
    let mut draw = || {
        let right: Vec<bool> = confidences.iter().map(|confidence| random.random::<f64>() < *confidence).collect();
        Ok(ReliabilityTable::binary(confidences, &right, &CalibrationConfig::new())?.ece())
    };
    Ok((0..DRAWS).map(|_| draw()).sum::<Result<f64, MetricError>>()? / DRAWS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of two classes with confidence 0.9, `wrong` of `count` wrong.
    fn measured(count: usize, wrong: usize) -> Measures {
        let logits = Logits::try_new([9f64.ln(), 0.0].repeat(count), 2).unwrap();
        let targets: Vec<i64> = (0..count).map(|row| i64::from(row < wrong)).collect();
        Measures::of(&logits, &targets, 1).unwrap()
    }

    fn number(measures: &Measures, name: &str) -> f64 {
        measures.numbers().into_iter().find(|(key, _)| *key == name).unwrap().1
    }

    #[test]
    fn overconfidence_is_a_gap_above_zero() {
        let measures = measured(1000, 300);
        let expected = [
            ("accuracy", 0.7),
            ("confidence", 0.9),
            ("gap", 0.2),
            ("ece", 0.2),
            ("ece_equal_mass", 0.2),
            ("confidence_wrong", 0.9),
            ("error_auroc", 0.5),
            ("brier", 2.0 * (0.7 * 0.01 + 0.3 * 0.81)),
            ("nll", -(0.7 * 0.9_f64.ln() + 0.3 * 0.1_f64.ln())),
        ];
        for (name, value) in expected {
            assert!((number(&measures, name) - value).abs() < 1e-9, "{name}: {}", number(&measures, name));
        }
    }

    #[test]
    fn chance_alone_makes_an_error_that_shrinks_with_the_test_part() {
        // One bin: the mean of |share − 0.9| is about √(2/π) · √(0.9 · 0.1 / n).
        for count in [100, 10_000] {
            let expected = (2.0 / std::f64::consts::PI * 0.09 / count as f64).sqrt();
            let found = number(&measured(count, count / 10), "ece_by_chance");
            assert!((found / expected - 1.0).abs() < 0.35, "{count}: {found}, {expected}");
        }
    }

    #[test]
    fn what_is_undefined_is_no_number() {
        let measures = measured(50, 0);
        assert!(number(&measures, "error_auroc").is_nan() && number(&measures, "confidence_wrong").is_nan());
        assert!((number(&measures, "confidence_right") - 0.9).abs() < 1e-12);
    }
}
