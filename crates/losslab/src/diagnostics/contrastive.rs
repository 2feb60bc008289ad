//! Diagnostics of queries and keys.

use super::finding::{Diagnostics, Finding, FindingKind, Severity, percent, short};
use super::vectors::{VectorLengths, Vectors, judge_lengths, unfit};
use crate::embedding::prepare;
use crate::error::{ConfigError, InputError, Range};
use crate::fused::BLOCK_VALUES;
use crate::labels;
use burn::config::Config;
use burn::tensor::{Int, Tensor};

const NAME: &str = "diagnostics of contrastive pairs";

/// Below this number of negatives it is no wonder that one of them dominates.
const NEGATIVES_TO_JUDGE: f64 = 8.0;

/// What the loss does, and the thresholds of [`Diagnostics::of_contrastive`].
#[derive(Config, Debug)]
pub struct ContrastiveDiagnosticsConfig {
    /// Whether the loss brings vectors to length 1 itself, as [`InfoNceLoss`](crate::InfoNceLoss) does by default.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// Whether the temperature supposes vectors of length 1. Default: true.
    #[config(default = true)]
    pub unit_length: bool,
    /// Whether the loss is given the groups too, as in [`InfoNceLoss::forward_grouped`](crate::InfoNceLoss): it then
    /// takes no key of a query's group for a negative. Default: false.
    #[config(default = false)]
    pub loss_knows_groups: bool,
    /// The temperature is too high where the entropy of the softmax is at least this share of `ln m`, and the odds are
    /// below [`min_odds`](Self::min_odds) too. Default: 0.95.
    #[config(default = 0.95)]
    pub max_entropy: f64,
    /// The temperature is too high where a key can't be this much more probable than another, whatever is learned: where
    /// `exp(2/τ)` for vectors of length 1 is less. It doesn't depend on the number of keys. Default: 10, which τ = 0.87
    /// reaches. At τ = 0.5 it is 55; at τ = 1 it is 7.4; at τ = 10 it is 1.2.
    #[config(default = 10.0)]
    pub min_odds: f64,
    /// The temperature is too low where the largest negative of a query takes this share of the weight of all its
    /// negatives, in the mean. Not judged with fewer than 8 negatives. Default: 0.8.
    #[config(default = 0.8)]
    pub max_top_negative: f64,
    /// Fewer negatives for a query are too few. Default: 16.
    #[config(default = 16)]
    pub min_negatives: usize,
    /// At most this share of the queries may have a false negative. Default: 0.01.
    #[config(default = 0.01)]
    pub max_false_negatives: f64,
    /// Two vectors are the same where their cosine is at least 1 less this. Default: 1e-5.
    #[config(default = 1e-5)]
    pub same_vector: f64,
    /// Queries or keys whose spread is below this are collapsed. Default: 0.05, a mean cosine of 0.9975.
    #[config(default = 0.05)]
    pub min_spread: f64,
    /// How far from 1 a length may be. Default: 0.01.
    #[config(default = 0.01)]
    pub length_tolerance: f64,
}

/// The groups of queries and keys: a class, a caption, a person. Keys of a query's group are matches.
#[derive(Clone, Debug)]
pub struct Groups {
    /// A group for each query, shape `[n]`.
    pub of_queries: Tensor<1, Int>,
    /// A group for each key, shape `[m]`.
    pub of_keys: Tensor<1, Int>,
}

/// The numbers of queries and keys. Those over the negatives leave out false negatives.
#[derive(Clone, Debug, PartialEq)]
pub struct ContrastiveNumbers {
    /// The queries.
    pub queries: usize,
    /// The keys.
    pub keys: usize,
    /// The temperature τ.
    pub temperature: f64,
    /// The mean InfoNCE loss of the queries.
    pub loss: f64,
    /// The share of queries whose positive is more similar than all negatives.
    pub accuracy: f64,
    /// The mean entropy of the softmax over a query's keys, as a share of `ln m`: 1 is uniform.
    pub entropy: f64,
    /// How much more probable a key can be than another: the exponential of `2/τ`, times the mean lengths where the loss
    /// doesn't normalise. Infinite where that is too large for a number.
    pub odds: f64,
    /// The loss that perfect embeddings would have at this temperature, as a share of `ln m`. It grows with `m`.
    pub floor: f64,
    /// The mean number of negatives of a query.
    pub negatives: f64,
    /// The mean of the exponential of the entropy over a query's negatives: on how many of them the weight lies.
    pub effective_negatives: f64,
    /// The mean share of the negatives' weight that the largest takes.
    pub top_negative: f64,
    /// Pairs of a query and a key that the loss takes for negatives, though they are of one group.
    pub false_by_group: usize,
    /// The same for pairs where the key equals the query's own, or the query the key's.
    pub false_by_vector: usize,
    /// Queries with a false negative.
    pub queries_with_false: usize,
    /// The mean similarity of the positives.
    pub positive_similarity: f64,
    /// The mean similarity of the negatives.
    pub negative_similarity: f64,
    /// The spread of the queries: 0 for a single point, 1 around the origin.
    pub query_spread: f64,
    /// The spread of the keys.
    pub key_spread: f64,
    /// The lengths of the queries, before the loss normalises.
    pub query_lengths: VectorLengths,
    /// The lengths of the keys.
    pub key_lengths: VectorLengths,
}

impl Diagnostics<ContrastiveNumbers> {
    /// Looks at queries and keys as InfoNCE gets them. Key `i` is the positive of query `i`, the others are negatives; a
    /// learned temperature is at hand as [`Temperature::value`](crate::Temperature::value).
    ///
    /// Findings: [`TemperatureTooHigh`](FindingKind::TemperatureTooHigh),
    /// [`TemperatureTooLow`](FindingKind::TemperatureTooLow), [`TooFewNegatives`](FindingKind::TooFewNegatives),
    /// [`FalseNegatives`](FindingKind::FalseNegatives), [`Collapsed`](FindingKind::Collapsed),
    /// [`NotUnitLength`](FindingKind::NotUnitLength), [`ZeroVectors`](FindingKind::ZeroVectors). Where vectors are
    /// collapsed, nothing else about their similarities is judged.
    ///
    /// # Shapes
    /// - `queries`: `[n, d]`
    /// - `keys`: `[m, d]` with `m ≥ n`
    ///
    /// # Errors
    /// If the shapes don't fit, the batch is empty, a value isn't finite, or the temperature isn't at least 1e-6.
    pub fn of_contrastive(
        queries: Tensor<2>,
        keys: Tensor<2>,
        temperature: f64,
        groups: Option<Groups>,
        config: &ContrastiveDiagnosticsConfig,
    ) -> Result<Self, InputError> {
        ConfigError::check(NAME, "temperature", temperature, Range::AtLeast(1e-6))
            .map_err(|error| unfit(NAME, error))?;
        let ([n, d], [m, key_dim]) = (queries.dims(), keys.dims());
        if m < n || key_dim != d {
            let expected = format!("[{n} or more, {d}] (queries are [{n}, {d}], and key i is the positive of query i)");
            return Err(InputError::Shape { loss: NAME, tensor: "keys", expected, found: vec![m, key_dim] });
        }
        let groups = groups.map(|groups| read_groups(groups, n, m)).transpose()?;
        let (queries, keys) = (queries.inner(), keys.inner());
        let query_lengths = Vectors::read(NAME, "queries", &queries)?.lengths();
        let key_lengths = Vectors::read(NAME, "keys", &keys)?.lengths();
        let batch = Batch::of(queries, keys, temperature, groups, config);
        let numbers = batch.measure(query_lengths, key_lengths);

        let supposed_by = format!("a temperature of {}", short(temperature));
        let lengths = |tensor, lengths| {
            let free = config.normalize || !config.unit_length;
            judge_lengths(tensor, lengths, free, config.length_tolerance, &supposed_by)
        };
        let mut findings = vec![lengths("queries", query_lengths), lengths("keys", key_lengths)];
        match collapsed(&numbers, config) {
            Some(finding) => findings.push(Some(finding)),
            None => findings.extend([
                too_high(&numbers, config),
                too_low(&numbers, config),
                too_few_negatives(&numbers, config),
                false_negatives(&numbers, config),
            ]),
        }
        Ok(Self::new(numbers, findings.into_iter().flatten().collect()))
    }
}

fn read_groups(groups: Groups, queries: usize, keys: usize) -> Result<[Vec<i64>; 2], InputError> {
    let Groups { of_queries, of_keys } = groups;
    InputError::check_shape(NAME, "groups of queries", &of_queries.dims(), &[queries], "(one for each query)")?;
    InputError::check_shape(NAME, "groups of keys", &of_keys.dims(), &[keys], "(one for each key)")?;
    Ok([labels::read(of_queries), labels::read(of_keys)])
}

/// The batch as the loss sees it, without a tape.
struct Batch<'a> {
    queries: Tensor<2>,
    keys: Tensor<2>,
    temperature: f64,
    groups: Option<[Vec<i64>; 2]>,
    config: &'a ContrastiveDiagnosticsConfig,
}

/// Sums over queries.
#[derive(Default)]
struct Totals {
    loss: f64,
    right: usize,
    entropy: f64,
    negatives: usize,
    with_negatives: usize,
    effective: f64,
    top: f64,
    by_group: usize,
    by_vector: usize,
    with_false: usize,
    positive: f64,
    negative: f64,
}

impl<'a> Batch<'a> {
    fn of(
        queries: Tensor<2>,
        keys: Tensor<2>,
        temperature: f64,
        groups: Option<[Vec<i64>; 2]>,
        config: &'a ContrastiveDiagnosticsConfig,
    ) -> Self {
        let (queries, keys) = (prepare(queries, config.normalize), prepare(keys, config.normalize));
        Self { queries, keys, temperature, groups, config }
    }

    fn measure(&self, query_lengths: VectorLengths, key_lengths: VectorLengths) -> ContrastiveNumbers {
        let ([n, _], [m, _]) = (self.queries.dims(), self.keys.dims());
        let (queries, keys) = (prepare(self.queries.clone(), true), prepare(self.keys.clone(), true));
        let mut totals = Totals::default();
        let step = (BLOCK_VALUES / m).max(1);
        for start in (0..n).step_by(step) {
            let rows = start..(start + step).min(n);
            let among =
                |x: &Tensor<2>, of: &Tensor<2>| to_host(x.clone().slice(rows.clone()).matmul(of.clone().transpose()));
            let similarities = among(&self.queries, &self.keys);
            let (of_queries, of_keys) = (among(&queries, &queries), among(&keys, &keys));
            for (row, i) in rows.clone().enumerate() {
                let same = |cosine: f64| cosine >= 1.0 - self.config.same_vector;
                let twins = |j: usize| same(of_keys[row * m + j]) || (j < n && same(of_queries[row * n + j]));
                self.add(&mut totals, i, &similarities[row * m..(row + 1) * m], twins);
            }
        }
        let mean = |sum: f64| sum / n as f64;
        let over_negatives = |sum: f64| sum / totals.with_negatives.max(1) as f64;
        let length = if self.config.normalize { 1.0 } else { query_lengths.mean * key_lengths.mean };
        let spread = |tensor, x| Vectors::read(NAME, tensor, x).map_or(0.0, |vectors| vectors.spread());
        ContrastiveNumbers {
            queries: n,
            keys: m,
            temperature: self.temperature,
            loss: mean(totals.loss),
            accuracy: mean(totals.right as f64),
            entropy: mean(totals.entropy),
            odds: (2.0 * length / self.temperature).exp(),
            floor: floor(length, self.temperature, m),
            negatives: mean(totals.negatives as f64),
            effective_negatives: over_negatives(totals.effective),
            top_negative: over_negatives(totals.top),
            false_by_group: totals.by_group,
            false_by_vector: totals.by_vector,
            queries_with_false: totals.with_false,
            positive_similarity: mean(totals.positive),
            negative_similarity: totals.negative / totals.negatives.max(1) as f64,
            query_spread: spread("queries", &self.queries),
            key_spread: spread("keys", &self.keys),
            query_lengths,
            key_lengths,
        }
    }

    /// Adds a query with its similarities to all keys; `twins` says which keys stand for the same as its own.
    fn add(&self, totals: &mut Totals, i: usize, similarities: &[f64], twins: impl Fn(usize) -> bool) {
        let of_group = |j: usize| self.groups.as_ref().is_some_and(|[queries, keys]| queries[i] == keys[j]);
        let (mut seen, mut negatives) = (vec![similarities[i]], Vec::new());
        let (mut by_group, mut by_vector) = (0, 0);
        for (j, &similarity) in similarities.iter().enumerate().filter(|(j, _)| *j != i) {
            let matches = of_group(j);
            if matches && self.config.loss_knows_groups {
                continue;
            }
            seen.push(similarity);
            if matches {
                by_group += 1;
            } else if twins(j) {
                by_vector += 1;
            } else {
                negatives.push(similarity);
            }
        }
        let all = Softmax::of(&seen, self.temperature);
        totals.loss += all.log_sum - similarities[i] / self.temperature;
        totals.entropy += all.entropy / (seen.len() as f64).ln().max(f64::MIN_POSITIVE);
        totals.right += usize::from(negatives.iter().all(|&negative| negative < similarities[i]));
        totals.positive += similarities[i];
        totals.negative += negatives.iter().sum::<f64>();
        totals.negatives += negatives.len();
        totals.by_group += by_group;
        totals.by_vector += by_vector;
        totals.with_false += usize::from(by_group + by_vector > 0);
        if !negatives.is_empty() {
            let among = Softmax::of(&negatives, self.temperature);
            totals.with_negatives += 1;
            totals.effective += among.entropy.exp();
            totals.top += among.largest;
        }
    }
}

/// What is asked of a softmax.
struct Softmax {
    log_sum: f64,
    entropy: f64,
    largest: f64,
}

impl Softmax {
    fn of(similarities: &[f64], temperature: f64) -> Self {
        let max = similarities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shifted = || similarities.iter().map(|s| (s - max) / temperature);
        let sum = shifted().map(f64::exp).sum::<f64>();
        let mean = shifted().map(|s| s.exp() * s).sum::<f64>() / sum;
        Self { log_sum: max / temperature + sum.ln(), entropy: (sum.ln() - mean).max(0.0), largest: 1.0 / sum }
    }
}

/// The share of `ln m` that the loss has where positives coincide and all keys are as far from each other as `m` vectors
/// can be, at a cosine of `−1/(m − 1)`.
fn floor(length: f64, temperature: f64, keys: usize) -> f64 {
    if keys < 2 {
        return 0.0;
    }
    let m = keys as f64;
    let gap = length * m / (m - 1.0) / temperature;
    ((m - 1.0) * (-gap).exp()).ln_1p() / m.ln()
}

fn to_host(similarities: Tensor<2>) -> Vec<f64> {
    similarities.into_data().convert::<f64>().try_into_vec().expect("converted to f64")
}

fn collapsed(numbers: &ContrastiveNumbers, config: &ContrastiveDiagnosticsConfig) -> Option<Finding> {
    let ContrastiveNumbers { queries, query_spread, key_spread, loss, keys, .. } = *numbers;
    let found = queries > 1 && (query_spread < config.min_spread || key_spread < config.min_spread);
    found.then(|| Finding {
        kind: FindingKind::Collapsed,
        severity: Severity::Error,
        message: format!(
            "all queries or all keys are nearly the same: the spread is {} and {} (0 is a point, 1 lies around the \
             origin), and the loss of {} is near that of guessing, {}",
            short(query_spread),
            short(key_spread),
            short(loss),
            short((keys as f64).ln())
        ),
        advice: "Lower the learning rate, look for dead units, and check that negatives get a gradient.",
    })
}

fn too_high(numbers: &ContrastiveNumbers, config: &ContrastiveDiagnosticsConfig) -> Option<Finding> {
    let ContrastiveNumbers { temperature, entropy, odds, keys, .. } = *numbers;
    (entropy >= config.max_entropy && odds < config.min_odds).then(|| Finding {
        kind: FindingKind::TemperatureTooHigh,
        severity: Severity::Error,
        message: format!(
            "at τ = {} the softmax over {keys} keys is near uniform ({} of the largest entropy), and whatever is \
             learned, no key can be more than {} times as probable as another",
            short(temperature),
            percent(entropy),
            short(odds)
        ),
        advice: "Lower the temperature: 0.07 as in CLIP, 0.1 as in SimCLR; or learn it.",
    })
}

fn too_low(numbers: &ContrastiveNumbers, config: &ContrastiveDiagnosticsConfig) -> Option<Finding> {
    let ContrastiveNumbers { temperature, negatives, effective_negatives, top_negative, .. } = *numbers;
    (negatives >= NEGATIVES_TO_JUDGE && top_negative >= config.max_top_negative).then(|| Finding {
        kind: FindingKind::TemperatureTooLow,
        severity: Severity::Warning,
        message: format!(
            "at τ = {} the most similar negative takes {} of the weight of {} negatives ({} of them count)",
            short(temperature),
            percent(top_negative),
            short(negatives),
            short(effective_negatives)
        ),
        advice: "Raise the temperature: 0.07 as in CLIP, 0.1 as in SimCLR; a learned one has a floor of 0.01.",
    })
}

fn too_few_negatives(numbers: &ContrastiveNumbers, config: &ContrastiveDiagnosticsConfig) -> Option<Finding> {
    let ContrastiveNumbers { negatives, effective_negatives, .. } = *numbers;
    (negatives < config.min_negatives as f64).then(|| Finding {
        kind: FindingKind::TooFewNegatives,
        severity: Severity::Hint,
        message: format!(
            "a query has {} negatives in the mean, of which {} count",
            short(negatives),
            short(effective_negatives)
        ),
        advice: "Make the batch larger: its other samples are the negatives.",
    })
}

fn false_negatives(numbers: &ContrastiveNumbers, config: &ContrastiveDiagnosticsConfig) -> Option<Finding> {
    let ContrastiveNumbers { queries, queries_with_false, false_by_group, false_by_vector, .. } = *numbers;
    (queries_with_false as f64 > config.max_false_negatives * queries as f64).then(|| Finding {
        kind: FindingKind::FalseNegatives,
        severity: Severity::Warning,
        message: format!(
            "{queries_with_false} of {queries} queries have matches among their negatives: {false_by_group} pairs of one \
             group, {false_by_vector} of the same vector"
        ),
        advice: "Give the loss group ids (`forward_grouped`, with `Positives::Aligned` to leave matches out), or draw \
                 batches without duplicates.",
    })
}
