//! Inputs and parameters as the files of expected values (`oracles/`) have them.

use super::Tensors;
use burn::tensor::TensorData;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// A tensor written out.
#[derive(Deserialize)]
pub struct Written {
    dtype: String,
    shape: Vec<usize>,
    data: Vec<Value>,
}

impl Written {
    fn data(&self) -> TensorData {
        let shape = self.shape.clone();
        match self.dtype.as_str() {
            "f32" => TensorData::new(self.data.iter().map(|x| x.as_f64().unwrap() as f32).collect::<Vec<_>>(), shape),
            "i64" => TensorData::new(self.data.iter().map(|x| x.as_i64().unwrap()).collect::<Vec<_>>(), shape),
            "bool" => TensorData::new(self.data.iter().map(|x| x.as_bool().unwrap()).collect::<Vec<_>>(), shape),
            other => panic!("dtype {other}"),
        }
    }
}

/// Reads a file of `oracles/`.
pub fn read<T: DeserializeOwned>(name: &str) -> T {
    let file = format!("{}/../../oracles/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The inputs of a case.
pub fn tensors(case: &str, inputs: &BTreeMap<String, Written>) -> Tensors {
    Tensors::from_memory(case, inputs.iter().map(|(name, written)| (name.clone(), written.data())).collect())
}

/// The parameters of a case as one would type them.
pub fn assignments(params: &BTreeMap<String, Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            items.iter().map(text).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    params.iter().map(|(name, value)| format!("{name}={}", text(value))).collect()
}
