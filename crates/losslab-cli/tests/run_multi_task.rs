//! `losslab run multi-task` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use serde_json::Value;
use std::fs;

/// A run of a second or two.
const TINY: [&str; 9] = [
    "weights=100",
    "uncertainty=unscaled",
    "images=100",
    "measured=50",
    "epochs=2",
    "batch=50",
    "hidden=8",
    "code=4",
    "probes=1",
];

fn values(metric: &Value) -> Vec<f64> {
    serde_json::from_value(metric["values"].clone()).unwrap()
}

#[test]
fn a_run_repeats_and_leaves_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        succeeded(&run("multi-task", &out, "2", threads, &TINY));
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outcomes[0] == outcomes[1]);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let automatic = ["normalised", "uncertainty", "GradNorm", "DWA", "PCGrad", "CAGrad", "MGDA"];
    let named = |units: &str, methods: &[&str]| -> Vec<String> {
        methods.iter().map(|method| format!("{units}/{method}")).collect()
    };
    let expected = [
        named("digits", &["classification alone", "reconstruction alone", "equal weights", "fixed 1:100"]),
        named("digits", &automatic),
        named("digits x100", &["equal weights"]),
        named("digits x100", &automatic),
        named("digits normalised", &["DWA", "PCGrad", "CAGrad", "MGDA"]),
        named("digits", &["fixed, tuned"]),
    ];
    assert_eq!(names, expected.concat());

    for row in rows.iter().filter(|row| !row["name"].as_str().unwrap().ends_with("alone")) {
        let metrics = &row["metrics"];
        for share in ["accuracy", "mse", "reconstruction_share", "conflicts"] {
            let values = values(&metrics[share]);
            assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{row}");
        }
        assert!(values(&metrics["cosine"]).iter().all(|cosine| cosine.abs() <= 1.0), "{row}");
        assert!(values(&metrics["joint_error"]).iter().all(|error| *error > 0.0), "{row}");
    }
    let metric = |row: usize, metric: &str| values(&rows[row]["metrics"][metric]);
    // Equal weights are the first fixed weight; multiplying the loss by 100 is the other.
    assert_eq!(metric(2, "weight_ratio"), [1.0, 1.0]);
    assert!(metric(3, "weight_ratio").iter().all(|ratio| (ratio - 100.0).abs() < 1e-9));
    assert_eq!([metric(4, "passes"), metric(6, "passes")], [[1.0, 1.0], [2.0, 2.0]]);
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 16);

    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    for part in ["The trade-off", "Reconstructions", "Weights over time", "The units of a loss", "--set weights=100"] {
        assert!(report.contains(part), "{part}");
    }
}

#[test]
fn one_seed_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(&run("multi-task", folder.path(), "1", "2", &TINY));
    let outcome = outcome(folder.path()).to_string();
    assert!(outcome.contains("one seed allows no test") && !outcome.contains("null"));
}

#[test]
fn bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (setting, part) in [
        ("weights=0", "0 is out of range, allowed is a number from 0.001 to 1000000"),
        ("weights=1,1", "a value is listed twice"),
        ("uncertainty=full", "`unscaled`, `halved`, `per-likelihood`"),
        ("scale=1", "1 is out of range"),
        ("code=2.5", "expected a whole number from 1 to 1024"),
        ("gradnorm=1", "unknown key \"gradnorm\""),
    ] {
        let text = error(&["run", "multi-task", "--set", setting, "--out", out.to_str().unwrap()]);
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert!(!out.exists());
}
