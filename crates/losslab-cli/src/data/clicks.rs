//! Searches with clicks: lists of items with a known relevance, and grades from clicks that depend on the position too.

use super::ranked::{Ranked, RankedSplit};
use crate::random;
use losslab::QueryLists;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Numbers of an item: eight of its own, two of its query.
pub const FEATURES: usize = 10;
/// The highest grade.
pub const HIGHEST: f64 = 4.0;

/// Items for queries, and what users click.
///
/// What an item is worth depends on its features and, by one of them, on the kind of the query. A ranking of which
/// nobody learns, partly by a feature that has nothing to do with the worth, shows the items to users of many sessions.
/// A user sees the item at rank r with probability `r^−bias` and clicks on what is seen by its grade. An item's grade for
/// learning is `log₂(1 + clicks)`, rounded down, at most 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clicks {
    /// Queries for training; validation has half as many, and so has testing, but at least 200.
    pub queries: usize,
    /// Sessions of a query, in the middle: a query may have a few or hundreds.
    pub sessions: f64,
    /// How fast attention falls with the rank; 0 for not at all.
    pub bias: f64,
}

/// The parts, and what is otherwise unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Searches {
    /// Training and validation with grades from clicks, testing with true grades.
    pub split: RankedSplit,
    /// The true grades of training and validation.
    pub truth: [Vec<f64>; 2],
    /// By these scores the items of the test part were shown.
    pub shown: Vec<f64>,
}

/// One part.
struct Part {
    items: Ranked,
    truth: Vec<f64>,
    shown: Vec<f64>,
}

impl Clicks {
    /// Fresh queries for all three parts.
    pub fn searches(&self, seed: u64) -> Searches {
        let half = self.queries.div_ceil(2);
        let train = self.part(self.queries, seed, "training");
        let valid = self.part(half, seed, "validation");
        let test = self.part(half.max(200), seed, "test");
        let judged = Ranked { relevance: test.truth, ..test.items };
        Searches {
            split: RankedSplit { train: train.items, valid: valid.items, test: judged },
            truth: [train.truth, valid.truth],
            shown: test.shown,
        }
    }

    fn part(&self, queries: usize, seed: u64, part: &str) -> Part {
        let random = &mut random::stream(seed, &format!("searches for {part}"));
        let (mut features, mut clicks, mut truth, mut shown) = (vec![], vec![], vec![], vec![]);
        let lengths: Vec<usize> = (0..queries).map(|_| random.random_range(5..=25)).collect();
        for &length in &lengths {
            let [kind, popularity]: [f64; 2] = std::array::from_fn(|_| random.sample(StandardNormal));
            let sessions = (self.sessions * (0.8 * popularity).exp()).clamp(1.0, 1000.0).round() as usize;
            let mut grades = Vec::with_capacity(length);
            let mut shown_by = Vec::with_capacity(length);
            for _ in 0..length {
                let x: [f64; FEATURES - 2] = std::array::from_fn(|_| random.sample(StandardNormal));
                let noise: [f64; 2] = std::array::from_fn(|_| random.sample(StandardNormal));
                let worth = x[0] + kind * x[1] + 0.7 * x[2] * x[3] + 0.8 * x[4].max(0.0) + 0.4 * noise[0];
                grades.push(grade(worth));
                shown_by.push(0.7 * x[0] + x[5] + 0.5 * noise[1]);
                features.extend(x.iter().chain([&kind, &popularity]).map(|value| *value as f32));
            }
            clicks.extend(self.clicked(&grades, &shown_by, sessions, random));
            truth.extend(grades);
            shown.extend(shown_by);
        }
        let lists = QueryLists::try_from_lengths(&lengths).expect("every query has items");
        Part { items: Ranked { columns: FEATURES, features, relevance: clicks, lists }, truth, shown }
    }

    /// The grades from the clicks of all sessions of a query.
    fn clicked(&self, grades: &[f64], shown_by: &[f64], sessions: usize, random: &mut random::Random) -> Vec<f64> {
        let mut order: Vec<usize> = (0..grades.len()).collect();
        order.sort_by(|&a, &b| shown_by[b].total_cmp(&shown_by[a]));
        let mut clicks = vec![0_u32; grades.len()];
        for (rank, item) in order.into_iter().enumerate() {
            let seen = (rank as f64 + 1.0).powf(-self.bias);
            let liked = 0.02 + 0.9 * (grades[item].exp2() - 1.0) / (HIGHEST.exp2() - 1.0);
            clicks[item] = (0..sessions).map(|_| u32::from(random.random_bool(seen * liked))).sum();
        }
        clicks.into_iter().map(|clicks| f64::from(1 + clicks).log2().floor().min(HIGHEST)).collect()
    }
}

/// Of ten items about six are irrelevant, and one has one of the two highest grades.
fn grade(worth: f64) -> f64 {
    [0.9, 1.8, 2.6, 3.4].iter().filter(|least| worth >= **least).count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Clicks = Clicks { queries: 300, sessions: 20.0, bias: 1.0 };

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let product =
            |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum() };
        product(a, ma, b, mb) / (product(a, ma, a, ma) * product(b, mb, b, mb)).sqrt()
    }

    #[test]
    fn grades_have_their_shares() {
        let searches = PLAIN.searches(1);
        let [train, _] = &searches.truth;
        let share = |least: f64| train.iter().filter(|grade| **grade >= least).count() as f64 / train.len() as f64;
        assert!((0.3..0.5).contains(&share(1.0)), "{}", share(1.0));
        assert!((0.06..0.16).contains(&share(3.0)), "{}", share(3.0));
        assert!(searches.split.train.relevance.iter().all(|grade| (0.0..=HIGHEST).contains(grade)));
        assert_eq!(searches.split.test.lists.len(), 200);
    }

    #[test]
    fn clicks_follow_the_relevance_and_with_bias_the_position() {
        let by = |bias: f64, column: usize| {
            let Searches { split, truth: [truth, _], .. } = Clicks { bias, ..PLAIN }.searches(2);
            let feature: Vec<f64> =
                split.train.features.iter().skip(column).step_by(FEATURES).map(|value| f64::from(*value)).collect();
            (correlation(&split.train.relevance, &truth), correlation(&split.train.relevance, &feature))
        };
        // Feature 5 has nothing to do with the relevance, but decides where an item is shown.
        let (without, with) = (by(0.0, 5), by(1.0, 5));
        assert!(without.0 > 0.7 && with.0 > 0.4 && with.0 < without.0 - 0.05, "{without:?} {with:?}");
        assert!(without.1.abs() < 0.05 && with.1 > 0.15, "{without:?} {with:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_queries() {
        assert_eq!(PLAIN.searches(1), PLAIN.searches(1));
        assert_ne!(PLAIN.searches(1).split.train, PLAIN.searches(2).split.train);
    }
}
