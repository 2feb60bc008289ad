//! Losses over lists of items, each with a score and a relevance: list by list, in f64.
//!
//! Scores are one number an item, so that f64 costs nothing that counts, and no list needs more memory than a few
//! numbers an item: the losses over pairs go through them row by row.

mod approx_ndcg;
mod hinge;
mod lambda;
mod list_mle;
mod list_net;
mod pairs;
mod rank_net;

pub use approx_ndcg::ApproxNdcg;
pub use lambda::LambdaLoss;
pub use list_mle::ListMle;
pub use list_net::ListNet;
pub use rank_net::RankNet;

use rayon::prelude::*;

/// Lists of items, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// The score of each item.
    pub scores: &'a [f64],
    /// The relevance of each item, finite and at least 0.
    pub relevance: &'a [f64],
    /// The number of items of each list.
    pub lengths: &'a [usize],
}

/// A loss of one list.
pub trait ListLoss: Sync {
    /// Whether a list of these grades has anything to learn from.
    fn counts(&self, relevance: &[f64]) -> bool {
        relevance.iter().any(|grade| *grade > 0.0)
    }

    /// The loss of a list that counts and whose scores are numbers; adds its gradient to zeros.
    fn list(&self, scores: &[f64], relevance: &[f64], gradient: Option<&mut [f64]>) -> f64;
}

/// The loss of each list, nothing where a list doesn't count, with the gradient of their sum.
///
/// A NaN among the scores of a list that counts makes its loss and its gradient NaN.
///
/// # Panics
/// If the lengths don't fit.
pub fn ranking(loss: &impl ListLoss, lists: Lists<'_>, gradient: Option<&mut [f64]>) -> Vec<Option<f64>> {
    let items = lists.lengths.iter().sum::<usize>();
    assert_eq!((lists.scores.len(), lists.relevance.len()), (items, items), "a score and a relevance for each item");
    let tracked = gradient.is_some();
    let mut rest = gradient.unwrap_or_default();
    assert!(!tracked || rest.len() == items, "a gradient for each item");
    let mut work = Vec::with_capacity(lists.lengths.len());
    let mut start = 0;
    for &length in lists.lengths {
        let own = if tracked { rest.split_off_mut(..length) } else { None };
        work.push((start..start + length, own));
        start += length;
    }
    let of_list = |(items, mut gradient): (std::ops::Range<usize>, Option<&mut [f64]>)| {
        let (scores, relevance) = (&lists.scores[items.clone()], &lists.relevance[items]);
        if let Some(gradient) = gradient.as_deref_mut() {
            gradient.fill(0.0);
        }
        if !loss.counts(relevance) {
            return None;
        }
        if scores.iter().any(|score| score.is_nan()) {
            gradient.into_iter().for_each(|gradient| gradient.fill(f64::NAN));
            return Some(f64::NAN);
        }
        Some(loss.list(scores, relevance, gradient))
    };
    work.into_par_iter().map(of_list).collect()
}

/// The items from the highest score; equal ones in the order of the rows.
fn by_score(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    // + 0.0 makes −0 a 0.
    order.sort_by(|&a, &b| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0)));
    order
}
