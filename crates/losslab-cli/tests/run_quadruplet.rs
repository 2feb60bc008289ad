//! `losslab run quadruplet` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use std::fs;

/// The experiment, as small as it gets.
const TINY: [&str; 8] =
    ["margins=0.1,0.3", "epochs=2", "images=300", "tested=150", "probe=60", "mapped=20", "width=2", "embedding=4"];

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        let output = run("quadruplet", &out, "2", threads, &TINY);
        succeeded(&output);
        (fs::read(out.join("outcome.json")).unwrap(), output)
    });
    assert!(outputs[0].0 == outputs[1].0);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let ways = [
        "untrained network",
        "triplet, batch-all",
        "triplet, batch-hard",
        "quadruplet, batch-all",
        "quadruplet, batch-hard",
    ];
    let expected: Vec<String> = ["trained classes", "held-out classes"]
        .iter()
        .flat_map(|part| ways.map(|way| format!("{part}/{way}")))
        .collect();
    assert_eq!(names, expected);
    let metric = |row: &serde_json::Value, metric: &str| -> Vec<f64> {
        serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap()
    };
    for row in rows {
        for share in ["recall_at_1", "recall_at_5", "map_at_r", "eer"] {
            let values = metric(row, share);
            assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{share}: {values:?}");
        }
        let ratio = metric(row, "distance_ratio")[0];
        let expected = metric(row, "intra_class_distance")[0] / metric(row, "inter_class_distance")[0];
        assert!((ratio - expected).abs() < 1e-12);
    }
    for row in &rows[1..5] {
        assert!(metric(row, "active_quadruplets").iter().all(|share| (0.0..=1.0).contains(share)));
    }
    // Two losses with two minings, on two kinds of classes, in four metrics.
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 2 * 2 * 4);

    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert!(report.contains("Test images of held-out classes") && report.contains("The choice of margins"));
}

#[test]
fn losses_are_run_alone_and_bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("methods=quintuplet", ["quintuplet", "`quadruplet-batch-all`"]),
        ("margins=3", ["3 is out of range", "from 0.01 to 2"]),
        ("pair_share=0", ["0 is out of range", "from 0.1 to 1"]),
        ("held_out=1", ["1 is out of range", "from 2 to 7"]),
        ("held_out=5", ["classes and held_out must leave room for each other", "7 + 5 of 10"]),
        ("size=3", ["unknown key \"size\"", "choice_epochs"]),
    ] {
        let text = error(&["run", "quadruplet", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(!out.exists());

    let alone = [&TINY[..], &["methods=quadruplet-batch-hard"]].concat();
    succeeded(&run("quadruplet", &out, "1", "2", &alone));
    let outcome = outcome(&out);
    assert_eq!(outcome["rows"].as_array().unwrap().len(), 4);
    assert!(outcome["checks"].as_array().unwrap().is_empty());
}
