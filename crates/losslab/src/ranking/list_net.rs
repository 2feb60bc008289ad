//! ListNet: which item comes first.

use super::QueryLists;
use super::terms::ListTerms;
use crate::error::{ConfigError, InputError};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::ListNet;

const NAME: &str = "list-net";

/// Configuration of [`ListNetLoss`].
#[derive(Config, Debug)]
pub struct ListNetLossConfig {
    /// How the terms of the lists become one number. Default: mean over the lists that count.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl ListNetLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// None: there is nothing that could be out of range.
    pub fn try_init(&self) -> Result<ListNetLoss, ConfigError> {
        Ok(ListNetLoss { reduction: self.reduction })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> ListNetLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// ListNet loss by the probabilities of the first rank (Cao et al. 2007, [Learning to rank: from pairwise approach to
/// listwise approach](https://doi.org/10.1145/1273496.1273513)).
///
/// ```text
/// P = softmax(relevance),  Q = softmax(scores)      within a list
/// L = −Σ_i P_i · ln Q_i
/// ```
///
/// Its least value is the entropy of `P`, not 0. All items of relevance 0 keep a part of `P`: with grades that lie near
/// each other, scores are drawn near each other too. A list without a relevant item doesn't count, although `P` would be
/// defined.
///
/// Time for a list of n items: `O(n)`.
///
/// **Use it** as a smooth loss for lists with few relevant items, and where the relevance is a score to be met. **Don't**
/// where grades have no scale: `P` changes with it; only the order counts for [`ListMleLoss`](super::ListMleLoss) and
/// [`RankNetLoss`](super::RankNetLoss).
///
/// # Example
///
/// Equal scores: `Q` is ½ for both, `L = ln 2` whatever `P`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{ListNetLossConfig, QueryLists};
///
/// let device = Device::flex();
/// let lists = QueryLists::try_from_lengths(&[2]).unwrap();
/// let (scores, relevance) = (Tensor::<1>::from_data([3.0, 3.0], &device), Tensor::from_data([1.0, 0.0], &device));
/// let value = ListNetLossConfig::new().init().forward(scores, relevance, &lists).into_scalar::<f64>();
/// assert!((value - 2f64.ln()).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct ListNetLoss {
    #[module(skip)]
    reduction: Reduction,
}

impl ListNetLoss {
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

    fn kernel(&self) -> ListNet {
        ListNet
    }
}
