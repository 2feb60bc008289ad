//! `losslab run contrastive` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use serde_json::{Value, json};
use std::fs;

/// A run of about a second.
const TINY: [&str; 10] = [
    "train=100",
    "valid=60",
    "test=100",
    "pairs=200",
    "margin=1",
    "raw_margin=1",
    "epochs=1",
    "map=50",
    "embedding=16",
    "batch=32",
];

#[test]
fn a_run_leaves_the_same_record_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["1", "2"].map(|threads| folder.path().join(threads));
    let output = run("contrastive", &one, "2", "1", &TINY);
    succeeded(&output);
    succeeded(&run("contrastive", &two, "2", "2", &TINY));
    assert!(fs::read(one.join("outcome.json")).unwrap() == fs::read(two.join("outcome.json")).unwrap());

    let outcome = outcome(&one);
    assert_eq!((&outcome["experiment"], &outcome["seeds"]), (&json!("contrastive"), &json!([1, 2])));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = [
        "digits/pixels",
        "digits/untrained, normalised",
        "digits/untrained, raw",
        "digits/normalised, margin 1",
        "digits/raw, margin 1",
        "digits/labels mixed up, margin 1",
    ];
    assert_eq!(names, expected);
    let values = |row: &Value, metric: &str| -> Vec<f64> {
        let values = serde_json::from_value(row["metrics"][metric]["values"].clone());
        values.unwrap_or_else(|error| panic!("{metric} of {}: {error}", row["name"]))
    };
    for row in rows {
        for digits in ["seen", "held_out"] {
            for metric in ["eer", "accuracy", "tar_at_far_1", "auroc"] {
                let values = values(row, &format!("{digits}_{metric}"));
                assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{values:?}");
            }
        }
        assert!(values(row, "threshold").iter().all(|threshold| threshold.is_finite() && *threshold >= 0.0));
    }
    for normalised in [&rows[1], &rows[3], &rows[5]] {
        assert!(values(normalised, "seen_different_distance").iter().all(|distance| (0.0..=2.0).contains(distance)));
    }
    // One short epoch is enough to see which way each training goes.
    let ratio = |row: &Value| values(row, "seen_same_distance")[0] / values(row, "seen_different_distance")[0];
    assert!(ratio(&rows[3]) < ratio(&rows[1]) && ratio(&rows[1]) < ratio(&rows[5]));
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 11);

    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("EER, held out") && printed.contains("report.html"), "{printed}");
    let story = fs::read_to_string(one.join("story.json")).unwrap();
    assert!(story.contains("ROC curves, held-out digits") && story.contains("8, held out"));
    let report = fs::read_to_string(one.join("report.html")).unwrap();
    assert!(report.contains("losslab run contrastive --quick --seeds 2 --set train=100"));
}

#[test]
fn one_seed_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(&run("contrastive", folder.path(), "1", "2", &TINY));
    let outcome = outcome(folder.path()).to_string();
    assert!(outcome.contains("one seed allows no test") && !outcome.contains("null"));
}

#[test]
fn bad_flags_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cases = [
        ("margin=2.5", "2.5 is out of range, allowed is a number from 0.05 to 2"),
        ("held_out=8", "held_out: 1 digits are listed, allowed are 2 to 8"),
        ("held_out=0,1,2,3,4,5,6,7,8", "held_out: 9 digits are listed, allowed are 2 to 8"),
        ("held_out=8,10", "10 is out of range"),
        ("margins=1", "unknown key \"margins\", the keys are: held_out, margin, raw_margin"),
    ];
    for (set, part) in cases {
        let text = error(&["run", "contrastive", "--set", set, "--out", out.to_str().unwrap()]);
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    let text = error(&["run", "contrastive", "--data", "pairs.csv"]);
    assert!(text.contains("contrastive takes no file"), "{text}");
    assert!(!out.exists());
}
