//! A classifier by cosines: what the losses with a margin on the angle of the true class share.

use crate::classification::{LabelSmoothingLoss, LabelSmoothingLossConfig};
use crate::distance::{norm, normalize};
use crate::error::{ConfigError, InputError, Range};
use crate::labels::{check_classes, read};
use crate::math::in_f32;
use crate::reduction::Reduction;
use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Int, Tensor};

/// A vector for each class, to which the cosine of an embedding is its score: the last layer of a network that is trained
/// with [`ArcFaceLoss`](super::ArcFaceLoss) or [`CosFaceLoss`](super::CosFaceLoss).
#[derive(Module, Debug)]
pub struct CosineHead {
    /// The vector of each class, shape `[classes, d]`. Only its direction matters. At first all are drawn from a normal
    /// distribution with a length of about 1.
    pub weights: Param<Tensor<2>>,
    #[module(skip)]
    loss: &'static str,
    classes: usize,
    width: usize,
    scale: f64,
    cross_entropy: LabelSmoothingLoss,
}

/// What a margin is applied to: the angle θ between each embedding and the vector of its class, both of length 1.
pub(super) struct Angle {
    embeddings: Tensor<2>,
    classes: Tensor<2>,
}

impl Angle {
    /// `cos θ`, shape `[n, 1]`.
    pub fn cos(&self) -> Tensor<2> {
        (self.embeddings.clone() * self.classes.clone()).sum_dim(1)
    }

    /// `sin θ`, shape `[n, 1]`.
    ///
    /// `½·|u − v|·|u + v|` has all its digits near 0 and π, where `√(1 − cos²)` has none; and the gradient of a norm is
    /// bounded, where that of a root isn't. A zero vector is at a right angle to everything.
    pub fn sin(&self) -> Tensor<2> {
        let (u, v) = (self.embeddings.clone(), self.classes.clone());
        let is_zero = |x: &Tensor<2>| x.clone().inner().square().sum_dim(1).lower_elem(0.5);
        let no_angle = is_zero(&u).bool_or(is_zero(&v));
        (norm(u.clone() - v.clone()) * norm(u + v) / 2).mask_fill(no_angle, 1)
    }
}

impl CosineHead {
    pub(super) fn try_new(
        loss: &'static str,
        [classes, width]: [usize; 2],
        scale: f64,
        reduction: Reduction,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        for (parameter, value) in [("classes", classes), ("width", width)] {
            if value == 0 {
                return Err(ConfigError::new(loss, parameter, "at least 1", value));
            }
        }
        ConfigError::check(loss, "scale", scale, Range::Above(0.0))?;
        let spread = Distribution::Normal(0.0, (width as f64).sqrt().recip());
        let cross_entropy = LabelSmoothingLossConfig::new().with_smoothing(0.0).with_reduction(reduction);
        Ok(Self {
            weights: Param::from_tensor(Tensor::random([classes, width], spread, device)),
            loss,
            classes,
            width,
            scale,
            cross_entropy: cross_entropy.try_init_as(loss)?,
        })
    }

    /// The scores of all classes without a margin, scale · cos θ, for inference: shape `[n, d]` to `[n, classes]`.
    ///
    /// # Panics
    /// If the width of the embeddings isn't that of the class vectors.
    pub fn scores(&self, embeddings: Tensor<2>) -> Tensor<2> {
        let [x, weights] = self.unit(embeddings).unwrap_or_else(|error| panic!("{error}"));
        x.matmul(weights.transpose()) * self.scale
    }

    /// The reduced cross-entropy of the scores, where `margin` takes the place of the cosine of the true class.
    pub(super) fn forward(
        &self,
        embeddings: Tensor<2>,
        targets: Tensor<1, Int>,
        margin: impl Fn(Angle) -> Tensor<2>,
    ) -> Result<Tensor<1>, InputError> {
        let (logits, targets) = self.logits(embeddings, targets, margin)?;
        self.cross_entropy.try_forward(logits, targets)
    }

    /// As [`forward`](Self::forward), for each sample.
    pub(super) fn terms(
        &self,
        embeddings: Tensor<2>,
        targets: Tensor<1, Int>,
        margin: impl Fn(Angle) -> Tensor<2>,
    ) -> Result<Tensor<1>, InputError> {
        let (logits, targets) = self.logits(embeddings, targets, margin)?;
        Ok(self.cross_entropy.forward_no_reduction(logits, targets))
    }

    fn logits(
        &self,
        embeddings: Tensor<2>,
        targets: Tensor<1, Int>,
        margin: impl Fn(Angle) -> Tensor<2>,
    ) -> Result<(Tensor<2>, Tensor<1, Int>), InputError> {
        let rows = embeddings.dims()[0];
        let [x, weights] = self.unit(embeddings)?;
        let why = "(one class index for each row of embeddings)";
        InputError::check_shape(self.loss, "targets", &targets.dims(), &[rows], why)?;
        let targets = read(targets);
        check_classes(self.loss, &targets, self.classes, None)?;
        let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &x.device().inner());
        let cosines = x.clone().matmul(weights.clone().transpose());
        if rows == 0 {
            return Ok((cosines, targets));
        }
        let own = margin(Angle { embeddings: x, classes: weights.select(0, targets.clone()) });
        let classes = Tensor::<1, Int>::arange(0..self.classes as i64, &targets.device()).unsqueeze::<2>();
        let shape = [rows, self.classes];
        let hot = classes.expand(shape).equal(targets.clone().unsqueeze_dim::<2>(1).expand(shape));
        Ok((cosines.mask_where(hot, own.expand(shape)) * self.scale, targets))
    }

    /// Embeddings and class vectors at length 1.
    fn unit(&self, embeddings: Tensor<2>) -> Result<[Tensor<2>; 2], InputError> {
        let (rows, weights) = (embeddings.dims()[0], self.weights.val());
        let why = "(the width of the class vectors)";
        InputError::check_shape(self.loss, "embeddings", &embeddings.dims(), &[rows, self.width], why)?;
        let why = "(classes and width of the configuration)";
        InputError::check_shape(self.loss, "weights", &weights.dims(), &[self.classes, self.width], why)?;
        let embeddings = in_f32(embeddings);
        let weights = weights.cast(embeddings.dtype());
        Ok([embeddings, weights].map(normalize))
    }
}
