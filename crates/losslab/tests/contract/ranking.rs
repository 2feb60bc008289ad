//! Losses over ranked lists: their forms for the list of all losses, their lists and ranges, failures of other libraries.

use crate::subjects::{ROWS, Subject, WIDTH, device, gradients, to_vec, values};
use burn::tensor::{Tensor, TensorData};
use losslab::metrics::{Gain, Rankings};
use losslab::*;

/// Lists of 7, 1, 12, 5, 8, 4 and 3 items, of which one has no relevant item and one has items of one grade only.
const LENGTHS: [usize; 7] = [7, 1, 12, 5, 8, 4, 3];

fn lists() -> QueryLists {
    QueryLists::try_from_lengths(&LENGTHS).unwrap()
}

fn grades() -> Vec<f32> {
    let grade = |(list, length): (usize, &usize)| {
        (0..*length).map(move |item| match list {
            3 => 0.0,
            6 => 2.0,
            _ => [2.0, 0.0, 1.0, 0.0, 0.5][item % 5],
        })
    };
    LENGTHS.iter().enumerate().flat_map(grade).collect()
}

/// All losses over lists, by name, each with its terms under a sum.
type Ranking = Box<dyn Fn(Tensor<1>, Tensor<1>, &QueryLists, Option<Reduction>) -> Tensor<1>>;

macro_rules! ranking {
    ($all:ident, $name:literal, $config:expr) => {
        let ranking: Ranking = Box::new(move |scores, relevance, lists, reduction| match reduction {
            Some(reduction) => $config.with_reduction(reduction).init().forward(scores, relevance, lists),
            None => $config.init().forward_no_reduction(scores, relevance, lists),
        });
        $all.push(($name, ranking));
    };
}

fn losses() -> Vec<(&'static str, Ranking)> {
    let mut all = vec![];
    for form in [RankNetForm::Logistic, RankNetForm::Hinge] {
        for pairs in [PairReduction::Mean, PairReduction::Sum] {
            ranking!(all, "rank-net", RankNetLossConfig::new().with_form(form).with_pairs(pairs).with_margin(0.7));
        }
    }
    for weighting in [
        LambdaWeighting::LambdaRank,
        LambdaWeighting::NdcgLoss1,
        LambdaWeighting::NdcgLoss2,
        LambdaWeighting::NdcgLoss2PlusPlus,
    ] {
        for k in [None, Some(3)] {
            ranking!(all, "lambda-loss", LambdaLossConfig::new().with_weighting(weighting).with_k(k).with_sigma(1.5));
        }
    }
    ranking!(all, "lambda-loss", LambdaLossConfig::new().with_gain(Gain::Linear));
    ranking!(all, "list-net", ListNetLossConfig::new());
    for ties in [RelevanceTies::ByOrder, RelevanceTies::ByScore] {
        ranking!(all, "list-mle", ListMleLossConfig::new().with_ties(ties));
    }
    for gain in [Gain::Exponential, Gain::Linear] {
        ranking!(all, "approx-ndcg", ApproxNdcgLossConfig::new().with_temperature(0.5).with_gain(gain));
    }
    all
}

/// For the list of all losses: the scores are a matrix made flat.
pub fn subjects() -> Vec<Subject> {
    assert_eq!(LENGTHS.iter().sum::<usize>(), ROWS * WIDTH);
    let relevance = || Tensor::<1>::from_data(grades().as_slice(), &device());
    let subject = |(name, loss): (&'static str, Ranking)| {
        let loss = std::rc::Rc::new(loss);
        let terms = loss.clone();
        Subject {
            name,
            shapes: vec![[ROWS, WIDTH]],
            probabilities: vec![false],
            forward: Box::new(move |t, r| loss(t[0].clone().reshape([-1]), relevance(), &lists(), Some(r))),
            terms: Box::new(move |t| terms(t[0].clone().reshape([-1]), relevance(), &lists(), None)),
        }
    };
    losses().into_iter().map(subject).collect()
}

fn tensor(values: &[f64]) -> Tensor<1> {
    Tensor::from_data(TensorData::from(values), &device().autodiff())
}

/// Value and gradient of a loss of lists.
fn evaluate(loss: &Ranking, scores: &[f64], relevance: &[f64], lengths: &[usize]) -> (f64, Vec<f32>) {
    let data = TensorData::new(scores.to_vec(), [1, scores.len()]);
    let scores = Tensor::<2>::from_data(data, &device().autodiff()).require_grad();
    let lists = QueryLists::try_from_lengths(lengths).unwrap();
    let value = loss(scores.clone().reshape([-1]), tensor(relevance), &lists, Some(Reduction::Mean));
    let (value, mut found) = gradients(&[scores], value);
    (value, found.remove(0))
}

#[test]
fn every_hyperparameter_out_of_its_range_is_refused_by_name() {
    let text = |error: Option<ConfigError>| error.expect("an error").to_string();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let message = text(RankNetLossConfig::new().with_sigma(bad).try_init().err());
        assert_eq!(message, format!("rank-net: sigma must be above 0, but is {bad}"));
        let message = text(RankNetLossConfig::new().with_margin(bad).try_init().err());
        assert_eq!(message, format!("rank-net: margin must be above 0, but is {bad}"));
        let message = text(LambdaLossConfig::new().with_sigma(bad).try_init().err());
        assert_eq!(message, format!("lambda-loss: sigma must be above 0, but is {bad}"));
        let message = text(ApproxNdcgLossConfig::new().with_temperature(bad).try_init().err());
        assert_eq!(message, format!("approx-ndcg: temperature must be at least 0.000001, but is {bad}"));
    }
    assert_eq!(
        text(LambdaLossConfig::new().with_mu(-0.5).try_init().err()),
        "lambda-loss: mu must be at least 0, but is -0.5"
    );
    assert_eq!(
        text(LambdaLossConfig::new().with_k(Some(0)).try_init().err()),
        "lambda-loss: k must be at least 1, but is 0"
    );
}

#[test]
fn lists_say_what_is_wrong_with_them() {
    let text = |result: Result<QueryLists, InputError>| result.unwrap_err().to_string();
    assert_eq!(
        text(QueryLists::try_from_lengths(&[3, 0])),
        "query-lists: lengths must be at least 1, but element 1 is 0"
    );
    assert_eq!(
        text(QueryLists::try_from_query_ids(&[4, 4, -1, 4])),
        "query-lists: query ids must be in one piece for each query, but element 3 is 4 again"
    );
    let ids = QueryLists::try_from_query_ids(&[i64::MAX, i64::MAX, i64::MIN]).unwrap();
    assert_eq!((ids.len(), ids.items(), ids.lengths()), (2, 3, [2, 1].as_slice()));
    assert_eq!(ids.ids(), [0, 0, 1]);
    assert!(QueryLists::try_from_query_ids(&[]).unwrap().is_empty());
}

#[test]
fn relevance_must_fit_and_be_finite_and_not_negative() {
    let lists = QueryLists::try_from_lengths(&[2]).unwrap();
    let loss = ListNetLossConfig::new().init();
    let error =
        |relevance: &[f64]| loss.try_forward(tensor(&[0.0, 1.0]), tensor(relevance), &lists).unwrap_err().to_string();
    assert_eq!(error(&[1.0]), "list-net: relevance must have shape [2] (one for each score), but has [1]");
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let expected = format!("list-net: relevance must be finite and at least 0, but element 1 is {bad}");
        assert_eq!(error(&[0.0, bad]), expected);
    }
}

#[test]
fn no_list_that_counts_is_zero_and_attached() {
    for (name, loss) in losses() {
        let (value, gradient) = evaluate(&loss, &[0.3, -2.0, 1.0], &[0.0; 3], &[2, 1]);
        assert_eq!((value, gradient), (0.0, vec![0.0; 3]), "{name}");
        let scores = Tensor::<1>::zeros([0], &device().autodiff()).require_grad();
        let nothing = QueryLists::default();
        let found = loss(scores.clone(), tensor(&[]), &nothing, Some(Reduction::Mean));
        assert_eq!(to_vec(found.clone()), [0.0], "{name}");
        assert_eq!(scores.grad(&found.backward()).unwrap().dims(), [0], "{name}");
        assert_eq!(loss(scores, tensor(&[]), &nothing, None).dims(), [0], "{name}");
    }
}

/// Lists that don't count change nothing, and neither does the place of a list.
#[test]
fn a_list_counts_by_itself() {
    for (name, loss) in losses() {
        let alone = evaluate(&loss, &[0.3, -1.0, 2.0], &[0.0, 2.0, 1.0], &[3]);
        let among = evaluate(&loss, &[5.0, 1.0, 0.3, -1.0, 2.0, 9.0], &[0.0, 0.0, 0.0, 2.0, 1.0, 0.0], &[2, 3, 1]);
        assert_eq!(alone.0, among.0, "{name}");
        assert_eq!(among.1[2..5], alone.1, "{name}");
        assert!(among.1[..2].iter().chain(&among.1[5..]).all(|slope| *slope == 0.0), "{name}");
    }
}

#[test]
fn row_16_list_mle_of_the_right_order_far_apart_is_nothing() {
    let loss = |scores: &[f64]| {
        let all = losses();
        let (_, loss) = all.iter().find(|(name, _)| *name == "list-mle").unwrap();
        evaluate(loss, scores, &[1.0, 0.0], &[2])
    };
    let (value, gradient) = loss(&[200.0, 0.0]);
    assert!(value < 1e-80 && gradient.iter().all(|slope| slope.abs() < 1e-30), "{value} {gradient:?}");
    let (value, gradient) = loss(&[30.0, 0.0]);
    assert!(value > 0.0 && value < 1e-12 && gradient[0] < 0.0 && gradient[1] > 0.0, "{value} {gradient:?}");
}

#[test]
fn row_17_list_net_of_the_worst_order_far_apart_keeps_its_gradient() {
    let all = losses();
    let (_, loss) = all.iter().find(|(name, _)| *name == "list-net").unwrap();
    let (value, gradient) = evaluate(loss, &[0.0, 200.0], &[5.0, 0.0], &[2]);
    assert!((value - 200.0 / (1.0 + (-5f64).exp())).abs() < 1e-4, "{value}");
    assert!(gradient[0] < -0.99 && gradient[1] > 0.99, "{gradient:?}");
}

#[test]
fn row_18_all_labels_tied_is_finite() {
    for (name, loss) in losses() {
        let (value, gradient) = evaluate(&loss, &[0.3, -1.0, 2.0], &[1.0; 3], &[3]);
        assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()), "{name}");
        if name == "rank-net" {
            assert_eq!((value, gradient), (0.0, vec![0.0; 3]));
        }
    }
}

/// No value of the relevance or the score stands for "no item": the shorter list isn't filled up.
#[test]
fn row_20_unequal_lists_need_no_filling() {
    for (name, loss) in losses() {
        let (a, b) = (([0.5, -1.0, 0.1], [0.0, 1.0, 2.0]), ([1.0, 3.0], [1.0, 0.0]));
        let first = evaluate(&loss, &a.0, &a.1, &[3]).0;
        let second = evaluate(&loss, &b.0, &b.1, &[2]).0;
        let both = evaluate(&loss, &[a.0.as_slice(), &b.0].concat(), &[a.1.as_slice(), &b.1].concat(), &[3, 2]).0;
        assert!((both - (first + second) / 2.0).abs() < 1e-6 * both, "{name}: {both} of {first} and {second}");
    }
}

#[test]
fn complaint_40_loss_and_metric_agree() {
    let scores: Vec<f64> = values(3, 20).into_iter().map(f64::from).collect();
    let relevance: Vec<f64> = (0..20).map(|item| [0.0, 3.0, 1.0, 0.0, 2.0][item % 5]).collect();
    let lists = QueryLists::try_from_lengths(&[9, 11]).unwrap();
    for gain in [Gain::Exponential, Gain::Linear] {
        let loss = ApproxNdcgLossConfig::new().with_temperature(1e-5).with_gain(gain).init();
        let value = loss.forward(tensor(&scores), tensor(&relevance), &lists).into_scalar::<f64>();
        let metric = Rankings::try_new(&scores, &relevance, &lists.ids()).unwrap().ndcg(None, gain).unwrap();
        assert!((value - (1.0 - metric.mean)).abs() < 1e-6, "{gain:?}: {value} and {}", metric.mean);
    }
}

/// The weight of LambdaRank is what a swap changes in the metric, for every k.
#[test]
fn complaint_40_lambda_rank_weighs_by_the_metric() {
    let relevance = [0.0, 2.0, 0.0, 0.0, 0.0, 0.0];
    for k in [None, Some(2), Some(3)] {
        let ndcg = |scores: &[f64]| {
            let rankings = Rankings::try_new(scores, &relevance, &[1; 6]).unwrap();
            rankings.ndcg(k, Gain::Exponential).unwrap().mean
        };
        // One relevant item, on the fourth rank; the slope at the scores is Σ_j w_1j · σ(s_j − s_1) / ln 2.
        let scores = [4.0, 1.0, 2.0, 3.0, 0.0, -1.0];
        let swapped = |other: usize| {
            let mut scores = scores;
            scores.swap(1, other);
            (ndcg(&scores) - ndcg(&[4.0, 1.0, 2.0, 3.0, 0.0, -1.0])).abs()
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let others = [0, 2, 3, 4, 5];
        let pull: f64 = others.iter().map(|&j| swapped(j) * sigmoid(scores[j] - scores[1])).sum();
        let loss: Ranking =
            Box::new(move |s, y, lists, _| LambdaLossConfig::new().with_k(k).init().forward(s, y, lists));
        let (_, gradient) = evaluate(&loss, &scores, &relevance, &[6]);
        let expected = -pull / std::f64::consts::LN_2;
        assert!((f64::from(gradient[1]) - expected).abs() < 1e-6, "{k:?}: {} instead of {expected}", gradient[1]);
    }
}

/// A network that begins with a constant score must be able to leave it.
#[test]
fn equal_scores_are_left() {
    for (name, loss) in losses() {
        let (_, gradient) = evaluate(&loss, &[0.0; 4], &[0.0, 0.0, 0.0, 1.0], &[4]);
        assert!(gradient[3] < 0.0, "{name}: {gradient:?}");
    }
}
