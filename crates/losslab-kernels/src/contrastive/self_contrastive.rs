//! Contrastive losses within one set of vectors: NT-Xent and SupCon.

use super::partners::Partners;
use super::vectors::Vectors;
use super::{Common, Contrastive, DEFAULT_MEMORY, evaluate};
use crate::options::{Positives, Reduction, SupConForm};

/// The parameters of NT-Xent and SupCon, in which every vector looks for the others of its label among all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SelfContrastive<'a> {
    /// What similarities are divided by, above 0.
    pub temperature: f64,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// A label for each vector. With two vectors of each label, the two views of a sample, the loss is NT-Xent.
    pub labels: &'a [i64],
    /// How several positives enter.
    pub form: SupConForm,
    /// How the vectors with a positive become one number.
    pub reduction: Reduction,
    /// The memory for tiles between forward and backward, in bytes. It changes the time, not the result.
    pub memory: usize,
}

impl Default for SelfContrastive<'_> {
    fn default() -> Self {
        Self {
            temperature: 0.1,
            normalize: true,
            labels: &[],
            form: SupConForm::Outside,
            reduction: Reduction::Mean,
            memory: DEFAULT_MEMORY,
        }
    }
}

/// NT-Xent or SupCon of row-major rows of `width`: the reduced loss, with its gradient and, where asked for, its
/// derivative with respect to `ln(1/τ)`.
///
/// Beside the vectors it takes three times their memory, for unit vectors and gradients, and `memory` at most.
///
/// # Panics
/// If lengths don't fit.
pub fn self_contrastive(
    loss: &SelfContrastive,
    vectors: &[f32],
    width: usize,
    gradient: Option<&mut [f32]>,
    log_scale: bool,
) -> Contrastive {
    let rows = Vectors::new(vectors, width, loss.normalize);
    assert_eq!(rows.len(), loss.labels.len(), "one label a vector");
    assert!(gradient.as_ref().is_none_or(|gradient| gradient.len() == vectors.len()), "one gradient an input");
    let positives = match loss.form {
        SupConForm::Outside => Positives::Outside,
        SupConForm::Inside => Positives::Inside,
    };
    let partners = Partners::among(loss.labels, positives);
    let common = Common {
        temperature: loss.temperature,
        reduction: loss.reduction,
        memory: loss.memory,
        columns: false,
        spread: loss.form == SupConForm::Inside,
        decoupled: None,
    };
    evaluate(&common, [&rows, &rows], &partners, [gradient, None], log_scale)
}
