//! LambdaRank and LambdaLoss: pairs weighted by what they mean for the NDCG.

use super::QueryLists;
use super::terms::ListTerms;
use crate::error::{ConfigError, InputError, Range};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::Dcg;
use losslab_kernels::options::{Gain, LambdaWeighting, Ties};

const NAME: &str = "lambda-loss";

/// Configuration of [`LambdaLoss`].
#[derive(Config, Debug)]
pub struct LambdaLossConfig {
    /// What a pair weighs. Default: what a swap of the two changes in the NDCG (LambdaRank).
    #[config(default = "LambdaWeighting::LambdaRank")]
    pub weighting: LambdaWeighting,
    /// The slope σ of the logistic function, above 0. Default: 1.
    #[config(default = 1.0)]
    pub sigma: f64,
    /// The weight μ of NDCG-Loss2 in NDCG-Loss2++, at least 0. Default: 10, as in the paper.
    #[config(default = 10.0)]
    pub mu: f64,
    /// What an item of a grade is worth. Default: `2^grade − 1`.
    #[config(default = "Gain::Exponential")]
    pub gain: Gain,
    /// The ranks that count, at least 1: pairs of which neither item is within the first `k` weigh nothing. Default: all.
    pub k: Option<usize>,
    /// How the terms of the lists become one number. Default: mean over the lists that count.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl LambdaLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If `sigma` isn't above 0, `mu` isn't at least 0, or `k` is 0.
    pub fn try_init(&self) -> Result<LambdaLoss, ConfigError> {
        ConfigError::check(NAME, "sigma", self.sigma, Range::Above(0.0))?;
        ConfigError::check(NAME, "mu", self.mu, Range::AtLeast(0.0))?;
        if self.k == Some(0) {
            return Err(ConfigError::new(NAME, "k", "at least 1", 0));
        }
        Ok(LambdaLoss {
            weighting: self.weighting,
            sigma: self.sigma,
            mu: self.mu,
            dcg: Dcg { gain: self.gain, ties: Ties::ByOrder, k: self.k },
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> LambdaLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// LambdaRank (Burges et al. 2006, [Learning to rank with nonsmooth cost
/// functions](https://papers.nips.cc/paper/2971-learning-to-rank-with-nonsmooth-cost-functions)) and the LambdaLoss family
/// (Wang et al. 2018, [doi:10.1145/3269206.3271784](https://doi.org/10.1145/3269206.3271784)).
///
/// ```text
/// L = Σ_ij w_ij · log₂(1 + exp(−σ(s_i − s_j)))    over pairs with relevance_i > relevance_j
///
/// G = gain / DCG of the best order,  D_r = log₂(1 + r),  r the current ranks from 1
/// lambda-rank           w = |G_i − G_j| · |1/D_ri − 1/D_rj|
/// ndcg-loss1            w = G_i / D_ri             over all pairs i ≠ j, whatever their relevance
/// ndcg-loss2            w = |G_i − G_j| · |1/D_|ri−rj| − 1/D_|ri−rj|+1|
/// ndcg-loss2-plus-plus  w = that of lambda-rank + μ · that of ndcg-loss2
/// ```
///
/// The weights are those of the current ranking, and constant for the gradient. With `k`, a rank beyond it has `1/D = 0`
/// in the weight of LambdaRank, as in NDCG@k; in the others the pairs that count have the weight that they have without.
///
/// Items of equal score are ranked in the order of the rows, unlike in the metric: with their discounts averaged, a
/// network that gives a constant score would have no gradient. The value of the loss depends on the ranking, so that
/// only NDCG-Loss1 and NDCG-Loss2 bound what is missing in the (N)DCG; compare runs by the metric.
///
/// A list without a relevant item doesn't count. Time for a list of n items: `O(n²)`. Memory: a few numbers an item.
///
/// **Use it** to rank by grades where the first ranks matter: search, recommendation. **Don't** with relevance from clicks
/// as they come: the position at which an item was shown is in them.
///
/// # Example
///
/// The relevant item is second: its swap gains `1 − 1/log₂3` of the NDCG.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{LambdaLossConfig, QueryLists};
///
/// let device = Device::flex();
/// let lists = QueryLists::try_from_lengths(&[2]).unwrap();
/// let (scores, relevance) = (Tensor::<1>::from_data([0.0, 1.0], &device), Tensor::from_data([1.0, 0.0], &device));
/// let value = LambdaLossConfig::new().init().forward(scores, relevance, &lists).into_scalar::<f64>();
/// assert!((value - (1.0 - 1.0 / 3f64.log2()) * (1.0 + 1f64.exp()).log2()).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct LambdaLoss {
    #[module(skip)]
    weighting: LambdaWeighting,
    sigma: f64,
    mu: f64,
    #[module(skip)]
    dcg: Dcg,
    #[module(skip)]
    reduction: Reduction,
}

impl LambdaLoss {
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

    fn kernel(&self) -> losslab_kernels::LambdaLoss {
        losslab_kernels::LambdaLoss { weighting: self.weighting, sigma: self.sigma, mu: self.mu, dcg: self.dcg }
    }
}
