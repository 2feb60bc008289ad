//! Classifiers by cosines, with a margin for the true class.

use super::classification::negative_log_softmax;
use super::tape::{Tape, Var};
use super::vector::vectors;
use super::{Evaluation, reduce, values};
use crate::options::{ArcFaceBeyond, Reduction};

/// The options of [`arc_face`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArcFace {
    /// The margin in radians.
    pub margin: f64,
    /// What cosines are multiplied by.
    pub scale: f64,
    /// What continues the margin at wide angles.
    pub beyond: ArcFaceBeyond,
    /// How the samples become one number.
    pub reduction: Reduction,
}

impl Default for ArcFace {
    fn default() -> Self {
        Self { margin: 0.5, scale: 64.0, beyond: ArcFaceBeyond::Monotone, reduction: Reduction::Mean }
    }
}

/// The options of [`cos_face`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosFace {
    /// The margin of the cosine.
    pub margin: f64,
    /// What cosines are multiplied by.
    pub scale: f64,
    /// How the samples become one number.
    pub reduction: Reduction,
}

impl Default for CosFace {
    fn default() -> Self {
        Self { margin: 0.35, scale: 64.0, reduction: Reduction::Mean }
    }
}

/// Cross-entropy of `scale·cos θ_c` for embeddings `[N, width]` and class vectors `[classes, width]`, with `cos(θ + margin)`
/// for the true class, or what continues it. Terms: `[N]`. Gradients: embeddings, class vectors.
///
/// The gradient of the angle is 0 at 0 and π. A zero vector is at a right angle to everything.
pub fn arc_face(embeddings: &[f64], weights: &[f64], targets: &[i64], width: usize, options: &ArcFace) -> Evaluation {
    let ArcFace { margin, scale, beyond, reduction } = *options;
    let (sin_m, cos_m) = margin.sin_cos();
    cosine_head(embeddings, weights, targets, width, scale, reduction, |tape, [u, v]| {
        let cos = tape.dot(u, v);
        let is_zero = |x: &[Var]| x.iter().all(|x| x.value() == 0.0);
        match beyond {
            ArcFaceBeyond::EasyMargin if cos.value() <= 0.0 => cos,
            ArcFaceBeyond::Monotone if cos.value() < -cos_m => cos - margin * sin_m,
            _ if is_zero(u) || is_zero(v) => cos * cos_m - sin_m,
            _ => {
                let apart = u.iter().zip(v).map(|(&u, &v)| u - v).collect::<Vec<_>>();
                let together = u.iter().zip(v).map(|(&u, &v)| u + v).collect::<Vec<_>>();
                let sin = 0.5 * tape.dot(&apart, &apart).sqrt() * tape.dot(&together, &together).sqrt();
                cos * cos_m - sin * sin_m
            }
        }
    })
}

/// As [`arc_face`], with `cos θ − margin` for the true class.
pub fn cos_face(embeddings: &[f64], weights: &[f64], targets: &[i64], width: usize, options: &CosFace) -> Evaluation {
    let CosFace { margin, scale, reduction } = *options;
    cosine_head(embeddings, weights, targets, width, scale, reduction, |tape, [u, v]| tape.dot(u, v) - margin)
}

fn cosine_head(
    embeddings: &[f64],
    weights: &[f64],
    targets: &[i64],
    width: usize,
    scale: f64,
    reduction: Reduction,
    own: impl for<'t> Fn(&'t Tape, [&[Var<'t>]; 2]) -> Var<'t>,
) -> Evaluation {
    let tape = Tape::default();
    let (embeddings, weights) = (tape.variables(embeddings), tape.variables(weights));
    let [samples, classes] = [&embeddings, &weights].map(|x| vectors(&tape, x, width, true));
    assert_eq!(samples.len(), targets.len(), "a target for each embedding");
    let term = |(u, &target): (&Vec<_>, &i64)| {
        let target = target as usize;
        let cosine = |class: usize| tape.dot(u, &classes[class]);
        let modified = |class: usize| if class == target { own(&tape, [u, &classes[class]]) } else { cosine(class) };
        let scores = (0..classes.len()).map(|class| scale * modified(class)).collect::<Vec<_>>();
        negative_log_softmax(&tape, &scores)[target]
    };
    let terms: Vec<_> = samples.iter().zip(targets).map(term).collect();
    let value = reduce(&tape, &terms, terms.len() as f64, reduction);
    Evaluation::new(value, values(&terms), &[&embeddings, &weights])
}
