//! Two tasks on one encoder: an image becomes a short code, which one head classifies and another turns back into the
//! image.

use super::{layers::linear, mlp::values};
use crate::{
    data::images::{Images, Scaling, Shape},
    random::Random,
};
use burn::{
    module::Module,
    nn::Linear,
    tensor::{
        Device, Tensor,
        activation::{relu, sigmoid},
    },
};

/// Images that are looked at together: bounds memory, and the result doesn't depend on it.
const SEEN_AT_ONCE: usize = 256;

/// The sizes of a network.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of an image.
    pub pixels: usize,
    /// Width of the hidden layer before the code and of that after it.
    pub hidden: usize,
    /// Numbers in the code.
    pub code: usize,
    /// Classes.
    pub classes: usize,
}

/// `code(relu(hidden(x)))` is shared; `classify` reads the code, and so does `sigmoid(reconstruct(relu(widen)))`.
#[derive(Module, Debug)]
pub struct MultiTask {
    hidden: Linear,
    /// The last layer that the tasks share.
    pub code: Linear,
    classify: Linear,
    widen: Linear,
    reconstruct: Linear,
}

impl MultiTask {
    /// A network with first weights out of `random`.
    pub fn new(sizes: Sizes, random: &mut Random, device: &Device) -> Self {
        let Sizes { pixels, hidden, code, classes } = sizes;
        Self {
            hidden: linear(pixels, hidden, random, device),
            code: linear(hidden, code, random, device),
            classify: linear(code, classes, random, device),
            widen: linear(code, hidden, random, device),
            reconstruct: linear(hidden, pixels, random, device),
        }
    }

    /// Images as the network takes them, from 0 for black to 1 for white.
    ///
    /// # Shapes
    /// - output: `[indices, pixels]`
    pub fn batch(images: &Images, indices: &[usize], device: &Device) -> Tensor<2> {
        let Shape { channels, .. } = images.shape();
        images.batch(indices, &Scaling::unit(channels), device).flatten(1, 3)
    }

    /// The code of images.
    ///
    /// # Shapes
    /// - images: `[batch, pixels]`
    /// - output: `[batch, code]`
    pub fn encode(&self, images: Tensor<2>) -> Tensor<2> {
        self.code.forward(relu(self.hidden.forward(images)))
    }

    /// Logits out of a code.
    ///
    /// # Shapes
    /// - code: `[batch, code]`
    /// - output: `[batch, classes]`
    pub fn logits(&self, code: Tensor<2>) -> Tensor<2> {
        self.classify.forward(code)
    }

    /// Images out of a code, with pixels from 0 to 1.
    ///
    /// # Shapes
    /// - code: `[batch, code]`
    /// - output: `[batch, pixels]`
    pub fn reconstruction(&self, code: Tensor<2>) -> Tensor<2> {
        sigmoid(self.reconstruct.forward(relu(self.widen.forward(code))))
    }

    /// The class and the reconstruction of each image, without recording gradients.
    pub fn predict(&self, images: &Images) -> (Vec<usize>, Vec<Vec<f32>>) {
        let network = self.valid();
        let device = network.code.weight.val().device();
        let all: Vec<usize> = (0..images.len()).collect();
        let (mut classes, mut pictures) = (Vec::new(), Vec::new());
        for indices in all.chunks(SEEN_AT_ONCE) {
            let code = network.encode(Self::batch(images, indices, &device));
            let logits = network.logits(code.clone());
            let width = logits.dims()[1];
            classes.extend(values(logits).chunks_exact(width).map(first_largest));
            let pixels = values(network.reconstruction(code));
            pictures.extend(pixels.chunks_exact(images.shape().bytes()).map(<[f32]>::to_vec));
        }
        (classes, pictures)
    }
}

fn first_largest(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn every_image_gets_a_class_and_a_picture_whatever_the_block() {
        let shape = Shape { channels: 1, height: 2, width: 2 };
        let pixels: Vec<u8> = (0..4 * 300).map(|at| (at * 37 % 256) as u8).collect();
        let images = Images::new(shape, pixels, vec![0; 300]);
        let sizes = Sizes { pixels: 4, hidden: 5, code: 2, classes: 3 };
        let network = MultiTask::new(sizes, &mut random::stream(1, "weights"), &Device::flex().autodiff());
        let (classes, pictures) = network.predict(&images);
        assert_eq!((classes.len(), pictures.len()), (300, 300));
        assert!(classes.iter().all(|class| *class < 3));
        assert!(pictures.iter().flatten().all(|pixel| (0.0..=1.0).contains(pixel)));
        let (last, picture) = network.predict(&images.select(&[299]));
        assert_eq!(last[0], classes[299]);
        assert!(picture[0].iter().zip(&pictures[299]).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
