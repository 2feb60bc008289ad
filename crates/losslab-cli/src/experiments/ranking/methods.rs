//! The losses that are compared.

use super::settings::Settings;
use burn::tensor::Tensor;
use losslab::{
    ApproxNdcgLossConfig, LambdaLossConfig, LambdaWeighting, ListMleLossConfig, ListNetLossConfig, QueryLists,
    RankNetForm, RankNetLossConfig, RelevanceTies,
};
use serde::{Deserialize, Serialize};

/// What a network is trained with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The squared error of each item by itself: no ranking loss.
    Regression,
    /// Pairs, logistic.
    RankNet,
    /// Pairs, as a hinge.
    RankNetHinge,
    /// Pairs weighted by the change of the NDCG.
    LambdaRank,
    /// The same with NDCG-Loss2 beside it.
    #[serde(rename = "ndcg-loss2-plus-plus")]
    NdcgLoss2PlusPlus,
    /// The distribution over the first rank.
    ListNet,
    /// The likelihood of the order.
    ListMle,
    /// The smooth NDCG.
    ApproxNdcg,
}

/// A loss of scores and relevance of some lists.
pub type Cost = Box<dyn Fn(Tensor<1>, Tensor<1>, &QueryLists) -> Tensor<1>>;

impl Method {
    /// All of them, in the order of reports.
    pub const ALL: [Method; 8] = [
        Method::Regression,
        Method::RankNet,
        Method::RankNetHinge,
        Method::LambdaRank,
        Method::NdcgLoss2PlusPlus,
        Method::ListNet,
        Method::ListMle,
        Method::ApproxNdcg,
    ];

    /// Its name in `outcome.json`.
    pub fn name(self) -> &'static str {
        match self {
            Method::Regression => "regression",
            Method::RankNet => "rank-net",
            Method::RankNetHinge => "rank-net hinge",
            Method::LambdaRank => "lambda-rank",
            Method::NdcgLoss2PlusPlus => "ndcg-loss2++",
            Method::ListNet => "list-net",
            Method::ListMle => "list-mle",
            Method::ApproxNdcg => "approx-ndcg",
        }
    }

    /// Its name in the report.
    pub fn title(self) -> &'static str {
        match self {
            Method::Regression => "pointwise regression",
            Method::RankNet => "RankNet",
            Method::RankNetHinge => "RankNet as hinge",
            Method::LambdaRank => "LambdaRank",
            Method::NdcgLoss2PlusPlus => "NDCG-Loss2++",
            Method::ListNet => "ListNet",
            Method::ListMle => "ListMLE",
            Method::ApproxNdcg => "ApproxNDCG",
        }
    }

    /// The loss. Whatever has one more choice keeps its default, but for ListMLE: most items are tied at 0, and their
    /// order in the file means nothing.
    pub fn cost(self, settings: &Settings) -> Cost {
        match self {
            Method::Regression => Box::new(|scores, relevance, _| (scores - relevance).square().mean()),
            Method::RankNet => {
                let loss = RankNetLossConfig::new().init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
            Method::RankNetHinge => {
                let loss = RankNetLossConfig::new().with_form(RankNetForm::Hinge).with_margin(settings.margin).init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
            Method::LambdaRank => {
                let loss = LambdaLossConfig::new().init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
            Method::NdcgLoss2PlusPlus => {
                let loss = LambdaLossConfig::new().with_weighting(LambdaWeighting::NdcgLoss2PlusPlus).init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
            Method::ListNet => {
                let loss = ListNetLossConfig::new().init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
            Method::ListMle => {
                let loss = ListMleLossConfig::new().with_ties(RelevanceTies::ByScore).init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
            Method::ApproxNdcg => {
                let loss = ApproxNdcgLossConfig::new().with_temperature(settings.temperature).init();
                Box::new(move |scores, relevance, lists| loss.forward(scores, relevance, lists))
            }
        }
    }
}
