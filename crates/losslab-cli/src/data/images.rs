//! Images in memory: bytes that are selected by place and become normalised batches, and sets of them with their parts.

use super::idx::{self, Source};
use crate::random::{self, Random};
use anyhow::{Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use std::{collections::HashMap, sync::Arc};

/// The size that all images of a set have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Pixels of one channel.
    pub fn plane(self) -> usize {
        self.height * self.width
    }

    /// Bytes of an image.
    pub fn bytes(self) -> usize {
        self.channels * self.plane()
    }
}

/// Images of one size with a class each. Selecting some or cloning them copies no pixels.
#[derive(Clone, Debug)]
pub struct Images {
    shape: Shape,
    all: Arc<All>,
    /// Which of them are meant, in this order.
    places: Vec<usize>,
}

#[derive(Debug)]
struct All {
    /// One image after the other, each channel by channel, row by row.
    pixels: Vec<u8>,
    labels: Vec<u16>,
}

impl Images {
    /// Images one after the other, each channel by channel, and a class for each.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u16>) -> Self {
        assert_eq!(pixels.len(), labels.len() * shape.bytes(), "{} images of {shape:?}", labels.len());
        let places = (0..labels.len()).collect();
        Self { shape, all: Arc::new(All { pixels, labels }), places }
    }

    /// Grey images and their labels, both in the IDX format. Labels from `classes` on are an error.
    pub fn from_idx(images: Source, labels: Source, classes: usize) -> Result<Self> {
        let ([count, height, width], pixels) = idx::parse(images, idx::IMAGES)?;
        let ([label_count], values) = idx::parse(labels, idx::LABELS)?;
        ensure!(
            count == label_count,
            "{}: byte 4: number of labels is {label_count}, but {} holds {count} images",
            labels.name,
            images.name
        );
        if let Some(at) = values.iter().position(|label| usize::from(*label) >= classes) {
            let (byte, last) = (8 + at, classes - 1);
            bail!("{}: byte {byte}: label {}, expected 0 to {last}", labels.name, values[at]);
        }
        Ok(Self::new(Shape { channels: 1, height, width }, pixels, values.into_iter().map(u16::from).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The size of each.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The bytes of an image, channel by channel.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let (place, bytes) = (self.places[index], self.shape.bytes());
        &self.all.pixels[place * bytes..(place + 1) * bytes]
    }

    /// The bytes of an image, pixel by pixel: red, green, blue, red, … as pictures have them.
    pub fn interleaved(&self, index: usize) -> Vec<u8> {
        let (image, plane) = (self.pixels(index), self.shape.plane());
        (0..plane).flat_map(|pixel| image[pixel..].iter().step_by(plane)).copied().collect()
    }

    /// The class of an image.
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.all.labels[self.places[index]])
    }

    /// The classes of all images, as samplers and targets want them.
    pub fn labels(&self) -> Vec<i64> {
        self.places.iter().map(|place| i64::from(self.all.labels[*place])).collect()
    }

    /// The images at these indices, in this order.
    pub fn select(&self, indices: &[usize]) -> Images {
        Images { places: indices.iter().map(|index| self.places[*index]).collect(), ..self.clone() }
    }

    /// A number that differs for different images.
    pub fn hash(&self) -> u64 {
        let of_one = |index| random::hash(self.pixels(index)).rotate_left(self.label(index) as u32);
        (0..self.len()).fold(0, |hash: u64, index| hash.rotate_left(5) ^ of_one(index))
    }

    /// The images whose class is wanted.
    pub fn of_classes(&self, wanted: impl Fn(usize) -> bool) -> Images {
        let indices: Vec<usize> = (0..self.len()).filter(|index| wanted(self.label(*index))).collect();
        self.select(&indices)
    }

    /// At most `count` images, the same number of each class as far as there are so many, in the order of the set.
    /// The seed says which.
    pub fn limited(&self, count: usize, seed: u64) -> Images {
        self.drawn(count, &mut random::stream(seed, "images")).0
    }

    /// Two parts: without `count` images, and these, with the same number of each class as far as there are so many.
    pub fn carved(&self, count: usize, seed: u64) -> (Images, Images) {
        let (carved, rest) = self.drawn(count, &mut random::stream(seed, "validation part"));
        (rest, carved)
    }

    /// Draws `count` images in rounds, one of each class a round; then what is left.
    fn drawn(&self, count: usize, random: &mut Random) -> (Images, Images) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(random);
        let mut rounds = HashMap::<usize, usize>::new();
        let mut by_round: Vec<(usize, usize)> = Vec::with_capacity(order.len());
        for index in order {
            let round = rounds.entry(self.label(index)).or_default();
            by_round.push((*round, index));
            *round += 1;
        }
        // A stable sort: within a round the order stays random, so no class is favoured by a last round cut short.
        by_round.sort_by_key(|(round, _)| *round);
        let mut indices: Vec<usize> = by_round.into_iter().map(|(_, index)| index).collect();
        let mut rest = indices.split_off(count.min(indices.len()));
        indices.sort_unstable();
        rest.sort_unstable();
        (self.select(&indices), self.select(&rest))
    }

    /// The images at these indices as a normalised tensor `[indices, channels, height, width]`.
    pub fn batch(&self, indices: &[usize], scaling: &Scaling, device: &Device) -> Tensor<4> {
        let Shape { channels, height, width } = self.shape;
        let tables = scaling.tables();
        let mut values = Vec::with_capacity(indices.len() * self.shape.bytes());
        for index in indices {
            for (plane, table) in self.pixels(*index).chunks_exact(self.shape.plane()).zip(&tables) {
                values.extend(plane.iter().map(|byte| table[usize::from(*byte)]));
            }
        }
        Tensor::from_data(TensorData::new(values, [indices.len(), channels, height, width]), device)
    }

    /// Mean and standard deviation of each channel over all images.
    pub fn scaling(&self) -> Scaling {
        let mut counts = vec![[0_u64; 256]; self.shape.channels];
        for index in 0..self.len() {
            for (plane, counts) in self.pixels(index).chunks_exact(self.shape.plane()).zip(&mut counts) {
                plane.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
            }
        }
        let (mean, spread) = counts.iter().map(mean_and_spread).unzip();
        Scaling { mean, spread }
    }
}

/// Mean and standard deviation of bytes as numbers from 0 to 1; a constant has the spread 1, so that it becomes 0.
fn mean_and_spread(counts: &[u64; 256]) -> (f32, f32) {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let over = |value: &dyn Fn(f64) -> f64| {
        let weighted = counts.iter().enumerate().map(|(byte, count)| value(byte as f64 / 255.0) * *count as f64);
        weighted.sum::<f64>() / total
    };
    let mean = over(&|value| value);
    let spread = over(&|value| (value - mean).powi(2)).sqrt();
    (mean as f32, if spread > 1e-9 { spread as f32 } else { 1.0 })
}

/// What makes numbers of bytes, for each channel: `(byte / 255 − mean) / spread`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// What becomes 0.
    pub mean: Vec<f32>,
    /// What becomes a distance of 1 from it.
    pub spread: Vec<f32>,
}

impl Scaling {
    /// From 0 for black to 1 for white.
    pub fn unit(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], spread: vec![1.0; channels] }
    }

    /// What each byte becomes.
    fn tables(&self) -> Vec<[f32; 256]> {
        let table = |(mean, spread)| std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / spread);
        self.mean.iter().zip(&self.spread).map(table).collect()
    }
}

/// A published set of images, with the parts that it comes with.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// What the images are and where they come from, for the report: `60,000 + 10,000 images of MNIST from DIR`.
    pub origin: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// For learning weights, and for validation where `valid` is missing.
    pub train: Images,
    /// For choices. Most sets have no such part.
    pub valid: Option<Images>,
    /// For results, and for nothing else.
    pub test: Images,
}

/// At most so many images in each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For training.
    pub train: usize,
    /// For validation; where it has to be carved from training, it never takes more than a sixth of that.
    pub valid: usize,
    /// For testing.
    pub test: usize,
}

/// Three disjoint parts: weights are learned on `train`, choices are made on `valid`, results come from `test`.
#[derive(Clone, Debug)]
pub struct Parts {
    /// For learning weights.
    pub train: Images,
    /// For choosing hyperparameters and thresholds.
    pub valid: Images,
    /// For the numbers that are reported, and for nothing else.
    pub test: Images,
}

/// Where a set has no validation part, one image in so many is taken from training.
const CARVED: usize = 6;

impl ImageSet {
    /// The size of the images.
    pub fn shape(&self) -> Shape {
        self.train.shape()
    }

    /// A number that differs for different images.
    pub fn hash(&self) -> u64 {
        let parts = [Some(&self.train), self.valid.as_ref(), Some(&self.test)];
        parts.into_iter().flatten().fold(0, |hash, part| hash.rotate_left(1) ^ part.hash())
    }

    /// The parts for a seed, each with at most so many images and its classes balanced. Without a validation part in
    /// the set, the seed carves one from training.
    pub fn parts(&self, limits: Limits, seed: u64) -> Parts {
        let (train, valid) = match &self.valid {
            Some(valid) => (self.train.clone(), valid.limited(limits.valid, seed)),
            None => self.train.carved(limits.valid.min(self.train.len() / CARVED), seed),
        };
        Parts { train: train.limited(limits.train, seed), valid, test: self.test.limited(limits.test, seed) }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::idx::tests::file, *};
    use std::collections::HashSet;

    const ALL: Limits = Limits { train: usize::MAX, valid: usize::MAX, test: usize::MAX };
    const DOT: Shape = Shape { channels: 1, height: 1, width: 1 };

    /// One-pixel images: the pixel tells which one it is.
    fn dots(labels: &[u16]) -> Images {
        Images::new(DOT, (0..labels.len()).map(|index| index as u8).collect(), labels.to_vec())
    }

    fn pixels(images: &Images) -> Vec<u8> {
        (0..images.len()).map(|index| images.pixels(index)[0]).collect()
    }

    fn count(images: &Images, class: i64) -> usize {
        images.labels().iter().filter(|label| **label == class).count()
    }

    fn set(valid: Option<Images>) -> ImageSet {
        let labels: Vec<u16> = (0..120).map(|index| index % 10).collect();
        ImageSet { origin: String::new(), classes: vec![], train: dots(&labels), valid, test: dots(&[0, 1, 2, 3]) }
    }

    #[test]
    fn limits_balance_the_classes_and_keep_the_order() {
        let images = dots(&[0, 0, 0, 0, 0, 0, 1, 1, 2]);
        let five = images.limited(5, 1);
        assert_eq!([0, 1, 2].map(|class| count(&five, class)), [2, 2, 1]);
        assert!(pixels(&five).is_sorted());
        let eight = images.limited(8, 1);
        assert_eq!([0, 1, 2].map(|class| count(&eight, class)), [5, 2, 1]);
        assert_eq!(pixels(&five), pixels(&images.limited(5, 1)));
        assert!((2..20).any(|seed| pixels(&images.limited(5, seed)) != pixels(&five)));
        assert_eq!(pixels(&images.limited(100, 1)), pixels(&images));
    }

    #[test]
    fn a_validation_part_is_carved_by_the_seed_with_balanced_classes() {
        let parts = set(None).parts(ALL, 1);
        assert_eq!([&parts.train, &parts.valid, &parts.test].map(Images::len), [100, 20, 4]);
        assert!((0..10).all(|class| count(&parts.train, class) == 10 && count(&parts.valid, class) == 2));
        let distinct: HashSet<u8> = pixels(&parts.train).into_iter().chain(pixels(&parts.valid)).collect();
        assert_eq!(distinct.len(), 120);
        assert_eq!(pixels(&set(None).parts(ALL, 1).valid), pixels(&parts.valid));
        assert_ne!(pixels(&set(None).parts(ALL, 2).valid), pixels(&parts.valid));
        let parts = set(None).parts(Limits { train: 50, valid: 10, test: 2 }, 1);
        assert_eq!([&parts.train, &parts.valid, &parts.test].map(Images::len), [50, 10, 2]);
    }

    #[test]
    fn a_given_validation_part_stays() {
        let parts = set(Some(dots(&[7, 8, 9]))).parts(ALL, 1);
        assert_eq!(([&parts.train, &parts.valid].map(Images::len), parts.valid.labels()), ([120, 3], vec![7, 8, 9]));
    }

    #[test]
    fn parts_of_parts_keep_pixels_and_labels_together() {
        let images = dots(&[4, 5, 6, 5]).select(&[3, 1, 0]).select(&[2, 0]);
        assert_eq!((pixels(&images), images.labels(), images.label(1)), (vec![0, 3], vec![4, 5], 5));
        let fives = dots(&[4, 5, 6, 5]).of_classes(|class| class == 5);
        assert_eq!(pixels(&fives), [1, 3]);
    }

    #[test]
    fn batches_are_normalised_by_channel() {
        let shape = Shape { channels: 2, height: 1, width: 2 };
        let images = Images::new(shape, vec![0, 255, 51, 51, 255, 0, 51, 51], vec![0, 1]);
        let scaling = images.scaling();
        assert_eq!(scaling, Scaling { mean: vec![0.5, 0.2], spread: vec![0.5, 1.0] });
        let batch = images.batch(&[1, 0], &scaling, &Device::flex());
        assert_eq!(batch.dims(), [2, 2, 1, 2]);
        assert_eq!(batch.into_data().try_to_vec::<f32>().unwrap(), [1.0, -1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0]);
        let plain = images.batch(&[0], &Scaling::unit(2), &Device::flex());
        assert_eq!(plain.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 0.2, 0.2]);
        assert_eq!(images.interleaved(0), [0, 51, 255, 51]);
    }

    #[test]
    fn labels_must_fit_the_images_and_the_classes() {
        let images = file(&[2, 1, 1], &[1, 2]);
        let read = |labels: &[u8]| {
            let labels = file(&[labels.len() as u32], labels);
            let source = |name, bytes| Source { name, bytes };
            Images::from_idx(source("i.idx", &images), source("l.idx", &labels), 10).map(|read| read.labels())
        };
        assert_eq!(read(&[7, 9]).unwrap(), [7, 9]);
        assert_eq!(
            read(&[7]).unwrap_err().to_string(),
            "l.idx: byte 4: number of labels is 1, but i.idx holds 2 images"
        );
        assert_eq!(read(&[7, 10]).unwrap_err().to_string(), "l.idx: byte 9: label 10, expected 0 to 9");
    }
}
