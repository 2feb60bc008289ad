//! Task 2: who is trained on, who is held out, and pairs of them.

use super::Settings;
use crate::{
    data::images::{ImageSet, Images, Scaling},
    random::Random,
};
use anyhow::{Result, ensure};
use burn::tensor::{Int, Tensor, TensorData};
use rand::RngExt;
use std::collections::BTreeMap;

/// The digits of a seed. No image is in two parts, so no pair is either.
#[derive(Clone, Debug)]
pub struct Digits {
    /// For learning weights: seen digits only.
    pub train: Images,
    /// For choosing the margin and the threshold: seen digits only.
    pub valid: Images,
    /// Test images of the digits that were trained on.
    pub seen: Images,
    /// Test images of the digits that were not.
    pub held_out: Images,
    /// How bytes become numbers, by the training images.
    pub scaling: Scaling,
}

impl Digits {
    /// The parts for a seed.
    pub fn new(set: &ImageSet, settings: &Settings, seed: u64) -> Self {
        let parts = set.parts(settings.limits(), seed);
        let seen = |images: &Images| images.of_classes(|digit| !settings.is_held_out(digit));
        let train = seen(&parts.train);
        Self {
            scaling: train.scaling(),
            train,
            valid: seen(&parts.valid),
            seen: seen(&parts.test),
            held_out: parts.test.of_classes(|digit| settings.is_held_out(digit)),
        }
    }

    /// # Errors
    /// If a part allows no pair of the same digit, or none of different digits.
    pub fn check(&self) -> Result<()> {
        let parts = [
            ("training", &self.train),
            ("validation", &self.valid),
            ("seen", &self.seen),
            ("held-out", &self.held_out),
        ];
        for (name, images) in parts {
            let mut counts = BTreeMap::<i64, usize>::new();
            images.labels().into_iter().for_each(|digit| *counts.entry(digit).or_default() += 1);
            ensure!(
                counts.len() > 1 && counts.values().any(|count| *count > 1),
                "the {} {name} images show {} digits, expected two or more with several images each",
                images.len(),
                counts.len()
            );
        }
        Ok(())
    }
}

/// Pairs of rows of a batch, as many of the same digit as of different ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    left: Vec<usize>,
    right: Vec<usize>,
    same: Vec<bool>,
}

impl Pairs {
    /// Gives every row a partner of its digit and one of another, drawn at random. A row that lacks one of the two gets
    /// none, which keeps the kinds balanced.
    pub fn draw(digits: &[i64], random: &mut Random) -> Self {
        let mut rows_of = BTreeMap::<i64, Vec<usize>>::new();
        digits.iter().enumerate().for_each(|(row, digit)| rows_of.entry(*digit).or_default().push(row));
        let mut pairs = Self::default();
        for (row, digit) in digits.iter().enumerate() {
            let alike = &rows_of[digit];
            if alike.len() < 2 || alike.len() == digits.len() {
                continue;
            }
            let partner = alike[below(alike.len(), random, |place| alike[place] != row)];
            let stranger = below(digits.len(), random, |other| digits[other] != *digit);
            pairs.left.extend([row, row]);
            pairs.right.extend([partner, stranger]);
            pairs.same.extend([true, false]);
        }
        pairs
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.same.is_empty()
    }

    /// Whether the two of each pair show the same digit.
    pub fn same(&self) -> &[bool] {
        &self.same
    }

    /// The embeddings of both ends of every pair.
    ///
    /// The two branches of a Siamese network share their weights, so an image that is in several pairs is embedded once:
    /// the result and the gradient are those of embedding it for each pair.
    ///
    /// # Shapes
    /// - embeddings: `[rows, width]`
    /// - output: twice `[pairs, width]`
    pub fn ends(&self, embeddings: Tensor<2>) -> [Tensor<2>; 2] {
        [&self.left, &self.right].map(|rows| {
            let rows: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
            let data = TensorData::new(rows, [self.same.len()]);
            let rows = Tensor::<1, Int>::from_data(data, &embeddings.device());
            embeddings.clone().select(0, rows)
        })
    }
}

/// A random number below `end` that will do; there must be one.
fn below(end: usize, random: &mut Random, will_do: impl Fn(usize) -> bool) -> usize {
    loop {
        let number = random.random_range(0..end);
        if will_do(number) {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::digits, random};
    use burn::tensor::Device;
    use std::collections::HashSet;

    #[test]
    fn pairs_are_balanced_and_what_they_say_they_are() {
        let labels: Vec<i64> = (0..60).map(|row| row * row % 7).collect();
        let pairs = Pairs::draw(&labels, &mut random::stream(1, "pairs"));
        let count = pairs.same().iter().filter(|same| **same).count();
        assert_eq!(2 * count, pairs.same.len());
        assert!(count > 50);
        for ((left, right), same) in pairs.left.iter().zip(&pairs.right).zip(&pairs.same) {
            assert!(left != right && (labels[*left] == labels[*right]) == *same);
        }
        assert_ne!(pairs, Pairs::draw(&labels, &mut random::stream(1, "other pairs")));
    }

    #[test]
    fn rows_without_both_kinds_of_partner_are_left_out() {
        let draw = |labels: &[i64]| Pairs::draw(labels, &mut random::stream(1, "pairs"));
        assert!(
            draw(&[]).is_empty() && draw(&[3]).is_empty() && draw(&[3, 3, 3]).is_empty() && draw(&[1, 2]).is_empty()
        );
        let pairs = draw(&[1, 1, 2]);
        assert_eq!((pairs.left, pairs.right), (vec![0, 0, 1, 1], vec![1, 2, 0, 2]));
    }

    #[test]
    fn the_ends_of_pairs_are_their_rows() {
        let pairs = Pairs { left: vec![0, 2], right: vec![2, 1], same: vec![true, false] };
        let embeddings = Tensor::<2>::from_data([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], &Device::flex());
        let ends = pairs.ends(embeddings).map(|end| end.into_data().try_to_vec::<f32>().unwrap());
        assert_eq!(ends, [[0.0, 1.0, 4.0, 5.0], [4.0, 5.0, 2.0, 3.0]]);
    }

    #[test]
    fn held_out_digits_are_in_the_last_part_only_and_no_image_is_in_two() {
        let set = digits::Digits::carried().unwrap();
        let settings = Settings { held_out: vec![3, 5, 7], train: 300, valid: 100, test: 100, ..Settings::quick() };
        let digits = Digits::new(&set, &settings, 1);
        digits.check().unwrap();
        let seen = [&digits.train, &digits.valid, &digits.seen];
        assert!(seen.iter().all(|images| images.labels().iter().all(|digit| ![3, 5, 7].contains(digit))));
        assert!(digits.held_out.labels().iter().all(|digit| [3, 5, 7].contains(digit)));
        let parts = [&digits.train, &digits.valid, &digits.seen, &digits.held_out];
        assert_eq!(parts.map(Images::len), [210, 70, 70, 30]);
        let all: HashSet<&[u8]> =
            parts.iter().flat_map(|images| (0..images.len()).map(|index| images.pixels(index))).collect();
        assert_eq!(all.len(), 380);
    }

    #[test]
    fn a_part_without_pairs_is_refused() {
        let set = digits::Digits::carried().unwrap();
        let settings = Settings { held_out: vec![3], ..Settings::quick() };
        let error = Digits::new(&set, &settings, 1).check().unwrap_err().to_string();
        assert!(error.contains("held-out images show 1 digits"), "{error}");
    }
}
