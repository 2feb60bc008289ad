//! Triplet loss over given triplets.

use super::prepare;
use crate::distance::{Distance, between, check_margin};
use crate::error::{ConfigError, InputError};
use crate::math::{hinge, softplus};
use crate::reduction::{Reduction, Terms};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;

const NAME: &str = "triplet-aligned";

/// Configuration of [`AlignedTripletLoss`].
#[derive(Config, Debug)]
pub struct AlignedTripletLossConfig {
    /// How much farther than the positive the negative must be: above 0, or at least 0 with a soft margin (and at most the
    /// largest distance: 2 for [`Distance::Cosine`] and unit vectors, squared 4). Typical: 0.1 to 2. Default: 1.
    #[config(default = 1.0)]
    pub margin: f64,
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
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl AlignedTripletLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If the margin isn't one that the distance can reach.
    pub fn try_init(&self) -> Result<AlignedTripletLoss, ConfigError> {
        check_margin(NAME, "margin", self.margin, self.distance, self.normalize, self.soft)?;
        Ok(AlignedTripletLoss {
            margin: self.margin,
            soft: self.soft,
            swap: self.swap,
            distance: self.distance,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> AlignedTripletLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Triplet loss over given (anchor, positive, negative) (Schroff et al. 2015,
/// [arXiv:1503.03832](https://arxiv.org/abs/1503.03832); swap: Balntas et al. 2016).
///
/// ```text
/// L = max(0, D(a, p) − D(a, n) + m)             hinge
/// L = softplus(D(a, p) − D(a, n) + m)           soft
/// D(a, n) becomes min(D(a, n), D(p, n))         with swap
/// ```
///
/// FaceNet uses [`Distance::SquaredEuclidean`] on unit vectors. The same as PyTorch's `TripletMarginLoss`, apart from
/// the 1e-6 that PyTorch adds to each difference: here the gradient at distance 0 is 0 instead.
///
/// **Use it** with triplets of your own, or with those of a [`TripletMiner`](crate::TripletMiner). **Don't** build
/// triplets at random from labelled data: most are easy at once; [`TripletLoss`](crate::TripletLoss) mines the batch.
///
/// # Example
///
/// The handout's violated triplet, 0.8 against 0.9 with margin 0.3, costs 0.2:
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::AlignedTripletLossConfig;
///
/// let device = Device::flex();
/// let at = |x: f32| Tensor::<2>::from_data([[x]], &device);
/// let loss = AlignedTripletLossConfig::new().with_margin(0.3).init();
/// let value = loss.forward(at(0.0), at(0.8), at(-0.9)).into_scalar::<f64>();
/// assert!((value - 0.2).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct AlignedTripletLoss {
    pub(super) margin: f64,
    pub(super) soft: bool,
    pub(super) swap: bool,
    #[module(skip)]
    pub(super) distance: Distance,
    pub(super) normalize: bool,
    #[module(skip)]
    pub(super) reduction: Reduction,
}

impl AlignedTripletLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `anchor`, `positive`, `negative`: `[n, d]`
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, anchor: Tensor<2>, positive: Tensor<2>, negative: Tensor<2>) -> Tensor<1> {
        self.try_forward(anchor, positive, negative).unwrap_or_else(|error| panic!("{error}"))
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
    ) -> Result<Tensor<1>, InputError> {
        check(&anchor, &positive, &negative)?;
        Ok(Terms::all(self.terms([anchor, positive, negative])).reduce(self.reduction))
    }

    /// The loss of every triplet, shape `[n]`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn forward_no_reduction(&self, anchor: Tensor<2>, positive: Tensor<2>, negative: Tensor<2>) -> Tensor<1> {
        check(&anchor, &positive, &negative).unwrap_or_else(|error| panic!("{error}"));
        self.terms([anchor, positive, negative])
    }

    fn terms(&self, triplets: [Tensor<2>; 3]) -> Tensor<1> {
        let [anchor, positive, negative] = triplets.map(|x| prepare(x, self.normalize));
        let near = between(self.distance, anchor.clone(), positive.clone());
        let mut far = between(self.distance, anchor, negative.clone());
        if self.swap {
            far = smaller(far, between(self.distance, positive, negative));
        }
        self.penalty(near - far)
    }

    /// The loss of `D(a, p) − D(a, n)`.
    pub(super) fn penalty<const D: usize>(&self, difference: Tensor<D>) -> Tensor<D> {
        let violation = difference + self.margin;
        if self.soft { softplus(violation) } else { hinge(violation) }
    }
}

/// The smaller of two distances; where they are equal, or the first is NaN, the first.
pub(super) fn smaller<const D: usize>(first: Tensor<D>, second: Tensor<D>) -> Tensor<D> {
    // A NaN in either must come out: `second >= first` is false for it.
    let keep = second.clone().greater_equal(first.clone()).bool_or(first.clone().is_nan());
    second.mask_where(keep, first)
}

fn check(anchor: &Tensor<2>, positive: &Tensor<2>, negative: &Tensor<2>) -> Result<(), InputError> {
    InputError::check_width(NAME, "anchor", anchor.dims())?;
    for (name, tensor) in [("positive", positive), ("negative", negative)] {
        InputError::check_shape(NAME, name, &tensor.dims(), &anchor.dims(), "(the shape of anchor)")?;
        InputError::check_dtype(NAME, name, tensor.dtype(), anchor.dtype(), "(that of anchor)")?;
    }
    Ok(())
}
