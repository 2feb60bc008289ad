//! `losslab loss` and `losslab list` as a user calls them.

mod binary;

use binary::{Saved, doubles, error, floats, integers, json, losslab, save};
use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};

fn focal_batch(folder: &Path) -> String {
    let logits = floats("logits", &[2, 3], &[0.5, -1.0, 2.0, 0.0, 3.0, -0.25]);
    save(folder, &[logits, integers("targets", &[2, 0])])
}

/// The gradients of a file by name: shape, type and values.
fn gradients(file: &Path) -> Vec<(String, Vec<usize>, Dtype, Vec<f64>)> {
    let bytes = std::fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let values = |dtype: Dtype, data: &[u8]| match dtype {
        Dtype::F32 => data.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
        _ => data.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect::<Vec<f64>>(),
    };
    let mut found = tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), view.shape().to_vec(), view.dtype(), values(view.dtype(), view.data())))
        .collect::<Vec<_>>();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn all_paths_give_the_same_loss_and_gradients() {
    let folder = tempfile::tempdir().unwrap();
    let batch = focal_batch(folder.path());
    let grad = folder.path().join("grad.safetensors");
    let run = |path: &str| {
        let flags = ["loss", "focal", "--input", &batch, "--set", "gamma=1.5", "--set", "alpha=1,2,0.5", "--json"];
        let output = losslab(&[&flags[..], &["--path", path, "--grad", grad.to_str().unwrap()]].concat());
        let found = json(&output);
        assert_eq!(found["path"], path);
        (found["loss"].as_f64().unwrap(), gradients(&grad).remove(0))
    };
    let (expected, (name, shape, dtype, by_reference)) = run("reference");
    assert_eq!((name.as_str(), shape, dtype), ("logits", vec![2, 3], Dtype::F64));
    for path in ["fused", "plain"] {
        let (loss, (_, _, dtype, gradient)) = run(path);
        assert!((loss - expected).abs() < 1e-6 * expected, "{path}: {loss} instead of {expected}");
        assert_eq!(dtype, Dtype::F32);
        for (found, expected) in gradient.iter().zip(&by_reference) {
            assert!((found - expected).abs() < 1e-6, "{path}: {found} instead of {expected}");
        }
    }
}

#[test]
fn every_float_input_gets_its_gradient() {
    let folder = tempfile::tempdir().unwrap();
    let batch = save(
        folder.path(),
        &[floats("logits", &[2, 1, 2], &[0.5, -1.0, 2.0, 0.0]), floats("targets", &[2, 1, 2], &[1.0, 0.0, 0.5, 0.25])],
    );
    let grad = folder.path().join("grad.safetensors");
    let output = losslab(&["loss", "focal-sigmoid", "--input", &batch, "--grad", grad.to_str().unwrap(), "--json"]);
    assert_eq!(json(&output)["path"], "fused");
    let found = gradients(&grad);
    let named = found.iter().map(|(name, shape, ..)| (name.as_str(), shape.as_slice())).collect::<Vec<_>>();
    assert_eq!(named, [("logits", &[2, 1, 2][..]), ("targets", &[2, 1, 2][..])]);
}

#[test]
fn double_tensors_take_the_plain_path_and_get_double_gradients() {
    let folder = tempfile::tempdir().unwrap();
    let batch = save(folder.path(), &[doubles("logits", &[1, 2], &[0.0, 1.0]), integers("targets", &[1])]);
    let grad = folder.path().join("grad.safetensors");
    let output = losslab(&["loss", "cross-entropy", "--input", &batch, "--json", "--grad", grad.to_str().unwrap()]);
    let found = json(&output);
    assert_eq!(found["path"], "plain");
    let expected = (1.0 + (-1f64).exp()).ln();
    assert!((found["loss"].as_f64().unwrap() - expected).abs() < 1e-14);
    assert_eq!(gradients(&grad)[0].2, Dtype::F64);
    let message = error(&["loss", "cross-entropy", "--input", &batch, "--path", "fused"]);
    assert!(message.contains("f32"), "{message}");
}

#[test]
fn list_names_every_loss_with_its_tensors_and_hyperparameters() {
    let found = json(&losslab(&["list", "--json"]));
    let names = found["losses"].as_array().unwrap().iter().map(|loss| loss["name"].as_str().unwrap());
    let expected = "focal-sigmoid focal cross-entropy label-smoothing contrastive contrastive-batch triplet \
                    triplet-aligned quadruplet quadruplet-aligned multi-similarity circle arc-face cos-face info-nce \
                    siglip nt-xent dcl vicreg barlow-twins sup-con weighted-sum uncertainty rank-net lambda-loss \
                    list-net list-mle approx-ndcg";
    assert_eq!(names.collect::<Vec<_>>().join(" "), expected);
    let focal = &found["losses"][1];
    assert_eq!(focal["hyperparameters"][0]["name"], "gamma");
    assert_eq!(focal["hyperparameters"][0]["default"], "2");
    assert_eq!(focal["inputs"][1]["name"], "targets");
    assert_eq!(found["experiments"][0]["name"], "focal");

    let balancing = found["balancing"].as_array().unwrap().iter().map(|method| method["type"].as_str().unwrap());
    assert_eq!(
        balancing.collect::<Vec<_>>(),
        ["GradNorm", "DynamicWeightAverage", "PcGrad", "CaGrad", "Mgda", "UpGrad", "GradDrop",]
    );

    let text = String::from_utf8(losslab(&["list"]).stdout).unwrap();
    for word in ["focal", "info-nce", "temperature", "queries", "euclidean | squared-euclidean | cosine"] {
        assert!(text.contains(word), "{word} in\n{text}");
    }
}

#[test]
fn unknown_names_are_errors_that_list_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let batch = focal_batch(folder.path());
    let of = |arguments: &[&str]| error(&[&["loss"][..], arguments, &["--input", &batch]].concat());
    assert!(of(&["fokal"]).contains("unknown loss \"fokal\", the losses are: focal-sigmoid, focal,"));
    assert!(of(&["pcgrad"]).contains("pcgrad works on a network while it trains: PcGrad in the library"));
    assert!(of(&["focal", "--set", "gama=1"]).contains("focal has no \"gama\", its keys are: gamma, alpha,"));
    assert!(of(&["focal", "--set", "gamma=soon"]).contains("focal takes a number in [0, 100]"));
    assert!(of(&["focal", "--set", "gamma=-1"]).contains("focal: gamma must be in [0, 100], but is -1"));
    assert!(of(&["focal", "--set", "gamma"]).contains("expected key=value"));
    assert!(of(&["focal", "--set", "reduction=avg"]).contains("mean | mean-per-sample | mean-active | sum"));
    assert!(of(&["focal", "--path", "gpu"]).contains("fused, plain, reference"));
    assert!(of(&["triplet-aligned", "--path", "fused"]).contains("has no such path, it has: plain, reference"));
    assert!(error(&["list", "--jsn"]).contains("--jsn"));
    assert!(error(&["lost"]).contains("lost"));
}

#[test]
fn tensors_that_do_not_fit_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let grad = folder.path().join("grad.safetensors");
    let of = |name: &str, tensors: &[Saved]| {
        let batch = save(folder.path(), tensors);
        let message = error(&["loss", name, "--input", &batch, "--grad", grad.to_str().unwrap()]);
        assert!(!grad.exists(), "no gradient of a failed evaluation");
        message
    };
    let logits = || floats("logits", &[2, 3], &[0.0; 6]);
    let missing = of("focal", &[logits()]);
    assert!(missing.contains("tensor \"targets\" is missing, focal takes: logits float [n, classes], targets int [n]"));
    assert!(missing.contains("saved.safetensors"));
    let unknown = of("focal", &[logits(), integers("targets", &[0, 1]), integers("labels", &[0, 1])]);
    assert!(unknown.contains("focal takes no tensor \"labels\""), "{unknown}");
    let dtype = of("focal", &[logits(), floats("targets", &[2], &[0.0, 1.0])]);
    assert!(dtype.contains("tensor \"targets\" must be targets int [n], but is f32"), "{dtype}");
    let rank = of("focal", &[floats("logits", &[6], &[0.0; 6]), integers("targets", &[0, 1])]);
    assert!(rank.contains("must have shape [n, classes], but has [6]"), "{rank}");
    let shape = of("focal", &[logits(), integers("targets", &[0, 1, 2])]);
    assert!(shape.contains("targets must have shape [2] (one class index for each row of logits), but has [3]"));
    let label = of("focal", &[logits(), integers("targets", &[0, 3])]);
    assert!(label.contains("a class index in [0, 3)") && label.contains("element 1 is 3"), "{label}");
    let empty = of("focal", &[floats("logits", &[0, 3], &[]), integers("targets", &[])]);
    assert!(empty.contains("tensor \"logits\" is empty"), "{empty}");
    let nan = of("focal", &[floats("logits", &[1, 2], &[0.0, f32::NAN]), integers("targets", &[0])]);
    assert!(nan.contains("tensor \"logits\" must be finite, but element 1 is NaN"), "{nan}");
    let similar = of(
        "contrastive",
        &[floats("x1", &[1, 2], &[0.0; 2]), floats("x2", &[1, 2], &[0.0; 2]), integers("similar", &[1])],
    );
    assert!(similar.contains("tensor \"similar\" must be similar bool [n], but is i64"), "{similar}");
    let one_group = of(
        "info-nce",
        &[floats("queries", &[1, 2], &[0.0; 2]), floats("keys", &[1, 2], &[0.0; 2]), integers("key_groups", &[1])],
    );
    assert!(one_group.contains("query_groups and key_groups come together"), "{one_group}");
}

#[test]
fn broken_files_are_errors_that_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(focal_batch(folder.path())).unwrap();
    let file: PathBuf = folder.path().join("broken.safetensors");
    let of = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let message = error(&["loss", "focal", "--input", file.to_str().unwrap()]);
        assert!(message.contains("broken.safetensors"), "{message}");
        message
    };
    for cut in [0, 4, 20, whole.len() - 1] {
        assert!(of(&whole[..cut]).contains("not a safetensors file"));
    }
    assert!(of(b"PK\x03\x04 something else entirely").contains("not a safetensors file"));
    let gone = error(&["loss", "focal", "--input", "/nowhere/batch.safetensors"]);
    assert!(gone.contains("/nowhere/batch.safetensors"), "{gone}");
    let batch = focal_batch(folder.path());
    let nowhere = error(&["loss", "focal", "--input", &batch, "--grad", "/nowhere/grad.safetensors"]);
    assert!(nowhere.contains("/nowhere/grad.safetensors"), "{nowhere}");
}
