//! The two towers of the handout's MiniCLIP, with InfoNCE on top: pictures and texts become embeddings of one space.

use super::{
    layers::{conv2d, linear},
    mlp::values,
};
use crate::{
    data::{
        captions::Vocabulary,
        images::{Images, Scaling, Shape},
    },
    random::{self, Random},
};
use burn::{
    module::Module,
    nn::{Linear, conv::Conv2d},
    tensor::{Device, Tensor, activation::relu},
};
use losslab::InfoNceLoss;
use serde::{Deserialize, Serialize};

/// Channels after each convolution.
const CHANNELS: [usize; 3] = [16, 32, 64];
/// What the convolutions leave of a side.
const SHRINK: usize = 8;
/// Pictures or texts that are embedded at a time: bounds memory, and the result doesn't depend on it.
const EMBEDDED_AT_ONCE: usize = 256;

/// What the image tower sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tower {
    /// The pixels themselves, as in the handout.
    Mlp,
    /// What three convolutions make of them.
    Convolutional,
}

/// The sizes of a [`MiniClip`].
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of a picture; both sides are multiples of 8.
    pub image: Shape,
    /// Words that the text tower knows.
    pub vocabulary: usize,
    /// Width of the hidden layer of each tower.
    pub hidden: usize,
    /// Numbers of an embedding.
    pub embedding: usize,
}

/// An image tower, a text tower, and the loss with its temperature, which may be learned with them.
#[derive(Module, Debug)]
pub struct MiniClip {
    convolutions: Option<Convolutions>,
    image: Dense,
    text: Dense,
    /// InfoNCE.
    pub loss: InfoNceLoss,
}

/// Three convolutions of 3 × 3 that halve the sides each.
#[derive(Module, Debug)]
struct Convolutions {
    first: Conv2d,
    second: Conv2d,
    third: Conv2d,
}

/// The tower of the handout: `output(relu(hidden(x)))`.
#[derive(Module, Debug)]
struct Dense {
    hidden: Linear,
    output: Linear,
}

impl Convolutions {
    fn new(channels: usize, random: &mut Random, device: &Device) -> Self {
        let [first, second, third] = CHANNELS;
        Self {
            first: conv2d([channels, first], 3, 2, true, random, device),
            second: conv2d([first, second], 3, 2, true, random, device),
            third: conv2d([second, third], 3, 2, true, random, device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let layers = [&self.first, &self.second, &self.third];
        layers.into_iter().fold(images, |seen, layer| relu(layer.forward(seen)))
    }
}

impl Dense {
    fn new(inputs: usize, sizes: Sizes, random: &mut Random, device: &Device) -> Self {
        Self {
            hidden: linear(inputs, sizes.hidden, random, device),
            output: linear(sizes.hidden, sizes.embedding, random, device),
        }
    }

    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(input)))
    }
}

impl MiniClip {
    /// Towers whose first weights the seed decides: those of the text tower are the same for every image tower.
    pub fn new(tower: Tower, sizes: Sizes, loss: InfoNceLoss, seed: u64, device: &Device) -> Self {
        let (seeing, reading) = (&mut random::stream(seed, "image weights"), &mut random::stream(seed, "text weights"));
        let Shape { channels, height, width } = sizes.image;
        let (convolutions, pixels) = match tower {
            Tower::Mlp => (None, sizes.image.bytes()),
            Tower::Convolutional => {
                let left = CHANNELS[2] * (height / SHRINK) * (width / SHRINK);
                (Some(Convolutions::new(channels, seeing, device)), left)
            }
        };
        Self {
            convolutions,
            image: Dense::new(pixels, sizes, seeing, device),
            text: Dense::new(sizes.vocabulary, sizes, reading, device),
            loss,
        }
    }

    /// Embeddings of pictures.
    ///
    /// # Shapes
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding]`
    pub fn images(&self, images: Tensor<4>) -> Tensor<2> {
        let seen = match &self.convolutions {
            Some(convolutions) => convolutions.forward(images),
            None => images,
        };
        self.image.forward(seen.flatten(1, 3))
    }

    /// Embeddings of texts, given as bags of words.
    ///
    /// # Shapes
    /// - bags: `[batch, vocabulary]`
    /// - output: `[batch, embedding]`
    pub fn texts(&self, bags: Tensor<2>) -> Tensor<2> {
        self.text.forward(bags)
    }

    /// The network with its temperature back at its floor, where a step of the optimiser took it below.
    pub fn clipped(mut self) -> Self {
        self.loss.temperature = self.loss.temperature.clip();
        self
    }

    /// Embeddings of all pictures, row by row, without recording gradients.
    pub fn embed_images(&self, images: &Images, scaling: &Scaling) -> Vec<f32> {
        let (network, device) = self.without_gradients();
        let all: Vec<usize> = (0..images.len()).collect();
        let blocks = all.chunks(EMBEDDED_AT_ONCE);
        blocks.flat_map(|block| values(network.images(images.batch(block, scaling, &device)))).collect()
    }

    /// Embeddings of all texts, row by row, without recording gradients.
    pub fn embed_texts(&self, texts: &[&str], vocabulary: &Vocabulary) -> Vec<f32> {
        let (network, device) = self.without_gradients();
        let blocks = texts.chunks(EMBEDDED_AT_ONCE);
        blocks.flat_map(|block| values(network.texts(vocabulary.bags(block, &device)))).collect()
    }

    fn without_gradients(&self) -> (Self, Device) {
        let network = self.valid();
        let device = network.text.output.weight.val().device();
        (network, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use losslab::InfoNceLossConfig;

    #[test]
    fn towers_share_the_space_and_the_text_weights() {
        let device = Device::flex();
        let image = Shape { channels: 3, height: 16, width: 24 };
        let sizes = Sizes { image, vocabulary: 3, hidden: 8, embedding: 5 };
        let new = |tower| MiniClip::new(tower, sizes, InfoNceLossConfig::new().init(&device), 1, &device);
        let (plain, convolutional) = (new(Tower::Mlp), new(Tower::Convolutional));
        let pictures = Tensor::<4>::ones([2, 3, 16, 24], &device);
        assert_eq!([plain.images(pictures.clone()).dims(), convolutional.images(pictures).dims()], [[2, 5]; 2]);
        let bags = Tensor::<2>::ones([4, 3], &device);
        assert_eq!(values(plain.texts(bags.clone())), values(convolutional.texts(bags)));
    }
}
