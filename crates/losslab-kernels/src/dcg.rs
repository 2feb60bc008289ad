//! Discounted cumulative gain: one definition for the metric and for the losses that aim at it.

use crate::options::{Gain, Ties};

/// `DCG = Σ gain / log₂(rank + 1)` over the first `k` ranks, or over all (Järvelin and Kekäläinen 2002).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dcg {
    /// What an item of a grade is worth.
    pub gain: Gain,
    /// How items of equal score are ranked.
    pub ties: Ties,
    /// How many ranks count; all without.
    pub k: Option<usize>,
}

impl Dcg {
    /// The number of ranks that count.
    pub fn ranks(&self) -> usize {
        self.k.unwrap_or(usize::MAX)
    }

    /// `1 / log₂(rank + 1)` with ranks from 1, here from 0; 0 for a rank that doesn't count.
    pub fn discount(&self, rank: usize) -> f64 {
        if rank < self.ranks() { discount(rank) } else { 0.0 }
    }

    /// The gain of each item of a list, in a unit that depends on the list's highest grade, so that none overflows.
    pub fn gains(&self, relevance: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
        let largest = relevance.clone().fold(0.0, f64::max);
        let gain = |grade: f64| match self.gain {
            Gain::Linear if largest == 0.0 => 0.0,
            Gain::Linear => grade / largest,
            // exp_m1 where 2^grade − 1 would leave no digit.
            Gain::Exponential if largest < 0.5 => (grade * std::f64::consts::LN_2).exp_m1(),
            Gain::Exponential => (grade - largest).exp2() - (-largest).exp2(),
        };
        relevance.map(gain).collect()
    }

    /// The DCG of the best order of some gains.
    pub fn best(&self, gains: &[f64]) -> f64 {
        let mut best = gains.to_vec();
        best.sort_unstable_by(|a, b| b.total_cmp(a));
        best.iter().take(self.ranks()).enumerate().map(|(rank, gain)| gain * discount(rank)).sum()
    }

    /// The gains of a list over the DCG of its best order: an order's NDCG is their discounted sum. All are 0 where no
    /// item is relevant.
    pub fn shares(&self, relevance: &[f64]) -> Vec<f64> {
        let mut gains = self.gains(relevance.iter().copied());
        let best = self.best(&gains);
        if best > 0.0 {
            gains.iter_mut().for_each(|gain| *gain /= best);
        }
        gains
    }

    /// The NDCG of items with score and relevance, from the highest score; NaN where none is relevant.
    pub fn ndcg(&self, ranked: &[(f64, f64)]) -> f64 {
        let gains = self.gains(ranked.iter().map(|item| item.1));
        let mut dcg = 0.0;
        for (rank, tied) in self.ties.groups(ranked, self.ranks()) {
            let ranks = rank..rank + tied.len();
            let mean = gains[ranks.clone()].iter().sum::<f64>() / tied.len() as f64;
            dcg += mean * ranks.map(|rank| self.discount(rank)).sum::<f64>();
        }
        dcg / self.best(&gains)
    }
}

impl Ties {
    /// The groups of items that are ranked as one, each with the number of items before it, as far as one starts within
    /// the first `k` ranks. Items are given by score and relevance, from the highest score.
    pub fn groups(self, ranked: &[(f64, f64)], k: usize) -> impl Iterator<Item = (usize, &[(f64, f64)])> {
        let groups = ranked.chunk_by(move |a, b| self == Ties::Averaged && a.0 == b.0);
        let ranked = groups.scan(0, |rank, group| {
            *rank += group.len();
            Some((*rank - group.len(), group))
        });
        ranked.take_while(move |(rank, _)| *rank < k)
    }
}

/// `1 / log₂(rank + 1)` with ranks from 1, here from 0.
pub(crate) fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0).log2()
}
