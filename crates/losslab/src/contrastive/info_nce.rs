//! InfoNCE, from one direction of MoCo to the symmetric form of CLIP.

use crate::embedding::prepare;
use crate::error::{ConfigError, InputError};
use crate::fused::{nothing, sum_over_blocks};
use crate::labels;
use crate::reduction::Reduction;
use crate::temperature::{Temperature, TemperatureConfig};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use losslab_kernels::options::Positives;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

const NAME: &str = "info-nce";

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
/// Memory: a few tensors of a block of rows of the similarity matrix, each of about 4 million values, whatever the batch.
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

/// How many pairs of a batch are of which kind, by its group ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupStatistics {
    /// Queries with a positive; the others don't count.
    pub valid_queries: usize,
    /// Pairs of a query and a positive of it.
    pub positives: usize,
    /// Pairs of a query and a key of its group that are left out ([`Positives::Aligned`]): false negatives otherwise.
    pub masked: usize,
}

/// Which keys are the positives of which queries.
struct Pairing {
    queries: usize,
    keys: usize,
    groups: Option<Groups>,
}

struct Groups {
    of_queries: Vec<i64>,
    of_keys: Vec<i64>,
    positives: Positives,
}

impl Pairing {
    fn aligned(queries: &Tensor<2>, keys: &Tensor<2>) -> Result<Self, InputError> {
        let ([n, d], [m, key_dim]) = (queries.dims(), keys.dims());
        InputError::check_width(NAME, "queries", [n, d])?;
        if m < n || key_dim != d {
            return Err(InputError::Shape {
                loss: NAME,
                tensor: "keys",
                expected: format!("[{n} or more, {d}] (queries are [{n}, {d}], and key i is the positive of query i)"),
                found: vec![m, key_dim],
            });
        }
        InputError::check_dtype(NAME, "keys", keys.dtype(), queries.dtype(), "(that of queries)")?;
        Ok(Self { queries: n, keys: m, groups: None })
    }

    fn grouped(
        queries: &Tensor<2>,
        keys: &Tensor<2>,
        query_groups: Tensor<1, Int>,
        key_groups: Tensor<1, Int>,
        positives: Positives,
    ) -> Result<Self, InputError> {
        let ([n, d], [m, key_dim]) = (queries.dims(), keys.dims());
        if positives == Positives::Aligned {
            Self::aligned(queries, keys)?;
        }
        InputError::check_width(NAME, "queries", [n, d])?;
        InputError::check_shape(NAME, "keys", &[m, key_dim], &[m, d], "(the width of queries)")?;
        InputError::check_dtype(NAME, "keys", keys.dtype(), queries.dtype(), "(that of queries)")?;
        InputError::check_shape(NAME, "query_groups", &query_groups.dims(), &[n], "(one for each query)")?;
        InputError::check_shape(NAME, "key_groups", &key_groups.dims(), &[m], "(one for each key)")?;
        let groups = Groups { of_queries: labels::read(query_groups), of_keys: labels::read(key_groups), positives };
        if positives == Positives::Aligned
            && let Some(index) = (0..n).find(|&i| groups.of_queries[i] != groups.of_keys[i])
        {
            return Err(InputError::Value {
                loss: NAME,
                tensor: "key_groups",
                allowed: format!("the group of its query ({})", groups.of_queries[index]),
                index,
                value: groups.of_keys[index].to_string(),
            });
        }
        Ok(Self { queries: n, keys: m, groups: Some(groups) })
    }

    /// The same with queries and keys exchanged.
    fn turned(&self) -> Self {
        let groups = self.groups.as_ref().map(|groups| Groups {
            of_queries: groups.of_keys.clone(),
            of_keys: groups.of_queries.clone(),
            positives: groups.positives,
        });
        Self { queries: self.keys, keys: self.queries, groups }
    }

    /// Rows that have a term: those beyond the other side have no partner where pairs are aligned.
    fn anchors(&self) -> usize {
        match &self.groups {
            Some(groups) if groups.positives != Positives::Aligned => self.queries,
            _ => self.queries.min(self.keys),
        }
    }

    /// Rows with a positive.
    fn valid(&self) -> u64 {
        match &self.groups {
            Some(groups) if groups.positives != Positives::Aligned => {
                let present = groups.of_keys.iter().collect::<HashSet<_>>();
                groups.of_queries.iter().filter(|group| present.contains(group)).count() as u64
            }
            _ => self.anchors() as u64,
        }
    }

    fn statistics(&self) -> GroupStatistics {
        let valid_queries = self.valid() as usize;
        let Some(groups) = &self.groups else {
            return GroupStatistics { valid_queries, positives: valid_queries, masked: 0 };
        };
        let mut sizes = HashMap::new();
        groups.of_keys.iter().for_each(|group| *sizes.entry(group).or_insert(0) += 1);
        let same = groups.of_queries.iter().filter_map(|group| sizes.get(group)).sum();
        match groups.positives {
            Positives::Aligned => {
                GroupStatistics { valid_queries, positives: valid_queries, masked: same - valid_queries }
            }
            _ => GroupStatistics { valid_queries, positives: same, masked: 0 },
        }
    }

    /// The terms of some queries, 0 without a positive. `scale` is 1/τ, shape `[1, 1]`.
    fn terms(&self, q: Tensor<2>, k: Tensor<2>, scale: Tensor<2>, rows: Range<usize>) -> Tensor<1> {
        let device = q.device().inner();
        if rows.is_empty() || self.keys == 0 {
            return nothing(q, rows.len());
        }
        let logits = q.slice(rows.clone()).matmul(k.transpose()) * scale;
        let positions = rows.clone().map(|i| i as i64).collect::<Vec<i64>>();
        let own = || Tensor::<1, Int>::from_data(positions.as_slice(), &device).unsqueeze_dim::<2>(1);
        let Some(groups) = &self.groups else {
            return (log_sum_exp(logits.clone()) - logits.gather(1, own())).squeeze_dim(1);
        };

        let same = |keep: &dyn Fn(usize, usize) -> bool| {
            let row = |i: usize| (0..self.keys).map(move |j| (i, j));
            let hot = rows.clone().flat_map(row).map(|(i, j)| groups.of_queries[i] == groups.of_keys[j] && keep(i, j));
            let data = TensorData::new(hot.collect::<Vec<bool>>(), [rows.len(), self.keys]);
            Tensor::<2, Bool>::from_data(data, &device)
        };
        if groups.positives == Positives::Aligned {
            let duplicates = same(&|i, j| i != j);
            let rest = logits.clone().mask_fill(duplicates, f32::NEG_INFINITY);
            return (log_sum_exp(rest) - logits.gather(1, own())).squeeze_dim(1);
        }
        let positive = same(&|_, _| true);
        let counts = positive.clone().int().sum_dim(1);
        let lonely = counts.clone().equal_elem(0);
        let terms = match groups.positives {
            Positives::Outside => {
                let counts = counts.float().cast(logits.dtype()).clamp_min(1);
                let total = log_sum_exp(logits.clone());
                total - logits.mask_fill(positive.bool_not(), 0).sum_dim(1) / counts
            }
            _ => {
                // A row without a positive would be ln 0; it is left out below, and gets any finite value here.
                let hidden = positive.bool_not().bool_and(lonely.clone().bool_not().expand(logits.shape()));
                log_sum_exp(logits.clone()) - log_sum_exp(logits.mask_fill(hidden, f32::NEG_INFINITY))
            }
        };
        terms.mask_fill(lonely, 0).squeeze_dim(1)
    }
}

/// `ln Σ_j exp(x_ij)` along the second dimension, kept as 1.
fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let max = x.clone().inner().max_dim(1);
    (x - max.clone()).exp().sum_dim(1).log() + max
}
