//! The linear probe: how well a linear classifier does on features that don't change (Alain and Bengio 2016).
//!
//! The recipe is fixed: features are centred and divided by one number, softmax regression with a squared penalty on the
//! weights is solved by L-BFGS, and of five penalties the one with the highest accuracy on a validation part is taken.

use crate::models::mlp::values;
use anyhow::{Result, ensure};
use burn::tensor::{
    Device, Tensor, TensorData,
    activation::{log_softmax, softmax},
};
use std::collections::VecDeque;

/// The penalties to choose from, from the strongest, from which the others start.
const PENALTIES: [f64; 5] = [1.0, 0.1, 0.01, 1e-3, 1e-4];
/// Steps of L-BFGS at most, and those that it remembers.
const STEPS: usize = 60;
const MEMORY: usize = 8;
/// Length of a gradient that ends the search.
const ENOUGH: f64 = 1e-3;

/// Features row by row, with a class for each row.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The features.
    pub values: &'a [f32],
    /// The classes.
    pub labels: &'a [i64],
}

/// A linear classifier of features.
#[derive(Clone, Debug)]
pub struct Probe {
    mean: Vec<f32>,
    scale: f32,
    classes: usize,
    /// `[features + 1, classes]`; the last row is the bias.
    weights: Vec<f64>,
}

impl Probe {
    /// The probe with the penalty that does best on `valid`, the stronger one of equals.
    ///
    /// # Errors
    /// If there is no row, a feature isn't finite, or a label is no class.
    pub fn chosen(train: Rows, valid: Rows, classes: usize) -> Result<Self> {
        let fitted = Self::path(train, classes)?;
        let mut best: Option<(f64, Self)> = None;
        for probe in fitted {
            let accuracy = probe.accuracy(valid);
            if best.as_ref().is_none_or(|(highest, _)| accuracy > *highest) {
                best = Some((accuracy, probe));
            }
        }
        Ok(best.expect("there are penalties").1)
    }

    /// A probe for each penalty, each started from the one before.
    fn path(train: Rows, classes: usize) -> Result<Vec<Self>> {
        let Rows { values, labels } = train;
        ensure!(!labels.is_empty(), "a linear probe needs labelled rows");
        ensure!(values.iter().all(|value| value.is_finite()), "a linear probe needs finite features");
        let known = |label: &i64| usize::try_from(*label).is_ok_and(|label| label < classes);
        ensure!(labels.iter().all(known), "labels from 0 to {}", classes - 1);
        let width = values.len() / labels.len();
        let mut mean = vec![0.0_f64; width];
        for row in values.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / labels.len() as f64);
        }
        let squares = values.chunks_exact(width).flat_map(|row| row.iter().zip(&mean));
        let squares: f64 = squares.map(|(value, mean)| (f64::from(*value) - mean).powi(2)).sum();
        let scale = (squares / values.len() as f64).sqrt();
        let start = Self {
            mean: mean.iter().map(|mean| *mean as f32).collect(),
            scale: if scale > 1e-12 { scale as f32 } else { 1.0 },
            classes,
            weights: vec![0.0; (width + 1) * classes],
        };
        let problem = Problem::new(start.inputs(values), labels, classes);
        let mut weights = start.weights.clone();
        let fit = |penalty: &f64| {
            weights = minimum(weights.clone(), |weights| problem.cost(weights, *penalty));
            Self { weights: weights.clone(), ..start.clone() }
        };
        Ok(PENALTIES.iter().map(fit).collect())
    }

    /// The share of rows that are given their class.
    pub fn accuracy(&self, rows: Rows) -> f64 {
        let logits = values(self.inputs(rows.values).matmul(self.matrix()));
        let is_right = |(logits, label): &(&[f32], &i64)| {
            let best = (0..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
            best as i64 == **label
        };
        logits.chunks_exact(self.classes).zip(rows.labels).filter(is_right).count() as f64 / rows.labels.len() as f64
    }

    /// Features brought to scale, with a 1 after each row for the bias: `[rows, features + 1]`.
    fn inputs(&self, features: &[f32]) -> Tensor<2> {
        let width = self.mean.len();
        let row = |row: &[f32]| -> Vec<f32> {
            let scaled = row.iter().zip(&self.mean).map(|(value, mean)| (value - mean) / self.scale);
            scaled.chain([1.0]).collect()
        };
        let data: Vec<f32> = features.chunks_exact(width).flat_map(row).collect();
        Tensor::from_data(TensorData::new(data, [features.len() / width, width + 1]), &Device::flex())
    }

    fn matrix(&self) -> Tensor<2> {
        matrix(&self.weights, self.classes)
    }
}

fn matrix(weights: &[f64], classes: usize) -> Tensor<2> {
    let data: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
    Tensor::from_data(TensorData::new(data, [weights.len() / classes, classes]), &Device::flex())
}

/// Softmax regression on some rows.
struct Problem {
    inputs: Tensor<2>,
    /// 1 for the class of a row, 0 for the others.
    targets: Tensor<2>,
    rows: usize,
    classes: usize,
}

impl Problem {
    fn new(inputs: Tensor<2>, labels: &[i64], classes: usize) -> Self {
        let one =
            |label: &i64| (0..classes as i64).map(|class| f32::from(u8::from(class == *label))).collect::<Vec<_>>();
        let targets: Vec<f32> = labels.iter().flat_map(one).collect();
        let targets = Tensor::from_data(TensorData::new(targets, [labels.len(), classes]), &Device::flex());
        Self { inputs, targets, rows: labels.len(), classes }
    }

    /// Mean cross-entropy and half of the penalty times the squared weights, without the biases; with the gradient.
    fn cost(&self, weights: &[f64], penalty: f64) -> (f64, Vec<f64>) {
        let logits = self.inputs.clone().matmul(matrix(weights, self.classes));
        let chosen = values(log_softmax(logits.clone(), 1) * self.targets.clone());
        let error = softmax(logits, 1) - self.targets.clone();
        let gradient = values(self.inputs.clone().transpose().matmul(error));
        let penalised = weights.len() - self.classes;
        let squares: f64 = weights[..penalised].iter().map(|weight| weight * weight).sum();
        let loss = -chosen.iter().map(|value| f64::from(*value)).sum::<f64>() / self.rows as f64;
        let pull = |at: usize| if at < penalised { penalty * weights[at] } else { 0.0 };
        let gradient = gradient.iter().enumerate().map(|(at, value)| f64::from(*value) / self.rows as f64 + pull(at));
        (loss + 0.5 * penalty * squares, gradient.collect())
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// L-BFGS with steps that are halved until the cost falls enough (Nocedal and Wright 2006, algorithms 7.4 and 3.1).
fn minimum(mut at: Vec<f64>, cost: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut gradient) = cost(&at);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::with_capacity(MEMORY);
    for _ in 0..STEPS {
        if dot(&gradient, &gradient).sqrt() < ENOUGH {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&gradient, &direction);
        let mut length = 1.0;
        let found = (0..30).find_map(|_| {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(at, step)| at + length * step).collect();
            let (lower, steepness) = cost(&next);
            if lower <= value + 1e-4 * length * slope {
                return Some((next, lower, steepness));
            }
            length /= 2.0;
            None
        });
        // What is left is below the rounding errors of the cost.
        let Some((next, lower, steepness)) = found else { break };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        let changed: Vec<f64> = steepness.iter().zip(&gradient).map(|(after, before)| after - before).collect();
        if dot(&moved, &changed) > 1e-12 {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back((moved, changed));
        }
        (at, value, gradient) = (next, lower, steepness);
    }
    at
}

/// The way down that the steps so far suggest.
fn direction(gradient: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut way: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (moved, changed) in memory.iter().rev() {
        let share = dot(moved, &way) / dot(moved, changed);
        way.iter_mut().zip(changed).for_each(|(way, changed)| *way -= share * changed);
        shares.push(share);
    }
    if let Some((moved, changed)) = memory.back() {
        let scale = dot(moved, changed) / dot(changed, changed);
        way.iter_mut().for_each(|way| *way *= scale);
    }
    for ((moved, changed), share) in memory.iter().zip(shares.iter().rev()) {
        let back = dot(changed, &way) / dot(moved, changed);
        way.iter_mut().zip(moved).for_each(|(way, moved)| *way += (share - back) * moved);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand_distr::{Distribution, StandardNormal};

    /// Points around the middle of each class, at distance 3 of the origin, in six dimensions of unequal size.
    fn clouds(count: usize, seed: u64) -> (Vec<f32>, Vec<i64>) {
        let random = &mut random::stream(seed, "clouds");
        let labels: Vec<i64> = (0..count as i64).map(|at| at % 3).collect();
        let row = |label: &i64| -> Vec<f32> {
            (0..6)
                .map(|column| {
                    let noise: f32 = StandardNormal.sample(random);
                    5.0 + noise + if column == *label as usize { 3.0 } else { 0.0 }
                })
                .collect()
        };
        (labels.clone().iter().flat_map(row).collect(), labels)
    }

    #[test]
    fn the_solution_has_no_slope_and_no_lower_neighbour() {
        let (features, labels) = clouds(90, 1);
        let rows = Rows { values: &features, labels: &labels };
        let path = Probe::path(rows, 3).unwrap();
        for (probe, penalty) in path.iter().zip(PENALTIES).take(2) {
            let problem = Problem::new(probe.inputs(&features), &labels, 3);
            let (cost, gradient) = problem.cost(&probe.weights, penalty);
            assert!(dot(&gradient, &gradient).sqrt() < 2.0 * ENOUGH, "{penalty}: {gradient:?}");
            for at in 0..probe.weights.len() {
                for step in [-0.05, 0.05] {
                    let mut beside = probe.weights.clone();
                    beside[at] += step;
                    assert!(problem.cost(&beside, penalty).0 > cost);
                }
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_cost() {
        let (features, labels) = clouds(30, 1);
        let probe = Probe::path(Rows { values: &features, labels: &labels }, 3).unwrap().remove(1);
        let problem = Problem::new(probe.inputs(&features), &labels, 3);
        let at: Vec<f64> = (0..21).map(|place| (place as f64 * 0.7).sin()).collect();
        let (_, gradient) = problem.cost(&at, 0.3);
        for place in 0..at.len() {
            let cost = |step: f64| {
                let mut beside = at.clone();
                beside[place] += step;
                problem.cost(&beside, 0.3).0
            };
            assert!(((cost(0.01) - cost(-0.01)) / 0.02 - gradient[place]).abs() < 1e-3);
        }
    }

    #[test]
    fn classes_apart_are_told_apart_and_pure_chance_is_not() {
        let ((train, labels), (test, test_labels)) = (clouds(300, 1), clouds(300, 2));
        let rows = |values, labels| Rows { values, labels };
        let probe = Probe::chosen(rows(&train, &labels), rows(&test, &test_labels), 3).unwrap();
        let accuracy = probe.accuracy(rows(&test, &test_labels));
        // Two middles are 3√2 apart: a point is on the wrong side of a border with a chance of 1.7 %.
        assert!(accuracy > 0.94, "{accuracy}");
        let nothing = vec![1.0; 300 * 6];
        let probe = Probe::chosen(rows(&nothing, &labels), rows(&nothing, &labels), 3).unwrap();
        assert!((probe.accuracy(rows(&nothing, &labels)) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_fitted_is_an_error() {
        let error = |values: &[f32], labels: &[i64]| {
            let rows = Rows { values, labels };
            Probe::chosen(rows, rows, 2).unwrap_err().to_string()
        };
        assert_eq!(error(&[], &[]), "a linear probe needs labelled rows");
        assert_eq!(error(&[f32::NAN], &[0]), "a linear probe needs finite features");
        assert_eq!(error(&[1.0], &[2]), "labels from 0 to 1");
    }
}
