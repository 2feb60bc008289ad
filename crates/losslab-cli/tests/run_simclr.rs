//! `losslab run simclr` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{command, error, outcome, run, succeeded};
use std::{
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// The whole experiment, as small as it gets.
const TINY: [&str; 14] = [
    "labelled=0.1,1",
    "compared_temperatures=0.2,1",
    "batch=20",
    "compared_batches=20,60",
    "left_out=crop,flip",
    "queue=50",
    "epochs=2",
    "width=2",
    "representation=8",
    "projection=4",
    "neighbours=5",
    "images=120",
    "valid=50",
    "tested=100",
];

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        succeeded(&run("simclr", &out, "2", threads, &TINY));
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outputs[0] == outputs[1]);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let ways = [
        "raw pixels",
        "untrained network",
        "from scratch",
        "SimCLR",
        "MoCo",
        "SimCLR with τ = 1",
        "SimCLR in batches of 60",
        // Digits are never flipped.
        "SimCLR without crop",
    ];
    let expected =
        ways.iter().flat_map(|way| ["10", "100"].map(|share| format!("digits/{way}, {share} % of the labels")));
    assert_eq!(names, expected.collect::<Vec<_>>());
    for row in rows {
        for (metric, found) in row["metrics"].as_object().unwrap() {
            let values: Vec<f64> = serde_json::from_value(found["values"].clone()).unwrap();
            assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{row} {metric}");
        }
    }
    let has_head = |name: &str| {
        let row = rows.iter().find(|row| row["name"].as_str().unwrap().contains(name)).unwrap();
        row["metrics"].get("knn_of_head").is_some()
    };
    assert_eq!(["raw pixels", "untrained", "from scratch", "MoCo"].map(has_head), [false, true, false, true]);
    let checks = outcome["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 9, "{checks:?}");
    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert!(report.contains("What the augmentations do") && report.contains("Representations: SimCLR"));
}

#[test]
fn parts_are_run_alone_and_bad_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("parts=queue", ["queue", "`momentum`"]),
        ("data=cats", ["cats", "`cifar-10`"]),
        ("left_out=hue", ["hue", "`jitter`"]),
        ("labelled=0", ["0 is out of range", "from 0.001 to 1"]),
        ("momentum=1.5", ["1.5 is out of range", "from 0 to 1"]),
        ("batch=4000", ["batches of 4000", "images is 1000"]),
        ("data=fashion-mnist", ["Fashion-MNIST is not here", "losslab data fetch fashion-mnist"]),
        ("size=3", ["unknown key \"size\"", "left_out"]),
    ] {
        let text = error(&["run", "simclr", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    assert!(!out.exists());

    let momentum = [&TINY[..], &["parts=momentum"]].concat();
    succeeded(&run("simclr", &out, "1", "2", &momentum));
    let outcome = outcome(&out);
    assert_eq!(outcome["rows"].as_array().unwrap().len(), 4);
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 2);
}

/// Trainings of MoCo with one job after the other, long enough to be killed in the middle of one.
fn flags(out: &Path) -> Vec<String> {
    let settings = [&TINY[..6], &["epochs=150", "parts=momentum"], &TINY[7..]].concat();
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    ["run", "simclr", "--seeds", "1", "--out", out.to_str().unwrap()]
        .into_iter()
        .chain(sets)
        .map(str::to_owned)
        .collect()
}

/// Whether a training of MoCo has a copy on disk.
fn is_under_way(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).any(|path| {
        let text = path.to_string_lossy();
        (text.contains("MoCo") && text.ends_with(".training")) || is_under_way(&path)
    })
}

#[test]
fn a_run_that_is_killed_goes_on_with_its_queue() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    let start = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = command(&arguments);
        command.env("RAYON_NUM_THREADS", "1").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    assert!(start(&flags(&whole)).wait().unwrap().success());

    // SimCLR comes first, MoCo second: killed once a copy of the second training is on disk.
    let mut child = start(&flags(&stopped));
    let started = Instant::now();
    while !is_under_way(&stopped.join("unfinished")) {
        assert!(started.elapsed() < Duration::from_secs(300), "no training was saved");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!stopped.join("outcome.json").exists());

    let resumed = start(&["run".to_owned(), "--resume".to_owned(), stopped.to_str().unwrap().to_owned()]).wait();
    assert!(resumed.unwrap().success());
    let outcome = |folder: &Path| fs::read(folder.join("outcome.json")).unwrap();
    assert!(outcome(&stopped) == outcome(&whole));
}
