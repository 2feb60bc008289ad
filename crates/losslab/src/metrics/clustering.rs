//! Agreement of labels with clusters, and a k-means to get clusters from embeddings.

use super::error::MetricError;
use super::input::Embeddings;
use losslab_kernels::{Gallery, options::Similarity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The normalised mutual information of labels and clusters, `I / ((H(labels) + H(clusters)) / 2)`, in `[0, 1]`.
///
/// As scikit-learn's, with the arithmetic mean. It doesn't depend on the names of labels or clusters, and is symmetric. 1
/// where the two are the same partition, one label and one cluster among them; 0 where just one of the two has a single
/// class. It rises with the number of clusters by chance alone: compare different numbers with [`ami`].
///
/// # Errors
/// If they are empty, or differ in length.
///
/// ```
/// use losslab::metrics::{ami, nmi};
///
/// assert_eq!(nmi(&[1, 1, 2, 2], &[7, 7, -3, -3])?, 1.0);
/// assert!((nmi(&[0, 0, 1, 1], &[0, 0, 1, 2])? - 0.8).abs() < 1e-15); // ln 2 over (ln 2 + 1.5 ln 2) / 2
/// assert!(ami(&[0, 0, 1, 1], &[0, 1, 0, 1])? < 0.0); // less than by chance
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn nmi(labels: &[i64], clusters: &[i64]) -> Result<f64, MetricError> {
    let table = Table::try_new("nmi", labels, clusters)?;
    if table.same_partition() {
        return Ok(1.0);
    }
    // Not 0: else both had one class, and were the same.
    Ok((table.information() / table.mean_entropy()).clamp(0.0, 1.0))
}

/// The mutual information adjusted for chance, `(I − E[I]) / ((H(labels) + H(clusters)) / 2 − E[I])`, at most 1.
///
/// `E[I]` is the mean over all partitions of the same sizes (Vinh, Epps and Bailey 2010), computed exactly. As
/// scikit-learn's, with the arithmetic mean: 0 is what chance gives, less is worse than chance. 1 where the two are the
/// same partition, 0 where just one of them has a single class.
///
/// # Errors
/// If they are empty, or differ in length.
pub fn ami(labels: &[i64], clusters: &[i64]) -> Result<f64, MetricError> {
    let table = Table::try_new("ami", labels, clusters)?;
    if table.same_partition() {
        return Ok(1.0);
    }
    if table.labels.len() == 1 || table.clusters.len() == 1 {
        return Ok(0.0);
    }
    let expected = table.expected_information();
    Ok((table.information() - expected) / (table.mean_entropy() - expected))
}

/// How often each label comes with each cluster.
struct Table {
    n: f64,
    labels: BTreeMap<i64, u64>,
    clusters: BTreeMap<i64, u64>,
    both: BTreeMap<(i64, i64), u64>,
}

impl Table {
    fn try_new(metric: &'static str, labels: &[i64], clusters: &[i64]) -> Result<Self, MetricError> {
        MetricError::check_not_empty(metric, "labels", labels.len())?;
        MetricError::check_length(metric, "clusters", clusters.len(), labels.len(), "labels")?;
        let both = labels.iter().copied().zip(clusters.iter().copied());
        let n = labels.len() as f64;
        let (labels, clusters) = (counts(labels.iter().copied()), counts(clusters.iter().copied()));
        Ok(Self { n, labels, clusters, both: counts(both) })
    }

    fn same_partition(&self) -> bool {
        self.labels.len() == self.both.len() && self.clusters.len() == self.both.len()
    }

    fn information(&self) -> f64 {
        let term = |(&(label, cluster), &count): (&(i64, i64), &u64)| {
            let product = self.labels[&label] as f64 * self.clusters[&cluster] as f64;
            count as f64 / self.n * (self.n * count as f64 / product).ln()
        };
        self.both.iter().map(term).sum::<f64>().max(0.0)
    }

    fn mean_entropy(&self) -> f64 {
        let entropy = |counts: &BTreeMap<i64, u64>| {
            counts.values().map(|&count| count as f64 / self.n).map(|share| -share * share.ln()).sum::<f64>()
        };
        0.5 * (entropy(&self.labels) + entropy(&self.clusters))
    }

    /// The mean information over all partitions of these sizes: how many samples a label and a cluster share is
    /// hypergeometric. Sizes that occur more than once are computed once.
    fn expected_information(&self) -> f64 {
        let n = self.n as u64;
        let log_factorials = log_factorials(n);
        let log_factorial = |count: u64| log_factorials[count as usize];
        let mut sum = 0.0;
        for (&a, &labels) in &counts(self.labels.values().copied()) {
            for (&b, &clusters) in &counts(self.clusters.values().copied()) {
                let fixed = log_factorial(a) + log_factorial(b) + log_factorial(n - a) + log_factorial(n - b);
                let fixed = fixed - log_factorial(n);
                let mut information = 0.0;
                for both in (a + b).saturating_sub(n).max(1)..=a.min(b) {
                    let varying = log_factorial(both) + log_factorial(a - both) + log_factorial(b - both);
                    let probability = (fixed - varying - log_factorial(n + both - a - b)).exp();
                    let (count, product) = (both as f64, a as f64 * b as f64);
                    information += probability * (count / self.n) * (self.n * count / product).ln();
                }
                sum += labels as f64 * clusters as f64 * information;
            }
        }
        sum
    }
}

fn counts<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_insert(0) += 1);
    counts
}

/// `ln 0!, …, ln n!`, with the rounding errors of the sum carried along.
fn log_factorials(n: u64) -> Vec<f64> {
    let (mut sum, mut lost) = (0.0, 0.0);
    let mut next = |i: u64| {
        let term = (i.max(1) as f64).ln() - lost;
        let total: f64 = sum + term;
        lost = (total - sum) - term;
        sum = total;
        sum
    };
    (0..=n).map(&mut next).collect()
}

/// k-means by Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii 2007).
///
/// The result is reproducible for a seed, on any machine and number of threads. An empty cluster restarts at the row
/// that is farthest from its centre; clusters stay empty only where there are fewer distinct rows.
///
/// ```
/// use losslab::metrics::{Embeddings, KMeansConfig, nmi};
///
/// let embeddings = Embeddings::try_new(vec![0.0, 0.1, 5.0, 5.1, 9.0, 9.2], 1)?;
/// let found = KMeansConfig::new(3).fit(&embeddings)?;
/// assert_eq!(nmi(&[0, 0, 1, 1, 2, 2], &found.clusters)?, 1.0);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KMeansConfig {
    /// The number of clusters, from 1 to the number of rows.
    pub clusters: usize,
    /// The seed. Default: 0.
    pub seed: u64,
    /// The most iterations of each run. Default: 100.
    pub iterations: usize,
    /// How many runs, of which the one with the lowest inertia counts. Default: 4.
    pub runs: usize,
}

/// What [`KMeansConfig::fit`] found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KMeans {
    /// The cluster of each row, from 0; the lowest of equally near ones.
    pub clusters: Vec<i64>,
    /// The centres, `[clusters, d]` row by row.
    pub centers: Vec<f32>,
    /// The sum of the squared distances of the rows from their centres.
    pub inertia: f64,
    /// Whether the last iteration changed no row's cluster.
    pub converged: bool,
}

impl KMeansConfig {
    /// k-means with the defaults.
    pub fn new(clusters: usize) -> Self {
        Self { clusters, seed: 0, iterations: 100, runs: 4 }
    }

    /// Clusters rows by their Euclidean distance. For clusters by cosine give
    /// [`normalized`](Embeddings::normalized) rows.
    ///
    /// # Errors
    /// If there are no rows, the number of clusters isn't between 1 and that of rows, or there are no iterations or runs.
    pub fn fit(&self, embeddings: &Embeddings) -> Result<KMeans, MetricError> {
        const NAME: &str = "k-means";
        MetricError::check_not_empty(NAME, "embeddings", embeddings.len())?;
        if self.clusters == 0 || self.clusters > embeddings.len() {
            let allowed = format!("in [1, {}], the number of rows", embeddings.len());
            return Err(MetricError::parameter(NAME, "clusters", self.clusters, allowed));
        }
        for (parameter, value) in [("iterations", self.iterations), ("runs", self.runs)] {
            if value == 0 {
                return Err(MetricError::parameter(NAME, parameter, value, "at least 1"));
            }
        }
        let mut random = SplitMix(self.seed);
        let first = self.run(embeddings, &mut random);
        Ok((1..self.runs).fold(first, |best, _| {
            let other = self.run(embeddings, &mut random);
            if other.inertia < best.inertia { other } else { best }
        }))
    }

    fn run(&self, embeddings: &Embeddings, random: &mut SplitMix) -> KMeans {
        let mut centers = self.seeds(embeddings, random);
        let mut clusters: Vec<u32> = Vec::new();
        let (mut inertia, mut converged) = (0.0, false);
        for iteration in 0..=self.iterations {
            let gallery = Gallery::new(Similarity::Euclidean, &centers, embeddings.dim());
            let nearest = gallery.nearest(embeddings.values(), 1, None);
            inertia = nearest.values.iter().sum();
            converged = nearest.indices == clusters;
            clusters = nearest.indices;
            if converged || iteration == self.iterations {
                break;
            }
            self.move_centers(embeddings, &clusters, nearest.values, &mut centers);
        }
        let clusters = clusters.into_iter().map(i64::from).collect();
        KMeans { clusters, centers, inertia, converged }
    }

    /// The first is a row at random, each further one a row with a chance as its squared distance from the nearest.
    fn seeds(&self, embeddings: &Embeddings, random: &mut SplitMix) -> Vec<f32> {
        let first = (random.uniform() * embeddings.len() as f64) as usize;
        let mut centers = embeddings.row(first).to_vec();
        let mut distances = vec![f64::INFINITY; embeddings.len()];
        for _ in 1..self.clusters {
            let last = &centers[centers.len() - embeddings.dim()..];
            for (distance, row) in distances.iter_mut().zip(embeddings.rows()) {
                *distance = distance.min(squared_distance(row, last));
            }
            let mut left = random.uniform() * distances.iter().sum::<f64>();
            let chosen = distances.iter().position(|&distance| {
                left -= distance;
                left < 0.0
            });
            // Rounding may leave a little; where all rows are centres any will do.
            let farthest = || distances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |row| row.0);
            centers.extend_from_slice(embeddings.row(chosen.unwrap_or_else(farthest)));
        }
        centers
    }

    fn move_centers(&self, embeddings: &Embeddings, clusters: &[u32], mut distances: Vec<f64>, centers: &mut [f32]) {
        let dim = embeddings.dim();
        let (mut sums, mut sizes) = (vec![0.0f64; centers.len()], vec![0u64; self.clusters]);
        for (row, &cluster) in embeddings.rows().zip(clusters) {
            let cluster = cluster as usize;
            sizes[cluster] += 1;
            sums[cluster * dim..].iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        for (cluster, &size) in sizes.iter().enumerate() {
            let center = &mut centers[cluster * dim..(cluster + 1) * dim];
            if size > 0 {
                center.iter_mut().zip(&sums[cluster * dim..]).for_each(|(to, sum)| *to = (sum / size as f64) as f32);
                continue;
            }
            let farthest = distances.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |row| row.0);
            if distances[farthest] > 0.0 {
                center.copy_from_slice(embeddings.row(farthest));
                distances[farthest] = 0.0;
            }
        }
    }
}

fn squared_distance(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)) * (f64::from(x) - f64::from(y))).sum()
}

/// Steele, Lea and Flood 2014: a generator that stays the same, so that clusters do.
struct SplitMix(u64);

impl SplitMix {
    /// In `[0, 1)`.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }
}
