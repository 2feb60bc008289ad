//! The nearest negatives beyond some thresholds, by vector instructions.

use crate::pairs::Row;
use crate::simd::{Arithmetic, Kernel, dispatch, padded};
use std::ops::Range;

/// The most thresholds.
pub(super) const MOST: usize = 25;

/// The distances that are looked at side by side.
const LANES: usize = 8;

/// The nearest distances beyond each of at most [`MOST`] thresholds, `∞` without any, and the farthest of all. Nothing
/// where a distance isn't finite, or too near a threshold to tell on which side it is.
pub(super) fn nearest_beyond(row: &Row<'_>, thresholds: &[f64]) -> Option<([f64; MOST], f64)> {
    let (mut nearest, mut farthest) = ([f64::INFINITY; MOST], f64::NEG_INFINITY);
    for range in row.negatives() {
        let (found, last) = dispatch(Beyond { thresholds, distances: row.distances(range), tolerance: row.tolerance })?;
        nearest.iter_mut().zip(found).for_each(|(nearest, found)| *nearest = nearest.min(found));
        farthest = farthest.max(last);
    }
    Some((nearest, farthest))
}

/// The place of a negative by its distance, of equal ones the first row. Nothing where another is too near to tell.
pub(super) fn place_of(row: &Row<'_>, distance: f64) -> Option<usize> {
    let (mut count, mut place) = (0, 0);
    for range in row.negatives() {
        let Range { start, .. } = range;
        let reach = row.tolerance.max(0.0);
        let (found, first) = dispatch(Within { distances: row.distances(range), distance, reach });
        place = if found > 0 { start + first } else { place };
        count += found;
    }
    if count > 1 && row.tolerance >= 0.0 {
        return None;
    }
    if count > 1 {
        let equal = row.negatives().into_iter().flatten().filter(|&place| row.distance(place) == distance);
        return equal.min_by_key(|&place| row.position(place));
    }
    Some(place)
}

struct Beyond<'a> {
    thresholds: &'a [f64],
    distances: &'a [f64],
    tolerance: f64,
}

impl Kernel for Beyond<'_> {
    type Output = Option<([f64; MOST], f64)>;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Self::Output {
        let (mut nearest, mut farthest) = ([[f64::INFINITY; LANES]; MOST], [f64::NEG_INFINITY; LANES]);
        let mut unclear = [0.0; LANES];
        for group in self.distances.chunks(LANES) {
            // What pads a group stands where the first one does.
            let padded: [f64; LANES] = padded(group, group[0]);
            for lane in 0..LANES {
                farthest[lane] = if padded[lane] > farthest[lane] { padded[lane] } else { farthest[lane] };
                unclear[lane] += if padded[lane].is_finite() { 0.0 } else { 1.0 };
            }
            for (&threshold, nearest) in self.thresholds.iter().zip(&mut nearest) {
                for lane in 0..LANES {
                    let distance = padded[lane];
                    unclear[lane] += if (distance - threshold).abs() <= self.tolerance { 1.0 } else { 0.0 };
                    let distance = if distance > threshold { distance } else { f64::INFINITY };
                    nearest[lane] = if distance < nearest[lane] { distance } else { nearest[lane] };
                }
            }
        }
        if unclear.iter().sum::<f64>() > 0.0 {
            return None;
        }
        let mut found = [f64::INFINITY; MOST];
        for (found, lanes) in found.iter_mut().zip(&nearest) {
            *found = lanes.iter().copied().fold(f64::INFINITY, f64::min);
        }
        Some((found, farthest.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
    }
}

/// How many distances are within reach of one, and the first of them.
struct Within<'a> {
    distances: &'a [f64],
    distance: f64,
    reach: f64,
}

impl Kernel for Within<'_> {
    type Output = (usize, usize);

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> (usize, usize) {
        let (mut count, mut first) = (0, 0);
        for (at, group) in self.distances.chunks(8 * LANES).enumerate() {
            let mut within = 0u32;
            for &distance in group {
                within += u32::from((distance - self.distance).abs() <= self.reach);
            }
            if within > 0 && count == 0 {
                let is_within = |&distance: &f64| (distance - self.distance).abs() <= self.reach;
                first = at * 8 * LANES + group.iter().position(is_within).unwrap_or(0);
            }
            count += within as usize;
        }
        (count, first)
    }
}
