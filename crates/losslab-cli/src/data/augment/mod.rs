//! Random changes of images that keep what they show: the views that contrastive learning compares.
//!
//! A [`Policy`] is a list of steps. Moves ([`moves`]: crop, flip, affine) only say where each pixel comes from, so that
//! any number of them costs one interpolation; shades ([`shades`]: colour jitter, blur, noise) then change values.
//! Every view has a random stream of its own, named after the seed, the epoch, the image and the number of the view:
//! it doesn't depend on the batch it is in, nor on threads.

pub mod moves;
pub mod shades;

use super::images::{Images, Scaling, Shape};
use crate::random::{self, Random};
use burn::tensor::{Device, Tensor, TensorData};
use moves::{Affine, Flip, Map, ResizedCrop};
use serde::{Deserialize, Serialize};
use shades::{Blur, Jitter, Noise};

/// An image as numbers from 0 for black to 1 for full, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Its size.
    pub shape: Shape,
    /// The numbers.
    pub values: Vec<f32>,
}

impl Picture {
    /// The picture of some bytes.
    pub fn of(shape: Shape, bytes: &[u8]) -> Self {
        Self { shape, values: bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect() }
    }

    /// The nearest bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.values.iter().map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8).collect()
    }
}

/// The kinds of steps, by the names that `--set` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A part of the image, brought back to its size.
    Crop,
    /// Left and right exchanged.
    Flip,
    /// Turned, moved, slanted, scaled.
    Affine,
    /// Brightness, contrast, saturation, hue.
    Jitter,
    /// Gaussian blur.
    Blur,
    /// Gaussian noise.
    Noise,
}

impl Kind {
    /// As in `--set` and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Crop => "crop",
            Kind::Flip => "flip",
            Kind::Affine => "affine",
            Kind::Jitter => "jitter",
            Kind::Blur => "blur",
            Kind::Noise => "noise",
        }
    }
}

/// One random change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A part of the image, brought back to its size.
    Crop(ResizedCrop),
    /// Left and right exchanged.
    Flip(Flip),
    /// Turned, moved, slanted, scaled.
    Affine(Affine),
    /// Brightness, contrast, saturation, hue.
    Jitter(Jitter),
    /// Gaussian blur.
    Blur(Blur),
    /// Gaussian noise.
    Noise(Noise),
}

impl Step {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Step::Crop(_) => Kind::Crop,
            Step::Flip(_) => Kind::Flip,
            Step::Affine(_) => Kind::Affine,
            Step::Jitter(_) => Kind::Jitter,
            Step::Blur(_) => Kind::Blur,
            Step::Noise(_) => Kind::Noise,
        }
    }
}

/// Random changes in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    steps: Vec<Step>,
}

/// Which view of which image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The seed of the run.
    pub seed: u64,
    /// The epoch, from 1.
    pub epoch: usize,
    /// The number of the view: those of one image differ by it.
    pub number: usize,
}

impl Policy {
    /// These steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// For handwriting: never mirrored, which would make other signs of some, and turned by little, so that 6 and 9 stay
    /// apart.
    pub fn digits() -> Self {
        Self::new(vec![
            Step::Affine(Affine { turn: 15.0, shift: 0.1, slant: 15.0, scale: [0.85, 1.15] }),
            Step::Crop(ResizedCrop { area: [0.5, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }),
            Step::Jitter(Jitter { share: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.0, hue: 0.0, grey: 0.0 }),
            Step::Blur(Blur { share: 0.5, sigma: [0.1, 1.0] }),
            Step::Noise(Noise { share: 0.5, sigma: [0.0, 0.1] }),
        ])
    }

    /// For things, in grey or in colour: mirrored half of the time, cut more boldly than signs. In colour the jitter is
    /// strong and sometimes takes all colour away: two cuts of one photograph could be told by their colours alone.
    pub fn objects() -> Self {
        Self::new(vec![
            Step::Affine(Affine { turn: 10.0, shift: 0.05, slant: 5.0, scale: [0.9, 1.1] }),
            Step::Crop(ResizedCrop { area: [0.3, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }),
            Step::Flip(Flip { share: 0.5 }),
            Step::Jitter(Jitter { share: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, grey: 0.2 }),
            Step::Blur(Blur { share: 0.3, sigma: [0.1, 1.0] }),
            Step::Noise(Noise { share: 0.3, sigma: [0.0, 0.05] }),
        ])
    }

    /// The same without the steps of some kinds.
    pub fn without(&self, kinds: &[Kind]) -> Self {
        Self { steps: self.steps.iter().filter(|step| !kinds.contains(&step.kind())).copied().collect() }
    }

    /// Its step of a kind alone; nothing if it has none.
    pub fn only(&self, kind: Kind) -> Option<Self> {
        let step = self.steps.iter().find(|step| step.kind() == kind)?;
        Some(Self { steps: vec![*step] })
    }

    /// Changes a picture. Moves come before shades, whatever the order of the steps.
    pub fn apply(&self, picture: Picture, random: &mut Random) -> Picture {
        let shape = picture.shape;
        let map = self.steps.iter().fold(Map::IDENTITY, |map, step| match step {
            Step::Crop(crop) => map.after(&crop.draw(shape, random)),
            Step::Flip(flip) => map.after(&flip.draw(random)),
            Step::Affine(affine) => map.after(&affine.draw(shape, random)),
            _ => map,
        });
        let mut picture = map.apply(picture);
        for step in &self.steps {
            match step {
                Step::Jitter(jitter) => jitter.apply(&mut picture, random),
                Step::Blur(blur) => blur.apply(&mut picture, random),
                Step::Noise(noise) => noise.apply(&mut picture, random),
                _ => {}
            }
        }
        picture
    }

    /// A view of an image.
    pub fn view(&self, images: &Images, index: usize, view: View) -> Picture {
        let View { seed, epoch, number } = view;
        let random = &mut random::stream(seed, &format!("view {number} of image {index} in epoch {epoch}"));
        self.apply(Picture::of(images.shape(), images.pixels(index)), random)
    }

    /// A view of each of these images as a normalised tensor `[indices, channels, height, width]`.
    pub fn batch(
        &self,
        images: &Images,
        indices: &[usize],
        view: View,
        scaling: &Scaling,
        device: &Device,
    ) -> Tensor<4> {
        let Shape { channels, height, width } = images.shape();
        let mut values = Vec::with_capacity(indices.len() * images.shape().bytes());
        for index in indices {
            let picture = self.view(images, *index, view);
            let planes = picture.values.chunks_exact(images.shape().plane());
            for ((plane, mean), spread) in planes.zip(&scaling.mean).zip(&scaling.spread) {
                values.extend(plane.iter().map(|value| (value - mean) / spread));
            }
        }
        Tensor::from_data(TensorData::new(values, [indices.len(), channels, height, width]), device)
    }
}

/// Draws a number between two, both included; the first where they are equal.
fn between([low, high]: [f32; 2], random: &mut Random) -> f32 {
    use rand::RngExt;
    low + (high - low) * random.random::<f32>()
}

/// Whether something that happens with this chance happens.
fn happens(share: f32, random: &mut Random) -> bool {
    use rand::RngExt;
    random.random::<f32>() < share
}

#[cfg(test)]
mod tests;
