use burn::tensor::{Device, Int, Tensor};
use losslab::{ArcFaceLoss, ArcFaceLossConfig};

const CLASSES: usize = 1000;
const MARGIN: f64 = 0.5; // radians
const SCALE: f64 = 64.0;

/// Once, before training, for embeddings of `width` values. It holds a vector for each class: give it to the optimizer too.
pub fn new_loss(width: usize, device: &Device) -> ArcFaceLoss {
    ArcFaceLossConfig::new(CLASSES, width).with_margin(MARGIN).with_scale(SCALE).init(device)
}

/// For each batch: embeddings `[n, width]`, class indices `[n]`.
pub fn step(loss: &ArcFaceLoss, embeddings: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    loss.forward(embeddings, targets)
}

/// The class of each sample, for the classes that were trained; new ones are compared by the cosine of embeddings.
pub fn predict(loss: &ArcFaceLoss, embeddings: Tensor<2>) -> Tensor<1, Int> {
    loss.head.scores(embeddings).argmax(1).squeeze_dim(1)
}
