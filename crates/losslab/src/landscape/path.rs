//! The path of an optimiser in the plane that shows most of it.

use super::error::{LandscapeError, NAME, check_finite, check_length};
use super::vector::{dot, norm, orthogonalise, plus};
use crate::error::InputError;

/// The plane in which the points of a path spread most, and the path in it.
#[derive(Clone, Debug, PartialEq)]
pub struct PathPlane {
    /// Two orthogonal directions of length 1.
    pub directions: [Vec<f64>; 2],
    /// Where each point lies in the plane, seen from the last one, which is at `[0, 0]`.
    pub path: Vec<[f64; 2]>,
    /// The share of the variance of the path that lies along each direction.
    pub explained: [f64; 2],
}

impl PathPlane {
    /// The principal plane of a path: of the parameters at several times of a training, the last of them the solution.
    ///
    /// The directions are those of a principal component analysis of the points (Li et al. 2018,
    /// [arXiv:1712.09913](https://arxiv.org/abs/1712.09913)); the plane goes through the last point. Random directions
    /// would show nearly nothing: a path of few effective dimensions is almost orthogonal to them.
    ///
    /// Of its two senses, each direction has the one in which the path goes from its first point to its last.
    ///
    /// # Errors
    /// If there are fewer than three points, they differ in length, a number isn't finite, or all points lie on one line:
    /// then there is no plane.
    pub fn of(points: &[Vec<f64>]) -> Result<Self, LandscapeError> {
        let shape = |expected: &str| {
            let found = vec![points.len(), points.first().map_or(0, Vec::len)];
            InputError::Shape { loss: NAME, tensor: "path", expected: expected.to_owned(), found }
        };
        let [.., last] = points else { return Err(shape("[3 or more, parameters]").into()) };
        if points.len() < 3 {
            return Err(shape("[3 or more, parameters]").into());
        }
        for point in points {
            check_length("a point of the path", point.len(), last.len())?;
            check_finite("a point of the path", point)?;
        }
        let n = points.len();
        // From the last point, which keeps the digits of what is small beside the parameters.
        let offsets: Vec<Vec<f64>> = points.iter().map(|point| plus(point, -1.0, last)).collect();
        let mean: Vec<f64> =
            (0..last.len()).map(|at| offsets.iter().map(|offset| offset[at]).sum::<f64>() / n as f64).collect();
        let centred: Vec<Vec<f64>> = offsets.iter().map(|offset| plus(offset, -1.0, &mean)).collect();
        let gram: Vec<Vec<f64>> = centred.iter().map(|a| centred.iter().map(|b| dot(a, b)).collect()).collect();
        let total: f64 = (0..n).map(|at| gram[at][at]).sum();
        let (values, vectors) = symmetric_eigen(gram);
        // Less than this beside the first is rounding, and its direction noise.
        if total == 0.0 || values[1] <= 1e-12 * values[0] {
            return Err(shape("[3 or more, parameters] not all on one line").into());
        }
        let direction = |at: usize, against: &[Vec<f64>]| {
            let mut sum = vec![0.0; last.len()];
            for (part, point) in vectors[at].iter().zip(&centred) {
                sum.iter_mut().zip(point).for_each(|(sum, value)| *sum += part * value);
            }
            orthogonalise(&mut sum, against);
            let length = norm(sum.iter().copied());
            let sign = if dot(&sum, &offsets[0]) > 0.0 { -1.0 } else { 1.0 };
            sum.iter_mut().for_each(|value| *value *= sign / length);
            sum
        };
        let first = direction(0, &[]);
        let second = direction(1, std::slice::from_ref(&first));
        let path = offsets.iter().map(|offset| [dot(offset, &first), dot(offset, &second)]).collect();
        Ok(Self { directions: [first, second], path, explained: [values[0] / total, values[1] / total] })
    }
}

/// Eigenvalues in descending order, and eigenvectors, of a small symmetric matrix, by Jacobi rotations.
fn symmetric_eigen(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    const SWEEPS: usize = 100;
    let n = a.len();
    // Rows become the eigenvectors.
    let mut v: Vec<Vec<f64>> = (0..n).map(|row| (0..n).map(|at| f64::from(u8::from(at == row))).collect()).collect();
    let size: f64 = norm(a.iter().flatten().copied());
    for _ in 0..SWEEPS {
        let beside = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
        if norm(beside.map(|(i, j)| a[i][j])) <= f64::EPSILON * size {
            break;
        }
        for i in 0..n {
            for j in i + 1..n {
                if a[i][j] == 0.0 {
                    continue;
                }
                let theta = (a[j][j] - a[i][i]) / (2.0 * a[i][j]);
                let t = 1f64.copysign(theta) / (theta.abs() + theta.hypot(1.0));
                let c = t.hypot(1.0).recip();
                let s = t * c;
                for row in &mut a {
                    (row[i], row[j]) = (c * row[i] - s * row[j], s * row[i] + c * row[j]);
                }
                for matrix in [&mut a, &mut v] {
                    let (head, tail) = matrix.split_at_mut(j);
                    for (x, y) in head[i].iter_mut().zip(&mut tail[0]) {
                        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                    }
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[*j][*j].total_cmp(&a[*i][*i]));
    (order.iter().map(|at| a[*at][*at]).collect(), order.iter().map(|at| v[*at].clone()).collect())
}
