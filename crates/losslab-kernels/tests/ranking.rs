//! The kernels of ranking losses against the f64 reference.

use losslab_kernels::options::*;
use losslab_kernels::reference::{self, Evaluation};
use losslab_kernels::{ApproxNdcg, Dcg, LambdaLoss, ListLoss, ListMle, ListNet, Lists, RankNet, ranking};

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() * end as f64) as usize
    }
}

/// Lists of 1 to 40 items with grades 0 to 4, some without a relevant item, some scores equal.
fn batch(seed: u64, lists: usize) -> (Vec<f64>, Vec<f64>, Vec<usize>) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let lengths: Vec<usize> = (0..lists).map(|_| 1 + random.below(40)).collect();
    let (mut scores, mut relevance) = (vec![], vec![]);
    for &length in &lengths {
        let highest = random.below(5);
        // Multiples of 1/8: some are equal.
        scores.extend((0..length).map(|_| (random.below(64) as f64 - 32.0) / 8.0));
        relevance.extend((0..length).map(|_| random.below(highest + 1) as f64));
    }
    (scores, relevance, lengths)
}

fn close(found: f64, expected: f64, largest: f64) -> bool {
    (found - expected).abs() <= 1e-11 * largest.max(1e-3)
}

#[track_caller]
fn same(what: &str, loss: &impl ListLoss, seed: u64, reference: impl Fn(&[f64], &[f64], &[usize]) -> Evaluation) {
    let (scores, relevance, lengths) = batch(seed, 12);
    let expected = reference(&scores, &relevance, &lengths);
    let mut gradient = vec![f64::NAN; scores.len()];
    let lists = Lists { scores: &scores, relevance: &relevance, lengths: &lengths };
    let terms = ranking(loss, lists, Some(&mut gradient));
    assert_eq!(terms, ranking(loss, lists, None), "{what}: the value without a gradient");
    let largest = expected.terms.iter().copied().fold(0.0, f64::max);
    for (found, expected) in terms.iter().zip(&expected.terms) {
        assert!(close(found.unwrap_or(0.0), *expected, largest), "{what}: {found:?} instead of {expected}");
    }
    let largest = expected.gradients[0].iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (found, expected) in gradient.iter().zip(&expected.gradients[0]) {
        assert!(close(*found, *expected, largest), "{what}: gradient {found} instead of {expected}");
    }
}

#[test]
fn rank_net_is_the_reference() {
    for seed in 0..8 {
        for form in [RankNetForm::Logistic, RankNetForm::Hinge] {
            for pairs in [PairReduction::Mean, PairReduction::Sum] {
                // With margin 1 some pairs are at the kink.
                for (sigma, margin) in [(1.0, 1.0), (0.6, 0.3), (3.0, 2.7)] {
                    let loss = RankNet { form, sigma, margin, pairs };
                    let options = reference::RankNet { form, sigma, margin, pairs, reduction: Reduction::Sum };
                    same(&format!("{loss:?}"), &loss, seed, |s, y, n| reference::rank_net(s, y, n, &options));
                }
            }
        }
    }
}

#[test]
fn lambda_loss_is_the_reference() {
    let weightings = [
        LambdaWeighting::LambdaRank,
        LambdaWeighting::NdcgLoss1,
        LambdaWeighting::NdcgLoss2,
        LambdaWeighting::NdcgLoss2PlusPlus,
    ];
    for seed in 0..6 {
        for weighting in weightings {
            for gain in [Gain::Exponential, Gain::Linear] {
                for k in [None, Some(1), Some(5), Some(100)] {
                    let (sigma, mu, reduction) = (1.4, 2.5, Reduction::Sum);
                    let loss = LambdaLoss { weighting, sigma, mu, dcg: Dcg { gain, k, ..Dcg::default() } };
                    let options = reference::LambdaLoss { weighting, sigma, mu, gain, k, reduction };
                    same(&format!("{loss:?}"), &loss, seed, |s, y, n| reference::lambda_loss(s, y, n, &options));
                }
            }
        }
    }
}

#[test]
fn list_losses_are_the_reference() {
    let reduction = Reduction::Sum;
    for seed in 0..8 {
        same("list-net", &ListNet, seed, |s, y, n| reference::list_net(s, y, n, &reference::ListNet { reduction }));
        for ties in [RelevanceTies::ByOrder, RelevanceTies::ByScore] {
            let options = reference::ListMle { ties, reduction };
            same(&format!("{ties:?}"), &ListMle { ties }, seed, |s, y, n| reference::list_mle(s, y, n, &options));
        }
        for (temperature, gain) in [(0.1, Gain::Exponential), (1.0, Gain::Linear), (0.01, Gain::Linear)] {
            let loss = ApproxNdcg { temperature, dcg: Dcg { gain, ..Dcg::default() } };
            let options = reference::ApproxNdcg { temperature, gain, reduction };
            same(&format!("{loss:?}"), &loss, seed, |s, y, n| reference::approx_ndcg(s, y, n, &options));
        }
    }
}

/// A right order far ahead: the small gradients keep their digits.
#[test]
fn list_mle_keeps_small_gradients() {
    let scores = [90.0, 60.0, 20.0, 0.0];
    let mut gradient = [0.0; 4];
    let lists = Lists { scores: &scores, relevance: &[3.0, 2.0, 1.0, 0.0], lengths: &[4] };
    let terms = ranking(&ListMle::default(), lists, Some(&mut gradient));
    let expected = (-20f64).exp() + (-30f64).exp() + (-40f64).exp();
    assert!((terms[0].unwrap() / expected - 1.0).abs() < 1e-8);
    assert!((gradient[0] / -(-30f64).exp() - 1.0).abs() < 1e-10, "{}", gradient[0]);
    assert!((gradient[3] / (-20f64).exp() - 1.0).abs() < 1e-7, "{}", gradient[3]);
}

#[test]
fn a_long_list_of_many_grades_by_sorting() {
    let mut random = Random(77);
    let scores: Vec<f64> = (0..2000).map(|_| random.next() * 20.0 + 1e6).collect();
    let relevance: Vec<f64> = (0..2000).map(|_| (random.next() * 1000.0).floor() / 8.0).collect();
    let lists = Lists { scores: &scores, relevance: &relevance, lengths: &[2000] };
    let loss = RankNet { form: RankNetForm::Hinge, sigma: 1.0, margin: 1.0, pairs: PairReduction::Sum };
    let mut gradient = vec![0.0; 2000];
    let found = ranking(&loss, lists, Some(&mut gradient))[0].unwrap();
    let (mut total, mut slopes) = (0.0, vec![0.0; 2000]);
    for (i, upper) in scores.iter().enumerate() {
        for (j, lower) in scores.iter().enumerate().filter(|(j, _)| relevance[i] > relevance[*j]) {
            let cost = 1.0 - (upper - lower);
            if cost > 0.0 {
                total += cost;
                slopes[i] -= 1.0;
                slopes[j] += 1.0;
            }
        }
    }
    assert!((found / total - 1.0).abs() < 1e-12, "{found} instead of {total}");
    assert_eq!(gradient, slopes);
}

#[test]
fn a_nan_fills_its_list_only() {
    let scores = [0.0, f64::NAN, 1.0, 2.0, f64::NAN];
    let lists = Lists { scores: &scores, relevance: &[1.0, 0.0, 1.0, 0.0, 0.0], lengths: &[2, 2, 1] };
    let mut gradient = [7.0; 5];
    let terms = ranking(&ListMle::default(), lists, Some(&mut gradient));
    assert!(terms[0].unwrap().is_nan() && terms[1].unwrap().is_finite() && terms[2].is_none());
    assert!(gradient[..2].iter().all(|g| g.is_nan()) && gradient[2..4].iter().all(|g| g.is_finite()));
    assert_eq!(gradient[4], 0.0);
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let (scores, relevance, _) = batch(3, 60);
    let lengths = [scores.len() - 100, 100];
    let lists = Lists { scores: &scores, relevance: &relevance, lengths: &lengths };
    let loss = LambdaLoss { weighting: LambdaWeighting::NdcgLoss2PlusPlus, sigma: 1.0, mu: 10.0, dcg: Dcg::default() };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut gradient = vec![0.0; scores.len()];
        (pool.install(|| ranking(&loss, lists, Some(&mut gradient))), gradient)
    };
    assert_eq!(run(1), run(3));
}
