//! Deterministic inputs and a finite-difference check.

use losslab_kernels::options::{Distance, Reduction, SemiHardFallback, TripletMining};
use losslab_kernels::reference::{Evaluation, Mining};

pub const REDUCTIONS: [Reduction; 4] =
    [Reduction::Mean, Reduction::MeanPerSample, Reduction::MeanActive, Reduction::Sum];
pub const DISTANCES: [Distance; 3] = [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine];
pub const SWITCH: [bool; 2] = [false, true];

pub const fn mining(rule: TripletMining, fallback: SemiHardFallback) -> Mining {
    Mining { rule, fallback }
}

pub const MININGS: [Mining; 5] = [
    mining(TripletMining::BatchAll, SemiHardFallback::Farthest),
    mining(TripletMining::BatchHard, SemiHardFallback::Farthest),
    mining(TripletMining::SemiHard, SemiHardFallback::Farthest),
    mining(TripletMining::SemiHard, SemiHardFallback::Nearest),
    mining(TripletMining::SemiHard, SemiHardFallback::Skip),
];

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn numbers(&mut self, count: usize, low: f64, high: f64) -> Vec<f64> {
        (0..count).map(|_| low + (high - low) * self.next()).collect()
    }
}

pub fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-12 * left.abs().max(right.abs()).max(1.0)
}

#[track_caller]
pub fn assert_close(left: f64, right: f64) {
    assert!(close(left, right), "{left} is not {right}");
}

#[track_caller]
pub fn assert_all_close(left: &[f64], right: &[f64]) {
    assert!(left.len() == right.len() && left.iter().zip(right).all(|(&l, &r)| close(l, r)), "{left:?} != {right:?}");
}

/// The value and every gradient are finite.
#[track_caller]
pub fn assert_finite(case: &str, evaluation: &Evaluation) {
    let finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
    assert!(evaluation.value.is_finite() && finite(&evaluation.terms), "{case}: {evaluation:?}");
    assert!(evaluation.gradients.iter().all(|gradient| finite(gradient)), "{case}: {evaluation:?}");
}

/// The loss and every gradient are exactly 0.
#[track_caller]
pub fn assert_nothing(evaluation: &Evaluation) {
    assert_eq!(evaluation.value, 0.0);
    assert!(evaluation.terms.iter().all(|&term| term == 0.0), "{evaluation:?}");
    assert!(evaluation.gradients.iter().flatten().all(|&entry| entry == 0.0), "{evaluation:?}");
}

/// Compares every gradient with central differences, at the first drawn point that is no kink and where no gradient
/// vanishes. Whether it is a kink is told from the differences alone.
pub fn check(
    case: &str,
    reduction: Reduction,
    draw: impl Fn(&mut Random) -> Vec<Vec<f64>>,
    loss: impl Fn(&[Vec<f64>]) -> Evaluation,
) {
    for seed in 0..60 {
        let mut inputs = draw(&mut Random::new(seed));
        let evaluation = loss(&inputs);
        assert_eq!(evaluation.gradients.len(), inputs.len(), "{case}");
        let Some(estimates) = differences(&mut inputs, &loss) else {
            continue;
        };
        for (input, (gradient, estimate)) in evaluation.gradients.iter().zip(&estimates).enumerate() {
            assert_eq!(gradient.len(), estimate.len(), "{case}");
            let scale = largest(estimate);
            for (entry, (exact, estimate)) in gradient.iter().zip(estimate).enumerate() {
                let error = (exact - estimate).abs() / scale;
                assert!(error <= 1e-6, "{case}, input {input}[{entry}]: {exact} is not {estimate}");
            }
        }
        if reduction == Reduction::Sum {
            assert_close(evaluation.terms.iter().sum(), evaluation.value);
        }
        return;
    }
    panic!("{case}: no smooth point in 60");
}

/// Fourth-order central differences for each input, or none where two step sizes disagree or an input has no gradient.
fn differences(inputs: &mut [Vec<f64>], loss: &impl Fn(&[Vec<f64>]) -> Evaluation) -> Option<Vec<Vec<f64>>> {
    let mut all = vec![];
    for input in 0..inputs.len() {
        let (mut fine, mut coarse) = (vec![], vec![]);
        for entry in 0..inputs[input].len() {
            let centre = inputs[input][entry];
            let mut at = |offset: f64| {
                inputs[input][entry] = centre + offset;
                let value = loss(inputs).value;
                inputs[input][entry] = centre;
                value
            };
            let mut slope = |h: f64| (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let step = 5e-5 * centre.abs().max(1.0);
            fine.push(slope(step));
            coarse.push(slope(1.7 * step));
        }
        let scale = largest(&fine);
        let smooth = fine.iter().zip(&coarse).all(|(fine, coarse)| (fine - coarse).abs() <= 2e-7 * scale);
        if !smooth || scale < 1e-4 {
            return None;
        }
        all.push(fine);
    }
    Some(all)
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |largest, number| number.abs().max(largest))
}
