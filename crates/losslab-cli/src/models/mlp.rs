//! A network with one hidden layer and one output: the logit of two classes, or the score of an item.

use super::layers::linear;
use crate::{data::Table, random::Random};
use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor, TensorData, activation::relu},
};

/// Rows that are scored at a time: bounds memory, and the result doesn't depend on it.
const SCORED_AT_ONCE: usize = 1024;

/// `logit = output(relu(hidden(x)))`.
#[derive(Module, Debug)]
pub struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Mlp {
    /// A network with He's uniform initialisation, drawn from `random` and not from Burn's global generator.
    pub fn new(inputs: usize, hidden: usize, random: &mut Random, device: &Device) -> Self {
        Self { hidden: linear(inputs, hidden, random, device), output: linear(hidden, 1, random, device) }
    }

    /// Logits of the rare class.
    ///
    /// # Shapes
    /// - input: `[rows, columns]`
    /// - output: `[rows, 1]`
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(input)))
    }

    /// Logits of all rows of a table, without recording gradients.
    pub fn logits(&self, table: &Table) -> Vec<f32> {
        self.scores(&table.features, table.columns)
    }

    /// The output for rows of numbers, without recording gradients.
    pub fn scores(&self, features: &[f32], columns: usize) -> Vec<f32> {
        let network = self.valid();
        let device = network.output.weight.val().device();
        let blocks = features.chunks(SCORED_AT_ONCE * columns);
        let scored = blocks.map(|block| {
            let shape = [block.len() / columns, columns];
            let input = Tensor::from_data(TensorData::new(block.to_vec(), shape), &device);
            values(network.forward(input))
        });
        scored.flatten().collect()
    }
}

/// The numbers of a tensor.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("float tensors of the lab are f32")
}
