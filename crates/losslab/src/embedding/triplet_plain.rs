//! Triplet loss over a labelled batch in plain tensor operations.

use super::mining::{Roles, Triplets};
use super::triplet::TripletLoss;
use super::triplet_aligned::smaller;
use super::{positions, prepare};
use crate::distance::pairwise;
use crate::fused::{nothing, sum_over_blocks};
use crate::math::stacked;
use burn::tensor::{Bool, IndexingUpdateOp, Tensor, TensorData};
use losslab_kernels::options::TripletMining;
use std::ops::Range;

impl TripletLoss {
    /// The reduced loss of anchors against a bank: both are one matrix, in which rows have different roles.
    pub(super) fn plain_with_bank(
        &self,
        embeddings: Tensor<2>,
        labels: Vec<i64>,
        bank: Tensor<2>,
        bank_labels: Vec<i64>,
    ) -> Tensor<1> {
        let rows = labels.len();
        self.plain(stacked(embeddings, bank), [labels, bank_labels].concat(), |all| Roles::with_bank(rows, all - rows))
    }

    /// The reduced loss of rows in f32 or f64.
    pub(super) fn plain(&self, rows: Tensor<2>, labels: Vec<i64>, roles: impl Fn(usize) -> Roles) -> Tensor<1> {
        let embeddings = prepare(rows, self.normalize);
        let reduction = self.aligned.reduction;
        let ([rows, dim], roles) = (embeddings.dims(), roles(labels.len()));
        if let Some(triplets) = self.mine(&embeddings, &labels, &roles) {
            let (count, per_triplet) = (triplets.len(), 3 * dim);
            return sum_over_blocks([embeddings], count, per_triplet, count as u64, reduction, |[x], block| {
                let [a, p, n] = triplets.part(block).select(x);
                Some(self.aligned.forward_no_reduction(a, p, n))
            });
        }
        // Class by class: the anchors of a block then share their positives. Each row keeps its role.
        let mut order = (0..rows).collect::<Vec<usize>>();
        order.sort_by_key(|i| (!roles.anchors.contains(i), labels[*i]));
        let embeddings = embeddings.clone().select(0, positions(order.iter().copied(), &embeddings));
        let labels = order.iter().map(|&i| labels[i]).collect::<Vec<i64>>();
        let pairs = Pairs::of(&labels, &roles);
        // The distances of an anchor, and a row of triplets for each of its positives.
        let per_anchor = rows * (dim + pairs.most_of_an_anchor());
        let valid = pairs.valid_triplets(&labels, &roles);
        sum_over_blocks([embeddings], roles.anchors.len(), per_anchor, valid, reduction, |[x], anchors| {
            self.all_terms(x, &labels, &roles, &pairs, anchors)
        })
    }

    /// The loss of every anchor of a batch, 0 without any triplet.
    pub(super) fn of_anchors(&self, embeddings: Tensor<2>, labels: &[i64]) -> Tensor<1> {
        let (zeros, roles) = (nothing(embeddings.clone(), labels.len()), Roles::of_batch(labels.len()));
        let (terms, anchors): (Tensor<1>, Vec<usize>) = match self.mine(&embeddings, labels, &roles) {
            Some(triplets) if triplets.is_empty() => return zeros,
            Some(triplets) => {
                let [a, p, n] = triplets.select(embeddings.clone());
                let anchors = triplets.as_slice().iter().map(|triplet| triplet[0]).collect();
                (self.aligned.forward_no_reduction(a, p, n), anchors)
            }
            None => {
                let pairs = Pairs::of(labels, &roles);
                let terms = self.all_terms(embeddings.clone(), labels, &roles, &pairs, 0..labels.len());
                let Some(terms) = terms else { return zeros };
                (terms.sum_dim(1).squeeze_dim(1), pairs.0.iter().map(|pair| pair[0]).collect())
            }
        };
        zeros.select_assign(0, positions(anchors.into_iter(), &embeddings), terms, IndexingUpdateOp::Add)
    }

    /// The chosen triplets, or nothing where all of them count.
    fn mine(&self, embeddings: &Tensor<2>, labels: &[i64], roles: &Roles) -> Option<Triplets> {
        let x = || embeddings.clone();
        match self.mining {
            TripletMining::BatchAll => None,
            TripletMining::BatchHard => Some(self.miner.choose_batch_hard(x(), labels, roles)),
            TripletMining::SemiHard => Some(self.miner.choose_semi_hard(x(), labels, roles, self.fallback)),
        }
    }

    /// The terms of all triplets of some anchors: a row for each of their (anchor, positive), a column for each
    /// row, 0 where that is no negative. Nothing where the anchors have no positive.
    fn all_terms(
        &self,
        x: Tensor<2>,
        labels: &[i64],
        roles: &Roles,
        pairs: &Pairs,
        anchors: Range<usize>,
    ) -> Option<Tensor<2>> {
        let n = labels.len();
        let pairs = pairs.of_anchors(anchors.clone());
        if pairs.is_empty() {
            return None;
        }
        let distance = self.aligned.distance;
        let from_anchor = pairwise(distance, x.clone().slice(anchors.clone()), x.clone());

        let flat = positions(pairs.iter().map(|[a, p]| (a - anchors.start) * n + p), &x);
        let near = from_anchor.clone().reshape([anchors.len() * n]).select(0, flat).unsqueeze_dim::<2>(1);
        let mut far = from_anchor.select(0, positions(pairs.iter().map(|[a, _]| a - anchors.start), &x));
        if self.aligned.swap {
            // Distances only from the positives of these anchors, each once.
            let mut positives = pairs.iter().map(|[_, p]| *p).collect::<Vec<usize>>();
            positives.sort_unstable();
            positives.dedup();
            let from_positive = x.clone().select(0, positions(positives.iter().copied(), &x));
            let from_positive = pairwise(distance, from_positive, x.clone());
            let place = |p: &usize| positives.binary_search(p).expect("each positive is listed");
            far = smaller(far, from_positive.select(0, positions(pairs.iter().map(|[_, p]| place(p)), &x)));
        }
        let no_negative = |a: usize| (0..n).map(move |j| labels[j] == labels[a] || !roles.others.contains(&j));
        let no_negative = pairs.iter().flat_map(|[a, _]| no_negative(*a)).collect::<Vec<bool>>();
        let no_negative = TensorData::new(no_negative, [pairs.len(), n]);
        let no_negative = Tensor::<2, Bool>::from_data(no_negative, &x.device().inner());
        Some(self.aligned.penalty(near.expand([pairs.len(), n]) - far).mask_fill(no_negative, 0))
    }
}

/// All (anchor, positive) of a batch, ordered by anchor.
struct Pairs(Vec<[usize; 2]>);

impl Pairs {
    fn of(labels: &[i64], roles: &Roles) -> Self {
        let positives = |a: usize| roles.others.clone().filter(move |&p| p != a && labels[p] == labels[a]);
        let of_anchor = |a: usize| positives(a).map(move |p| [a, p]);
        Self(roles.anchors.clone().flat_map(of_anchor).collect())
    }

    fn of_anchors(&self, anchors: Range<usize>) -> &[[usize; 2]] {
        let start = self.0.partition_point(|pair| pair[0] < anchors.start);
        let end = self.0.partition_point(|pair| pair[0] < anchors.end);
        &self.0[start..end]
    }

    /// The largest number of positives that an anchor has.
    fn most_of_an_anchor(&self) -> usize {
        self.0.chunk_by(|first, second| first[0] == second[0]).map(<[_]>::len).max().unwrap_or(0)
    }

    /// Each pair has a triplet for each of the others that is of another class.
    fn valid_triplets(&self, labels: &[i64], roles: &Roles) -> u64 {
        let mut sizes = std::collections::HashMap::new();
        labels[roles.others.clone()].iter().for_each(|label| *sizes.entry(label).or_insert(0u64) += 1);
        self.0.iter().map(|[a, _]| roles.others.len() as u64 - sizes[&labels[*a]]).sum()
    }
}
