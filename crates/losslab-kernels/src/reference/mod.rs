//! Every loss in f64, as plain loops straight from its formula: the oracle for everything else.
//!
//! The gradients are not derived by hand: the formulas run on a small reverse-mode tape. The one exception is the
//! focal term, whose factors `q^γ` and `ce` reach 0 together; its closed form is checked by finite differences.
//!
//! Slices are row-major. Inputs are taken to be valid (labels within their range, targets and α in `[0, 1]`, margins,
//! γ and class weights not negative, temperatures and initial losses above 0); lengths are asserted.
//!
//! # Edges
//!
//! - A mean over nothing is 0 with gradient 0.
//! - A NaN that enters a term makes the value NaN: mining treats a NaN distance as both the nearest and the farthest,
//!   and a hinge passes it on. What enters no term (an ignored sample, an embedding without a triplet) does not show.
//! - Gradients are finite for finite inputs: a distance of 0, a zero vector and an inactive hinge have gradient 0.
//!
//! ```
//! use losslab_kernels::options::{FocalAlpha, Reduction};
//! use losslab_kernels::reference::{SigmoidFocal, sigmoid_focal};
//!
//! // A well-classified positive, p_t = 0.9, counts for 0.01 of its cross-entropy.
//! let logit = (0.9f64 / 0.1).ln();
//! let options = SigmoidFocal { gamma: 2.0, alpha: FocalAlpha::None, reduction: Reduction::Mean };
//! let loss = sigmoid_focal(&[logit], &[1.0], &options);
//! assert!((loss.value - -0.01 * 0.9f64.ln()).abs() < 1e-15);
//! ```

mod classification;
mod contrastive;
mod embedding;
mod margin;
mod multitask;
mod pairs;
mod quadruplet;
mod ranking;
mod redundancy;
mod self_contrastive;
mod siglip;
mod tape;
mod vector;

pub use classification::{CrossEntropy, Focal, SigmoidFocal, cross_entropy, focal, sigmoid_focal};
pub use contrastive::{Groups, InfoNce, info_nce};
pub use embedding::{
    BatchContrastive, Contrastive, Mining, Triplet, aligned_triplet, batch_contrastive, contrastive, triplet,
};
pub use margin::{ArcFace, CosFace, arc_face, cos_face};
pub use multitask::{uncertainty, weighted_sum};
pub use pairs::{Circle, MultiSimilarity, circle, circle_with_weights_at, multi_similarity};
pub use quadruplet::{Quadruplet, aligned_quadruplet, quadruplet};
pub use ranking::{
    ApproxNdcg, LambdaLoss, ListMle, ListNet, RankNet, approx_ndcg, lambda_loss, list_mle, list_net, rank_net,
};
pub use redundancy::{BarlowTwins, VicReg, barlow_twins, vic_reg};
pub use self_contrastive::{Dcl, NtXent, SupCon, dcl, dcl_with_weights_at, nt_xent, sup_con};
pub use siglip::{SigLip, siglip};

use crate::options::Reduction;
use tape::{Tape, Var};

/// A loss at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The reduced loss.
    pub value: f64,
    /// The loss before the reduction: one number for each element, sample, anchor, pair or task, 0 where it is not
    /// valid. They add up to `value` under [`Reduction::Sum`].
    pub terms: Vec<f64>,
    /// The gradient of `value` with respect to each float input, in the order of the arguments.
    pub gradients: Vec<Vec<f64>>,
}

impl Evaluation {
    fn new(value: Var, terms: Vec<f64>, inputs: &[&[Var]]) -> Self {
        let adjoints = value.adjoints();
        let gradient = |input: &&[Var]| input.iter().map(|variable| adjoints[variable.index()]).collect();
        Self { value: value.value(), terms, gradients: inputs.iter().map(gradient).collect() }
    }
}

/// Reduces the valid terms, whose class weights add up to `weight` (their number, where there are none).
fn reduce<'t>(tape: &'t Tape, terms: &[Var<'t>], weight: f64, reduction: Reduction) -> Var<'t> {
    let active = |term: &&Var| term.value() > 0.0 || term.value().is_nan();
    let denominator = match reduction {
        Reduction::Mean => weight,
        Reduction::MeanPerSample => terms.len() as f64,
        Reduction::MeanActive => terms.iter().filter(active).count() as f64,
        Reduction::Sum => 1.0,
    };
    let total = tape.sum(terms);
    // A NaN outlives a denominator of 0: samples whose classes all weigh 0 are no reason to hide it.
    if denominator == 0.0 && !total.value().is_nan() { tape.constant(0.0) } else { total / denominator }
}

/// The values of some variables.
fn values(variables: &[Var]) -> Vec<f64> {
    variables.iter().map(Var::value).collect()
}
