//! What the papers let expect beside what a run measured.

use super::{Way, measures::FIRST, methods::Method, results::Results};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::Check,
};

/// Each expectation for a data set.
pub fn checks(results: &Results) -> Vec<Check> {
    let key = &results.set.key;
    let check = |name: String, expected: &str, difference: Difference, holds: bool| Check {
        name: format!("{key}: {name}, NDCG@10"),
        expected: expected.to_owned(),
        measured: difference.text(),
        holds,
    };
    let better = |a: Way, b: Way| {
        let difference = results.difference(FIRST, a, b);
        let name = format!("{} against {}", a.title(), b.title());
        check(name, "better, p < 0.05", difference, difference.is_gain())
    };
    let mut checks = Vec::new();
    let trained = Way::Trained;
    if results.has(Method::Regression) {
        checks.push(better(trained(Method::Regression), Way::OneFeature));
        let ranking = results.ranking_losses();
        checks.extend(ranking.into_iter().map(|loss| better(trained(loss), trained(Method::Regression))));
    }
    if results.has(Method::RankNet) && results.has(Method::LambdaRank) {
        checks.push(better(trained(Method::LambdaRank), trained(Method::RankNet)));
    }
    if results.has(Method::LambdaRank) && results.has(Method::NdcgLoss2PlusPlus) {
        checks.push(better(trained(Method::NdcgLoss2PlusPlus), trained(Method::LambdaRank)));
    }
    if results.has(Method::RankNet) && results.has(Method::RankNetHinge) {
        let difference = results.difference(FIRST, trained(Method::RankNetHinge), trained(Method::RankNet));
        let name = "RankNet as hinge against RankNet".to_owned();
        checks.push(check(name, "no significant difference", difference, !difference.is_significant()));
    }
    if results.set.is_of_clicks() && results.has(Method::LambdaRank) {
        checks.push(better(trained(Method::LambdaRank), Way::Shown));
        checks.push(better(Way::OnTruth, trained(Method::LambdaRank)));
    }
    checks
}
