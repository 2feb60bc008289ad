//! `losslab run triplet` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use std::fs;

/// All parts of the exercise, as small as they get.
const TINY: [&str; 12] = [
    "parts=mining,batches,lengths,collapse,notebook",
    "epochs=1",
    "images=200",
    "tested=100",
    "probe=40",
    "mapped=20",
    "width=2",
    "embedding=4",
    "batch=8,32",
    "notebook_lr=0.003",
    "notebook_width=1",
    "notebook_choice=200",
];

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        let output = run("triplet", &out, "2", threads, &TINY);
        succeeded(&output);
        (fs::read(out.join("outcome.json")).unwrap(), output)
    });
    assert!(outputs[0].0 == outputs[1].0);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = [
        "raw pixels",
        "untrained network",
        "random",
        "batch-all",
        "batch-hard",
        "semi-hard",
        "offline",
        "semi-hard in batches of 8",
        "semi-hard on raw lengths",
        "batch-hard with large steps",
        "… with small steps",
        "… on unit length",
        "… but semi-hard",
        "8 drawn at random",
        "8 drawn P × K",
        "32 drawn at random",
        "32 drawn P × K",
        "one epoch as in the notebook",
    ];
    assert_eq!(names, expected.map(|name| format!("digits/{name}")));
    let metric = |row: &str, metric: &str| -> Vec<f64> {
        let row = rows.iter().find(|found| found["name"] == format!("digits/{row}")).unwrap();
        serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap()
    };
    for name in &expected[..13] {
        for key in ["recall_at_1", "recall_at_5", "recall_at_10", "map_at_r", "p_at_1"] {
            let values = metric(name, key);
            assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{name} {key}");
        }
        assert!(metric(name, "recall_at_1")[0] <= metric(name, "recall_at_5")[0], "{name}");
    }
    for name in &expected[2..13] {
        let shares: f64 = ["easy", "semi_hard", "hard"].iter().map(|kind| metric(name, kind)[1]).sum();
        assert!((shares - 1.0).abs() < 1e-12, "{name}");
    }
    assert_eq!(metric("8 drawn P × K", "batches_without_triplets"), [0.0; 2]);
    assert!(metric("8 drawn at random", "triplets")[0] < metric("8 drawn P × K", "triplets")[0]);

    let printed = String::from_utf8_lossy(&outputs[0].1.stdout).into_owned();
    assert!(printed.contains("losslab data fetch fashion-mnist"), "{printed}");
    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert!(report.contains("Before training") && report.contains("After training"));
}

#[test]
fn parts_are_run_alone_and_bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("parts=minning", ["minning", "`mining`"]),
        ("mining=luck", ["luck", "`semi-hard`"]),
        ("fallback=any", ["any", "`farthest`"]),
        ("margin=3", ["3 is out of range", "from 0.01 to 2"]),
        ("samples=1", ["1 is out of range", "from 2 to 64"]),
        ("size=3", ["unknown key \"size\"", "notebook_lr"]),
    ] {
        let text = error(&["run", "triplet", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(!out.exists());

    let lengths = [&TINY[1..8], &["parts=lengths"]].concat();
    succeeded(&run("triplet", &out, "2", "2", &lengths));
    let outcome = outcome(&out);
    let rows = outcome["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 1);
}
