//! Contrastive loss over all pairs of a labelled batch.

use super::{check_bank, prepare, read_labels};
use crate::distance::{Distance, check_margin, pairwise};
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach_sum, nothing, sum_over_blocks};
use crate::math::{hinge, in_f32};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use losslab_kernels::{BatchContrastive, Labelled, Metric, batch_contrastive, batch_contrastive_with_bank};

const NAME: &str = "contrastive-batch";

/// Configuration of [`BatchContrastiveLoss`].
#[derive(Config, Debug)]
pub struct BatchContrastiveLossConfig {
    /// How far apart similar pairs may be at no cost, at least 0 and below the negative margin. Default: 0.
    #[config(default = 0.0)]
    pub positive_margin: f64,
    /// How far apart dissimilar pairs must be, above 0 (and at most 2 for [`Distance::Cosine`]). Typical: 0.5 to 2.
    /// Default: 1.
    #[config(default = 1.0)]
    pub negative_margin: f64,
    /// Whether the loss has the factor ½ of the paper. Default: true.
    #[config(default = true)]
    pub half: bool,
    /// The distance. Default: Euclidean.
    #[config(default = "Distance::Euclidean")]
    pub distance: Distance,
    /// Whether embeddings are brought to length 1 first. Default: false.
    #[config(default = false)]
    pub normalize: bool,
    /// How the terms become one number. Default: mean over all pairs.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl BatchContrastiveLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If a margin isn't one that the distance can reach, or the positive margin isn't below the negative one.
    pub fn try_init(&self) -> Result<BatchContrastiveLoss, ConfigError> {
        check_margin(NAME, "positive_margin", self.positive_margin, self.distance, self.normalize, true)?;
        check_margin(NAME, "negative_margin", self.negative_margin, self.distance, self.normalize, false)?;
        if self.positive_margin >= self.negative_margin {
            let allowed = format!("below negative_margin = {}", self.negative_margin);
            return Err(ConfigError::new(NAME, "positive_margin", allowed, self.positive_margin));
        }
        Ok(BatchContrastiveLoss {
            positive_margin: self.positive_margin,
            negative_margin: self.negative_margin,
            half: self.half,
            distance: self.distance,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> BatchContrastiveLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Contrastive loss over all pairs `i < j` of a labelled batch (Hadsell et al. 2006, with a margin for each kind).
///
/// ```text
/// L = ½·max(0, D − m₊)²   where the labels are equal
/// L = ½·max(0, m₋ − D)²   where they differ
/// ```
///
/// [`Reduction::Mean`] divides by all `n(n−1)/2` pairs, most of which are dissimilar;
/// [`Reduction::MeanActive`] by those that cost something.
///
/// Memory on f32 tensors of the CPU: about 10 times the batch, 16 MiB, and 8 MiB for each thread. Elsewhere, and in f64: a few tensors of a block
/// of rows, each of about 4 million values, or `n·d` where one row of pairs is more.
/// [`forward_no_reduction`](BatchContrastiveLoss::forward_no_reduction) holds a few of `n²·d` values.
///
/// **Use it** on labelled batches. **Don't** where only the order of distances matters:
/// [`TripletLoss`](crate::TripletLoss) leaves them free otherwise.
///
/// # Example
///
/// Three points on a line, the first two of one class: `½·0.5²` for the similar pair, `½·0.4²` for the one pair of
/// different labels that is nearer than 1:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::BatchContrastiveLossConfig;
///
/// let device = Device::flex();
/// let embeddings = Tensor::<2>::from_data([[0.0], [0.5], [1.1]], &device);
/// let labels = Tensor::<1, Int>::from_data([7, 7, 9], &device);
/// let value = BatchContrastiveLossConfig::new().init().forward(embeddings, labels).into_scalar::<f64>();
/// assert!((value - (0.125 + 0.08) / 3.0).abs() < 1e-7);
/// ```
#[derive(Module, Debug)]
pub struct BatchContrastiveLoss {
    positive_margin: f64,
    negative_margin: f64,
    half: bool,
    #[module(skip)]
    distance: Distance,
    normalize: bool,
    #[module(skip)]
    reduction: Reduction,
}

impl BatchContrastiveLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `labels`: `[n]`, any integers
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        self.try_forward(embeddings, labels).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let labels = read_labels(NAME, &embeddings, labels)?;
        let embeddings = in_f32(embeddings);
        let Some(rows) = HostSlice::of(&embeddings) else {
            return Ok(self.plain(embeddings, &labels));
        };
        let kernel = self.kernel();
        let batch = Labelled { rows: rows.as_slice(), labels: &labels, width: embeddings.dims()[1] };
        Ok(attach_sum([embeddings], self.reduction, |[gradient]| batch_contrastive(kernel, batch, gradient)))
    }

    /// The same in plain tensor operations: what [`try_forward`](Self::try_forward) does where there is no kernel, and
    /// what the kernel is tested against.
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn forward_plain(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let labels = read_labels(NAME, &embeddings, labels)?;
        Ok(self.plain(embeddings, &labels))
    }

    /// The reduced loss of all pairs of a row of the batch and a row of a bank, such as a
    /// [`MemoryBank`](crate::MemoryBank) of earlier batches or the embeddings of another modality. Every row of the bank
    /// is a partner of every row of the batch, so a bank mustn't hold the batch itself:
    /// [`MemoryBank::others`](crate::MemoryBank::others) leaves it out.
    ///
    /// The bank's gradient flows too, unless it is detached.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `labels`: `[n]`, any integers
    /// - `bank`: `[m, d]`
    /// - `bank_labels`: `[m]`, any integers
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward_with_bank`](Self::try_forward_with_bank) returns an error.
    ///
    /// # Example
    ///
    /// The similar row of the bank is at 0.5, of the others only one is nearer than 1:
    ///
    /// ```
    /// use burn::tensor::{Device, Int, Tensor};
    /// use losslab::BatchContrastiveLossConfig;
    ///
    /// let device = Device::flex();
    /// let (batch, label) = (Tensor::<2>::from_data([[0.0]], &device), Tensor::<1, Int>::from_data([3], &device));
    /// let bank = Tensor::<2>::from_data([[0.5], [0.6], [1.1]], &device);
    /// let labels = Tensor::<1, Int>::from_data([3, 4, 4], &device);
    /// let value = BatchContrastiveLossConfig::new().init().forward_with_bank(batch, label, bank, labels);
    /// assert!((value.into_scalar::<f64>() - (0.5 * 0.5 * 0.5 + 0.5 * 0.4 * 0.4) / 3.0).abs() < 1e-7);
    /// ```
    pub fn forward_with_bank(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        bank: Tensor<2>,
        bank_labels: Tensor<1, Int>,
    ) -> Tensor<1> {
        let loss = self.try_forward_with_bank(embeddings, labels, bank, bank_labels);
        loss.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward_with_bank`](Self::forward_with_bank).
    ///
    /// # Errors
    /// If the shapes don't fit, or one of the two is f64.
    pub fn try_forward_with_bank(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        bank: Tensor<2>,
        bank_labels: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let (embeddings, labels, bank, bank_labels) = check_bank(NAME, embeddings, labels, bank, bank_labels)?;
        let [Some(rows), Some(bank_rows)] = [&embeddings, &bank].map(HostSlice::of) else {
            return Ok(self.plain_with_bank(embeddings, &labels, bank, &bank_labels));
        };
        let width = embeddings.dims()[1];
        let queries = Labelled { rows: rows.as_slice(), labels: &labels, width };
        let others = Labelled { rows: bank_rows.as_slice(), labels: &bank_labels, width };
        Ok(attach_sum([embeddings, bank], self.reduction, |gradients| {
            batch_contrastive_with_bank(self.kernel(), queries, others, gradients)
        }))
    }

    /// As [`try_forward_with_bank`](Self::try_forward_with_bank), in plain tensor operations.
    ///
    /// # Errors
    /// If the shapes don't fit, or one of the two is f64.
    pub fn forward_with_bank_plain(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        bank: Tensor<2>,
        bank_labels: Tensor<1, Int>,
    ) -> Result<Tensor<1>, InputError> {
        let (embeddings, labels, bank, bank_labels) = check_bank(NAME, embeddings, labels, bank, bank_labels)?;
        Ok(self.plain_with_bank(embeddings, &labels, bank, &bank_labels))
    }

    fn kernel(&self) -> BatchContrastive {
        BatchContrastive {
            positive_margin: self.positive_margin,
            negative_margin: self.negative_margin,
            half: self.half,
            metric: Metric { distance: self.distance, normalize: self.normalize },
        }
    }

    fn plain_with_bank(&self, embeddings: Tensor<2>, labels: &[i64], bank: Tensor<2>, others: &[i64]) -> Tensor<1> {
        let [[rows, dim], [bank_rows, _]] = [embeddings.dims(), bank.dims()];
        let inputs = [embeddings, bank].map(|x| prepare(x, self.normalize));
        let pairs = (rows * bank_rows) as u64;
        sum_over_blocks(inputs, rows, bank_rows * dim, pairs, self.reduction, |[x, bank], rows| {
            (bank_rows > 0).then(|| self.terms(x.slice(rows.clone()), &labels[rows], bank, others))
        })
    }

    fn plain(&self, embeddings: Tensor<2>, labels: &[i64]) -> Tensor<1> {
        let [rows, dim] = embeddings.dims();
        let pairs = (rows * rows.saturating_sub(1) / 2) as u64;
        let embeddings = prepare(embeddings, self.normalize);
        sum_over_blocks([embeddings], rows, rows * dim, pairs, self.reduction, |[x], rows| {
            let earlier = rows.clone().flat_map(|i| (0..labels.len()).map(move |j| j <= i)).collect();
            let earlier = mask(earlier, [rows.len(), labels.len()], &x);
            Some(self.terms(x.clone().slice(rows.clone()), &labels[rows], x, labels).mask_fill(earlier, 0))
        })
    }

    /// The loss of every pair `i < j`, shape `[n(n−1)/2]`, in the order (0, 1), (0, 2), …, (1, 2), ….
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        let rows = labels.len();
        if rows < 2 {
            return nothing(embeddings, 0);
        }
        let upper = (0..rows as i64).flat_map(|i| (i + 1..rows as i64).map(move |j| i * rows as i64 + j));
        let upper = upper.collect::<Vec<i64>>();
        let x = prepare(embeddings, self.normalize);
        let terms = self.terms(x.clone(), &labels, x, &labels).reshape([rows * rows]);
        let upper = Tensor::<1, Int>::from_data(upper.as_slice(), &terms.device().inner());
        terms.select(0, upper)
    }

    /// The terms of the pairs of some rows with others.
    fn terms(&self, x: Tensor<2>, labels: &[i64], others: Tensor<2>, other_labels: &[i64]) -> Tensor<2> {
        let equal = labels.iter().flat_map(|label| other_labels.iter().map(move |other| other == label)).collect();
        let similar = mask(equal, [labels.len(), other_labels.len()], &x);
        let distance = pairwise(self.distance, x, others);
        let near = hinge(distance.clone() - self.positive_margin);
        let apart = hinge(-distance + self.negative_margin);
        let factor = if self.half { 0.5 } else { 1.0 };
        apart.mask_where(similar, near).square() * factor
    }
}

fn mask(values: Vec<bool>, shape: [usize; 2], like: &Tensor<2>) -> Tensor<2, Bool> {
    Tensor::from_data(TensorData::new(values, shape), &like.device().inner())
}
