//! Losses of the distances between all pairs of rows: value and gradient in memory that grows with the rows, not with
//! their square.
//!
//! A strip of anchors at a time, a matrix product gives the distances to all other rows, in f64; a [`RowLoss`] turns
//! the distances of an anchor into its terms and the derivative `c_j = ∂L/∂D_j` of each; two more products, in f32,
//! turn the derivatives into the gradient of the rows. With `w_j = c_j·∂D_j/∂(½‖x − y_j‖²)` it is
//!
//! ```text
//! ∂L/∂x   = Σ_j w_j (x − y_j)  = (Σ_j w_j)·x − Σ_j w_j y_j
//! ∂L/∂y_j = w_j (y_j − x), summed over the anchors x
//! ```
//!
//! Both products lose digits where two rows are much closer together than they are long. Such pairs are found, and
//! computed by subtraction.

mod accumulate;
mod evaluate;
mod points;

pub(crate) use evaluate::{Across, Coefficients, Pairs, Row, RowLoss, evaluate, evaluate_pairs};
pub(crate) use points::{NEAR, Points};

use crate::options::Distance;

/// Rows with a label each.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The rows, `[labels.len(), width]`, row-major.
    pub rows: &'a [f32],
    /// The label of each row.
    pub labels: &'a [i64],
    /// The length of a row, at least 1.
    pub width: usize,
}

/// How far apart two rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metric {
    /// The distance.
    pub distance: Distance,
    /// Whether rows are scaled to length 1 first. A zero row stays zero, with gradient 0.
    pub normalize: bool,
}

impl Metric {
    /// Whether lengths don't matter.
    fn by_direction(self) -> bool {
        self.normalize || self.distance == Distance::Cosine
    }
}
