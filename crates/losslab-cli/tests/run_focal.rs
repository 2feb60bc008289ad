//! `losslab run focal` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{command, losslab, outcome, refusal, run, succeeded};
use std::{fs, path::Path};

/// A run of about a second.
const TINY: [&str; 3] = ["epochs=1", "gamma=0,2", "alpha=0.5,0.75"];

fn csv(rows: usize) -> String {
    let row = |index: usize| {
        let rare = index.is_multiple_of(5);
        let noise = (index * 7919 % 101) as f64 / 101.0;
        format!("{},{},{}\n", noise + if rare { 0.6 } else { 0.0 }, 1.0 - noise * noise, u8::from(rare))
    };
    std::iter::once("a,b,label\n".to_owned()).chain((0..rows).map(row)).collect()
}

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = ["1", "2", "5"].map(|threads| {
        let out = folder.path().join(threads);
        succeeded(&run("focal", &out, "2", threads, &TINY));
        fs::read(out.join("outcome.json")).unwrap()
    });
    assert!(outcomes[0] == outcomes[1] && outcomes[0] == outcomes[2]);
}

#[test]
fn a_run_leaves_its_record_and_prints_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let output = run("focal", folder.path(), "2", "2", &TINY);
    succeeded(&output);
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["outcome.json", "report.html", "run.json", "story.json"]);

    let outcome = outcome(folder.path());
    let keys: Vec<_> = outcome.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["checks", "config", "experiment", "rows", "seeds"]);
    assert_eq!((&outcome["experiment"], &outcome["seeds"]), (&"focal".into(), &serde_json::json!([1, 2])));
    let names: Vec<_> = outcome["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let methods =
        ["cross-entropy", "cross-entropy tuned threshold", "weighted cross-entropy", "focal gamma=0", "focal gamma=2"];
    let sets = ["digits", "two-class 90/10", "two-class 99/1"];
    let expected: Vec<_> = sets.iter().flat_map(|set| methods.map(|method| format!("{set}/{method}"))).collect();
    assert_eq!(names, expected);
    for row in outcome["rows"].as_array().unwrap() {
        for metric in ["accuracy", "common_accuracy", "recall", "precision", "f1", "balanced_accuracy", "auprc"] {
            let metric = &row["metrics"][metric];
            let values: Vec<f64> = serde_json::from_value(metric["values"].clone()).unwrap();
            assert_eq!(values.len(), 2);
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
            assert!((metric["mean"].as_f64().unwrap() - (values[0] + values[1]) / 2.0).abs() < 1e-12);
        }
    }
    assert_eq!(outcome["checks"].as_array().unwrap().len(), 18);

    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("cross-entropy, tuned threshold") && printed.contains("report.html"), "{printed}");
    let report = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(report.contains("losslab run focal --quick --seeds 2 --set epochs=1"));
}

#[test]
fn a_csv_file_takes_the_place_of_the_data_sets() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("my table.csv");
    fs::write(&table, csv(200)).unwrap();
    let out = folder.path().join("out");
    let files = ["--data", table.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let flags = ["run", "focal", "--seeds", "2", "--set", "epochs=1", "--set", "gamma=2", "--set", "alpha=0.5"];
    succeeded(&losslab(&[flags.as_slice(), &files].concat()));
    let outcome = outcome(&out);
    let rows = outcome["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["name"].as_str().unwrap().starts_with("my table.csv/")));
}

#[test]
fn one_seed_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("t.csv");
    fs::write(&table, csv(100)).unwrap();
    let out = folder.path().join("out");
    let data = ["--data", table.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let flags = ["run", "focal", "--seeds", "1", "--set", "epochs=1", "--set", "gamma=1", "--set", "alpha=0.5"];
    succeeded(&losslab(&[flags.as_slice(), &data].concat()));
    let outcome = outcome(&out).to_string();
    assert!(outcome.contains("one seed allows no test") && !outcome.contains("null"));
}

#[test]
fn bad_flags_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cases: [(&[&str], &[&str]); 10] = [
        (&["run", "vocal"], &["vocal", "focal"]),
        (&["run", "focal", "--set", "gama=1"], &["unknown key \"gama\"", "gamma, alpha, criterion"]),
        (&["run", "focal", "--set", "gamma=9"], &["9 is out of range", "from 0 to 5"]),
        (&["run", "focal", "--set", "epochs=many"], &["expected a whole number from 1 to 1000", "many"]),
        (&["run", "focal", "--set", "criterion=luck"], &["luck", "f1", "balanced-accuracy"]),
        (&["run", "focal", "--seeds", "0"], &["--seeds", "0"]),
        (&["run", "focal", "--quick", "--full"], &["--quick", "--full"]),
        (&["run", "focal", "--data", "none.csv"], &["none.csv: cannot be read"]),
        (&["run", "focal", "--data-dir", "none"], &["none: no such folder"]),
        (&["walk"], &["walk"]),
    ];
    for (arguments, parts) in cases {
        let mut command = command(arguments);
        if arguments[0] == "run" {
            command.args(["--out", out.to_str().unwrap()]);
        }
        let text = refusal(&command.output().unwrap());
        for part in parts {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }
    assert!(!out.exists());
}

#[test]
fn bad_data_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let table = folder.path().join("t.csv");
    let refused = |flag: &str, path: &Path| {
        let arguments = ["run", "focal", flag, path.to_str().unwrap(), "--out", out.to_str().unwrap()];
        refusal(&losslab(&arguments))
    };
    for (text, part) in [
        (String::new(), "t.csv: the file is empty"),
        (csv(200).replace("\n0,", "\nNaN,"), "column 1 (a): expected a finite number, found \"NaN\""),
        (csv(200).replace(",1\n", ",2\n"), "column 3 (label): expected the label 0 or 1, found \"2\""),
        (csv(200).replace(",1\n", ",1,1\n"), "expected 3 fields, found 4"),
        (csv(200).replace(",1\n", ",0\n"), "all 200 rows have the label 0"),
        (csv(20), "4 rows have the label 1, at least 10 are needed"),
    ] {
        fs::write(&table, text).unwrap();
        let message = refused("--data", &table);
        assert!(message.contains(part), "{part} is missing in: {message}");
    }

    for part in ["train", "t10k"] {
        fs::write(folder.path().join(format!("{part}-images-idx3-ubyte")), [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
        fs::write(folder.path().join(format!("{part}-labels-idx1-ubyte")), [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    }
    let message = refused("--data-dir", folder.path());
    assert!(message.contains("train-images-idx3-ubyte: byte 0: magic number is 0x00000801"), "{message}");
    assert!(!out.exists());

    fs::write(&out, "a file in the way").unwrap();
    let message = refused("--data", &table);
    assert!(message.contains("out: not a folder"), "{message}");
    assert_eq!(fs::read_to_string(&out).unwrap(), "a file in the way");
}
