//! All quadruplets of a labelled batch, by sorting.

use crate::chunks::Sums;
use crate::options::Reduction;
use crate::pairs::{Across, Coefficients, Labelled, Metric, Points, Row, RowLoss, evaluate};
use crate::triplet::Hinge;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// `max(0, D(a, p) − D(a, n) + margin)` over all triplets, and `max(0, D(a, p) − D(n, o) + pair_margin)` over all pairs of
/// one label and pairs of two other labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quadruplet {
    /// How much farther than the positive the negative should be.
    pub margin: f64,
    /// How much farther apart than a positive pair a pair of two other classes should be.
    pub pair_margin: f64,
    /// The distance D.
    pub metric: Metric,
    /// How the terms become one number, for each of the two sums by itself.
    pub reduction: Reduction,
}

/// What [`quadruplet`] adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quadruplets {
    /// The sum of the two reduced sums.
    pub value: f64,
    /// Over the triplets: an anchor, a positive of it, a negative of it.
    pub triplets: Sums,
    /// Over the quadruplets: a pair of one label, and a pair of two labels of which neither is that one. Each pair counts
    /// once, whichever of its rows comes first.
    pub quadruplets: Sums,
}

/// The positive pairs that are sorted at a time: about 64 MiB.
const MOST: usize = 1 << 20;

/// The reduced loss over all triplets and quadruplets of a batch, with its gradient with respect to the rows.
///
/// Distances, and what is decided by them, are those of [`triplet`](crate::triplet()). With `P` pairs of one label it
/// costs `O(B² log P + B²·width)`; beyond 2²⁰ such pairs the logarithm comes once for each 2²⁰ of them, and so does the
/// product. Memory: that of `triplet`, 4 bytes a value of the batch, and 64 bytes for each of the `P` pairs, 2²⁰ at most.
///
/// # Panics
/// If lengths don't fit.
///
/// ```
/// use losslab_kernels::options::Reduction;
/// use losslab_kernels::{Labelled, Metric, Quadruplet, quadruplet};
///
/// let loss = Quadruplet { margin: 1.0, pair_margin: 0.5, metric: Metric::default(), reduction: Reduction::Sum };
/// let batch = Labelled { rows: &[0.0, 1.0, 3.0, 3.25], labels: &[0, 0, 1, 2], width: 1 };
/// let mut gradient = [0.0; 4];
/// let found = quadruplet(loss, batch, Some(&mut gradient));
/// // The pair (0, 1) is 1 apart, and the one pair of other labels 0.25: 1 − 0.25 + 0.5. All triplets are at no cost.
/// assert_eq!((found.triplets.total, found.quadruplets.total, found.value), (0.0, 1.25, 1.25));
/// assert_eq!((found.triplets.valid, found.quadruplets.valid, found.quadruplets.active), (4, 1, 1));
/// assert!(gradient.iter().zip([-1.0, 1.0, 1.0, -1.0]).all(|(found, expected)| (found - expected).abs() < 1e-6));
/// ```
pub fn quadruplet(loss: Quadruplet, batch: Labelled<'_>, mut gradient: Option<&mut [f32]>) -> Quadruplets {
    let [points] = Points::prepare([batch], loss.metric);
    let triplets = evaluate(&Hinge { margin: loss.margin }, &points, None, [gradient.as_deref_mut(), None]);
    let mut part = gradient.as_ref().map(|gradient| vec![0.0; gradient.len()]);
    let mut sum = gradient.as_ref().map(|gradient| vec![0.0; gradient.len()]);
    let classes = Classes::of(&points);
    let mut quadruplets = Sums::default();
    for pairs in classes.positive_pairs() {
        let pairs = PositivePairs::of(pairs, &points, &classes, loss.pair_margin);
        quadruplets.add(evaluate(&pairs, &points, None, [part.as_deref_mut(), None]));
        if let (Some(sum), Some(part)) = (&mut sum, &part) {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    let [of_triplets, of_quadruplets] = [triplets, quadruplets].map(|sums| sums.scale(loss.reduction));
    if let (Some(gradient), Some(sum)) = (gradient, sum) {
        for (to, by_quadruplets) in gradient.iter_mut().zip(sum) {
            *to = (f64::from(*to) * of_triplets + f64::from(by_quadruplets) * of_quadruplets) as f32;
        }
    }
    let value = triplets.total * of_triplets + quadruplets.total * of_quadruplets;
    Quadruplets { value, triplets, quadruplets }
}

/// No place in a list.
const NONE: usize = usize::MAX;

/// The classes of sorted rows.
struct Classes {
    /// Where the rows of each class start, and the number of rows.
    starts: Vec<usize>,
    /// The class of each row.
    of_rows: Vec<u32>,
}

impl Classes {
    fn of(points: &Points<'_>) -> Self {
        let (mut starts, mut of_rows) = (vec![], Vec::with_capacity(points.len()));
        for class in points.labels().chunk_by(|x, y| x == y) {
            of_rows.extend(std::iter::repeat_n(starts.len() as u32, class.len()));
            starts.push(of_rows.len() - class.len());
        }
        starts.push(of_rows.len());
        Self { starts, of_rows }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The pairs of one class, at most [`MOST`] at a time. None where no pair of two others is left.
    fn positive_pairs(&self) -> impl Iterator<Item = Vec<[u32; 2]>> {
        let classes = if self.len() < 3 { &[][..] } else { &self.starts[..] };
        let mut pairs = classes.windows(2).flat_map(|class| {
            let (start, end) = (class[0] as u32, class[1] as u32);
            (start..end).flat_map(move |i| (i + 1..end).map(move |j| [i, j]))
        });
        std::iter::from_fn(move || {
            let next = pairs.by_ref().take(MOST).collect::<Vec<[u32; 2]>>();
            (!next.is_empty()).then_some(next)
        })
    }
}

/// `max(0, t − D)` over the pairs of one class, with `t = D(a, p) + margin`, and the pairs of two others.
///
/// For one pair of two classes, those pairs are active whose `t` is above its distance: in order of `t`, the last ones. A
/// binary search finds the first, and sums over the tails are known. The pairs of its own two classes are in the sum and
/// don't belong there; the same search in the lists of these classes says what to take away:
///
/// ```text
/// Σ max(0, t − D) = S(D) − S_x(D) − S_y(D)        S(D) = Σ_{t > D} (t − D)
/// ```
struct PositivePairs<'a> {
    classes: &'a Classes,
    /// In order of `t`.
    pairs: Vec<Pair>,
    all: List,
    /// The lists of the classes, one after the other, and where each starts.
    by_class: List,
    starts: Vec<u32>,
}

struct Pair {
    rows: [u32; 2],
    distance: f64,
    /// Its place in the list of its class.
    place: u32,
}

/// Pairs in order of `t`.
#[derive(Default)]
struct List {
    /// A NaN is ∞, which is active with everything.
    thresholds: Vec<f64>,
    /// The sum of `t` from each pair on, to the end of the list.
    tails: Vec<f64>,
    /// For how many pairs of two classes this is the first active one.
    firsts: Vec<AtomicU64>,
}

impl List {
    fn push(&mut self, threshold: f64) {
        self.thresholds.push(if threshold.is_nan() { f64::INFINITY } else { threshold });
        self.tails.push(threshold);
        self.firsts.push(AtomicU64::new(0));
    }

    /// From the `t` of a list to the sums of its tails.
    fn sum_tails(&mut self, range: Range<usize>) {
        let mut so_far = 0.0;
        for tail in self.tails[range].iter_mut().rev() {
            so_far += *tail;
            *tail = so_far;
        }
    }

    /// How many pairs of a list are active at a distance, and the sum of their `t`.
    fn active(&self, range: Range<usize>, distance: f64) -> (usize, f64) {
        let inactive = self.thresholds[range.clone()].partition_point(|&threshold| threshold <= distance);
        let count = range.len() - inactive;
        (count, if count > 0 { self.tails[range.start + inactive] } else { 0.0 })
    }

    /// From the number of times that each pair is the first active one to the number of times that it is active.
    fn times_active(&self, range: Range<usize>) -> impl Iterator<Item = u64> + use<'_> {
        self.firsts[range].iter().scan(0, |so_far, first| {
            *so_far += first.load(Relaxed);
            Some(*so_far)
        })
    }
}

impl<'a> PositivePairs<'a> {
    fn of(pairs: Vec<[u32; 2]>, points: &Points<'_>, classes: &'a Classes, margin: f64) -> Self {
        let with_distance = |rows: [u32; 2]| {
            let [i, j] = rows.map(|row| row as usize);
            Pair { rows, distance: points.exact(i, points, j), place: 0 }
        };
        let mut pairs = pairs.into_par_iter().map(with_distance).collect::<Vec<Pair>>();
        // By class, and in a class by distance.
        let class = |pair: &Pair| classes.of_rows[pair.rows[0] as usize];
        let order = |x: &Pair, y: &Pair| {
            let nan = x.distance.is_nan().cmp(&y.distance.is_nan());
            nan.then(x.distance.total_cmp(&y.distance)).then(x.rows.cmp(&y.rows))
        };
        pairs.par_sort_unstable_by(|x, y| class(x).cmp(&class(y)).then(order(x, y)));
        let (mut all, mut by_class) = (List::default(), List::default());
        for (place, pair) in pairs.iter_mut().enumerate() {
            pair.place = place as u32;
            by_class.push(pair.distance + margin);
        }
        let starts = (0..=classes.len() as u32).map(|c| pairs.partition_point(|pair| class(pair) < c) as u32);
        let starts = starts.collect::<Vec<u32>>();
        for range in starts.windows(2) {
            by_class.sum_tails(range[0] as usize..range[1] as usize);
        }
        pairs.par_sort_unstable_by(order);
        pairs.iter().for_each(|pair| all.push(pair.distance + margin));
        all.sum_tails(0..pairs.len());
        Self { classes, pairs, all, by_class, starts }
    }

    fn list(&self, class: u32) -> Range<usize> {
        self.starts[class as usize] as usize..self.starts[class as usize + 1] as usize
    }
}

impl RowLoss for PositivePairs<'_> {
    /// The first active pair of all, and of either class.
    type Scratch = Vec<[usize; 3]>;
    const HALF: bool = true;

    fn row(&self, row: &Row<'_>, found: &mut Vec<[usize; 3]>, to: Option<Coefficients<'_>>) -> Option<Sums> {
        found.clear();
        let mut weights = to.map(|to| to.row);
        let count = self.pairs.len();
        let own = self.list(self.classes.of_rows[row.anchor]);
        let farthest = self.all.thresholds[count - 1];
        let mut sums = Sums::default();
        for j in row.same.end..row.others() {
            let other = self.list(self.classes.of_rows[j]);
            let valid = count - own.len() - other.len();
            sums.valid += valid as u64;
            let distance = row.distance(j);
            if valid == 0 || distance > farthest + row.tolerance.max(0.0) {
                continue;
            }
            // A NaN is active with all.
            let near = if distance.is_nan() { f64::NEG_INFINITY } else { distance };
            let (active, tail) = self.all.active(0..count, near);
            // The first active one and the one before it are the nearest to the kink, of those of the two classes too.
            let at_kink = |place: usize| row.unclear(self.all.thresholds[place] - near);
            if active < count && at_kink(count - active - 1) || active > 0 && at_kink(count - active) {
                return None;
            }
            let [of_own, of_other] = [&own, &other].map(|list| self.by_class.active(list.clone(), near));
            let remaining = active - of_own.0 - of_other.0;
            if remaining == 0 {
                continue;
            }
            sums.active += remaining as u64;
            sums.total += tail - of_own.1 - of_other.1 - remaining as f64 * distance;
            if let Some(weights) = &mut weights {
                weights[j] = -(remaining as f32);
                // Without an active pair, a list has no first one.
                let first = |list: &Range<usize>, active: usize| if active > 0 { list.end - active } else { NONE };
                found.push([count - active, first(&own, of_own.0), first(&other, of_other.0)]);
            }
        }
        // Counted only here: an unclear row comes a second time.
        for &[first, of_own, of_other] in &*found {
            self.all.firsts[first].fetch_add(1, Relaxed);
            for place in [of_own, of_other].into_iter().filter(|&place| place != NONE) {
                self.by_class.firsts[place].fetch_add(1, Relaxed);
            }
        }
        sums.weight = sums.valid as f64;
        Some(sums)
    }

    fn pairs_after_all(&self) -> Vec<Across> {
        let mut of_class = vec![0; self.pairs.len()];
        for range in self.starts.windows(2) {
            let range = range[0] as usize..range[1] as usize;
            of_class[range.clone()]
                .iter_mut()
                .zip(self.by_class.times_active(range))
                .for_each(|(to, times)| *to = times);
        }
        let across = |(pair, times): (&Pair, u64)| {
            let [i, j] = pair.rows.map(|row| row as usize);
            let derivative = (times - of_class[pair.place as usize]) as f32;
            Across { i, j, distance: pair.distance, derivative }
        };
        let all = self.pairs.iter().zip(self.all.times_active(0..self.pairs.len())).map(across);
        all.filter(|across| across.derivative != 0.0).collect()
    }
}
