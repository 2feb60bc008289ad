//! `losslab advise` as a user calls it. Here the input is no terminal, so that nothing is asked.

mod binary;

use serde_json::Value;
use std::process::Output;

fn losslab(arguments: &[&str]) -> Output {
    binary::losslab(&[&["advise"], arguments].concat())
}

fn text(arguments: &[&str]) -> String {
    let output = losslab(arguments);
    binary::succeeded(&output);
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(&[arguments, &["--json"]].concat())).expect("JSON")
}

fn error(arguments: &[&str]) -> String {
    binary::refusal(&losslab(arguments))
}

/// Text without the breaks of its lines.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn asset(name: &str) -> String {
    format!("{}/assets/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_page_says_all_that_one_needs() {
    let page = text(&["--task", "imbalanced", "--classes", "2", "--rare-share", "0.01", "--batch", "64"]);
    for expected in [
        "LOSS  SigmoidFocalLoss (focal-sigmoid)",
        "gamma γ",
        "0 to 5",
        "0.25 to 0.75",
        "A batch of 64 holds 0.6 of the rarest class",
        "threshold tuned on the validation part",
        "None of these differences is significant",
        "easy-examples-dominate",
        "const GAMMA: f64 = 2.0;",
    ] {
        assert!(unwrapped(&page).contains(&unwrapped(expected)), "{expected} in\n{page}");
    }
    let headings =
        ["LOSS", "FROM", "WHY", "HYPERPARAMETERS", "BATCHES", "BEAT THIS FIRST", "CHOOSE BY", "WATCH", "RUST"];
    let found = headings.map(|heading| page.lines().position(|line| line.starts_with(heading)));
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{page}");
    let text_only = page.split("\nRUST\n").next().unwrap();
    assert!(text_only.lines().all(|line| line.chars().count() <= 100), "{page}");
}

#[test]
fn flags_lead_down_every_branch() {
    let loss = |arguments: &[&str]| json(arguments)["loss"].as_str().unwrap().to_owned();
    assert_eq!(loss(&["--task", "imbalanced", "--classes", "5", "--rare-share", "0.01"]), "focal");
    let labels = ["--task", "imbalanced", "--classes", "80", "--rare-share", "0.001", "--multi-label"];
    assert_eq!(loss(&labels), "focal-sigmoid");
    assert_eq!(loss(&["--task", "similarity", "--labels"]), "triplet");
    assert_eq!(loss(&["--task", "similarity", "--pairs"]), "contrastive");
    assert_eq!(loss(&["--task", "similarity", "--triplets"]), "triplet-aligned");
    assert_eq!(loss(&["--task", "similarity", "--labels", "--classes", "20000"]), "arc-face");
    assert_eq!(loss(&["--task", "similarity", "--labels", "--classes", "10"]), "multi-similarity");
    assert_eq!(loss(&["--task", "similarity", "--unlabelled"]), "dcl");
    assert_eq!(loss(&["--task", "similarity", "--unlabelled", "--batch", "512"]), "info-nce");
    assert_eq!(loss(&["--task", "similarity", "--unlabelled", "--shared-matches"]), "vicreg");
    assert_eq!(loss(&["--task", "calibration", "--classes", "10"]), "label-smoothing");
    assert_eq!(loss(&["--task", "multi-modal"]), "info-nce");
    assert_eq!(loss(&["--task", "multi-modal", "--batch", "16384"]), "siglip");
    assert_eq!(loss(&["--task", "multi-task", "--tasks", "2", "--loss-ratio", "1.2"]), "weighted-sum");
    assert_eq!(loss(&["--task", "multi-task", "--tasks", "3", "--regressions", "1"]), "uncertainty");
    assert_eq!(loss(&["--task", "ranking"]), "lambda-loss");
    assert_eq!(loss(&["--task", "ranking", "--longest-list", "50000"]), "rank-net");
    assert_eq!(loss(&["--task", "ranking", "--whole-order", "--batch", "8"]), "list-mle");
    assert_eq!(loss(&["--task", "classification", "--classes", "3"]), "cross-entropy");
}

#[test]
fn batches_are_for_the_classes_there_are() {
    let flags = ["--task", "similarity", "--labels", "--classes", "10", "--samples-per-class", "50", "--batch", "64"];
    let found = json(&flags);
    let batch = &found["batch"];
    assert_eq!((&batch["classes"], &batch["samples_per_class"], &batch["size"]), (&10.into(), &6.into(), &60.into()));
    let rust = found["rust"].as_str().unwrap();
    assert!(
        rust.contains("const CLASSES: usize = 10; // P") && rust.contains("const SAMPLES: usize = 6; // K"),
        "{rust}"
    );
    assert_eq!(found["hyperparameters"][0]["range"], serde_json::json!([0.1, 2.0]));
    assert_eq!(found["watch"][0]["finding"], "too-few-triplets");
}

#[test]
fn tables_and_label_files_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fraud.csv");
    let rows = (0..200).map(|row| format!("{row},{}\n", if row % 50 == 0 { "fraud" } else { "fine" }));
    std::fs::write(&file, format!("amount,kind\n{}", rows.collect::<String>())).unwrap();
    let file = file.to_str().unwrap();
    let found = json(&["--data", file, "--label", "kind"]);
    assert_eq!((found["task"].as_str(), found["loss"].as_str()), (Some("imbalanced"), Some("focal-sigmoid")));
    let facts = found["facts"].to_string();
    assert!(facts.contains("column kind of fraud.csv: 200 rows, 2 classes"), "{facts}");
    assert!(facts.contains("4 rows (2.0 %)"), "{facts}");
    assert!(found["batch"]["text"].to_string().contains("only 4 rows"), "{found}");
    assert!(error(&["--data", file]).contains("no column is named \"label\" (--label names another)"));
    let ids = error(&["--data", file, "--label", "amount"]);
    assert!(ids.contains("200 different values in 200 rows"), "{ids}");

    let digits = asset("digits-train-labels-idx1-ubyte.gz");
    let found = json(&["--labels", &digits]);
    assert_eq!((found["task"].as_str(), found["loss"].as_str()), (Some("classification"), Some("cross-entropy")));
    let found = json(&["--labels", &digits, "--task", "similarity", "--batch", "100"]);
    assert_eq!((&found["batch"]["classes"], &found["batch"]["samples_per_class"]), (&10.into(), &10.into()));
}

#[test]
fn what_is_missing_is_named_by_its_flag() {
    let none = error(&[]);
    assert!(none.contains("not a terminal") && none.contains("--task imbalanced|similarity|calibration|"), "{none}");
    let rare = error(&["--task", "imbalanced", "--classes", "2"]);
    assert!(rare.contains("it needs --rare-share SHARE, or labels to measure: --data FILE.csv"), "{rare}");
    let both = error(&["--task", "imbalanced"]);
    assert!(both.contains("--classes N and --rare-share SHARE"), "{both}");
    assert!(error(&["--task", "similarity"]).contains("--labels|--pairs|--triplets|--unlabelled"));
    assert!(error(&["--task", "multi-task"]).contains("--tasks N"));
    assert!(error(&["--task", "calibration"]).contains("--classes N"));
}

#[test]
fn what_can_not_be_is_refused() {
    let of = |flags: &str| error(&flags.split(' ').collect::<Vec<_>>());
    assert!(
        of("--task sorting").contains("imbalanced, similarity, calibration, multi-modal, multi-task, classification")
    );
    assert!(of("--task imbalanced --classes 2 --rare-share 0.7").contains("above 0 and at most 0.500"));
    assert!(of("--task imbalanced --classes 2 --rare-share 0").contains("above 0"));
    assert!(of("--task imbalanced --classes 2 --rare-share nan").contains("above 0"));
    assert!(of("--task imbalanced --classes 1 --rare-share 0.1").contains("--classes 1: it must be at least 2"));
    assert!(of("--task multi-task --tasks 1").contains("from 2 to 1000"));
    assert!(of("--task multi-task --tasks 2 --regressions 3").contains("there are only 2 tasks"));
    assert!(of("--task multi-task --tasks 2 --loss-ratio 0.5").contains("at least 1"));
    assert!(of("--task similarity --labels --batch 3").contains("at least 4"));
    assert!(of("--task similarity --labels --classes 1").contains("2 classes"));
    assert!(of("--task similarity --pairs --triplets").contains("--triplets"));
    assert!(
        of("--task multi-modal --classes 3").contains("--classes N has no meaning here; for multi-modal there are")
    );
    assert!(of("--task similarity --pairs --samples-per-class 3").contains("--samples-per-class N has no meaning"));
    assert!(of("--data /nowhere/t.csv").contains("/nowhere/t.csv: cannot be read"));
    assert!(of("--labels /nowhere/labels").contains("/nowhere/labels: cannot be read"));
    assert!(of("--labels /dev/null").contains("the file is empty"));
    assert!(of("--data t.csv --classes 3").contains("--classes"));
    let digits = asset("digits-train-labels-idx1-ubyte.gz");
    assert!(error(&["--task", "multi-task", "--labels", &digits]).contains("say nothing about the task multi-task"));
    assert!(error(&["--labels", &digits, "--classes", "3"]).contains("are measured where there is a file"));
    let images = error(&["--labels", &asset("digits-test-images-idx3-ubyte.gz")]);
    assert!(images.contains("expected 0x00000801"), "{images}");
}
