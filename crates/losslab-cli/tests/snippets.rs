//! Compiles every snippet that `losslab advise` prints, and trains a step with it.

use burn::tensor::{Bool, Device, Int, Tensor};
use std::collections::BTreeSet;

#[path = "../src/advise/snippets/arc_face.rs"]
mod arc_face;
#[path = "../src/advise/snippets/contrastive.rs"]
mod contrastive;
#[path = "../src/advise/snippets/cross_entropy.rs"]
mod cross_entropy;
#[path = "../src/advise/snippets/dcl.rs"]
mod dcl;
#[path = "../src/advise/snippets/focal_sigmoid.rs"]
mod focal_sigmoid;
#[path = "../src/advise/snippets/focal_softmax.rs"]
mod focal_softmax;
#[path = "../src/advise/snippets/info_nce.rs"]
mod info_nce;
#[path = "../src/advise/snippets/info_nce_grouped.rs"]
mod info_nce_grouped;
#[path = "../src/advise/snippets/label_smoothing.rs"]
mod label_smoothing;
#[path = "../src/advise/snippets/lambda_loss.rs"]
mod lambda_loss;
#[path = "../src/advise/snippets/list_mle.rs"]
mod list_mle;
#[path = "../src/advise/snippets/multi_similarity.rs"]
mod multi_similarity;
#[path = "../src/advise/snippets/rank_net_hinge.rs"]
mod rank_net_hinge;
#[path = "../src/advise/snippets/siglip.rs"]
mod siglip;
#[path = "../src/advise/snippets/triplet.rs"]
mod triplet;
#[path = "../src/advise/snippets/triplet_aligned.rs"]
mod triplet_aligned;
#[path = "../src/advise/snippets/uncertainty.rs"]
mod uncertainty;
#[path = "../src/advise/snippets/vicreg.rs"]
mod vicreg;
#[path = "../src/advise/snippets/weighted_sum.rs"]
mod weighted_sum;

#[test]
fn every_snippet_is_compiled_here() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/advise/snippets")).unwrap();
    let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>();
    let compiled = include_str!("snippets.rs").lines().filter_map(|line| {
        let path = line.strip_prefix("#[path = \"../src/advise/snippets/")?;
        path.strip_suffix("\"]").map(str::to_owned)
    });
    assert_eq!(files, compiled.collect());
}

fn device() -> Device {
    Device::flex().autodiff()
}

/// Four rows that differ, on the tape.
fn rows() -> Tensor<2> {
    Tensor::from_data([[2.0, 0.5], [0.5, 1.0], [-1.0, 0.25], [-0.5, -2.0]], &device()).require_grad()
}

fn ints(values: [i64; 4]) -> Tensor<1, Int> {
    Tensor::from_data(values, &device())
}

/// Checks that a loss is a number that reaches the rows.
fn reaches(loss: Tensor<1>, rows: &Tensor<2>) {
    let gradient = rows.grad(&loss.backward()).expect("the rows get a gradient").abs().sum().into_scalar::<f32>();
    assert!(loss.into_scalar::<f32>().is_finite() && gradient.is_finite() && gradient > 0.0);
}

#[test]
fn classes() {
    let (logits, targets) = (rows(), ints([0, 1, 1, 1]));
    reaches(cross_entropy::step(&cross_entropy::new_loss(), logits.clone(), targets.clone()), &logits);
    let (balanced, nll) = cross_entropy::validate(logits.clone(), targets.clone()).unwrap();
    assert!((balanced - 5.0 / 6.0).abs() < 1e-15 && nll > 0.0);

    let focal = focal_softmax::new_loss();
    reaches(focal_softmax::step(&focal, logits.clone(), targets.clone()), &logits);
    focal_softmax::watch(&focal, logits.clone(), targets.clone()).unwrap();
    assert_eq!(focal_softmax::validate(logits.clone(), targets.clone()).unwrap().1, balanced);

    reaches(label_smoothing::step(&label_smoothing::new_loss(), logits.clone(), targets.clone()), &logits);
    assert!(label_smoothing::baseline(logits.clone(), targets.clone()).unwrap().temperature > 0.0);
    assert_eq!(label_smoothing::validate(logits, targets).unwrap().0, nll);
}

#[test]
fn rare_positives() {
    let (focal, logits) = (focal_sigmoid::new_loss(), rows());
    let targets = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]], &device());
    reaches(focal_sigmoid::step(&focal, logits.clone(), targets.clone()), &logits);
    focal_sigmoid::watch(&focal, logits, targets).unwrap();
    let (auprc, threshold) = focal_sigmoid::validate(&[2.0, 1.0, 0.5, -3.0], &[true, false, true, false]).unwrap();
    assert!(auprc > 0.8 && threshold == 0.5);
}

#[test]
fn pairs_and_triplets() {
    let (left, right) = (rows(), rows());
    let similar = Tensor::<1, Bool>::from_data([true, true, false, false], &device());
    reaches(contrastive::step(&contrastive::new_loss(), left.clone(), right.clone() * 2 + 1, similar), &left);
    let eer = contrastive::validate(left.clone(), right.clone() + 1, &[true, true, false, false]).unwrap();
    assert!((0.0..=1.0).contains(&eer.rate));

    let loss = triplet_aligned::new_loss();
    let (near, far) = (rows().detach() + 0.5, rows().detach() - 0.1);
    reaches(triplet_aligned::step(&loss, left.clone(), near.clone(), far.clone()), &left);
    assert!(triplet_aligned::active(&loss, left, near, far) > 0.0);
}

#[test]
fn labelled_embeddings() {
    let (config, embeddings, labels) = (triplet::config(), rows(), ints([0, 1, 0, 1]));
    reaches(triplet::step(&config, embeddings.clone(), labels.clone()), &embeddings);
    assert_eq!(triplet::watch(&config, embeddings, labels).unwrap().numbers.triplets.valid, 8);
    let labels = (0..400).map(|row| row % 40).collect::<Vec<i64>>();
    assert_eq!(triplet::sampler(&labels).unwrap().epoch(0)[0].len(), 32 * 4);
    assert!(triplet::sampler(&labels[..20]).is_err());

    let (loss, embeddings, labels) = (multi_similarity::new_loss(), rows(), ints([0, 1, 0, 1]));
    reaches(multi_similarity::step(&loss, embeddings.clone(), labels.clone()), &embeddings);
    assert_eq!(multi_similarity::watch(embeddings, labels).unwrap().numbers.triplets.valid, 8);
    let labels = (0..400).map(|row| row % 20).collect::<Vec<i64>>();
    assert_eq!(multi_similarity::sampler(&labels).unwrap().epoch(0)[0].len(), 8 * 16);

    let (loss, embeddings) = (arc_face::new_loss(2, &device()), rows());
    reaches(arc_face::step(&loss, embeddings.clone(), ints([0, 1, 2, 999])), &embeddings);
    assert_eq!(arc_face::predict(&loss, embeddings).dims(), [4]);
}

#[test]
fn two_views() {
    let second = || rows().detach() + 0.5;
    let (first, loss) = (rows(), dcl::new_loss(&device()));
    reaches(dcl::step(&loss, first.clone(), second()), &first);
    dcl::watch(&loss, first, second()).unwrap();

    let (first, loss) = (rows(), vicreg::new_loss());
    reaches(vicreg::step(&loss, first.clone(), second()), &first);
    assert!(vicreg::watch(first).unwrap() > 1.5);
}

#[test]
fn two_modalities() {
    let keys = || rows().detach() + 0.5;
    let (queries, loss) = (rows(), info_nce::new_loss(&device()));
    reaches(info_nce::step(&loss, queries.clone(), keys()), &queries);
    info_nce::watch(&loss, queries, keys()).unwrap();
    assert!((info_nce::clip(loss).temperature.value() - 0.07).abs() < 1e-6);

    let (queries, loss) = (rows(), info_nce_grouped::new_loss(&device()));
    let groups = || info_nce_grouped::groups(ints([0, 0, 1, 2]), ints([0, 0, 1, 2]));
    reaches(info_nce_grouped::step(&loss, queries.clone(), keys(), groups()), &queries);
    info_nce_grouped::watch(&loss, queries, keys(), groups()).unwrap();
    assert!(info_nce_grouped::clip(loss).temperature.is_learned());

    let (queries, loss) = (rows(), siglip::new_loss(&device()));
    reaches(siglip::step(&loss, queries.clone(), keys()), &queries);
    siglip::watch(&loss, queries, keys()).unwrap();
    assert!((siglip::clip(loss).temperature.value() - 0.1).abs() < 1e-6);
}

#[test]
fn ranked_lists() {
    let queries = [7, 7, 7, 3];
    let (rows, relevance) = (rows(), || Tensor::<1>::from_data([0.0, 2.0, 1.0, 1.0], &device()));
    let scores = || rows.clone().sum_dim(1).reshape([4]);
    reaches(lambda_loss::step(&lambda_loss::new_loss(), scores(), relevance(), &queries).unwrap(), &rows);
    reaches(list_mle::step(&list_mle::new_loss(), scores(), relevance(), &queries).unwrap(), &rows);
    reaches(rank_net_hinge::step(&rank_net_hinge::new_loss(), scores(), relevance(), &queries).unwrap(), &rows);
    assert!(lambda_loss::step(&lambda_loss::new_loss(), scores(), relevance(), &[7, 3, 7, 7]).is_err());
    let (scores, grades) = ([0.5, 2.0, 1.0, 0.0], [0.0, 2.0, 1.0, 1.0]);
    assert_eq!(lambda_loss::validate(&scores, &grades, &queries).unwrap(), (1.0, 1.0));
    assert_eq!(list_mle::validate(&scores, &grades, &queries).unwrap(), 1.0);
    assert_eq!(rank_net_hinge::validate(&scores, &grades, &queries).unwrap(), 1.0);
}

/// Two tasks of four shared rows.
fn tasks(shared: &Tensor<2>) -> [Tensor<1>; 2] {
    [1.0, -2.0].map(|target| (shared.clone() - target).square().mean())
}

#[test]
fn several_tasks() {
    let losses = |shared: &Tensor<2>| Tensor::cat(tasks(shared).to_vec(), 0);
    let gradients = [0, 1].map(|task| {
        let shared = rows();
        let gradients = tasks(&shared)[task].backward();
        shared.grad(&gradients).unwrap()
    });

    let (mut loss, shared) = (weighted_sum::new_loss(&device()), rows());
    weighted_sum::normalise(&mut loss, losses(&rows())).unwrap();
    let sum = weighted_sum::step(&loss, losses(&shared));
    assert!((sum.clone().into_scalar::<f32>() - 2.0).abs() < 1e-6);
    reaches(sum, &shared);
    weighted_sum::watch(losses(&rows()), gradients.to_vec()).unwrap();

    let (loss, shared) = (uncertainty::new_loss(&device()), rows());
    reaches(uncertainty::step(&loss, losses(&shared)), &shared);
    assert_eq!(uncertainty::watch(losses(&rows()), gradients.to_vec()).unwrap().numbers.losses.len(), 2);
}
