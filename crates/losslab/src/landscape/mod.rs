//! The landscape of a loss around a solution: surfaces, the path of the optimiser, curvature, sharpness.
//!
//! | to see | call |
//! |---|---|
//! | the loss along directions whose filters are as long as the network's | [`Parameters::random_direction`], [`LossLandscape::line`], [`LossLandscape::surface`] |
//! | the path of a training, and the surface under it | [`PathPlane::of`], [`LossLandscape::surface`] |
//! | the largest eigenvalues of the Hessian, and the smallest | [`LossLandscape::spectrum`] |
//! | its trace, with a standard error | [`LossLandscape::trace`] |
//! | the highest loss within a radius | [`LossLandscape::sharpness`] |
//!
//! All of it works on any [`Module`](burn::module::Module) and any loss, on the CPU or another device: the parameters are
//! one vector ([`Parameters`]), and a module takes whichever values are asked for ([`Parameters::write`]). What batch
//! normalisation normalises by is named each time ([`NormalizationStatistics`]). [`lanczos`] and [`hutchinson`] also take
//! any other symmetric operator.
//!
//! # What such pictures say, and what they don't
//!
//! A surface is a slice of two dimensions out of thousands. Filter-normalised directions make slices of different
//! networks comparable in width, not in height: a loss that is smaller everywhere, such as focal loss, looks flatter
//! whether or not its network is. Eigenvalues and trace depend on how the parameters are scaled; a network can be rewritten
//! to have any of them (Dinh et al. 2017, [arXiv:1703.04933](https://arxiv.org/abs/1703.04933)). Compare networks of one
//! architecture, trained alike, by one loss on the same data.
//!
//! # Example
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::tensor::{Device, Int, Tensor};
//! use losslab::CrossEntropyLossConfig;
//! use losslab::landscape::{self, DirectionConfig, LanczosConfig, LossLandscape, NormalizationStatistics};
//!
//! let device = Device::flex().autodiff();
//! let model = landscape::in_f64(&LinearConfig::new(3, 2).init(&device));
//! let inputs = Tensor::<2>::from_data([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.2, 0.4, 1.0]], &device);
//! let inputs = inputs.cast(burn::tensor::DType::F64);
//! let targets = Tensor::<1, Int>::from_data([0, 1, 0], &device);
//! let loss = CrossEntropyLossConfig::new().init();
//!
//! let landscape = LossLandscape::try_new(&model, NormalizationStatistics::Frozen, |model: &burn::nn::Linear| {
//!     loss.forward(model.forward(inputs.clone()), targets.clone())
//! })?;
//! let direction = landscape.parameters().random_direction(landscape.origin(), &DirectionConfig::new())?;
//! let losses = landscape.line(&direction, &[-1.0, 0.0, 1.0])?;
//! assert_eq!(losses[1], landscape.loss(landscape.origin())?);
//! // Logistic regression is convex: no eigenvalue is below 0, to the digits of the differences.
//! let spectrum = landscape.spectrum(&LanczosConfig::new())?;
//! assert!(spectrum.largest[0].value > 0.0 && spectrum.smallest.value > -1e-8);
//! # Ok::<(), losslab::landscape::LandscapeError>(())
//! ```

mod curvature;
mod directions;
mod error;
mod loss;
mod parameters;
mod path;
mod sharpness;
mod vector;

pub use curvature::{Eigenvalue, HutchinsonConfig, LanczosConfig, Spectrum, TraceEstimate, hutchinson, lanczos};
pub use directions::{DirectionConfig, VectorParameters};
pub use error::LandscapeError;
pub use loss::{LossLandscape, NormalizationStatistics, in_f64};
pub use parameters::{ParameterBlock, Parameters};
pub use path::PathPlane;
pub use sharpness::{Sharpness, SharpnessConfig};
