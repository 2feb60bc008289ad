//! Tasks 5 and 6: what is read off the two towers on pairs that they were not trained on.

use super::training::Material;
use crate::{data::captions::Captioned, models::clip::MiniClip};
use anyhow::Result;
use burn::tensor::{Device, Int, Tensor, TensorData};
use losslab::{
    diagnostics::{ContrastiveDiagnosticsConfig, Diagnostics, FindingKind, Groups},
    metrics::{Embeddings, Lengths, MetricError, Retrieval, RetrievalConfig, alignment, uniformity},
};
use serde::{Deserialize, Serialize};

/// How many items of a ranking count.
pub const CUTOFFS: [usize; 3] = [1, 5, 10];
/// Pairs that the softmax is looked at on.
const LOOKED_AT: usize = 128;

/// Pairs as embeddings of length 1.
pub struct Embedded {
    /// One a picture.
    pub images: Embeddings,
    /// One a caption.
    pub texts: Embeddings,
}

impl Embedded {
    /// Pairs through both towers.
    pub fn new(network: &MiniClip, pairs: &Captioned, material: &Material) -> Result<Self, MetricError> {
        let images = network.embed_images(&pairs.images, &material.scaling);
        let width = images.len() / pairs.len();
        let captions: Vec<&str> = pairs.captions.iter().map(String::as_str).collect();
        let texts = network.embed_texts(&captions, &material.vocabulary);
        Ok(Self {
            images: Embeddings::try_new(images, width)?.normalized(),
            texts: Embeddings::try_new(texts, width)?.normalized(),
        })
    }

    /// How far the two of a pair are from each other: their mean squared distance.
    pub fn alignment(&self) -> Result<f64, MetricError> {
        let pairs = || 0..self.images.len() as i64;
        let both = [self.images.values(), self.texts.values()].concat();
        let both = Embeddings::try_new(both, self.images.dim())?;
        alignment(&both, &pairs().chain(pairs()).collect::<Vec<_>>(), Lengths::Unit)
    }

    /// How evenly pictures and texts cover the sphere, each for themselves, in the mean of both.
    pub fn uniformity(&self) -> Result<f64, MetricError> {
        Ok(0.5 * (uniformity(&self.images, Lengths::Unit)? + uniformity(&self.texts, Lengths::Unit)?))
    }
}

/// Recall at each of [`CUTOFFS`]: the share of queries with a match among so many nearest.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Recalls {
    /// Pictures look for captions.
    pub image_to_text: [f64; 3],
    /// Captions look for pictures.
    pub text_to_image: [f64; 3],
}

impl Recalls {
    /// Pairs among each other. What has the same meaning is a match.
    pub fn of(embedded: &Embedded, meanings: &[i64]) -> Result<Self, MetricError> {
        let config = RetrievalConfig { cutoffs: CUTOFFS.to_vec(), at_r: false, mrr: false, ..Default::default() };
        let recalls = |queries: &Embeddings, gallery: &Embeddings| -> Result<[f64; 3], MetricError> {
            let retrieval = Retrieval::with_gallery(queries, meanings, gallery, meanings, &config)?;
            let mut recalls = [0.0; 3];
            for (recall, k) in recalls.iter_mut().zip(CUTOFFS) {
                *recall = retrieval.recall_at_k(k)?;
            }
            Ok(recalls)
        };
        Ok(Self {
            image_to_text: recalls(&embedded.images, &embedded.texts)?,
            text_to_image: recalls(&embedded.texts, &embedded.images)?,
        })
    }

    /// What guessing would reach, in the mean over both directions: the chance that one of so many drawn at random
    /// matches.
    pub fn by_chance(meanings: &[i64]) -> [f64; 3] {
        let n = meanings.len();
        let missed = |matches: usize, k: usize| -> f64 {
            (0..k.min(n)).map(|drawn| n.saturating_sub(matches + drawn) as f64 / (n - drawn) as f64).product()
        };
        let matches: Vec<usize> =
            meanings.iter().map(|own| meanings.iter().filter(|other| *other == own).count()).collect();
        CUTOFFS.map(|k| 1.0 - matches.iter().map(|matches| missed(*matches, k)).sum::<f64>() / n as f64)
    }

    /// The mean of both directions at 1, which stands for retrieval where one number must do.
    pub fn at_1(&self) -> f64 {
        0.5 * (self.image_to_text[0] + self.text_to_image[0])
    }

    /// By name.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let ([i1, i5, i10], [t1, t5, t10]) = (self.image_to_text, self.text_to_image);
        vec![
            ("recall_at_1", self.at_1()),
            ("image_to_text_at_1", i1),
            ("image_to_text_at_5", i5),
            ("image_to_text_at_10", i10),
            ("text_to_image_at_1", t1),
            ("text_to_image_at_5", t5),
            ("text_to_image_at_10", t10),
        ]
    }
}

/// The prompts of all classes as embeddings of length 1. Several prompts of a class become the direction of their mean.
pub fn prompts(network: &MiniClip, material: &Material, classes: &[Vec<String>]) -> Result<Embeddings, MetricError> {
    let mut all = Vec::new();
    let mut width = 1;
    for prompts in classes {
        let texts: Vec<&str> = prompts.iter().map(String::as_str).collect();
        let embedded = network.embed_texts(&texts, &material.vocabulary);
        width = embedded.len() / texts.len();
        let embedded = Embeddings::try_new(embedded, width)?.normalized();
        all.extend((0..width).map(|column| embedded.rows().map(|row| row[column]).sum::<f32>()));
    }
    Ok(Embeddings::try_new(all, width)?.normalized())
}

/// The class whose prompt is nearest to each picture.
pub fn classify(images: &Embeddings, prompts: &Embeddings) -> Vec<usize> {
    let nearest = |image: &[f32]| {
        let similarities: Vec<f32> = prompts.rows().map(|prompt| cosine(image, prompt)).collect();
        (1..similarities.len())
            .fold(0, |best, class| if similarities[class] > similarities[best] { class } else { best })
    };
    images.rows().map(nearest).collect()
}

/// The indices of the rows that are nearest to a query.
pub fn nearest(query: &[f32], rows: &Embeddings, count: usize) -> Vec<usize> {
    let similarities: Vec<f32> = rows.rows().map(|row| cosine(query, row)).collect();
    let mut order: Vec<usize> = (0..similarities.len()).collect();
    order.sort_by(|a, b| similarities[*b].total_cmp(&similarities[*a]));
    order.truncate(count);
    order
}

/// Of rows of length 1.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What the softmax of the loss looks like on pairs for testing, and what the library's diagnostics say of it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Sharpness {
    /// Mean entropy of the softmax over the captions, as a share of the largest possible.
    pub entropy: f64,
    /// Mean share of the weight of all negatives that the nearest one takes.
    pub top_negative: f64,
    /// Whether the diagnostics call the temperature too high.
    pub too_high: bool,
    /// Whether they call it too low.
    pub too_low: bool,
}

impl Sharpness {
    /// On the first pairs, as many as a batch has.
    pub fn of(embedded: &Embedded, meanings: &[i64], temperature: f64) -> Result<Self> {
        let count = meanings.len().min(LOOKED_AT);
        let device = Device::flex();
        let rows = |embeddings: &Embeddings| {
            let width = embeddings.dim();
            let values = embeddings.values()[..count * width].to_vec();
            Tensor::<2>::from_data(TensorData::new(values, [count, width]), &device)
        };
        let groups = Tensor::<1, Int>::from_data(TensorData::new(meanings[..count].to_vec(), [count]), &device);
        let groups = Groups { of_queries: groups.clone(), of_keys: groups };
        let config = ContrastiveDiagnosticsConfig::new().with_loss_knows_groups(true);
        let (images, texts) = (rows(&embedded.images), rows(&embedded.texts));
        let found = Diagnostics::of_contrastive(images, texts, temperature, Some(groups), &config)?;
        let has = |kind: FindingKind| found.findings.iter().any(|finding| finding.kind == kind);
        Ok(Self {
            entropy: found.numbers.entropy,
            top_negative: found.numbers.top_negative,
            too_high: has(FindingKind::TemperatureTooHigh),
            too_low: has(FindingKind::TemperatureTooLow),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings(rows: &[[f32; 2]]) -> Embeddings {
        Embeddings::try_new(rows.concat(), 2).unwrap().normalized()
    }

    #[test]
    fn recalls_by_hand() {
        let images = embeddings(&[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
        let texts = embeddings(&[[1.0, 0.1], [1.0, 1.1], [0.0, 1.0]]);
        let embedded = Embedded { images, texts };
        let recalls = Recalls::of(&embedded, &[1, 2, 3]).unwrap();
        assert_eq!((recalls.image_to_text, recalls.text_to_image), ([1.0 / 3.0, 1.0, 1.0], [1.0 / 3.0, 1.0, 1.0]));
        // The last two mean the same: now the second and the third picture find a caption of theirs at once.
        assert_eq!(Recalls::of(&embedded, &[1, 2, 2]).unwrap().image_to_text, [1.0; 3]);
    }

    #[test]
    fn chance_by_hand() {
        // Two of four match each of the first two queries, one each of the others.
        let [one, five, ten] = Recalls::by_chance(&[1, 1, 2, 3]);
        assert_eq!((one, five, ten), (0.375, 1.0, 1.0));
        let thirty: Vec<i64> = (0..30).collect();
        let [_, five, ten] = Recalls::by_chance(&thirty);
        assert!((five - 5.0 / 30.0).abs() < 1e-12 && (ten - 10.0 / 30.0).abs() < 1e-12);
    }

    #[test]
    fn pictures_get_the_class_of_the_nearest_prompt() {
        let images = embeddings(&[[1.0, 0.2], [-1.0, 3.0]]);
        let prompts = embeddings(&[[0.0, 2.0], [5.0, 0.0]]);
        assert_eq!(classify(&images, &prompts), [1, 0]);
        assert_eq!(nearest(images.row(0), &prompts, 5), [1, 0]);
    }

    #[test]
    fn alignment_and_uniformity_by_hand() {
        let embedded =
            Embedded { images: embeddings(&[[1.0, 0.0], [0.0, 1.0]]), texts: embeddings(&[[1.0, 0.0], [1.0, 0.0]]) };
        assert_eq!(embedded.alignment().unwrap(), 1.0);
        // Pictures: one pair at the squared distance 2, exponent −4. Texts: equal, exponent 0.
        assert_eq!(embedded.uniformity().unwrap(), -2.0);
    }
}
