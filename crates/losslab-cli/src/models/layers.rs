//! Layers whose first weights come from a named stream of random numbers and not from Burn's global generator, so that
//! a seed gives the same network whatever else runs at the time.

use crate::random::Random;
use burn::{
    module::Param,
    nn::{Linear, PaddingConfig2d, conv::Conv2d},
    tensor::{Device, Tensor, TensorData},
};
use rand::RngExt;

/// `[rows, inputs]` to `[rows, outputs]`, with He's uniform initialisation and biases of 0.
pub fn linear(inputs: usize, outputs: usize, random: &mut Random, device: &Device) -> Linear {
    Linear { weight: he_uniform([inputs, outputs], inputs, random, device), bias: Some(zeros(outputs, device)) }
}

/// A convolution with square kernels, He's uniform initialisation and biases of 0. Its padding keeps the size where
/// `same` (for odd kernels and stride 1), and is none otherwise.
pub fn conv2d(
    [inputs, outputs]: [usize; 2],
    kernel: usize,
    stride: usize,
    same: bool,
    random: &mut Random,
    device: &Device,
) -> Conv2d {
    let side = kernel / 2;
    Conv2d {
        weight: he_uniform([outputs, inputs, kernel, kernel], inputs * kernel * kernel, random, device),
        bias: Some(zeros(outputs, device)),
        stride: [stride; 2],
        kernel_size: [kernel; 2],
        dilation: [1; 2],
        groups: 1,
        padding: if same { PaddingConfig2d::Explicit(side, side, side, side) } else { PaddingConfig2d::Valid },
    }
}

fn he_uniform<const D: usize>(
    shape: [usize; D],
    inputs: usize,
    random: &mut Random,
    device: &Device,
) -> Param<Tensor<D>> {
    let bound = (6.0 / inputs as f32).sqrt();
    let weights: Vec<f32> = (0..shape.iter().product()).map(|_| random.random_range(-bound..bound)).collect();
    Param::from_data(TensorData::new(weights, shape), device)
}

fn zeros(count: usize, device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::new(vec![0.0_f32; count], [count]), device)
}
