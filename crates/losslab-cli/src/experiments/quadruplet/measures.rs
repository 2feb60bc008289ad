//! How well images of one class find each other, how well one distance tells pairs apart, and how far apart they are.

use crate::data::images::Images;
use losslab::Distance;
use losslab::metrics::{
    Embeddings, Lengths, MetricError, Orientation, Retrieval, RetrievalConfig, Similarity, VerificationPairs,
    equal_error_rate, inter_class_distance, intra_class_distance,
};
use serde::{Deserialize, Serialize};

/// Images whose pairs are compared at most: their number grows with the square.
const PAIRED: usize = 1500;

/// What test images tell of an embedding, by cosine or on unit length.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Found {
    /// Share of images with one of their class as the nearest other image, and among the 5 nearest.
    pub recall: [f64; 2],
    /// Mean average precision at R, R being the number of other images of the class.
    pub map_at_r: f64,
    /// Error rate where one distance for all pairs accepts as many of two classes as it refuses of one.
    pub eer: f64,
    /// Mean distance of two images of one class.
    pub intra: f64,
    /// Mean distance of two images of two classes.
    pub inter: f64,
}

impl Found {
    /// Measures images by their embeddings, row by row.
    pub fn new(values: &[f32], images: &Images) -> Result<Self, MetricError> {
        let width = values.len() / images.len();
        let (rows, labels) = (Embeddings::try_new(values.to_vec(), width)?, images.labels());
        let config = RetrievalConfig { similarity: Similarity::Cosine, cutoffs: vec![1, 5], at_r: true, mrr: false };
        let retrieval = Retrieval::leave_one_out(&rows, &labels, &config)?;
        let some: Vec<usize> = (0..images.len()).step_by(images.len().div_ceil(PAIRED)).collect();
        let values = some.iter().flat_map(|row| &values[row * width..(row + 1) * width]).copied().collect();
        let labels: Vec<i64> = some.iter().map(|row| labels[*row]).collect();
        let rows = Embeddings::try_new(values, width)?;
        let pairs = VerificationPairs::all(&rows, &labels, Distance::Cosine)?;
        Ok(Self {
            recall: [retrieval.recall_at_k(1)?, retrieval.recall_at_k(5)?],
            map_at_r: retrieval.map_at_r()?,
            eer: equal_error_rate(&pairs.distances, &pairs.same, Orientation::Distance)?.rate,
            intra: intra_class_distance(&rows, &labels, Lengths::Unit)?,
            inter: inter_class_distance(&rows, &labels, Lengths::Unit)?,
        })
    }

    /// The numbers by the names they have in `outcome.json`.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let [one, five] = self.recall;
        vec![
            ("recall_at_1", one),
            ("recall_at_5", five),
            ("map_at_r", self.map_at_r),
            ("eer", self.eer),
            ("intra_class_distance", self.intra),
            ("inter_class_distance", self.inter),
            ("distance_ratio", self.intra / self.inter),
        ]
    }
}
