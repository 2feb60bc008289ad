//! The seam to autodiff: a value, an input and the gradient between them.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, binary};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use rayon::prelude::*;

/// An operation whose gradient was computed together with its value.
#[backend_extension(Flex, Autodiff)]
pub trait AttachGradient: Backend {
    /// Returns `value`, one number. Going back, `input` receives `gradient` times the upstream number, and `value` the
    /// upstream number itself, so that the gradients of several inputs are attached one after the other.
    fn attach_gradient(
        value: FloatTensor<Self>,
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// A gradient times one number.
    fn times(gradient: FloatTensor<Self>, number: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl AttachGradient for Flex {
    fn attach_gradient(
        value: FloatTensor<Self>,
        _input: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        value
    }

    /// In place and on all threads, where Burn's own product takes one.
    fn times(mut gradient: FloatTensor<Self>, number: FloatTensor<Self>) -> FloatTensor<Self> {
        let of_f32 = gradient.dtype() == DType::F32 && gradient.is_contiguous();
        let Some(&[number]) = number.as_slice::<f32>().filter(|_| of_f32) else {
            return product::<Self>(gradient, number);
        };
        if number != 1.0 {
            let values = gradient.storage_mut::<f32>();
            values.par_chunks_mut(1 << 14).for_each(|values| values.iter_mut().for_each(|g| *g *= number));
        }
        gradient
    }
}

fn product<B: Backend>(gradient: FloatTensor<B>, number: FloatTensor<B>) -> FloatTensor<B> {
    let ones = vec![1; gradient.shape().num_dims()];
    B::float_mul(gradient, B::float_reshape(number, ones.into()))
}

impl<B: AttachGradient, C: CheckpointStrategy> AttachGradient for Autodiff<B, C> {
    fn attach_gradient(
        value: FloatTensor<Self>,
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Attach;

        impl<B: AttachGradient> Backward<B, 2> for Attach {
            type State = FloatTensor<B>;

            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = ops.state;
                binary::<B, _, _>(
                    ops.parents,
                    ops.node,
                    grads,
                    |upstream| upstream,
                    |upstream| B::times(gradient, upstream),
                );
            }
        }

        let nodes = [value.node(), input.node()];
        let gradient = gradient.into_primitive();
        match Attach.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient, value.into_primitive()),
            OpsKind::UnTracked(prep) => prep.finish(value.into_primitive()),
        }
    }

    fn times(gradient: FloatTensor<Self>, number: FloatTensor<Self>) -> FloatTensor<Self> {
        product::<Self>(gradient, number)
    }
}

/// Returns `value`, whose derivative with respect to `input` is `gradient`, or 0 without one.
///
/// `value` may carry gradients of other inputs already. `gradient` has the shape of `input` and no tape.
pub(crate) fn attach<const D: usize>(value: Tensor<1>, input: Tensor<D>, gradient: Option<Tensor<D>>) -> Tensor<1> {
    let value = if input.is_autodiff() { value.autodiff() } else { value };
    if !input.is_tracked() {
        return value;
    }
    let gradient = gradient.unwrap_or_else(|| input.clone().inner().zeros_like()).autodiff();
    if input.clone().inner().try_into_primitive::<Flex>().is_err() {
        // Plain operations do the same on any device, at the price of a product of the input's size, which is 0.
        return value + ((input.clone() - input.detach()) * gradient).sum();
    }
    let (value, input, gradient) = (value.into_dispatch(), input.into_dispatch(), gradient.into_dispatch());
    Tensor::from_dispatch(<Dispatch as AttachGradient>::attach_gradient(value, input, gradient))
}

/// Zeros on the tape of the input, with gradient 0: the loss of nothing.
pub(crate) fn nothing<const D: usize>(input: Tensor<D>, count: usize) -> Tensor<1> {
    let inner = input.clone().inner();
    let zeros = |count: usize| Tensor::<1>::zeros([count], (&inner.device(), inner.dtype()));
    let zero = attach(zeros(1), input, None);
    // Burn expands to no size of 0.
    if count == 0 { zero.slice(0..0) } else { zero.expand([count]) }
}
