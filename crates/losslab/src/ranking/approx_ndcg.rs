//! ApproxNDCG: the NDCG with ranks made smooth.

use super::QueryLists;
use super::terms::ListTerms;
use crate::error::{ConfigError, InputError, Range};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::options::{Gain, Ties};
use losslab_kernels::{ApproxNdcg, Dcg};

const NAME: &str = "approx-ndcg";

/// Configuration of [`ApproxNdcgLoss`].
#[derive(Config, Debug)]
pub struct ApproxNdcgLossConfig {
    /// The temperature T of the smooth ranks, at least 1e-6: lower is nearer to the NDCG, and flatter away from equal scores.
    /// Typical: 0.05 to 1. Default: 0.1.
    #[config(default = 0.1)]
    pub temperature: f64,
    /// What an item of a grade is worth. Default: `2^grade − 1`.
    #[config(default = "Gain::Exponential")]
    pub gain: Gain,
    /// How the terms of the lists become one number. Default: mean over the lists that count.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl ApproxNdcgLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If the temperature isn't at least 1e-6 and finite.
    pub fn try_init(&self) -> Result<ApproxNdcgLoss, ConfigError> {
        ConfigError::check(NAME, "temperature", self.temperature, Range::AtLeast(1e-6))?;
        let dcg = Dcg { gain: self.gain, ties: Ties::Averaged, k: None };
        Ok(ApproxNdcgLoss { temperature: self.temperature, dcg, reduction: self.reduction })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> ApproxNdcgLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// ApproxNDCG loss (Qin et al. 2010, [A general approximation framework for direct optimization of information retrieval
/// measures](https://doi.org/10.1007/s10791-009-9124-x); Bruch et al. 2019,
/// [doi:10.1145/3331184.3331347](https://doi.org/10.1145/3331184.3331347)).
///
/// ```text
/// r_i = 1 + Σ_{j≠i} sigmoid((s_j − s_i) / T)      the smooth rank
/// L   = 1 − Σ_i G_i / log₂(1 + r_i)               G = gain / DCG of the best order
/// ```
///
/// It is in `[0, 1)`, and nears `1 − NDCG` as T nears 0. Items of equal score share their rank. The papers write
/// `α = 1/T`. A list without a relevant item doesn't count.
///
/// Time for a list of n items: `O(n²)`. Memory: a few numbers an item.
///
/// **Use it** where the NDCG is the aim and scores move on the scale of T. **Don't** where scores are far apart from the
/// start: their sigmoids are flat, and nothing moves; raise T, or begin with [`LambdaLoss`](super::LambdaLoss).
///
/// # Example
///
/// Equal scores: both have rank 1.5, and the only relevant item brings `1/log₂2.5`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{ApproxNdcgLossConfig, QueryLists};
///
/// let device = Device::flex();
/// let lists = QueryLists::try_from_lengths(&[2]).unwrap();
/// let (scores, relevance) = (Tensor::<1>::from_data([3.0, 3.0], &device), Tensor::from_data([1.0, 0.0], &device));
/// let value = ApproxNdcgLossConfig::new().init().forward(scores, relevance, &lists).into_scalar::<f64>();
/// assert!((value - (1.0 - 1.0 / 2.5f64.log2())).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct ApproxNdcgLoss {
    temperature: f64,
    #[module(skip)]
    dcg: Dcg,
    #[module(skip)]
    reduction: Reduction,
}

impl ApproxNdcgLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `scores`: `[n]`, of all lists one after the other, higher is better
    /// - `relevance`: `[n]`, finite and at least 0
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, scores: Tensor<1>, relevance: Tensor<1>, lists: &QueryLists) -> Tensor<1> {
        self.try_forward(scores, relevance, lists).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If there isn't one score and one relevance for each item of the lists, or a relevance isn't finite and at least 0.
    pub fn try_forward(
        &self,
        scores: Tensor<1>,
        relevance: Tensor<1>,
        lists: &QueryLists,
    ) -> Result<Tensor<1>, InputError> {
        Ok(ListTerms::try_new(NAME, &self.kernel(), scores, relevance, lists)?.reduce(self.reduction))
    }

    /// The loss of every list, shape `[lists]`; 0 where it has no relevant item.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, scores: Tensor<1>, relevance: Tensor<1>, lists: &QueryLists) -> Tensor<1> {
        let terms = ListTerms::try_new(NAME, &self.kernel(), scores, relevance, lists);
        terms.unwrap_or_else(|error| panic!("{error}")).terms()
    }

    fn kernel(&self) -> ApproxNdcg {
        ApproxNdcg { temperature: self.temperature, dcg: self.dcg }
    }
}
