//! Saved tensors: what a loss reads from a safetensors file, and the gradients that go into another.

use super::{Gradient, Input, Loss};
use crate::record;
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
        Ok(Self { file: name, tensors })
    }

    /// Tensors that were made in memory; `source` stands for the file in errors.
    #[cfg(test)]
    pub fn from_memory(source: &str, tensors: BTreeMap<String, TensorData>) -> Self {
        Self { file: source.to_owned(), tensors }
    }

    /// Whether all float tensors are f32.
    pub fn all_f32(&self) -> bool {
        self.tensors.values().all(|data| !data.dtype().is_float() || data.dtype() == DType::F32)
    }

    /// Whether an optional tensor is there.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Checks that the file has what a loss needs, of the right kind and finite, and nothing else.
    pub fn check(&self, loss: &Loss) -> Result<()> {
        let expected = || loss.inputs.iter().map(described).collect::<Vec<_>>().join(", ");
        if let Some(unknown) = self.tensors.keys().find(|name| !loss.inputs.iter().any(|input| input.name == **name)) {
            bail!("{}: {} takes no tensor {unknown:?}, it takes: {}", self.file, loss.name, expected());
        }
        for input in loss.inputs {
            let Some(data) = self.tensors.get(input.name) else {
                ensure!(
                    input.optional,
                    "{}: tensor {:?} is missing, {} takes: {}",
                    self.file,
                    input.name,
                    loss.name,
                    expected()
                );
                continue;
            };
            self.check_one(input, data)?;
        }
        Ok(())
    }

    fn check_one(&self, input: &Input, data: &TensorData) -> Result<()> {
        let (file, name, dtype) = (&self.file, input.name, data.dtype());
        let fits = match input.dtype {
            "float" => dtype.is_float(),
            "int" => dtype.is_int() || dtype.is_uint(),
            _ => dtype.is_bool(),
        };
        ensure!(fits, "{file}: tensor {name:?} must be {}, but is {}", described(input), dtype.name());
        let (found, expected) = (data.shape().num_dims(), dimensions(input.shape));
        ensure!(
            expected.is_none_or(|expected| expected == found),
            "{file}: tensor {name:?} must have shape {}, but has {:?}",
            input.shape,
            data.shape().as_slice()
        );
        ensure!(
            data.num_elements() > 0,
            "{file}: tensor {name:?} is empty, its shape is {:?}",
            data.shape().as_slice()
        );
        if dtype.is_float() {
            let values = values(data);
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                bail!("{file}: tensor {name:?} must be finite, but element {index} is {}", values[index]);
            }
        }
        Ok(())
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> &[usize] {
        self.tensors[name].shape().as_slice()
    }

    /// A float tensor as f64.
    pub fn floats(&self, name: &str) -> Vec<f64> {
        values(&self.tensors[name])
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
        Tensor::from_data(data, (&device(), dtype)).require_grad()
    }

    /// A float tensor of any shape on the tape, flat.
    pub fn flat(&self, name: &str) -> Tensor<1> {
        let (bytes, shape, dtype) = self.tensors[name].clone().into_parts();
        let data = TensorData::from_bytes(bytes, [shape.num_elements()], dtype);
        Tensor::from_data(data, (&device(), dtype)).require_grad()
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
    let optional = if input.optional { " (optional)" } else { "" };
    format!("{} {} {}{optional}", input.name, input.dtype, input.shape)
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

/// Writes gradients to a safetensors file: f64 where asked for, f32 otherwise.
pub fn write(file: &Path, gradients: &[Gradient], wide: bool) -> Result<()> {
    let bytes = |gradient: &Gradient| -> Vec<u8> {
        let values = gradient.values.iter();
        if wide {
            values.flat_map(|x| x.to_le_bytes()).collect()
        } else {
            values.flat_map(|&x| (x as f32).to_le_bytes()).collect()
        }
    };
    let buffers = gradients.iter().map(|gradient| (gradient, bytes(gradient))).collect::<Vec<_>>();
    let dtype = if wide { Dtype::F64 } else { Dtype::F32 };
    let views = buffers.iter().map(|(gradient, bytes)| {
        TensorView::new(dtype, gradient.shape.clone(), bytes).map(|view| (gradient.name, view))
    });
    let bytes = safetensors::serialize(views.collect::<Result<Vec<_>, _>>()?, None)?;
    record::write_whole(file, &bytes)
}
