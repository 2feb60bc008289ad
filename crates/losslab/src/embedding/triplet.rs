//! Triplet loss over a labelled batch.

use super::mining::{Roles, TripletMiner, TripletMinerConfig, TripletStatistics};
use super::triplet_aligned::{AlignedTripletLoss, AlignedTripletLossConfig};
use super::{check_bank, prepare, read_labels};
use crate::distance::Distance;
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach_sum};
use crate::math::in_f32;
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Int, Tensor};
use losslab_kernels::options::{SemiHardFallback, TripletMining};
use losslab_kernels::{Labelled, Metric, Triplet, TripletChoice, triplet, triplet_with_bank};

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
/// Memory on f32 tensors of the CPU: about 10 times the batch, 16 MiB, and 8 MiB for each thread, whatever the mining. Elsewhere, in f64, and for
/// `swap` in batch-all: a few tensors of a block of anchors, each of about 4 million values, or what one anchor needs
/// where that is more (`n·d` values, and `n` for each of its positives; with `swap` in batch-all `n·d` for each of its
/// positives). [`forward_no_reduction`](TripletLoss::forward_no_reduction) takes all anchors as one block.
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
    pub(super) mining: TripletMining,
    #[module(skip)]
    pub(super) fallback: SemiHardFallback,
    pub(super) normalize: bool,
    pub(super) aligned: AlignedTripletLoss,
    #[module(skip)]
    pub(super) miner: TripletMiner,
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
        let embeddings = in_f32(embeddings);
        let (Some(kernel), Some(rows)) = (self.kernel(), HostSlice::of(&embeddings)) else {
            return Ok(self.plain(embeddings, labels, Roles::of_batch));
        };
        let batch = Labelled { rows: rows.as_slice(), labels: &labels, width: embeddings.dims()[1] };
        Ok(attach_sum([embeddings], self.aligned.reduction, |[gradient]| triplet(kernel, batch, gradient)))
    }

    /// The same in plain tensor operations: what [`try_forward`](Self::try_forward) does where there is no kernel, and
    /// what the kernel is tested against.
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn forward_plain(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let labels = read_labels(NAME, &embeddings, labels)?;
        Ok(self.plain(in_f32(embeddings), labels, Roles::of_batch))
    }

    /// The reduced loss of anchors against a bank: positives and negatives come from the bank alone, such as a
    /// [`MemoryBank`](crate::MemoryBank) of earlier batches or the embeddings of another modality. Every row of the bank
    /// with an anchor's label is a positive of it, so a bank mustn't hold the anchors themselves:
    /// [`MemoryBank::others`](crate::MemoryBank::others) leaves them out.
    ///
    /// The bank's gradient flows too, unless it is detached.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `labels`: `[n]`, any integers
    /// - `bank`: `[m, d]`
    /// - `bank_labels`: `[m]`, any integers
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward_with_bank`](Self::try_forward_with_bank) returns an error.
    ///
    /// # Example
    ///
    /// The bank's positive is at 0.5, its nearest farther negative at 0.6:
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use losslab::TripletLossConfig;
    ///
    /// let device = Device::flex();
    /// let (anchor, label) = (Tensor::<2>::from_data([[0.0]], &device), Tensor::<1, Int>::from_data([3], &device));
    /// let bank = Tensor::<2>::from_data([[0.5], [0.6], [0.1]], &device);
    /// let labels = Tensor::<1, Int>::from_data([3, 4, 4], &device);
    /// let value = TripletLossConfig::new().init().forward_with_bank(anchor, label, bank, labels);
    /// assert!((value.into_scalar::<f64>() - (0.5 - 0.6 + 0.2)).abs() < 1e-6);
    /// ```
    pub fn forward_with_bank(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        bank: Tensor<2>,
        bank_labels: Tensor<1, Int>,
    ) -> Tensor<1> {
        let loss = self.try_forward_with_bank(embeddings, labels, bank, bank_labels);
        loss.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward_with_bank`](Self::forward_with_bank).
    ///
    /// # Errors
    /// If the shapes don't fit, or one of the two is f64.
    pub fn try_forward_with_bank(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        bank: Tensor<2>,
        bank_labels: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let (embeddings, labels, bank, bank_labels) = check_bank(NAME, embeddings, labels, bank, bank_labels)?;
        let (Some(kernel), [Some(rows), Some(bank_rows)]) = (self.kernel(), [&embeddings, &bank].map(HostSlice::of))
        else {
            return Ok(self.plain_with_bank(embeddings, labels, bank, bank_labels));
        };
        let width = embeddings.dims()[1];
        let queries = Labelled { rows: rows.as_slice(), labels: &labels, width };
        let others = Labelled { rows: bank_rows.as_slice(), labels: &bank_labels, width };
        Ok(attach_sum([embeddings, bank], self.aligned.reduction, |gradients| {
            triplet_with_bank(kernel, queries, others, gradients)
        }))
    }

    /// As [`try_forward_with_bank`](Self::try_forward_with_bank), in plain tensor operations.
    ///
    /// # Errors
    /// If the shapes don't fit, or one of the two is f64.
    pub fn forward_with_bank_plain(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        bank: Tensor<2>,
        bank_labels: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let (embeddings, labels, bank, bank_labels) = check_bank(NAME, embeddings, labels, bank, bank_labels)?;
        Ok(self.plain_with_bank(embeddings, labels, bank, bank_labels))
    }

    /// The loss of every anchor, shape `[n]`: the sum over its triplets, 0 without any.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        self.of_anchors(prepare(embeddings, self.normalize), &labels)
    }

    /// Counts the valid triplets of a batch by kind, whatever the mining.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn statistics(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> TripletStatistics {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        self.miner.count(prepare(embeddings, self.normalize), &labels)
    }

    /// What the kernel needs to know, where there is one.
    fn kernel(&self) -> Option<Triplet> {
        let AlignedTripletLoss { margin, soft, swap, distance, .. } = self.aligned;
        let choice = match self.mining {
            // With swap, each positive has other negatives within its reach: there is nothing to share or to sort.
            TripletMining::BatchAll if swap => return None,
            TripletMining::BatchAll => TripletChoice::All,
            TripletMining::BatchHard => TripletChoice::Hard { swap },
            TripletMining::SemiHard => TripletChoice::SemiHard { swap, fallback: self.fallback },
        };
        Some(Triplet { margin, soft, metric: Metric { distance, normalize: self.normalize }, choice })
    }
}
