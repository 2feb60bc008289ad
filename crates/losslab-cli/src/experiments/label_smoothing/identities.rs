//! Task 1: what the loss is made of, checked on the logits of a trained network.

use super::{Recipe, Settings};
use crate::models::mlp::values;
use burn::tensor::{Device, Int, Tensor, TensorData};
use losslab::metrics::{Logits, MetricError, nll_of_logits};
use serde::{Deserialize, Serialize};

/// Rows that are compared at most.
const COMPARED: usize = 256;

/// Largest relative differences over all ε above 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Identities {
    /// Of the loss with ε/K for every class and the one with ε/(K−1) for the others, ε converted.
    pub conventions: f64,
    /// Of their gradients, relative to the largest entry.
    pub gradients: f64,
    /// Of the loss and `(1 − ε) H(y, p) + ε (D_KL(u ‖ p) + ln K)`.
    pub parts: f64,
}

impl Identities {
    /// Compares the loss with itself and with its parts on logits.
    pub fn of(logits: &Logits, targets: &[i64], settings: &Settings, device: &Device) -> Result<Self, MetricError> {
        let (count, classes) = (targets.len().min(COMPARED), logits.classes());
        let logits = Logits::try_new(logits.rows().take(count).flatten().copied().collect(), classes)?;
        let targets = &targets[..count];
        let hard = nll_of_logits(&logits, targets)?;
        // D_KL(u ‖ p) + ln K = H(u, p): the mean over the classes of −ln p.
        let of_class = |class: usize| nll_of_logits(&logits, &vec![class as i64; count]);
        let equal = (0..classes).map(of_class).sum::<Result<f64, MetricError>>()? / classes as f64;

        let mut largest = Self::default();
        for smoothing in settings.smoothing.iter().copied().filter(|smoothing| *smoothing > 0.0) {
            let recipe = Recipe::uniform(smoothing);
            let (loss, gradient) = loss_and_gradient(recipe, &logits, targets, device);
            let (other_loss, other_gradient) = loss_and_gradient(recipe.converted(classes), &logits, targets, device);
            let parts = (1.0 - smoothing) * hard + smoothing * equal;
            let size = gradient.iter().fold(0.0_f32, |size, entry| size.max(entry.abs()));
            let apart = gradient.iter().zip(&other_gradient).fold(0.0_f32, |apart, (a, b)| apart.max((a - b).abs()));
            largest = Self {
                conventions: largest.conventions.max((loss - other_loss).abs() / loss),
                gradients: largest.gradients.max(f64::from(apart / size)),
                parts: largest.parts.max((loss - parts).abs() / loss),
            };
        }
        Ok(largest)
    }

    /// The larger of both differences, entry by entry.
    pub fn max(self, other: Self) -> Self {
        Self {
            conventions: self.conventions.max(other.conventions),
            gradients: self.gradients.max(other.gradients),
            parts: self.parts.max(other.parts),
        }
    }
}

fn loss_and_gradient(recipe: Recipe, logits: &Logits, targets: &[i64], device: &Device) -> (f64, Vec<f32>) {
    let (count, classes) = (logits.len(), logits.classes());
    let entries: Vec<f32> = logits.rows().flatten().map(|x| *x as f32).collect();
    let logits = Tensor::<2>::from_data(TensorData::new(entries, [count, classes]), device).require_grad();
    let targets = Tensor::<1, Int>::from_data(TensorData::new(targets.to_vec(), [count]), device);
    let loss = recipe.loss().forward(logits.clone(), targets);
    let gradient = logits.grad(&loss.backward()).expect("the loss depends on the logits");
    (f64::from(loss.into_scalar::<f32>()), values(gradient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conventions_agree_where_epsilon_is_converted_and_only_there() {
        let logits = Logits::try_new((0..80).map(|at| f64::from((at * 37 % 23) as u8) - 11.0).collect(), 4).unwrap();
        // Right answers: of wrong ones a little more smoothing changes hardly anything.
        let targets = logits.predictions();
        let device = Device::flex().autodiff();
        let found = Identities::of(&logits, &targets, &Settings::quick(), &device).unwrap();
        let largest = found.conventions.max(found.gradients).max(found.parts);
        assert!(largest < 1e-5, "{found:?}");
        let (uniform, converted) = (Recipe::uniform(0.1), Recipe::uniform(0.1).converted(4));
        let same_number = Recipe { smoothing: 0.1, ..converted };
        let loss = |recipe| loss_and_gradient(recipe, &logits, &targets, &device).0;
        assert!((loss(uniform) - loss(same_number)).abs() > 1e-2 * loss(uniform));
    }
}
