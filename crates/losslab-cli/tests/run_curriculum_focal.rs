//! `losslab run curriculum-focal` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use std::fs;

/// As small as it gets, with a choice of step sizes.
const TINY: [&str; 5] = ["epochs=2", "images=500", "hidden=4", "lr=0.002,0.01", "target=0.5"];

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = ["1", "3"].map(|threads| {
        let out = folder.path().join(threads);
        succeeded(&run("curriculum-focal", &out, "2", threads, &TINY));
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outcomes[0] == outcomes[1]);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let methods = [
        "fixed gamma=0",
        "fixed gamma=2",
        "linear from 0 to 2",
        "cosine from 0 to 2",
        "steps from 0 to 2",
        "adaptive from 0 to 2",
    ];
    let sets = ["digits", "two-class 90/10", "two-class 99/1"];
    let expected: Vec<_> = sets.iter().flat_map(|set| methods.map(|method| format!("{set}/{method}"))).collect();
    assert_eq!(names, expected);
    for row in rows {
        let values =
            |metric: &str| -> Vec<f64> { serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap() };
        assert!(
            ["auprc", "mean_auprc", "first_epoch_auprc", "reached"]
                .iter()
                .all(|metric| values(metric).len() == 2
                    && values(metric).iter().all(|value| (0.0..=1.0).contains(value)))
        );
        // A training that doesn't reach the target counts with all of its epochs.
        for (epochs, reached) in values("epochs_to_target").into_iter().zip(values("reached")) {
            assert!((0.0..=2.0).contains(&epochs) && (reached == 1.0 || epochs == 2.0));
        }
        assert!(values("lr").iter().all(|lr| [0.002, 0.01].contains(lr)));
        let gamma = values("last_gamma");
        match row["name"].as_str().unwrap().rsplit('/').next().unwrap() {
            "fixed gamma=0" => assert_eq!(gamma, [0.0; 2]),
            "adaptive from 0 to 2" => assert!(gamma.iter().all(|gamma| (0.0..=2.0).contains(gamma))),
            // The plan moves for half of two epochs: in the second it stays.
            _ => assert!(gamma.iter().all(|gamma| (1.9..=2.0).contains(gamma)), "{row}"),
        }
    }
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 18);
    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert!(report.contains("γ over the epochs") && report.contains("AUPRC over the epochs"));
}

#[test]
fn one_seed_is_enough_and_bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("first=6", ["6 is out of range", "from 0 to 5"]),
        ("first=2", ["--set first=2", "two values of γ"]),
        ("over=0", ["0 is out of range", "from 0.01 to 1"]),
        ("smoothing=2", ["2 is out of range", "from 0 to 1"]),
        ("gamma=1", ["unknown key \"gamma\"", "first, last, over"]),
    ] {
        let text = error(&["run", "curriculum-focal", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(!out.exists());

    let settings = [&TINY[1..], &["epochs=1", "target=1", "last=5"]].concat();
    succeeded(&run("curriculum-focal", &out, "1", "2", &settings));
    let outcome = outcome(&out);
    assert!(outcome["rows"][1]["name"] == "digits/fixed gamma=5");
    let text = outcome.to_string();
    assert!(text.contains("one seed allows no test") && !text.contains("null"));
}
