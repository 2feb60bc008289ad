//! `losslab metric` and the metrics of `losslab list` as a user calls them.

mod binary;

use binary::{Saved, bools, command, error, floats, integers, json, losslab, save};
use serde_json::Value;

/// The value of a metric on tensors.
fn value(name: &str, tensors: &[Saved], set: &[&str]) -> f64 {
    measured(name, tensors, set)["value"].as_f64().unwrap()
}

fn measured(name: &str, tensors: &[Saved], set: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = save(folder.path(), tensors);
    let set = set.iter().flat_map(|set| ["--set", set]).collect::<Vec<_>>();
    let found = json(&losslab(&[&["metric", name, "--input", &file, "--json"], &set[..]].concat()));
    assert_eq!(found["name"], name);
    found
}

fn rows() -> [Saved; 2] {
    [floats("probabilities", &[3, 2], &[0.75, 0.25, 0.5, 0.5, 0.0, 1.0]), integers("targets", &[0, 1, 1])]
}

#[test]
fn metrics_of_classes_and_probabilities() {
    assert_eq!(value("accuracy", &rows(), &[]), 2.0 / 3.0);
    assert_eq!(value("balanced-accuracy", &rows(), &[]), 0.75);
    assert_eq!(value("f1", &rows(), &["average=micro"]), 2.0 / 3.0);
    assert!((value("brier", &rows(), &[]) - 0.625 / 3.0).abs() < 1e-15);
    // One bin: the mean confidence is 0.75, two of three are right.
    assert!((value("ece", &rows(), &["bins=1"]) - 1.0 / 12.0).abs() < 1e-15);
    let logits = [floats("logits", &[1, 2], &[0.0, 0.0]), integers("targets", &[1])];
    assert_eq!(value("nll", &logits, &[]), 2f64.ln());
}

#[test]
fn metrics_of_embeddings() {
    // Beyond 2^24, where f32 no longer tells ids apart.
    let (one, other) = (1 << 24, (1 << 24) + 1);
    let embeddings = || floats("embeddings", &[4, 1], &[0.0, 1.0, 1.5, 9.0]);
    let labelled = || [embeddings(), integers("labels", &[one, one, other, other])];
    let found = measured("recall-at-k", &labelled(), &["similarity=euclidean"]);
    assert_eq!((&found["value"], &found["evaluated_queries"]), (&0.5.into(), &4.into()));
    let [queries, labels] = labelled();
    let gallery = [queries, labels, floats("gallery", &[1, 1], &[2.0]), integers("gallery_labels", &[one])];
    let found = measured("map-at-r", &gallery, &[]);
    assert_eq!(
        (&found["value"], &found["evaluated_queries"], &found["excluded_queries"]),
        (&1.0.into(), &2.into(), &2.into())
    );
    assert_eq!(value("intra-class-distance", &labelled(), &["normalize=false"]), (1.0 + 7.5) / 2.0);
    assert!(value("uniformity", &labelled(), &[]) <= 0.0);
    let clusters = [integers("labels", &[5, 5, -1, -1]), integers("clusters", &[0, 0, 1, 1])];
    assert_eq!(value("nmi", &clusters, &[]), 1.0);
}

#[test]
fn metrics_of_scores_take_targets_as_bool_and_as_0_and_1() {
    let scores = || floats("scores", &[4], &[0.9, 0.5, 0.5, 0.1]);
    assert_eq!(value("auroc", &[scores(), integers("targets", &[1, 1, 0, 0])], &[]), 0.875);
    assert_eq!(value("auroc", &[scores(), bools("targets", &[true, true, false, false])], &[]), 0.875);
}

#[test]
fn details_come_with_the_value() {
    let ranked = || {
        let relevance = integers("relevance", &[0, 2, 1, 0, 0]);
        [floats("scores", &[5], &[0.9, 0.8, 0.7, 0.5, 0.4]), relevance, integers("query", &[7, 7, 7, 1 << 40, 1 << 40])]
    };
    let found = measured("mrr", &ranked(), &[]);
    assert_eq!(
        (&found["value"], &found["evaluated_queries"], &found["excluded_queries"]),
        (&0.5.into(), &1.into(), &1.into())
    );
    let folder = tempfile::tempdir().unwrap();
    let output = losslab(&["metric", "mrr", "--input", &save(folder.path(), &ranked())]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "0.5 (higher is better)\nevaluated queries: 1\nexcluded queries: 1\n");

    let pairs = [floats("scores", &[4], &[0.1, 0.4, 0.2, 0.9]), bools("same", &[true, true, false, false])];
    let found = measured("tar-at-far", &pairs, &["orientation=distance", "far=0.5"]);
    assert_eq!((found["value"].as_f64(), found["far"].as_f64()), (Some(1.0), Some(0.5)));
    let none = [floats("scores", &[2], &[0.1, 0.9]), bools("same", &[true, false])];
    assert_eq!(measured("tar-at-far", &none, &[])["threshold"], "inf");
}

#[test]
fn list_names_every_metric_with_its_tensors_and_parameters() {
    let found = json(&losslab(&["list", "--json"]));
    let metrics = found["metrics"].as_array().unwrap();
    let names = metrics.iter().map(|metric| metric["name"].as_str().unwrap()).collect::<Vec<_>>();
    let expected = "accuracy balanced-accuracy mcc f1 precision recall auroc auprc ece ece-equal-mass mce ece-classwise \
                    ece-debiased ece-binary brier nll recall-at-k precision-at-k ndcg-at-k map-at-r r-precision \
                    mrr-retrieval eer verification-accuracy tar-at-far alignment uniformity effective-rank \
                    intra-class-distance inter-class-distance nmi ami ndcg map mrr err";
    assert_eq!(names.join(" "), expected);
    let tar = metrics.iter().find(|metric| metric["name"] == "tar-at-far").unwrap();
    assert_eq!((&tar["better"], &tar["parameters"][0]["default"]), (&"higher".into(), &"0.001".into()));
    assert_eq!(tar["inputs"][1]["dtype"], "bool or int");
    let text = String::from_utf8(losslab(&["list"]).stdout).unwrap();
    for word in [
        "METRICS",
        "float tensor, or probabilities",
        "tar-at-far",
        "bool or int tensor",
        "similarity | distance",
        "(lower is better)",
    ] {
        assert!(text.contains(word), "{word} in\n{text}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::io::Read;
    let mut command = command(&["list"]);
    let piped = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // Closes the pipe after a byte at most.
    child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_unknown_or_out_of_range_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = save(folder.path(), &rows());
    let of = |arguments: &[&str]| error(&[&["metric"][..], arguments, &["--input", &file]].concat());
    assert!(of(&["acuracy"]).contains("unknown metric \"acuracy\", the metrics are: accuracy, balanced-accuracy,"));
    assert!(of(&["ece", "--set", "bin=3"]).contains("ece has no \"bin\", its keys are: bins"));
    assert!(of(&["accuracy", "--set", "k=3"]).contains("accuracy has no \"k\", it has no keys"));
    assert!(of(&["ece", "--set", "bins=0"]).contains("bins must be in [1, 1000000], but is 0"));
    assert!(of(&["ece", "--set", "bins=-1"]).contains("ece takes a whole number from 1 to 1000000"));
    assert!(of(&["f1", "--set", "average=mean"]).contains("f1 takes macro | micro"));
    assert!(
        of(&["auroc"])
            .contains("auroc takes no tensor \"probabilities\", it takes: scores float [n], targets bool or int")
    );
    assert!(error(&["metric", "ece"]).contains("--input"));
    assert!(error(&["metric", "ece", "--input", "/nowhere/x"]).contains("/nowhere/x"));
}

#[test]
fn tensors_that_do_not_fit_are_errors_that_name_file_and_metric() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, tensors: &[Saved]| {
        let message = error(&["metric", name, "--input", &save(folder.path(), tensors)]);
        assert!(message.contains("saved.safetensors"), "{message}");
        message
    };
    let targets = || integers("targets", &[0]);
    let both = [floats("logits", &[1, 2], &[0.0, 1.0]), floats("probabilities", &[1, 2], &[0.0, 1.0]), targets()];
    assert!(of("nll", &both).contains("nll: there are logits and probabilities, it takes one of them"));
    assert!(of("nll", &[targets()]).contains("tensor \"logits\" or \"probabilities\" is missing"));
    assert!(of("nll", &[floats("logits", &[1, 2], &[0.0, 1.0])]).contains("tensor \"targets\" is missing"));
    let sum = of("ece", &[floats("probabilities", &[1, 2], &[0.5, 0.75]), targets()]);
    assert!(sum.contains("row 0 is of sum 1.25"), "{sum}");
    let nan = of("ece", &[floats("logits", &[1, 2], &[0.5, f32::NAN]), targets()]);
    assert!(nan.contains("logits must be finite, but element 1 is NaN"), "{nan}");
    let empty = of("ece", &[floats("logits", &[0, 2], &[]), integers("targets", &[])]);
    assert!(empty.contains("must not be empty"), "{empty}");
    let class = of("accuracy", &[floats("logits", &[1, 2], &[0.5, 0.0]), integers("targets", &[2])]);
    assert!(class.contains("a class index in [0, 2), but element 0 is 2"), "{class}");
    let alone =
        [floats("embeddings", &[1, 2], &[0.5, 0.0]), integers("labels", &[2]), integers("gallery_labels", &[2])];
    assert!(of("recall-at-k", &alone).contains("gallery and gallery_labels come together"));
    let flag = of("auroc", &[floats("scores", &[1], &[0.5]), integers("targets", &[2])]);
    assert!(flag.contains("auroc: targets must be 0 or 1, but element 0 is 2"), "{flag}");
    let one_class = of("auroc", &[floats("scores", &[2], &[0.5, 1.0]), integers("targets", &[1, 1])]);
    assert!(one_class.contains("is undefined: no label is negative"), "{one_class}");
    let rank = of("auroc", &[floats("scores", &[1, 1], &[0.5]), integers("targets", &[1])]);
    assert!(rank.contains("tensor \"scores\" must have shape [n], but has [1, 1]"), "{rank}");
    let kind = of("accuracy", &[floats("logits", &[1, 2], &[0.5, 0.0]), floats("targets", &[1], &[1.0])]);
    assert!(kind.contains("must be targets int [n], but is f32"), "{kind}");
}
