//! `losslab run label-smoothing` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use serde_json::Value;
use std::fs;

/// A run of a second or two.
const TINY: [&str; 7] =
    ["smoothing=0,0.2", "others=0.2", "digits=100", "epochs=2", "width=2", "lr=0.02", "label_noise=0.1"];

#[test]
fn a_run_leaves_its_record_and_repeats_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        let output = run("label-smoothing", &out, "2", threads, &TINY);
        succeeded(&output);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("ε = 0.2, scaled") && printed.contains("report.html"), "{printed}");
        assert!(printed.contains("CIFAR-10 isn't used here: 100 handwritten digits"), "{printed}");
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outcomes[0] == outcomes[1]);
    let mut files: Vec<_> =
        fs::read_dir(folder.path().join("1")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["outcome.json", "report.html", "run.json", "story.json"]);

    let outcome = outcome(&folder.path().join("1"));
    assert_eq!((&outcome["experiment"], &outcome["seeds"]), (&"label-smoothing".into(), &serde_json::json!([1, 2])));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let trained = ["epsilon=0", "epsilon=0.2", "epsilon=0.2 others"];
    let expected: Vec<_> =
        trained.iter().flat_map(|name| [format!("digits/{name}"), format!("digits/{name} scaled")]).collect();
    assert_eq!(names, expected);
    let metric = |row: &Value, name: &str| row["metrics"][name]["mean"].as_f64().unwrap();
    for row in rows {
        for name in ["accuracy", "ece", "ece_equal_mass", "ece_by_chance", "confidence", "error_auroc"] {
            assert!((0.0..=1.0).contains(&metric(row, name)), "{name}: {row}");
        }
        assert!((metric(row, "confidence") - metric(row, "accuracy") - metric(row, "gap")).abs() < 1e-12);
        assert!(metric(row, "gap").abs() <= metric(row, "ece") + 1e-12 && metric(row, "brier") <= 2.0);
    }
    for pair in rows.chunks(2) {
        let temperature = metric(&pair[0], "best_temperature");
        assert!(temperature > 0.0 && temperature == metric(&pair[1], "temperature"));
        // A temperature changes no answer.
        assert_eq!(pair[0]["metrics"]["accuracy"], pair[1]["metrics"]["accuracy"]);
        assert!(metric(&pair[0], "cluster_ratio_train") > 0.0);
    }
    let checks = outcome["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 13);
    // What is true of the loss itself holds in any run.
    assert!(checks[11..].iter().all(|check| check["holds"] == true), "{:?}", &checks[11..]);
}

#[test]
fn one_seed_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(&run("label-smoothing", folder.path(), "1", "2", &TINY));
    let outcome = outcome(folder.path()).to_string();
    assert!(outcome.contains("one seed allows no test") && !outcome.contains("null"));
}

#[test]
fn bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cases = [
        ("smoothing=0.1,0.2", "--set smoothing: expected 0, which is cross-entropy, and at least one value above it"),
        ("smoothing=0", "at least one value above it, found [0.0]"),
        ("smoothing=0,1", "1 is out of range, allowed is a number from 0 to 0.9"),
        ("others=0", "0 is out of range, allowed is a number from 0.001 to 0.9"),
        ("label_noise=1", "from 0 to 0.8"),
        ("batch=1", "a whole number from 2 to 4096"),
        ("epsilon=0.1", "unknown key \"epsilon\", the keys are: smoothing, others"),
    ];
    for (set, part) in cases {
        let text = error(&["run", "label-smoothing", "--set", set, "--out", out.to_str().unwrap()]);
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert!(!out.exists());
}
