//! What smoothing does to the layer before the logits: how tight its classes are.

use losslab::metrics::{Embeddings, Lengths, MetricError, inter_class_distance, intra_class_distance};
use serde::{Deserialize, Serialize};

/// Images that are compared, the first of a part: all pairs of them are looked at.
const COMPARED: usize = 1000;
/// Test images on the map.
pub const MAPPED: usize = 500;

/// Mean distance within a class over that between classes, 0 for classes that are points. A ratio, since a network may
/// choose any scale for its features.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Clusters {
    /// Of training images.
    pub train: f64,
    /// Of test images.
    pub test: f64,
    /// The features of the first [`MAPPED`] test images.
    pub map: Vec<f32>,
}

impl Clusters {
    /// Looks at the features of the training and the test part.
    pub fn of(train: &[f32], train_labels: &[i64], test: &[f32], test_labels: &[i64]) -> Result<Self, MetricError> {
        let columns = test.len() / test_labels.len();
        Ok(Self {
            train: ratio(train, train_labels)?,
            test: ratio(test, test_labels)?,
            map: test[..columns * MAPPED.min(test_labels.len())].to_vec(),
        })
    }
}

fn ratio(features: &[f32], labels: &[i64]) -> Result<f64, MetricError> {
    let (columns, count) = (features.len() / labels.len(), labels.len().min(COMPARED));
    let features = Embeddings::try_new(features[..count * columns].to_vec(), columns)?;
    let labels = &labels[..count];
    let within = intra_class_distance(&features, labels, Lengths::AsGiven)?;
    Ok(within / inter_class_distance(&features, labels, Lengths::AsGiven)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_distances_at_any_scale() {
        // Two classes on a line, at 0 and 1 and at 10 and 11: 1 within, 10 between on average.
        let features = [0.0, 1.0, 10.0, 11.0];
        for scale in [1.0, 100.0] {
            let scaled = features.map(|x: f32| scale * x);
            let clusters = Clusters::of(&scaled, &[0, 0, 1, 1], &scaled, &[0, 1, 0, 1]).unwrap();
            assert!((clusters.train - 0.1).abs() < 1e-9);
            // Mixed up, with 10 within and (1 + 11 + 9 + 1) / 4 between.
            assert!((clusters.test - 10.0 / 5.5).abs() < 1e-9);
            assert_eq!(clusters.map, scaled);
        }
    }
}
