//! Every path of every loss against the values that PyTorch and pytorch-metric-learning gave (`oracles/`).

use super::{Evaluated, LOSSES, Loss, Path, info_nce, siglip};
use crate::saved::cases::{self, Written};
use crate::saved::{Parameter, Tensors, device};
use losslab::{InfoNceLossConfig, Positives, Reduction, SigLipLossConfig, TemperatureConfig};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Oracle {
    loss: String,
    cases: Vec<OracleCase>,
}

#[derive(Deserialize)]
struct OracleCase {
    name: String,
    params: BTreeMap<String, Value>,
    inputs: BTreeMap<String, Written>,
    value: f64,
    gradients: BTreeMap<String, Vec<f64>>,
    log_scale_gradient: Option<f64>,
    bias_gradient: Option<f64>,
}

impl OracleCase {
    fn tensors(&self) -> Tensors {
        cases::tensors(&self.name, &self.inputs)
    }

    fn assignments(&self) -> Vec<String> {
        cases::assignments(&self.params)
    }
}

/// The value within 1e-5 relative and gradients within 1e-4 of their largest entry; the f64 reference within 1e-9.
fn deviation(evaluated: &Evaluated, case: &OracleCase) -> Option<String> {
    let (of_value, of_gradient) = if evaluated.path == Path::Reference { (1e-9, 1e-9) } else { (1e-5, 1e-4) };
    if !near(evaluated.loss, case.value, of_value * case.value.abs()) {
        return Some(format!("loss {} instead of {}", evaluated.loss, case.value));
    }
    assert_eq!(evaluated.gradients.len(), case.gradients.len(), "{}: the inputs with a gradient", case.name);
    evaluated.gradients.iter().find_map(|found| {
        let expected = &case.gradients[found.name];
        assert_eq!(found.values.len(), expected.len(), "{}: {}", case.name, found.name);
        let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let wrong = |(&x, &y): (&f64, &f64)| !near(x, y, of_gradient * largest);
        let at = found.values.iter().zip(expected).position(wrong)?;
        let (found_at, expected_at) = (found.values[at], expected[at]);
        Some(format!("gradient of {}[{at}] is {found_at} instead of {expected_at} (largest {largest})", found.name))
    })
}

/// A NaN is near to nothing.
fn near(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance
}

#[test]
fn every_path_of_every_loss_agrees_with_pytorch() {
    let mut wrong = Vec::new();
    for loss in LOSSES {
        let oracle = cases::read::<Oracle>(loss.name);
        assert_eq!(oracle.loss, loss.name);
        assert!(oracle.cases.len() >= 20, "{} has {} cases", loss.name, oracle.cases.len());
        for case in &oracle.cases {
            for &path in loss.paths {
                let evaluated = loss.evaluate(&case.tensors(), &case.assignments(), Some(path));
                let evaluated = evaluated.unwrap_or_else(|error| panic!("{}/{}: {error:#}", loss.name, case.name));
                assert_eq!(evaluated.path, path);
                let found = deviation(&evaluated, case);
                wrong.extend(found.map(|what| format!("{}/{} ({path:?}): {what}", loss.name, case.name)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} deviations:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_listed_defaults_are_the_defaults() {
    for loss in LOSSES {
        let cases = cases::read::<Oracle>(loss.name).cases;
        let case = cases.iter().find(|case| case.params.is_empty()).expect("a case of all defaults");
        let set = |known: &Parameter| format!("{}={}", known.name, known.default);
        let listed = loss.hyperparameters.iter().map(set).collect::<Vec<_>>();
        let [by_list, by_default] = [&listed[..], &[]].map(|set| loss.evaluate(&case.tensors(), set, None).unwrap());
        assert_eq!((by_list.loss, by_list.gradients), (by_default.loss, by_default.gradients), "{}", loss.name);
        assert_eq!(by_list.path, loss.paths[0], "{}", loss.name);
    }
}

#[test]
fn the_gradient_of_a_learned_temperature_agrees_with_pytorch() {
    let loss: Loss = info_nce::INFO_NCE;
    let mut checked = 0;
    for case in cases::read::<Oracle>(loss.name).cases {
        let Some(expected) = case.log_scale_gradient else { continue };
        let (tensors, params) = (case.tensors(), &case.params);
        let flag = |name: &str| params.get(name).is_none_or(|value| value.as_bool().unwrap());
        let temperature = params.get("temperature").map_or(0.07, |value| value.as_f64().unwrap());
        let choice = |name: &str, default: &str| params.get(name).cloned().unwrap_or_else(|| default.into());
        let config = InfoNceLossConfig::new()
            .with_temperature(TemperatureConfig::new().with_value(temperature).with_learned(true).with_floor(1e-4))
            .with_symmetric(flag("symmetric"))
            .with_normalize(flag("normalize"))
            .with_positives(serde_json::from_value::<Positives>(choice("positives", "outside")).unwrap())
            .with_reduction(serde_json::from_value::<Reduction>(choice("reduction", "mean")).unwrap());
        let loss = config.init(&device());
        for plain in [false, true] {
            let (queries, keys) = (tensors.float::<2>("queries"), tensors.float::<2>("keys"));
            let value = if tensors.has("query_groups") {
                let (of_queries, of_keys) = (tensors.int("query_groups"), tensors.int("key_groups"));
                match plain {
                    true => loss.forward_grouped_plain(queries, keys, of_queries, of_keys).unwrap(),
                    false => loss.forward_grouped(queries, keys, of_queries, of_keys),
                }
            } else if plain {
                loss.forward_plain(queries, keys).unwrap()
            } else {
                loss.forward(queries, keys)
            };
            let log_scale = loss.temperature.log_scale.as_ref().unwrap().val();
            let found = log_scale.grad(&value.backward()).unwrap().into_scalar::<f64>();
            // It is a difference of similarities, each of the size of 1/τ, that may cancel.
            let tolerance = 1e-4 * expected.abs() + 1e-6 / temperature;
            assert!((found - expected).abs() <= tolerance, "{}: {found} instead of {expected}", case.name);
        }
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} cases");
}

#[test]
fn the_gradients_of_a_learned_temperature_and_bias_agree_with_pytorch() {
    let cases = cases::read::<Oracle>(siglip::SIGLIP.name).cases;
    assert!(cases.len() >= 20);
    for case in cases {
        let (tensors, params) = (case.tensors(), &case.params);
        let number = |name: &str, default: f64| params.get(name).map_or(default, |value| value.as_f64().unwrap());
        let temperature = number("temperature", 0.1);
        let reduction = params.get("reduction").cloned().unwrap_or_else(|| "mean".into());
        let loss = SigLipLossConfig::new()
            .with_temperature(TemperatureConfig::new().with_value(temperature).with_learned(true).with_floor(1e-4))
            .with_bias(number("bias", -10.0))
            .with_normalize(params.get("normalize").is_none_or(|value| value.as_bool().unwrap()))
            .with_reduction(serde_json::from_value::<Reduction>(reduction).unwrap())
            .init(&device());
        for plain in [false, true] {
            let (queries, keys) = (tensors.float::<2>("queries"), tensors.float::<2>("keys"));
            let groups = tensors.has("query_groups").then(|| (tensors.int("query_groups"), tensors.int("key_groups")));
            let value = match (groups, plain) {
                (Some((a, b)), false) => loss.forward_grouped(queries, keys, a, b),
                (Some((a, b)), true) => loss.forward_grouped_plain(queries, keys, a, b).unwrap(),
                (None, false) => loss.forward(queries, keys),
                (None, true) => loss.forward_plain(queries, keys).unwrap(),
            };
            let tape = value.backward();
            let (log_scale, bias) = (&loss.temperature.log_scale, &loss.bias);
            for (parameter, expected) in [(log_scale, case.log_scale_gradient), (bias, case.bias_gradient)] {
                let (found, expected) = (parameter.as_ref().unwrap().val().grad(&tape).unwrap(), expected.unwrap());
                let found = found.into_scalar::<f64>();
                // That of the scale is a sum of similarities, each of the size of 1/τ, that may cancel.
                let tolerance = 1e-4 * expected.abs() + 1e-6 / temperature;
                assert!((found - expected).abs() <= tolerance, "{}: {found} instead of {expected}", case.name);
            }
        }
    }
}
