//! InfoNCE, from one direction of MoCo to the symmetric form of CLIP.

use super::memory::memory;
use super::pairing::{GroupStatistics, Pairing};
use super::sup_con::attach_scale;
use crate::embedding::prepare;
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach_value, sum_over_blocks};
use crate::math::{in_f32, stacked};
use crate::reduction::Reduction;
use crate::temperature::{Temperature, TemperatureConfig};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use losslab_kernels::options::Positives;
use losslab_kernels::{InfoNce, InfoNceGradients, info_nce};

pub(super) const NAME: &str = "info-nce";

/// Configuration of [`InfoNceLoss`].
#[derive(Config, Debug)]
pub struct InfoNceLossConfig {
    /// The temperature τ, fixed or learned. Typical: 0.01 to 1. Default: 0.07, fixed.
    #[config(default = "TemperatureConfig::new()")]
    pub temperature: TemperatureConfig,
    /// Whether keys look for their queries too, as in CLIP. Default: true.
    #[config(default = true)]
    pub symmetric: bool,
    /// Whether embeddings are brought to length 1 first: the similarity is the cosine if so, the dot product if not.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// How several positives of a query enter, where groups are given. Default: outside.
    #[config(default = "Positives::Outside")]
    pub positives: Positives,
    /// How the terms become one number, in each direction. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl InfoNceLossConfig {
    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Errors
    /// If the temperature is out of range.
    pub fn try_init(&self, device: &Device) -> Result<InfoNceLoss, ConfigError> {
        let temperature = self.temperature.try_init(device).map_err(|error| ConfigError { loss: NAME, ..error })?;
        Ok(InfoNceLoss {
            temperature,
            symmetric: self.symmetric,
            normalize: self.normalize,
            positives: self.positives,
            reduction: self.reduction,
        })
    }

    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> InfoNceLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// InfoNCE (van den Oord et al. 2018, [arXiv:1807.03748](https://arxiv.org/abs/1807.03748); symmetric: CLIP, Radford et
/// al. 2021, [arXiv:2103.00020](https://arxiv.org/abs/2103.00020)).
///
/// ```text
/// s_ij = sim(q_i, k_j) / τ
/// L_i  = −ln( exp(s_ii) / Σ_j exp(s_ij) )
/// ```
///
/// Key `i` is the positive of query `i`, all other keys are its negatives; keys beyond the number of queries are
/// negatives only. The symmetric form is half of the reduced loss of the queries over the keys and half of that of their
/// keys over the queries.
///
/// With groups ([`forward_grouped`](Self::forward_grouped)) a key is a positive of every query of its group, by
/// [`Positives`]; queries without a positive don't count.
///
/// Memory, for f32 tensors on the CPU: unit vectors and gradients of queries and keys, and 256 MiB at most for what would be
/// computed twice without it ([`set_tile_memory`](super::set_tile_memory)). Elsewhere: a few tensors of a block of rows of
/// the similarity matrix, each of about 4 million values, whatever the batch.
/// [`forward_no_reduction`](Self::forward_no_reduction) holds the whole matrix.
///
/// **Use it** to align two views or two modalities, with batches as large as they get. **Don't** where a batch holds
/// many samples of one class and no group ids are given: its positives would be pushed apart as negatives.
///
/// # Example
///
/// Two orthogonal pairs: each positive has similarity 1, each negative 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{InfoNceLossConfig, TemperatureConfig};
///
/// let device = Device::flex();
/// let loss = InfoNceLossConfig::new().with_temperature(TemperatureConfig::new().with_value(0.5)).init(&device);
/// let (q, k) = (Tensor::<2>::from_data([[1.0, 0.0], [0.0, 2.0]], &device), Tensor::eye(2, &device));
/// let expected = (1.0 + (-1.0 / 0.5f64).exp()).ln();
/// assert!((loss.forward(q, k).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct InfoNceLoss {
    /// The temperature; a learned one is trained and saved with the module.
    pub temperature: Temperature,
    symmetric: bool,
    normalize: bool,
    #[module(skip)]
    positives: Positives,
    #[module(skip)]
    reduction: Reduction,
}

impl InfoNceLoss {
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
        let pairing = Pairing::aligned(&queries, &keys)?;
        Ok(self.reduce(queries, keys, pairing))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, queries: Tensor<2>, keys: Tensor<2>) -> Result<Tensor<1>, InputError> {
        let pairing = Pairing::aligned(&queries, &keys)?;
        Ok(self.reduce_plain(queries, keys, pairing))
    }

    /// The reduced loss with the embeddings of a bank as further negatives of every query, such as the queue of MoCo (He et
    /// al. 2020, [arXiv:1911.05722](https://arxiv.org/abs/1911.05722)): see [`MemoryBank`](crate::MemoryBank). The other
    /// keys of the batch are negatives as well, which MoCo leaves to the next step's queue. In the symmetric form keys
    /// look for their queries among the queries alone.
    ///
    /// # Shapes
    /// - `queries`: `[n, d]`
    /// - `keys`: `[n, d]`, or more rows, as in [`forward`](Self::forward)
    /// - `bank`: `[m, d]`, also without a row
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward_with_bank`](Self::try_forward_with_bank) returns an error.
    pub fn forward_with_bank(&self, queries: Tensor<2>, keys: Tensor<2>, bank: Tensor<2>) -> Tensor<1> {
        self.try_forward_with_bank(queries, keys, bank).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward_with_bank`](Self::forward_with_bank).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward_with_bank(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        bank: Tensor<2>,
    ) -> Result<Tensor<1>, InputError> {
        let ([_, width], [rows, _]) = (keys.dims(), bank.dims());
        InputError::check_shape(NAME, "bank", &bank.dims(), &[rows, width], "(of the width of keys)")?;
        InputError::check_dtype(NAME, "bank", bank.dtype(), keys.dtype(), "(that of keys)")?;
        self.try_forward(queries, stacked(keys, bank))
    }

    /// The reduced loss where positives are given by group ids.
    ///
    /// # Shapes
    /// - `queries`: `[n, d]`, `keys`: `[m, d]`; with [`Positives::Aligned`] `m ≥ n`
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
    /// If the shapes don't fit, or, with [`Positives::Aligned`], a key isn't of the group of its query.
    pub fn try_forward_grouped(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let pairing = Pairing::grouped(&queries, &keys, query_groups, key_groups, self.positives)?;
        Ok(self.reduce(queries, keys, pairing))
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
        let pairing = Pairing::grouped(&queries, &keys, query_groups, key_groups, self.positives)?;
        Ok(self.reduce_plain(queries, keys, pairing))
    }

    /// The loss of every query, shape `[n]`. In the symmetric form half of it is that of its key.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, queries: Tensor<2>, keys: Tensor<2>) -> Tensor<1> {
        let pairing = Pairing::aligned(&queries, &keys).unwrap_or_else(|error| panic!("{error}"));
        match self.directions(queries, keys, &pairing) {
            (rows, None) => rows,
            (rows, Some(columns)) => (rows + columns) / 2,
        }
    }

    /// The loss of every query where positives are given by group ids, shape `[n]`. In the symmetric form it is
    /// `[n + m]`: half of the loss of every query, then half of that of every key; 0 where there is no positive.
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
        let pairing = Pairing::grouped(&queries, &keys, query_groups, key_groups, self.positives);
        let pairing = pairing.unwrap_or_else(|error| panic!("{error}"));
        match self.directions(queries, keys, &pairing) {
            (rows, None) => rows,
            (rows, Some(columns)) => {
                let missing = pairing.keys - columns.dims()[0];
                let rest = Tensor::<1>::zeros([missing], &columns.device().inner()).cast(columns.dtype());
                Tensor::cat(vec![rows / 2, columns / 2, rest], 0)
            }
        }
    }

    /// Counts what groups make of a batch.
    ///
    /// # Panics
    /// Where [`try_forward_grouped`](Self::try_forward_grouped) returns an error.
    pub fn group_statistics(
        &self,
        queries: Tensor<2>,
        keys: Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
    ) -> GroupStatistics {
        let pairing = Pairing::grouped(&queries, &keys, query_groups, key_groups, self.positives);
        pairing.unwrap_or_else(|error| panic!("{error}")).statistics()
    }

    /// The terms of the queries, and those of the keys in the symmetric form.
    fn directions(&self, queries: Tensor<2>, keys: Tensor<2>, pairing: &Pairing) -> (Tensor<1>, Option<Tensor<1>>) {
        let (q, k) = (prepare(queries, self.normalize), prepare(keys, self.normalize));
        let scale = self.scale(&q);
        let rows = pairing.terms(q.clone(), k.clone(), scale.clone(), 0..pairing.queries);
        let columns = self.symmetric.then(|| {
            let turned = pairing.turned();
            turned.terms(k, q, scale, 0..turned.anchors())
        });
        (rows, columns)
    }

    fn reduce(&self, queries: Tensor<2>, keys: Tensor<2>, pairing: Pairing) -> Tensor<1> {
        let (queries, keys) = (in_f32(queries), in_f32(keys));
        let (Some(q), Some(k)) = (HostSlice::of(&queries), HostSlice::of(&keys)) else {
            return self.reduce_plain(queries, keys, pairing);
        };
        let width = queries.dims()[1];
        let scale = self.temperature.scale(&queries.device().inner(), queries.dtype());
        let log_scale = scale.is_tracked();
        let loss = InfoNce {
            temperature: 1.0 / scale.clone().into_scalar::<f64>(),
            symmetric: self.symmetric,
            normalize: self.normalize,
            groups: pairing.ids(),
            reduction: self.reduction,
            memory: memory(),
        };
        let mut by_log_scale = None;
        let value = attach_value([queries, keys], |[queries, keys]| {
            let gradients = InfoNceGradients { queries, keys, log_scale };
            let found = info_nce(&loss, q.as_slice(), k.as_slice(), width, gradients);
            by_log_scale = found.by_log_scale;
            found.value
        });
        attach_scale(value, scale, by_log_scale)
    }

    fn reduce_plain(&self, queries: Tensor<2>, keys: Tensor<2>, pairing: Pairing) -> Tensor<1> {
        let (q, k) = (prepare(queries, self.normalize), prepare(keys, self.normalize));
        let scale = self.scale(&q);
        let direction = |pairing: &Pairing, q: Tensor<2>, k: Tensor<2>| {
            let (anchors, width) = (pairing.anchors(), pairing.keys);
            sum_over_blocks(
                [q, k, scale.clone()],
                anchors,
                width,
                pairing.valid(),
                self.reduction,
                |[q, k, s], rows| Some(pairing.terms(q, k, s, rows)),
            )
        };
        let rows = direction(&pairing, q.clone(), k.clone());
        if self.symmetric { (rows + direction(&pairing.turned(), k, q)) / 2 } else { rows }
    }

    /// 1/τ, shape `[1, 1]`.
    fn scale(&self, like: &Tensor<2>) -> Tensor<2> {
        self.temperature.scale(&like.device().inner(), like.dtype()).reshape([1, 1])
    }
}
