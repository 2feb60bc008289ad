//! No matrix of all pairs: allocations are counted.

use crate::{counting, numbers};
use losslab::metrics::*;

/// The MiB that were allocated at once beyond those at the start. Tests beside this one add a few.
fn peak(run: impl FnOnce()) -> usize {
    counting::peak(run) >> 20
}

/// 20,000² values are 1,526 MiB in f32.
#[test]
fn there_is_no_matrix_of_all_pairs() {
    let n = 20_000;
    let rows = Embeddings::try_new(numbers(1, n * 16), 16).unwrap();
    let check = |what: &str, classes: i64, config: RetrievalConfig| {
        let labels: Vec<i64> = (0..n as i64).map(|i| i % classes).collect();
        let mib = peak(|| drop(Retrieval::leave_one_out(&rows, &labels, &config).unwrap()));
        assert!(mib < 48, "{what}: {mib} MiB");
    };
    let at_k = RetrievalConfig { cutoffs: vec![1, 10], at_r: false, mrr: false, ..Default::default() };
    check("Recall@10", 100, at_k);
    // R is 199, and MRR takes its second pass for many.
    check("all metrics", 100, RetrievalConfig::default());

    // R is 10,000 for each of 2,000: all their neighbours at once were 229 MiB.
    let queries = Embeddings::try_new(numbers(2, 2000 * 16), 16).unwrap();
    let labels: Vec<i64> = (0..n as i64).map(|i| i % 2).collect();
    let config = RetrievalConfig { mrr: false, ..Default::default() };
    let mib = peak(|| drop(Retrieval::with_gallery(&queries, &labels[..2000], &rows, &labels, &config).unwrap()));
    assert!(mib < 48, "MAP@R of large classes: {mib} MiB");

    // 6,000² distances are 275 MiB.
    let rows = Embeddings::try_new(numbers(3, 6000 * 16), 16).unwrap();
    let mib = peak(|| {
        uniformity(&rows, Lengths::Unit).unwrap();
        inter_class_distance(&rows, &labels[..6000], Lengths::Unit).unwrap();
    });
    assert!(mib < 16, "pairs: {mib} MiB");
}
