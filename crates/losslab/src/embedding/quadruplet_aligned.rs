//! Quadruplet loss over given quadruplets.

use super::prepare;
use crate::distance::{Distance, between, check_margin};
use crate::error::{ConfigError, InputError};
use crate::math::hinge;
use crate::reduction::{Reduction, Terms};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;

const NAME: &str = "quadruplet-aligned";

/// Configuration of [`AlignedQuadrupletLoss`].
#[derive(Config, Debug)]
pub struct AlignedQuadrupletLossConfig {
    /// How much farther than the positive the negative must be from the anchor, above 0 (and at most the largest distance:
    /// 2 for [`Distance::Cosine`] and unit vectors, squared 4). Typical: 0.1 to 2. Default: 1.
    #[config(default = 1.0)]
    pub margin: f64,
    /// How much farther apart than anchor and positive the two negatives must be; the same range. The paper has it below
    /// the margin, so that the order around the anchor comes first. Default: 0.5.
    #[config(default = 0.5)]
    pub pair_margin: f64,
    /// The distance. Default: Euclidean.
    #[config(default = "Distance::Euclidean")]
    pub distance: Distance,
    /// Whether embeddings are brought to length 1 first. Default: false.
    #[config(default = false)]
    pub normalize: bool,
    /// How the terms of each hinge become one number; the two numbers are added. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl AlignedQuadrupletLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If a margin isn't one that the distance can reach.
    pub fn try_init(&self) -> Result<AlignedQuadrupletLoss, ConfigError> {
        check_margin(NAME, "margin", self.margin, self.distance, self.normalize, false)?;
        check_margin(NAME, "pair_margin", self.pair_margin, self.distance, self.normalize, false)?;
        Ok(AlignedQuadrupletLoss {
            margin: self.margin,
            pair_margin: self.pair_margin,
            distance: self.distance,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> AlignedQuadrupletLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Quadruplet loss over given (anchor, positive, negative, other) (Chen et al. 2017,
/// [arXiv:1704.01719](https://arxiv.org/abs/1704.01719)).
///
/// ```text
/// L = max(0, D(a, p) − D(a, n) + m₁) + max(0, D(a, p) − D(n, o) + m₂)
/// ```
///
/// The four are of three classes: `n` and `o` are of different ones, and neither is that of the anchor. The first hinge is
/// that of [`AlignedTripletLoss`](crate::AlignedTripletLoss); the second one compares the positive pair with a pair that
/// has no row in common with it, so that every pair of one class becomes closer than every pair of two. The paper takes
/// squared distances of a learned metric: [`Distance::SquaredEuclidean`].
///
/// [`Reduction::MeanActive`] divides either hinge's sum by the number of its own terms above 0.
///
/// **Use it** with quadruplets of your own. **Don't** build them at random from labelled data:
/// [`QuadrupletLoss`](crate::QuadrupletLoss) takes those of the batch.
///
/// # Example
///
/// The positive at 0.8, the negative at 0.9, and 0.3 beyond it the other: `0.8 − 0.9 + 1` and `0.8 − 0.3 + 0.5`:
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::AlignedQuadrupletLossConfig;
///
/// let device = Device::flex();
/// let at = |x: f32| Tensor::<2>::from_data([[x]], &device);
/// let loss = AlignedQuadrupletLossConfig::new().init();
/// let value = loss.forward(at(0.0), at(0.8), at(-0.9), at(-1.2)).into_scalar::<f64>();
/// assert!((value - (0.9 + 1.0)).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct AlignedQuadrupletLoss {
    margin: f64,
    pair_margin: f64,
    #[module(skip)]
    distance: Distance,
    normalize: bool,
    #[module(skip)]
    reduction: Reduction,
}

impl AlignedQuadrupletLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `anchor`, `positive`, `negative`, `other`: `[n, d]`
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, anchor: Tensor<2>, positive: Tensor<2>, negative: Tensor<2>, other: Tensor<2>) -> Tensor<1> {
        self.try_forward(anchor, positive, negative, other).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn try_forward(
        &self,
        anchor: Tensor<2>,
        positive: Tensor<2>,
        negative: Tensor<2>,
        other: Tensor<2>,
    ) -> Result<Tensor<1>, InputError> {
        let [triplets, pairs] = self.terms([anchor, positive, negative, other])?;
        Ok(Terms::all(triplets).reduce(self.reduction) + Terms::all(pairs).reduce(self.reduction))
    }

    /// The loss of every quadruplet, shape `[n]`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn forward_no_reduction(
        &self,
        anchor: Tensor<2>,
        positive: Tensor<2>,
        negative: Tensor<2>,
        other: Tensor<2>,
    ) -> Tensor<1> {
        let terms = self.terms([anchor, positive, negative, other]);
        let [triplets, pairs] = terms.unwrap_or_else(|error| panic!("{error}"));
        triplets + pairs
    }

    /// The terms of either hinge.
    fn terms(&self, quadruplets: [Tensor<2>; 4]) -> Result<[Tensor<1>; 2], InputError> {
        let [anchor, positive, negative, other] = &quadruplets;
        InputError::check_width(NAME, "anchor", anchor.dims())?;
        for (name, tensor) in [("positive", positive), ("negative", negative), ("other", other)] {
            InputError::check_shape(NAME, name, &tensor.dims(), &anchor.dims(), "(the shape of anchor)")?;
            InputError::check_dtype(NAME, name, tensor.dtype(), anchor.dtype(), "(that of anchor)")?;
        }
        let [anchor, positive, negative, other] = quadruplets.map(|x| prepare(x, self.normalize));
        let near = between(self.distance, anchor.clone(), positive);
        let far = between(self.distance, anchor, negative.clone());
        let apart = between(self.distance, negative, other);
        Ok([hinge(near.clone() - far + self.margin), hinge(near - apart + self.pair_margin)])
    }
}
