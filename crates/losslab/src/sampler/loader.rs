//! The sampler as a data loader of Burn.

use super::{NAME, PkSampler};
use crate::error::ConfigError;
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::Device;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The labels of a data set, read item by item.
///
/// # Errors
/// Where the data set returns one.
pub fn labels_of<I>(dataset: &impl Dataset<I>, label: impl Fn(&I) -> i64) -> Result<Vec<i64>, DatasetError> {
    (0..dataset.len()).map(|index| dataset.get(index).map(|item| label(&item))).collect()
}

/// A [`DataLoader`] of Burn whose batches are P classes × K samples.
///
/// Every pass over it is an epoch of its [`PkSampler`] with other batches; a new loader starts at epoch 0 again. Batches are
/// made in the thread that asks for them.
///
/// [`num_items`](DataLoader::num_items) counts the samples of an epoch. [`slice`](DataLoader::slice) cuts epochs, not
/// the data set: it keeps the batches whose first sample is at one of these positions of the epoch, so that the devices of
/// a data-parallel training get different batches of the same epoch, all of them whole.
///
/// # Example
///
/// ```
/// use burn::data::dataloader::{DataLoader, batcher::Batcher};
/// use burn::data::dataset::InMemDataset;
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::{PkDataLoader, PkSamplerConfig, labels_of};
///
/// struct Labels;
///
/// impl Batcher<(f32, i64), Tensor<1, Int>> for Labels {
///     fn batch(&self, items: Vec<(f32, i64)>, device: &Device) -> Tensor<1, Int> {
///         let labels = items.iter().map(|(_, label)| *label).collect::<Vec<i64>>();
///         Tensor::from_data(labels.as_slice(), device)
///     }
/// }
///
/// let dataset = InMemDataset::new((0..12).map(|i| (i as f32, i % 3)).collect());
/// let sampler = PkSamplerConfig::new(3, 2).init(&labels_of(&dataset, |item| item.1)?);
/// let loader = PkDataLoader::new(dataset, Labels, sampler, &Device::flex());
/// assert_eq!(loader.iter().count(), 2);
/// assert_eq!(loader.iter().next().unwrap()?.dims(), [6]);
/// # Ok::<(), burn::data::dataset::DatasetError>(())
/// ```
pub struct PkDataLoader<I, O> {
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<dyn Batcher<I, O>>,
    sampler: Arc<PkSampler>,
    /// The batches of an epoch that are this loader's.
    part: Range<usize>,
    device: Device,
    epoch: AtomicU64,
}

impl<I, O> PkDataLoader<I, O> {
    /// Creates the loader; the sampler must be one for the labels of this data set.
    ///
    /// # Errors
    /// If the number of labels isn't that of the items.
    pub fn try_new(
        dataset: impl Dataset<I> + 'static,
        batcher: impl Batcher<I, O> + 'static,
        sampler: PkSampler,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        if dataset.len() != sampler.labelled() {
            let allowed = format!("one for each of the {} items", dataset.len());
            return Err(ConfigError::new(NAME, "labels", allowed, format!("{} numbers", sampler.labelled())));
        }
        Ok(Self {
            dataset: Arc::new(dataset),
            batcher: Arc::new(batcher),
            part: 0..sampler.batches(),
            sampler: Arc::new(sampler),
            device: device.clone(),
            epoch: AtomicU64::new(0),
        })
    }

    /// Creates the loader; the sampler must be one for the labels of this data set.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) returns an error.
    pub fn new(
        dataset: impl Dataset<I> + 'static,
        batcher: impl Batcher<I, O> + 'static,
        sampler: PkSampler,
        device: &Device,
    ) -> Self {
        Self::try_new(dataset, batcher, sampler, device).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts at this epoch instead of the first, 0: training that goes on from a checkpoint then sees the batches that it
    /// would have seen.
    pub fn with_epoch(self, epoch: u64) -> Self {
        self.epoch.store(epoch, Relaxed);
        self
    }

    fn with(&self, part: Range<usize>, device: Device) -> Self {
        Self {
            dataset: self.dataset.clone(),
            batcher: self.batcher.clone(),
            sampler: self.sampler.clone(),
            part,
            device,
            epoch: AtomicU64::new(self.epoch.load(Relaxed)),
        }
    }
}

impl<I, O> DataLoader<O> for PkDataLoader<I, O>
where
    I: Send + Sync + 'static,
    O: Send + 'static,
{
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<O> + 'a> {
        let mut batches = self.sampler.epoch(self.epoch.fetch_add(1, Relaxed));
        batches.truncate(self.part.end);
        batches.drain(..self.part.start);
        Box::new(Batches { loader: self, total: batches.len(), batches: batches.into_iter() })
    }

    fn num_items(&self) -> usize {
        self.part.len() * self.sampler.batch_size()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<O>> {
        Arc::new(self.with(self.part.clone(), device.clone()))
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<O>> {
        let batch = |item: usize| (self.part.start + item.div_ceil(self.sampler.batch_size())).min(self.part.end);
        Arc::new(self.with(batch(start)..batch(end).max(batch(start)), self.device.clone()))
    }
}

/// The batches of one epoch.
struct Batches<'a, I, O> {
    loader: &'a PkDataLoader<I, O>,
    total: usize,
    batches: std::vec::IntoIter<Vec<usize>>,
}

impl<I, O> Iterator for Batches<'_, I, O> {
    type Item = Result<O, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let items = self.loader.dataset.get_many(self.batches.next()?);
        Some(items.map(|items| self.loader.batcher.batch(items, &self.loader.device)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.batches.size_hint()
    }
}

impl<I, O> DataLoaderIterator<O> for Batches<'_, I, O> {
    fn progress(&self) -> Progress {
        let size = self.loader.sampler.batch_size();
        Progress::new((self.total - self.batches.len()) * size, self.total * size, Some("items".into()))
    }
}
