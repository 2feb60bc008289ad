//! Losses of the similarities between the samples of a labelled batch: multi-similarity and circle loss.

use super::contrastive::reduce_valid;
use super::tape::{Tape, Var};
use super::vector::vectors;
use super::{Evaluation, reduce, values};
use crate::options::Reduction;
use std::cmp::Ordering;

/// The options of [`multi_similarity`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiSimilarity {
    /// How sharply the hard positives count.
    pub alpha: f64,
    /// How sharply the hard negatives count.
    pub beta: f64,
    /// The similarity λ from which both are measured.
    pub base: f64,
    /// The ε of the pair mining; all pairs without.
    pub epsilon: Option<f64>,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// How the anchors become one number.
    pub reduction: Reduction,
}

impl Default for MultiSimilarity {
    fn default() -> Self {
        let reduction = Reduction::Mean;
        Self { alpha: 2.0, beta: 50.0, base: 0.5, epsilon: None, normalize: true, reduction }
    }
}

/// The options of [`circle`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// The relaxation m: the optima are 1 + m and −m, the margins 1 − m and m.
    pub margin: f64,
    /// The scale γ.
    pub gamma: f64,
    /// How the anchors become one number.
    pub reduction: Reduction,
}

impl Default for Circle {
    fn default() -> Self {
        Self { margin: 0.4, gamma: 80.0, reduction: Reduction::Mean }
    }
}

/// `1/α·log(1 + Σ_positives exp(−α(s − λ))) + 1/β·log(1 + Σ_negatives exp(β(s − λ)))` for each sample of a batch, for
/// embeddings `[N, width]` and labels `[N]`. With ε, a positive counts if some negative is within ε of it, and a
/// negative if some positive is. Terms: `[N]`, of every sample. Gradients: embeddings.
pub fn multi_similarity(embeddings: &[f64], labels: &[i64], width: usize, options: &MultiSimilarity) -> Evaluation {
    let tape = Tape::default();
    let embeddings = tape.variables(embeddings);
    let similarities = similarities(&tape, &embeddings, labels, width, options.normalize);
    let term = |anchor: usize| {
        let [mut positives, mut negatives] = partners(&similarities, labels, anchor);
        if let Some(epsilon) = options.epsilon {
            let (from, to) = (values(&positives), values(&negatives));
            // What is not known to be easy is hard: a NaN must not drop out here.
            let below = |low: f64, high: f64| low.partial_cmp(&high).is_none_or(|order| order == Ordering::Less);
            positives.retain(|p| to.iter().any(|&n| below(p.value() - epsilon, n)));
            negatives.retain(|n| from.iter().any(|&p| below(p, n.value() + epsilon)));
        }
        let pulls = positives.iter().map(|&s| -options.alpha * (s - options.base)).collect::<Vec<_>>();
        let pushes = negatives.iter().map(|&s| options.beta * (s - options.base)).collect::<Vec<_>>();
        tape.log_sum_exp(&pulls).softplus() / options.alpha + tape.log_sum_exp(&pushes).softplus() / options.beta
    };
    let terms: Vec<_> = (0..labels.len()).map(term).collect();
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&embeddings])
}

/// Circle loss: `log(1 + Σ_positives exp(−γ·a₊·(s − 1 + m)) · Σ_negatives exp(γ·a₋·(s − m)))` for each sample that has
/// both, where the weights `a₊ = max(0, 1 + m − s)` and `a₋ = max(0, s + m)` are constants for the gradient; `s` is the
/// cosine. Terms: `[N]`, 0 where one of the two is missing. Gradients: embeddings.
pub fn circle(embeddings: &[f64], labels: &[i64], width: usize, options: &Circle) -> Evaluation {
    circle_with_weights_at(embeddings, embeddings, labels, width, options)
}

/// As [`circle`], with the weights of other embeddings.
pub fn circle_with_weights_at(
    embeddings: &[f64],
    weights_at: &[f64],
    labels: &[i64],
    width: usize,
    options: &Circle,
) -> Evaluation {
    let (tape, constants) = (Tape::default(), Tape::default());
    let embeddings = tape.variables(embeddings);
    let at = similarities(&constants, &constants.variables(weights_at), labels, width, true);
    let similarities = similarities(&tape, &embeddings, labels, width, true);
    let (m, gamma) = (options.margin, options.gamma);
    // A NaN stays.
    let positive_part = |x: f64| if x <= 0.0 { 0.0 } else { x };
    let term = |anchor: usize| {
        let [positives, negatives] = partners(&similarities, labels, anchor);
        let [positives_at, negatives_at] = partners(&at, labels, anchor);
        if positives.is_empty() || negatives.is_empty() {
            return None;
        }
        let (pairs, weight) = (positives.iter().zip(values(&positives_at)), |s| positive_part(1.0 + m - s));
        let pulls = pairs.map(|(&s, at)| -gamma * weight(at) * (s - (1.0 - m))).collect::<Vec<_>>();
        let (pairs, weight) = (negatives.iter().zip(values(&negatives_at)), |s| positive_part(s + m));
        let pushes = pairs.map(|(&s, at)| gamma * weight(at) * (s - m)).collect::<Vec<_>>();
        Some((tape.log_sum_exp(&pulls) + tape.log_sum_exp(&pushes)).softplus())
    };
    let terms: Vec<_> = (0..labels.len()).map(term).collect();
    let per_anchor = terms.iter().map(|term| term.map_or(0.0, |term| term.value())).collect();
    Evaluation::new(reduce_valid(&tape, &terms, options.reduction), per_anchor, &[&embeddings])
}

/// The similarities of all pairs.
fn similarities<'t>(
    tape: &'t Tape,
    embeddings: &[Var<'t>],
    labels: &[i64],
    width: usize,
    normalize: bool,
) -> Vec<Vec<Var<'t>>> {
    assert_eq!(embeddings.len(), labels.len() * width, "a row of {width} for each label");
    let vectors = vectors(tape, embeddings, width, normalize);
    vectors.iter().map(|x| vectors.iter().map(|y| tape.dot(x, y)).collect()).collect()
}

/// The similarities of a sample to the others of its label, and to those of other labels.
fn partners<'t>(similarities: &[Vec<Var<'t>>], labels: &[i64], anchor: usize) -> [Vec<Var<'t>>; 2] {
    let others = |same: bool| (0..labels.len()).filter(move |&j| j != anchor && (labels[j] == labels[anchor]) == same);
    [true, false].map(|same| others(same).map(|j| similarities[anchor][j]).collect())
}
