//! Contrastive losses within one set of vectors: NT-Xent and SupCon.

use super::Evaluation;
use super::classification::negative_log_softmax;
use super::contrastive::reduce_valid;
use super::tape::{Tape, Var};
use super::vector::vectors;
use crate::options::{Reduction, SupConForm};

/// The options of [`nt_xent`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NtXent {
    /// What similarities are divided by.
    pub temperature: f64,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// How the vectors become one number.
    pub reduction: Reduction,
}

/// The options of [`sup_con`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupCon {
    /// What similarities are divided by.
    pub temperature: f64,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// How several positives enter.
    pub form: SupConForm,
    /// How the vectors become one number.
    pub reduction: Reduction,
}

/// NT-Xent of two views of N samples, `[N, width]` each: `−log softmax` of each vector's other view over all vectors but
/// itself. The terms are `[2N]`, those of the first view first.
///
/// Gradients: the two views, and one number for `log(1/temperature)`.
pub fn nt_xent(first: &[f64], second: &[f64], width: usize, options: &NtXent) -> Evaluation {
    let tape = Tape::default();
    let (first, second) = (tape.variables(first), tape.variables(second));
    assert_eq!(first.len(), second.len(), "two views of each sample");
    let all = [first.as_slice(), &second].concat();
    let samples = first.len() / width;
    let log_scale = tape.constant(-options.temperature.ln());
    let scores = scores(&tape, &all, width, options.normalize, log_scale);
    let term = |i: usize| {
        let view = (i + samples) % (2 * samples);
        let others = (0..2 * samples).filter(|&j| j != i && j != view).map(|j| scores[i][j]);
        let all = [scores[i][view]].into_iter().chain(others).collect::<Vec<Var>>();
        Some(negative_log_softmax(&tape, &all)[0])
    };
    let terms: Vec<_> = (0..2 * samples).map(term).collect();
    finish(&tape, &terms, options.reduction, &[&first, &second, &[log_scale]])
}

/// SupCon (Khosla et al. 2020) of `[N, width]` vectors with a label each: among all vectors but itself, the positives of a
/// vector are those of its label. Outside: the mean over them of `−log softmax`; inside: `−log` of the mean of their
/// softmax. The terms are `[N]`, 0 without a positive.
///
/// Gradients: the vectors, and one number for `log(1/temperature)`.
pub fn sup_con(embeddings: &[f64], labels: &[i64], width: usize, options: &SupCon) -> Evaluation {
    let tape = Tape::default();
    let embeddings = tape.variables(embeddings);
    let log_scale = tape.constant(-options.temperature.ln());
    let scores = scores(&tape, &embeddings, width, options.normalize, log_scale);
    assert_eq!(scores.len(), labels.len(), "one label a vector");
    let term = |i: usize| {
        let others = |same: bool| (0..labels.len()).filter(move |&j| j != i && (labels[j] == labels[i]) == same);
        let positives = others(true).map(|j| scores[i][j]).collect::<Vec<Var>>();
        let negatives = others(false).map(|j| scores[i][j]).collect::<Vec<Var>>();
        let count = positives.len() as f64;
        if positives.is_empty() {
            return None;
        }
        Some(match options.form {
            SupConForm::Outside => {
                let all = negative_log_softmax(&tape, &[positives.as_slice(), &negatives].concat());
                tape.sum(&all[..positives.len()]) / count
            }
            SupConForm::Inside => (tape.log_sum_exp(&negatives) - tape.log_sum_exp(&positives)).softplus() + count.ln(),
        })
    };
    let terms: Vec<_> = (0..labels.len()).map(term).collect();
    finish(&tape, &terms, options.reduction, &[&embeddings, &[log_scale]])
}

/// The options of [`dcl`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dcl {
    /// What similarities are divided by.
    pub temperature: f64,
    /// The σ of the weights of the positives; they are 1 without.
    pub sigma: Option<f64>,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// How the vectors become one number.
    pub reduction: Reduction,
}

/// Decoupled contrastive loss of two views of N samples, `[N, width]` each: `−w·s + log Σ exp` of each vector, with the
/// score of its other view and, in the sum, those of all views of other samples. With σ the weight of a sample is
/// `w = 2 − exp(c/σ)/mean exp(c/σ)` with the similarity `c` of its views, a constant for the gradient. The terms are
/// `[2N]`, those of the first view first, 0 for a single sample.
///
/// Gradients: the two views, and one number for `log(1/temperature)`.
pub fn dcl(first: &[f64], second: &[f64], width: usize, options: &Dcl) -> Evaluation {
    dcl_with_weights_at(first, second, [first, second], width, options)
}

/// As [`dcl`], with the weights of other views.
pub fn dcl_with_weights_at(
    first: &[f64],
    second: &[f64],
    weights_at: [&[f64]; 2],
    width: usize,
    options: &Dcl,
) -> Evaluation {
    let tape = Tape::default();
    let (first, second) = (tape.variables(first), tape.variables(second));
    assert_eq!(first.len(), second.len(), "two views of each sample");
    let all = [first.as_slice(), &second].concat();
    let samples = first.len() / width;
    let log_scale = tape.constant(-options.temperature.ln());
    let scores = scores(&tape, &all, width, options.normalize, log_scale);
    let weights = match options.sigma {
        None => vec![1.0; samples],
        Some(sigma) => {
            let constants = Tape::default();
            let [x, y] =
                weights_at.map(|views| vectors(&constants, &constants.variables(views), width, options.normalize));
            let similar = x.iter().zip(&y).map(|(x, y)| constants.dot(x, y) / sigma).collect::<Vec<_>>();
            let mean = constants.log_sum_exp(&similar) - (samples as f64).ln();
            similar.iter().map(|&c| 2.0 - (c - mean).exp().value()).collect()
        }
    };
    let term = |i: usize| {
        let (sample, view) = (i % samples, (i + samples) % (2 * samples));
        let others = (0..2 * samples).filter(|j| j % samples != sample).map(|j| scores[i][j]).collect::<Vec<Var>>();
        (samples > 1).then(|| tape.log_sum_exp(&others) - weights[sample] * scores[i][view])
    };
    let terms: Vec<_> = (0..2 * samples).map(term).collect();
    finish(&tape, &terms, options.reduction, &[&first, &second, &[log_scale]])
}

/// The logits of all pairs.
fn scores<'t>(
    tape: &'t Tape,
    vectors_of: &[Var<'t>],
    width: usize,
    normalize: bool,
    log_scale: Var<'t>,
) -> Vec<Vec<Var<'t>>> {
    let scale = log_scale.exp();
    let vectors = vectors(tape, vectors_of, width, normalize);
    let row = |x: &Vec<_>| vectors.iter().map(|y| tape.dot(x, y) * scale).collect();
    vectors.iter().map(row).collect()
}

fn finish<'t>(tape: &'t Tape, terms: &[Option<Var<'t>>], reduction: Reduction, inputs: &[&[Var<'t>]]) -> Evaluation {
    let values = terms.iter().map(|term| term.map_or(0.0, |term| term.value())).collect();
    Evaluation::new(reduce_valid(tape, terms, reduction), values, inputs)
}
