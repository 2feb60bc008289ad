//! SigLIP: every pair of a query and a key is a yes or no of its own.

use super::pairing::{check_aligned, check_grouped};
use super::sup_con::attach_scale;
use crate::embedding::prepare;
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach, attach_value, nothing, sum_over_blocks};
use crate::labels;
use crate::math::{in_f32, softplus};
use crate::reduction::Reduction;
use crate::temperature::{Temperature, TemperatureConfig};
use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use losslab_kernels::{SigLip, SigLipGradients, siglip};
use std::ops::Range;

const NAME: &str = "siglip";

/// Configuration of [`SigLipLoss`].
#[derive(Config, Debug)]
pub struct SigLipLossConfig {
    /// The temperature τ, fixed or learned. Default: 0.1 (a scale of 10), learned.
    #[config(default = "TemperatureConfig::new().with_value(0.1).with_learned(true)")]
    pub temperature: TemperatureConfig,
    /// The bias b, finite; the initial one where it is learned. Default: −10, with which an untrained model says "no" to
    /// every pair, as it should to all but one in a row.
    #[config(default = -10.0)]
    pub bias: f64,
    /// Whether the bias is a parameter that the optimiser changes. Default: true.
    #[config(default = true)]
    pub learned_bias: bool,
    /// Whether embeddings are brought to length 1 first: the similarity is the cosine if so, the dot product if not.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// How the terms of the queries become one number. Default: mean, over the queries and not over the pairs.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl SigLipLossConfig {
    /// Creates the loss; the device holds what is learned.
    ///
    /// # Errors
    /// If the temperature is out of range, or the bias isn't finite.
    pub fn try_init(&self, device: &Device) -> Result<SigLipLoss, ConfigError> {
        if !self.bias.is_finite() {
            return Err(ConfigError::new(NAME, "bias", "a finite number", self.bias));
        }
        let temperature = self.temperature.try_init(device).map_err(|error| ConfigError { loss: NAME, ..error })?;
        let learned = || Param::from_tensor(Tensor::from_data([self.bias as f32], device));
        Ok(SigLipLoss {
            temperature,
            bias: self.learned_bias.then(learned),
            fixed_bias: self.bias,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss; the device holds what is learned.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> SigLipLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The sigmoid loss of SigLIP (Zhai et al. 2023, [arXiv:2303.15343](https://arxiv.org/abs/2303.15343)).
///
/// ```text
/// x_ij = sim(q_i, k_j) / τ + b
/// L_i  = Σ_j −ln σ(z_ij · x_ij)        z_ij = 1 for a positive pair, −1 for all others
/// ```
///
/// Key `i` is the positive of query `i`, all other keys are its negatives; keys beyond the number of queries are
/// negatives only. With groups ([`forward_grouped`](Self::forward_grouped)) every key of a query's group is a positive of
/// it. Queries and keys play the same part, so there is no symmetric form.
///
/// [`Reduction::Mean`] divides by the number of queries, not by that of pairs, as the paper, big_vision and open_clip do:
/// the loss of an untrained model grows with the number of keys, but for the bias.
///
/// The temperature and the bias are learned by default, from 0.1 and −10 on. A temperature doesn't fall below the floor
/// of its configuration; the paper sets none.
///
/// Memory, for f32 tensors on the CPU: unit vectors and gradients of queries and keys. Elsewhere: a few tensors of a block
/// of rows of the similarity matrix, each of about 4 million values, whatever the batch.
/// [`forward_no_reduction`](Self::forward_no_reduction) holds the whole matrix.
///
/// **Use it** to align two modalities where batches are very large, where a pair may have several positives, or where the
/// batch is spread over devices: no term needs a sum over a row, so parts of a batch add up to the whole. **Don't** in
/// batches of a few dozen pairs without testing [`InfoNceLoss`](super::InfoNceLoss) too: few negatives at
/// independent odds say less than their order.
///
/// # Example
///
/// Two orthogonal pairs: each query has its positive at `1/0.5 − 1 = 1` and its negative at −1.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{SigLipLossConfig, TemperatureConfig};
///
/// let device = Device::flex();
/// let temperature = TemperatureConfig::new().with_value(0.5).with_learned(true);
/// let loss = SigLipLossConfig::new().with_temperature(temperature).with_bias(-1.0).init(&device);
/// let (q, k) = (Tensor::<2>::from_data([[1.0, 0.0], [0.0, 2.0]], &device), Tensor::eye(2, &device));
/// let expected = 2.0 * (1.0 + (-1.0f64).exp()).ln();
/// assert!((loss.forward(q, k).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct SigLipLoss {
    /// The temperature; a learned one is trained and saved with the module.
    pub temperature: Temperature,
    /// The bias, shape `[1]`, where it is learned.
    pub bias: Option<Param<Tensor<1>>>,
    fixed_bias: f64,
    normalize: bool,
    #[module(skip)]
    reduction: Reduction,
}

/// The group ids of queries and of keys, where there are some.
type Groups = Option<[Vec<i64>; 2]>;

impl SigLipLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `queries`: `[n, d]`
    /// - `keys`: `[m, d]` with `m ≥ n`
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, queries: Tensor<2>, keys: Tensor<2>) -> Tensor<1> {
        self.try_forward(queries, keys).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward(&self, queries: Tensor<2>, keys: Tensor<2>) -> Result<Tensor<1>, InputError> {
        check_aligned(NAME, &queries, &keys)?;
        Ok(self.reduce(queries, keys, &None))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, queries: Tensor<2>, keys: Tensor<2>) -> Result<Tensor<1>, InputError> {
        check_aligned(NAME, &queries, &keys)?;
        Ok(self.reduce_plain(queries, keys, &None))
    }

    /// The reduced loss where positives are given by group ids.
    ///
    /// # Shapes
    /// - `queries`: `[n, d]`, `keys`: `[m, d]`
    /// - `query_groups`: `[n]`, `key_groups`: `[m]`, any integers
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward_grouped`](Self::try_forward_grouped) returns an error.
    pub fn forward_grouped(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
    ) -> Tensor<1> {
        self.try_forward_grouped(queries, keys, query_groups, key_groups).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss where positives are given by group ids, as [`forward_grouped`](Self::forward_grouped).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward_grouped(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let groups = read_groups(&queries, &keys, query_groups, key_groups)?;
        Ok(self.reduce(queries, keys, &groups))
    }

    /// The reduced loss where positives are given by group ids through plain tensor operations, as
    /// [`forward_plain`](Self::forward_plain).
    ///
    /// # Errors
    /// As [`try_forward_grouped`](Self::try_forward_grouped).
    pub fn forward_grouped_plain(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let groups = read_groups(&queries, &keys, query_groups, key_groups)?;
        Ok(self.reduce_plain(queries, keys, &groups))
    }

    /// The loss of every query, shape `[n]`.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, queries: Tensor<2>, keys: Tensor<2>) -> Tensor<1> {
        check_aligned(NAME, &queries, &keys).unwrap_or_else(|error| panic!("{error}"));
        self.all_terms(queries, keys, &None)
    }

    /// The loss of every query where positives are given by group ids, shape `[n]`.
    ///
    /// # Panics
    /// Where [`try_forward_grouped`](Self::try_forward_grouped) returns an error.
    pub fn forward_grouped_no_reduction(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
    ) -> Tensor<1> {
        let groups = read_groups(&queries, &keys, query_groups, key_groups);
        self.all_terms(queries, keys, &groups.unwrap_or_else(|error| panic!("{error}")))
    }

    /// The bias in use.
    pub fn bias_value(&self) -> f64 {
        self.bias.as_ref().map_or(self.fixed_bias, |bias| bias.val().into_scalar())
    }

    fn reduce(&self, queries: Tensor<2>, keys: Tensor<2>, groups: &Groups) -> Tensor<1> {
        let (queries, keys) = (in_f32(queries), in_f32(keys));
        let (Some(q), Some(k)) = (HostSlice::of(&queries), HostSlice::of(&keys)) else {
            return self.reduce_plain(queries, keys, groups);
        };
        let width = queries.dims()[1];
        let [scale, bias] = self.line(&queries).map(|number| number.reshape([1]));
        let line = scale.is_tracked() || bias.is_tracked();
        let loss = SigLip {
            temperature: 1.0 / scale.clone().into_scalar::<f64>(),
            bias: bias.clone().into_scalar::<f64>(),
            normalize: self.normalize,
            groups: groups.as_ref().map(|groups| groups.each_ref().map(Vec::as_slice)),
            reduction: self.reduction,
        };
        let mut by_line = None;
        let value = attach_value([queries, keys], |[queries, keys]| {
            let found = siglip(&loss, q.as_slice(), k.as_slice(), width, SigLipGradients { queries, keys, line });
            by_line = found.by_line;
            found.value
        });
        let value = attach_scale(value, scale, by_line.map(|[by_log_scale, _]| by_log_scale));
        let device = bias.device().inner();
        attach(value, bias, by_line.map(|[_, by_bias]| Tensor::from_data([by_bias as f32], &device)))
    }

    fn reduce_plain(&self, queries: Tensor<2>, keys: Tensor<2>, groups: &Groups) -> Tensor<1> {
        let (q, k) = (prepare(queries, self.normalize), prepare(keys, self.normalize));
        let (rows, width) = (q.dims()[0], k.dims()[0]);
        let [scale, bias] = self.line(&q);
        sum_over_blocks([q, k, scale, bias], rows, width, rows as u64, self.reduction, |[q, k, scale, bias], rows| {
            Some(terms(q, k, [scale, bias], groups, rows))
        })
    }

    fn all_terms(&self, queries: Tensor<2>, keys: Tensor<2>, groups: &Groups) -> Tensor<1> {
        let (q, k) = (prepare(queries, self.normalize), prepare(keys, self.normalize));
        let (rows, line) = (q.dims()[0], self.line(&q));
        terms(q, k, line, groups, 0..rows)
    }

    /// 1/τ and b, shape `[1, 1]` each.
    fn line(&self, like: &Tensor<2>) -> [Tensor<2>; 2] {
        let (device, dtype) = (like.device().inner(), like.dtype());
        let bias = match &self.bias {
            Some(bias) => bias.val().cast(dtype),
            None => Tensor::from_data([self.fixed_bias], (&device, dtype)),
        };
        [self.temperature.scale(&device, dtype), bias].map(|number| number.reshape([1, 1]))
    }
}

fn read_groups(
    queries: &Tensor<2>,
    keys: &Tensor<2>,
    query_groups: Tensor<1, Int>,
    key_groups: Tensor<1, Int>,
) -> Result<Groups, InputError> {
    check_grouped(NAME, queries, keys, &query_groups, &key_groups)?;
    Ok(Some([query_groups, key_groups].map(labels::read)))
}

/// The terms of some queries.
fn terms(q: Tensor<2>, k: Tensor<2>, [scale, bias]: [Tensor<2>; 2], groups: &Groups, rows: Range<usize>) -> Tensor<1> {
    let keys = k.dims()[0];
    if rows.is_empty() || keys == 0 {
        return nothing(q, rows.len());
    }
    let same = |i: usize, j: usize| groups.as_ref().map_or(i == j, |[of_queries, of_keys]| of_queries[i] == of_keys[j]);
    let positive = rows.clone().flat_map(|i| (0..keys).map(move |j| same(i, j))).collect::<Vec<bool>>();
    let positive = TensorData::new(positive, [rows.len(), keys]);
    let positive = Tensor::<2, Bool>::from_data(positive, &q.device().inner());
    let logits = q.slice(rows).matmul(k.transpose()) * scale + bias;
    let wrong = logits.clone().mask_where(positive, -logits);
    softplus(wrong).sum_dim(1).squeeze_dim(1)
}
