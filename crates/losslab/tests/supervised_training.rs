//! The example with Burn's own learner runs and learns.

#[path = "../examples/supervised_training.rs"]
mod example;

#[test]
fn burns_learner_trains_a_loss_with_its_temperature() {
    let outcome = example::run(4);
    let [before, after] = outcome.temperatures;
    assert!((before - 0.5).abs() < 1e-6 && after < 0.45, "the temperature is trained: {before} → {after}");
    assert_eq!(outcome.epochs.len(), 4);
    let metric = |epoch: usize, name: &str| {
        let found = outcome.epochs[epoch].iter().find(|(metric, _)| metric == name);
        found.unwrap_or_else(|| panic!("{name} in {:?}", outcome.epochs)).1
    };
    assert!(metric(3, "Loss") < metric(0, "Loss"), "{outcome:?}");
    // 16 classes: guessing is right in 6 %.
    assert!(metric(3, "Recall@1") > 0.6, "{outcome:?}");
    assert!(metric(3, "MAP@R") > metric(0, "MAP@R"), "{outcome:?}");
}
