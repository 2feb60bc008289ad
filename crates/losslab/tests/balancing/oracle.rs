//! Against what torchjd, numpy, scipy, cvxpy and PyTorch gave (`oracles/multitask_balancing.py`).

use super::gradients::longest;
use burn::config::Config;
use losslab::*;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Oracle {
    method: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    params: serde_json::Map<String, Value>,
    inputs: Inputs,
    #[serde(default)]
    combined: Vec<f64>,
    /// After each step, one for each task.
    #[serde(default)]
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Inputs {
    gradients: Option<Written>,
    losses: Option<Written>,
    norms: Option<Written>,
}

#[derive(Deserialize)]
struct Written {
    shape: [usize; 2],
    data: Vec<f32>,
}

impl Written {
    fn rows(&self) -> Vec<Vec<f32>> {
        self.data.chunks(self.shape[1]).map(<[f32]>::to_vec).collect()
    }

    fn wide_rows(&self) -> Vec<Vec<f64>> {
        let wide = |row: Vec<f32>| row.into_iter().map(f64::from).collect();
        self.rows().into_iter().map(wide).collect()
    }
}

fn cases(method: &str) -> Vec<Case> {
    let file = format!("{}/../../oracles/{method}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let oracle = serde_json::from_str::<Oracle>(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(oracle.method, method);
    assert!(oracle.cases.len() >= 12, "{method} has {} cases", oracle.cases.len());
    oracle.cases
}

fn assert_combines(surgery: &mut impl GradientSurgery, case: &Case) {
    let gradients = case.inputs.gradients.as_ref().unwrap().rows();
    let found = surgery.combine(&gradients).unwrap();
    assert_eq!(found.len(), case.combined.len(), "{}", case.name);
    let length = case.combined.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (&found, expected) in found.iter().zip(&case.combined) {
        let gap = (f64::from(found) - expected).abs();
        // The second part is for gradients that cancel.
        assert!(
            gap <= 1e-6 * length + 1e-9 * longest(&gradients),
            "{}: {found} instead of {expected}, of {length} in all",
            case.name
        );
    }
}

fn assert_weights(found: &[f64], case: &Case) {
    assert_eq!(found.len(), case.weights.len(), "{}", case.name);
    for (found, expected) in found.iter().zip(&case.weights) {
        assert!((found - expected).abs() <= 1e-9 * expected, "{}: {found} instead of {expected}", case.name);
    }
}

/// The configuration with the parameters of a case in place of defaults.
fn configured<C: Config>(config: C, params: &serde_json::Map<String, Value>) -> C {
    let mut values = serde_json::to_value(config).unwrap();
    for (name, value) in params {
        let value = match value.as_str() {
            Some("none") => Value::Null,
            Some(variant) => format!("{}{}", variant[..1].to_uppercase(), &variant[1..]).into(),
            None => value.clone(),
        };
        assert!(values.as_object_mut().unwrap().insert(name.clone(), value).is_some(), "{name}");
    }
    C::load_binary(values.to_string().as_bytes()).unwrap()
}

#[test]
fn pcgrad_agrees_with_torchjd() {
    for case in cases("pcgrad") {
        assert_combines(&mut configured(PcGradConfig::new(), &case.params).init(), &case);
    }
}

#[test]
fn cagrad_agrees_with_scipy_torchjd_and_cvxpy() {
    for case in cases("cagrad") {
        assert_combines(&mut configured(CaGradConfig::new(), &case.params).init(), &case);
    }
}

#[test]
fn mgda_agrees_with_enumeration_and_torchjd() {
    for case in cases("mgda") {
        assert_combines(&mut MgdaConfig::new().init(), &case);
    }
}

#[test]
fn upgrad_agrees_with_scipy_and_torchjd() {
    for case in cases("upgrad") {
        assert_combines(&mut UpGradConfig::new().init(), &case);
    }
}

#[test]
fn gradnorm_agrees_with_autograd() {
    for case in cases("gradnorm") {
        let losses = case.inputs.losses.as_ref().unwrap().wide_rows();
        let norms = case.inputs.norms.as_ref().unwrap().wide_rows();
        let mut balance = configured(GradNormConfig::new(losses[0].len()), &case.params).init();
        let after_each = losses.iter().zip(&norms).flat_map(|(losses, norms)| {
            balance.update(losses, norms).unwrap();
            balance.weights().to_vec()
        });
        assert_weights(&after_each.collect::<Vec<f64>>(), &case);
    }
}

#[test]
fn dynamic_weight_average_agrees_with_softmax() {
    for case in cases("dwa") {
        let losses = case.inputs.losses.as_ref().unwrap().wide_rows();
        let mut balance = configured(DynamicWeightAverageConfig::new(losses[0].len()), &case.params).init();
        let after_each = losses.iter().flat_map(|losses| {
            balance.update(losses).unwrap();
            balance.weights().to_vec()
        });
        assert_weights(&after_each.collect::<Vec<f64>>(), &case);
    }
}
