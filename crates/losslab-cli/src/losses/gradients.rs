//! Gradients on disk.

use super::Gradient;
use crate::record;
use anyhow::Result;
use safetensors::{Dtype, tensor::TensorView};
use std::path::Path;

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
