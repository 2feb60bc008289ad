//! How much representations are worth, with few labels and with all: to a linear classifier, and to neighbours that vote.

use super::settings::Settings;
use crate::{
    data::images::{Images, Parts, Scaling},
    models::projection::{Outputs, Projected},
    probe::{Probe, Rows},
};
use anyhow::Result;
use losslab::metrics::Similarity;
use losslab_kernels::Gallery;
use serde::{Deserialize, Serialize};

/// How fast a neighbour's vote falls with its cosine (Wu et al. 2018).
const VOTE: f64 = 0.07;

/// The images of a seed, with labels for a share of them.
pub struct Labelled {
    /// Training images whose labels are known.
    pub train: Images,
    /// Validation images whose labels are known: as scarce as those for training.
    pub valid: Images,
}

impl Labelled {
    /// A share of the labels, as many of each class as of any other, and one of each at least.
    pub fn new(parts: &Parts, share: f64, classes: usize, seed: u64) -> Self {
        let some =
            |images: &Images| images.limited(((share * images.len() as f64).round() as usize).max(classes), seed);
        Self { train: some(&parts.train), valid: some(&parts.valid) }
    }
}

/// Accuracy on the test part, with a share of the labels.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Measured {
    /// Of a linear classifier, or of the network's own where it learned from labels.
    pub accuracy: f64,
    /// Of neighbours that vote.
    pub knn: f64,
    /// The first on labelled validation images: what the presets were chosen by.
    pub valid_accuracy: f64,
    /// The first two by what the loss saw, after the head; NaN where there is no head.
    pub of_head: [f64; 2],
}

impl Measured {
    /// The numbers by the names they have in `outcome.json`.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let mut metrics = vec![("accuracy", self.accuracy), ("knn", self.knn), ("valid_accuracy", self.valid_accuracy)];
        if !self.of_head[0].is_nan() {
            metrics.extend([("accuracy_of_head", self.of_head[0]), ("knn_of_head", self.of_head[1])]);
        }
        metrics
    }
}

/// What features are measured with.
pub struct Yardstick<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// How many classes there are.
    pub classes: usize,
    /// Images for testing.
    pub test: &'a Images,
}

impl Yardstick<'_> {
    /// A linear classifier and neighbours for test images, and the first for labelled validation images.
    fn both(&self, train: (&[f32], &Images), valid: (&[f32], &Images), test: &[f32]) -> Result<[f64; 3]> {
        let labels = [train.1.labels(), valid.1.labels(), self.test.labels()];
        let rows = |values, at: usize| Rows { values, labels: &labels[at] };
        let test_rows = rows(test, 2);
        let probe = Probe::chosen(rows(train.0, 0), rows(valid.0, 1), self.classes)?;
        let votes = voted(rows(train.0, 0), test, self.settings.neighbours, self.classes);
        let right = votes.iter().zip(&labels[2]).filter(|(vote, label)| vote == label).count();
        Ok([probe.accuracy(test_rows), right as f64 / votes.len() as f64, probe.accuracy(rows(valid.0, 1))])
    }

    /// Measures pixels.
    pub fn pixels(&self, labelled: &Labelled) -> Result<Measured> {
        let pixels = |images: &Images| -> Vec<f32> {
            (0..images.len()).flat_map(|index| images.pixels(index)).map(|byte| f32::from(*byte)).collect()
        };
        let [train, valid, test] = [&labelled.train, &labelled.valid, self.test].map(pixels);
        let [accuracy, knn, valid_accuracy] = self.both((&train, &labelled.train), (&valid, &labelled.valid), &test)?;
        Ok(Measured { accuracy, knn, valid_accuracy, of_head: [f64::NAN; 2] })
    }

    /// Measures a network that learned without labels, before and after its head.
    pub fn network(&self, network: &Projected, labelled: &Labelled, scaling: &Scaling) -> Result<Measured> {
        let outputs = |images: &Images| network.outputs(images, scaling);
        let [train, valid, test] = [&labelled.train, &labelled.valid, self.test].map(outputs);
        let by = |part: fn(&Outputs) -> &Vec<f32>| {
            self.both((part(&train), &labelled.train), (part(&valid), &labelled.valid), part(&test))
        };
        let [accuracy, knn, valid_accuracy] = by(|outputs| &outputs.representations)?;
        let [accuracy_of_head, knn_of_head, _] = by(|outputs| &outputs.outputs)?;
        Ok(Measured { accuracy, knn, valid_accuracy, of_head: [accuracy_of_head, knn_of_head] })
    }

    /// Measures a network that learned to classify: by its own logits, and its representations by neighbours.
    pub fn classifier(&self, network: &Projected, labelled: &Labelled, scaling: &Scaling) -> Measured {
        let outputs = |images: &Images| network.outputs(images, scaling);
        let [train, valid, test] = [&labelled.train, &labelled.valid, self.test].map(outputs);
        let share = |said: &[i64], images: &Images| {
            let right = said.iter().zip(images.labels()).filter(|(said, label)| **said == *label).count();
            right as f64 / images.len() as f64
        };
        let said = |outputs: &Outputs| -> Vec<i64> {
            let logits = outputs.outputs.chunks_exact(self.classes);
            logits.map(|logits| first_of_the_largest(logits) as i64).collect()
        };
        let known = labelled.train.labels();
        let rows = Rows { values: &train.representations, labels: &known };
        let votes = voted(rows, &test.representations, self.settings.neighbours, self.classes);
        Measured {
            accuracy: share(&said(&test), self.test),
            knn: share(&votes, self.test),
            valid_accuracy: share(&said(&valid), &labelled.valid),
            of_head: [f64::NAN; 2],
        }
    }
}

fn first_of_the_largest<T: PartialOrd>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

/// The classes that the nearest labelled rows vote for, by cosine; near ones count for more.
fn voted(labelled: Rows, queries: &[f32], neighbours: usize, classes: usize) -> Vec<i64> {
    let width = labelled.values.len() / labelled.labels.len();
    let found = Gallery::new(Similarity::Cosine, labelled.values, width).nearest(queries, neighbours, None);
    let vote = |(rows, cosines): (&[u32], &[f64])| {
        let mut votes = vec![0.0; classes];
        for (row, cosine) in rows.iter().zip(cosines) {
            votes[labelled.labels[*row as usize] as usize] += (cosine / VOTE).exp();
        }
        first_of_the_largest(&votes) as i64
    };
    found.indices.chunks_exact(found.k).zip(found.values.chunks_exact(found.k)).map(vote).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::images::Shape;

    #[test]
    fn near_neighbours_outvote_many_far_ones() {
        // Cosines with (1, 0): 1, 0.6, 0.6, 0.6 and −1.
        let rows = [1.0, 0.0, 0.6, 0.8, 0.6, 0.8, 0.6, -0.8, -1.0, 0.0];
        let labelled = Rows { values: &rows, labels: &[2, 1, 1, 1, 0] };
        assert_eq!(voted(labelled, &[1.0, 0.0], 4, 3), [2]);
        // For (0, 1) three of class 1 and the two at a right angle.
        assert_eq!(voted(labelled, &[0.0, 1.0, 3.0, 0.0], 5, 3), [1, 2]);
        // More neighbours than rows: all vote.
        assert_eq!(voted(labelled, &[-1.0, 0.0], 50, 3), [0]);
    }

    #[test]
    fn few_labels_are_balanced_and_as_scarce_for_choices() {
        let shape = Shape { channels: 1, height: 1, width: 1 };
        let images = |count: usize| {
            let labels = (0..count).map(|at| (at % 10) as u16).collect();
            Images::new(shape, vec![0; count], labels)
        };
        let parts = Parts { train: images(1000), valid: images(500), test: images(10) };
        for (share, counts) in [(0.01, [10, 10]), (0.1, [100, 50]), (1.0, [1000, 500])] {
            let Labelled { train, valid } = Labelled::new(&parts, share, 10, 1);
            assert_eq!([train.len(), valid.len()], counts);
            assert!((0..10).all(|class| train.of_classes(|label| label == class).len() == counts[0] / 10));
        }
    }
}
