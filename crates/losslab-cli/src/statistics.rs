//! Means over seeds, and whether two methods differ by more than chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Differences with a smaller p are called significant.
pub const LEVEL: f64 = 0.05;

/// Mean of the values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation of a sample (n − 1); 0 for a single value.
pub fn std(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// The outcome of a paired t-test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Mean of the differences.
    pub difference: f64,
    /// Half of the width of its 95 % confidence interval.
    pub margin: f64,
    /// Chance of a difference at least this large, in either direction, if there were none.
    pub p: f64,
}

impl Paired {
    /// Whether chance alone is an unlikely explanation.
    pub fn is_significant(self) -> bool {
        self.p < LEVEL
    }
}

/// Student's paired t-test of `a − b`, two-sided. A single pair allows none.
pub fn paired_t_test(a: &[f64], b: &[f64]) -> Option<Paired> {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let n = differences.len();
    if n < 2 {
        return None;
    }
    let difference = mean(&differences);
    let error = std(&differences) / (n as f64).sqrt();
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).expect("at least one degree of freedom");
    let p = match (error > 0.0, difference == 0.0) {
        (true, _) => 2.0 * t.sf((difference / error).abs()),
        (false, true) => 1.0,
        (false, false) => 0.0,
    };
    Some(Paired { difference, margin: error * t.inverse_cdf(1.0 - LEVEL / 2.0), p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_by_hand() {
        assert_eq!((mean(&[1.0, 2.0, 6.0]), std(&[1.0, 2.0, 6.0])), (3.0, 7.0_f64.sqrt()));
        assert_eq!(std(&[4.0]), 0.0);
    }

    #[test]
    fn a_paired_test_by_hand() {
        // Differences 1, 2, 3: mean 2, error 1/√3, t = 2√3 with two degrees of freedom, for which the two-sided p
        // has the closed form 1 − t/√(2 + t²).
        let t = 2.0 * 3.0_f64.sqrt();
        let paired = paired_t_test(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(paired.difference, 2.0);
        assert!((paired.p - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-9);
        assert!((paired.margin - 4.302_652_73 / 3.0_f64.sqrt()).abs() < 1e-6);
        assert!(!paired.is_significant());
    }

    #[test]
    fn differences_without_spread() {
        assert_eq!(paired_t_test(&[1.0, 1.0], &[1.0, 1.0]).unwrap().p, 1.0);
        assert_eq!(paired_t_test(&[2.0, 2.0], &[1.0, 1.0]).unwrap().p, 0.0);
        assert_eq!(paired_t_test(&[2.0], &[1.0]), None);
    }
}
