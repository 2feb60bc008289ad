//! What metrics take: typed matrices that are checked once, and slices from tensors.

use super::error::MetricError;
use burn::tensor::{Bool, Int, Tensor};

/// Raw scores of classes, `[n, classes]` row by row: finite, any sign, not normalised.
///
/// A metric that needs probabilities doesn't take these, and doesn't guess from the values what they are: say
/// [`softmax`](Self::softmax).
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    values: Vec<f64>,
    classes: usize,
}

impl Logits {
    /// Logits from a tensor of shape `[n, classes]`, of any float type.
    ///
    /// # Errors
    /// If there is no class, or a value isn't finite.
    pub fn try_from_tensor(tensor: Tensor<2>) -> Result<Self, MetricError> {
        let classes = tensor.dims()[1];
        Self::try_new(floats(tensor), classes)
    }

    /// Logits from `n · classes` values, row by row. `n` may be 0 here; the metrics then say so.
    ///
    /// # Errors
    /// If there is no class, the length isn't a multiple of `classes`, or a value isn't finite.
    pub fn try_new(values: Vec<f64>, classes: usize) -> Result<Self, MetricError> {
        check_rows("logits", "classes", values.len(), classes)?;
        check_finite("logits", "logits", &values)?;
        Ok(Self { values, classes })
    }

    /// The number of columns.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.classes)
    }

    /// The class with the highest logit of each row; the lowest index among equals.
    pub fn predictions(&self) -> Vec<i64> {
        self.rows().map(|row| argmax(row) as i64).collect()
    }

    /// Logits divided by a temperature: above 1 it softens the probabilities, below 1 it sharpens them.
    ///
    /// # Errors
    /// If the temperature isn't finite and above 0, or so small that a logit overflows.
    pub fn scaled(&self, temperature: f64) -> Result<Self, MetricError> {
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(MetricError::parameter("logits", "temperature", temperature, "finite and above 0"));
        }
        Self::try_new(self.values.iter().map(|value| value / temperature).collect(), self.classes)
    }

    /// The softmax of each row, computed without overflow. It keeps the [`predictions`](Self::predictions).
    pub fn softmax(&self) -> Probabilities {
        let mut values = Vec::with_capacity(self.values.len());
        for row in self.rows() {
            let (surprisal, highest, start) = (surprisal(row), argmax(row), values.len());
            values.extend(row.iter().map(|value| (-surprisal(*value)).exp()));
            // Logits that hardly differ may round to one probability.
            if argmax(&values[start..]) != highest {
                values[start + highest] = values[start + highest].next_up();
            }
        }
        Probabilities { values, classes: self.classes }
    }
}

/// Class probabilities, `[n, classes]` row by row: every entry in `[0, 1]`, every row with sum 1.
///
/// The sum may be off by 1e-4, which an f32 softmax keeps. Half-precision softmaxes don't: take those from [`Logits`].
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    values: Vec<f64>,
    classes: usize,
}

impl Probabilities {
    /// Probabilities from a tensor of shape `[n, classes]`, of any float type.
    ///
    /// # Errors
    /// Those of [`try_new`](Self::try_new).
    pub fn try_from_tensor(tensor: Tensor<2>) -> Result<Self, MetricError> {
        let classes = tensor.dims()[1];
        Self::try_new(floats(tensor), classes)
    }

    /// Probabilities from `n · classes` values, row by row. `n` may be 0 here; the metrics then say so.
    ///
    /// # Errors
    /// If there is no class, the length isn't a multiple of `classes`, an entry isn't in `[0, 1]`, or a row doesn't
    /// sum to 1 within 1e-4: logits, or one column of scores, for instance.
    pub fn try_new(values: Vec<f64>, classes: usize) -> Result<Self, MetricError> {
        const NAME: &str = "probabilities";
        check_rows(NAME, "classes", values.len(), classes)?;
        check_unit_interval(NAME, NAME, &values)?;
        for (index, row) in values.chunks_exact(classes).enumerate() {
            let sum: f64 = row.iter().sum();
            if (sum - 1.0).abs() > 1e-4 {
                let (allowed, value) = ("rows that sum to 1 within 1e-4".into(), format!("of sum {sum}"));
                return Err(MetricError::Value { metric: NAME, input: NAME, place: "row", index, allowed, value });
            }
        }
        Ok(Self { values, classes })
    }

    /// The number of columns.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.classes)
    }

    /// The most probable class of each row; the lowest index among equals.
    pub fn predictions(&self) -> Vec<i64> {
        self.rows().map(|row| argmax(row) as i64).collect()
    }

    /// The probability of one class in each row: scores for a ROC curve, for instance.
    ///
    /// # Errors
    /// If there is no such class.
    pub fn of_class(&self, class: usize) -> Result<Vec<f64>, MetricError> {
        if class >= self.classes {
            return Err(MetricError::parameter("probabilities", "class", class, format!("below {}", self.classes)));
        }
        Ok(self.rows().map(|row| row[class]).collect())
    }
}

/// Embeddings, `[n, d]` row by row: finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    values: Vec<f32>,
    dim: usize,
}

impl Embeddings {
    /// Embeddings from a tensor of shape `[n, d]`; f64 is rounded to f32.
    ///
    /// # Errors
    /// If `d` is 0, or a value isn't finite.
    pub fn try_from_tensor(tensor: Tensor<2>) -> Result<Self, MetricError> {
        let dim = tensor.dims()[1];
        let values = tensor.into_data().convert::<f32>().try_into_vec::<f32>().expect("floats converted to f32");
        Self::try_new(values, dim)
    }

    /// Embeddings from `n · d` values, row by row. `n` may be 0 here; the metrics then say so.
    ///
    /// # Errors
    /// If `d` is 0, the length isn't a multiple of `d`, or a value isn't finite.
    pub fn try_new(values: Vec<f32>, d: usize) -> Result<Self, MetricError> {
        check_rows("embeddings", "d", values.len(), d)?;
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(MetricError::element("embeddings", "embeddings", index, values[index], "finite"));
        }
        Ok(Self { values, dim: d })
    }

    /// The number of columns, `d`.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..][..self.dim]
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Every row brought to length 1. A zero row stays zero, so that its cosine with every other is 0.
    pub fn normalized(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for row in self.rows() {
            let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            let norm = if norm > 0.0 { norm } else { 1.0 };
            values.extend(row.iter().map(|&x| (f64::from(x) / norm) as f32));
        }
        Self { values, dim: self.dim }
    }
}

/// Scores, targets in `[0, 1]` and the like from a tensor of any float type.
pub fn values(tensor: Tensor<1>) -> Vec<f64> {
    floats(tensor)
}

/// Labels, class indices or query ids from a tensor of any integer type.
///
/// Of u64 values the bits are kept, so that different ids stay different: 2⁶³ and above become negative, `u64::MAX` −1.
pub fn labels(tensor: Tensor<1, Int>) -> Vec<i64> {
    crate::labels::read(tensor)
}

/// Yes or no from a tensor.
pub fn flags(tensor: Tensor<1, Bool>) -> Vec<bool> {
    tensor.into_data().convert::<bool>().try_into_vec::<bool>().expect("flags converted to bool")
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_into_vec::<f64>().expect("floats converted to f64")
}

fn check_rows(
    metric: &'static str,
    columns: &'static str,
    length: usize,
    row_length: usize,
) -> Result<(), MetricError> {
    if row_length == 0 {
        return Err(MetricError::parameter(metric, columns, 0, "at least 1"));
    }
    if !length.is_multiple_of(row_length) {
        let expected = format!("a multiple of {columns} = {row_length} elements");
        return Err(MetricError::Length { metric, input: metric, expected, found: length });
    }
    Ok(())
}

/// Checks that every value is finite.
pub(crate) fn check_finite(metric: &'static str, input: &'static str, values: &[f64]) -> Result<(), MetricError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(MetricError::element(metric, input, index, values[index], "finite")),
        None => Ok(()),
    }
}

/// Checks that every value is in `[0, 1]`.
pub(crate) fn check_unit_interval(
    metric: &'static str,
    input: &'static str,
    values: &[f64],
) -> Result<(), MetricError> {
    match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
        Some(index) => Err(MetricError::element(metric, input, index, values[index], "in [0, 1]")),
        None => Ok(()),
    }
}

/// Checks that class indices are in `0..classes`.
pub(crate) fn check_classes(
    metric: &'static str,
    input: &'static str,
    indices: &[i64],
    classes: usize,
) -> Result<(), MetricError> {
    // Compared as u64, in which a negative index is larger than any number of classes.
    match indices.iter().position(|&index| index as u64 >= classes as u64) {
        Some(at) => {
            let allowed = format!("a class index in [0, {classes})");
            Err(MetricError::element(metric, input, at, indices[at], allowed))
        }
        None => Ok(()),
    }
}

/// The index of the highest value, the lowest among equals.
pub(crate) fn argmax(values: &[f64]) -> usize {
    values.iter().enumerate().fold(0, |best, (index, value)| if *value > values[best] { index } else { best })
}

/// `−ln softmax` of a row at any of its values, without overflow, and with all digits of large values.
pub(crate) fn surprisal(row: &[f64]) -> impl Fn(f64) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = row.iter().map(|value| (value - largest).exp()).sum::<f64>().ln();
    move |value| (largest - value) + log_sum
}
