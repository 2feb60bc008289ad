//! InfoNCE.

use super::classification::negative_log_softmax;
use super::tape::{Tape, Var};
use super::vector::vectors;
use super::{Evaluation, reduce};
use crate::options::{Positives, Reduction};

/// The options of [`info_nce`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InfoNce<'a> {
    /// What similarities are divided by.
    pub temperature: f64,
    /// Whether keys are anchors too.
    pub symmetric: bool,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// Which keys belong to which query; where not given, key `i` belongs to query `i`.
    pub groups: Option<Groups<'a>>,
    /// How the anchors become one number.
    pub reduction: Reduction,
}

impl Default for InfoNce<'_> {
    fn default() -> Self {
        Self { temperature: 0.07, symmetric: true, normalize: true, groups: None, reduction: Reduction::Mean }
    }
}

/// Group ids: a query and a key belong together where theirs are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Groups<'a> {
    /// One id for each query.
    pub queries: &'a [i64],
    /// One id for each key.
    pub keys: &'a [i64],
    /// How several positives enter. With [`Positives::Aligned`], key `i` is the positive of query `i` whatever their
    /// ids.
    pub positives: Positives,
}

/// What a query and a key are to each other.
enum Role {
    Positive,
    Negative,
    LeftOut,
}

impl InfoNce<'_> {
    fn role(&self, query: usize, key: usize) -> Role {
        let together = |groups: &Groups| groups.queries[query] == groups.keys[key];
        match &self.groups {
            None if query == key => Role::Positive,
            None => Role::Negative,
            Some(Groups { positives: Positives::Aligned, .. }) if query == key => Role::Positive,
            Some(groups) => match (together(groups), groups.positives) {
                (true, Positives::Aligned) => Role::LeftOut,
                (true, Positives::Outside | Positives::Inside) => Role::Positive,
                (false, _) => Role::Negative,
            },
        }
    }

    /// Whether only the keys that are some query's own are anchors.
    fn is_aligned(&self) -> bool {
        self.groups.is_none_or(|groups| groups.positives == Positives::Aligned)
    }

    /// The term of an anchor, or none if it has no positive.
    fn term<'t>(&self, tape: &'t Tape, scores: impl Iterator<Item = (Var<'t>, Role)>) -> Option<Var<'t>> {
        let (mut positives, mut negatives) = (vec![], vec![]);
        for (score, role) in scores {
            match role {
                Role::Positive => positives.push(score),
                Role::Negative => negatives.push(score),
                Role::LeftOut => {}
            }
        }
        if positives.is_empty() {
            return None;
        }
        Some(match self.groups.map(|groups| groups.positives) {
            Some(Positives::Outside) => {
                let all = negative_log_softmax(tape, &[positives.as_slice(), &negatives].concat());
                tape.sum(&all[..positives.len()]) / positives.len() as f64
            }
            // −log of the softmax of the positives together: log(1 + Σ exp(negatives)/Σ exp(positives)).
            Some(Positives::Inside | Positives::Aligned) | None => {
                (tape.log_sum_exp(&negatives) - tape.log_sum_exp(&positives)).softplus()
            }
        })
    }
}

/// InfoNCE of queries `[N, width]` against keys `[M, width]`, M ≥ N: `−log softmax` of each query's positives over the
/// keys, and the mean of that and the same of the keys over the queries if symmetric.
///
/// Without groups key `i` is the positive of query `i`, the keys from N on are negatives only, and the terms are `[N]`:
/// those of the queries, or the means of query `i`'s and key `i`'s. With groups the terms are `[N]`, or `[N + M]` if
/// symmetric: half of each query's, then half of each key's, 0 where an anchor is not valid.
///
/// Gradients: queries, keys, and one number for `log(1/temperature)`.
pub fn info_nce(queries: &[f64], keys: &[f64], width: usize, options: &InfoNce) -> Evaluation {
    let tape = Tape::default();
    let (queries, keys) = (tape.variables(queries), tape.variables(keys));
    let log_scale = tape.constant(-options.temperature.ln());
    let scale = log_scale.map(1.0 / options.temperature, 1.0 / options.temperature);
    let [query_vectors, key_vectors] = [&queries, &keys].map(|x| vectors(&tape, x, width, options.normalize));
    let (n, m) = (query_vectors.len(), key_vectors.len());
    assert!(n <= m, "{n} queries have no more than {m} keys");
    if let Some(groups) = &options.groups {
        assert!(groups.queries.len() == n && groups.keys.len() == m, "a group for each query and for each key");
    }

    let score = |query: &Vec<_>| key_vectors.iter().map(|key| tape.dot(query, key) * scale).collect();
    let scores: Vec<Vec<Var>> = query_vectors.iter().map(score).collect();
    let cell = |query: usize, key: usize| (scores[query][key], options.role(query, key));
    let row = |query: usize| options.term(&tape, (0..m).map(|key| cell(query, key)));
    let column = |key: usize| options.term(&tape, (0..n).map(|query| cell(query, key)));

    let per_row: Vec<_> = (0..n).map(row).collect();
    let inputs: [&[Var]; 3] = [&queries, &keys, &[log_scale]];
    if !options.symmetric {
        let value = reduce_valid(&tape, &per_row, options.reduction);
        return Evaluation::new(value, per_row.iter().map(value_or_zero).collect(), &inputs);
    }
    let anchors = if options.is_aligned() { n } else { m };
    let per_column: Vec<_> = (0..m).map(|key| if key < anchors { column(key) } else { None }).collect();
    let value = reduce_valid(&tape, &per_row, options.reduction) + reduce_valid(&tape, &per_column, options.reduction);
    let halves = |terms: &[Option<Var>]| terms.iter().map(|term| 0.5 * value_or_zero(term)).collect::<Vec<_>>();
    let (rows, columns) = (halves(&per_row), halves(&per_column));
    let terms = match options.groups {
        None => rows.iter().zip(&columns).map(|(row, column)| row + column).collect(),
        Some(_) => [rows, columns].concat(),
    };
    Evaluation::new(0.5 * value, terms, &inputs)
}

/// Reduces the terms of the anchors that have one.
pub(super) fn reduce_valid<'t>(tape: &'t Tape, terms: &[Option<Var<'t>>], reduction: Reduction) -> Var<'t> {
    let valid: Vec<_> = terms.iter().copied().flatten().collect();
    reduce(tape, &valid, valid.len() as f64, reduction)
}

fn value_or_zero(term: &Option<Var>) -> f64 {
    term.map_or(0.0, |term| term.value())
}
