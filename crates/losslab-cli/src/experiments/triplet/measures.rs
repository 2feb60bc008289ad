//! Task 5: how well images of the same class find each other.

use crate::data::images::Images;
use losslab::metrics::{Embeddings, MetricError, Retrieval, RetrievalConfig, Similarity};
use serde::{Deserialize, Serialize};

/// Ranks up to which a relevant image counts.
const CUTOFFS: [usize; 3] = [1, 5, 10];

/// Retrieval on the test part.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Found {
    /// Share of test images with one of their class among the 1, 5 and 10 nearest other test images.
    pub recall: [f64; 3],
    /// Mean average precision at R, R being the number of other test images of the class.
    pub map_at_r: f64,
    /// Share of test images whose nearest training image is of their class.
    pub precision_at_1: f64,
}

/// Embeddings of images, row by row.
pub struct Embedded<'a> {
    /// The numbers.
    pub values: &'a [f32],
    /// The images, with their classes.
    pub images: &'a Images,
}

impl Embedded<'_> {
    fn checked(&self) -> Result<(Embeddings, Vec<i64>), MetricError> {
        let rows = Embeddings::try_new(self.values.to_vec(), self.values.len() / self.images.len())?;
        Ok((rows, self.images.labels()))
    }

    /// The share of these images whose nearest image of `reference` is of their class.
    pub fn precision_at_1(&self, reference: &Embedded, similarity: Similarity) -> Result<f64, MetricError> {
        let config = RetrievalConfig { similarity, cutoffs: vec![1], at_r: false, mrr: false };
        let ((queries, labels), (gallery, gallery_labels)) = (self.checked()?, reference.checked()?);
        Retrieval::with_gallery(&queries, &labels, &gallery, &gallery_labels, &config)?.precision_at_k(1)
    }
}

impl Found {
    /// Measures test images among themselves and against the training images.
    pub fn new(test: &Embedded, train: &Embedded, similarity: Similarity) -> Result<Self, MetricError> {
        let config = RetrievalConfig { similarity, cutoffs: CUTOFFS.to_vec(), at_r: true, mrr: false };
        let (queries, labels) = test.checked()?;
        let among = Retrieval::leave_one_out(&queries, &labels, &config)?;
        let mut recall = [0.0; 3];
        for (value, k) in recall.iter_mut().zip(CUTOFFS) {
            *value = among.recall_at_k(k)?;
        }
        let precision_at_1 = test.precision_at_1(train, similarity)?;
        Ok(Self { recall, map_at_r: among.map_at_r()?, precision_at_1 })
    }

    /// The numbers by the names they have in `outcome.json`.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let [one, five, ten] = self.recall;
        vec![
            ("recall_at_1", one),
            ("recall_at_5", five),
            ("recall_at_10", ten),
            ("map_at_r", self.map_at_r),
            ("p_at_1", self.precision_at_1),
        ]
    }
}
