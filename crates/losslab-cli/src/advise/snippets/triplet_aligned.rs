use burn::tensor::Tensor;
use losslab::{AlignedTripletLoss, AlignedTripletLossConfig};

const MARGIN: f64 = 0.2;

/// Once, before training. Embeddings are brought to length 1, so that the margin has a meaning.
pub fn new_loss() -> AlignedTripletLoss {
    AlignedTripletLossConfig::new().with_margin(MARGIN).with_normalize(true).init()
}

/// For each batch: embeddings of anchors, positives and negatives, each `[n, d]`, from one network.
pub fn step(loss: &AlignedTripletLoss, anchor: Tensor<2>, positive: Tensor<2>, negative: Tensor<2>) -> Tensor<1> {
    loss.forward(anchor, positive, negative)
}

/// On validation triplets: the share that still costs something; near 0 the triplets are too easy.
pub fn active(loss: &AlignedTripletLoss, anchor: Tensor<2>, positive: Tensor<2>, negative: Tensor<2>) -> f32 {
    let of_each = loss.forward_no_reduction(anchor, positive, negative);
    of_each.greater_elem(0.0).float().mean().into_scalar::<f32>()
}
