//! Miners: they look at the distances of a labelled batch, without gradients, and choose triplets.

use super::{prepare, read_labels};
use crate::distance::{Distance, check_margin, pairwise};
use crate::error::{ConfigError, InputError};
use crate::fused::{BLOCK_VALUES, HostSlice};
use burn::config::Config;
use burn::tensor::{Device, Int, Tensor};
use losslab_kernels::distances;
use losslab_kernels::options::SemiHardFallback;
use std::cmp::Ordering;
use std::ops::Range;

const NAME: &str = "triplet-miner";

/// Configuration of [`TripletMiner`].
#[derive(Config, Debug)]
pub struct TripletMinerConfig {
    /// The margin that separates semi-hard from easy, at least 0 (and at most 2 for [`Distance::Cosine`]). Default: 0.2.
    #[config(default = 0.2)]
    pub margin: f64,
    /// The distance. Default: Euclidean.
    #[config(default = "Distance::Euclidean")]
    pub distance: Distance,
    /// Whether embeddings are brought to length 1 first. Default: false.
    #[config(default = false)]
    pub normalize: bool,
}

impl TripletMinerConfig {
    /// Creates the miner.
    ///
    /// # Errors
    /// If the margin isn't one that the distance can reach.
    pub fn try_init(&self) -> Result<TripletMiner, ConfigError> {
        check_margin(NAME, "margin", self.margin, self.distance, self.normalize, true)?;
        Ok(TripletMiner { margin: self.margin, distance: self.distance, normalize: self.normalize })
    }

    /// Creates the miner.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> TripletMiner {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Which rows are anchors, and which ones can be their positives and negatives.
#[derive(Clone, Debug)]
pub(crate) struct Roles {
    pub anchors: Range<usize>,
    pub others: Range<usize>,
}

impl Roles {
    /// All rows in all roles.
    pub fn of_batch(rows: usize) -> Self {
        Self { anchors: 0..rows, others: 0..rows }
    }

    /// The first rows are anchors, the ones behind them a bank.
    pub fn with_bank(rows: usize, bank: usize) -> Self {
        Self { anchors: 0..rows, others: rows..rows + bank }
    }
}

/// Chooses triplets of a labelled batch by their distances. An anchor is never its own positive.
///
/// ```text
/// hard        D(a, n) ≤ D(a, p)
/// semi-hard   D(a, p) < D(a, n) < D(a, p) + m
/// easy        D(a, n) ≥ D(a, p) + m             no loss with a hinge
/// ```
///
/// The distances are read to the host a block of rows at a time, on any device. A triplet with a NaN distance counts as
/// hard and is preferred by every choice, so that the loss shows it.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::{AlignedTripletLossConfig, TripletMinerConfig};
///
/// let device = Device::flex();
/// let embeddings = Tensor::<2>::from_data([[0.0], [0.3], [0.4], [2.0]], &device);
/// let labels = Tensor::<1, Int>::from_data([0, 0, 1, 2], &device);
/// let triplets = TripletMinerConfig::new().init().semi_hard(embeddings.clone(), labels);
/// assert_eq!(triplets.as_slice(), [[0, 1, 2]]); // 0.3 < 0.4 < 0.3 + 0.2
/// let [anchor, positive, negative] = triplets.select(embeddings);
/// let loss = AlignedTripletLossConfig::new().with_margin(0.2).init().forward(anchor, positive, negative);
/// assert!((loss.into_scalar::<f64>() - 0.1).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TripletMiner {
    margin: f64,
    distance: Distance,
    normalize: bool,
}

impl TripletMiner {
    /// Every valid triplet. Their number grows with the cube of the batch.
    ///
    /// # Panics
    /// If the shapes don't fit: `embeddings` is `[n, d]`, `labels` is `[n]`. So for all miners.
    pub fn all(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Triplets {
        self.filter(embeddings, labels, |_, _| true)
    }

    /// Every easy triplet.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn easy(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Triplets {
        self.filter(embeddings, labels, |near, far| far >= near + self.margin)
    }

    /// Every semi-hard triplet.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn semi_hard(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Triplets {
        self.filter(embeddings, labels, |near, far| far > near && far < near + self.margin)
    }

    /// Every hard triplet.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn hard(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Triplets {
        self.filter(embeddings, labels, |near, far| far <= near || near.is_nan() || far.is_nan())
    }

    /// For each anchor its farthest positive and its nearest negative (Hermans et al. 2017). Anchors without a positive
    /// or a negative are left out. Of equal distances the first counts.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn batch_hard(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Triplets {
        let labels = checked(&embeddings, labels);
        self.choose_batch_hard(prepare(embeddings, self.normalize), &labels, &Roles::of_batch(labels.len()))
    }

    /// For each (anchor, positive) the nearest negative that is farther from the anchor than the positive (Schroff et
    /// al. 2015); where there is none, what `fallback` says. Of equal distances the first counts.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn nearest_semi_hard(
        &self,
        embeddings: Tensor<2>,
        labels: Tensor<1, Int>,
        fallback: SemiHardFallback,
    ) -> Triplets {
        let labels = checked(&embeddings, labels);
        let roles = Roles::of_batch(labels.len());
        self.choose_semi_hard(prepare(embeddings, self.normalize), &labels, &roles, fallback)
    }

    /// Counts the triplets of each kind.
    ///
    /// # Panics
    /// If the shapes don't fit.
    pub fn statistics(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> TripletStatistics {
        let labels = checked(&embeddings, labels);
        self.count(prepare(embeddings, self.normalize), &labels)
    }

    pub(crate) fn count(&self, embeddings: Tensor<2>, labels: &[i64]) -> TripletStatistics {
        let mut statistics = TripletStatistics::default();
        let roles = Roles::of_batch(labels.len());
        self.for_each_anchor(embeddings, labels, &roles, |_, distances, positives, negatives| {
            // Sorted, NaN of either sign last: each positive finds its borders by binary search.
            let mut far = negatives.iter().map(|&n| distances[n]).collect::<Vec<f64>>();
            far.sort_by(|x, y| x.is_nan().cmp(&y.is_nan()).then(x.total_cmp(y)));
            let comparable = far.partition_point(|d| !d.is_nan());
            for &p in positives {
                let near = distances[p];
                let valid = far.len() as u64;
                let (hard, violating) = if near.is_nan() {
                    (valid, valid)
                } else {
                    let nan = (far.len() - comparable) as u64;
                    let hard = far[..comparable].partition_point(|&d| d <= near) as u64 + nan;
                    (hard, (far[..comparable].partition_point(|&d| d < near + self.margin) as u64 + nan).max(hard))
                };
                statistics.valid += valid;
                statistics.hard += hard;
                statistics.semi_hard += violating - hard;
                statistics.easy += valid - violating;
            }
        });
        statistics
    }

    pub(super) fn without_normalization(self) -> Self {
        Self { normalize: false, ..self }
    }

    pub(super) fn choose_batch_hard(&self, embeddings: Tensor<2>, labels: &[i64], roles: &Roles) -> Triplets {
        let mut triplets = Vec::new();
        self.for_each_anchor(embeddings, labels, roles, |a, distances, positives, negatives| {
            let farthest = farthest(positives, distances);
            let nearest = nearest(negatives, distances);
            triplets.extend(farthest.zip(nearest).map(|(p, n)| [a, p, n]));
        });
        Triplets(triplets)
    }

    pub(super) fn choose_semi_hard(
        &self,
        embeddings: Tensor<2>,
        labels: &[i64],
        roles: &Roles,
        fallback: SemiHardFallback,
    ) -> Triplets {
        let mut triplets = Vec::new();
        self.for_each_anchor(embeddings, labels, roles, |a, distances, positives, negatives| {
            // Nearest first, of equal ones the first; a NaN is nearer than all.
            let mut sorted = negatives.to_vec();
            sorted.sort_by(|&i, &j| {
                let (di, dj) = (distances[i], distances[j]);
                dj.is_nan().cmp(&di.is_nan()).then(di.partial_cmp(&dj).unwrap_or(Ordering::Equal))
            });
            for &p in positives {
                let farther = match sorted.first() {
                    Some(&n) if distances[n].is_nan() || distances[p].is_nan() => Some(n),
                    _ => sorted.get(sorted.partition_point(|&n| distances[n] <= distances[p])).copied(),
                };
                let chosen = farther.or_else(|| match fallback {
                    SemiHardFallback::Farthest => farthest(negatives, distances),
                    SemiHardFallback::Nearest => sorted.first().copied(),
                    SemiHardFallback::Skip => None,
                });
                triplets.extend(chosen.map(|n| [a, p, n]));
            }
        });
        Triplets(triplets)
    }

    fn filter(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>, keep: impl Fn(f64, f64) -> bool) -> Triplets {
        let labels = checked(&embeddings, labels);
        let mut triplets = Vec::new();
        let (roles, embeddings) = (Roles::of_batch(labels.len()), prepare(embeddings, self.normalize));
        self.for_each_anchor(embeddings, &labels, &roles, |a, distances, positives, negatives| {
            for &p in positives {
                let kept = negatives.iter().filter(|&&n| keep(distances[p], distances[n]));
                triplets.extend(kept.map(|&n| [a, p, n]));
            }
        });
        Triplets(triplets)
    }

    /// Calls `visit(anchor, distances to all rows, positives, negatives)` for each anchor in order.
    pub(crate) fn for_each_anchor(
        &self,
        embeddings: Tensor<2>,
        labels: &[i64],
        roles: &Roles,
        mut visit: impl FnMut(usize, &[f64], &[usize], &[usize]),
    ) {
        let embeddings = embeddings.inner();
        let [rows, dim] = embeddings.dims();
        let host = HostSlice::of(&embeddings);
        let per_row = if host.is_some() { rows } else { rows * dim };
        let step = (BLOCK_VALUES / per_row.max(1)).max(1);
        for start in roles.anchors.clone().step_by(step) {
            let block = start..(start + step).min(roles.anchors.end);
            let distances = match &host {
                Some(x) => distances(self.distance, x.as_slice(), dim, block.clone()),
                None => to_host(pairwise(self.distance, embeddings.clone().slice(block.clone()), embeddings.clone())),
            };
            for (a, distances) in block.zip(distances.chunks(rows)) {
                let (positives, negatives): (Vec<_>, Vec<_>) =
                    roles.others.clone().filter(|&j| j != a).partition(|&j| labels[j] == labels[a]);
                visit(a, distances, &positives, &negatives);
            }
        }
    }
}

fn to_host(distances: Tensor<2>) -> Vec<f64> {
    distances.into_data().convert::<f64>().try_into_vec().expect("converted to f64")
}

fn checked(embeddings: &Tensor<2>, labels: Tensor<1, Int>) -> Vec<i64> {
    read_labels(NAME, embeddings, labels).unwrap_or_else(|error: InputError| panic!("{error}"))
}

/// The first of the farthest; a NaN is farther than all.
fn farthest(candidates: &[usize], distances: &[f64]) -> Option<usize> {
    let farther = |best: usize, j: usize| distances[j] > distances[best] || outranks(distances[j], distances[best]);
    candidates.iter().copied().reduce(|best, j| if farther(best, j) { j } else { best })
}

/// The first of the nearest; a NaN is nearer than all.
pub(super) fn nearest(candidates: &[usize], distances: &[f64]) -> Option<usize> {
    let nearer = |best: usize, j: usize| distances[j] < distances[best] || outranks(distances[j], distances[best]);
    candidates.iter().copied().reduce(|best, j| if nearer(best, j) { j } else { best })
}

fn outranks(new: f64, best: f64) -> bool {
    new.is_nan() && !best.is_nan()
}

/// Triplets as positions in a batch, `[anchor, positive, negative]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triplets(Vec<[usize; 3]>);

impl Triplets {
    /// The number of triplets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Some of the triplets.
    pub(crate) fn part(&self, range: Range<usize>) -> Triplets {
        Triplets(self.0[range].to_vec())
    }

    /// The triplets, `[anchor, positive, negative]` each.
    pub fn as_slice(&self) -> &[[usize; 3]] {
        &self.0
    }

    /// The positions of the anchors, positives and negatives, shape `[len]` each.
    pub fn to_tensors(&self, device: &Device) -> [Tensor<1, Int>; 3] {
        [0, 1, 2].map(|part| {
            let positions = self.0.iter().map(|triplet| triplet[part] as i64).collect::<Vec<i64>>();
            Tensor::from_data(positions.as_slice(), device)
        })
    }

    /// The anchors, positives and negatives themselves, shape `[len, d]` each, on the tape of the embeddings.
    pub fn select(&self, embeddings: Tensor<2>) -> [Tensor<2>; 3] {
        let device = embeddings.device().inner();
        self.to_tensors(&device).map(|positions| embeddings.clone().select(0, positions))
    }
}

/// How many triplets of a batch are of which kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TripletStatistics {
    /// All valid triplets.
    pub valid: u64,
    /// Those whose negative is at least the margin farther than the positive.
    pub easy: u64,
    /// Those whose negative is farther than the positive, but by less than the margin.
    pub semi_hard: u64,
    /// Those whose negative is not farther than the positive.
    pub hard: u64,
}

impl TripletStatistics {
    /// The triplets that cost something with a hinge: semi-hard and hard ones.
    pub fn active(&self) -> u64 {
        self.semi_hard + self.hard
    }

    /// The share of active triplets in `[0, 1]`; 0 without any.
    pub fn active_share(&self) -> f64 {
        self.share(self.active())
    }

    /// The share of easy triplets in `[0, 1]`; 0 without any.
    pub fn easy_share(&self) -> f64 {
        self.share(self.easy)
    }

    /// The share of semi-hard triplets in `[0, 1]`; 0 without any.
    pub fn semi_hard_share(&self) -> f64 {
        self.share(self.semi_hard)
    }

    /// The share of hard triplets in `[0, 1]`; 0 without any.
    pub fn hard_share(&self) -> f64 {
        self.share(self.hard)
    }

    fn share(&self, count: u64) -> f64 {
        if self.valid == 0 { 0.0 } else { count as f64 / self.valid as f64 }
    }
}
