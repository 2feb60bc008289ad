//! Quadruplet loss over a labelled batch.

use super::triplet::{TripletLoss, TripletLossConfig};
use super::{prepare, read_labels};
use crate::distance::{Distance, check_margin};
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach_value};
use crate::math::in_f32;
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Int, Tensor};
use losslab_kernels::options::{QuadrupletMining, TripletMining};
use losslab_kernels::{Labelled, Metric, Quadruplet, quadruplet};

const NAME: &str = "quadruplet";

/// Configuration of [`QuadrupletLoss`].
#[derive(Config, Debug)]
pub struct QuadrupletLossConfig {
    /// How much farther than the positive the negative must be from the anchor, above 0 (and at most the largest distance:
    /// 2 for [`Distance::Cosine`] and unit vectors, squared 4). Typical: 0.1 to 2. Default: 0.2.
    #[config(default = 0.2)]
    pub margin: f64,
    /// How much farther apart than a positive pair a pair of two other classes must be; the same range. The paper has it
    /// below the margin, so that the order around the anchor comes first. Default: 0.1.
    #[config(default = 0.1)]
    pub pair_margin: f64,
    /// Which quadruplets of the batch count. Default: all.
    #[config(default = "QuadrupletMining::BatchAll")]
    pub mining: QuadrupletMining,
    /// The distance. Default: Euclidean.
    #[config(default = "Distance::Euclidean")]
    pub distance: Distance,
    /// Whether embeddings are brought to length 1 first. Default: false.
    #[config(default = false)]
    pub normalize: bool,
    /// How the terms of each hinge become one number; the two numbers are added. Default: mean over the valid terms.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl QuadrupletLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If a margin isn't one that the distance can reach.
    pub fn try_init(&self) -> Result<QuadrupletLoss, ConfigError> {
        check_margin(NAME, "pair_margin", self.pair_margin, self.distance, self.normalize, false)?;
        let triplets = TripletLossConfig::new()
            .with_margin(self.margin)
            .with_mining(match self.mining {
                QuadrupletMining::BatchAll => TripletMining::BatchAll,
                QuadrupletMining::BatchHard => TripletMining::BatchHard,
            })
            .with_distance(self.distance)
            .with_normalize(self.normalize)
            .with_reduction(self.reduction);
        Ok(QuadrupletLoss {
            triplets: triplets.try_init().map_err(|error| ConfigError { loss: NAME, ..error })?,
            margin: self.margin,
            pair_margin: self.pair_margin,
            mining: self.mining,
            distance: self.distance,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> QuadrupletLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Quadruplet loss over a labelled batch (Chen et al. 2017, [arXiv:1704.01719](https://arxiv.org/abs/1704.01719)).
///
/// ```text
/// L = mean max(0, D(a, p) − D(a, n) + m₁)     over triplets
///   + mean max(0, D(a, p) − D(n, o) + m₂)     over quadruplets: n and o are of different classes, neither is that of a
/// ```
///
/// | mining | triplets | quadruplets |
/// |---|---|---|
/// | [`QuadrupletMining::BatchAll`] | all valid ones, as [`TripletLoss`](crate::TripletLoss) | each pair of one class with each pair of two others; a pair counts once, whichever row comes first |
/// | [`QuadrupletMining::BatchHard`] | one an anchor: its farthest positive, its nearest negative `n` | the same `a`, `p` and `n`, and as `o` what is nearest to `n` of a third class |
///
/// The triplet loss orders the distances around each anchor, and leaves them free between anchors: a pair of one class may
/// be farther apart than a pair of two others. The second hinge orders those too, so that one threshold fits all classes.
///
/// Either hinge has a mean of its own, since quadruplets are far more than triplets. [`Reduction::MeanActive`] divides each
/// sum by its own terms above 0; [`Reduction::Sum`] adds both sums. A batch of fewer than three classes has no quadruplet:
/// the second mean is 0. [`QuadrupletLoss::statistics`] counts.
///
/// Time and memory of [`QuadrupletMining::BatchAll`] on f32 tensors of the CPU: about that of the triplet loss and a
/// binary search for each pair of two classes, through the pairs of one class; about 15 times the batch, 16 MiB, 8 MiB for
/// each thread, and 64 bytes for each pair of one class, of which 2²⁰ are taken at a time. Elsewhere, and in f64: a few
/// tensors of about 4 million values, in time `pairs of one class × pairs of two`.
/// [`QuadrupletMining::BatchHard`] holds a block of rows of the distances, and the mined rows.
/// [`forward_no_reduction`](QuadrupletLoss::forward_no_reduction) holds what an anchor has, for all anchors.
///
/// **Use it** for verification with one threshold for all classes, and where classes overlap though each triplet is in
/// order; in batches of P classes × K samples, with P of 3 or more. **Don't** where only the ranking for each query counts:
/// the triplet loss asks for less.
///
/// # Example
///
/// Class 0 is at 0 and 1, classes 1 and 2 at 3 and 3.25. Every triplet is in order, but the two others are nearer to each
/// other than the pair of class 0: `1 − 0.25 + 0.5`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::QuadrupletLossConfig;
///
/// let device = Device::flex();
/// let embeddings = Tensor::<2>::from_data([[0.0], [1.0], [3.0], [3.25]], &device);
/// let labels = Tensor::<1, Int>::from_data([0, 0, 1, 2], &device);
/// let loss = QuadrupletLossConfig::new().with_margin(1.0).with_pair_margin(0.5).init();
/// let value = loss.forward(embeddings.clone(), labels.clone()).into_scalar::<f64>();
/// assert!((value - (0.0 + 1.25)).abs() < 1e-6);
/// let statistics = loss.statistics(embeddings, labels);
/// assert_eq!((statistics.triplets, statistics.active_triplets), (4, 0));
/// assert_eq!((statistics.quadruplets, statistics.active_quadruplets), (1, 1));
/// ```
#[derive(Module, Debug)]
pub struct QuadrupletLoss {
    /// The first hinge.
    pub(super) triplets: TripletLoss,
    margin: f64,
    pub(super) pair_margin: f64,
    #[module(skip)]
    pub(super) mining: QuadrupletMining,
    #[module(skip)]
    pub(super) distance: Distance,
    normalize: bool,
    #[module(skip)]
    pub(super) reduction: Reduction,
}

/// How many terms a batch has with [`QuadrupletMining::BatchAll`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuadrupletStatistics {
    /// All valid triplets.
    pub triplets: u64,
    /// Those that cost something.
    pub active_triplets: u64,
    /// All valid quadruplets: pairs of one class with pairs of two others.
    pub quadruplets: u64,
    /// Those that cost something.
    pub active_quadruplets: u64,
}

impl QuadrupletLoss {
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
        let of_host = read_labels(NAME, &embeddings, labels.clone())?;
        let embeddings = in_f32(embeddings);
        match (self.mining, HostSlice::of(&embeddings)) {
            (QuadrupletMining::BatchAll, Some(rows)) => {
                let batch = Labelled { rows: rows.as_slice(), labels: &of_host, width: embeddings.dims()[1] };
                Ok(attach_value([embeddings], |[gradient]| quadruplet(self.kernel(), batch, gradient).value))
            }
            _ => {
                let triplets = self.triplets.try_forward(embeddings.clone(), labels)?;
                Ok(triplets + self.pairs(prepare(embeddings, self.normalize), &of_host))
            }
        }
    }

    /// The same in plain tensor operations: what [`try_forward`](Self::try_forward) does where there is no kernel, and
    /// what the kernel is tested against.
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn forward_plain(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let of_host = read_labels(NAME, &embeddings, labels.clone())?;
        let triplets = self.triplets.forward_plain(embeddings.clone(), labels)?;
        Ok(triplets + self.pairs(prepare(embeddings, self.normalize), &of_host))
    }

    /// The loss of every anchor, shape `[n]`: the sum over its triplets, and what its quadruplets cost, half of it for either
    /// row of a positive pair where each pair counts once.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let of_host = read_labels(NAME, &embeddings, labels.clone()).unwrap_or_else(|error| panic!("{error}"));
        let triplets = self.triplets.forward_no_reduction(embeddings.clone(), labels);
        triplets + self.pairs_of_anchors(prepare(embeddings, self.normalize), &of_host)
    }

    /// Counts the terms of a batch, whatever the mining: on the host, in f32.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn statistics(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> QuadrupletStatistics {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        let width = embeddings.dims()[1];
        let rows = embeddings.into_data().convert::<f32>().try_into_vec::<f32>().expect("converted to f32");
        let found = quadruplet(self.kernel(), Labelled { rows: &rows, labels: &labels, width }, None);
        QuadrupletStatistics {
            triplets: found.triplets.valid,
            active_triplets: found.triplets.active,
            quadruplets: found.quadruplets.valid,
            active_quadruplets: found.quadruplets.active,
        }
    }

    fn kernel(&self) -> Quadruplet {
        let metric = Metric { distance: self.distance, normalize: self.normalize };
        Quadruplet { margin: self.margin, pair_margin: self.pair_margin, metric, reduction: self.reduction }
    }
}
