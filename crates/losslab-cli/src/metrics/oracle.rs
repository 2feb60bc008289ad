//! Every metric against the values that published libraries or the definition gave (`oracles/metrics-*.json`).

use super::METRICS;
use crate::saved::cases::{self, Written};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Oracle {
    cases: Vec<OracleCase>,
}

#[derive(Deserialize)]
struct OracleCase {
    name: String,
    metric: String,
    params: BTreeMap<String, Value>,
    inputs: BTreeMap<String, Written>,
    /// Nothing where the metric is undefined.
    value: Option<f64>,
    evaluated: Option<u64>,
    excluded: Option<u64>,
}

const GROUPS: [&str; 8] =
    ["calibration", "classification", "clustering", "curves", "embedding", "ranking", "retrieval", "verification"];

fn all_cases() -> Vec<OracleCase> {
    GROUPS.iter().flat_map(|group| cases::read::<Oracle>(&format!("metrics-{group}")).cases).collect()
}

/// What is wrong with a case, if anything.
fn deviation(case: &OracleCase) -> Option<String> {
    let metric = super::find(&case.metric).unwrap();
    let tensors = cases::tensors(&case.name, &case.inputs);
    match (metric.evaluate(&tensors, &cases::assignments(&case.params)), case.value) {
        (Err(error), Some(value)) => Some(format!("{error:#} instead of {value}")),
        (Ok(found), None) => Some(format!("{} instead of an error", found.value)),
        (Err(_), None) => None,
        (Ok(found), Some(value)) => {
            let count = |name: &str| found.details.get(name).and_then(Value::as_u64);
            let is_near = (found.value - value).abs() <= 1e-9 * value.abs() + 1e-12;
            if !is_near {
                return Some(format!("{} instead of {value}", found.value));
            }
            let counts = [("evaluated_queries", case.evaluated), ("excluded_queries", case.excluded)];
            let wrong = counts.into_iter().find(|(name, expected)| expected.is_some() && count(name) != *expected)?;
            Some(format!("{:?} {} instead of {:?}", count(wrong.0), wrong.0, wrong.1))
        }
    }
}

#[test]
fn every_metric_agrees_with_its_oracle() {
    let all = all_cases();
    for metric in METRICS {
        let of_metric = all.iter().filter(|case| case.metric == metric.name).count();
        assert!(of_metric >= 15, "{} has {of_metric} cases", metric.name);
    }
    let wrong = all.iter().filter_map(|case| Some(format!("{}: {}", case.name, deviation(case)?)));
    let wrong = wrong.collect::<Vec<String>>();
    assert!(wrong.is_empty(), "{} of {} deviate:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn the_listed_defaults_are_the_defaults() {
    let all = all_cases();
    for metric in METRICS {
        let of_metric = all.iter().filter(|case| case.metric == metric.name && case.value.is_some());
        let cases = of_metric.filter(|case| case.params.is_empty()).collect::<Vec<_>>();
        assert!(!cases.is_empty(), "{} has no case of all defaults", metric.name);
        for case in cases {
            let tensors = cases::tensors(&case.name, &case.inputs);
            let listed = metric.parameters.iter().map(|known| format!("{}={}", known.name, known.default));
            let by_list = metric.evaluate(&tensors, &listed.collect::<Vec<_>>()).unwrap();
            assert_eq!(by_list, metric.evaluate(&tensors, &[]).unwrap(), "{}", case.name);
        }
    }
}
