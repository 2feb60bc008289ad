//! Mined triplets: batch-hard and semi-hard.

use super::Penalty;
use super::nearest::{MOST, nearest_beyond, place_of};
use crate::chunks::Sums;
use crate::options::SemiHardFallback;
use crate::pairs::{Across, Coefficients, Row, RowLoss};

pub(super) struct Mined {
    pub penalty: Penalty,
    pub swap: bool,
    pub rule: Rule,
}

#[derive(Clone, Copy)]
pub(super) enum Rule {
    Hard,
    SemiHard(SemiHardFallback),
}

/// One of the other rows with its distance from the anchor.
#[derive(Clone, Copy)]
struct Candidate {
    distance: f64,
    place: usize,
    position: u32,
}

#[derive(Default)]
pub(super) struct Chosen {
    /// Nearest first.
    positives: Vec<Candidate>,
    /// `nearest[r]` is the nearest of the negatives that are farther than `r` positives, and no more.
    nearest: Vec<Option<Candidate>>,
    /// Positives and negatives.
    pairs: Vec<(Candidate, Candidate)>,
}

/// Two distances are too close together to tell which is larger.
struct Unclear;

impl RowLoss for Mined {
    type Scratch = Chosen;
    const HALF: bool = false;

    fn row(&self, row: &Row<'_>, chosen: &mut Chosen, to: Option<Coefficients<'_>>) -> Option<Sums> {
        chosen.pairs.clear();
        let found = match self.rule {
            Rule::Hard => chosen.hard(row),
            Rule::SemiHard(fallback) => chosen.semi_hard(row, fallback),
        };
        found.ok()?;
        self.sum(row, &chosen.pairs, to)
    }
}

impl Mined {
    fn sum(&self, row: &Row<'_>, pairs: &[(Candidate, Candidate)], mut to: Option<Coefficients<'_>>) -> Option<Sums> {
        let mut sums = Sums::default();
        for (positive, negative) in pairs {
            let (near, mut far) = (positive.distance, negative.distance);
            let mut swapped = false;
            if self.swap {
                let across = row.between(positive.place, negative.place);
                if row.unclear(across - far) {
                    return None;
                }
                // A NaN in either must come out.
                swapped = !(across >= far || far.is_nan());
                far = if swapped { across } else { far };
            }
            let violation = near - far + self.penalty.margin;
            if !self.penalty.soft && row.unclear(violation) {
                return None;
            }
            let (term, slope) = self.penalty.of(violation);
            sums.add(Sums::of(term, 1.0));
            let Some(to) = &mut to else { continue };
            to.row[positive.place] += slope as f32;
            if swapped {
                let (i, j) = (positive.place, negative.place);
                to.across.push(Across { i, j, distance: far, derivative: -slope as f32 });
            } else {
                to.row[negative.place] -= slope as f32;
            }
        }
        Some(sums)
    }
}

impl Chosen {
    fn hard(&mut self, row: &Row<'_>) -> Result<(), Unclear> {
        let mut farthest = None;
        for positive in row.positives().map(|place| candidate(row, place)) {
            keep_first(row, &mut farthest, positive, |new, best| new.distance > best.distance)?;
        }
        if farthest.is_none() {
            return Ok(());
        }
        let nearest = match nearest_beyond(row, &[f64::NEG_INFINITY]) {
            Some((nearest, _)) => at_distance(row, nearest[0])?,
            None => {
                let mut nearest = None;
                for negative in row.negatives().into_iter().flatten().map(|place| candidate(row, place)) {
                    keep_first(row, &mut nearest, negative, |new, best| new.distance < best.distance)?;
                }
                nearest
            }
        };
        self.pairs.extend(farthest.zip(nearest));
        Ok(())
    }

    fn semi_hard(&mut self, row: &Row<'_>, fallback: SemiHardFallback) -> Result<(), Unclear> {
        self.positives.clear();
        self.positives.extend(row.positives().map(|place| candidate(row, place)));
        // A NaN of either sign last: it has no negative that is known to be farther.
        self.positives.sort_unstable_by(|a, b| {
            let nan = a.distance.is_nan().cmp(&b.distance.is_nan());
            nan.then(a.distance.total_cmp(&b.distance)).then(a.place.cmp(&b.place))
        });
        if self.positives.is_empty() {
            return Ok(());
        }
        let (mut farthest, mut nan) = (None, None);
        if !self.compare(row, fallback, &mut farthest)? {
            self.search(row, &mut farthest, &mut nan)?;
        }
        let positives = &self.positives;
        for (at, &positive) in positives.iter().enumerate() {
            let farther = match positive.distance.is_nan() {
                true => self.nearest[0],
                false => self.nearest[at + 1],
            };
            let fallback = match fallback {
                SemiHardFallback::Farthest => farthest,
                SemiHardFallback::Nearest => self.nearest[0],
                SemiHardFallback::Skip => None,
            };
            // A NaN goes before all, so that the loss shows it.
            self.pairs.extend(nan.or(farther).or(fallback).map(|negative| (positive, negative)));
        }
        Ok(())
    }

    /// Compares each negative with each positive, where there are few of them; returns whether that was possible.
    fn compare(
        &mut self,
        row: &Row<'_>,
        fallback: SemiHardFallback,
        farthest: &mut Option<Candidate>,
    ) -> Result<bool, Unclear> {
        let count = self.positives.len();
        if count >= MOST || self.positives[count - 1].distance.is_nan() {
            return Ok(false);
        }
        let mut thresholds = [f64::NEG_INFINITY; MOST];
        thresholds[1..].iter_mut().zip(&self.positives).for_each(|(to, positive)| *to = positive.distance);
        let Some((nearest, last)) = nearest_beyond(row, &thresholds[..=count]) else {
            return Ok(false);
        };
        self.nearest.clear();
        for (at, &distance) in nearest[..=count].iter().enumerate() {
            let found = match self.nearest.last() {
                // The nearest of all is wanted only as a fallback.
                None if fallback != SemiHardFallback::Nearest => None,
                Some(_) if nearest[at - 1] == distance && at > 1 => self.nearest[at - 1],
                _ => at_distance(row, distance)?,
            };
            self.nearest.push(found);
        }
        if fallback == SemiHardFallback::Farthest && self.nearest[count].is_none() {
            *farthest = at_distance(row, last)?;
        }
        Ok(true)
    }

    /// Each negative is placed among the sorted positives: it is farther than those before it. The nearest in each place
    /// are known then, and from the last place on, the nearest of those that are farther than a positive.
    fn search(
        &mut self,
        row: &Row<'_>,
        farthest: &mut Option<Candidate>,
        nan: &mut Option<Candidate>,
    ) -> Result<(), Unclear> {
        let positives = &self.positives;
        let comparable = positives.partition_point(|positive| !positive.distance.is_nan());
        self.nearest.clear();
        self.nearest.resize(comparable + 1, None);
        for negative in row.negatives().into_iter().flatten().map(|place| candidate(row, place)) {
            if negative.distance.is_nan() {
                keep_first(row, nan, negative, |_, _| false)?;
                continue;
            }
            let beyond = positives[..comparable].partition_point(|positive| positive.distance < negative.distance);
            let neighbours = &positives[beyond.saturating_sub(1)..(beyond + 1).min(comparable)];
            if neighbours.iter().any(|positive| row.unclear(positive.distance - negative.distance)) {
                return Err(Unclear);
            }
            keep_first(row, &mut self.nearest[beyond], negative, |new, best| new.distance < best.distance)?;
            keep_first(row, farthest, negative, |new, best| new.distance > best.distance)?;
        }
        for beyond in (0..comparable).rev() {
            self.nearest[beyond] = self.nearest[beyond].or(self.nearest[beyond + 1]);
        }
        Ok(())
    }
}

/// The negative at a distance, or nothing at ∞, where there is none.
fn at_distance(row: &Row<'_>, distance: f64) -> Result<Option<Candidate>, Unclear> {
    if distance.is_infinite() {
        return Ok(None);
    }
    Ok(Some(candidate(row, place_of(row, distance).ok_or(Unclear)?)))
}

fn candidate(row: &Row<'_>, place: usize) -> Candidate {
    Candidate { distance: row.distance(place), place, position: row.position(place) }
}

/// Keeps the better of two candidates: a NaN before all, of equal distances the first row.
#[inline]
fn keep_first(
    row: &Row<'_>,
    best: &mut Option<Candidate>,
    new: Candidate,
    better: impl Fn(Candidate, Candidate) -> bool,
) -> Result<(), Unclear> {
    let Some(old) = *best else {
        *best = Some(new);
        return Ok(());
    };
    if row.unclear(new.distance - old.distance) {
        return Err(Unclear);
    }
    let first = match (new.distance.is_nan(), old.distance.is_nan()) {
        (false, false) => better(new, old) || new.distance == old.distance && new.position < old.position,
        (true, true) => new.position < old.position,
        (nan, _) => nan,
    };
    if first {
        *best = Some(new);
    }
    Ok(())
}
