//! What is read from the vectors of a batch.

use super::finding::{Finding, FindingKind, Severity, short};
use crate::error::{ConfigError, InputError};
use crate::metrics::{Embeddings, Lengths, effective_rank};
use burn::tensor::Tensor;

/// The Euclidean lengths of the vectors of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorLengths {
    /// The smallest.
    pub smallest: f64,
    /// The mean.
    pub mean: f64,
    /// The largest.
    pub largest: f64,
    /// How many are 0.
    pub zeros: usize,
}

/// Vectors on the host, all finite, at least one.
pub(super) struct Vectors {
    values: Vec<f64>,
    dim: usize,
}

impl Vectors {
    pub fn read(of: &'static str, tensor: &'static str, x: &Tensor<2>) -> Result<Self, InputError> {
        let [rows, dim] = x.dims();
        if rows == 0 || dim == 0 {
            let expected = "[n, d] with at least one row and one column".into();
            return Err(InputError::Shape { loss: of, tensor, expected, found: vec![rows, dim] });
        }
        Ok(Self { values: finite(of, tensor, x.clone())?, dim })
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.dim)
    }

    pub fn lengths(&self) -> VectorLengths {
        let lengths = self.rows().map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt()).collect::<Vec<f64>>();
        VectorLengths {
            smallest: lengths.iter().copied().fold(f64::INFINITY, f64::min),
            mean: lengths.iter().sum::<f64>() / lengths.len() as f64,
            largest: lengths.iter().copied().fold(0.0, f64::max),
            zeros: lengths.iter().filter(|&&length| length == 0.0).count(),
        }
    }

    /// The root mean square distance from the centre over the root mean square length: 0 for a single point, 1 where the
    /// vectors lie around the origin. Zero vectors alone are a point.
    pub fn spread(&self) -> f64 {
        let squares = self.values.iter().map(|x| x * x).sum::<f64>();
        if squares == 0.0 {
            return 0.0;
        }
        let centre = self.centre();
        let around = |row: &[f64]| row.iter().zip(&centre).map(|(x, c)| (x - c) * (x - c)).sum::<f64>();
        (self.rows().map(around).sum::<f64>() / squares).sqrt()
    }

    /// How many directions the vectors take around their centre: the effective rank, 0 for a single point.
    pub fn effective_rank(&self) -> f64 {
        let centre = self.centre();
        let around = self.rows().flat_map(|row| row.iter().zip(&centre).map(|(x, c)| (x - c) as f32)).collect();
        // It is undefined where all rows are zero.
        let embeddings = Embeddings::try_new(around, self.dim);
        embeddings.and_then(|embeddings| effective_rank(&embeddings, Lengths::AsGiven)).unwrap_or(0.0)
    }

    fn centre(&self) -> Vec<f64> {
        let mut centre = vec![0.0; self.dim];
        self.rows().for_each(|row| centre.iter_mut().zip(row).for_each(|(c, x)| *c += x));
        let rows = self.rows().len() as f64;
        centre.iter_mut().for_each(|c| *c /= rows);
        centre
    }
}

/// The values of a tensor.
///
/// # Errors
/// If one isn't finite.
pub(super) fn finite<const D: usize>(
    of: &'static str,
    tensor: &'static str,
    x: Tensor<D>,
) -> Result<Vec<f64>, InputError> {
    let values = x.inner().into_data().convert::<f64>().try_into_vec::<f64>().expect("converted to f64");
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(index) => {
            let value = values[index].to_string();
            Err(InputError::Value { loss: of, tensor, allowed: "finite".into(), index, value })
        }
    }
}

/// A parameter out of its range, as an input.
pub(super) fn unfit(of: &'static str, error: ConfigError) -> InputError {
    let ConfigError { parameter, allowed, value, .. } = error;
    InputError::Value { loss: of, tensor: parameter, allowed, index: 0, value }
}

/// Vectors whose length isn't what the loss supposes.
pub(super) fn judge_lengths(
    tensor: &str,
    lengths: VectorLengths,
    normalized_by_loss: bool,
    tolerance: f64,
    supposed_by: &str,
) -> Option<Finding> {
    let VectorLengths { smallest, mean, largest, zeros } = lengths;
    if normalized_by_loss {
        return (zeros > 0).then(|| Finding {
            kind: FindingKind::ZeroVectors,
            severity: Severity::Warning,
            message: format!("{zeros} of the {tensor} are zero vectors: they have no direction and get no gradient"),
            advice: "Look for dead units: leave out the activation after the last layer, or lower the learning rate.",
        });
    }
    (smallest < 1.0 - tolerance || largest > 1.0 + tolerance).then(|| Finding {
        kind: FindingKind::NotUnitLength,
        severity: Severity::Warning,
        message: format!(
            "the {tensor} have lengths from {} to {} (mean {}), but {supposed_by} supposes length 1",
            short(smallest),
            short(largest),
            short(mean)
        ),
        advice: "Set `normalize` on the loss, or normalise the output of the model. Where the length is meant to be free, \
                 switch `unit_length` off here.",
    })
}
