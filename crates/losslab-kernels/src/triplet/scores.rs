//! Mined triplets by f32 scores: products in f32 say which few rows can be meant, and f64 distances which one is.
//!
//! The score of a row `y` for an anchor `x` is `½‖y‖² − x·y`, which orders the rows by their distance. It is known up to a
//! bound on its rounding error, so what lies beyond that bound can't be the nearest one.

use super::FEW_POSITIVES;
use super::mined::{Mined, Rule};
use crate::chunks::Sums;
use crate::matrix::{View, multiply};
use crate::options::{Distance, SemiHardFallback};
use crate::pairs::{Pairs, Points, evaluate_pairs};
use crate::simd::{Arithmetic, Kernel, dispatch};
use std::ops::Range;

/// The scores of a strip of anchors: 4 MiB.
const SCORES: usize = 1 << 20;

/// The most anchors in a strip, and the least.
const STRIP: usize = 128;
const THIN_STRIP: usize = 16;

/// The scores that are looked at side by side.
const LANES: usize = 16;

/// A threshold below all distances, and one for each positive.
const MOST: usize = FEW_POSITIVES + 1;

/// How much longer than the mean, squared, a row may be: the bound on errors is that of the longest row.
const LONGEST: f64 = 64.0;

/// Whether scores help: rows are finite and of similar lengths, and there are few positives to compare with.
pub(super) fn are_scored(rule: Rule, anchors: &Points<'_>, others: Option<&Points<'_>>) -> bool {
    let others = others.unwrap_or(anchors);
    let few = || others.labels.chunk_by(|a, b| a == b).all(|same| same.len() <= FEW_POSITIVES);
    let even = |points: &Points<'_>| {
        let sum: f64 = points.halves.iter().sum();
        // Not for a NaN.
        points.longest * points.len() as f64 <= LONGEST * sum && points.wide.iter().all(|x| x.is_finite())
    };
    (matches!(rule, Rule::Hard) || few()) && even(anchors) && even(others)
}

/// The sum over mined triplets, with its gradients.
pub(super) fn mine(
    mined: &Mined,
    anchors: &Points<'_>,
    others: Option<&Points<'_>>,
    gradients: [Option<&mut [f32]>; 2],
) -> Sums {
    let one_set = others.is_none();
    let rows = others.unwrap_or(anchors);
    let scale = 1.0 / (anchors.unit * anchors.unit);
    let halves = rows.halves.iter().map(|half| (half * scale) as f32).collect();
    let miner = Miner { mined, anchors, others: rows, one_set, scale, halves };
    let spread = anchors.len().div_ceil(16).next_multiple_of(THIN_STRIP);
    let strip =
        (SCORES / rows.len().max(1) / THIN_STRIP * THIN_STRIP).clamp(THIN_STRIP, STRIP).min(spread.max(THIN_STRIP));
    evaluate_pairs(anchors, others, gradients, strip, |lines, scratch, to| miner.strip(lines, scratch, to))
}

struct Miner<'a> {
    mined: &'a Mined,
    anchors: &'a Points<'a>,
    others: &'a Points<'a>,
    one_set: bool,
    /// From distances to scores, where squared.
    scale: f64,
    /// `½‖y‖²` of the others, scaled.
    halves: Vec<f32>,
}

/// The scores of a strip, and the places of the rows that may be meant.
type Scratch = (Vec<f32>, Vec<usize>);

/// A row that may be chosen, with its distance.
#[derive(Clone, Copy)]
struct Candidate {
    distance: f64,
    place: usize,
}

/// The scores of one anchor.
struct Row<'s> {
    anchor: usize,
    same: Range<usize>,
    scores: &'s mut [f32],
    /// How far a score can be off.
    bound: f32,
}

impl Miner<'_> {
    fn strip(&self, lines: Range<usize>, (scores, found): &mut Scratch, to: &mut Pairs) {
        let (width, m) = (self.anchors.width, self.others.len());
        scores.resize(lines.len() * m, 0.0);
        let left = View::of(&self.anchors.narrow[lines.start * width..lines.end * width], width);
        multiply(scores, m, false, 1.0, left, View::of(&self.others.narrow, width).transposed());
        for (anchor, scores) in lines.zip(scores.chunks_mut(m.max(1))) {
            let halves = self.anchors.halves[anchor] + self.others.longest;
            // A product of `d` terms, the rounding of what it is made from, and a few roundings more.
            let bound = (width + 20) as f64 * f64::from(f32::EPSILON) * halves * self.scale;
            let same = self.others.with_label(self.anchors.labels[anchor]);
            self.choose(Row { anchor, same, scores, bound: bound as f32 }, found, to);
        }
    }

    fn choose(&self, mut row: Row<'_>, found: &mut Vec<usize>, to: &mut Pairs) {
        let own = |place: &usize| self.one_set && *place == row.anchor;
        let positives = row.same.len() - usize::from(self.one_set);
        if positives == 0 || row.same.len() == self.others.len() {
            return;
        }
        match self.mined.rule {
            Rule::Hard => {
                let positives = row.same.clone().filter(|place| !own(place)).map(|place| self.candidate(&row, place));
                let farthest = positives.reduce(|best, new| if self.is_farther(new, best) { new } else { best });
                let nearest = self.nearest(&mut row, &[], found).nearest[0];
                let (positive, negative) = (farthest.expect("a positive"), nearest.expect("a negative"));
                self.add(row.anchor, positive, negative, to);
            }
            Rule::SemiHard(fallback) => {
                let mut of_label = [Candidate { distance: 0.0, place: 0 }; FEW_POSITIVES];
                for (to, place) in of_label.iter_mut().zip(row.same.clone().filter(|place| !own(place))) {
                    *to = self.candidate(&row, place);
                }
                let positives = &of_label[..positives];
                let beyond = self.nearest(&mut row, positives, found);
                for (at, &positive) in positives.iter().enumerate() {
                    let negative = beyond.nearest[at + 1].or_else(|| match fallback {
                        SemiHardFallback::Farthest => Some(self.farthest(&row, beyond.last)),
                        SemiHardFallback::Nearest => beyond.nearest[0],
                        SemiHardFallback::Skip => None,
                    });
                    if let Some(negative) = negative {
                        self.add(row.anchor, positive, negative, to);
                    }
                }
            }
        }
    }

    fn candidate(&self, row: &Row<'_>, place: usize) -> Candidate {
        Candidate { distance: self.anchors.exact(row.anchor, self.others, place), place }
    }

    /// Of equal distances the row that was given first.
    fn is_nearer(&self, new: Candidate, best: Candidate) -> bool {
        let position = |candidate: Candidate| self.others.order[candidate.place];
        new.distance < best.distance || new.distance == best.distance && position(new) < position(best)
    }

    fn is_farther(&self, new: Candidate, best: Candidate) -> bool {
        let position = |candidate: Candidate| self.others.order[candidate.place];
        new.distance > best.distance || new.distance == best.distance && position(new) < position(best)
    }

    /// The nearest of all negatives, and of those that are farther than each positive.
    fn nearest(&self, row: &mut Row<'_>, positives: &[Candidate], found: &mut Vec<usize>) -> Nearest {
        let count = positives.len() + 1;
        let half = self.anchors.halves[row.anchor];
        // From which score on a row may be farther than a positive, and from which it is.
        let mut bounds = [[f32::NEG_INFINITY; MOST]; 2];
        for (at, positive) in positives.iter().enumerate() {
            let squared = match self.anchors.metric.distance {
                Distance::Euclidean => 0.5 * positive.distance * positive.distance,
                Distance::SquaredEuclidean => 0.5 * positive.distance,
                Distance::Cosine => positive.distance,
            };
            let score = ((squared - half) * self.scale) as f32;
            bounds[0][at + 1] = score - 2.0 * row.bound;
            bounds[1][at + 1] = score + 2.0 * row.bound;
        }
        let [low, high] = bounds;
        let (mut least, mut last) = ([f32::INFINITY; MOST], f32::NEG_INFINITY);
        let negatives = [0..row.same.start, row.same.end..self.others.len()];
        for range in negatives.clone() {
            let (scores, halves) = (&mut row.scores[range.clone()], &self.halves[range]);
            let beyond = dispatch(Beyond { scores, halves, high: &high[..count] });
            least.iter_mut().zip(beyond.0).for_each(|(least, found)| *least = least.min(found));
            last = last.max(beyond.1);
        }
        let most = least.map(|least| least + 2.0 * row.bound);
        found.clear();
        for Range { start, end } in negatives {
            let (low, high) = (&low[..count], &most[..count]);
            dispatch(Within { scores: &row.scores[start..end], low, high, first: start, found });
        }
        let mut nearest = [None; MOST];
        for &place in found.iter() {
            let (new, score) = (self.candidate(row, place), row.scores[place]);
            for k in (0..count).filter(|&k| score > low[k] && score <= most[k]) {
                let farther = k == 0 || new.distance > positives[k - 1].distance;
                if farther && nearest[k].is_none_or(|best| self.is_nearer(new, best)) {
                    nearest[k] = Some(new);
                }
            }
        }
        Nearest { nearest, last }
    }

    /// The farthest negative, where its score is `last`.
    fn farthest(&self, row: &Row<'_>, last: f32) -> Candidate {
        let negatives = (0..row.same.start).chain(row.same.end..self.others.len());
        let found = negatives
            .filter(|&place| row.scores[place] >= last - 2.0 * row.bound)
            .map(|place| self.candidate(row, place))
            .reduce(|best, new| if self.is_farther(new, best) { new } else { best });
        found.expect("the one with the score")
    }

    fn add(&self, anchor: usize, positive: Candidate, negative: Candidate, to: &mut Pairs) {
        let mut far = negative.distance;
        let swapped = self.mined.swap && {
            let across = self.others.exact(positive.place, self.others, negative.place);
            let swapped = across < far;
            far = if swapped { across } else { far };
            swapped
        };
        let (term, slope) = self.mined.penalty.of(positive.distance - far + self.mined.penalty.margin);
        to.add_term(term);
        to.add_derivative(anchor, positive.place, positive.distance, slope);
        if swapped {
            to.add_derivative_across(positive.place, negative.place, far, -slope);
        } else {
            to.add_derivative(anchor, negative.place, far, -slope);
        }
    }
}

struct Nearest {
    /// Beyond no threshold, and beyond each positive.
    nearest: [Option<Candidate>; MOST],
    /// The largest score of all.
    last: f32,
}

/// Turns inner products into scores. Finds the least score above each of some, and the largest of all.
struct Beyond<'a> {
    scores: &'a mut [f32],
    halves: &'a [f32],
    high: &'a [f32],
}

impl Kernel for Beyond<'_> {
    type Output = ([f32; MOST], f32);

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Self::Output {
        let mut last = [f32::NEG_INFINITY; LANES];
        let (groups, rest) = self.scores.as_chunks_mut::<LANES>();
        let (halves, rest_halves) = self.halves.as_chunks::<LANES>();
        for (group, halves) in groups.iter_mut().zip(halves) {
            for lane in 0..LANES {
                group[lane] = halves[lane] - group[lane];
                last[lane] = if group[lane] > last[lane] { group[lane] } else { last[lane] };
            }
        }
        let mut last = last.into_iter().fold(f32::NEG_INFINITY, f32::max);
        for (score, half) in rest.iter_mut().zip(rest_halves) {
            *score = half - *score;
            last = last.max(*score);
        }
        let mut least = [f32::INFINITY; MOST];
        for (to, &high) in least.iter_mut().zip(self.high) {
            let mut lanes = [f32::INFINITY; LANES];
            for group in &*groups {
                for lane in 0..LANES {
                    let score = if group[lane] > high { group[lane] } else { f32::INFINITY };
                    lanes[lane] = if score < lanes[lane] { score } else { lanes[lane] };
                }
            }
            let above = rest.iter().copied().filter(|&score| score > high);
            *to = lanes.into_iter().chain(above).fold(f32::INFINITY, f32::min);
        }
        (least, last)
    }
}

/// Finds the scores above one bound and not above the other, of any pair of bounds.
struct Within<'a> {
    scores: &'a [f32],
    low: &'a [f32],
    high: &'a [f32],
    /// The place of the first score.
    first: usize,
    found: &'a mut Vec<usize>,
}

impl Kernel for Within<'_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self { scores, low, high, first, found } = self;
        let (groups, rest) = scores.as_chunks::<LANES>();
        for (at, group) in groups.iter().enumerate() {
            let mut within = [0; LANES];
            for (&low, &high) in low.iter().zip(high) {
                for lane in 0..LANES {
                    within[lane] |= i32::from(group[lane] > low) & i32::from(group[lane] <= high);
                }
            }
            if within.iter().fold(0, |any, within| any | within) != 0 {
                let lanes = (0..LANES).filter(|&lane| within[lane] != 0);
                found.extend(lanes.map(|lane| first + at * LANES + lane));
            }
        }
        let within = |score: f32| low.iter().zip(high).any(|(&low, &high)| score > low && score <= high);
        let places = (first + groups.len() * LANES..).zip(rest);
        found.extend(places.filter(|(_, score)| within(**score)).map(|(place, _)| place));
    }
}
