//! The convolutional encoder of the handout's Siamese network: an image becomes an embedding.

use super::{
    layers::{conv2d, linear},
    mlp::values,
};
use crate::{
    data::images::{Images, Scaling},
    random::Random,
};
use burn::{
    module::Module,
    nn::{Linear, conv::Conv2d, pool::MaxPool2dConfig},
    tensor::{Device, Tensor, activation::relu},
};

/// Channels after the first convolution in the handout's network.
const WIDTH: usize = 32;
/// Images that are embedded at a time: bounds memory, and the result doesn't depend on it.
const EMBEDDED_AT_ONCE: usize = 256;

/// Two convolutions of 5 × 5 with pooling, then two dense layers.
#[derive(Module, Debug)]
pub struct Encoder {
    conv1: Conv2d,
    conv2: Conv2d,
    hidden: Linear,
    output: Linear,
}

impl Encoder {
    /// For images of `channels` × `height` × `width`; at least 16 × 16, and both sides with a remainder of 0 by 4.
    pub fn new(shape: [usize; 3], embedding: usize, random: &mut Random, device: &Device) -> Self {
        Self::of_width(WIDTH, shape, embedding, random, device)
    }

    /// The same network with another number of channels after the first convolution; the others grow with it: twice as
    /// many after the second, eight times as many in the hidden layer.
    pub fn of_width(
        channels: usize,
        [colours, height, width]: [usize; 3],
        embedding: usize,
        random: &mut Random,
        device: &Device,
    ) -> Self {
        let left = |side: usize| ((side - 4) / 2 - 4) / 2;
        let flat = 2 * channels * left(height) * left(width);
        Self {
            conv1: conv2d([colours, channels], 5, 1, false, random, device),
            conv2: conv2d([channels, 2 * channels], 5, 1, false, random, device),
            hidden: linear(flat, 8 * channels, random, device),
            output: linear(8 * channels, embedding, random, device),
        }
    }

    /// Embeddings of images.
    ///
    /// # Shapes
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
        let halved = |images| pool.forward(relu(images));
        let seen = halved(self.conv2.forward(halved(self.conv1.forward(images))));
        self.output.forward(relu(self.hidden.forward(seen.flatten(1, 3))))
    }

    /// Embeddings of all images, row by row, without recording gradients.
    pub fn embed(&self, images: &Images, scaling: &Scaling) -> Vec<f32> {
        let network = self.valid();
        let device = network.output.weight.val().device();
        let all: Vec<usize> = (0..images.len()).collect();
        let embedded = all.chunks(EMBEDDED_AT_ONCE).map(|indices| {
            let embeddings = network.forward(images.batch(indices, scaling, &device));
            values(embeddings)
        });
        embedded.flatten().collect()
    }
}
