//! Strips of anchors: distances, terms, weights.

use super::accumulate::{Accumulator, Entry};
use super::points::{NEAR, Points};
use crate::chunks::{Sums, in_order, pieces};
use crate::matrix::{View, multiply};
use crate::options::Distance;
use rayon::prelude::*;
use std::ops::Range;

/// The most anchors in a strip, whose distances one thread computes at a time; the more, the better for the product.
const STRIP: usize = 128;

/// The least.
const THIN_STRIP: usize = 32;

/// How many distances a strip has, unless its anchors are the fewest: 8 MiB.
const DISTANCES: usize = 1 << 20;

/// How many weights of pairs are kept until they are multiplied: 16 MiB.
const WEIGHTS: usize = 4 << 20;

/// The distances of one anchor.
pub(crate) struct Row<'a> {
    /// The anchor, by its place among the sorted anchors.
    pub anchor: usize,
    /// The other rows that have its label, by their place among the sorted ones; the anchor too, where it is one.
    pub same: Range<usize>,
    /// The distances from the other rows, without those before `skipped`.
    distances: &'a [f64],
    skipped: usize,
    /// How far a distance can be off. A decision that this could change must not be made. Below 0 where none is off.
    pub tolerance: f64,
    others: &'a Points<'a>,
    one_set: bool,
}

impl Row<'_> {
    /// The places of the positives.
    pub fn positives(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.same.clone().filter(|&j| !(self.one_set && j == self.anchor))
    }

    /// The places of the negatives, in two ranges.
    pub fn negatives(&self) -> [Range<usize>; 2] {
        [0..self.same.start, self.same.end..self.others.len()]
    }

    /// The distance from one of the other rows.
    pub fn distance(&self, place: usize) -> f64 {
        self.distances[place - self.skipped]
    }

    /// The distances from some of the other rows.
    pub fn distances(&self, places: Range<usize>) -> &[f64] {
        &self.distances[places.start - self.skipped..places.end - self.skipped]
    }

    /// The number of other rows.
    pub fn others(&self) -> usize {
        self.others.len()
    }

    /// Whether two distances are too close together to tell which is larger.
    pub fn unclear(&self, difference: f64) -> bool {
        difference.abs() <= self.tolerance
    }

    /// The position of a place as it was given.
    pub fn position(&self, place: usize) -> u32 {
        self.others.order[place]
    }

    /// The distance between two of the other rows.
    pub fn between(&self, i: usize, j: usize) -> f64 {
        self.others.exact(i, self.others, j)
    }
}

/// Where a row puts the derivatives of its terms.
pub(crate) struct Coefficients<'a> {
    /// By the distance from each of the other rows, the skipped ones too; 0 at first.
    pub row: &'a mut [f32],
    /// By the distance between two of the other rows, with that distance.
    pub across: &'a mut Vec<Across>,
}

/// The derivative by the distance of two of the other rows.
pub(crate) struct Across {
    pub i: usize,
    pub j: usize,
    pub distance: f64,
    pub derivative: f32,
}

/// A loss that adds up over anchors.
pub(crate) trait RowLoss: Sync {
    /// What is kept from row to row, so that rows allocate nothing.
    type Scratch: Default;

    /// Whether a pair counts once: an anchor then sees only the rows from itself on.
    const HALF: bool;

    /// The terms of an anchor and their derivatives, or nothing where a distance must be known better.
    fn row(&self, row: &Row<'_>, scratch: &mut Self::Scratch, to: Option<Coefficients<'_>>) -> Option<Sums>;

    /// Pairs of rows of one set whose derivative is known only when all anchors have been seen.
    fn pairs_after_all(&self) -> Vec<Across> {
        vec![]
    }
}

/// Sums a loss over the anchors, and writes the gradients of the sum with respect to anchors and others.
///
/// Without `others`, the anchors are compared with each other, and the second gradient must be nothing.
pub(crate) fn evaluate<L: RowLoss>(
    loss: &L,
    anchors: &Points<'_>,
    others: Option<&Points<'_>>,
    gradients: [Option<&mut [f32]>; 2],
) -> Sums {
    let [by_anchors, by_others] = gradients;
    assert!(others.is_some() || by_others.is_none(), "one set has one gradient");
    let one_set = others.is_none();
    let strips = Strips { anchors, others: others.unwrap_or(anchors), one_set };
    let (n, m) = (anchors.len(), strips.others.len());
    let strip = (DISTANCES / m.max(1) / THIN_STRIP * THIN_STRIP).clamp(THIN_STRIP, STRIP);
    let block = (WEIGHTS / m.max(1) / strip).max(1) * strip;
    let mut accumulator = (by_anchors.is_some() || by_others.is_some())
        .then(|| Accumulator::new(anchors, others, [by_anchors.is_some(), by_others.is_some()]));
    let mut weights = vec![0.0; if accumulator.is_some() { block.min(n) * m } else { 0 }];
    let mut sums = Sums::default();
    for start in (0..if m == 0 { 0 } else { n }).step_by(block) {
        let rows = start..(start + block).min(n);
        let wanted = accumulator.is_some().then(|| &mut weights[..rows.len() * m]);
        let places = pieces(wanted, rows.len() * m, strip * m);
        let found = places.into_par_iter().enumerate().map_init(Scratch::default, |scratch, (at, weights)| {
            let first = rows.start + at * strip;
            strips.strip(loss, first..(first + strip).min(rows.end), scratch, weights)
        });
        let found = found.collect::<Vec<Strip>>();
        sums.add(in_order(found.iter().map(|strip| strip.sums).collect()));
        if let Some(accumulator) = &mut accumulator {
            let skipped = if L::HALF { rows.start } else { 0 };
            accumulator.add(rows, skipped, &weights, found);
        }
    }
    if let Some(mut accumulator) = accumulator {
        let pairs = loss.pairs_after_all();
        accumulator.add_entries(&[Strip {
            entries: pairs.iter().filter_map(|pair| strips.entry_across(pair)).collect(),
            ..Strip::default()
        }]);
        accumulator.finish([by_anchors, by_others]);
    }
    sums
}

/// The most anchors whose pairs are kept until they are added to the gradient.
const CHOOSING: usize = 1 << 14;

/// As [`evaluate`], for a loss that finds the few pairs of each anchor by itself, a strip of at most `strip` anchors at a
/// time.
pub(crate) fn evaluate_pairs<S: Default>(
    anchors: &Points<'_>,
    others: Option<&Points<'_>>,
    gradients: [Option<&mut [f32]>; 2],
    strip: usize,
    choose: impl Fn(Range<usize>, &mut S, &mut Pairs) + Sync,
) -> Sums {
    let wanted = gradients.each_ref().map(Option::is_some);
    let mut accumulator = wanted.contains(&true).then(|| Accumulator::new(anchors, others, wanted));
    let mut sums = Sums::default();
    for start in (0..anchors.len()).step_by(CHOOSING) {
        let end = (start + CHOOSING).min(anchors.len());
        let strips = (start..end).into_par_iter().step_by(strip).map_init(S::default, |scratch, first| {
            let (wanted, distance) = (accumulator.is_some(), anchors.metric.distance);
            let mut pairs = Pairs { strip: Strip::default(), wanted, distance };
            choose(first..(first + strip).min(end), scratch, &mut pairs);
            pairs.strip
        });
        let strips = strips.collect::<Vec<Strip>>();
        sums.add(in_order(strips.iter().map(|strip| strip.sums).collect()));
        if let Some(accumulator) = &mut accumulator {
            accumulator.add_entries(&strips);
        }
    }
    if let Some(accumulator) = accumulator {
        accumulator.finish(gradients);
    }
    sums
}

/// What a strip of anchors has chosen.
pub(crate) struct Pairs {
    strip: Strip,
    wanted: bool,
    distance: Distance,
}

impl Pairs {
    pub fn add_term(&mut self, term: f64) {
        self.strip.sums.add(Sums::of(term, 1.0));
    }

    /// Adds the derivative by the distance of an anchor from one of the others.
    pub fn add_derivative(&mut self, anchor: usize, other: usize, distance: f64, derivative: f64) {
        self.add(true, anchor, other, distance, derivative);
    }

    /// Adds the derivative by the distance between two of the others.
    pub fn add_derivative_across(&mut self, i: usize, j: usize, distance: f64, derivative: f64) {
        self.add(false, i, j, distance, derivative);
    }

    fn add(&mut self, from_anchor: bool, i: usize, j: usize, distance: f64, derivative: f64) {
        if self.wanted && derivative != 0.0 {
            self.strip.entries.extend(entry(self.distance, from_anchor, i, j, distance, derivative as f32));
        }
    }
}

struct Strips<'a> {
    anchors: &'a Points<'a>,
    others: &'a Points<'a>,
    one_set: bool,
}

/// What is left of a strip besides its weights.
#[derive(Default)]
pub(super) struct Strip {
    pub sums: Sums,
    /// The sum of the weights of each anchor.
    pub row_weights: Vec<f64>,
    /// How many weights aren't 0.
    pub count: usize,
    /// Pairs that aren't among the weights.
    pub entries: Vec<Entry>,
}

#[derive(Default)]
struct Scratch<S> {
    distances: Vec<f64>,
    across: Vec<Across>,
    of_loss: S,
}

impl Strips<'_> {
    fn strip<L: RowLoss>(
        &self,
        loss: &L,
        rows: Range<usize>,
        scratch: &mut Scratch<L::Scratch>,
        mut weights: Option<&mut [f32]>,
    ) -> Strip {
        let (m, width) = (self.others.len(), self.anchors.width);
        let skipped = if L::HALF { rows.start } else { 0 };
        let columns = m - skipped;
        scratch.distances.resize(rows.len() * columns, 0.0);
        let distances = &mut scratch.distances[..rows.len() * columns];
        let left = View::of(&self.anchors.wide[rows.start * width..rows.end * width], width);
        let right = View::of(&self.others.wide[skipped * width..], width);
        multiply(distances, columns, false, 1.0, left, right.transposed());

        let mut strip = Strip::default();
        for (at, (anchor, distances)) in rows.zip(distances.chunks_mut(columns)).enumerate() {
            self.to_distances(anchor, skipped, distances);
            let same = self.others.with_label(self.anchors.labels[anchor]);
            let mut weights = weights.as_deref_mut().map(|weights| &mut weights[at * m..(at + 1) * m]);
            let mut attempt = |distances: &[f64], tolerance: f64| {
                let row = Row {
                    anchor,
                    same: same.clone(),
                    distances,
                    skipped,
                    tolerance,
                    others: self.others,
                    one_set: self.one_set,
                };
                scratch.across.clear();
                let to = weights.as_deref_mut().map(|weights| {
                    weights.fill(0.0);
                    Coefficients { row: weights, across: &mut scratch.across }
                });
                loss.row(&row, &mut scratch.of_loss, to)
            };
            let sums = attempt(distances, self.anchors.tolerance(anchor, self.others)).or_else(|| {
                let exact = |j: usize| self.anchors.exact(anchor, self.others, skipped + j);
                distances.iter_mut().enumerate().for_each(|(j, distance)| *distance = exact(j));
                attempt(distances, -1.0)
            });
            strip.sums.add(sums.expect("exact distances leave nothing unclear"));
            if let Some(weights) = weights {
                self.to_weights(anchor, distances, &mut weights[skipped..], skipped, &mut strip);
                strip.entries.extend(scratch.across.iter().filter_map(|across| self.entry_across(across)));
            }
        }
        strip
    }

    /// From inner products of centred rows to distances, those of near pairs by subtraction.
    fn to_distances(&self, anchor: usize, skipped: usize, products: &mut [f64]) {
        const GROUP: usize = 64;
        let (half, halves) = (self.anchors.halves[anchor], &self.others.halves[skipped..]);
        for (at, (products, halves)) in products.chunks_mut(GROUP).zip(halves.chunks(GROUP)).enumerate() {
            // A NaN is near, so that it is computed from the rows as they are.
            let mut all_far = true;
            for (product, other) in products.iter_mut().zip(halves) {
                let squared = (half + other) - *product;
                all_far &= squared >= NEAR * (half + other);
                *product = squared;
            }
            let mut near = 0u64;
            if !all_far {
                for (j, (squared, other)) in products.iter().zip(halves).enumerate() {
                    let far = *squared >= NEAR * (half + other);
                    near |= u64::from(!far) << j;
                }
            }
            match self.anchors.metric.distance {
                Distance::Euclidean => products.iter_mut().for_each(|x| *x = (2.0 * *x).sqrt()),
                Distance::SquaredEuclidean => products.iter_mut().for_each(|x| *x *= 2.0),
                Distance::Cosine => {}
            }
            while near != 0 {
                let j = near.trailing_zeros() as usize;
                products[j] = self.anchors.exact(anchor, self.others, skipped + at * GROUP + j);
                near &= near - 1;
            }
        }
    }

    /// From derivatives by distances to the weights of differences between scaled rows, near pairs left out.
    fn to_weights(&self, anchor: usize, distances: &[f64], weights: &mut [f32], skipped: usize, strip: &mut Strip) {
        let (half, unit) = (self.anchors.halves[anchor], self.anchors.unit);
        let distance = self.anchors.metric.distance;
        let (mut sum, mut count) = (0.0, 0);
        for (j, ((weight, &apart), other)) in
            weights.iter_mut().zip(distances).zip(&self.others.halves[skipped..]).enumerate()
        {
            if *weight == 0.0 {
                continue;
            }
            count += 1;
            let (squared, slope) = match distance {
                Distance::Euclidean => (0.5 * apart * apart, unit / apart),
                Distance::SquaredEuclidean => (0.5 * apart, 2.0 * unit),
                Distance::Cosine => (apart, unit),
            };
            // The weight of a pair that is near for others would overflow.
            if squared >= NEAR * (half + other) && apart > 1e-12 * unit {
                *weight = (f64::from(*weight) * slope) as f32;
                sum += f64::from(*weight);
            } else {
                let weight = std::mem::take(weight);
                strip.entries.extend(entry(distance, true, anchor, skipped + j, apart, weight));
            }
        }
        strip.row_weights.push(sum);
        strip.count += count;
    }

    fn entry_across(&self, across: &Across) -> Option<Entry> {
        let distance = self.anchors.metric.distance;
        entry(distance, false, across.i, across.j, across.distance, across.derivative)
    }
}

/// A pair to be computed by subtraction; nothing where its gradient is 0.
fn entry(distance: Distance, from_anchor: bool, i: usize, j: usize, apart: f64, derivative: f32) -> Option<Entry> {
    let slope = match distance {
        // The gradient at distance 0 is 0.
        Distance::Euclidean if apart == 0.0 => return None,
        Distance::Euclidean => 1.0 / apart,
        Distance::SquaredEuclidean => 2.0,
        Distance::Cosine => 1.0,
    };
    Some(Entry::new(from_anchor, i, j, f64::from(derivative) * slope))
}
