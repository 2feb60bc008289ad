//! `losslab run info-nce` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{outcome, run, succeeded};
use std::{fs, path::Path};

/// A run of about a second.
const TINY: [&str; 10] = [
    "images=64",
    "valid=60",
    "test=60",
    "side=16",
    "epochs=1",
    "hidden=16",
    "embedding=8",
    "temperature=0.07,10",
    "learned=0.07",
    "batch=16,32",
];

#[test]
fn a_run_repeats_and_leaves_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let outs = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        let output = run("info-nce", &out, "2", threads, &TINY);
        succeeded(&output);
        assert!(String::from_utf8(output.stdout).unwrap().contains("Zero-shot and retrieval"));
        out
    });
    let bytes = outs.each_ref().map(|out| fs::read(out.join("outcome.json")).unwrap());
    assert!(bytes[0] == bytes[1]);

    let outcome = outcome(&outs[0]);
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let methods = [
        "convolutional",
        "mlp",
        "duplicates left out",
        "duplicates as negatives",
        "untrained",
        "tau=10",
        "tau learned from 0.07",
        "batch=16",
        "tau chosen on validation",
    ];
    assert_eq!(names, methods.map(|method| format!("shapes/{method}")));
    for row in rows {
        let values =
            |metric: &str| -> Vec<f64> { serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap() };
        let shares = [
            "recall_at_1",
            "image_to_text_at_10",
            "text_to_image_at_5",
            "zero_shot_seen",
            "zero_shot_unseen",
            "validation_recall_at_1",
        ];
        for metric in shares {
            assert!(values(metric).len() == 2 && values(metric).iter().all(|share| (0.0..=1.0).contains(share)));
        }
        assert!(values("alignment").iter().all(|value| (0.0..=4.0).contains(value)));
        assert!(values("uniformity").iter().all(|value| (-8.0..=0.0).contains(value)));
    }
    let mean = |row: usize, metric: &str| rows[row]["metrics"][metric]["mean"].as_f64().unwrap();
    // 64 pairs in one epoch.
    assert_eq!((mean(0, "steps"), mean(7, "steps")), (2.0, 4.0));
    assert_eq!((mean(0, "temperature"), mean(5, "temperature")), (0.07, 10.0));
    // Each seed's choice is one of the two fixed temperatures, the better one on validation.
    let seeds = |row: usize, metric: &str| -> Vec<f64> {
        serde_json::from_value(rows[row]["metrics"][metric]["values"].clone()).unwrap()
    };
    for seed in 0..2 {
        let of = |metric: &str| [0, 5, 8].map(|row| seeds(row, metric)[seed]);
        let [reference, hot, chosen] = of("validation_recall_at_1");
        assert_eq!(chosen, reference.max(hot));
        let expected = if hot > reference { 10.0 } else { 0.07 };
        assert!((of("temperature")[2] - expected).abs() < 1e-6);
    }
    assert!(mean(6, "temperature") != 0.07 && mean(6, "temperature") >= 0.01);
    // At τ = 10 the softmax can't leave the uniform one.
    assert!((mean(5, "loss") - 32.0_f64.ln()).abs() < 0.05);
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 10);
}

#[test]
fn bad_settings_are_refused_in_one_line() {
    for (set, part) in [
        ("temperature=0", "0 is out of range"),
        ("side=20", "a multiple of 8"),
        ("images=100", "batch=512: expected at most images, which is 100"),
        ("tau=1", "unknown key \"tau\""),
    ] {
        let message = binary::error(&["run", "info-nce", "--set", set, "--out", "never-written"]);
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
    assert!(!Path::new("never-written").exists());
}
