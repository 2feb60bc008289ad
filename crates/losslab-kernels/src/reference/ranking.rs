//! Ranking losses over lists of items.

use super::Evaluation;
use super::contrastive::reduce_valid;
use super::tape::{Tape, Var, sigmoid};
use crate::options::{Gain, LambdaWeighting, PairReduction, RankNetForm, Reduction, RelevanceTies};
use std::ops::Range;

/// The options of [`rank_net`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankNet {
    /// What a pair costs.
    pub form: RankNetForm,
    /// The slope of the logistic form.
    pub sigma: f64,
    /// The margin of the hinge.
    pub margin: f64,
    /// How the pairs of a list become its term.
    pub pairs: PairReduction,
    /// How the lists become one number.
    pub reduction: Reduction,
}

/// The options of [`lambda_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LambdaLoss {
    /// What a pair weighs.
    pub weighting: LambdaWeighting,
    /// The slope of the logistic function.
    pub sigma: f64,
    /// The weight of NDCG-Loss2 in NDCG-Loss2++.
    pub mu: f64,
    /// What an item is worth.
    pub gain: Gain,
    /// How many ranks count.
    pub k: Option<usize>,
    /// How the lists become one number.
    pub reduction: Reduction,
}

/// The options of [`list_net`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListNet {
    /// How the lists become one number.
    pub reduction: Reduction,
}

/// The options of [`list_mle`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListMle {
    /// The order of items of equal relevance.
    pub ties: RelevanceTies,
    /// How the lists become one number.
    pub reduction: Reduction,
}

/// The options of [`approx_ndcg`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApproxNdcg {
    /// What differences of scores are divided by.
    pub temperature: f64,
    /// What an item is worth.
    pub gain: Gain,
    /// How the lists become one number.
    pub reduction: Reduction,
}

/// RankNet over lists of the given lengths, one after the other: `ln(1 + exp(−σ·d))` or `max(0, m − d)` of each pair of
/// different relevance in a list. A list without such a pair has no term.
pub fn rank_net(scores: &[f64], relevance: &[f64], lengths: &[usize], options: &RankNet) -> Evaluation {
    by_list(scores, relevance, lengths, options.reduction, |tape, scores, relevance| {
        let cost = |(i, j): (usize, usize)| {
            let apart = scores[i] - scores[j];
            match options.form {
                RankNetForm::Logistic => (-(apart * options.sigma)).softplus(),
                RankNetForm::Hinge => (options.margin - apart).max0(),
            }
        };
        let ordered = pairs(relevance.len()).filter(|&(i, j)| relevance[i] > relevance[j]);
        let costs: Vec<Var> = ordered.map(cost).collect();
        let scale = match options.pairs {
            PairReduction::Mean => 1.0 / costs.len() as f64,
            PairReduction::Sum => 1.0,
        };
        (!costs.is_empty()).then(|| tape.sum(&costs) * scale)
    })
}

/// LambdaRank and LambdaLoss: `w_ij · log₂(1 + exp(−σ(s_i − s_j)))` summed over the pairs of a list, with weights from the
/// current ranks, equal scores in the order of the rows. A list without a relevant item has no term.
pub fn lambda_loss(scores: &[f64], relevance: &[f64], lengths: &[usize], options: &LambdaLoss) -> Evaluation {
    by_list(scores, relevance, lengths, options.reduction, |tape, scores, relevance| {
        let k = options.k.unwrap_or(usize::MAX);
        let gains = normalized_gains(relevance, options.gain, k)?;
        let ahead = |i: usize, j: usize| {
            let (own, other) = (scores[i].value(), scores[j].value());
            other > own || (other == own && j < i)
        };
        let rank = |i: usize| 1 + (0..scores.len()).filter(|&j| ahead(i, j)).count();
        let ranks: Vec<usize> = (0..scores.len()).map(rank).collect();
        // 1 / D
        let discount = |rank: usize| 1.0 / (1.0 + rank as f64).log2();
        let weight = |(i, j): (usize, usize)| {
            let (a, b) = (ranks[i], ranks[j]);
            if a > k && b > k {
                return 0.0;
            }
            let of_rank = |rank: usize| if rank <= k { discount(rank) } else { 0.0 };
            let swap = (of_rank(a) - of_rank(b)).abs();
            let gap = (discount(a.abs_diff(b)) - discount(a.abs_diff(b) + 1)).abs();
            let gained = gains[i] - gains[j];
            match options.weighting {
                LambdaWeighting::NdcgLoss1 => gains[i] * discount(a),
                _ if relevance[i] <= relevance[j] => 0.0,
                LambdaWeighting::LambdaRank => gained * swap,
                LambdaWeighting::NdcgLoss2 => gained * gap,
                LambdaWeighting::NdcgLoss2PlusPlus => gained * (swap + options.mu * gap),
            }
        };
        let cost = |(i, j): (usize, usize)| {
            let logistic = (-((scores[i] - scores[j]) * options.sigma)).softplus() / std::f64::consts::LN_2;
            logistic * weight((i, j))
        };
        Some(tape.sum(&pairs(relevance.len()).map(cost).collect::<Vec<Var>>()))
    })
}

/// ListNet by the first rank: the cross-entropy of the softmax of the relevance and that of the scores. A list without a
/// relevant item has no term.
pub fn list_net(scores: &[f64], relevance: &[f64], lengths: &[usize], options: &ListNet) -> Evaluation {
    by_list(scores, relevance, lengths, options.reduction, |tape, scores, relevance| {
        let highest = highest(relevance)?;
        let total: f64 = relevance.iter().map(|grade| (grade - highest).exp()).sum();
        let all = tape.log_sum_exp(scores);
        let share = |i: usize| (relevance[i] - highest).exp() / total;
        Some(tape.sum(&(0..scores.len()).map(|i| (all - scores[i]) * share(i)).collect::<Vec<Var>>()))
    })
}

/// ListMLE: `Σ_r ln Σ_{q≥r} exp(s_q) − s_r` in the order of the relevance. A list without a relevant item has no term.
pub fn list_mle(scores: &[f64], relevance: &[f64], lengths: &[usize], options: &ListMle) -> Evaluation {
    by_list(scores, relevance, lengths, options.reduction, |tape, scores, relevance| {
        highest(relevance)?;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&i, &j| {
            let by_score = scores[j].value().total_cmp(&scores[i].value());
            let tied = if options.ties == RelevanceTies::ByScore { by_score } else { i.cmp(&j) };
            relevance[j].total_cmp(&relevance[i]).then(tied)
        });
        let ordered: Vec<Var> = order.iter().map(|&i| scores[i]).collect();
        let place = |r: usize| tape.log_sum_exp(&ordered[r..]) - ordered[r];
        Some(tape.sum(&(0..ordered.len()).map(place).collect::<Vec<Var>>()))
    })
}

/// ApproxNDCG: `1 − Σ G_i / log₂(1 + r_i)` with `r_i = 1 + Σ_{j≠i} sigmoid((s_j − s_i)/T)`. A list without a relevant
/// item has no term.
pub fn approx_ndcg(scores: &[f64], relevance: &[f64], lengths: &[usize], options: &ApproxNdcg) -> Evaluation {
    by_list(scores, relevance, lengths, options.reduction, |tape, scores, relevance| {
        let gains = normalized_gains(relevance, options.gain, usize::MAX)?;
        let gained = |i: usize| {
            let above = (0..scores.len()).filter(|&j| j != i).map(|j| {
                let step = (scores[j] - scores[i]) / options.temperature;
                step.map(sigmoid(step.value()), sigmoid(step.value()) * sigmoid(-step.value()))
            });
            let rank = tape.sum(&above.collect::<Vec<Var>>()) + 1.0;
            let log = rank.map((1.0 + rank.value()).log2(), 1.0 / ((1.0 + rank.value()) * std::f64::consts::LN_2));
            tape.constant(gains[i]) / log
        };
        Some(1.0 - tape.sum(&(0..scores.len()).map(gained).collect::<Vec<Var>>()))
    })
}

/// All ordered pairs of different items.
fn pairs(items: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..items).flat_map(move |i| (0..items).filter(move |&j| j != i).map(move |j| (i, j)))
}

/// The highest grade, or nothing where none is above 0.
fn highest(relevance: &[f64]) -> Option<f64> {
    relevance.iter().copied().filter(|grade| *grade > 0.0).reduce(f64::max)
}

/// Each gain over the DCG of the best order, or nothing where no item is relevant.
fn normalized_gains(relevance: &[f64], gain: Gain, k: usize) -> Option<Vec<f64>> {
    highest(relevance)?;
    let gain = |grade: &f64| match gain {
        Gain::Exponential => grade.exp2() - 1.0,
        Gain::Linear => *grade,
    };
    let gains: Vec<f64> = relevance.iter().map(gain).collect();
    let mut best = gains.clone();
    best.sort_by(|a, b| b.total_cmp(a));
    let best: f64 = best.iter().take(k).enumerate().map(|(i, gain)| gain / (i as f64 + 2.0).log2()).sum();
    Some(gains.iter().map(|gain| gain / best).collect())
}

/// A term for each list, by its scores and relevance.
fn by_list(
    scores: &[f64],
    relevance: &[f64],
    lengths: &[usize],
    reduction: Reduction,
    term: impl for<'t> Fn(&'t Tape, &[Var<'t>], &[f64]) -> Option<Var<'t>>,
) -> Evaluation {
    assert_eq!(lengths.iter().sum::<usize>(), scores.len(), "a list for each item");
    assert_eq!(scores.len(), relevance.len(), "a relevance for each item");
    let tape = Tape::default();
    let scores = tape.variables(scores);
    let ends = lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end - length..*end)
    });
    let of_list = |items: Range<usize>| term(&tape, &scores[items.clone()], &relevance[items]);
    let terms: Vec<Option<Var>> = ends.map(of_list).collect();
    let values = terms.iter().map(|term| term.map_or(0.0, |term| term.value())).collect();
    Evaluation::new(reduce_valid(&tape, &terms, reduction), values, &[&scores])
}
