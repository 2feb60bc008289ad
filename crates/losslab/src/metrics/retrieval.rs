//! Metrics of retrieval from embeddings: are the nearest neighbours of a query of its label?

use super::error::MetricError;
use super::input::Embeddings;
use losslab_kernels::{Dcg, Gallery};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub use losslab_kernels::options::Similarity;

const NAME: &str = "retrieval";

/// The most neighbours that are held at once, 12 bytes each, unless one query alone needs more.
const NEIGHBOURS: usize = 1 << 20;

/// The most queries, and values of queries, that are searched at once.
const QUERIES: usize = 1 << 14;
const QUERY_VALUES: usize = 1 << 22;

/// What is measured. The search reaches as deep as what is asked for needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrievalConfig {
    /// By what neighbours are ranked. Default: cosine.
    pub similarity: Similarity,
    /// The K of Recall@K, Precision@K and NDCG@K, each at least 1. Default: 1.
    pub cutoffs: Vec<usize>,
    /// Whether MAP@R and R-precision are computed, which need as many neighbours as the label has items. Default: yes.
    pub at_r: bool,
    /// Whether MRR is computed. Where no relevant item is among the neighbours, it takes a second pass over the gallery.
    /// Default: yes.
    pub mrr: bool,
}

impl Default for RetrievalConfig {
    fn default() -> Self {
        Self { similarity: Similarity::default(), cutoffs: vec![1], at_r: true, mrr: true }
    }
}

/// Retrieval from embeddings, measured over all queries.
///
/// The items of a query's label are relevant; `R` is their number. The gallery is ranked from the nearest item, exactly
/// and with equally near items in the order of their index: with ties the result depends on that order. A query without
/// a relevant item is excluded and counted. Labels are integers of any size.
///
/// | method | mean over the evaluated queries of |
/// |---|---|
/// | [`recall_at_k`](Self::recall_at_k) | 1 if one of the first K items is relevant, else 0 |
/// | [`precision_at_k`](Self::precision_at_k) | the relevant ones of the first K items, over K |
/// | [`ndcg_at_k`](Self::ndcg_at_k) | `Σ 1/log₂(rank + 1)` over the relevant ones of the first K, over that of the best order |
/// | [`map_at_r`](Self::map_at_r) | `1/R · Σ precision@rank` over the relevant ones of the first R (Musgrave et al. 2020) |
/// | [`r_precision`](Self::r_precision) | the relevant ones of the first R items, over R |
/// | [`mrr`](Self::mrr) | `1 / rank` of the first relevant item, at whatever rank |
///
/// All are in `[0, 1]`. Where the gallery has fewer than K items the missing ones aren't relevant, and the best order
/// has R items at most. Collapsed embeddings tie throughout: their Recall@1 is the share of the label of item 0.
///
/// # Memory and time
/// One blocked search with a matrix product, `2·n·m·d` operations, and no matrix of all queries by the gallery. Queries
/// are searched in blocks of at most 2²⁰ neighbours (12 MiB), or one query's where R or K is more; the gallery is copied
/// once. MAP@R of a label with R items needs R neighbours for each, which are sorted: leave it out
/// ([`RetrievalConfig::at_r`]) where classes are large and only Recall@K matters.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Embeddings, Retrieval, RetrievalConfig};
///
/// let embeddings = Embeddings::try_new(vec![1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.8, 0.3, 0.1, 0.9], 2)?;
/// let labels = [7, 7, 8, 8, 9];
/// let retrieval = Retrieval::leave_one_out(&embeddings, &labels, &RetrievalConfig::default())?;
/// // Items 0 and 1 find each other; 2 finds 4 first, 3 finds 1 first, and 4 is the only one of its label.
/// assert_eq!(retrieval.recall_at_k(1)?, 0.5);
/// assert_eq!((retrieval.evaluated(), retrieval.excluded()), (4, 1));
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
///
/// # Reference
/// Musgrave, Belongie and Lim, *A Metric Learning Reality Check*, ECCV 2020.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    evaluated: usize,
    excluded: usize,
    at_k: Vec<AtK>,
    at_r: Option<AtR>,
    mrr: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct AtK {
    k: usize,
    recall: f64,
    precision: f64,
    ndcg: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct AtR {
    map: f64,
    precision: f64,
}

impl Retrieval {
    /// Each row is a query among all other rows. A row never finds itself, but a duplicate of it.
    ///
    /// # Errors
    /// If there are no rows, labels of another number, a K of 0, or no two rows of one label.
    pub fn leave_one_out(
        embeddings: &Embeddings,
        labels: &[i64],
        config: &RetrievalConfig,
    ) -> Result<Self, MetricError> {
        check(embeddings, labels, ["embeddings", "labels"])?;
        Search { queries: embeddings, labels, gallery: embeddings, gallery_labels: labels, leave_out: true }.run(config)
    }

    /// Each row of `queries` is searched in a gallery of other items.
    ///
    /// # Errors
    /// If queries or gallery are empty, differ in width or have labels of another number, if a K is 0, or no query has an
    /// item of its label in the gallery.
    pub fn with_gallery(
        queries: &Embeddings,
        labels: &[i64],
        gallery: &Embeddings,
        gallery_labels: &[i64],
        config: &RetrievalConfig,
    ) -> Result<Self, MetricError> {
        check(queries, labels, ["embeddings", "labels"])?;
        check(gallery, gallery_labels, ["gallery", "gallery_labels"])?;
        if gallery.dim() != queries.dim() {
            let expected = format!("rows of {} values like embeddings", queries.dim());
            return Err(MetricError::Length { metric: NAME, input: "gallery", expected, found: gallery.dim() });
        }
        Search { queries, labels, gallery, gallery_labels, leave_out: false }.run(config)
    }

    /// The number of queries with a relevant item.
    pub fn evaluated(&self) -> usize {
        self.evaluated
    }

    /// The number of queries without one, which enter no metric.
    pub fn excluded(&self) -> usize {
        self.excluded
    }

    /// The share of queries with a relevant item among the K nearest.
    ///
    /// # Errors
    /// If K isn't one of [`RetrievalConfig::cutoffs`].
    pub fn recall_at_k(&self, k: usize) -> Result<f64, MetricError> {
        Ok(self.at_k(k)?.recall)
    }

    /// The mean share of relevant items among the K nearest.
    ///
    /// # Errors
    /// If K isn't one of [`RetrievalConfig::cutoffs`].
    pub fn precision_at_k(&self, k: usize) -> Result<f64, MetricError> {
        Ok(self.at_k(k)?.precision)
    }

    /// The mean normalised discounted gain of the K nearest.
    ///
    /// # Errors
    /// If K isn't one of [`RetrievalConfig::cutoffs`].
    pub fn ndcg_at_k(&self, k: usize) -> Result<f64, MetricError> {
        Ok(self.at_k(k)?.ndcg)
    }

    /// The mean average precision at R.
    ///
    /// # Errors
    /// If [`RetrievalConfig::at_r`] was off.
    pub fn map_at_r(&self) -> Result<f64, MetricError> {
        Ok(self.at_r.ok_or_else(|| not_asked_for("at_r"))?.map)
    }

    /// The mean precision at R.
    ///
    /// # Errors
    /// If [`RetrievalConfig::at_r`] was off.
    pub fn r_precision(&self) -> Result<f64, MetricError> {
        Ok(self.at_r.ok_or_else(|| not_asked_for("at_r"))?.precision)
    }

    /// The mean reciprocal rank of the first relevant item.
    ///
    /// # Errors
    /// If [`RetrievalConfig::mrr`] was off.
    pub fn mrr(&self) -> Result<f64, MetricError> {
        self.mrr.ok_or_else(|| not_asked_for("mrr"))
    }

    fn at_k(&self, k: usize) -> Result<AtK, MetricError> {
        let allowed = || format!("one of the cutoffs {:?}", self.at_k.iter().map(|at| at.k).collect::<Vec<usize>>());
        self.at_k.iter().find(|at| at.k == k).copied().ok_or_else(|| MetricError::parameter(NAME, "k", k, allowed()))
    }

    /// Adds what one query has, where `hits` says which of its neighbours are relevant.
    fn add(&mut self, hits: &[bool], relevant: usize) {
        let discount = |rank: usize| Dcg::default().discount(rank);
        for at in &mut self.at_k {
            let nearest = &hits[..at.k.min(hits.len())];
            let found = nearest.iter().filter(|&&hit| hit).count();
            at.recall += f64::from(u8::from(found > 0));
            at.precision += found as f64 / at.k as f64;
            let gain: f64 = nearest.iter().enumerate().filter(|(_, hit)| **hit).map(|(rank, _)| discount(rank)).sum();
            at.ndcg += gain / (0..at.k.min(relevant)).map(discount).sum::<f64>();
        }
        if let Some(at) = &mut self.at_r {
            let (mut found, mut sum) = (0, 0.0);
            for (rank, _) in hits[..relevant].iter().enumerate().filter(|(_, hit)| **hit) {
                found += 1;
                sum += f64::from(found) / (rank + 1) as f64;
            }
            at.map += sum / relevant as f64;
            at.precision += f64::from(found) / relevant as f64;
        }
    }

    /// Turns sums into means.
    fn divide(mut self) -> Self {
        let n = self.evaluated as f64;
        for at in &mut self.at_k {
            [&mut at.recall, &mut at.precision, &mut at.ndcg].into_iter().for_each(|sum| *sum /= n);
        }
        if let Some(at) = &mut self.at_r {
            [&mut at.map, &mut at.precision].into_iter().for_each(|sum| *sum /= n);
        }
        self.mrr = self.mrr.map(|sum| sum / n);
        self
    }
}

fn not_asked_for(parameter: &'static str) -> MetricError {
    MetricError::parameter(NAME, parameter, false, "on in the configuration")
}

fn check(rows: &Embeddings, labels: &[i64], [input, labels_input]: [&'static str; 2]) -> Result<(), MetricError> {
    MetricError::check_not_empty(NAME, input, rows.len())?;
    MetricError::check_length(NAME, labels_input, labels.len(), rows.len(), input)
}

struct Search<'a> {
    queries: &'a Embeddings,
    labels: &'a [i64],
    gallery: &'a Embeddings,
    gallery_labels: &'a [i64],
    /// Whether query `i` is item `i` of the gallery, which it must not find.
    leave_out: bool,
}

impl Search<'_> {
    fn run(&self, config: &RetrievalConfig) -> Result<Retrieval, MetricError> {
        if config.cutoffs.contains(&0) {
            return Err(MetricError::parameter(NAME, "k", 0, "at least 1"));
        }
        let mut members: HashMap<i64, Vec<usize>> = HashMap::new();
        self.gallery_labels.iter().enumerate().for_each(|(i, label)| members.entry(*label).or_default().push(i));
        let relevant = |query: usize| {
            members.get(&self.labels[query]).map_or(0, |members| members.len() - usize::from(self.leave_out))
        };
        let mut queries: Vec<usize> = (0..self.labels.len()).filter(|&query| relevant(query) > 0).collect();
        if queries.is_empty() {
            return Err(MetricError::undefined(NAME, "no query has an item of its label in the gallery"));
        }
        // Queries of like depth share a block; those of one label stand together.
        queries.sort_by_key(|&query| (relevant(query), self.labels[query]));

        let at_k = config.cutoffs.iter().map(|&k| AtK { k, recall: 0.0, precision: 0.0, ndcg: 0.0 }).collect();
        let mut result = Retrieval {
            evaluated: queries.len(),
            excluded: self.labels.len() - queries.len(),
            at_k,
            at_r: config.at_r.then(AtR::default),
            mrr: config.mrr.then_some(0.0),
        };
        let deepest = config.cutoffs.iter().copied().max().unwrap_or(0).max(usize::from(config.mrr));
        let deepest = deepest.min(self.gallery.len());
        let depth = |query: usize| deepest.max(if config.at_r { relevant(query) } else { 0 });
        let gallery = Gallery::new(config.similarity, self.gallery.values(), self.gallery.dim());
        let mut rest = queries.as_slice();
        while !rest.is_empty() {
            let most = QUERIES.min(QUERY_VALUES / self.queries.dim()).min(rest.len());
            let size = (1..=most).take_while(|&size| size * depth(rest[size - 1]) <= NEIGHBOURS).last().unwrap_or(1);
            let (block, after) = rest.split_at(size);
            rest = after;

            let (rows, left_out) = (gather(self.queries, block), self.leave_out.then_some(block));
            let found = gallery.nearest(&rows, depth(block[size - 1]), left_out);
            let mut beyond = Vec::new();
            for (at, &query) in block.iter().enumerate() {
                let same = |&item: &u32| self.gallery_labels[item as usize] == self.labels[query];
                let hits: Vec<bool> = found.of(at).iter().map(same).collect();
                result.add(&hits, relevant(query));
                match (&mut result.mrr, hits.iter().position(|&hit| hit)) {
                    (Some(sum), Some(rank)) => *sum += 1.0 / (rank + 1) as f64,
                    (Some(_), None) => beyond.push(query),
                    (None, _) => {}
                }
            }
            if let Some(sum) = &mut result.mrr {
                *sum += self.reciprocal_ranks(config.similarity, &gallery, &members, &beyond);
            }
        }
        Ok(result.divide())
    }

    /// The sum of the reciprocal ranks of queries with no relevant item among their neighbours: the nearest relevant
    /// item of each is found among those of its label, and then counted what comes before it.
    fn reciprocal_ranks(
        &self,
        similarity: Similarity,
        gallery: &Gallery<'_>,
        members: &HashMap<i64, Vec<usize>>,
        queries: &[usize],
    ) -> f64 {
        let mut targets = Vec::with_capacity(queries.len());
        for queries in queries.chunk_by(|&a, &b| self.labels[a] == self.labels[b]) {
            let members = &members[&self.labels[queries[0]]];
            let rows = gather(self.gallery, members);
            let own = |query: &usize| members.binary_search(query).expect("a query among the items of its label");
            let left_out = self.leave_out.then(|| queries.iter().map(own).collect::<Vec<usize>>());
            let relevant = Gallery::new(similarity, &rows, self.gallery.dim());
            let found = relevant.nearest(&gather(self.queries, queries), 1, left_out.as_deref());
            targets.extend(found.indices.iter().map(|&item| members[item as usize]));
        }
        let ranks = gallery.ranks(&gather(self.queries, queries), &targets, self.leave_out.then_some(queries));
        ranks.iter().map(|&rank| 1.0 / (rank + 1) as f64).sum()
    }
}

fn gather(embeddings: &Embeddings, rows: &[usize]) -> Vec<f32> {
    let mut values = Vec::with_capacity(rows.len() * embeddings.dim());
    rows.iter().for_each(|&row| values.extend_from_slice(embeddings.row(row)));
    values
}
