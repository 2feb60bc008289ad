//! Losses over ranked lists.

use super::{Case, Evaluated, Loss, NO_KERNEL, REDUCTION};
use crate::saved::{Input, Parameter, input, parameter};
use anyhow::Result;
use burn::tensor::{DType, Tensor, TensorData};
use losslab::{
    ApproxNdcgLossConfig, Gain, InputError, LambdaLossConfig, LambdaWeighting, ListMleLossConfig, ListNetLossConfig,
    PairReduction, QueryLists, RankNetForm, RankNetLossConfig, RelevanceTies,
};
use losslab_kernels::reference::{self, Evaluation};

const LISTS: &[Input] =
    &[input("scores", "float", "[n]"), input("relevance", "int or float", "[n]"), input("query", "int", "[n]")];
const SIGMA: Parameter = parameter("sigma", "1", "a number above 0", "the slope of the logistic function");
const GAIN: Parameter = parameter("gain", "exponential", "exponential | linear", "2^grade − 1, or the grade");

pub const RANK_NET: Loss = Loss {
    name: "rank-net",
    summary: "pairs of items in the wrong order, for ranking where all pairs matter alike",
    inputs: LISTS,
    hyperparameters: &[
        parameter("form", "logistic", "logistic | hinge", "what a pair costs"),
        SIGMA,
        parameter("margin", "1", "a number above 0", "how far ahead the better item must be in the hinge"),
        parameter("pairs", "mean", "mean | sum", "how the pairs of a list become its term"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: rank_net,
};

pub const LAMBDA_LOSS: Loss = Loss {
    name: "lambda-loss",
    summary: "pairs weighted by what they mean for the NDCG: LambdaRank and LambdaLoss",
    inputs: LISTS,
    hyperparameters: &[
        parameter(
            "weighting",
            "lambda-rank",
            "lambda-rank | ndcg-loss1 | ndcg-loss2 | ndcg-loss2-plus-plus",
            "what a pair weighs",
        ),
        SIGMA,
        parameter("mu", "10", "a number, at least 0", "the weight of ndcg-loss2 in ndcg-loss2-plus-plus"),
        GAIN,
        parameter("k", "none", "a whole number above 0, or none", "only pairs with an item in the first k ranks count"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: lambda_loss,
};

pub const LIST_NET: Loss = Loss {
    name: "list-net",
    summary: "which item of a list comes first, as a distribution",
    inputs: LISTS,
    hyperparameters: &[REDUCTION],
    paths: NO_KERNEL,
    evaluate: list_net,
};

pub const LIST_MLE: Loss = Loss {
    name: "list-mle",
    summary: "the likelihood of the order by relevance",
    inputs: LISTS,
    hyperparameters: &[
        parameter("ties", "by-order", "by-order | by-score", "the order of items of equal relevance"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: list_mle,
};

pub const APPROX_NDCG: Loss = Loss {
    name: "approx-ndcg",
    summary: "1 − NDCG with ranks made smooth",
    inputs: LISTS,
    hyperparameters: &[
        parameter("temperature", "0.1", "a number, at least 1e-6", "lower is nearer to the NDCG, and flatter"),
        GAIN,
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: approx_ndcg,
};

fn rank_net(case: &Case) -> Result<Evaluated> {
    let set = &case.assignments;
    let (form, pairs) = (set.choice::<RankNetForm>("form")?, set.choice::<PairReduction>("pairs")?);
    let (sigma, margin, reduction) = (set.number("sigma", 1.0)?, set.number("margin", 1.0)?, set.choice("reduction")?);
    let loss = RankNetLossConfig::new()
        .with_form(form)
        .with_sigma(sigma)
        .with_margin(margin)
        .with_pairs(pairs)
        .with_reduction(reduction)
        .try_init()?;
    let options = reference::RankNet { form, sigma, margin, pairs, reduction };
    over_lists(case, |s, y, lists| loss.try_forward(s, y, lists), |s, y, n| reference::rank_net(s, y, n, &options))
}

fn lambda_loss(case: &Case) -> Result<Evaluated> {
    let set = &case.assignments;
    let (weighting, gain) = (set.choice::<LambdaWeighting>("weighting")?, set.choice::<Gain>("gain")?);
    let (sigma, mu, k) = (set.number("sigma", 1.0)?, set.number("mu", 10.0)?, set.count_or_none("k")?);
    let reduction = set.choice("reduction")?;
    let loss = LambdaLossConfig::new()
        .with_weighting(weighting)
        .with_sigma(sigma)
        .with_mu(mu)
        .with_gain(gain)
        .with_k(k)
        .with_reduction(reduction)
        .try_init()?;
    let options = reference::LambdaLoss { weighting, sigma, mu, gain, k, reduction };
    over_lists(case, |s, y, lists| loss.try_forward(s, y, lists), |s, y, n| reference::lambda_loss(s, y, n, &options))
}

fn list_net(case: &Case) -> Result<Evaluated> {
    let reduction = case.assignments.choice("reduction")?;
    let loss = ListNetLossConfig::new().with_reduction(reduction).try_init()?;
    let options = reference::ListNet { reduction };
    over_lists(case, |s, y, lists| loss.try_forward(s, y, lists), |s, y, n| reference::list_net(s, y, n, &options))
}

fn list_mle(case: &Case) -> Result<Evaluated> {
    let set = &case.assignments;
    let (ties, reduction) = (set.choice::<RelevanceTies>("ties")?, set.choice("reduction")?);
    let loss = ListMleLossConfig::new().with_ties(ties).with_reduction(reduction).try_init()?;
    let options = reference::ListMle { ties, reduction };
    over_lists(case, |s, y, lists| loss.try_forward(s, y, lists), |s, y, n| reference::list_mle(s, y, n, &options))
}

fn approx_ndcg(case: &Case) -> Result<Evaluated> {
    let set = &case.assignments;
    let (temperature, gain) = (set.number("temperature", 0.1)?, set.choice::<Gain>("gain")?);
    let reduction = set.choice("reduction")?;
    let config = ApproxNdcgLossConfig::new().with_temperature(temperature).with_gain(gain);
    let loss = config.with_reduction(reduction).try_init()?;
    let options = reference::ApproxNdcg { temperature, gain, reduction };
    over_lists(case, |s, y, lists| loss.try_forward(s, y, lists), |s, y, n| reference::approx_ndcg(s, y, n, &options))
}

/// Evaluates a loss, or its reference, on the lists of a case.
fn over_lists(
    case: &Case,
    forward: impl FnOnce(Tensor<1>, Tensor<1>, &QueryLists) -> Result<Tensor<1>, InputError>,
    reference: impl FnOnce(&[f64], &[f64], &[usize]) -> Evaluation,
) -> Result<Evaluated> {
    let tensors = case.tensors;
    let lists = QueryLists::try_from_query_ids(&tensors.integers("query"))?;
    let (scores, grades) = (tensors.float::<1>("scores"), tensors.numbers("relevance"));
    let relevance = TensorData::from(grades.as_slice());
    let relevance = Tensor::from_data(relevance, (&scores.device(), DType::F64));
    let value = forward(scores.clone(), relevance, &lists)?;
    Ok(case.finish(value, &[("scores", scores)], || reference(&tensors.floats("scores"), &grades, lists.lengths())))
}
