//! Saved tensors: what a loss or a metric reads from a safetensors file.

use super::Input;
use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Bool, Bytes, DType, Device, Int, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of a file by name.
#[derive(Debug)]
pub struct Tensors {
    file: String,
    tensors: BTreeMap<String, TensorData>,
    /// The float tensors that get no gradient.
    constants: Vec<&'static str>,
}

impl Tensors {
    /// Reads a safetensors file.
    pub fn read(file: &Path) -> Result<Self> {
        let name = file.display().to_string();
        let bytes = std::fs::read(file).with_context(|| name.clone())?;
        let found = SafeTensors::deserialize(&bytes).with_context(|| format!("{name}: not a safetensors file"))?;
        let mut tensors = BTreeMap::new();
        for (tensor, view) in found.iter() {
            tensors.insert(tensor.to_owned(), data(view).with_context(|| format!("{name}: tensor {tensor:?}"))?);
        }
        Ok(Self { file: name, tensors, constants: vec![] })
    }

    /// Tensors that were made in memory; `source` stands for the file in errors.
    pub fn from_memory(source: &str, tensors: BTreeMap<String, TensorData>) -> Self {
        Self { file: source.to_owned(), tensors, constants: vec![] }
    }

    /// The same, with a float tensor that gets no gradient.
    pub fn with_constant(mut self, name: &'static str) -> Self {
        self.constants.push(name);
        self
    }

    /// Whether all float tensors are f32.
    pub fn all_f32(&self) -> bool {
        self.tensors.values().all(|data| !data.dtype().is_float() || data.dtype() == DType::F32)
    }

    /// Whether an optional tensor is there.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Checks that the file has what a loss or a metric, named `of`, needs, of the right kind and rank, and nothing else.
    pub fn check(&self, of: &str, inputs: &[Input]) -> Result<()> {
        let expected = || inputs.iter().map(described).collect::<Vec<_>>().join(", ");
        if let Some(unknown) = self.tensors.keys().find(|name| !inputs.iter().any(|input| input.name == **name)) {
            bail!("{}: {of} takes no tensor {unknown:?}, it takes: {}", self.file, expected());
        }
        for input in inputs {
            match self.tensors.get(input.name) {
                Some(data) => self.check_kind(input, data)?,
                None if input.optional => {}
                None => bail!("{}: tensor {:?} is missing, {of} takes: {}", self.file, input.name, expected()),
            }
        }
        Ok(())
    }

    fn check_kind(&self, input: &Input, data: &TensorData) -> Result<()> {
        let (file, name, dtype) = (&self.file, input.name, data.dtype());
        let fits = input.dtype.split(" or ").any(|kind| match kind {
            "float" => dtype.is_float(),
            "int" => dtype.is_int() || dtype.is_uint(),
            _ => dtype.is_bool(),
        });
        ensure!(fits, "{file}: tensor {name:?} must be {}, but is {}", described(input), dtype.name());
        let (found, expected) = (data.shape().num_dims(), dimensions(input.shape));
        ensure!(
            expected.is_none_or(|expected| expected == found),
            "{file}: tensor {name:?} must have shape {}, but has {:?}",
            input.shape,
            data.shape().as_slice()
        );
        Ok(())
    }

    /// Checks that there is something in every tensor, and only finite numbers.
    pub fn check_finite(&self) -> Result<()> {
        for (name, data) in &self.tensors {
            let (file, shape) = (&self.file, data.shape());
            ensure!(data.num_elements() > 0, "{file}: tensor {name:?} is empty, its shape is {:?}", shape.as_slice());
            if data.dtype().is_float() {
                let values = values(data);
                if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                    bail!("{file}: tensor {name:?} must be finite, but element {index} is {}", values[index]);
                }
            }
        }
        Ok(())
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether a tensor is of floats.
    pub fn is_float(&self, name: &str) -> bool {
        self.tensors[name].dtype().is_float()
    }

    /// Whether a tensor is of bools.
    pub fn is_bool(&self, name: &str) -> bool {
        self.tensors[name].dtype().is_bool()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> &[usize] {
        self.tensors[name].shape().as_slice()
    }

    /// A float tensor as f32.
    pub fn singles(&self, name: &str) -> Vec<f32> {
        self.tensors[name].clone().convert::<f32>().try_into_vec().expect("converted to f32")
    }

    /// A float tensor as f64.
    pub fn floats(&self, name: &str) -> Vec<f64> {
        values(&self.tensors[name])
    }

    /// A float or int tensor as f64.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        if self.is_float(name) {
            return self.floats(name);
        }
        self.integers(name).into_iter().map(|value| value as f64).collect()
    }

    /// An int tensor as i64.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.tensors[name].clone().convert::<i64>().try_into_vec().expect("converted to i64")
    }

    /// A bool tensor.
    pub fn bools(&self, name: &str) -> Vec<bool> {
        self.tensors[name].iter::<bool>().collect()
    }

    /// A float tensor on the tape.
    pub fn float<const D: usize>(&self, name: &str) -> Tensor<D> {
        let data = self.tensors[name].clone();
        let dtype = data.dtype();
        self.on_the_tape(name, Tensor::from_data(data, (&device(), dtype)))
    }

    /// A float tensor of any shape on the tape, flat.
    pub fn flat(&self, name: &str) -> Tensor<1> {
        let (bytes, shape, dtype) = self.tensors[name].clone().into_parts();
        let data = TensorData::from_bytes(bytes, [shape.num_elements()], dtype);
        self.on_the_tape(name, Tensor::from_data(data, (&device(), dtype)))
    }

    fn on_the_tape<const D: usize>(&self, name: &str, tensor: Tensor<D>) -> Tensor<D> {
        if self.constants.contains(&name) { tensor } else { tensor.require_grad() }
    }

    /// An int tensor.
    pub fn int(&self, name: &str) -> Tensor<1, Int> {
        Tensor::from_data(TensorData::from(self.integers(name).as_slice()), (&device(), DType::I64))
    }

    /// A bool tensor.
    pub fn bool(&self, name: &str) -> Tensor<1, Bool> {
        Tensor::from_data(TensorData::from(self.bools(name).as_slice()), &device())
    }
}

/// The device that losses are evaluated on.
pub fn device() -> Device {
    Device::flex().autodiff()
}

/// The values of a tensor.
pub fn to_f64<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    values(&tensor.into_data())
}

fn values(data: &TensorData) -> Vec<f64> {
    data.clone().convert::<f64>().try_into_vec().expect("converted to f64")
}

fn described(input: &Input) -> String {
    let remark = match input.instead {
        Some(other) => format!(" (or {other})"),
        None if input.optional => " (optional)".to_owned(),
        None => String::new(),
    };
    format!("{} {} {}{remark}", input.name, input.dtype, input.shape)
}

/// The number of dimensions of a shape such as `[n, d]`, or nothing for `any`.
fn dimensions(shape: &str) -> Option<usize> {
    shape.starts_with('[').then(|| shape.split(',').count())
}

fn data(view: TensorView<'_>) -> Result<TensorData> {
    let dtype = match view.dtype() {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => {
            let bools = view.data().iter().map(|&byte| byte != 0).collect::<Vec<bool>>();
            return Ok(TensorData::new(bools, view.shape().to_vec()));
        }
        other => bail!("the type {other:?} is not supported, only floats of 16 to 64 bits, integers and bool"),
    };
    Ok(TensorData::from_bytes(Bytes::from_bytes_vec(view.data().to_vec()), view.shape().to_vec(), dtype))
}
