//! The second hinge of the quadruplet loss in plain tensor operations.

use super::mining::Roles;
use super::positions;
use super::quadruplet::QuadrupletLoss;
use crate::distance::{between, pairwise};
use crate::fused::{BLOCK_VALUES, nothing, sum_over_blocks};
use crate::math::hinge;
use burn::tensor::{Bool, IndexingUpdateOp, Tensor, TensorData};
use losslab_kernels::options::QuadrupletMining;
use std::collections::HashMap;

impl QuadrupletLoss {
    /// The reduced second hinge of rows in f32 or f64, of length 1 where that is asked for.
    pub(super) fn pairs(&self, x: Tensor<2>, labels: &[i64]) -> Tensor<1> {
        let [rows, dim] = x.dims();
        match self.mining {
            QuadrupletMining::BatchHard => {
                let mined = self.mine(&x, labels);
                let count = mined.len();
                sum_over_blocks([x], count, 4 * dim, count as u64, self.reduction, |[x], block| {
                    Some(self.mined_terms(x, &mined[block]))
                })
            }
            QuadrupletMining::BatchAll => {
                let positives = positive_pairs(labels);
                // A step takes some positive pairs, and the pairs of one row with those behind it.
                let size = (BLOCK_VALUES / rows.max(1)).clamp(1, positives.len().max(1));
                let steps = positives.len().div_ceil(size) * rows;
                let values = size * (rows + dim) + rows * dim;
                let valid = valid_quadruplets(labels);
                sum_over_blocks([x], steps, values, valid, self.reduction, |[x], steps| {
                    let of_step = |step: usize| {
                        let first = step / rows * size;
                        let some = &positives[first..(first + size).min(positives.len())];
                        let terms = self.terms(x.clone(), labels, some, step % rows)?;
                        let count = terms.shape().num_elements();
                        Some(terms.reshape([count]))
                    };
                    let terms = steps.filter_map(of_step).collect::<Vec<Tensor<1>>>();
                    (!terms.is_empty()).then(|| Tensor::cat(terms, 0))
                })
            }
        }
    }

    /// The second hinge of every anchor, 0 without any quadruplet.
    pub(super) fn pairs_of_anchors(&self, x: Tensor<2>, labels: &[i64]) -> Tensor<1> {
        let zeros = nothing(x.clone(), labels.len());
        match self.mining {
            QuadrupletMining::BatchHard => {
                let mined = self.mine(&x, labels);
                if mined.is_empty() {
                    return zeros;
                }
                let anchors = positions(mined.iter().map(|quadruplet| quadruplet[0]), &x);
                zeros.select_assign(0, anchors, self.mined_terms(x, &mined), IndexingUpdateOp::Add)
            }
            QuadrupletMining::BatchAll => {
                let positives = positive_pairs(labels);
                let of_row = |row: usize| self.terms(x.clone(), labels, &positives, row);
                let sums = (0..labels.len()).filter_map(of_row).map(|terms| terms.sum_dim(1).squeeze_dim::<1>(1));
                let Some(sums) = sums.reduce(|sum, row| sum + row) else {
                    return zeros;
                };
                let halves = sums / 2;
                [0, 1].into_iter().fold(zeros, |to, end| {
                    let rows = positions(positives.iter().map(|pair| pair[end]), &x);
                    to.select_assign(0, rows, halves.clone(), IndexingUpdateOp::Add)
                })
            }
        }
    }

    /// For each anchor its farthest positive, its nearest negative, and what is nearest to that of a third class.
    fn mine(&self, x: &Tensor<2>, labels: &[i64]) -> Vec<[usize; 4]> {
        let (miner, roles) = (&self.triplets.miner, Roles::of_batch(labels.len()));
        let triplets = miner.choose_batch_hard(x.clone(), labels, &roles);
        let mut by_negative = HashMap::<usize, Vec<[usize; 2]>>::new();
        for &[a, p, n] in triplets.as_slice() {
            by_negative.entry(n).or_default().push([a, p]);
        }
        let mut mined = Vec::with_capacity(triplets.len());
        miner.for_each_anchor(x.clone(), labels, &roles, |n, distances, _, negatives| {
            for &[a, p] in by_negative.get(&n).map_or(&[][..], |pairs| pairs) {
                let third = negatives.iter().copied().filter(|&o| labels[o] != labels[a]).collect::<Vec<usize>>();
                mined.extend(super::mining::nearest(&third, distances).map(|o| [a, p, n, o]));
            }
        });
        mined.sort_unstable();
        mined
    }

    fn mined_terms(&self, x: Tensor<2>, quadruplets: &[[usize; 4]]) -> Tensor<1> {
        let part = |part: usize| x.clone().select(0, positions(quadruplets.iter().map(|rows| rows[part]), &x));
        let near = between(self.distance, part(0), part(1));
        hinge(near - between(self.distance, part(2), part(3)) + self.pair_margin)
    }

    /// The terms of some positive pairs (rows) with the pairs of one row and a row behind it (columns), 0 where such a pair
    /// isn't of two other classes. Nothing where there is none.
    fn terms(&self, x: Tensor<2>, labels: &[i64], positives: &[[usize; 2]], row: usize) -> Option<Tensor<2>> {
        let partners = (row + 1..labels.len()).filter(|&other| labels[other] != labels[row]).collect::<Vec<usize>>();
        if partners.is_empty() || positives.is_empty() {
            return None;
        }
        let end = |end: usize| x.clone().select(0, positions(positives.iter().map(|pair| pair[end]), &x));
        let near = between(self.distance, end(0), end(1)).unsqueeze_dim::<2>(1);
        let others = x.clone().select(0, positions(partners.iter().copied(), &x));
        let far = pairwise(self.distance, x.clone().slice(row..row + 1), others);
        let invalid = positives.iter().flat_map(|&[i, _]| {
            partners.iter().map(move |&other| labels[i] == labels[row] || labels[i] == labels[other])
        });
        let shape = [positives.len(), partners.len()];
        let invalid = TensorData::new(invalid.collect::<Vec<bool>>(), shape);
        let invalid = Tensor::<2, Bool>::from_data(invalid, &x.device().inner());
        Some(hinge(near.expand(shape) - far.expand(shape) + self.pair_margin).mask_fill(invalid, 0))
    }
}

/// The pairs of one class, each once.
fn positive_pairs(labels: &[i64]) -> Vec<[usize; 2]> {
    let behind = |i: usize| (i + 1..labels.len()).filter(move |&j| labels[j] == labels[i]).map(move |j| [i, j]);
    (0..labels.len()).flat_map(behind).collect()
}

/// For each class its pairs, times the pairs of two others.
fn valid_quadruplets(labels: &[i64]) -> u64 {
    let mut sizes = HashMap::new();
    labels.iter().for_each(|label| *sizes.entry(label).or_insert(0u64) += 1);
    let squares = sizes.values().map(|size| size * size).sum::<u64>();
    let of_class = |&size: &u64| {
        let others = labels.len() as u64 - size;
        size * (size - 1) / 2 * ((others * others - (squares - size * size)) / 2)
    };
    sizes.values().map(of_class).sum()
}
