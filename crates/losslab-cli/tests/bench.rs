//! `losslab bench` as a user calls it. Times are not asserted.

mod binary;

use binary::{error, json, losslab};
use serde_json::Value;

const TINY: [&str; 10] = ["--rows", "24", "--dim", "4", "--classes", "5", "--samples-per-class", "3", "--repeat", "2"];

fn bench(arguments: &[&str]) -> Vec<Value> {
    let output = losslab(&[&["bench", "--json"], &TINY[..], arguments].concat());
    json(&output).as_array().expect("a list").clone()
}

#[test]
fn every_loss_with_a_kernel_is_measured_in_three_ways() {
    let found = bench(&[]);
    let mut keys = found[0].as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
    keys.sort_unstable();
    assert_eq!(keys, ["dim", "gflops", "loss", "path", "peak_extra_bytes", "rows", "seconds"]);
    assert_eq!(found.len() % 3, 0);
    for of_loss in found.chunks(3) {
        let paths = of_loss.iter().map(|way| way["path"].as_str().unwrap());
        assert_eq!(paths.collect::<Vec<_>>(), ["kernel", "fused", "plain"]);
        for way in of_loss {
            assert_eq!((&way["loss"], &way["rows"]), (&of_loss[0]["loss"], &Value::from(24)));
            assert!(way["seconds"].as_f64().unwrap() > 0.0);
        }
    }
    let known = json(&losslab(&["list", "--json"]));
    let with_kernel = known["losses"].as_array().unwrap().iter();
    let with_kernel = with_kernel.filter(|loss| loss["paths"].as_array().unwrap().contains(&Value::from("fused")));
    let names = with_kernel.map(|loss| &loss["name"]).collect::<Vec<_>>();
    assert_eq!(found.chunks(3).map(|of_loss| &of_loss[0]["loss"]).collect::<Vec<_>>(), names);
}

#[test]
fn losses_over_pairs_have_a_rate_of_matrix_products() {
    let found = bench(&["info-nce", "focal"]);
    let (info_nce, focal) = (&found[0], &found[3]);
    assert_eq!((&info_nce["dim"], &focal["dim"]), (&Value::from(4), &Value::from(5)));
    // Six operations for each pair and dimension, where tiles are kept.
    let operations = info_nce["gflops"].as_f64().unwrap() * 1e9 * info_nce["seconds"].as_f64().unwrap();
    assert!((operations - 6.0 * 24.0 * 24.0 * 4.0).abs() < 1.0, "{operations}");
    assert!(focal["gflops"].is_null());
}

#[test]
fn memory_is_that_beyond_the_inputs() {
    let found = json(&losslab(&["bench", "focal", "--rows", "256", "--classes", "512", "--repeat", "1", "--json"]));
    let gradient = 256 * 512 * 4;
    let peak = |way: usize| found[way]["peak_extra_bytes"].as_u64().unwrap();
    // One pass: the gradient, and little else.
    assert!((gradient..gradient + gradient / 8).contains(&peak(0)), "{}", peak(0));
    assert!((gradient..2 * gradient + gradient / 8).contains(&peak(1)), "{}", peak(1));
    assert!(peak(2) > 2 * gradient, "{}", peak(2));
}

#[test]
fn hyperparameters_can_be_set() {
    for mining in ["batch-all", "batch-hard"] {
        let found = bench(&["triplet", "--set", &format!("mining={mining}")]);
        assert_eq!(found.len(), 3);
    }
    let table = losslab(&[&["bench", "sup-con", "--set", "form=inside"], &TINY[..]].concat());
    let text = String::from_utf8(table.stdout).unwrap();
    for word in ["sup-con, 24 x 4", "kernel", "fused", "plain", "GFLOP/s"] {
        assert!(text.contains(word), "{word} in\n{text}");
    }
}

#[test]
fn plain_operations_beyond_the_limit_are_left_out_with_a_note() {
    let output = losslab(&[&["bench", "nt-xent", "--plain-limit", "0", "--json"], &TINY[..]].concat());
    let note = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(note.contains("nt-xent: plain operations are left out"), "{note}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let paths = found.as_array().unwrap().iter().map(|way| way["path"].as_str().unwrap());
    assert_eq!(paths.collect::<Vec<_>>(), ["kernel", "fused"]);
    let output = losslab(&[&["bench", "nt-xent", "--plain-limit", "0"], &TINY[..]].concat());
    assert!(String::from_utf8(output.stdout).unwrap().contains("plain operations are left out"));
}

#[test]
fn what_cannot_be_measured_is_an_error() {
    let of = |arguments: &[&str]| error(&[&["bench"][..], arguments].concat());
    assert!(of(&["fokal"]).contains("unknown loss \"fokal\", the losses are: focal-sigmoid,"));
    assert!(of(&["weighted-sum"]).contains("weighted-sum has no kernel, the losses with one are: focal-sigmoid,"));
    assert!(of(&["--rows", "0"]).contains("--rows must be in [1, 16777216], but is 0"));
    assert!(of(&["--classes", "1"]).contains("--classes must be in [2, 1048576], but is 1"));
    assert!(of(&["--repeat", "0"]).contains("--repeat must be in [1, 1000], but is 0"));
    assert!(of(&["--rows", "16000000"]).contains("a tensor has at most 268435456 values"));
    assert!(of(&["--plain-limit", "-1"]).contains("--plain-limit"));
    let tiny = |arguments: &[&str]| of(&[arguments, &TINY[..]].concat());
    assert!(tiny(&["focal", "--set", "gama=1"]).contains("focal has no \"gama\""));
    assert!(tiny(&["focal", "--set", "gamma=-1"]).contains("gamma must be in [0, 100], but is -1"));
    let swap = ["triplet", "--set", "mining=batch-all", "--set", "swap=true"];
    assert!(tiny(&swap).contains("triplet: these hyperparameters have no kernel"));
}
