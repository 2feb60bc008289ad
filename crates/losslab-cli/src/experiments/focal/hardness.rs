//! Task 5: easy and hard examples.
//!
//! Whether an example is easy must not depend on the losses that are compared. So its neighbours decide, before any
//! training: an example of the validation part is easy when its five nearest training rows all have its label, and
//! hard when fewer than half of them do.

use super::{Recipe, loss_of};
use crate::{data::Table, models::mlp::values};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// How many neighbours are asked.
pub const NEIGHBOURS: usize = 5;

/// Rows that are compared at most: all pairs of a large set would take longer than its training.
const MOST_ROWS: usize = 4000;

/// The rows of the validation part that are easy, and those that are hard.
pub struct Hardness {
    easy: Vec<usize>,
    hard: Vec<usize>,
}

impl Hardness {
    /// Asks the nearest training rows about each validation row.
    pub fn judge(train: &Table, valid: &Table) -> Self {
        let (train_rows, valid_rows) = (train.rows().min(MOST_ROWS), valid.rows().min(MOST_ROWS));
        let columns = train.columns;
        let rows = |table: &Table, rows: usize| {
            let data = TensorData::new(table.features[..rows * columns].to_vec(), [rows, columns]);
            Tensor::<2>::from_data(data, &Device::flex())
        };
        // |x − y|² = |x|² − 2 (x·y − |y|²/2): the nearest row has the largest bracket.
        let closeness = values(rows(valid, valid_rows).matmul(rows(train, train_rows).transpose()));
        let half_squares: Vec<f32> =
            (0..train_rows).map(|row| train.row(row).iter().map(|value| value * value).sum::<f32>() / 2.0).collect();

        let mut hardness = Hardness { easy: Vec::new(), hard: Vec::new() };
        for (index, products) in closeness.chunks_exact(train_rows).enumerate() {
            let mut nearest: Vec<(f32, usize)> =
                products.iter().zip(&half_squares).map(|(product, half)| half - product).zip(0..).collect();
            let count = NEIGHBOURS.min(train_rows);
            nearest.select_nth_unstable_by(count - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let agree = nearest[..count].iter().filter(|(_, row)| train.labels[*row] == valid.labels[index]).count();
            if agree == count {
                hardness.easy.push(index);
            } else if 2 * agree < count {
                hardness.hard.push(index);
            }
        }
        hardness
    }

    /// How many are easy and how many are hard.
    pub fn sizes(&self) -> [usize; 2] {
        [self.easy.len(), self.hard.len()]
    }

    /// Mean cross-entropy −log p_t over the easy and over the hard ones; none where there are none.
    pub fn losses(&self, logits: &[f32], labels: &[bool]) -> [Option<f64>; 2] {
        [&self.easy, &self.hard].map(|rows| {
            let sum: f64 = rows.iter().map(|row| cross_entropy(logits[*row], labels[*row])).sum();
            (!rows.is_empty()).then(|| sum / rows.len() as f64)
        })
    }
}

/// `−log p_t = log(1 + exp(∓logit))`, written so that it never overflows.
fn cross_entropy(logit: f32, label: bool) -> f64 {
    let against = if label { -f64::from(logit) } else { f64::from(logit) };
    against.max(0.0) + (-against.abs()).exp().ln_1p()
}

/// Upper ends of the classes of p_t, the probability of the true class.
pub const EDGES: [f64; 5] = [0.2, 0.5, 0.8, 0.95, 1.0];

/// How examples and gradients spread over the classes of p_t, as shares of 1.
#[derive(Deserialize, Serialize)]
pub struct GradientShares {
    /// Share of the examples in each class.
    pub examples: [f64; EDGES.len()],
    /// Share of the gradient in each class, for each γ.
    pub gradients: Vec<[f64; EDGES.len()]>,
}

impl GradientShares {
    /// Asks the losses themselves: each backward pass gives the gradient that every example would send.
    pub fn of(logits: &[f32], labels: &[bool], gammas: &[f64]) -> Self {
        let class = |row: usize| {
            let p_t = (-cross_entropy(logits[row], labels[row])).exp();
            EDGES.iter().position(|edge| p_t < *edge).unwrap_or(EDGES.len() - 1)
        };
        let shares = |weights: &[f32]| {
            let mut sums = [0.0; EDGES.len()];
            weights.iter().enumerate().for_each(|(row, weight)| sums[class(row)] += f64::from(weight.abs()));
            let total: f64 = sums.iter().sum();
            sums.map(|sum| if total > 0.0 { sum / total } else { 0.0 })
        };
        let device = Device::flex().autodiff();
        let tensor = |values: Vec<f32>| {
            let shape = [values.len(), 1];
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        let targets = tensor(labels.iter().map(|label| f32::from(u8::from(*label))).collect());
        let gradients = gammas.iter().map(|gamma| {
            let logits = tensor(logits.to_vec()).require_grad();
            let loss = loss_of(Recipe { gamma: *gamma, alpha: None }).forward(logits.clone(), targets.clone());
            let gradient = logits.grad(&loss.backward()).expect("the loss depends on its logits");
            shares(&values(gradient))
        });
        Self { examples: shares(&vec![1.0; logits.len()]), gradients: gradients.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_tell_easy_from_hard() {
        let train = Table {
            columns: 1,
            features: (0..10).map(|row| if row < 5 { row as f32 * 0.1 } else { 10.0 + row as f32 * 0.1 }).collect(),
            labels: (0..10).map(|row| row >= 5).collect(),
        };
        let valid = Table { columns: 1, features: vec![0.0, 0.2, 10.0], labels: vec![false, true, true] };
        let hardness = Hardness::judge(&train, &valid);
        assert_eq!((hardness.easy, hardness.hard), (vec![0, 2], vec![1]));
    }

    #[test]
    fn losses_are_means_over_their_examples() {
        let hardness = Hardness { easy: vec![0, 1], hard: vec![] };
        let [easy, hard] = hardness.losses(&[0.0, 0.0, 9.0], &[true, false, true]);
        assert!((easy.unwrap() - std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(hard, None);
        assert!((cross_entropy(-1e4, true) - 1e4).abs() < 1e-9 && cross_entropy(1e4, true) == 0.0);
    }

    #[test]
    fn gamma_moves_the_gradient_to_the_hard_examples() {
        // An easy example (p_t = 0.9) and a hard one (p_t = 0.1): |gradient| of cross-entropy is 1 − p_t.
        let logit = 9.0_f32.ln();
        let shares = GradientShares::of(&[logit, -logit], &[true, true], &[0.0, 2.0]);
        assert_eq!(shares.examples, [0.5, 0.0, 0.0, 0.5, 0.0]);
        assert!((shares.gradients[0][0] - 0.9).abs() < 1e-5);
        assert!(shares.gradients[1][0] > 0.98);
    }
}
