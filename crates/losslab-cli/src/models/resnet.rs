//! A small residual network (He et al. 2016) for small images: three blocks with batch norm, global average pooling.

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
    nn::{BatchNorm, BatchNormConfig, Linear, conv::Conv2d},
    tensor::{Device, Tensor, activation::relu},
};

/// How many times the network's width each block has, and its stride.
const BLOCKS: [(usize, usize); 3] = [(1, 1), (2, 2), (4, 2)];
/// Images that are looked at together without recording gradients: bounds memory, and the result doesn't depend on it.
const AT_ONCE: usize = 256;

/// `logits = output(average(blocks(relu(stem(x)))))`. The stem halves the sides already, which makes the network light
/// enough for a processor.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: Normed,
    blocks: Vec<Block>,
    output: Linear,
}

/// What a network says of images, row by row.
#[derive(Debug)]
pub struct Outputs {
    /// The layer before the logits, [`ResNet::features`].
    pub features: Vec<f32>,
    /// The logits.
    pub logits: Vec<f32>,
}

impl ResNet {
    /// For images of `channels` channels; the blocks have `width`, 2 `width` and 4 `width` channels.
    pub fn new(channels: usize, width: usize, classes: usize, random: &mut Random, device: &Device) -> Self {
        let stem = Normed::new([channels, width], 3, 2, random, device);
        let mut inputs = width;
        let mut block = |(times, stride)| {
            let outputs = times * width;
            Block::new([std::mem::replace(&mut inputs, outputs), outputs], stride, random, device)
        };
        let blocks = BLOCKS.map(&mut block).into();
        Self { stem, blocks, output: linear(inputs, classes, random, device) }
    }

    /// The penultimate layer: the last block, averaged over the image.
    ///
    /// # Shapes
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, features]`
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let seen = self.blocks.iter().fold(relu(self.stem.forward(images)), |seen, block| block.forward(seen));
        seen.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
    }

    /// Logits, shape `[batch, classes]`, of images `[batch, channels, height, width]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.output.forward(self.features(images))
    }

    /// What the network says of all images, without recording gradients and with the running means of batch norm.
    pub fn outputs(&self, images: &Images, scaling: &Scaling) -> Outputs {
        let network = self.valid();
        let device = network.output.weight.val().device();
        let all: Vec<usize> = (0..images.len()).collect();
        let (mut features, mut logits) = (Vec::new(), Vec::new());
        for indices in all.chunks(AT_ONCE) {
            let seen = network.features(images.batch(indices, scaling, &device));
            logits.extend(values(network.output.forward(seen.clone())));
            features.extend(values(seen));
        }
        Outputs { features, logits }
    }
}

/// Two convolutions beside a way around them.
#[derive(Module, Debug)]
struct Block {
    first: Normed,
    second: Normed,
    /// Where the shape changes, the way around has to change it too.
    around: Option<Normed>,
}

impl Block {
    fn new([inputs, outputs]: [usize; 2], stride: usize, random: &mut Random, device: &Device) -> Self {
        let changes = inputs != outputs || stride > 1;
        Self {
            first: Normed::new([inputs, outputs], 3, stride, random, device),
            second: Normed::new([outputs, outputs], 3, 1, random, device),
            around: changes.then(|| Normed::new([inputs, outputs], 1, stride, random, device)),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let around = self.around.as_ref().map_or(input.clone(), |around| around.forward(input.clone()));
        relu(self.second.forward(relu(self.first.forward(input))) + around)
    }
}

/// A convolution and batch norm, whose shift takes the place of a bias.
#[derive(Module, Debug)]
struct Normed {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Normed {
    fn new(channels: [usize; 2], kernel: usize, stride: usize, random: &mut Random, device: &Device) -> Self {
        Self {
            conv: Conv2d { bias: None, ..conv2d(channels, kernel, stride, true, random, device) },
            norm: BatchNormConfig::new(channels[1]).init(device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::images::Shape,
        lab::{self, in_folder},
        random,
    };
    use burn::optim::AdamConfig;

    const SHAPE: Shape = Shape { channels: 3, height: 9, width: 8 };

    fn images(count: usize) -> Images {
        let pixels = (0..count * SHAPE.bytes()).map(|at| (at * 7919 % 251) as u8).collect();
        Images::new(SHAPE, pixels, vec![0; count])
    }

    fn network(device: &Device) -> ResNet {
        ResNet::new(3, 4, 5, &mut random::stream(1, "weights"), device)
    }

    #[test]
    fn outputs_have_a_row_for_each_image_whatever_else_is_asked() {
        let (network, scaling) = (network(&Device::flex().autodiff()), Scaling::unit(3));
        let all = network.outputs(&images(AT_ONCE + 1), &scaling);
        assert_eq!((all.features.len(), all.logits.len()), ((AT_ONCE + 1) * 16, (AT_ONCE + 1) * 5));
        let one = network.outputs(&images(1), &scaling);
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(&one.features, &all.features) && close(&one.logits, &all.logits));
        assert!(one.features.iter().all(|value| *value >= 0.0) && one.features.iter().any(|value| *value > 0.0));
    }

    /// Four steps an epoch; the store saves after each epoch.
    fn trained(lab: &lab::Lab, epochs: usize) -> Vec<f32> {
        let (images, scaling) = (images(16), Scaling::unit(3));
        let fit = |_: &(), job: &lab::Job| {
            let device = job.device();
            let trained = job.train(
                "network",
                epochs,
                || (network(&device), AdamConfig::new().init(), ()),
                |fit, _| {
                    for first in [0, 4, 8, 12] {
                        let batch = images.batch(&[first, first + 1, first + 2, first + 3], &scaling, &device);
                        let loss = fit.network().forward(batch).powi_scalar(2).mean();
                        fit.step(0.01, loss);
                    }
                    Ok(())
                },
            )?;
            anyhow::ensure!(epochs > 2, "stopped");
            Ok(trained.network.outputs(&images, &scaling).logits)
        };
        lab.map(&[()], |_| "job".to_owned(), fit).map_or_else(|_| Vec::new(), |mut logits| logits.remove(0))
    }

    #[test]
    fn a_training_that_was_stopped_ends_with_the_same_running_means() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(trained(&in_folder(folder.path()), 2).is_empty());
        let resumed = trained(&in_folder(folder.path()), 4);
        assert_eq!(resumed, trained(&in_folder(other.path()), 4));
        assert_eq!(resumed.len(), 16 * 5);
    }
}
