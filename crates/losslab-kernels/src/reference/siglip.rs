//! The sigmoid loss of SigLIP.

use super::tape::{Tape, Var};
use super::vector::vectors;
use super::{Evaluation, reduce, values};
use crate::options::Reduction;

/// The options of [`siglip`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigLip<'a> {
    /// What similarities are divided by.
    pub temperature: f64,
    /// What is added to the scaled similarities.
    pub bias: f64,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// A group id for each query and for each key: a pair of one group is a positive. Where not given, key `i` is the
    /// positive of query `i`.
    pub groups: Option<[&'a [i64]; 2]>,
    /// How the queries become one number.
    pub reduction: Reduction,
}

impl Default for SigLip<'_> {
    fn default() -> Self {
        Self { temperature: 0.1, bias: -10.0, normalize: true, groups: None, reduction: Reduction::Mean }
    }
}

/// `Σ_j −log σ(±(sim(q_i, k_j)/τ + b))` for each of N queries against M ≥ N keys, + for a positive, − for a negative.
/// Terms: `[N]`.
///
/// Gradients: queries, keys, one number for `log(1/temperature)`, and one for the bias.
pub fn siglip(queries: &[f64], keys: &[f64], width: usize, options: &SigLip) -> Evaluation {
    let tape = Tape::default();
    let (queries, keys) = (tape.variables(queries), tape.variables(keys));
    let (log_scale, bias) = (tape.constant(-options.temperature.ln()), tape.constant(options.bias));
    let scale = log_scale.map(1.0 / options.temperature, 1.0 / options.temperature);
    let [query_vectors, key_vectors] = [&queries, &keys].map(|x| vectors(&tape, x, width, options.normalize));
    if let Some([of_queries, of_keys]) = options.groups {
        assert!(
            of_queries.len() == query_vectors.len() && of_keys.len() == key_vectors.len(),
            "a group for each vector"
        );
    }
    let positive = |i: usize, j: usize| options.groups.map_or(i == j, |[a, b]| a[i] == b[j]);
    let pair = |i: usize, j: usize| {
        let logit = tape.dot(&query_vectors[i], &key_vectors[j]) * scale + bias;
        if positive(i, j) { (-logit).softplus() } else { logit.softplus() }
    };
    let term = |i: usize| tape.sum(&(0..key_vectors.len()).map(|j| pair(i, j)).collect::<Vec<Var>>());
    let terms: Vec<_> = (0..query_vectors.len()).map(term).collect();
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&queries, &keys, &[log_scale], &[bias]])
}
