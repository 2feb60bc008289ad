//! InfoNCE.

use super::partners::Partners;
use super::vectors::Vectors;
use super::{Common, Contrastive, DEFAULT_MEMORY, evaluate};
use crate::options::Reduction;
use crate::reference::Groups;

/// The parameters of InfoNCE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InfoNce<'a> {
    /// What similarities are divided by, above 0.
    pub temperature: f64,
    /// Whether keys are anchors too.
    pub symmetric: bool,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// Which keys belong to which query; where not given, key `i` belongs to query `i`.
    pub groups: Option<Groups<'a>>,
    /// How the anchors become one number.
    pub reduction: Reduction,
    /// The memory for tiles between forward and backward, in bytes. It changes the time, not the result.
    pub memory: usize,
}

impl Default for InfoNce<'_> {
    fn default() -> Self {
        Self {
            temperature: 0.07,
            symmetric: true,
            normalize: true,
            groups: None,
            reduction: Reduction::Mean,
            memory: DEFAULT_MEMORY,
        }
    }
}

/// The gradients that are asked for; each is written once and whole.
#[derive(Debug, Default)]
pub struct InfoNceGradients<'a> {
    /// With respect to the queries.
    pub queries: Option<&'a mut [f32]>,
    /// With respect to the keys.
    pub keys: Option<&'a mut [f32]>,
    /// With respect to `ln(1/τ)`: returned beside the value.
    pub log_scale: bool,
}

/// InfoNCE of queries against keys, row-major rows of `width`: the reduced loss with its gradients.
///
/// Beside queries and keys it takes twice their memory, for unit vectors and gradients, and `memory` at most.
///
/// # Panics
/// If lengths don't fit: without groups, and with [`Positives::Aligned`](crate::options::Positives::Aligned), there are at
/// least as many keys as queries.
pub fn info_nce(
    loss: &InfoNce,
    queries: &[f32],
    keys: &[f32],
    width: usize,
    gradients: InfoNceGradients,
) -> Contrastive {
    let [rows, columns] = [queries, keys].map(|values| Vectors::new(values, width, loss.normalize));
    let (n, m) = (rows.len(), columns.len());
    let partners = match loss.groups {
        None => Partners::aligned(n, m),
        Some(Groups { queries, keys, positives }) => {
            assert!(queries.len() == n && keys.len() == m, "a group for each query and for each key");
            Partners::grouped(queries, keys, positives)
        }
    };
    assert!(!partners.is_aligned() || n <= m, "{n} queries have no more than {m} keys");
    for (gradient, values) in [(&gradients.queries, queries), (&gradients.keys, keys)] {
        assert!(gradient.as_ref().is_none_or(|gradient| gradient.len() == values.len()), "one gradient an input");
    }
    let common = Common {
        temperature: loss.temperature,
        reduction: loss.reduction,
        memory: loss.memory,
        columns: loss.symmetric,
        spread: false,
        decoupled: None,
    };
    let InfoNceGradients { queries, keys, log_scale } = gradients;
    evaluate(&common, [&rows, &columns], &partners, [queries, keys], log_scale)
}
