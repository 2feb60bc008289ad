//! Which keys are the positives of which queries, and the terms of InfoNCE in plain tensor operations.

use crate::error::InputError;
use crate::fused::nothing;
use crate::labels;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use losslab_kernels::options::Positives;
use losslab_kernels::reference as kernels;
use std::collections::HashMap;
use std::ops::Range;

use super::info_nce::NAME;

/// How many pairs of a batch are of which kind, by its group ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupStatistics {
    /// Queries with a positive; the others don't count.
    pub valid_queries: usize,
    /// Pairs of a query and a positive of it.
    pub positives: usize,
    /// Pairs of a query and a key of its group that are left out ([`Positives::Aligned`]): false negatives otherwise.
    pub masked: usize,
}

/// Which keys are the positives of which queries.
pub(super) struct Pairing {
    pub queries: usize,
    pub keys: usize,
    groups: Option<Groups>,
    /// Queries and keys are the same samples: none is a key of its own.
    within: bool,
}

struct Groups {
    of_queries: Vec<i64>,
    of_keys: Vec<i64>,
    positives: Positives,
}

impl Pairing {
    pub fn aligned(queries: &Tensor<2>, keys: &Tensor<2>) -> Result<Self, InputError> {
        let [n, m] = check_aligned(NAME, queries, keys)?;
        Ok(Self { queries: n, keys: m, groups: None, within: false })
    }

    pub fn grouped(
        queries: &Tensor<2>,
        keys: &Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
        positives: Positives,
    ) -> Result<Self, InputError> {
        if positives == Positives::Aligned {
            Self::aligned(queries, keys)?;
        }
        let [n, m] = check_grouped(NAME, queries, keys, &query_groups, &key_groups)?;
        let groups = Groups { of_queries: labels::read(query_groups), of_keys: labels::read(key_groups), positives };
        if positives == Positives::Aligned
            && let Some(index) = (0..n).find(|&i| groups.of_queries[i] != groups.of_keys[i])
        {
            return Err(InputError::Value {
                loss: NAME,
                tensor: "key_groups",
                allowed: format!("the group of its query ({})", groups.of_queries[index]),
                index,
                value: groups.of_keys[index].to_string(),
            });
        }
        Ok(Self { queries: n, keys: m, groups: Some(groups), within: false })
    }

    /// Every sample against the others of one set.
    pub fn within(labels: Vec<i64>, positives: Positives) -> Self {
        let count = labels.len();
        let groups = Groups { of_queries: labels.clone(), of_keys: labels, positives };
        Self { queries: count, keys: count, groups: Some(groups), within: true }
    }

    /// The same with queries and keys exchanged.
    pub fn turned(&self) -> Self {
        let groups = self.groups.as_ref().map(|groups| Groups {
            of_queries: groups.of_keys.clone(),
            of_keys: groups.of_queries.clone(),
            positives: groups.positives,
        });
        Self { queries: self.keys, keys: self.queries, groups, within: self.within }
    }

    /// Rows that have a term: those beyond the other side have no partner where pairs are aligned.
    pub fn anchors(&self) -> usize {
        match &self.groups {
            Some(groups) if groups.positives != Positives::Aligned => self.queries,
            _ => self.queries.min(self.keys),
        }
    }

    /// The groups, as a kernel takes them.
    pub fn ids(&self) -> Option<kernels::Groups<'_>> {
        let groups = self.groups.as_ref()?;
        Some(kernels::Groups { queries: &groups.of_queries, keys: &groups.of_keys, positives: groups.positives })
    }

    /// Rows with a positive.
    pub fn valid(&self) -> u64 {
        match &self.groups {
            Some(groups) if groups.positives != Positives::Aligned => {
                let sizes = sizes(&groups.of_keys);
                let least = 1 + usize::from(self.within);
                groups.of_queries.iter().filter(|group| sizes.get(group).is_some_and(|&size| size >= least)).count()
                    as u64
            }
            _ => self.anchors() as u64,
        }
    }

    pub fn statistics(&self) -> GroupStatistics {
        let valid_queries = self.valid() as usize;
        let Some(groups) = &self.groups else {
            return GroupStatistics { valid_queries, positives: valid_queries, masked: 0 };
        };
        let sizes = sizes(&groups.of_keys);
        let same = groups.of_queries.iter().filter_map(|group| sizes.get(group)).sum();
        match groups.positives {
            Positives::Aligned => {
                GroupStatistics { valid_queries, positives: valid_queries, masked: same - valid_queries }
            }
            _ => GroupStatistics { valid_queries, positives: same, masked: 0 },
        }
    }

    /// The terms of some queries, 0 without a positive. `scale` is 1/τ, shape `[1, 1]`.
    pub fn terms(&self, q: Tensor<2>, k: Tensor<2>, scale: Tensor<2>, rows: Range<usize>) -> Tensor<1> {
        let device = q.device().inner();
        if rows.is_empty() || self.keys <= usize::from(self.within) {
            return nothing(q, rows.len());
        }
        let logits = q.slice(rows.clone()).matmul(k.transpose()) * scale;
        let positions = rows.clone().map(|i| i as i64).collect::<Vec<i64>>();
        let own = || Tensor::<1, Int>::from_data(positions.as_slice(), &device).unsqueeze_dim::<2>(1);
        let Some(groups) = &self.groups else {
            return (log_sum_exp(logits.clone()) - logits.gather(1, own())).squeeze_dim(1);
        };

        let mask = |holds: &dyn Fn(usize, usize) -> bool| {
            let row = |i: usize| (0..self.keys).map(move |j| holds(i, j));
            let data = TensorData::new(rows.clone().flat_map(row).collect::<Vec<bool>>(), [rows.len(), self.keys]);
            Tensor::<2, Bool>::from_data(data, &device)
        };
        let same = |i: usize, j: usize| groups.of_queries[i] == groups.of_keys[j];
        if groups.positives == Positives::Aligned {
            let duplicates = mask(&|i, j| i != j && same(i, j));
            let rest = logits.clone().mask_fill(duplicates, f32::NEG_INFINITY);
            return (log_sum_exp(rest) - logits.gather(1, own())).squeeze_dim(1);
        }
        let positive = mask(&|i, j| same(i, j) && !(self.within && i == j));
        let logits = if self.within { logits.mask_fill(mask(&|i, j| i == j), f32::NEG_INFINITY) } else { logits };
        let counts = positive.clone().int().sum_dim(1);
        let lonely = counts.clone().equal_elem(0);
        let dtype = logits.dtype();
        let terms = match groups.positives {
            Positives::Outside => {
                let counts = counts.float().cast(dtype).clamp_min(1);
                let total = log_sum_exp(logits.clone());
                total - logits.mask_fill(positive.bool_not(), 0).sum_dim(1) / counts
            }
            _ => {
                // A row without a positive would be ln 0; it is left out below, and gets any finite value here.
                let hidden = positive.bool_not().bool_and(lonely.clone().bool_not().expand(logits.shape()));
                let chosen = log_sum_exp(logits.clone().mask_fill(hidden, f32::NEG_INFINITY));
                let share = log_sum_exp(logits) - chosen;
                if self.within { share + counts.float().cast(dtype).clamp_min(1).log() } else { share }
            }
        };
        terms.mask_fill(lonely, 0).squeeze_dim(1)
    }
}

/// Checks queries with keys of which the first are their positives; returns how many there are of each.
pub(super) fn check_aligned(
    loss: &'static str,
    queries: &Tensor<2>,
    keys: &Tensor<2>,
) -> Result<[usize; 2], InputError> {
    let ([n, d], [m, key_dim]) = (queries.dims(), keys.dims());
    InputError::check_width(loss, "queries", [n, d])?;
    if m < n || key_dim != d {
        return Err(InputError::Shape {
            loss,
            tensor: "keys",
            expected: format!("[{n} or more, {d}] (queries are [{n}, {d}], and key i is the positive of query i)"),
            found: vec![m, key_dim],
        });
    }
    InputError::check_dtype(loss, "keys", keys.dtype(), queries.dtype(), "(that of queries)")?;
    Ok([n, m])
}

/// Checks queries and keys with a group id each; returns how many there are of each.
pub(super) fn check_grouped(
    loss: &'static str,
    queries: &Tensor<2>,
    keys: &Tensor<2>,
    query_groups: &Tensor<1, Int>,
    key_groups: &Tensor<1, Int>,
) -> Result<[usize; 2], InputError> {
    let ([n, d], [m, key_dim]) = (queries.dims(), keys.dims());
    InputError::check_width(loss, "queries", [n, d])?;
    InputError::check_shape(loss, "keys", &[m, key_dim], &[m, d], "(the width of queries)")?;
    InputError::check_dtype(loss, "keys", keys.dtype(), queries.dtype(), "(that of queries)")?;
    InputError::check_shape(loss, "query_groups", &query_groups.dims(), &[n], "(one for each query)")?;
    InputError::check_shape(loss, "key_groups", &key_groups.dims(), &[m], "(one for each key)")?;
    Ok([n, m])
}

/// `ln Σ_j exp(x_ij)` along the second dimension, kept as 1.
pub(crate) fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let max = x.clone().inner().max_dim(1);
    (x - max.clone()).exp().sum_dim(1).log() + max
}

/// How many keys each group has.
fn sizes(groups: &[i64]) -> HashMap<&i64, usize> {
    let mut sizes = HashMap::new();
    groups.iter().for_each(|group| *sizes.entry(group).or_insert(0) += 1);
    sizes
}
