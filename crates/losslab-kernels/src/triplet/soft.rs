//! All triplets with a soft margin.

use crate::chunks::Sums;
use crate::pairs::{Coefficients, Row, RowLoss};
use crate::simd::{Arithmetic, Kernel, dispatch};
use crate::triplet::Penalty;

/// `ln(1 + exp(D(a, p) − D(a, n) + margin))` over all triplets.
///
/// There is no shortcut through sorting, but `z = exp(D_p + m − D_n)` is a product of two factors: one exponential for
/// each distance serves all triplets of an anchor. The logarithms are taken of products:
///
/// ```text
/// Σ ln(1 + z) = ln Π(1 + z)          ∂/∂D_p = Σ_n z/(1 + z) = −Σ ∂/∂D_n
/// ```
pub(super) struct Soft {
    pub margin: f64,
}

/// The products that grow side by side.
const LANES: usize = 8;

/// What the logarithm of a product may reach, with the logarithm of f64's largest number, 709, out of sight.
const LARGEST: f64 = 600.0;

#[derive(Default)]
pub(super) struct Factors {
    /// `exp(reference − D_n)`, and the sum of the slopes of each negative.
    negatives: Vec<f64>,
    slopes: Vec<f64>,
}

impl RowLoss for Soft {
    type Scratch = Factors;
    const HALF: bool = false;

    fn row(&self, row: &Row<'_>, factors: &mut Factors, to: Option<Coefficients<'_>>) -> Option<Sums> {
        let [before, after] = row.negatives();
        let negatives = || row.distances(before.clone()).iter().chain(row.distances(after.clone())).copied();
        let (positives, count) = (row.positives().count(), before.len() + after.len());
        if positives == 0 || count == 0 {
            return Some(Sums::default());
        }
        let positive_distances = row.positives().map(|place| row.distance(place));
        let [(nearest, last), (first, farthest)] = [extremes(negatives()), extremes(positive_distances)];
        let highest = farthest - nearest + self.margin;
        // Where exponents are too far apart (or NaN), every triplet by itself.
        let by_factors = highest < LARGEST / 2.0 && last - nearest < LARGEST / 2.0 && farthest - first < LARGEST / 2.0;
        factors.slopes.clear();
        factors.slopes.resize(count, 0.0);
        factors.negatives.clear();
        match by_factors {
            true => factors.negatives.extend(negatives().map(|distance| (nearest - distance).exp())),
            false => factors.negatives.extend(negatives()),
        }
        let steps = (LARGEST / highest.exp().ln_1p().max(1.0)) as usize;
        let mut total = 0.0;
        let mut weights = to.map(|to| to.row);
        for place in row.positives() {
            let near = row.distance(place);
            let (sum, slope) = match by_factors {
                true => {
                    let factor = (near + self.margin - nearest).exp();
                    let (negatives, slopes) = (&factors.negatives, &mut factors.slopes);
                    dispatch(Products { factor, negatives, slopes, steps: steps.max(1) })
                }
                false => self.sum_one_by_one(near, &factors.negatives, &mut factors.slopes),
            };
            total += sum;
            if let Some(weights) = &mut weights {
                weights[place] = slope as f32;
            }
        }
        if let Some(weights) = weights {
            let slopes = |range: std::ops::Range<usize>| factors.slopes[range].iter().map(|&slope| -slope as f32);
            weights[before.clone()].iter_mut().zip(slopes(0..before.len())).for_each(|(to, slope)| *to = slope);
            weights[after].iter_mut().zip(slopes(before.len()..count)).for_each(|(to, slope)| *to = slope);
        }
        let valid = (positives * count) as u64;
        // Softplus is above 0 wherever the exponential is; a NaN counts.
        let active = if highest > -700.0 || highest.is_nan() { valid } else { self.count_active(row) };
        Some(Sums { total, weight: valid as f64, valid, active })
    }
}

impl Soft {
    fn sum_one_by_one(&self, near: f64, negatives: &[f64], slopes: &mut [f64]) -> (f64, f64) {
        let penalty = Penalty { margin: self.margin, soft: true };
        let (mut total, mut sum) = (0.0, 0.0);
        for (&distance, slope) in negatives.iter().zip(slopes) {
            let (term, derivative) = penalty.of(near - distance + self.margin);
            total += term;
            sum += derivative;
            *slope += derivative;
        }
        (total, sum)
    }

    fn count_active(&self, row: &Row<'_>) -> u64 {
        let penalty = Penalty { margin: self.margin, soft: true };
        let terms = |place: usize| {
            let violation = move |j: usize| row.distance(place) - row.distance(j) + self.margin;
            row.negatives().into_iter().flatten().map(move |j| penalty.of(violation(j)).0)
        };
        row.positives().flat_map(terms).filter(|&term| term > 0.0 || term.is_nan()).count() as u64
    }
}

/// `Σ ln(1 + factor·x)` and `Σ factor·x/(1 + factor·x)` over the negatives.
struct Products<'a> {
    factor: f64,
    negatives: &'a [f64],
    /// To which each term of the second sum is added.
    slopes: &'a mut [f64],
    /// Products of so many factors are finite.
    steps: usize,
}

impl Kernel for Products<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> (f64, f64) {
        let (mut total, mut sums) = (0.0, [0.0; LANES]);
        let run = LANES * self.steps;
        for (negatives, slopes) in self.negatives.chunks(run).zip(self.slopes.chunks_mut(run)) {
            // Products less 1, which keep the digits of factors near 1.
            let mut products = [0.0; LANES];
            let (groups, rest) = negatives.as_chunks::<LANES>();
            let (slope_groups, rest_of_slopes) = slopes.as_chunks_mut::<LANES>();
            for (group, slopes) in groups.iter().zip(slope_groups) {
                step(self.factor, group, slopes, &mut products, &mut sums);
            }
            if !rest.is_empty() {
                let (mut group, mut slopes) = ([0.0; LANES], [0.0; LANES]);
                group[..rest.len()].copy_from_slice(rest);
                step(self.factor, &group, &mut slopes, &mut products, &mut sums);
                rest_of_slopes.iter_mut().zip(slopes).for_each(|(to, slope)| *to += slope);
            }
            for product in products {
                total += product.ln_1p();
            }
        }
        (total, sums.iter().sum())
    }
}

#[inline(always)]
fn step(
    factor: f64,
    group: &[f64; LANES],
    slopes: &mut [f64; LANES],
    products: &mut [f64; LANES],
    sums: &mut [f64; LANES],
) {
    for lane in 0..LANES {
        let z = factor * group[lane];
        let slope = z / (1.0 + z);
        products[lane] += z + z * products[lane];
        sums[lane] += slope;
        slopes[lane] += slope;
    }
}

/// The smallest and the largest of some distances, NaN where one is.
fn extremes(distances: impl Iterator<Item = f64>) -> (f64, f64) {
    distances.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        if x.is_nan() { (x, x) } else { (if low > x { x } else { low }, if high < x { x } else { high }) }
    })
}
