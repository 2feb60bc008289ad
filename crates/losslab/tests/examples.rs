//! The examples run, and what they show is there.

use std::sync::Mutex;

#[path = "../examples/02_contrastive_loss.rs"]
mod contrastive_loss;
#[path = "../examples/01_focal_loss.rs"]
mod focal_loss;
#[path = "../examples/05_infonce.rs"]
mod infonce;
#[path = "../examples/04_label_smoothing.rs"]
mod label_smoothing;
#[path = "../examples/06_multi_task.rs"]
mod multi_task;
#[path = "../examples/03_triplet_loss.rs"]
mod triplet_loss;

/// Examples seed the device, which is one for all: they run one after the other.
static DEVICE: Mutex<()> = Mutex::new(());

fn alone<T>(run: fn() -> T) -> T {
    let _guard = DEVICE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    run()
}

#[test]
fn focal_loss_finds_more_of_the_rare_class() {
    let [cross_entropy, _, weighted] = alone(focal_loss::run).map(|(_, matrix)| matrix);
    assert_eq!(cross_entropy.total(), 5000);
    let rare = |matrix: &losslab::metrics::ConfusionMatrix| matrix.recall(1).unwrap();
    assert!(rare(&weighted) > rare(&cross_entropy) + 0.1, "{} → {}", rare(&cross_entropy), rare(&weighted));
    assert!(weighted.balanced_accuracy() > cross_entropy.balanced_accuracy());
    // The price.
    assert!(weighted.accuracy() < cross_entropy.accuracy());
}

#[test]
fn contrastive_loss_learns_to_verify() {
    let [before, after] = alone(contrastive_loss::run);
    assert!(before < 0.75 && after > before + 0.15, "{before} → {after}");
}

#[test]
fn triplet_loss_learns_to_retrieve() {
    let triplet_loss::Outcome { recalls: [before, after], active: [first, last] } = alone(triplet_loss::run);
    assert!(after > before + 0.2, "{before} → {after}");
    assert!(last < first, "fewer triplets are active: {first} → {last}");
}

#[test]
fn label_smoothing_lowers_confidence_and_its_error() {
    let [plain, some, much] = alone(label_smoothing::run);
    assert_eq!([plain.smoothing, some.smoothing, much.smoothing], [0.0, 0.1, 0.2]);
    assert!(plain.confidence > some.confidence && some.confidence > much.confidence);
    assert!(some.ece < plain.ece, "{} → {}", plain.ece, some.ece);
    assert!((some.accuracy - plain.accuracy).abs() < 0.05);
}

#[test]
fn infonce_recognises_combinations_never_seen() {
    let ([seen, unseen], [before, after]) = alone(infonce::run);
    // By chance: 1 in 36.
    assert!(seen > 0.7 && unseen > 0.4, "{seen}, {unseen}");
    assert!(after < before, "the temperature is trained: {before} → {after}");
}

#[test]
fn learned_weights_make_up_for_different_units() {
    let [(fixed_accuracy, fixed_error, fixed_sigmas), (accuracy, error, sigmas)] = alone(multi_task::run);
    assert_eq!(fixed_sigmas, [1.0, 1.0]);
    assert!(sigmas[0] < 1.0 && sigmas[1] > 5.0, "the reconstruction is in larger units: {sigmas:?}");
    assert!(accuracy > 0.95 && accuracy > fixed_accuracy + 0.02, "{fixed_accuracy} → {accuracy}");
    assert!(error < fixed_error, "{fixed_error} → {error}");
}
