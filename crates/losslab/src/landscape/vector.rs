//! Sums over vectors of parameters.

pub(super) fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|value| value * value).sum::<f64>().sqrt()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `a + scale · b`.
pub(super) fn plus(a: &[f64], scale: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + scale * b).collect()
}

/// Takes the parts along orthonormal vectors out of a vector; twice, since one pass leaves the rounding of large parts.
pub(super) fn orthogonalise(vector: &mut [f64], against: &[Vec<f64>]) {
    for _ in 0..2 {
        for other in against {
            let part = dot(vector, other);
            vector.iter_mut().zip(other).for_each(|(value, other)| *value -= part * other);
        }
    }
}
