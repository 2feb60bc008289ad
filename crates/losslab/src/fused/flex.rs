//! From a tensor on the CPU to a slice and back, without a copy where the tensor is contiguous.

use super::attach;
use burn::backend::{BackendTypes, Flex};
use burn::tensor::{DType, Tensor, TensorData};
use losslab_kernels::Sums;
use losslab_kernels::options::Reduction;

/// A contiguous f32 tensor of the Flex device.
pub(crate) struct HostSlice(<Flex as BackendTypes>::FloatTensorPrimitive);

impl HostSlice {
    /// The values of a tensor, or nothing where it lives elsewhere or isn't f32.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        let tensor = tensor.clone().inner().try_into_primitive::<Flex>().ok()?;
        Some(Self(tensor.to_contiguous()))
    }

    pub fn as_slice(&self) -> &[f32] {
        self.0.as_slice().expect("a contiguous f32 tensor")
    }
}

/// Runs a kernel that returns a loss and writes its gradients, one for each input that has a tape, and returns the loss
/// with these gradients attached.
pub(crate) fn attach_value<const N: usize, const D: usize>(
    inputs: [Tensor<D>; N],
    kernel: impl FnOnce([Option<&mut [f32]>; N]) -> f64,
) -> Tensor<1> {
    let device = inputs[0].device().inner();
    let buffer = |input: &Tensor<D>| input.is_tracked().then(|| vec![0.0; input.shape().num_elements()]);
    let mut gradients = inputs.each_ref().map(buffer);
    let value = kernel(gradients.each_mut().map(|gradient| gradient.as_deref_mut()));
    let mut value = Tensor::from_data([value as f32], &device);
    for (input, gradient) in inputs.into_iter().zip(gradients) {
        let gradient = gradient.map(|values| Tensor::from_data(TensorData::new(values, input.shape()), &device));
        value = attach(value, input, gradient);
    }
    value
}

/// Runs a kernel that writes the gradients of the sum of its terms, and returns the reduced loss with these gradients
/// attached.
pub(crate) fn attach_sum<const N: usize, const D: usize>(
    inputs: [Tensor<D>; N],
    reduction: Reduction,
    kernel: impl FnOnce([Option<&mut [f32]>; N]) -> Sums,
) -> Tensor<1> {
    let mut sums = Sums::default();
    let total = attach_value(inputs, |gradients| {
        sums = kernel(gradients);
        sums.total
    });
    // The gradients are those of the sum: scaling after the attachment scales both.
    total * sums.scale(reduction)
}
