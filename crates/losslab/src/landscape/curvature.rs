//! Eigenvalues and trace of a symmetric operator that is known only by its products with vectors.

use super::directions::normal;
use super::error::{LandscapeError, NAME, check_finite, check_length};
use super::loss::LossLandscape;
use super::vector::{dot, norm, orthogonalise};
use crate::error::{ConfigError, Range};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Configuration of [`lanczos`].
#[derive(Config, Debug)]
pub struct LanczosConfig {
    /// How many of the largest eigenvalues to find; at least 1. Default: 1.
    #[config(default = 1)]
    pub count: usize,
    /// Products at most; at least `count`. Default: 100.
    #[config(default = 100)]
    pub max_steps: usize,
    /// The error of an eigenvalue, as a share of the one that is largest in size, at which it is good enough. Default: 1e-3.
    #[config(default = 1e-3)]
    pub tolerance: f64,
    /// Which first vector. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
}

/// An eigenvalue with what is known of its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eigenvalue {
    /// The value.
    pub value: f64,
    /// The operator has an eigenvalue within this distance.
    pub error: f64,
}

/// The ends of a spectrum.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// The largest eigenvalues, in descending order.
    pub largest: Vec<Eigenvalue>,
    /// The eigenvectors of the largest, of length 1.
    pub vectors: Vec<Vec<f64>>,
    /// The smallest eigenvalue: negative where the surface curves downwards.
    pub smallest: Eigenvalue,
    /// Products that were needed.
    pub steps: usize,
    /// Whether the errors of the largest and of the smallest are within the tolerance.
    pub converged: bool,
}

/// Configuration of [`hutchinson`].
#[derive(Config, Debug)]
pub struct HutchinsonConfig {
    /// Random vectors; at least 2. Default: 50.
    #[config(default = 50)]
    pub samples: usize,
    /// Which vectors. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
}

/// An estimate of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceEstimate {
    /// The mean over the random vectors.
    pub trace: f64,
    /// The standard error of this mean.
    pub standard_error: f64,
}

/// The largest eigenvalues and the smallest one of a symmetric operator on vectors of length `n`, by Lanczos' method.
///
/// Every new vector is made orthogonal to all before, so that no eigenvalue is found twice by rounding. An eigenvalue that
/// occurs several times shows once, as in all methods that start from one vector, unless the space that the start
/// reaches is exhausted: then it goes on with a random vector out of the rest. It stops as soon as all that is asked for
/// is within the tolerance.
///
/// Memory: one vector for each step.
///
/// # Errors
/// If a setting is out of its range, `n` is 0, a product has another length or isn't finite, or `product` fails.
pub fn lanczos(
    n: usize,
    config: &LanczosConfig,
    mut product: impl FnMut(&[f64]) -> Result<Vec<f64>, LandscapeError>,
) -> Result<Spectrum, LandscapeError> {
    ConfigError::check(NAME, "count", config.count as f64, Range::Within(1.0, n as f64))?;
    ConfigError::check(NAME, "max_steps", config.max_steps as f64, Range::AtLeast(config.count as f64))?;
    ConfigError::check(NAME, "tolerance", config.tolerance, Range::AtLeast(0.0))?;
    let random = &mut Xoshiro256PlusPlus::seed_from_u64(config.seed);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut next = unit_against(n, &basis, random);
    loop {
        let mut image = product(&next)?;
        check_length("product", image.len(), n)?;
        check_finite("product", &image)?;
        diagonal.push(dot(&image, &next));
        let size = norm(image.iter().copied());
        basis.push(next);
        orthogonalise(&mut image, &basis);
        let rest = norm(image.iter().copied());
        // What rounding leaves of a vector is no direction.
        let is_exhausted = rest <= 1e-10 * size.max(f64::MIN_POSITIVE);
        let coupling = if is_exhausted { 0.0 } else { rest };

        let (values, vectors) = tridiagonal_eigen(&diagonal, &beside);
        let last = basis.len() - 1;
        let scale = values.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
        let eigenvalue = |at: usize| Eigenvalue { value: values[at], error: (coupling * vectors[at][last]).abs() };
        let largest: Vec<Eigenvalue> = (0..config.count.min(values.len())).map(eigenvalue).collect();
        let smallest = eigenvalue(values.len() - 1);
        let is_within = |eigenvalue: &Eigenvalue| eigenvalue.error <= config.tolerance * scale;
        // After a space is exhausted nothing is known of the rest of it.
        let is_whole = basis.len() == n;
        let converged = is_whole
            || !is_exhausted && largest.len() == config.count && largest.iter().chain([&smallest]).all(is_within);
        if converged || basis.len() == config.max_steps {
            let vector = |at: usize| {
                let mut sum = vec![0.0; n];
                for (part, basis) in vectors[at].iter().zip(&basis) {
                    sum.iter_mut().zip(basis).for_each(|(sum, value)| *sum += part * value);
                }
                sum
            };
            let vectors = (0..largest.len()).map(vector).collect();
            return Ok(Spectrum { largest, vectors, smallest, steps: basis.len(), converged });
        }
        beside.push(coupling);
        next = if is_exhausted {
            unit_against(n, &basis, random)
        } else {
            image.iter_mut().for_each(|value| *value /= rest);
            image
        };
    }
}

/// A random vector of length 1, orthogonal to some.
fn unit_against(n: usize, basis: &[Vec<f64>], random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    loop {
        let mut vector: Vec<f64> = (0..n).map(|_| normal(random)).collect();
        let before = norm(vector.iter().copied());
        orthogonalise(&mut vector, basis);
        let after = norm(vector.iter().copied());
        if after > 1e-8 * before {
            vector.iter_mut().for_each(|value| *value /= after);
            return vector;
        }
    }
}

/// Eigenvalues in descending order, and eigenvectors, of a symmetric tridiagonal matrix: implicit QL (Wilkinson's shift).
pub(super) fn tridiagonal_eigen(diagonal: &[f64], beside: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = diagonal.len();
    let mut d = diagonal.to_vec();
    let mut e: Vec<f64> = beside.iter().copied().chain([0.0]).collect();
    // Row i is what becomes of the unit vector i; a rotation mixes two columns.
    let mut z: Vec<Vec<f64>> = (0..n).map(|row| (0..n).map(|at| f64::from(u8::from(at == row))).collect()).collect();
    for low in 0..n {
        loop {
            let is_small = |at: &usize| e[*at].abs() <= f64::EPSILON * (d[*at].abs() + d[*at + 1].abs());
            let split = (low..n - 1).find(is_small).unwrap_or(n - 1);
            if split == low {
                break;
            }
            let g = (d[low + 1] - d[low]) / (2.0 * e[low]);
            let r = g.hypot(1.0);
            let mut g = d[split] - d[low] + e[low] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut is_done = true;
            for at in (low..split).rev() {
                let (f, b) = (s * e[at], c * e[at]);
                let r = f.hypot(g);
                e[at + 1] = r;
                if r == 0.0 {
                    d[at + 1] -= p;
                    e[split] = 0.0;
                    is_done = false;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[at + 1] - p;
                let r = (d[at] - g) * s + 2.0 * c * b;
                p = s * r;
                d[at + 1] = g + p;
                g = c * r - b;
                for row in &mut z {
                    let (left, right) = (row[at], row[at + 1]);
                    row[at + 1] = s * left + c * right;
                    row[at] = c * left - s * right;
                }
            }
            if is_done {
                d[low] -= p;
                e[low] = g;
                e[split] = 0.0;
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| d[*b].total_cmp(&d[*a]));
    let vector = |at: &usize| z.iter().map(|row| row[*at]).collect();
    (order.iter().map(|at| d[*at]).collect(), order.iter().map(vector).collect())
}

/// The trace of a symmetric operator on vectors of length `n`, by Hutchinson's estimator.
///
/// ```text
/// tr H = E[vᵀHv],      v: signs ±1, each with probability ½
/// ```
///
/// # Errors
/// If there are fewer than two samples, `n` is 0, a product has another length or isn't finite, or `product` fails.
pub fn hutchinson(
    n: usize,
    config: &HutchinsonConfig,
    mut product: impl FnMut(&[f64]) -> Result<Vec<f64>, LandscapeError>,
) -> Result<TraceEstimate, LandscapeError> {
    ConfigError::check(NAME, "n", n as f64, Range::AtLeast(1.0))?;
    ConfigError::check(NAME, "samples", config.samples as f64, Range::AtLeast(2.0))?;
    let random = &mut Xoshiro256PlusPlus::seed_from_u64(config.seed);
    let mut sample = || {
        let signs: Vec<f64> = (0..n).map(|_| if random.random::<bool>() { 1.0 } else { -1.0 }).collect();
        let image = product(&signs)?;
        check_length("product", image.len(), n)?;
        check_finite("product", &image)?;
        Ok(dot(&signs, &image))
    };
    let values = (0..config.samples).map(|_| sample()).collect::<Result<Vec<f64>, LandscapeError>>()?;
    let count = values.len() as f64;
    let trace = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - trace).powi(2)).sum::<f64>() / (count - 1.0);
    Ok(TraceEstimate { trace, standard_error: (variance / count).sqrt() })
}

impl<M: Module, F: Fn(&M) -> Tensor<1>> LossLandscape<M, F> {
    /// The largest eigenvalues and the smallest one of the Hessian at the origin. See [`lanczos`].
    ///
    /// # Errors
    /// As [`lanczos`] and [`hessian_product`](Self::hessian_product).
    pub fn spectrum(&self, config: &LanczosConfig) -> Result<Spectrum, LandscapeError> {
        lanczos(self.origin().len(), config, |vector| self.hessian_product(vector))
    }

    /// The trace of the Hessian at the origin: the sum of all eigenvalues. See [`hutchinson`].
    ///
    /// # Errors
    /// As [`hutchinson`] and [`hessian_product`](Self::hessian_product).
    pub fn trace(&self, config: &HutchinsonConfig) -> Result<TraceEstimate, LandscapeError> {
        hutchinson(self.origin().len(), config, |vector| self.hessian_product(vector))
    }
}
