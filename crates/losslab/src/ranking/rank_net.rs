//! RankNet: pairs of items in the wrong order.

use super::QueryLists;
use super::terms::ListTerms;
use crate::error::{ConfigError, InputError, Range};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::RankNet;
use losslab_kernels::options::{PairReduction, RankNetForm};

const NAME: &str = "rank-net";

/// Configuration of [`RankNetLoss`].
#[derive(Config, Debug)]
pub struct RankNetLossConfig {
    /// What a pair costs. Default: logistic.
    #[config(default = "RankNetForm::Logistic")]
    pub form: RankNetForm,
    /// The slope σ of the logistic form, above 0. Default: 1.
    #[config(default = 1.0)]
    pub sigma: f64,
    /// How far ahead the more relevant item must be in the hinge, above 0. Default: 1.
    #[config(default = 1.0)]
    pub margin: f64,
    /// How the pairs of a list become its term. Default: their mean.
    #[config(default = "PairReduction::Mean")]
    pub pairs: PairReduction,
    /// How the terms of the lists become one number. Default: mean over the lists that count.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl RankNetLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If `sigma` or `margin` isn't above 0 and finite.
    pub fn try_init(&self) -> Result<RankNetLoss, ConfigError> {
        ConfigError::check(NAME, "sigma", self.sigma, Range::Above(0.0))?;
        ConfigError::check(NAME, "margin", self.margin, Range::Above(0.0))?;
        Ok(RankNetLoss {
            form: self.form,
            sigma: self.sigma,
            margin: self.margin,
            pairs: self.pairs,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> RankNetLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// RankNet loss over the pairs of a list of which one item is more relevant (Burges et al. 2005, [Learning to rank using
/// gradient descent](https://icml.cc/Conferences/2005/proceedings/papers/012_LearningToRank_BurgesEtAl.pdf)), or their
/// hinge (Herbrich et al. 2000; Joachims 2002).
///
/// ```text
/// d    = s_i − s_j               for each pair with relevance_i > relevance_j
/// cost = ln(1 + exp(−σ·d))       logistic
/// cost = max(0, m − d)           hinge
/// L    = the mean of the costs over the pairs of a list, or their sum
/// ```
///
/// Only the order of the relevance counts, not by how much grades differ. A list whose items are all of one relevance has
/// no pair and doesn't count.
///
/// Time for a list of n items: `O(n²)`, the hinge `O(n log n)` for any number of grades. Memory: a few numbers an item.
///
/// **Use it** where all pairs matter alike, as for AUC-like measures, and as the baseline of ranking. **Don't** where only
/// the first ranks are looked at: [`LambdaLoss`](super::LambdaLoss) weighs a pair by what it does to the NDCG.
///
/// # Example
///
/// The relevant item is 2 behind: `ln(1 + e²) ≈ 2.127`, as a hinge `1 + 2`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{QueryLists, RankNetForm, RankNetLossConfig};
///
/// let device = Device::flex();
/// let lists = QueryLists::try_from_lengths(&[2]).unwrap();
/// let (scores, relevance) = (Tensor::<1>::from_data([1.0, 3.0], &device), Tensor::from_data([1.0, 0.0], &device));
/// let config = RankNetLossConfig::new();
/// let value = config.init().forward(scores.clone(), relevance.clone(), &lists).into_scalar::<f64>();
/// assert!((value - 2.126928).abs() < 1e-6);
/// let hinge = config.with_form(RankNetForm::Hinge).init();
/// assert_eq!(hinge.forward(scores, relevance, &lists).into_scalar::<f64>(), 3.0);
/// ```
#[derive(Module, Debug)]
pub struct RankNetLoss {
    #[module(skip)]
    form: RankNetForm,
    sigma: f64,
    margin: f64,
    #[module(skip)]
    pairs: PairReduction,
    #[module(skip)]
    reduction: Reduction,
}

impl RankNetLoss {
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

    /// The loss of every list, shape `[lists]`; 0 where it has no two items of different relevance.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, scores: Tensor<1>, relevance: Tensor<1>, lists: &QueryLists) -> Tensor<1> {
        let terms = ListTerms::try_new(NAME, &self.kernel(), scores, relevance, lists);
        terms.unwrap_or_else(|error| panic!("{error}")).terms()
    }

    fn kernel(&self) -> RankNet {
        RankNet { form: self.form, sigma: self.sigma, margin: self.margin, pairs: self.pairs }
    }
}
