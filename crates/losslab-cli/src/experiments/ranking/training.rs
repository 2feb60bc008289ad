//! Training on batches of whole lists, and the choice of step size and epoch.

use super::{
    measures::{Found, choice, error_of_queries},
    methods::Method,
    settings::Settings,
};
use crate::{
    data::ranked::{Ranked, RankedSplit},
    lab::Job,
    models::mlp::Mlp,
    random::{self, Order},
};
use anyhow::{Result, bail};
use burn::{
    optim::AdamConfig,
    tensor::{Device, Tensor, TensorData},
};
use serde::{Deserialize, Serialize};

/// A method on the test part, with the step size and the epoch that were best on the validation part.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Tested {
    /// On the test part.
    pub found: Found,
    /// How much the test part leaves open in the NDCG@10.
    pub error_of_queries: f64,
    /// The step size; nothing where nothing is trained.
    pub lr: Option<f64>,
    /// The epoch, from 1.
    pub epoch: usize,
    /// The NDCG@10 on the validation part after each epoch, of the step size chosen.
    pub by_epoch: Vec<f64>,
    /// The best NDCG@10 on the validation part for each step size.
    pub by_lr: Vec<f64>,
}

/// What is noted down while a network is trained.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Notes {
    by_epoch: Vec<f64>,
    /// The best epoch on the validation part, and what it gives on the test part.
    epoch: usize,
    found: Found,
    error_of_queries: f64,
}

impl Notes {
    fn best(&self) -> f64 {
        self.by_epoch[self.epoch - 1]
    }
}

/// Trains with each step size; the validation part chooses among them and their epochs.
///
/// First weights and the order of the queries depend on the seed alone: all losses start from the same network and see
/// the same batches.
pub fn tested(method: Method, split: &RankedSplit, settings: &Settings, seed: u64, job: &Job) -> Result<Tested> {
    let mut all = Vec::new();
    for &lr in &settings.lr {
        all.push((lr, trained(method, split, settings, lr, seed, job)?));
    }
    let by_lr: Vec<f64> = all.iter().map(|(_, notes)| notes.best()).collect();
    let Some((lr, notes)) =
        all.into_iter().reduce(|best, next| if next.1.best() > best.1.best() { next } else { best })
    else {
        bail!("lr: a list is never empty");
    };
    let Notes { by_epoch, epoch, found, error_of_queries } = notes;
    Ok(Tested { found, error_of_queries, lr: Some(lr), epoch, by_epoch, by_lr })
}

fn trained(method: Method, split: &RankedSplit, settings: &Settings, lr: f64, seed: u64, job: &Job) -> Result<Notes> {
    let (device, cost) = (job.device(), method.cost(settings));
    let train = &split.train;
    let mut order = Order::new(train.lists.len(), seed);
    let trained = job.train(
        &format!("{}, lr {lr}", method.name()),
        settings.epochs,
        || {
            let random = &mut random::stream(seed, "weights");
            (Mlp::new(train.columns, settings.hidden, random, &device), AdamConfig::new().init(), Notes::default())
        },
        |fit, epoch| {
            for lists in order.of_epoch(epoch).chunks(settings.batch) {
                let batch = train.select(lists);
                let (items, relevance) = tensors(&batch, &device);
                let scores = fit.network().forward(items).reshape([-1]);
                fit.step(lr, cost(scores, relevance, &batch.lists));
            }
            let on_valid = choice(&scores(fit.network(), &split.valid), &split.valid)?;
            let notes = &mut fit.notes;
            notes.by_epoch.push(on_valid);
            if notes.epoch == 0 || on_valid > notes.best() {
                let on_test = scores(fit.network(), &split.test);
                let notes = &mut fit.notes;
                notes.epoch = epoch;
                notes.found = Found::new(&on_test, &split.test)?;
                notes.error_of_queries = error_of_queries(&on_test, &split.test)?;
            }
            Ok(())
        },
    )?;
    Ok(trained.notes)
}

/// Items `[n, columns]` and their relevance `[n]`.
fn tensors(part: &Ranked, device: &Device) -> (Tensor<2>, Tensor<1>) {
    let items = TensorData::new(part.features.clone(), [part.relevance.len(), part.columns]);
    let relevance: Vec<f32> = part.relevance.iter().map(|grade| *grade as f32).collect();
    (Tensor::from_data(items, device), Tensor::from_data(relevance.as_slice(), device))
}

/// The scores of all items.
fn scores(network: &Mlp, part: &Ranked) -> Vec<f64> {
    network.scores(&part.features, part.columns).into_iter().map(f64::from).collect()
}

/// Ranking by a single feature, up or down: the one that is best on the training part.
pub fn by_one_feature(split: &RankedSplit) -> Result<Tested> {
    let by = |part: &Ranked, feature: usize, sign: f64| -> Vec<f64> {
        part.features.iter().skip(feature).step_by(part.columns).map(|value| sign * f64::from(*value)).collect()
    };
    let mut best = (f64::NEG_INFINITY, 0, 1.0);
    for (feature, sign) in (0..split.train.columns).flat_map(|feature| [(feature, 1.0), (feature, -1.0)]) {
        let value = choice(&by(&split.train, feature, sign), &split.train)?;
        if value > best.0 {
            best = (value, feature, sign);
        }
    }
    by_scores(&by(&split.test, best.1, best.2), &split.test)
}

/// A ranking that nobody trained.
pub fn by_scores(scores: &[f64], test: &Ranked) -> Result<Tested> {
    let found = Found::new(scores, test)?;
    Ok(Tested { found, error_of_queries: error_of_queries(scores, test)?, ..Tested::default() })
}
