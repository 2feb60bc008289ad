//! Losses of distances between embeddings.

use super::tape::{Tape, Var};
use super::vector::{distance, vectors};
use super::{Evaluation, reduce, values};
use crate::options::{Distance, Reduction, SemiHardFallback, TripletMining};
use std::cmp::Ordering;

/// The options of [`contrastive`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrastive {
    /// How far apart a dissimilar pair should be.
    pub margin: f64,
    /// Whether each term has the factor ½ of the paper.
    pub half: bool,
    /// The distance; with the squared one, the loss squares it again.
    pub distance: Distance,
    /// Whether embeddings are scaled to unit length first.
    pub normalize: bool,
    /// How the pairs become one number.
    pub reduction: Reduction,
}

impl Default for Contrastive {
    fn default() -> Self {
        Self { margin: 1.0, half: true, distance: Distance::Euclidean, normalize: false, reduction: Reduction::Mean }
    }
}

/// The options of [`batch_contrastive`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchContrastive {
    /// How far apart a pair of one label may be.
    pub positive_margin: f64,
    /// How far apart a pair of two labels should be.
    pub negative_margin: f64,
    /// Whether each term has the factor ½ of the paper.
    pub half: bool,
    /// The distance; with the squared one, the loss squares it again.
    pub distance: Distance,
    /// Whether embeddings are scaled to unit length first.
    pub normalize: bool,
    /// How the pairs become one number.
    pub reduction: Reduction,
}

impl Default for BatchContrastive {
    fn default() -> Self {
        Self {
            positive_margin: 0.0,
            negative_margin: 1.0,
            half: true,
            distance: Distance::Euclidean,
            normalize: false,
            reduction: Reduction::Mean,
        }
    }
}

/// The options of [`aligned_triplet`] and [`triplet`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triplet {
    /// How much farther than the positive the negative should be.
    pub margin: f64,
    /// Softplus in place of the hinge.
    pub soft: bool,
    /// Whether the negative's distance is the smaller one of those to the anchor and to the positive.
    pub swap: bool,
    /// The distance.
    pub distance: Distance,
    /// Whether embeddings are scaled to unit length first.
    pub normalize: bool,
    /// How the triplets become one number.
    pub reduction: Reduction,
}

impl Triplet {
    /// The plain hinge on the Euclidean distance. The usual margin is 1 for aligned triplets, 0.2 for mined ones.
    pub fn with_margin(margin: f64) -> Self {
        Self {
            margin,
            soft: false,
            swap: false,
            distance: Distance::Euclidean,
            normalize: false,
            reduction: Reduction::Mean,
        }
    }

    /// The term of one triplet from D(a,p), D(a,n) and D(p,n).
    fn term<'t>(&self, positive: Var<'t>, negative: Var<'t>, across: impl Fn() -> Var<'t>) -> Var<'t> {
        let negative = if self.swap { negative.min(across()) } else { negative };
        let violation = positive - negative + self.margin;
        if self.soft { violation.softplus() } else { violation.max0() }
    }
}

/// How [`triplet`] picks its triplets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mining {
    /// Which triplets.
    pub rule: TripletMining,
    /// What stands in for a semi-hard negative where there is none.
    pub fallback: SemiHardFallback,
}

/// `½·D²` for a similar pair, `½·max(0, margin − D)²` for another, for `x1`, `x2` `[N, width]` and `similar` `[N]`.
/// Terms: `[N]`. Gradients: `x1`, `x2`.
pub fn contrastive(x1: &[f64], x2: &[f64], similar: &[bool], width: usize, options: &Contrastive) -> Evaluation {
    let length = similar.len() * width;
    assert!(x1.len() == length && x2.len() == length, "two rows of {width} for each pair");
    let tape = Tape::default();
    let (x1, x2) = (tape.variables(x1), tape.variables(x2));
    let [left, right] = [&x1, &x2].map(|x| vectors(&tape, x, width, options.normalize));
    let factor = if options.half { 0.5 } else { 1.0 };
    let mut terms = vec![];
    for (pair, &similar) in similar.iter().enumerate() {
        let apart = distance(&tape, &left[pair], &right[pair], options.distance);
        let violation = if similar { apart } else { (options.margin - apart).max0() };
        terms.push(factor * violation.square());
    }
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&x1, &x2])
}

/// The contrastive loss of all pairs `i < j` of a batch: `½·max(0, D − positive_margin)²` for two of one label,
/// `½·max(0, negative_margin − D)²` for others. Terms: the upper triangle by rows. Gradients: embeddings.
pub fn batch_contrastive(embeddings: &[f64], labels: &[i64], width: usize, options: &BatchContrastive) -> Evaluation {
    assert_eq!(embeddings.len(), labels.len() * width, "a row of {width} for each label");
    let tape = Tape::default();
    let embeddings = tape.variables(embeddings);
    let vectors = vectors(&tape, &embeddings, width, options.normalize);
    let factor = if options.half { 0.5 } else { 1.0 };
    let mut terms = vec![];
    for i in 0..labels.len() {
        for j in i + 1..labels.len() {
            let apart = distance(&tape, &vectors[i], &vectors[j], options.distance);
            let similar = labels[i] == labels[j];
            let violation = if similar { apart - options.positive_margin } else { options.negative_margin - apart };
            terms.push(factor * violation.max0().square());
        }
    }
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&embeddings])
}

/// `max(0, D(a,p) − D(a,n) + margin)` for each given triplet, for three matrices `[N, width]`. Terms: `[N]`.
/// Gradients: anchor, positive, negative.
pub fn aligned_triplet(
    anchor: &[f64],
    positive: &[f64],
    negative: &[f64],
    width: usize,
    options: &Triplet,
) -> Evaluation {
    assert!(anchor.len() == positive.len() && anchor.len() == negative.len(), "three matrices of one shape");
    let tape = Tape::default();
    let inputs = [anchor, positive, negative].map(|matrix| tape.variables(matrix));
    let [a, p, n] = inputs.each_ref().map(|matrix| vectors(&tape, matrix, width, options.normalize));
    let apart = |x: &Vec<_>, y: &Vec<_>| distance(&tape, x, y, options.distance);
    let term = |i: usize| options.term(apart(&a[i], &p[i]), apart(&a[i], &n[i]), || apart(&p[i], &n[i]));
    let terms: Vec<_> = (0..a.len()).map(term).collect();
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &inputs.each_ref().map(|matrix| matrix.as_slice()))
}

/// The triplet loss of a labelled batch, for embeddings `[B, width]` and labels `[B]`. Which triplets were mined is
/// a constant for the gradient. Terms: `[B]`, the sum over each anchor's triplets. Gradients: embeddings.
pub fn triplet(embeddings: &[f64], labels: &[i64], width: usize, mining: Mining, options: &Triplet) -> Evaluation {
    assert_eq!(embeddings.len(), labels.len() * width, "a row of {width} for each label");
    let (tape, batch) = (Tape::default(), labels.len());
    let embeddings = tape.variables(embeddings);
    let vectors = vectors(&tape, &embeddings, width, options.normalize);
    let mut apart = vec![vec![tape.constant(0.0); batch]; batch];
    for i in 0..batch {
        for j in i + 1..batch {
            apart[i][j] = distance(&tape, &vectors[i], &vectors[j], options.distance);
            apart[j][i] = apart[i][j];
        }
    }
    let (mut terms, mut per_anchor) = (vec![], vec![0.0; batch]);
    for (anchor, from_anchor) in apart.iter().enumerate() {
        for (positive, negative) in mine(anchor, &values(from_anchor), labels, mining) {
            let term = options.term(from_anchor[positive], from_anchor[negative], || apart[positive][negative]);
            per_anchor[anchor] += term.value();
            terms.push(term);
        }
    }
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, per_anchor, &[&embeddings])
}

/// The (positive, negative) pairs of an anchor, chosen by the distances from it.
fn mine(anchor: usize, distances: &[f64], labels: &[i64], mining: Mining) -> Vec<(usize, usize)> {
    let others = || (0..labels.len()).filter(|&other| other != anchor);
    let positives: Vec<_> = others().filter(|&other| labels[other] == labels[anchor]).collect();
    let negatives: Vec<_> = others().filter(|&other| labels[other] != labels[anchor]).collect();
    let nearest = |candidates: &[usize]| first(candidates, distances, Ordering::Less);
    let farthest = |candidates: &[usize]| first(candidates, distances, Ordering::Greater);
    match mining.rule {
        TripletMining::BatchAll => {
            positives.iter().flat_map(|&positive| negatives.iter().map(move |&negative| (positive, negative))).collect()
        }
        TripletMining::BatchHard => farthest(&positives).zip(nearest(&negatives)).into_iter().collect(),
        TripletMining::SemiHard => {
            let semi_hard = |positive: usize| {
                // Whatever is not known to be as near or nearer: a NaN, in either distance, must not drop out here.
                let is_farther = |&negative: &usize| {
                    distances[positive].partial_cmp(&distances[negative]).is_none_or(|order| order == Ordering::Less)
                };
                let farther: Vec<_> = negatives.iter().copied().filter(is_farther).collect();
                nearest(&farther).or_else(|| match mining.fallback {
                    SemiHardFallback::Farthest => farthest(&negatives),
                    SemiHardFallback::Nearest => nearest(&negatives),
                    SemiHardFallback::Skip => None,
                })
            };
            positives.iter().filter_map(|&positive| Some((positive, semi_hard(positive)?))).collect()
        }
    }
}

/// The candidate whose distance comes first in an order: a NaN before all others, then the lowest index.
pub(super) fn first(candidates: &[usize], distances: &[f64], order: Ordering) -> Option<usize> {
    candidates.iter().copied().reduce(|best, next| {
        let better = match distances[next].partial_cmp(&distances[best]) {
            Some(ordering) => ordering == order,
            None => !distances[best].is_nan(),
        };
        if better { next } else { best }
    })
}
