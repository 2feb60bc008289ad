//! Ranking losses: finite differences, values by hand, and the edges of their definition.

use crate::support::*;
use losslab_kernels::options::*;
use losslab_kernels::reference::*;

pub const WEIGHTINGS: [LambdaWeighting; 4] = [
    LambdaWeighting::LambdaRank,
    LambdaWeighting::NdcgLoss1,
    LambdaWeighting::NdcgLoss2,
    LambdaWeighting::NdcgLoss2PlusPlus,
];
const GAINS: [Gain; 2] = [Gain::Exponential, Gain::Linear];

/// Lists of 4, 1, 3, 2, 2 and 1 items: ties, none relevant, all of one grade, one item.
const LENGTHS: [usize; 6] = [4, 1, 3, 2, 2, 1];
const RELEVANCE: [f64; 13] = [1.0, 0.0, 2.0, 0.0, 3.0, 1.0, 0.0, 4.0, 0.0, 0.0, 2.0, 2.0, 0.0];

fn draw(random: &mut Random) -> Vec<Vec<f64>> {
    vec![random.numbers(RELEVANCE.len(), -2.0, 2.0)]
}

fn rank_net_options() -> RankNet {
    RankNet {
        form: RankNetForm::Logistic,
        sigma: 1.0,
        margin: 1.0,
        pairs: PairReduction::Mean,
        reduction: Reduction::Mean,
    }
}

fn lambda_options() -> LambdaLoss {
    LambdaLoss {
        weighting: LambdaWeighting::LambdaRank,
        sigma: 1.0,
        mu: 10.0,
        gain: Gain::Exponential,
        k: None,
        reduction: Reduction::Mean,
    }
}

fn approx_options() -> ApproxNdcg {
    ApproxNdcg { temperature: 0.5, gain: Gain::Exponential, reduction: Reduction::Mean }
}

/// A loss of scores, relevance and the lengths of lists.
type Loss = Box<dyn Fn(&[f64], &[f64], &[usize]) -> Evaluation>;

/// Every loss in every form, by its name.
fn losses(reduction: Reduction) -> Vec<(String, Loss)> {
    let mut all: Vec<(String, Loss)> = vec![];
    for pairs in [PairReduction::Mean, PairReduction::Sum] {
        for form in [RankNetForm::Logistic, RankNetForm::Hinge] {
            let options = RankNet { form, sigma: 1.3, margin: 0.8, pairs, reduction };
            all.push((format!("{options:?}"), Box::new(move |s, y, n| rank_net(s, y, n, &options))));
        }
    }
    for gain in GAINS {
        for weighting in WEIGHTINGS {
            for k in [None, Some(1), Some(2)] {
                let options = LambdaLoss { weighting, sigma: 0.7, mu: 3.0, gain, k, reduction };
                all.push((format!("{options:?}"), Box::new(move |s, y, n| lambda_loss(s, y, n, &options))));
            }
        }
        let options = ApproxNdcg { temperature: 0.4, gain, reduction };
        all.push((format!("{options:?}"), Box::new(move |s, y, n| approx_ndcg(s, y, n, &options))));
    }
    let options = ListNet { reduction };
    all.push((format!("{options:?}"), Box::new(move |s, y, n| list_net(s, y, n, &options))));
    for ties in [RelevanceTies::ByOrder, RelevanceTies::ByScore] {
        let options = ListMle { ties, reduction };
        all.push((format!("{options:?}"), Box::new(move |s, y, n| list_mle(s, y, n, &options))));
    }
    all
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for reduction in REDUCTIONS {
        for (name, loss) in losses(reduction) {
            check(&name, reduction, draw, |inputs| loss(&inputs[0], &RELEVANCE, &LENGTHS));
        }
    }
}

#[test]
fn a_nan_score_shows_in_a_list_that_counts_only() {
    let clean = Random::new(5).numbers(RELEVANCE.len(), -1.0, 1.0);
    for reduction in REDUCTIONS {
        for (name, loss) in losses(reduction) {
            let mut broken = clean.clone();
            broken[3] = f64::NAN;
            assert!(loss(&broken, &RELEVANCE, &LENGTHS).value.is_nan(), "{name}");
            let mut ignored = clean.clone();
            ignored[12] = f64::NAN;
            assert_eq!(loss(&ignored, &RELEVANCE, &LENGTHS).value, loss(&clean, &RELEVANCE, &LENGTHS).value, "{name}");
        }
    }
}

#[test]
fn lists_without_a_relevant_item_are_nothing() {
    for reduction in REDUCTIONS {
        for (_, loss) in losses(reduction) {
            assert_nothing(&loss(&[0.3, -1.0, 2.0], &[0.0; 3], &[2, 1]));
            assert_nothing(&loss(&[], &[], &[]));
        }
    }
}

#[test]
fn saturated_and_equal_scores_stay_finite() {
    let edges: [[f64; 3]; 4] = [[0.0; 3], [1e4, -1e4, 1e4], [1e8, 0.0, -1e8], [1e-300, 0.0, -1e-300]];
    for scores in edges {
        for (name, loss) in losses(Reduction::Mean) {
            for relevance in [[2.0, 0.0, 1.0], [0.0, 1.0, 0.0]] {
                assert_finite(&name, &loss(&scores, &relevance, &[3]));
            }
        }
    }
}

#[test]
fn rank_net_by_hand() {
    let softplus = |x: f64| x.exp().ln_1p();
    // Items 0 and 2 are better than item 1, item 0 better than item 2.
    let costs = [softplus(0.5 - 1.0), softplus(2.0 - 1.0), softplus(0.5 - 2.0)];
    let found = rank_net(&[1.0, 0.5, 2.0], &[2.0, 0.0, 1.0], &[3], &rank_net_options());
    assert_close(found.value, costs.iter().sum::<f64>() / 3.0);
    let hinge = RankNet { form: RankNetForm::Hinge, pairs: PairReduction::Sum, ..rank_net_options() };
    assert_close(rank_net(&[1.0, 0.5, 2.0], &[2.0, 0.0, 1.0], &[3], &hinge).value, 0.5 + 2.0);
}

#[test]
fn lambda_loss_by_hand() {
    // Scores rank the irrelevant item first. G = 1, 1/D = 1 and 1/log₂3.
    let of =
        |weighting| lambda_loss(&[0.0, 1.0], &[1.0, 0.0], &[2], &LambdaLoss { weighting, ..lambda_options() }).value;
    let (cost, second) = ((1.0 + 1f64.exp()).log2(), 1.0 / 3f64.log2());
    assert_close(of(LambdaWeighting::LambdaRank), (1.0 - second) * cost);
    assert_close(of(LambdaWeighting::NdcgLoss1), second * cost);
    assert_close(of(LambdaWeighting::NdcgLoss2), (1.0 - second) * cost);
    assert_close(of(LambdaWeighting::NdcgLoss2PlusPlus), 11.0 * (1.0 - second) * cost);
}

/// What NDCG-Loss1 and NDCG-Loss2 were made for (Wang et al. 2018): they bound what is missing in the DCG from above.
#[test]
fn lambda_loss_bounds_the_missing_ndcg() {
    let mut random = Random::new(9);
    for _ in 0..200 {
        let relevance: Vec<f64> = random.numbers(7, 0.0, 3.0).iter().map(|grade| grade.floor()).collect();
        let scores = random.numbers(7, -2.0, 2.0);
        let mut ranked: Vec<usize> = (0..7).collect();
        ranked.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let dcg = |grades: &mut dyn Iterator<Item = f64>| {
            grades.enumerate().map(|(i, grade)| (grade.exp2() - 1.0) / (i as f64 + 2.0).log2()).sum::<f64>()
        };
        let mut best = relevance.clone();
        best.sort_by(|a, b| b.total_cmp(a));
        let best = dcg(&mut best.into_iter());
        if best == 0.0 {
            continue;
        }
        let got = dcg(&mut ranked.iter().map(|&i| relevance[i])) / best;
        let missing = relevance.iter().map(|grade| (grade.exp2() - 1.0) / best).sum::<f64>() - got;
        let loss = |weighting| {
            let options = LambdaLoss { weighting, ..lambda_options() };
            lambda_loss(&scores, &relevance, &[7], &options).value
        };
        assert!(loss(LambdaWeighting::NdcgLoss1) >= missing - 1e-12);
        assert!(loss(LambdaWeighting::NdcgLoss2) >= 1.0 - got - 1e-12);
    }
}

#[test]
fn list_losses_by_hand() {
    let (e, total) = (1f64.exp(), 1.0 + 1f64.exp());
    let list_net_value = list_net(&[0.0, 1.0], &[1.0, 0.0], &[2], &ListNet::default()).value;
    assert_close(list_net_value, e / total * total.ln() + 1.0 / total * (total.ln() - 1.0));
    assert_close(list_mle(&[0.0, 1.0], &[1.0, 0.0], &[2], &ListMle::default()).value, total.ln());
    // Two equal items: by the rows' order the second is last, by score it is first.
    let tied = |ties| list_mle(&[0.0, 1.0], &[1.0, 1.0], &[2], &ListMle { ties, ..Default::default() }).value;
    assert_close(tied(RelevanceTies::ByOrder), total.ln());
    assert_close(tied(RelevanceTies::ByScore), total.ln() - 1.0);
    let p = 1.0 / (1.0 + (-1.0 / 0.5f64).exp());
    let approx = approx_ndcg(&[0.0, 1.0], &[1.0, 0.0], &[2], &approx_options()).value;
    assert_close(approx, 1.0 - 1.0 / (2.0 + p).log2());
}

/// With a temperature near 0 the smooth ranks are the ranks.
#[test]
fn approx_ndcg_nears_the_ndcg() {
    let options = ApproxNdcg { temperature: 1e-4, ..approx_options() };
    let found = approx_ndcg(&[0.1, 0.3, 0.2], &[2.0, 0.0, 1.0], &[3], &options).value;
    let ndcg = (1.0 / 3f64.log2() + 3.0 / 2.0) / (3.0 + 1.0 / 3f64.log2());
    assert_close(found, 1.0 - ndcg);
}
