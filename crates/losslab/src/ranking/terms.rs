//! From scores and lists to terms with their gradient, and to one number.

use super::QueryLists;
use crate::error::InputError;
use crate::fused::{attach, nothing};
use crate::math::in_f32;
use crate::reduction::Reduction;
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use losslab_kernels::{ListLoss, Lists, Sums, ranking};

/// The term of each list, nothing where it doesn't count, and the gradient of their sum.
pub(super) struct ListTerms<'a> {
    scores: Tensor<1>,
    lists: &'a QueryLists,
    terms: Vec<Option<f64>>,
    gradient: Option<Tensor<1>>,
}

impl<'a> ListTerms<'a> {
    /// Evaluates a loss on the host.
    ///
    /// # Errors
    /// If there isn't one score and one relevance for each item, or a relevance isn't finite and at least 0.
    pub fn try_new(
        name: &'static str,
        loss: &impl ListLoss,
        scores: Tensor<1>,
        relevance: Tensor<1>,
        lists: &'a QueryLists,
    ) -> Result<Self, InputError> {
        let items = lists.items();
        InputError::check_shape(name, "scores", &scores.dims(), &[items], "(one for each item of the lists)")?;
        InputError::check_shape(name, "relevance", &relevance.dims(), &[items], "(one for each score)")?;
        let relevance = read(relevance);
        if let Some(index) = relevance.iter().position(|grade| !(grade.is_finite() && *grade >= 0.0)) {
            return Err(InputError::Value {
                loss: name,
                tensor: "relevance",
                allowed: "finite and at least 0".into(),
                index,
                value: relevance[index].to_string(),
            });
        }
        let scores = in_f32(scores);
        let values = read(scores.clone());
        let mut gradient = scores.is_tracked().then(|| vec![0.0; items]);
        let batch = Lists { scores: &values, relevance: &relevance, lengths: lists.lengths() };
        let terms = ranking(loss, batch, gradient.as_deref_mut());
        let (device, dtype) = (scores.device().inner(), scores.dtype());
        let gradient = gradient.map(|gradient| Tensor::from_data(TensorData::new(gradient, [items]), (&device, dtype)));
        Ok(Self { scores, lists, terms, gradient })
    }

    /// The reduced loss.
    pub fn reduce(self, reduction: Reduction) -> Tensor<1> {
        let mut sums = Sums::default();
        for term in self.terms.into_iter().flatten() {
            sums.total += term;
            sums.weight += 1.0;
            sums.valid += 1;
            sums.active += u64::from(term > 0.0 || term.is_nan());
        }
        let total = Tensor::from_data([sums.total], (&self.scores.device().inner(), self.scores.dtype()));
        attach(total, self.scores, self.gradient) * sums.scale(reduction)
    }

    /// The term of each list, 0 where it doesn't count.
    pub fn terms(self) -> Tensor<1> {
        let Self { scores, lists, terms, gradient } = self;
        if lists.is_empty() {
            return nothing(scores, 0);
        }
        let values: Vec<f64> = terms.into_iter().map(|term| term.unwrap_or(0.0)).collect();
        let values = TensorData::new(values, [lists.len()]);
        let values = Tensor::<1>::from_data(values, (&scores.device().inner(), scores.dtype()));
        let values = if scores.is_autodiff() { values.autodiff() } else { values };
        let Some(gradient) = gradient else { return values };
        // Zeros with the gradient of each item, added to the term of its list.
        let zeros = (scores.clone() - scores.clone().detach()) * gradient.autodiff();
        let list = Tensor::<1, Int>::from_data(lists.ids().as_slice(), &scores.device());
        values.select_assign(0, list, zeros, IndexingUpdateOp::Add)
    }
}

fn read(tensor: Tensor<1>) -> Vec<f64> {
    tensor.inner().into_data().convert::<f64>().try_into_vec().expect("converted to f64")
}
