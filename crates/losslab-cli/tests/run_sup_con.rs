//! `losslab run sup-con` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use std::fs;

/// The whole experiment, as small as it gets.
const TINY: [&str; 10] = [
    "label_noise=0,0.4",
    "compared_views=1,2",
    "passes=2",
    "batch=40",
    "width=2",
    "representation=8",
    "projection=4",
    "images=120",
    "valid=50",
    "tested=100",
];

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        succeeded(&run("sup-con", &out, "2", threads, &TINY));
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outputs[0] == outputs[1]);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = [
        "cross-entropy",
        "triplet",
        "SupCon L_out",
        "SupCon L_in",
        "cross-entropy, 40 % wrong labels",
        "triplet, 40 % wrong labels",
        "SupCon L_out, 40 % wrong labels",
        "SupCon L_in, 40 % wrong labels",
        "SupCon L_out, 1 view",
    ];
    assert_eq!(names, expected.map(|name| format!("digits/{name}")));
    for row in rows {
        for metric in ["accuracy", "recall_at_1", "map_at_r", "recall_at_1_of_head", "valid_accuracy"] {
            let values: Vec<f64> = serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap();
            assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{row}");
        }
    }
    let checks: Vec<&str> =
        outcome["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    let expected = [
        "L_out against L_in, linear probe",
        "L_out against cross-entropy, linear probe",
        "L_out against triplet, linear probe",
        "L_out against cross-entropy, Recall@1",
        "40 % wrong labels, linear probe",
        "L_out, views of an image: 2 against 1, linear probe",
    ];
    assert_eq!(checks, expected.map(|name| format!("digits: {name}")));
    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert!(report.contains("What the augmentations do") && report.contains("Representations by SupCon L_out"));
}

#[test]
fn losses_are_chosen_and_bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("methods=sup-con", ["sup-con", "`sup-con-out`"]),
        ("data=cats", ["cats", "`cifar-10`"]),
        ("label_noise=1", ["1 is out of range", "from 0 to 0.9"]),
        ("temperature=0", ["0 is out of range", "from 0.01 to 10"]),
        ("batch=4", ["--set batch=4", "batches of 8 at least"]),
        ("data=cifar-10", ["CIFAR-10 is not here", "losslab data fetch cifar-10"]),
        ("size=3", ["unknown key \"size\"", "label_noise"]),
    ] {
        let text = error(&["run", "sup-con", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(!out.exists());

    // Wrong labels alone, two losses, a choice of step sizes: no check needs what isn't there.
    let few =
        [&TINY[2..], &["label_noise=0.2", "methods=triplet,sup-con-in", "lr=0.001,0.01", "compared_views=2"]].concat();
    succeeded(&run("sup-con", &out, "1", "2", &few));
    let outcome = outcome(&out);
    let names: Vec<&str> =
        outcome["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = ["triplet, 20 % wrong labels", "SupCon L_in, 20 % wrong labels", "SupCon L_out"];
    assert_eq!(names, expected.map(|name| format!("digits/{name}")));
}
