//! `losslab run ranking` as a user sees it: what it writes, that it repeats, and how it refuses.

mod binary;

use binary::{command, error, losslab, outcome, refusal, run, succeeded};
use std::{fmt::Write, fs, path::Path};

/// The experiment as small as it gets.
const TINY: [&str; 6] = ["queries=30", "epochs=2", "lr=0.003,0.01", "hidden=4", "batch=8", "sessions=10"];

const LOSSES: [&str; 8] =
    ["regression", "rank-net", "rank-net hinge", "lambda-rank", "ndcg-loss2++", "list-net", "list-mle", "approx-ndcg"];

/// A LETOR file of some queries with three items each, of which the first is relevant.
fn letor(queries: usize) -> String {
    (0..queries).fold(String::new(), |mut text, query| {
        for item in 0..3 {
            let grade = if item == 0 { 1 + query % 2 } else { 0 };
            let noise = (query * 7 + item * 3) % 5;
            writeln!(text, "{grade} qid:{query} 1:{} 2:0.{noise} # doc {item}", grade * 2 + noise % 2).unwrap();
        }
        text
    })
}

#[test]
fn the_same_seeds_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = ["1", "2"].map(|threads| {
        let out = folder.path().join(threads);
        let output = run("ranking", &out, "2", threads, &TINY);
        succeeded(&output);
        (fs::read(out.join("outcome.json")).unwrap(), output)
    });
    assert!(outputs[0].0 == outputs[1].0);

    let outcome = outcome(&folder.path().join("1"));
    let rows = outcome["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let before = ["as shown", "one feature"];
    let expected = before.iter().chain(&LOSSES).chain(&["lambda-rank on true grades"]);
    assert_eq!(names, expected.map(|name| format!("searches/{name}")).collect::<Vec<_>>());
    for row in rows {
        for metric in ["ndcg_at_1", "ndcg_at_5", "ndcg_at_10", "map"] {
            let values: Vec<f64> = serde_json::from_value(row["metrics"][metric]["values"].clone()).unwrap();
            assert!(values.len() == 2 && values.iter().all(|value| (0.0..=1.0).contains(value)), "{row}");
        }
        let is_trained = !before.iter().any(|name| row["name"] == format!("searches/{name}"));
        let epoch = row["metrics"]["epoch"]["mean"].as_f64();
        assert_eq!(epoch.map(|epoch| (1.0..=2.0).contains(&epoch)), is_trained.then_some(true), "{row}");
    }
    let checks = outcome["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 1 + 7 + 5, "{checks:?}");

    let printed = String::from_utf8_lossy(&outputs[0].1.stdout).into_owned();
    assert!(printed.contains("MQ2008 is not here"), "{printed}");
    let report = fs::read_to_string(folder.path().join("1/report.html")).unwrap();
    assert!(report.contains("Which step size suits which loss") && report.contains("Clicks are not relevance"));
}

#[test]
fn a_file_takes_the_place_of_the_data_sets() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("lists.txt"), folder.path().join("out"));
    fs::write(&file, letor(40)).unwrap();
    let mut command = command(&["run", "ranking", "--seeds", "2", "--out", out.to_str().unwrap()]);
    command.args(["--data", file.to_str().unwrap(), "--set", "losses=regression,lambda-rank"]);
    TINY.iter().for_each(|setting| {
        command.args(["--set", setting]);
    });
    succeeded(&command.output().unwrap());
    let outcome = outcome(&out);
    let names: Vec<&str> =
        outcome["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["lists.txt/one feature", "lists.txt/regression", "lists.txt/lambda-rank"]);
    // The first feature tells which item is relevant.
    assert!(outcome["rows"][0]["metrics"]["ndcg_at_10"]["mean"].as_f64().unwrap() > 0.9);
}

#[test]
fn bad_files_and_settings_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (assignment, parts) in [
        ("losses=lambdarank", ["lambdarank", "`lambda-rank`"]),
        ("bias=4", ["4 is out of range", "from 0 to 3"]),
        ("lr=0", ["0 is out of range", "to 1"]),
        ("queries=5", ["5 is out of range", "from 20"]),
        ("size=3", ["unknown key \"size\"", "temperature"]),
    ] {
        let text = error(&["run", "ranking", "--set", assignment, "--out", out.to_str().unwrap()]);
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    let file = folder.path().join("lists.txt");
    let of = |text: &str| {
        fs::write(&file, text).unwrap();
        let arguments = ["run", "ranking", "--data", file.to_str().unwrap(), "--out", out.to_str().unwrap()];
        refusal(&losslab(&arguments))
    };
    assert!(of("1 qid:1 1:0\nx qid:1 1:2\n").contains("lists.txt: line 2: expected a grade first"));
    assert!(of(&letor(4)).contains("lists.txt: 4 queries, at least 10 are needed for three parts"));
    assert!(
        of(&letor(20).replace("\n1 qid", "\n0 qid").replace("\n2 qid", "\n0 qid"))
            .contains("too few of its 20 queries")
    );
    assert!(!out.exists());
}

/// MQ2008 where `LOSSLAB_TEST_DATA` names a folder that has it.
#[test]
fn mq2008_is_taken_from_a_folder() {
    let Some(data) = std::env::var_os("LOSSLAB_TEST_DATA").filter(|data| Path::new(data).join("mq2008-fold1").is_dir())
    else {
        println!("skipped: LOSSLAB_TEST_DATA names no folder with mq2008-fold1");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = command(&["run", "ranking", "--seeds", "1", "--out", out.to_str().unwrap()]);
    command.arg("--data-dir").arg(data).args(["--set", "losses=list-net"]);
    TINY.iter().for_each(|setting| {
        command.args(["--set", setting]);
    });
    succeeded(&command.output().unwrap());
    let outcome = outcome(&out);
    let row = outcome["rows"].as_array().unwrap().iter().find(|row| row["name"] == "mq2008/list-net").unwrap();
    let ndcg = row["metrics"]["ndcg_at_10"]["mean"].as_f64().unwrap();
    assert!((0.5..0.8).contains(&ndcg), "{ndcg}");
}
