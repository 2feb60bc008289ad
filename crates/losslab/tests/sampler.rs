//! Batches of P classes × K samples: their make-up, how often each sample comes, and Burn's data loader over them.

use losslab::*;
use std::collections::{BTreeMap, BTreeSet};

/// Class `c` with `sizes[c]` samples, interleaved as in a shuffled data set.
fn labels(sizes: &[usize]) -> Vec<i64> {
    let mut labels = (0..sizes.len()).flat_map(|c| vec![100 - c as i64; sizes[c]]).collect::<Vec<i64>>();
    let n = labels.len();
    (0..n).for_each(|i| labels.swap(i, (i * 7919 + 13) % n));
    labels
}

fn counts(batches: &[Vec<usize>], samples: usize) -> Vec<usize> {
    let mut counts = vec![0; samples];
    batches.iter().flatten().for_each(|&index| counts[index] += 1);
    counts
}

fn check_batches(labels: &[i64], batches: &[Vec<usize>], classes: usize, samples: usize) {
    for batch in batches {
        let mut by_class = BTreeMap::<i64, Vec<usize>>::new();
        batch.iter().for_each(|&index| by_class.entry(labels[index]).or_default().push(index));
        assert_eq!(by_class.len(), classes);
        for (class, members) in by_class {
            assert_eq!(members.len(), samples);
            let different = members.iter().collect::<BTreeSet<_>>().len();
            let size = labels.iter().filter(|&&label| label == class).count();
            assert_eq!(different, samples.min(size), "a sample repeats in a batch only where its class is small");
        }
    }
}

#[test]
fn a_batch_has_p_classes_of_k_samples() {
    for sizes in [vec![8; 10], vec![3, 5, 17, 40, 2, 9, 1], vec![4, 4], vec![1; 6]] {
        let labels = labels(&sizes);
        for (classes, samples) in [(2, 4), (1, 1), (2, 3), (sizes.len(), 2)] {
            for balance in [PkBalance::Classes, PkBalance::Samples] {
                let sampler = PkSamplerConfig::new(classes, samples).with_balance(balance).init(&labels);
                let batches = sampler.epoch(3);
                assert_eq!(batches.len(), labels.len().div_ceil(classes * samples));
                check_batches(&labels, &batches, classes, samples);
            }
        }
    }
}

#[test]
fn an_epoch_shows_each_sample_of_equal_classes_once() {
    let labels = labels(&[12; 10]);
    for balance in [PkBalance::Classes, PkBalance::Samples] {
        let sampler = PkSamplerConfig::new(5, 4).with_balance(balance).init(&labels);
        for epoch in 0..5 {
            assert_eq!(counts(&sampler.epoch(epoch), 120), [1; 120]);
        }
    }
}

#[test]
fn every_sample_comes_about_equally_often() {
    // Sizes between 6 and 25, none a multiple of K: over 40 epochs, by samples.
    let sizes = [6, 7, 9, 11, 13, 14, 17, 19, 22, 25];
    let labels = labels(&sizes);
    let sampler = PkSamplerConfig::new(4, 3).with_balance(PkBalance::Samples).init(&labels);
    let batches = (0..40).flat_map(|epoch| sampler.epoch(epoch)).collect::<Vec<_>>();
    let counts = counts(&batches, labels.len());
    let mean = (batches.len() * 12) as f64 / labels.len() as f64;
    for count in &counts {
        assert!((*count as f64 / mean - 1.0).abs() < 0.2, "{count} of {mean}");
    }
}

#[test]
fn classes_come_equally_often_however_large() {
    let sizes = [4, 40, 400];
    let labels = labels(&sizes);
    let batches = PkSamplerConfig::new(2, 4).init(&labels).epoch(0);
    let mut by_class = BTreeMap::<i64, usize>::new();
    batches.iter().flatten().for_each(|&index| *by_class.entry(labels[index]).or_default() += 1);
    let (least, most) = (by_class.values().min().unwrap(), by_class.values().max().unwrap());
    assert!(most - least <= 4, "at most one group of K more: {by_class:?}");
    // Within a class the counts differ by one.
    let counts = counts(&batches, labels.len());
    for class in by_class.keys() {
        let of_class = (0..labels.len()).filter(|&i| labels[i] == *class).map(|i| counts[i]);
        let (least, most) = (of_class.clone().min().unwrap(), of_class.max().unwrap());
        assert!(most - least <= 1, "class {class}: {least} to {most}");
    }
}

#[test]
fn a_class_larger_than_its_share_comes_in_every_batch() {
    let labels = labels(&[1000, 10, 10, 10]);
    let batches = PkSamplerConfig::new(2, 5).with_balance(PkBalance::Samples).init(&labels).epoch(0);
    check_batches(&labels, &batches, 2, 5);
    assert!(batches.iter().all(|batch| batch.iter().any(|&index| labels[index] == 100)));
}

#[test]
fn epochs_follow_from_the_seed() {
    let labels = labels(&[10; 6]);
    let of = |seed, epoch| PkSamplerConfig::new(3, 2).with_seed(seed).init(&labels).epoch(epoch);
    assert_eq!(of(1, 0), of(1, 0));
    assert_ne!(of(1, 0), of(1, 1));
    assert_ne!(of(1, 1), of(2, 0));
    // Which classes meet in a batch changes too.
    let meetings = |epoch| {
        let classes = |batch: &Vec<usize>| batch.iter().map(|&i| labels[i]).collect::<BTreeSet<i64>>();
        of(1, epoch).iter().map(classes).collect::<BTreeSet<_>>()
    };
    assert_ne!(meetings(0), meetings(1));
}

#[test]
fn small_classes_are_repeated_or_skipped() {
    let labels = labels(&[2, 8, 8]);
    let config = PkSamplerConfig::new(2, 4);
    let repeat = config.init(&labels);
    assert_eq!(repeat.usable_classes(), 3);
    let small = (0..labels.len()).filter(|&i| labels[i] == 100).collect::<Vec<usize>>();
    let batches = repeat.epoch(0);
    let batch = batches.iter().find(|batch| batch.contains(&small[0])).expect("each class comes");
    assert!(small.iter().all(|index| batch.iter().filter(|other| *other == index).count() == 2), "{batch:?}");

    let skip = config.clone().with_small_classes(SmallClasses::Skip).init(&labels);
    assert_eq!((skip.usable_classes(), skip.batches()), (2, 2));
    assert!(skip.epoch(0).iter().flatten().all(|index| !small.contains(index)));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let labels = labels(&[2, 8, 8]);
    let error = |config: PkSamplerConfig| config.try_init(&labels).unwrap_err().to_string();
    assert_eq!(
        error(PkSamplerConfig::new(3, 4).with_small_classes(SmallClasses::Skip)),
        "pk-sampler: classes must be from 1 to 2 (the labels have 3 classes; 1 have fewer than 4 samples), but is 3"
    );
    assert_eq!(
        error(PkSamplerConfig::new(4, 4)),
        "pk-sampler: classes must be from 1 to 3 (the labels have 3 classes), but is 4"
    );
    assert!(error(PkSamplerConfig::new(0, 4)).contains("classes must be from 1 to 3"));
    assert_eq!(error(PkSamplerConfig::new(2, 0)), "pk-sampler: samples must be at least 1, but is 0");
    assert!(error(PkSamplerConfig::new(2, 2).with_batches(Some(0))).contains("batches must be at least 1"));
    assert!(PkSamplerConfig::new(1, 1).try_init(&[]).is_err());
    assert_eq!(PkSamplerConfig::new(2, 2).with_batches(Some(7)).init(&labels).epoch(0).len(), 7);
}

#[cfg(feature = "dataset")]
mod loader {
    use super::*;
    use burn::data::dataloader::DataLoader;
    use burn::data::dataloader::batcher::Batcher;
    use burn::data::dataloader::split::split_dataloader;
    use burn::data::dataset::{Dataset, DatasetError, InMemDataset};
    use burn::tensor::Device;
    use std::sync::Arc;

    type Item = (usize, i64);
    type Batch = (Vec<Item>, Device);
    type Loader = dyn DataLoader<Batch>;

    struct AsTheyAre;

    impl Batcher<Item, Batch> for AsTheyAre {
        fn batch(&self, items: Vec<Item>, device: &Device) -> Batch {
            (items, device.clone())
        }
    }

    fn dataset(labels: &[i64]) -> InMemDataset<Item> {
        InMemDataset::new(labels.iter().copied().enumerate().collect())
    }

    fn loader(labels: &[i64], config: &PkSamplerConfig) -> PkDataLoader<Item, Batch> {
        PkDataLoader::new(dataset(labels), AsTheyAre, config.init(labels), &Device::flex())
    }

    fn positions(loader: &Loader) -> Vec<Vec<usize>> {
        let batch = |batch: Result<Batch, DatasetError>| batch.unwrap().0;
        loader.iter().map(|items| batch(items).into_iter().map(|(index, _)| index).collect()).collect()
    }

    #[test]
    fn it_loads_the_batches_of_the_sampler_epoch_by_epoch() {
        let labels = labels(&[9; 5]);
        let config = PkSamplerConfig::new(2, 3).with_seed(4);
        let loader = loader(&labels, &config);
        let sampler = config.init(&labels);
        assert_eq!(labels_of(&dataset(&labels), |item| item.1).unwrap(), labels);
        assert_eq!(loader.num_items(), 48);
        for epoch in 0..3 {
            assert_eq!(positions(&loader), sampler.epoch(epoch));
        }
        // As after a checkpoint.
        let resumed = self::loader(&labels, &config).with_epoch(2);
        assert_eq!(positions(&resumed), sampler.epoch(2));
    }

    #[test]
    fn it_tells_its_progress() {
        let labels = labels(&[6; 4]);
        let loader = loader(&labels, &PkSamplerConfig::new(4, 2));
        let mut batches = loader.iter();
        let mut seen = vec![batches.progress().items_processed];
        while batches.next().is_some() {
            seen.push(batches.progress().items_processed);
        }
        assert_eq!(seen, [0, 8, 16, 24]);
        assert_eq!(batches.progress().items_total, 24);
        assert!(batches.progress().is_completed());
    }

    #[test]
    fn devices_get_whole_batches_of_one_epoch() {
        let labels = labels(&[8; 6]);
        let config = PkSamplerConfig::new(3, 2);
        let whole = config.init(&labels).epoch(0);
        assert_eq!(whole.len(), 8);
        for devices in [2, 3, 5] {
            let loader: Arc<Loader> = Arc::new(loader(&labels, &config));
            let parts = split_dataloader(loader, &vec![Device::flex(); devices]);
            let sizes = parts.iter().map(|part| part.num_items()).sum::<usize>();
            let together = parts.iter().flat_map(|part| positions(part.as_ref())).collect::<Vec<_>>();
            assert_eq!((sizes, &together), (48, &whole), "{devices} devices");
        }
        let loader = loader(&labels, &config);
        let slice = loader.slice(12, 30).slice(6, 18);
        assert_eq!(positions(slice.as_ref()), whole[3..5]);
        assert_eq!(loader.slice(40, 40).num_items(), 0);
    }

    #[test]
    fn it_moves_to_a_device_and_keeps_its_epoch() {
        let labels = labels(&[4; 4]);
        let config = PkSamplerConfig::new(2, 2);
        let loader = loader(&labels, &config);
        assert_eq!(positions(&loader), config.init(&labels).epoch(0));
        let device = Device::flex().autodiff();
        let moved = loader.to_device(&device);
        assert_eq!(moved.iter().next().unwrap().unwrap().1, device);
        assert_eq!(positions(moved.as_ref()), config.init(&labels).epoch(2));
    }

    #[test]
    fn errors_of_the_data_set_and_of_the_labels_are_told() {
        struct Broken;

        impl Dataset<Item> for Broken {
            fn get(&self, index: usize) -> Result<Item, DatasetError> {
                Err(DatasetError::new(std::io::Error::other(format!("no item {index}"))))
            }

            fn len(&self) -> usize {
                4
            }
        }

        let sampler = PkSamplerConfig::new(2, 2).init(&[0, 0, 1, 1]);
        let loader = PkDataLoader::new(Broken, AsTheyAre, sampler, &Device::flex());
        assert!(loader.iter().next().unwrap().is_err());
        assert!(labels_of(&Broken, |item| item.1).is_err());
        let sampler = PkSamplerConfig::new(1, 2).init(&[0, 0, 0]);
        let error = PkDataLoader::try_new(dataset(&[0, 0]), AsTheyAre, sampler, &Device::flex()).err().unwrap();
        assert_eq!(error.to_string(), "pk-sampler: labels must be one for each of the 2 items, but is 3 numbers");
    }
}
