//! Data sets: readers for files, generators, and the splits that training, selection and testing are made on.

pub mod augment;
pub mod captions;
pub mod catalogue;
pub mod cifar;
pub mod clicks;
pub mod csv;
pub mod digits;
pub mod emoji;
pub mod fetch;
pub mod idx;
pub mod images;
pub mod imbalanced;
pub mod labels;
pub mod letor;
pub mod mnist;
pub mod noise;
pub mod ranked;
pub mod shapes;
pub mod sources;
pub mod stock;
pub mod synthetic;

use burn::tensor::{Device, Tensor, TensorData};

/// Rows of numbers, each with a 0/1 label. Label 1 is the rare class.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Numbers in a row.
    pub columns: usize,
    /// All rows, one after the other.
    pub features: Vec<f32>,
    /// One label a row.
    pub labels: Vec<bool>,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Number of rows of the rare class.
    pub fn rare(&self) -> usize {
        self.labels.iter().filter(|label| **label).count()
    }

    /// Share of the rare class, from 0 to 1.
    pub fn rare_share(&self) -> f64 {
        self.rare() as f64 / self.rows() as f64
    }

    /// The numbers of one row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.features[index * self.columns..(index + 1) * self.columns]
    }

    /// The given rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Table {
        Table {
            columns: self.columns,
            features: rows.iter().flat_map(|row| self.row(*row)).copied().collect(),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
        }
    }
}

impl Table {
    /// Some rows as tensors: features `[rows, columns]`, and targets `[rows, 1]` of 0 and 1.
    pub fn batch(&self, rows: &[usize], device: &Device) -> (Tensor<2>, Tensor<2>) {
        let inputs: Vec<f32> = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        let targets: Vec<f32> = rows.iter().map(|row| f32::from(u8::from(self.labels[*row]))).collect();
        (
            Tensor::from_data(TensorData::new(inputs, [rows.len(), self.columns]), device),
            Tensor::from_data(TensorData::new(targets, [rows.len(), 1]), device),
        )
    }
}

/// Three disjoint parts: weights are learned on `train`, choices are made on `valid`, results come from `test`.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// For learning weights.
    pub train: Table,
    /// For choosing hyperparameters and thresholds.
    pub valid: Table,
    /// For the numbers that are reported, and for nothing else.
    pub test: Table,
}

/// What a mean and a standard deviation are taken over when features are standardised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Each column by itself: columns of a table have units of their own.
    Column,
    /// All columns together: pixels share one unit, and a rarely inked pixel must not be blown up.
    Image,
}

impl Split {
    /// Subtracts the mean and divides by the standard deviation of the training part, in all three parts.
    pub fn standardised(mut self, scale: Scale) -> Split {
        let group = match scale {
            Scale::Column => 1,
            Scale::Image => self.train.columns,
        };
        let statistics: Vec<(f64, f64)> = (0..self.train.columns / group)
            .map(|block| {
                let Table { features, columns, .. } = &self.train;
                mean_and_spread(features, *columns, block * group..(block + 1) * group)
            })
            .collect();
        for table in [&mut self.train, &mut self.valid, &mut self.test] {
            for row in table.features.chunks_exact_mut(table.columns) {
                for (block, (mean, spread)) in row.chunks_exact_mut(group).zip(&statistics) {
                    for value in block {
                        *value = ((f64::from(*value) - mean) / spread) as f32;
                    }
                }
            }
        }
        self
    }
}

/// Mean and standard deviation over some columns of all rows; a constant has the spread 1, so that it becomes 0.
fn mean_and_spread(features: &[f32], width: usize, columns: std::ops::Range<usize>) -> (f64, f64) {
    let values = || {
        let rows = features.chunks_exact(width);
        rows.flat_map(|row| &row[columns.clone()]).map(|value| f64::from(*value))
    };
    let count = (features.len() / width * columns.len()) as f64;
    let mean = values().sum::<f64>() / count;
    let spread = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    // Below this a column differs only by rounding: dividing by it would make noise of size 1.
    let negligible = f64::from(f32::EPSILON) * mean.abs().max(f64::from(f32::MIN_POSITIVE));
    (mean, if spread > negligible { spread } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(features: &[f32]) -> Table {
        Table { columns: 2, features: features.to_vec(), labels: vec![false; features.len() / 2] }
    }

    fn split() -> Split {
        Split { train: table(&[1.0, 5.0, 3.0, 5.0]), valid: table(&[5.0, 6.0]), test: table(&[2.0, 4.0]) }
    }

    #[test]
    fn columns_are_standardised_by_training_statistics() {
        let split = split().standardised(Scale::Column);
        assert_eq!(split.train.features, [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(split.valid.features, [3.0, 1.0]);
        assert_eq!(split.test.features, [0.0, -1.0]);
    }

    #[test]
    fn images_are_standardised_by_one_mean_and_spread() {
        let split = split().standardised(Scale::Image);
        let (mean, spread) = (3.5_f32, 2.75_f32.sqrt());
        assert_eq!(split.train.features[0], (1.0 - mean) / spread);
        assert_eq!(split.test.features[1], (4.0 - mean) / spread);
    }

    #[test]
    fn rows_are_selected_with_their_labels() {
        let table = Table { columns: 1, features: vec![7.0, 8.0, 9.0], labels: vec![false, true, false] };
        let selected = table.select(&[1, 0]);
        assert_eq!((selected.features, selected.labels), (vec![8.0, 7.0], vec![true, false]));
    }
}
