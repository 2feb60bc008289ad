//! Metrics of ranked lists: items that belong to queries, each with a score and a relevance.

use super::error::MetricError;
use losslab_kernels::Dcg;
use losslab_kernels::options::{Gain, Ties};
use serde::{Deserialize, Serialize};

/// The mean of a metric over queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryMean {
    /// The mean over the evaluated queries.
    pub mean: f64,
    /// The number of queries with a relevant item.
    pub evaluated: usize,
    /// The number of queries without: no ranking of theirs is better than another, so that they don't enter the mean.
    pub excluded: usize,
    /// The evaluated queries with their values, by ascending id.
    pub per_query: Vec<(i64, f64)>,
}

/// Items ranked for queries, checked and sorted once for all metrics.
///
/// A higher score ranks first. An item is relevant where its relevance is above 0. Queries without a relevant item are
/// excluded and counted. Query ids are any integers.
///
/// | method | of one query |
/// |---|---|
/// | [`ndcg`](Self::ndcg) | `DCG / DCG of the best order`, `DCG = Σ gain / log₂(rank + 1)` over the first k ranks |
/// | [`mean_average_precision`](Self::mean_average_precision) | the mean of precision@rank over the relevant items |
/// | [`mean_reciprocal_rank`](Self::mean_reciprocal_rank) | `1 / rank` of the first relevant item |
/// | [`expected_reciprocal_rank`](Self::expected_reciprocal_rank) | `Σ_r 1/r · R_r · Π_{i<r} (1 − R_i)`, `R = (2^grade − 1) / 2^max` |
///
/// # Example
///
/// ```
/// use losslab::metrics::{Gain, Rankings};
///
/// let scores = [0.9, 0.8, 0.7, 0.5, 0.4];
/// let relevance = [0.0, 2.0, 1.0, 0.0, 0.0];
/// let queries = [7, 7, 7, 8, 8];
/// let rankings = Rankings::try_new(&scores, &relevance, &queries)?;
/// let mrr = rankings.mean_reciprocal_rank(None)?;
/// assert_eq!((mrr.mean, mrr.evaluated, mrr.excluded), (0.5, 1, 1));
/// let ndcg = rankings.ndcg(Some(2), Gain::Exponential)?;
/// // 3 / log₂ 3 of the best 3 + 1 / log₂ 3.
/// assert!((ndcg.mean - 3.0 / (3.0 * 3f64.log2() + 1.0)).abs() < 1e-15);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rankings {
    /// By ascending id.
    queries: Vec<Query>,
    ties: Ties,
}

#[derive(Clone, Debug)]
struct Query {
    id: i64,
    /// Scores and relevance from the highest score; ties in the order of the rows.
    items: Vec<(f64, f64)>,
}

const NAME: &str = "rankings";

impl Rankings {
    /// Items with their scores, relevance and query ids, all `[n]`, in any order. Ties are averaged.
    ///
    /// # Errors
    /// If there is no item, the lengths differ, a score is NaN (infinite ones are fine: only the order counts), or a
    /// relevance isn't finite and at least 0.
    pub fn try_new(scores: &[f64], relevance: &[f64], queries: &[i64]) -> Result<Self, MetricError> {
        MetricError::check_not_empty(NAME, "scores", scores.len())?;
        MetricError::check_length(NAME, "relevance", relevance.len(), scores.len(), "scores")?;
        MetricError::check_length(NAME, "queries", queries.len(), scores.len(), "scores")?;
        if let Some(index) = scores.iter().position(|score| score.is_nan()) {
            return Err(MetricError::element(NAME, "scores", index, scores[index], "numbers"));
        }
        if let Some(index) = relevance.iter().position(|grade| !(grade.is_finite() && *grade >= 0.0)) {
            return Err(MetricError::element(NAME, "relevance", index, relevance[index], "finite and at least 0"));
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        // + 0.0 makes −0 a 0. The sort is stable, so that ties keep the order of the rows.
        let score = |row: usize| scores[row] + 0.0;
        order.sort_by(|&a, &b| queries[a].cmp(&queries[b]).then(score(b).total_cmp(&score(a))));
        let of_query = |rows: &[usize]| Query {
            id: queries[rows[0]],
            items: rows.iter().map(|&row| (score(row), relevance[row])).collect(),
        };
        let queries = order.chunk_by(|&a, &b| queries[a] == queries[b]).map(of_query).collect();
        Ok(Self { queries, ties: Ties::default() })
    }

    /// The same items with another rule for equal scores.
    pub fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }

    /// The number of queries, those without a relevant item among them.
    pub fn queries(&self) -> usize {
        self.queries.len()
    }

    /// Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) of the first `k` ranks, or of all: in `[0, 1]`.
    ///
    /// # Errors
    /// If `k` is 0, or no query has a relevant item.
    pub fn ndcg(&self, k: Option<usize>, gain: Gain) -> Result<QueryMean, MetricError> {
        let k = check_cutoff("ndcg", k)?;
        let dcg = Dcg { gain, ties: self.ties, k: Some(k) };
        self.mean("ndcg", |query| dcg.ndcg(&query.items))
    }

    /// Mean average precision (MAP) over all ranks; relevance counts as yes (above 0) or no. In `(0, 1]`.
    ///
    /// # Errors
    /// If no query has a relevant item.
    pub fn mean_average_precision(&self) -> Result<QueryMean, MetricError> {
        self.mean("map", |query| {
            let (mut sum, mut before) = (0.0, 0.0);
            for (rank, tied) in self.ties.groups(&query.items, usize::MAX) {
                let (relevant, n) = (relevant(tied), tied.len() as f64);
                // An item of the group is relevant with probability relevant / n; each of the i before it in the
                // group is then relevant with probability (relevant − 1) / (n − 1).
                let beside = if relevant > 1.0 { (relevant - 1.0) / (n - 1.0) } else { 0.0 };
                let precision = |i: usize| (before + i as f64 * beside + 1.0) / (rank + i + 1) as f64;
                sum += relevant / n * (0..tied.len()).map(precision).sum::<f64>();
                before += relevant;
            }
            sum / before
        })
    }

    /// Mean reciprocal rank (MRR) of the first relevant item; 0 for a query where it isn't within the first `k` ranks. In
    /// `[0, 1]`.
    ///
    /// # Errors
    /// If `k` is 0, or no query has a relevant item.
    pub fn mean_reciprocal_rank(&self, k: Option<usize>) -> Result<QueryMean, MetricError> {
        let k = check_cutoff("mrr", k)?;
        self.mean("mrr", |query| {
            let Some((rank, tied)) = self.ties.groups(&query.items, k).find(|(_, tied)| relevant(tied) > 0.0) else {
                return 0.0;
            };
            // In a random order, the first relevant one is at place i after i others, each drawn from what is left.
            let (mut sum, mut none_before, relevant) = (0.0, 1.0, relevant(tied));
            for i in 0..tied.len().min(k - rank) {
                let first = (relevant / (tied.len() - i) as f64).min(1.0);
                sum += none_before * first / (rank + i + 1) as f64;
                none_before *= 1.0 - first;
            }
            sum
        })
    }

    /// Expected reciprocal rank (ERR, Chapelle et al. 2009) of the first `k` ranks, or of all: a user goes down the list
    /// and stops at an item with probability `(2^grade − 1) / 2^max_grade`. In `[0, 1)`.
    ///
    /// `max_grade` is the highest grade of the scale; by default the highest grade that occurs in any query. Give it where
    /// results are compared across data sets.
    ///
    /// Time: with ties averaged, `O(n²)` for `n` items of one score.
    ///
    /// # Errors
    /// If `k` is 0, `max_grade` isn't finite or is below a grade, or no query has a relevant item.
    pub fn expected_reciprocal_rank(&self, k: Option<usize>, max_grade: Option<f64>) -> Result<QueryMean, MetricError> {
        const NAME: &str = "err";
        let k = check_cutoff(NAME, k)?;
        let highest = self.queries.iter().flat_map(|query| &query.items).map(|item| item.1).fold(0.0, f64::max);
        let max = max_grade.unwrap_or(highest);
        if !(max.is_finite() && max >= highest) {
            return Err(MetricError::parameter(NAME, "max_grade", max, format!("at least the grade {highest}")));
        }
        // 2^−max · (2^grade − 1) without overflow.
        let stop = |grade: f64| (grade - max).exp2() - (-max).exp2();
        self.mean(NAME, |query| {
            let (mut sum, mut reach) = (0.0, 1.0);
            // Where none is relevant, nobody stops.
            for (rank, tied) in self.ties.groups(&query.items, k).filter(|(_, tied)| relevant(tied) > 0.0) {
                let passing = mean_products(tied.iter().map(|item| 1.0 - stop(item.1)));
                for i in 0..tied.len().min(k - rank) {
                    sum += reach * (passing[i] - passing[i + 1]) / (rank + i + 1) as f64;
                }
                reach *= passing[tied.len()];
            }
            sum
        })
    }

    /// The mean of a value over the queries with a relevant item.
    fn mean(&self, metric: &'static str, value: impl Fn(&Query) -> f64) -> Result<QueryMean, MetricError> {
        let counting = self.queries.iter().filter(|query| relevant(&query.items) > 0.0);
        let per_query: Vec<(i64, f64)> = counting.map(|query| (query.id, value(query))).collect();
        let evaluated = per_query.len();
        if evaluated == 0 {
            return Err(MetricError::undefined(metric, "no query has a relevant item"));
        }
        let mean = per_query.iter().map(|(_, value)| value).sum::<f64>() / evaluated as f64;
        Ok(QueryMean { mean, evaluated, excluded: self.queries.len() - evaluated, per_query })
    }
}

/// The number of relevant items.
fn relevant(items: &[(f64, f64)]) -> f64 {
    items.iter().filter(|item| item.1 > 0.0).count() as f64
}

/// At `i`, the mean product of `i` of the values over all choices of `i` of them, for `i` in `0..=n`.
fn mean_products(values: impl ExactSizeIterator<Item = f64>) -> Vec<f64> {
    let mut means = vec![1.0];
    means.reserve_exact(values.len());
    for (before, value) in values.enumerate() {
        // Of the choices of i among n values, the share i / n holds the new one.
        let n = (before + 1) as f64;
        means.push(0.0);
        for i in (1..=before + 1).rev() {
            let share = i as f64 / n;
            means[i] = (1.0 - share) * means[i] + share * value * means[i - 1];
        }
    }
    means
}

fn check_cutoff(metric: &'static str, k: Option<usize>) -> Result<usize, MetricError> {
    match k {
        Some(0) => Err(MetricError::parameter(metric, "k", 0, "at least 1")),
        k => Ok(k.unwrap_or(usize::MAX)),
    }
}
