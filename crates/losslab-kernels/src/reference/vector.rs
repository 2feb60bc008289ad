//! Vectors on a tape: unit length and distances.

use super::tape::{Tape, Var};
use crate::options::Distance;

/// `x/‖x‖`. A zero vector stays zero with gradient 0.
pub(super) fn unit<'t>(tape: &'t Tape, x: &[Var<'t>]) -> Vec<Var<'t>> {
    let norm = tape.dot(x, x).sqrt();
    let scaled = |&entry: &Var<'t>| {
        if norm.value() == 0.0 { tape.constant(0.0) } else { entry / norm }
    };
    x.iter().map(scaled).collect()
}

/// The rows of a row-major matrix: as they are, or at unit length.
pub(super) fn vectors<'t>(tape: &'t Tape, matrix: &[Var<'t>], width: usize, normalize: bool) -> Vec<Vec<Var<'t>>> {
    assert!(width > 0 && matrix.len().is_multiple_of(width), "{} numbers are no rows of {width}", matrix.len());
    matrix.chunks(width).map(|row| if normalize { unit(tape, row) } else { row.to_vec() }).collect()
}

/// How far apart two vectors are.
pub(super) fn distance<'t>(tape: &'t Tape, x: &[Var<'t>], y: &[Var<'t>], distance: Distance) -> Var<'t> {
    let squared = || {
        let difference: Vec<_> = x.iter().zip(y).map(|(&x, &y)| x - y).collect();
        tape.dot(&difference, &difference)
    };
    match distance {
        Distance::Euclidean => squared().sqrt(),
        Distance::SquaredEuclidean => squared(),
        Distance::Cosine => 1.0 - tape.dot(&unit(tape, x), &unit(tape, y)),
    }
}
