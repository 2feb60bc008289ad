//! Metrics: plain functions on checked inputs, in f64.
//!
//! | to measure | metrics |
//! |---|---|
//! | classes | [`ConfusionMatrix`]: accuracy, recall, precision, F-beta, balanced accuracy, MCC; [`BinaryCounts`] |
//! | scores of two classes | [`RocCurve`], [`auroc`], [`PrecisionRecallCurve`], [`average_precision`], [`choose_threshold`] |
//! | confidence | [`top_label_ece`], [`binary_ece`], [`top_label_mce`], [`top_label_debiased_ece`], [`classwise_ece`], [`ReliabilityTable`], [`confidence_histogram`] |
//! | probabilities | [`brier`], [`brier_decomposition`], [`nll`], [`nll_of_logits`] |
//! | and to repair confidence | [`TemperatureScaling`] |
//! | pairs: same or different | [`equal_error_rate`], [`best_verification_accuracy`], [`verification_accuracy`], [`tar_at_far`], [`verification_roc`], [`VerificationPairs`] |
//! | retrieval from embeddings | [`Retrieval`]: Recall@K, Precision@K, NDCG@K, MAP@R, R-precision, MRR |
//! | the shape of embeddings | [`alignment`], [`uniformity`], [`effective_rank`], [`intra_class_distance`], [`inter_class_distance`] |
//! | clusters | [`nmi`], [`ami`], with [`KMeansConfig`] to make them |
//! | ranked lists | [`Rankings`]: NDCG, MAP, MRR, ERR |
//!
//! # Rules that all metrics obey
//!
//! - A metric that is undefined on its input returns a [`MetricError`] that says why; it never stands in a 0 or a NaN.
//!   What is a convention is said where it holds.
//! - NaN is an error. Logits and embeddings must be finite, probabilities in `[0, 1]` with rows of sum 1, and nothing
//!   guesses from the values which of the two it was given.
//! - Ties are defined: no result depends on the order of the samples, unless [`Ties::ByOrder`] asks for it; [`Retrieval`]
//!   takes equally near items by their index.
//! - Labels, targets and query ids are integers of any size.
//!
//! # From tensors
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use losslab::metrics::{self, ConfusionMatrix, Logits};
//!
//! let device = Device::flex();
//! let logits = Logits::try_from_tensor(Tensor::from_data([[2.0, 0.0], [1.0, 3.0], [1.0, 0.0]], &device))?;
//! let targets = metrics::labels(Tensor::<1, Int>::from_data([0, 1, 1], &device));
//! let matrix = ConfusionMatrix::try_new(&targets, &logits.predictions(), logits.classes())?;
//! assert_eq!(matrix.accuracy(), 2.0 / 3.0);
//! # Ok::<(), losslab::metrics::MetricError>(())
//! ```

mod brier;
mod calibration;
mod classification;
mod clustering;
mod curves;
mod embedding;
mod error;
mod input;
mod ranking;
mod retrieval;
mod temperature_scaling;
mod verification;

pub use brier::{
    BrierDecomposition, binary_brier, binary_brier_decomposition, brier, brier_decomposition, nll, nll_of_logits,
};
pub use calibration::{
    Binning, CalibrationConfig, ConfidenceBin, ReliabilityBin, ReliabilityTable, binary_ece, classwise_ece,
    confidence_histogram, top_label_debiased_ece, top_label_ece, top_label_mce,
};
pub use classification::{Average, BinaryCounts, ConfusionMatrix};
pub use clustering::{KMeans, KMeansConfig, ami, nmi};
pub use curves::{
    ChosenThreshold, Criterion, PrecisionRecallCurve, PrecisionRecallPoint, RocCurve, RocPoint, auroc,
    average_precision, choose_threshold,
};
pub use embedding::{Lengths, alignment, effective_rank, inter_class_distance, intra_class_distance, uniformity};
pub use error::MetricError;
pub use input::{Embeddings, Logits, Probabilities, flags, labels, values};
pub use losslab_kernels::options::{Gain, Ties};
pub use ranking::{QueryMean, Rankings};
pub use retrieval::{Retrieval, RetrievalConfig, Similarity};
pub use temperature_scaling::TemperatureScaling;
pub use verification::{
    EqualErrorRate, Orientation, TarAtFar, VerificationPairs, best_verification_accuracy, equal_error_rate, tar_at_far,
    verification_accuracy, verification_roc,
};
