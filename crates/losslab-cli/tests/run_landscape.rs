//! `losslab run landscape` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{error, outcome, run, succeeded};
use std::fs;

/// As small as it gets.
const TINY: [&str; 12] = [
    "epochs=2",
    "samples=2",
    "width=1",
    "images=200",
    "tested=100",
    "measured=20",
    "grid=3",
    "points=2",
    "eigenvalues=2",
    "steps=20",
    "vectors=2",
    "ascent=1",
];

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = ["1", "3"].map(|threads| {
        let out = folder.path().join(threads);
        succeeded(&run("landscape", &out, "2", threads, &TINY));
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outcomes[0] == outcomes[1]);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "digits/cross-entropy",
            "digits/focal gamma=2",
            "digits/label-smoothing 0.1",
            "digits/sup-con temperature=0.1"
        ]
    );
    for row in rows {
        let values = |metric: &str| -> Vec<f64> {
            serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap_or_default()
        };
        for metric in ["accuracy", "path_in_plane"] {
            assert!(
                values(metric).len() == 2 && values(metric).iter().all(|value| (0.0..=1.0 + 1e-12).contains(value))
            );
        }
        for at in 0..2 {
            let of = |metric: &str| values(metric)[at];
            assert!(of("top_eigenvalue") >= of("smallest_eigenvalue") && of("top_eigenvalue") > 0.0, "{row}");
            assert!(of("sharpness") >= of("sharpness_one_step") && of("loss") > 0.0, "{row}");
            assert!(of("trace_standard_error") >= 0.0 && of("eigenvalue_error") >= 0.0);
        }
        // An embedding has no cross-entropy; that of cross-entropy is its own.
        let shared = values("cross_entropy_top_eigenvalue");
        match row["name"].as_str().unwrap() {
            "digits/sup-con temperature=0.1" => assert!(shared.is_empty()),
            "digits/cross-entropy" => assert_eq!(shared, values("top_eigenvalue")),
            _ => assert_ne!(shared, values("top_eigenvalue")),
        }
    }
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 14);
    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert_eq!(report.matches("<button class=turn").count(), 4);
    assert!(report.contains("the path of the optimiser"));
}

#[test]
fn one_seed_is_enough_and_bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("grid=4", ["--set grid=4", "an odd number"]),
        ("measured=9000", ["--set measured=9000", "2000 images for training"]),
        ("radius=0", ["0 is out of range", "from 0.001 to 1"]),
        ("steps=2", ["2 is out of range", "from 20 to 1000"]),
        ("sharpness=1", ["unknown key \"sharpness\"", "radius, ascent"]),
    ] {
        let text = error(&["run", "landscape", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(!out.exists());

    succeeded(&run("landscape", &out, "1", "2", &TINY));
    let text = outcome(&out).to_string();
    assert!(text.contains("one seed allows no test") && !text.contains("null"));
}
