//! Contrastive loss over given pairs.

use super::prepare;
use crate::distance::{Distance, between, check_margin};
use crate::error::{ConfigError, InputError};
use crate::labels;
use crate::math::hinge;
use crate::reduction::{Reduction, Terms};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Bool, Int, Tensor};

const NAME: &str = "contrastive";

/// Configuration of [`ContrastiveLoss`].
#[derive(Config, Debug)]
pub struct ContrastiveLossConfig {
    /// How far apart dissimilar pairs must be, above 0 (and at most 2 for [`Distance::Cosine`]). Typical: 0.5 to 2.
    /// Default: 1.
    #[config(default = 1.0)]
    pub margin: f64,
    /// Whether the loss has the factor ½ of the paper. Default: true.
    #[config(default = true)]
    pub half: bool,
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

impl ContrastiveLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If the margin isn't one that the distance can reach.
    pub fn try_init(&self) -> Result<ContrastiveLoss, ConfigError> {
        check_margin(NAME, "margin", self.margin, self.distance, self.normalize, false)?;
        Ok(ContrastiveLoss {
            margin: self.margin,
            half: self.half,
            distance: self.distance,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> ContrastiveLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Contrastive loss over pairs (Chopra et al. 2005; Hadsell et al. 2006).
///
/// ```text
/// L = ½·D²               where a pair is similar
/// L = ½·max(0, m − D)²   where it is not
/// ```
///
/// Texts disagree on whether the label 1 means "similar" or "dissimilar". Here a pair is `similar` as a `Bool`; 0/1
/// labels are turned into it by [`similar_where_one`] or [`similar_where_zero`].
///
/// **Use it** where data come as pairs: signatures, faces, near-duplicates. **Don't** where a batch has class labels:
/// [`BatchContrastiveLoss`](crate::BatchContrastiveLoss) uses every pair of it.
///
/// # Example
///
/// A dissimilar pair at distance 0.6 with margin 1 costs `½·0.4² = 0.08`:
///
/// ```
/// use burn::tensor::{Bool, Device, Tensor};
/// use losslab::ContrastiveLossConfig;
///
/// let device = Device::flex();
/// let (x1, x2) = (Tensor::<2>::from_data([[0.0, 0.0]], &device), Tensor::from_data([[0.0, 0.6]], &device));
/// let similar = Tensor::<1, Bool>::from_data([false], &device);
/// let value = ContrastiveLossConfig::new().init().forward(x1, x2, similar).into_scalar::<f64>();
/// assert!((value - 0.08).abs() < 1e-7);
/// ```
#[derive(Module, Debug)]
pub struct ContrastiveLoss {
    margin: f64,
    half: bool,
    #[module(skip)]
    distance: Distance,
    normalize: bool,
    #[module(skip)]
    reduction: Reduction,
}

impl ContrastiveLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `x1`, `x2`: `[n, d]`
    /// - `similar`: `[n]`, true where row `i` of both belongs together
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, x1: Tensor<2>, x2: Tensor<2>, similar: Tensor<1, Bool>) -> Tensor<1> {
        self.try_forward(x1, x2, similar).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward(&self, x1: Tensor<2>, x2: Tensor<2>, similar: Tensor<1, Bool>) -> Result<Tensor<1>, InputError> {
        Ok(Terms::all(self.terms(x1, x2, similar)?).reduce(self.reduction))
    }

    /// The loss of every pair, shape `[n]`.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn forward_no_reduction(&self, x1: Tensor<2>, x2: Tensor<2>, similar: Tensor<1, Bool>) -> Tensor<1> {
        self.terms(x1, x2, similar).unwrap_or_else(|error| panic!("{error}"))
    }

    fn terms(&self, x1: Tensor<2>, x2: Tensor<2>, similar: Tensor<1, Bool>) -> Result<Tensor<1>, InputError> {
        InputError::check_width(NAME, "x1", x1.dims())?;
        InputError::check_shape(NAME, "x2", &x2.dims(), &x1.dims(), "(the shape of x1)")?;
        InputError::check_dtype(NAME, "x2", x2.dtype(), x1.dtype(), "(that of x1)")?;
        InputError::check_shape(NAME, "similar", &similar.dims(), &x1.dims()[..1], "(one for each pair)")?;
        let distance = between(self.distance, prepare(x1, self.normalize), prepare(x2, self.normalize));
        let apart = hinge(-distance.clone() + self.margin);
        let factor = if self.half { 0.5 } else { 1.0 };
        Ok(apart.mask_where(similar, distance).square() * factor)
    }
}

/// Reads 0/1 labels of which 1 means "similar", as PyTorch's metric-learning code has them.
///
/// # Errors
/// If a label is neither 0 nor 1.
pub fn similar_where_one(labels: Tensor<1, Int>) -> Result<Tensor<1, Bool>, InputError> {
    check_binary(labels.clone())?;
    Ok(labels.equal_scalar(1))
}

/// Reads 0/1 labels of which 0 means "similar", as the papers of Chopra and Hadsell have them.
///
/// # Errors
/// If a label is neither 0 nor 1.
pub fn similar_where_zero(labels: Tensor<1, Int>) -> Result<Tensor<1, Bool>, InputError> {
    check_binary(labels.clone())?;
    Ok(labels.equal_scalar(0))
}

fn check_binary(labels: Tensor<1, Int>) -> Result<(), InputError> {
    let labels = labels::read(labels);
    match labels.iter().position(|label| !(0..=1).contains(label)) {
        None => Ok(()),
        Some(index) => Err(InputError::Value {
            loss: NAME,
            tensor: "labels",
            allowed: "0 or 1".into(),
            index,
            value: labels[index].to_string(),
        }),
    }
}
