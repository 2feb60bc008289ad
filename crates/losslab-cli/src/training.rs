//! The training loop: Adam on shuffled batches.

use crate::{data::Table, models::mlp::Mlp, random};
use burn::{
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Tensor, TensorData},
};
use rand::seq::SliceRandom;

/// How long and how fast to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Passes over the training part.
    pub epochs: usize,
    /// Rows in a batch; the last batch of an epoch has what is left.
    pub batch: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Width of the hidden layer.
    pub hidden: usize,
}

/// What a finished epoch tells.
#[derive(Debug)]
pub struct Epoch<'a> {
    /// 1 for the first.
    pub number: usize,
    /// The network as it is after this epoch.
    pub network: &'a Mlp,
}

/// Trains a new network on `table` with `loss(logits, targets)`, both `[rows, 1]`, and calls `after_epoch` each time.
///
/// The seed decides the first weights and the order of the rows and nothing else does, so two losses with the same
/// seed start from the same network and see the same batches.
pub fn train(
    table: &Table,
    schedule: Schedule,
    seed: u64,
    loss: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>,
    mut after_epoch: impl FnMut(Epoch),
) -> Mlp {
    let device = Device::flex().autodiff();
    let mut network = Mlp::new(table.columns, schedule.hidden, &mut random::stream(seed, "weights"), &device);
    let mut optimizer = AdamConfig::new().init();
    let mut random = random::stream(seed, "batches");
    let mut order: Vec<usize> = (0..table.rows()).collect();
    for number in 1..=schedule.epochs {
        order.shuffle(&mut random);
        for rows in order.chunks(schedule.batch) {
            let (inputs, targets) = batch(table, rows, &device);
            let gradients = loss(network.forward(inputs), targets).backward();
            let gradients = GradientsParams::from_grads(gradients, &network);
            network = optimizer.step(schedule.learning_rate, network, gradients);
        }
        after_epoch(Epoch { number, network: &network });
    }
    network
}

fn batch(table: &Table, rows: &[usize], device: &Device) -> (Tensor<2>, Tensor<2>) {
    let inputs: Vec<f32> = rows.iter().flat_map(|row| table.row(*row)).copied().collect();
    let targets: Vec<f32> = rows.iter().map(|row| f32::from(u8::from(table.labels[*row]))).collect();
    (
        Tensor::from_data(TensorData::new(inputs, [rows.len(), table.columns]), device),
        Tensor::from_data(TensorData::new(targets, [rows.len(), 1]), device),
    )
}
