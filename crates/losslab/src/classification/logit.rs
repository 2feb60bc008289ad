//! What the losses over `[n, classes]` logits share: checks, class weights, and the logit of the true class.

use crate::error::{ConfigError, InputError, Range};
use crate::labels;
use crate::math::in_f32;
use crate::reduction::Terms;
use burn::tensor::{Int, Tensor, TensorData};

/// Targets that were checked against their logits.
pub(crate) struct Targets {
    pub classes: usize,
    pub indices: Vec<i64>,
    ignore_index: Option<i64>,
}

impl Targets {
    pub fn check(
        loss: &'static str,
        logits: &Tensor<2>,
        targets: Tensor<1, Int>,
        ignore_index: Option<i64>,
        weights: Option<(&'static str, &[f32])>,
    ) -> Result<Self, InputError> {
        let [rows, classes] = logits.dims();
        InputError::check_shape(loss, "targets", &targets.dims(), &[rows], "(one class index for each row of logits)")?;
        if let Some((name, weights)) = weights {
            let why = "(one for each column of logits)";
            InputError::check_shape(loss, name, &[weights.len()], &[classes], why)?;
        }
        let indices = labels::read(targets);
        labels::check_classes(loss, &indices, classes, ignore_index)?;
        Ok(Self { classes, indices, ignore_index })
    }

    fn ignored(&self, target: i64) -> bool {
        self.ignore_index == Some(target)
    }

    /// The class weight of each sample, 0 where ignored.
    fn sample_weights(&self, weights: Option<&[f32]>) -> Vec<f32> {
        let weight = |target: i64| weights.map_or(1.0, |weights| weights[target as usize]);
        self.indices.iter().map(|&target| if self.ignored(target) { 0.0 } else { weight(target) }).collect()
    }

    /// Logits in f32 or f64, with ignored rows set to 0, so that nothing in them reaches the loss.
    pub fn mask(&self, logits: Tensor<2>) -> Tensor<2> {
        let logits = in_f32(logits);
        if !self.indices.iter().any(|&target| self.ignored(target)) {
            return logits;
        }
        let rows = self.indices.iter().map(|&target| self.ignored(target)).collect::<Vec<bool>>();
        let mask = Tensor::<1, burn::tensor::Bool>::from_data(rows.as_slice(), &logits.device().inner());
        let shape = logits.shape();
        logits.mask_fill(mask.unsqueeze_dim::<2>(1).expand(shape), 0)
    }

    /// One-hot rows of the targets; class 0 stands in where ignored.
    pub fn one_hot(&self, like: &Tensor<2>) -> Tensor<2, burn::tensor::Bool> {
        let mut hot = vec![false; self.indices.len() * self.classes];
        for (row, &target) in self.indices.iter().enumerate() {
            let class = if self.ignored(target) { 0 } else { target as usize };
            hot[row * self.classes + class] = true;
        }
        Tensor::from_data(TensorData::new(hot, like.shape()), &like.device().inner())
    }

    /// Weighs the terms by the class of each sample.
    pub fn weigh(&self, values: Tensor<1>, weights: Option<&[f32]>) -> Terms {
        let of_samples = self.sample_weights(weights);
        let weight = of_samples.iter().map(|&weight| f64::from(weight)).sum();
        let valid = self.indices.iter().filter(|&&target| !self.ignored(target)).count() as u64;
        let of_samples = Tensor::<1>::from_data(of_samples.as_slice(), &values.device().inner()).cast(values.dtype());
        Terms { values: values * of_samples, weight, valid }
    }
}

/// The logit of `p_y` against all other classes: `x_y − log Σ_{c≠y} exp(x_c)`, shape `[n]`.
///
/// `−ln p_y = softplus(−z)` and `ln(1 − p_y) = −softplus(z)` keep their digits at both ends, which `log_softmax` doesn't.
/// With a single class it is +∞; the callers treat that case by itself.
pub(crate) fn true_class_logit(logits: Tensor<2>, hot: Tensor<2, burn::tensor::Bool>) -> Tensor<1> {
    let true_logit = logits.clone().mask_fill(hot.clone().bool_not(), 0).sum_dim(1);
    let others = logits.mask_fill(hot, f32::NEG_INFINITY);
    let max = others.clone().inner().max_dim(1);
    // All other classes ruled out: p_y is 1.
    let nothing = max.clone().equal_elem(f32::NEG_INFINITY);
    let max = max.mask_fill(nothing, 0);
    let log_sum = (others - max.clone()).exp().sum_dim(1).log();
    ((true_logit - max) - log_sum).squeeze_dim(1)
}

/// Checks class weights: each finite and at least 0.
pub(crate) fn check_weights(
    loss: &'static str,
    parameter: &'static str,
    weights: Option<&[f32]>,
) -> Result<(), ConfigError> {
    let each = weights.unwrap_or_default().iter();
    each.copied().try_for_each(|weight| ConfigError::check(loss, parameter, weight.into(), Range::AtLeast(0.0)))
}
