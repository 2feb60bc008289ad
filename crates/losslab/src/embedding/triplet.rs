//! Triplet loss over a labelled batch.

use super::mining::{TripletMiner, TripletMinerConfig, TripletStatistics, Triplets};
use super::triplet_aligned::{AlignedTripletLoss, AlignedTripletLossConfig, smaller};
use super::{prepare, read_labels};
use crate::distance::{Distance, pairwise};
use crate::error::{ConfigError, InputError};
use crate::fused::{nothing, sum_over_blocks};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor, TensorData};
use losslab_kernels::options::{SemiHardFallback, TripletMining};
use std::ops::Range;

const NAME: &str = "triplet";

/// Configuration of [`TripletLoss`].
#[derive(Config, Debug)]
pub struct TripletLossConfig {
    /// How much farther than the positive the negative must be: above 0, or at least 0 with a soft margin (and at most the
    /// largest distance: 2 for [`Distance::Cosine`] and unit vectors, squared 4). Typical: 0.1 to 2. Default: 0.2.
    #[config(default = 0.2)]
    pub margin: f64,
    /// Which triplets of the batch count. Default: semi-hard.
    #[config(default = "TripletMining::SemiHard")]
    pub mining: TripletMining,
    /// The negative where there is no semi-hard one. Default: the farthest.
    #[config(default = "SemiHardFallback::Farthest")]
    pub fallback: SemiHardFallback,
    /// Softplus in place of the hinge. With margin 0 it is the soft margin of Hermans et al. 2017. Default: false.
    #[config(default = false)]
    pub soft: bool,
    /// Whether the negative may take the positive's place as anchor where it is nearer to it. Default: false.
    #[config(default = false)]
    pub swap: bool,
    /// The distance. Default: Euclidean.
    #[config(default = "Distance::Euclidean")]
    pub distance: Distance,
    /// Whether embeddings are brought to length 1 first. Default: false.
    #[config(default = false)]
    pub normalize: bool,
    /// How the terms become one number. Default: mean over the valid triplets that are mined.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl TripletLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If the margin isn't one that the distance can reach.
    pub fn try_init(&self) -> Result<TripletLoss, ConfigError> {
        let aligned = AlignedTripletLossConfig::new()
            .with_margin(self.margin)
            .with_soft(self.soft)
            .with_swap(self.swap)
            .with_distance(self.distance)
            .with_normalize(self.normalize)
            .with_reduction(self.reduction);
        let miner = TripletMinerConfig::new().with_margin(self.margin).with_distance(self.distance);
        let miner = miner.with_normalize(self.normalize);
        let named = |error| ConfigError { loss: NAME, ..error };
        Ok(TripletLoss {
            mining: self.mining,
            fallback: self.fallback,
            normalize: self.normalize,
            // Both see embeddings that are of length 1 already.
            aligned: AlignedTripletLoss { normalize: false, ..aligned.try_init().map_err(named)? },
            miner: miner.try_init().map_err(named)?.without_normalization(),
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> TripletLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Triplet loss over a labelled batch, with online mining.
///
/// The terms are those of [`AlignedTripletLoss`]; `mining` says which triplets there are:
///
/// | mining | triplets | paper |
/// |---|---|---|
/// | [`TripletMining::BatchAll`] | all valid ones | Hermans et al. 2017, [arXiv:1703.07737](https://arxiv.org/abs/1703.07737) |
/// | [`TripletMining::BatchHard`] | one an anchor: farthest positive, nearest negative | the same |
/// | [`TripletMining::SemiHard`] | one an (anchor, positive): the nearest negative beyond the positive | Schroff et al. 2015, [arXiv:1503.03832](https://arxiv.org/abs/1503.03832) |
///
/// An anchor is never its own positive. Mining goes by `D(a, ·)`; `swap` acts on the chosen triplet. A batch without a
/// valid triplet costs 0. [`Reduction::MeanActive`] divides by the triplets that cost something, as
/// pytorch-metric-learning does.
///
/// Memory: a few tensors of a block of anchors, each of about 4 million values, or what one anchor needs where that is
/// more (`n·d` values, and `n` for each of its positives; with `swap` in batch-all `n·d` for each of its positives).
/// [`forward_no_reduction`](TripletLoss::forward_no_reduction) takes all anchors as one block.
///
/// **Use it** for retrieval and verification with class labels, in batches of P classes × K samples. **Don't** with
/// batches in which classes hardly repeat: there are no valid triplets; look at [`TripletLoss::statistics`].
///
/// # Example
///
/// Anchor 0 has its positive at 0.3 and its nearest farther negative at 0.4: `0.3 − 0.4 + 0.2 = 0.1`. Anchor 1 has
/// no negative beyond its positive but the one at 1.7, at no cost. The other two samples have no positive.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::TripletLossConfig;
///
/// let device = Device::flex();
/// let embeddings = Tensor::<2>::from_data([[0.0], [0.3], [0.4], [2.0]], &device);
/// let labels = Tensor::<1, Int>::from_data([0, 0, 1, 2], &device);
/// let loss = TripletLossConfig::new().init();
/// let value = loss.forward(embeddings.clone(), labels.clone()).into_scalar::<f64>();
/// assert!((value - (0.1 + 0.0) / 2.0).abs() < 1e-6);
/// let statistics = loss.statistics(embeddings, labels);
/// assert_eq!((statistics.valid, statistics.semi_hard, statistics.hard), (4, 1, 1));
/// ```
#[derive(Module, Debug)]
pub struct TripletLoss {
    #[module(skip)]
    mining: TripletMining,
    #[module(skip)]
    fallback: SemiHardFallback,
    normalize: bool,
    aligned: AlignedTripletLoss,
    #[module(skip)]
    miner: TripletMiner,
}

impl TripletLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `labels`: `[n]`, any integers
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        self.try_forward(embeddings, labels).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let labels = read_labels(NAME, &embeddings, labels)?;
        let embeddings = prepare(embeddings, self.normalize);
        let reduction = self.aligned.reduction;
        let [rows, dim] = embeddings.dims();
        if let Some(triplets) = self.mine(&embeddings, &labels) {
            let (count, per_triplet) = (triplets.len(), 3 * dim);
            return Ok(sum_over_blocks([embeddings], count, per_triplet, count as u64, reduction, |[x], block| {
                let [a, p, n] = triplets.part(block).select(x);
                Some(self.aligned.forward_no_reduction(a, p, n))
            }));
        }
        // Class by class: the anchors of a block then share their positives.
        let mut order = (0..rows).collect::<Vec<usize>>();
        order.sort_by_key(|&i| labels[i]);
        let embeddings = embeddings.clone().select(0, positions(order.iter().copied(), &embeddings));
        let labels = order.iter().map(|&i| labels[i]).collect::<Vec<i64>>();
        let pairs = Pairs::of(&labels);
        // The distances of an anchor, and a row of triplets for each of its positives.
        let per_anchor = rows * (dim + pairs.most_of_an_anchor());
        let valid = pairs.valid_triplets(&labels);
        Ok(sum_over_blocks([embeddings], rows, per_anchor, valid, reduction, |[x], anchors| {
            self.all_terms(x, &labels, &pairs, anchors)
        }))
    }

    /// The loss of every anchor, shape `[n]`: the sum over its triplets, 0 without any.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        let embeddings = prepare(embeddings, self.normalize);
        let zeros = nothing(embeddings.clone(), labels.len());
        let (terms, anchors): (Tensor<1>, Vec<usize>) = match self.mine(&embeddings, &labels) {
            Some(triplets) if triplets.is_empty() => return zeros,
            Some(triplets) => {
                let [a, p, n] = triplets.select(embeddings.clone());
                let anchors = triplets.as_slice().iter().map(|triplet| triplet[0]).collect();
                (self.aligned.forward_no_reduction(a, p, n), anchors)
            }
            None => {
                let pairs = Pairs::of(&labels);
                let terms = self.all_terms(embeddings.clone(), &labels, &pairs, 0..labels.len());
                let Some(terms) = terms else { return zeros };
                (terms.sum_dim(1).squeeze_dim(1), pairs.0.iter().map(|pair| pair[0]).collect())
            }
        };
        zeros.select_assign(0, positions(anchors.into_iter(), &embeddings), terms, IndexingUpdateOp::Add)
    }

    /// Counts the valid triplets of a batch by kind, whatever the mining.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn statistics(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> TripletStatistics {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        self.miner.count(prepare(embeddings, self.normalize), &labels)
    }

    /// The chosen triplets, or nothing where all of them count.
    fn mine(&self, embeddings: &Tensor<2>, labels: &[i64]) -> Option<Triplets> {
        match self.mining {
            TripletMining::BatchAll => None,
            TripletMining::BatchHard => Some(self.miner.choose_batch_hard(embeddings.clone(), labels)),
            TripletMining::SemiHard => Some(self.miner.choose_semi_hard(embeddings.clone(), labels, self.fallback)),
        }
    }

    /// The terms of all triplets of some anchors: a row for each of their (anchor, positive), a column for each
    /// negative, 0 where the column is of the anchor's class. Nothing where they have no positive.
    fn all_terms(&self, x: Tensor<2>, labels: &[i64], pairs: &Pairs, anchors: Range<usize>) -> Option<Tensor<2>> {
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
        let same = pairs.iter().flat_map(|[a, _]| labels.iter().map(move |label| *label == labels[*a]));
        let same = TensorData::new(same.collect::<Vec<bool>>(), [pairs.len(), n]);
        let same = Tensor::<2, Bool>::from_data(same, &x.device().inner());
        Some(self.aligned.penalty(near.expand([pairs.len(), n]) - far).mask_fill(same, 0))
    }
}

fn positions(positions: impl Iterator<Item = usize>, like: &Tensor<2>) -> Tensor<1, Int> {
    let positions = positions.map(|position| position as i64).collect::<Vec<i64>>();
    Tensor::from_data(positions.as_slice(), &like.device().inner())
}

/// All (anchor, positive) of a batch, ordered by anchor.
struct Pairs(Vec<[usize; 2]>);

impl Pairs {
    fn of(labels: &[i64]) -> Self {
        let n = labels.len();
        let of_anchor = |a: usize| (0..n).filter(move |&p| p != a && labels[p] == labels[a]).map(move |p| [a, p]);
        Self((0..n).flat_map(of_anchor).collect())
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

    /// Each pair has a triplet for each sample of another class.
    fn valid_triplets(&self, labels: &[i64]) -> u64 {
        let mut sizes = std::collections::HashMap::new();
        labels.iter().for_each(|label| *sizes.entry(label).or_insert(0u64) += 1);
        self.0.iter().map(|[a, _]| labels.len() as u64 - sizes[&labels[*a]]).sum()
    }
}
