//! An encoder with a head that is thrown away: losses of contrastive learning see the head's output, whoever uses the
//! network sees the representation before it (Chen et al. 2020).

use super::{encoder::Encoder, layers::linear, mlp::values};
use crate::{
    data::images::{Images, Scaling, Shape},
    random::Random,
};
use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor, activation::relu},
};

/// Images that are looked at together without recording gradients: bounds memory, and the result doesn't depend on it.
const AT_ONCE: usize = 256;

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Channels after the first convolution.
    pub width: usize,
    /// Numbers in a representation.
    pub representation: usize,
}

/// What comes after the representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// One layer, such as a classifier, with so many outputs.
    Linear(usize),
    /// A hidden layer as wide as the representation, then one with so many outputs.
    Projection(usize),
}

/// `representation = relu(encoder(image))`, and a head on it.
#[derive(Module, Debug)]
pub struct Projected {
    encoder: Encoder,
    hidden: Option<Linear>,
    output: Linear,
}

/// What a network says of images, row by row.
#[derive(Debug)]
pub struct Outputs {
    /// Before the head.
    pub representations: Vec<f32>,
    /// After it.
    pub outputs: Vec<f32>,
}

impl Projected {
    /// A network for images of a size. The encoder's first weights come from `random[0]` and the head's from
    /// `random[1]`: networks of a seed then start from the same encoder, whatever their head.
    pub fn new(sizes: Sizes, head: Head, shape: Shape, random: [&mut Random; 2], device: &Device) -> Self {
        let [weights, head_weights] = random;
        let Sizes { width, representation } = sizes;
        let image = [shape.channels, shape.height, shape.width];
        let (hidden, outputs) = match head {
            Head::Linear(outputs) => (None, outputs),
            Head::Projection(outputs) => (Some(linear(representation, representation, head_weights, device)), outputs),
        };
        Self {
            encoder: Encoder::of_width(width, image, representation, weights, device),
            hidden,
            output: linear(representation, outputs, head_weights, device),
        }
    }

    /// What is kept of the network's view.
    ///
    /// # Shapes
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, representation]`
    pub fn represent(&self, images: Tensor<4>) -> Tensor<2> {
        relu(self.encoder.forward(images))
    }

    /// What a loss sees, shape `[batch, outputs]`, of representations `[batch, representation]`.
    pub fn head(&self, representations: Tensor<2>) -> Tensor<2> {
        let seen = match &self.hidden {
            Some(hidden) => relu(hidden.forward(representations)),
            None => representations,
        };
        self.output.forward(seen)
    }

    /// What a loss sees of images.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.head(self.represent(images))
    }

    /// What the network says of all images, without recording gradients.
    pub fn outputs(&self, images: &Images, scaling: &Scaling) -> Outputs {
        let network = self.valid();
        let device = network.output.weight.val().device();
        let all: Vec<usize> = (0..images.len()).collect();
        let (mut representations, mut outputs) = (Vec::new(), Vec::new());
        for indices in all.chunks(AT_ONCE) {
            let seen = network.represent(images.batch(indices, scaling, &device));
            outputs.extend(values(network.head(seen.clone())));
            representations.extend(values(seen));
        }
        Outputs { representations, outputs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    const SHAPE: Shape = Shape { channels: 3, height: 16, width: 20 };
    const SIZES: Sizes = Sizes { width: 2, representation: 6 };

    fn network(head: Head) -> Projected {
        let device = Device::flex().autodiff();
        let random = [&mut random::stream(1, "weights"), &mut random::stream(1, "head")];
        Projected::new(SIZES, head, SHAPE, random, &device)
    }

    #[test]
    fn networks_of_a_seed_differ_by_their_head_alone() {
        let pixels = (0..3 * SHAPE.bytes()).map(|at| (at * 7919 % 251) as u8).collect();
        let images = Images::new(SHAPE, pixels, vec![0; 3]);
        let scaling = images.scaling();
        let [linear, projected] =
            [Head::Linear(4), Head::Projection(5)].map(|head| network(head).outputs(&images, &scaling));
        assert_eq!(linear.representations, projected.representations);
        assert!(linear.representations.iter().all(|value| *value >= 0.0));
        assert_eq!([linear.outputs.len(), projected.outputs.len(), linear.representations.len()], [12, 15, 18]);
    }
}
