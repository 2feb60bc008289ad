//! The inner products of the gradients of tasks: all that a combination of them needs to know.

use super::linear;
use crate::error::InputError;
use serde::{Deserialize, Serialize};

const NAME: &str = "task gradients";

/// The inner products of the gradients of tasks, `⟨gᵢ, gⱼ⟩`, in f64.
///
/// From gradients on the host by [`of_slices`](Self::of_slices), from those of a Burn module by
/// [`TaskGradients::gram`](crate::TaskGradients::gram).
#[derive(Clone, Debug, PartialEq)]
pub struct GramMatrix {
    tasks: usize,
    /// Row by row.
    products: Vec<f64>,
}

impl GramMatrix {
    /// Of one flattened gradient for each task.
    ///
    /// # Errors
    /// If there is no task, or the gradients differ in length.
    pub fn of_slices(gradients: &[impl AsRef<[f32]>]) -> Result<Self, InputError> {
        check_lengths(gradients)?;
        Ok(Self::from_fn(gradients.len(), |i, j| dot(gradients[i].as_ref(), gradients[j].as_ref())))
    }

    /// Of products of each two tasks `i ≤ j`.
    pub(super) fn from_fn(tasks: usize, mut product: impl FnMut(usize, usize) -> f64) -> Self {
        let mut products = vec![0.0; tasks * tasks];
        for i in 0..tasks {
            for j in i..tasks {
                products[i * tasks + j] = product(i, j);
                products[j * tasks + i] = products[i * tasks + j];
            }
        }
        Self { tasks, products }
    }

    /// The number of tasks.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// `⟨gᵢ, gⱼ⟩`.
    pub fn product(&self, i: usize, j: usize) -> f64 {
        self.row(i)[j]
    }

    /// `⟨gᵢ, Σⱼ wⱼ·gⱼ⟩`.
    pub fn product_with_sum(&self, i: usize, weights: &[f64]) -> f64 {
        self.row(i).iter().zip(weights).map(|(product, weight)| product * weight).sum()
    }

    /// The Euclidean length of the gradient of a task.
    pub fn norm(&self, task: usize) -> f64 {
        self.product(task, task).sqrt()
    }

    /// The Euclidean length of each gradient.
    pub fn norms(&self) -> Vec<f64> {
        (0..self.tasks).map(|task| self.norm(task)).collect()
    }

    /// The length of `Σⱼ wⱼ·gⱼ`.
    pub fn norm_of_sum(&self, weights: &[f64]) -> f64 {
        let square = weights.iter().enumerate().map(|(i, weight)| weight * self.product_with_sum(i, weights));
        let square = square.sum::<f64>();
        // Rounding can leave a zero sum just below 0; a NaN stays.
        if square < 0.0 { 0.0 } else { square.sqrt() }
    }

    /// The cosine of two gradients; nothing where one of them is zero.
    pub fn cosine(&self, i: usize, j: usize) -> Option<f64> {
        let lengths = self.norm(i) * self.norm(j);
        // A gradient is exactly along itself, whatever the rounding.
        let product = if i == j { lengths } else { self.product(i, j) };
        (lengths != 0.0).then(|| (product / lengths).clamp(-1.0, 1.0))
    }

    /// Norms and cosines, to be kept and plotted.
    pub fn statistics(&self) -> TaskGradientStatistics {
        let cosines = |i| (0..self.tasks).map(|j| self.cosine(i, j)).collect();
        TaskGradientStatistics { norms: self.norms(), cosines: (0..self.tasks).map(cosines).collect() }
    }

    /// Whether no gradient has a NaN or an infinite value.
    pub(super) fn is_finite(&self) -> bool {
        self.products.iter().all(|product| product.is_finite())
    }

    /// Vectors with these inner products, of as many dimensions as tasks: the rows of Cholesky's triangle. Sums of
    /// gradients that cancel keep their digits in them, which they don't in the products.
    pub(super) fn vectors(&self) -> Vec<Vec<f64>> {
        let tasks = self.tasks;
        let mut rows = vec![vec![0.0; tasks]; tasks];
        for i in 0..tasks {
            for j in 0..=i {
                let rest = self.product(i, j) - linear::dot(&rows[i][..j], &rows[j][..j]);
                rows[i][j] = match rows[j][j] {
                    // What rounding leaves of a gradient that depends on those before it is no direction.
                    _ if i == j => {
                        if rest > 1e-14 * self.product(i, i) {
                            rest.sqrt()
                        } else {
                            0.0
                        }
                    }
                    0.0 => 0.0,
                    diagonal => rest / diagonal,
                };
            }
        }
        rows
    }

    fn row(&self, task: usize) -> &[f64] {
        &self.products[task * self.tasks..][..self.tasks]
    }
}

/// How long the gradients of tasks are, and how much they agree.
/// [`Diagnostics::of_tasks`](crate::diagnostics::Diagnostics::of_tasks) judges such numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskGradientStatistics {
    /// The Euclidean length of each gradient.
    pub norms: Vec<f64>,
    /// The cosine of each two, row by row; nothing where one of them is zero.
    pub cosines: Vec<Vec<Option<f64>>>,
}

/// One gradient for each task, all of one length.
pub(super) fn check_lengths(gradients: &[impl AsRef<[f32]>]) -> Result<(), InputError> {
    let Some(first) = gradients.first() else { return Err(no_task()) };
    for gradient in gradients {
        let (found, expected) = (gradient.as_ref().len(), first.as_ref().len());
        InputError::check_shape(NAME, "gradients", &[found], &[expected], "(the length of the first)")?;
    }
    Ok(())
}

pub(super) fn no_task() -> InputError {
    let expected = "[tasks] with at least one task".into();
    InputError::Shape { loss: NAME, tensor: "gradients", expected, found: vec![0] }
}

/// In f64, where products of f32 numbers are exact; in eight partial sums, which fit SIMD registers.
fn dot(x: &[f32], y: &[f32]) -> f64 {
    let (x_chunks, x_rest) = x.as_chunks::<8>();
    let (y_chunks, y_rest) = y.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        for lane in 0..8 {
            sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    let rest = x_rest.iter().zip(y_rest).map(|(&x, &y)| f64::from(x) * f64::from(y));
    sums.into_iter().chain(rest).sum()
}
