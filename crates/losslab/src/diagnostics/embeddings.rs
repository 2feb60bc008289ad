//! Diagnostics of labelled embeddings.

use super::finding::{Diagnostics, Finding, FindingKind, Severity, percent, short};
use super::vectors::{VectorLengths, Vectors, judge_lengths, unfit};
use crate::distance::Distance;
use crate::embedding::{
    Roles, TripletLossConfig, TripletMiner, TripletMinerConfig, TripletStatistics, prepare, read_labels,
};
use crate::error::{ConfigError, InputError};
use burn::config::Config;
use burn::tensor::{Int, Tensor};
use std::collections::HashMap;

const NAME: &str = "diagnostics of embeddings";

/// What the loss does, and the thresholds of [`Diagnostics::of_embeddings`]. `From<&TripletLossConfig>` takes the first
/// part from a loss.
#[derive(Config, Debug)]
pub struct EmbeddingDiagnosticsConfig {
    /// The margin of the loss. Default: 0.2.
    #[config(default = 0.2)]
    pub margin: f64,
    /// The distance of the loss. Default: Euclidean.
    #[config(default = "Distance::Euclidean")]
    pub distance: Distance,
    /// Whether the loss brings embeddings to length 1 itself. Default: false.
    #[config(default = false)]
    pub normalize: bool,
    /// Whether the margin supposes embeddings of length 1. It never does for the cosine distance. Default: true.
    #[config(default = true)]
    pub unit_length: bool,
    /// Fewer valid triplets than this are too few. Default: 100, which 2 classes × 4 samples (96) don't reach and
    /// 4 × 4 (576) do.
    #[config(default = 100)]
    pub min_triplets: usize,
    /// At least this share of the samples must have both a positive and a negative in the batch. Default: 0.5.
    #[config(default = 0.5)]
    pub min_anchors: f64,
    /// At least this share of the anchors must have a triplet that costs something. Default: 0.05.
    #[config(default = 0.05)]
    pub min_active: f64,
    /// Embeddings whose spread is below this are collapsed, if the mean distance is below the margin and the loss sits near
    /// it too. Default: 0.05, a mean cosine of 0.9975.
    #[config(default = 0.05)]
    pub min_spread: f64,
    /// Embeddings whose mean distance is below this share of the margin are collapsed, if the loss sits near the margin
    /// too. With a margin of 0 (a soft margin) it is the distance itself. Default: 0.1.
    #[config(default = 0.1)]
    pub min_distance: f64,
    /// The batch-hard loss of collapsed embeddings is apart from the margin by at most this share of it. Default: 0.5.
    #[config(default = 0.5)]
    pub loss_tolerance: f64,
    /// The effective rank must be at least this share of the number of classes less one, or of the dimensions if they are
    /// fewer. Default: 0.25.
    #[config(default = 0.25)]
    pub min_rank: f64,
    /// How far from 1 a length may be. Default: 0.01.
    #[config(default = 0.01)]
    pub length_tolerance: f64,
}

impl From<&TripletLossConfig> for EmbeddingDiagnosticsConfig {
    fn from(loss: &TripletLossConfig) -> Self {
        Self::new().with_margin(loss.margin).with_distance(loss.distance).with_normalize(loss.normalize)
    }
}

/// The numbers of labelled embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingNumbers {
    /// The size of the batch.
    pub samples: usize,
    /// The classes in it.
    pub classes: usize,
    /// Samples with a positive and a negative in the batch.
    pub anchors: usize,
    /// All valid triplets by kind.
    pub triplets: TripletStatistics,
    /// Anchors with a triplet that costs something.
    pub active_anchors: usize,
    /// The mean over the anchors of `max(0, farthest positive − nearest negative + margin)`; 0 without an anchor. A
    /// collapsed batch has the margin here.
    pub batch_hard_loss: f64,
    /// The mean distance of all pairs; 0 without a pair.
    pub mean_distance: f64,
    /// The lengths, before the loss normalises.
    pub lengths: VectorLengths,
    /// The root mean square distance from the centre over the root mean square length: 0 for a single point, 1 around the
    /// origin.
    pub spread: f64,
    /// How many directions the embeddings take around their centre:
    /// [`effective_rank`](crate::metrics::effective_rank) of the centred rows, 0 for a single point.
    pub effective_rank: f64,
}

impl Diagnostics<EmbeddingNumbers> {
    /// Looks at labelled embeddings as a triplet or contrastive loss gets them.
    ///
    /// Findings: [`TooFewTriplets`](FindingKind::TooFewTriplets), [`AllTripletsEasy`](FindingKind::AllTripletsEasy),
    /// [`Collapsed`](FindingKind::Collapsed), [`LowRank`](FindingKind::LowRank),
    /// [`NotUnitLength`](FindingKind::NotUnitLength), [`ZeroVectors`](FindingKind::ZeroVectors). Collapse and rank are
    /// not judged in a batch of one class, whose embeddings may well be alike.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `labels`: `[n]`, any integers
    ///
    /// # Errors
    /// If the shapes don't fit, the batch is empty, a value isn't finite, or the margin isn't one that the distance can
    /// reach.
    pub fn of_embeddings(
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        config: &EmbeddingDiagnosticsConfig,
    ) -> Result<Self, InputError> {
        let miner = miner(config)?;
        let labels = read_labels(NAME, &embeddings, labels)?;
        let embeddings = embeddings.inner();
        let lengths = Vectors::read(NAME, "embeddings", &embeddings)?.lengths();
        let prepared = prepare(embeddings, config.normalize);
        let numbers = measure(&prepared, &labels, lengths, &miner, config.margin);
        let findings = [
            too_few_triplets(&numbers, config),
            all_easy(&numbers, config),
            collapsed(&numbers, config).or_else(|| low_rank(&numbers, prepared.dims()[1], config)),
            judge_lengths(
                "embeddings",
                lengths,
                config.normalize || config.distance == Distance::Cosine || !config.unit_length,
                config.length_tolerance,
                &format!("a margin of {}", short(config.margin)),
            ),
        ];
        Ok(Self::new(numbers, findings.into_iter().flatten().collect()))
    }
}

/// A miner for embeddings that are of length 1 already where the loss normalises.
fn miner(config: &EmbeddingDiagnosticsConfig) -> Result<TripletMiner, InputError> {
    let miner = TripletMinerConfig::new().with_margin(config.margin).with_distance(config.distance);
    let checked = |miner: TripletMinerConfig| miner.try_init().map_err(|error: ConfigError| unfit(NAME, error));
    checked(miner.clone().with_normalize(config.normalize))?;
    checked(miner)
}

fn measure(
    embeddings: &Tensor<2>,
    labels: &[i64],
    lengths: VectorLengths,
    miner: &TripletMiner,
    margin: f64,
) -> EmbeddingNumbers {
    let vectors = Vectors::read(NAME, "embeddings", embeddings).expect("checked before");
    let mut sizes = HashMap::new();
    labels.iter().for_each(|label| *sizes.entry(label).or_insert(0usize) += 1);

    let (mut total, mut loss, mut anchors, mut active) = (0.0, 0.0, 0, 0);
    let roles = Roles::of_batch(labels.len());
    miner.for_each_anchor(embeddings.clone(), labels, &roles, |_, distances, positives, negatives| {
        total += positives.iter().chain(negatives).map(|&j| distances[j]).sum::<f64>();
        let farthest = positives.iter().map(|&p| distances[p]).reduce(f64::max);
        let nearest = negatives.iter().map(|&n| distances[n]).reduce(f64::min);
        if let Some((farthest, nearest)) = farthest.zip(nearest) {
            let term = (farthest - nearest + margin).max(0.0);
            anchors += 1;
            active += usize::from(term > 0.0);
            loss += term;
        }
    });
    let samples = labels.len();
    EmbeddingNumbers {
        samples,
        classes: sizes.len(),
        anchors,
        triplets: miner.count(embeddings.clone(), labels),
        active_anchors: active,
        batch_hard_loss: loss / anchors.max(1) as f64,
        mean_distance: total / (samples * (samples - 1)).max(1) as f64,
        lengths,
        spread: vectors.spread(),
        effective_rank: vectors.effective_rank(),
    }
}

fn too_few_triplets(numbers: &EmbeddingNumbers, config: &EmbeddingDiagnosticsConfig) -> Option<Finding> {
    let EmbeddingNumbers { samples, classes, anchors, triplets, .. } = *numbers;
    let found =
        |severity, message, advice| Some(Finding { kind: FindingKind::TooFewTriplets, severity, message, advice });
    let sampler = "Draw batches of P classes × K samples with `PkSampler`, for example 8 × 4.";
    if triplets.valid == 0 {
        let message =
            format!("there is no valid triplet among {samples} samples of {classes} classes, so the loss is 0");
        return found(Severity::Error, message, sampler);
    }
    if (anchors as f64) < config.min_anchors * samples as f64 {
        let message = format!(
            "only {anchors} of {samples} samples have both a positive and a negative in the batch ({classes} classes, {} \
             triplets)",
            triplets.valid
        );
        return found(Severity::Warning, message, sampler);
    }
    if triplets.valid < config.min_triplets as u64 {
        let message = format!("a batch of {samples} samples of {classes} classes has only {} triplets", triplets.valid);
        return found(Severity::Warning, message, "Make the batch larger: 32 samples as 8 classes × 4 have 2,688.");
    }
    None
}

fn all_easy(numbers: &EmbeddingNumbers, config: &EmbeddingDiagnosticsConfig) -> Option<Finding> {
    let EmbeddingNumbers { anchors, active_anchors, triplets, .. } = *numbers;
    (anchors > 0 && (active_anchors as f64) < config.min_active * anchors as f64).then(|| Finding {
        kind: FindingKind::AllTripletsEasy,
        severity: Severity::Warning,
        message: format!(
            "{} of {} triplets are easy: {active_anchors} of {anchors} anchors have a negative within the margin of {}, so \
             there is hardly a gradient",
            percent(triplets.easy_share()),
            triplets.valid,
            short(config.margin)
        ),
        advice: "If validation is good, training is done. If not, mine batch-hard, raise the margin, or put more and more \
                 similar classes into a batch.",
    })
}

fn collapsed(numbers: &EmbeddingNumbers, config: &EmbeddingDiagnosticsConfig) -> Option<Finding> {
    let EmbeddingNumbers { samples, classes, anchors, spread, mean_distance, batch_hard_loss, .. } = *numbers;
    let margin = config.margin;
    // A soft margin of 0 compares distances with 1.
    let near = mean_distance < config.min_distance * if margin > 0.0 { margin } else { 1.0 };
    // The spread is relative to the length, so that a common offset makes it small: distances must be small and undecided
    // next to the margin too.
    let narrow = spread < config.min_spread && mean_distance < margin;
    let judged_by_loss = anchors > 0 && margin > 0.0;
    let undecided =
        if judged_by_loss { (batch_hard_loss - margin).abs() <= config.loss_tolerance * margin } else { near };
    let loss = if judged_by_loss {
        format!(", and the batch-hard loss of {} sits near the margin of {}", short(batch_hard_loss), short(margin))
    } else {
        String::new()
    };
    (classes > 1 && undecided && (near || narrow)).then(|| Finding {
        kind: FindingKind::Collapsed,
        severity: Severity::Error,
        message: format!(
            "the embeddings of all {samples} samples are nearly the same: their mean distance is {} and their spread {} \
             (0 is a point, 1 lies around the origin){loss}",
            short(mean_distance),
            short(spread)
        ),
        advice: "Start with semi-hard or batch-all mining in place of batch-hard, lower the learning rate, normalise \
                 embeddings, and look for dead units.",
    })
}

fn low_rank(numbers: &EmbeddingNumbers, dim: usize, config: &EmbeddingDiagnosticsConfig) -> Option<Finding> {
    let EmbeddingNumbers { classes, effective_rank, .. } = *numbers;
    // Trained embeddings lie around one point for each class, which span one dimension less.
    let needed = (classes - 1).min(dim);
    (effective_rank < config.min_rank * needed as f64).then(|| Finding {
        kind: FindingKind::LowRank,
        severity: Severity::Warning,
        message: format!(
            "the embeddings use {} of {dim} dimensions (effective rank), where {classes} classes can use {needed}",
            short(effective_rank)
        ),
        advice: "Lower the learning rate or the weight decay, and use more classes in a batch; a smaller dimension may do.",
    })
}
