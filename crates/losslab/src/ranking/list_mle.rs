//! ListMLE: the likelihood of the right order.

use super::QueryLists;
use super::terms::ListTerms;
use crate::error::{ConfigError, InputError};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::ListMle;
use losslab_kernels::options::RelevanceTies;

const NAME: &str = "list-mle";

/// Configuration of [`ListMleLoss`].
#[derive(Config, Debug)]
pub struct ListMleLossConfig {
    /// The order of items of equal relevance. Default: as the rows are ordered.
    #[config(default = "RelevanceTies::ByOrder")]
    pub ties: RelevanceTies,
    /// How the terms of the lists become one number. Default: mean over the lists that count.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl ListMleLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// None: there is nothing that could be out of range.
    pub fn try_init(&self) -> Result<ListMleLoss, ConfigError> {
        Ok(ListMleLoss { ties: self.ties, reduction: self.reduction })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> ListMleLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// ListMLE loss (Xia et al. 2008, [Listwise approach to learning to rank](https://doi.org/10.1145/1390156.1390306)): the
/// negative log-likelihood of the order by relevance, if items are drawn one after the other by the softmax of the scores
/// of those that are left.
///
/// ```text
/// L = Σ_r ln Σ_{q≥r} exp(s_q) − s_r      items in the order of their relevance, the highest first
/// ```
///
/// Computed from the last item by a log-sum-exp that grows by one item at a time, so that no score is too large and no
/// small difference is lost.
///
/// The relevance of a data set has ties, of which the paper doesn't speak: [`RelevanceTies`] says which order such items
/// get. As the rows are ordered is the default; if rows come in an order that says something, by score is safer.
///
/// A list without a relevant item doesn't count. Time for a list of n items: `O(n log n)`.
///
/// **Use it** where the whole order is known: choices, rankings by people. **Don't** where most items are irrelevant and
/// tied: the loss spends itself on an order among them that means nothing.
///
/// # Example
///
/// The relevant item is 1 behind the other: `ln(e⁰ + e¹) − 0`, and nothing for the last place.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{ListMleLossConfig, QueryLists};
///
/// let device = Device::flex();
/// let lists = QueryLists::try_from_lengths(&[2]).unwrap();
/// let (scores, relevance) = (Tensor::<1>::from_data([0.0, 1.0], &device), Tensor::from_data([1.0, 0.0], &device));
/// let value = ListMleLossConfig::new().init().forward(scores, relevance, &lists).into_scalar::<f64>();
/// assert!((value - (1.0 + 1f64.exp()).ln()).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct ListMleLoss {
    #[module(skip)]
    ties: RelevanceTies,
    #[module(skip)]
    reduction: Reduction,
}

impl ListMleLoss {
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

    fn kernel(&self) -> ListMle {
        ListMle { ties: self.ties }
    }
}
