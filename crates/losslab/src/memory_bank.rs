//! Embeddings of earlier batches, as further positives and negatives.

use crate::error::{ConfigError, InputError};
use crate::labels;
use burn::config::Config;
use burn::module::{Module, Param, ParamId, Parameter};
use burn::tensor::{DType, Device, Int, Tensor, TensorCreationOptions};
use std::collections::HashSet;

const NAME: &str = "memory-bank";

/// The id of an entry whose sample isn't known.
const UNKNOWN: i64 = -1;

/// Configuration of a [`MemoryBank`].
#[derive(Config, Debug)]
pub struct MemoryBankConfig {
    /// The most entries, at least 1. Typical: 4,096 to 65,536, or some ten batches.
    pub capacity: usize,
    /// The width of an embedding, at least 1.
    pub width: usize,
}

impl MemoryBankConfig {
    /// Creates an empty bank on a device.
    ///
    /// # Errors
    /// If the capacity or the width is 0.
    pub fn try_init(&self, device: &Device) -> Result<MemoryBank, ConfigError> {
        for (parameter, value) in [("capacity", self.capacity), ("width", self.width)] {
            if value == 0 {
                return Err(ConfigError::new(NAME, parameter, "at least 1", value));
            }
        }
        let device = device.clone().inner();
        let of_device = TensorCreationOptions::from(&device);
        let options = if device.supports_dtype(DType::I64) { of_device.with_dtype(DType::I64) } else { of_device };
        let ints = |count: usize| Param::initialized(ParamId::new(), Tensor::<1, Int>::zeros([count], options.clone()));
        let embeddings = Tensor::<2>::zeros([self.capacity, self.width], (&device, DType::F32));
        Ok(MemoryBank {
            embeddings: Param::initialized(ParamId::new(), embeddings),
            labels: ints(self.capacity),
            ids: ints(self.capacity),
            place: ints(2),
        })
    }

    /// Creates an empty bank on a device.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> MemoryBank {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A ring of embeddings with their labels: the newest entry takes the place of the oldest.
///
/// A loss over pairs or triplets sees more of the data set by it than a batch holds (cross-batch memory, XBM: Wang et al.
/// 2020, [arXiv:1912.06798](https://arxiv.org/abs/1912.06798)), and InfoNCE more negatives (MoCo: He et al. 2020,
/// [arXiv:1911.05722](https://arxiv.org/abs/1911.05722)).
///
/// - Only what was put in comes out: a bank that isn't full is as long as its entries.
/// - No gradient flows into it, and it is no parameter of an optimiser.
/// - As a field of a module it is saved and loaded with it: entries, labels, ids, the place of the next entry and how many
///   there are. Loading a bank of another capacity or width is an error.
/// - Embeddings are held in f32. f16 and bf16 are taken too, f64 is refused. A NaN stays one.
///
/// An entry may have the **id** of its sample, an integer of 0 or more such as its position in the data set.
/// [`others`](Self::others) then leaves out the samples of the batch, put in at this step or in an epoch before: no sample
/// is its own positive or negative.
///
/// Memory: `capacity·(4·width + 16)` bytes. Where a device has no 64-bit integers, labels and ids must fit in its own.
///
/// **Use it** where batches are too small to hold enough positives and negatives, and the encoder changes slowly: after
/// the first epochs (XBM), or with an encoder of keys that is a moving average (MoCo). **Don't** fill it from the first
/// step with a high learning rate: its entries are then those of another network.
///
/// # Example
///
/// A pair loss over a batch, and over the batch and the memory:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::{BatchContrastiveLossConfig, MemoryBankConfig};
///
/// let device = Device::flex().autodiff();
/// let mut bank = MemoryBankConfig::new(4, 1).init(&device);
/// let loss = BatchContrastiveLossConfig::new().init();
/// let ints = |values: [i64; 2]| Tensor::<1, Int>::from_data(values, &device);
/// bank.enqueue_with_ids(Tensor::from_data([[9.0], [0.2]], &device), ints([7, 8]), ints([0, 1]));
///
/// // A step of a training. Sample 0 is in the bank from another epoch, and left out.
/// let (batch, labels, ids) = (Tensor::<2>::from_data([[0.0], [0.5]], &device), ints([7, 8]), ints([0, 2]));
/// let batch = batch.require_grad();
/// let within = loss.forward(batch.clone(), labels.clone());
/// let memory = bank.others(ids.clone());
/// let across = loss.forward_with_bank(batch.clone(), labels.clone(), memory.embeddings, memory.labels);
/// // Sample 1 of label 8 is at 0.2: 0.8 too near to the first row, 0.3 too far from the second.
/// assert!((across.clone().into_scalar::<f64>() - (0.5 * 0.8 * 0.8 + 0.5 * 0.3 * 0.3) / 2.0).abs() < 1e-6);
/// (within + across).backward();
/// bank.enqueue_with_ids(batch, labels, ids);
/// assert!(bank.is_full());
/// ```
///
/// InfoNCE with the queue of MoCo, in which each sample is a class of its own: the bank takes the keys, with the ids as
/// labels too.
///
/// ```
/// # use burn::tensor::{Device, Int, Tensor};
/// # use losslab::{InfoNceLossConfig, MemoryBankConfig};
/// # let device = Device::flex().autodiff();
/// let mut bank = MemoryBankConfig::new(4096, 2).init(&device);
/// let loss = InfoNceLossConfig::new().with_symmetric(false).init(&device);
/// # let encode = |x: f32| Tensor::<2>::from_data([[1.0, x], [x, 1.0]], &device);
/// for step in 0..3 {
///     let ids = Tensor::<1, Int>::from_data([2 * step, 2 * step + 1], &device);
///     let (queries, keys) = (encode(0.1).require_grad(), encode(0.2)); // by the encoder, and by its moving average
///     let value = loss.forward_with_bank(queries, keys.clone(), bank.others(ids.clone()).embeddings);
///     value.backward();
///     bank.enqueue_with_ids(keys, ids.clone(), ids);
/// }
/// assert_eq!(bank.len(), 6);
/// ```
#[derive(Module, Debug)]
pub struct MemoryBank {
    /// `[capacity, width]`, zeros where nothing was put.
    embeddings: Param<Tensor<2>>,
    /// `[capacity]`.
    labels: Param<Tensor<1, Int>>,
    /// `[capacity]`.
    ids: Param<Tensor<1, Int>>,
    /// The place of the next entry, and the number of entries: a tensor, because numbers of a module aren't saved.
    place: Param<Tensor<1, Int>>,
}

impl MemoryBank {
    /// Puts a batch in, the last row as the newest. Of more rows than the capacity the last ones stay.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, width]`; their tape is left behind
    /// - `labels`: `[n]`, any integers: the classes, or the ids of samples where there are no classes
    ///
    /// # Panics
    /// Where [`try_enqueue`](Self::try_enqueue) returns an error.
    pub fn enqueue(&mut self, embeddings: Tensor<2>, labels: Tensor<1, Int>) {
        self.try_enqueue(embeddings, labels, None).unwrap_or_else(|error| panic!("{error}"));
    }

    /// As [`enqueue`](Self::enqueue), with the id of each sample.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, width]`
    /// - `labels`: `[n]`, any integers
    /// - `ids`: `[n]`, 0 or more; negative where the sample isn't known
    ///
    /// # Panics
    /// Where [`try_enqueue`](Self::try_enqueue) returns an error.
    pub fn enqueue_with_ids(&mut self, embeddings: Tensor<2>, labels: Tensor<1, Int>, ids: Tensor<1, Int>) {
        self.try_enqueue(embeddings, labels, Some(ids)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Puts a batch in, as [`enqueue_with_ids`](Self::enqueue_with_ids). After an error the bank is as before.
    ///
    /// # Errors
    /// If the shapes don't fit, or the embeddings are f64.
    pub fn try_enqueue(
        &mut self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        ids: Option<Tensor<1, Int>>,
    ) -> Result<(), InputError> {
        let rows = embeddings.dims()[0];
        let (width, capacity) = (self.width(), self.capacity());
        InputError::check_shape(NAME, "embeddings", &embeddings.dims(), &[rows, width], "(of the bank's width)")?;
        let why = "(one for each row of embeddings)";
        InputError::check_shape(NAME, "labels", &labels.dims(), &[rows], why)?;
        if let Some(ids) = &ids {
            InputError::check_shape(NAME, "ids", &ids.dims(), &[rows], why)?;
        }
        InputError::check_dtype(NAME, "embeddings", embeddings.dtype(), DType::F32, "(that of the bank)")?;
        if rows == 0 {
            return Ok(());
        }
        let [next, filled] = self.place();
        let kept = rows.min(capacity);
        let (first, rest) = (rows - kept, (next + rows - kept) % capacity);
        // In one piece up to the end of the ring, and what is left from its start.
        let before_end = kept.min(capacity - rest);
        let pieces = [(first, rest..rest + before_end), (first + before_end, 0..kept - before_end)];

        let device = self.labels.val().device().inner();
        let embeddings = embeddings.inner().to_device(&device).cast(DType::F32);
        let dtype = self.labels.val().dtype();
        let ints = |tensor: Tensor<1, Int>| tensor.inner().to_device(&device).cast(dtype);
        let ids = ids.map_or_else(|| Tensor::full([rows], UNKNOWN, (&device, dtype)), ints);
        let labels = ints(labels);
        for (from, to) in pieces.into_iter().filter(|(_, to)| !to.is_empty()) {
            let rows = from..from + to.len();
            write(&mut self.embeddings, |old| {
                old.inner().slice_assign([to.clone(), 0..width], embeddings.clone().slice(rows.clone()))
            });
            write(&mut self.labels, |old| old.inner().slice_assign([to.clone()], labels.clone().slice(rows.clone())));
            write(&mut self.ids, |old| old.inner().slice_assign([to.clone()], ids.clone().slice(rows.clone())));
        }
        let place = [((next + rows) % capacity) as i64, (filled + kept).min(capacity) as i64];
        write(&mut self.place, |_| Tensor::from_data(place, (&device, dtype)));
        Ok(())
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        write(&mut self.place, |old| old.zeros_like());
    }

    /// All entries, in the order of their places: the oldest first until the ring comes round.
    pub fn entries(&self) -> BankEntries {
        let filled = 0..self.len();
        BankEntries {
            embeddings: self.embeddings.val().inner().slice(filled.clone()),
            labels: self.labels.val().inner().slice(filled.clone()),
            ids: self.ids.val().inner().slice(filled),
        }
    }

    /// The entries of other samples than those of a batch, by their ids. What a batch is compared with: each of its samples
    /// is there itself, newer than in the bank.
    ///
    /// # Shapes
    /// - `ids`: any number of ids; negative ones leave nothing out
    pub fn others(&self, ids: Tensor<1, Int>) -> BankEntries {
        let entries = self.entries();
        let batch = labels::read(ids).into_iter().filter(|&id| id >= 0).collect::<HashSet<i64>>();
        let of_entries = labels::read(entries.ids.clone());
        let others = (0..of_entries.len() as i64).filter(|&place| !batch.contains(&of_entries[place as usize]));
        let others = others.collect::<Vec<i64>>();
        if others.len() == of_entries.len() {
            return entries;
        }
        let others = Tensor::<1, Int>::from_data(others.as_slice(), &entries.labels.device());
        BankEntries {
            embeddings: entries.embeddings.select(0, others.clone()),
            labels: entries.labels.select(0, others.clone()),
            ids: entries.ids.select(0, others),
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.place()[1]
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the next entry takes the place of the oldest one.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// The place of the next entry.
    pub fn next_place(&self) -> usize {
        self.place()[0]
    }

    /// The most entries.
    pub fn capacity(&self) -> usize {
        self.embeddings.val().dims()[0]
    }

    /// The width of an embedding.
    pub fn width(&self) -> usize {
        self.embeddings.val().dims()[1]
    }

    fn place(&self) -> [usize; 2] {
        let place = labels::read(self.place.val());
        [place[0] as usize, place[1] as usize]
    }
}

/// Replaces a value that is no parameter, on the device that it has.
fn write<T: Parameter>(param: &mut Param<T>, change: impl FnOnce(T) -> T) {
    *param = Param::initialized(param.id, change(param.val()));
}

/// What is in a [`MemoryBank`]: without a tape, and only what was put in.
#[derive(Clone, Debug)]
pub struct BankEntries {
    /// `[m, width]`, in f32.
    pub embeddings: Tensor<2>,
    /// The label of each entry, shape `[m]`.
    pub labels: Tensor<1, Int>,
    /// The id of each entry, shape `[m]`; negative where it has none.
    pub ids: Tensor<1, Int>,
}
