//! The hinge over all pairs of a list, by sorting.

use super::by_score;

/// `Σ max(0, m − (s_i − s_j))` over all pairs of which `i` is the more relevant one, in `O(n log n)`.
///
/// From the highest score down, the items that are active with `i` are those above `s_i − m`: they only become more. A
/// tree over the grades knows how many of them are less relevant, and the sum of their scores:
///
/// ```text
/// Σ_j max(0, m − s_i + s_j) = active·(m − s_i) + Σ_{j active} s_j
/// ∂/∂s_i = −active          ∂/∂s_j = the number of more relevant items with which j is active
/// ```
pub(super) fn hinge(margin: f64, scores: &[f64], relevance: &[f64], gradient: Option<&mut [f64]>) -> f64 {
    let order = by_score(scores);
    let (grades, count) = grades(relevance);
    // Scores from the highest on: sums of them keep their digits where all are large.
    let highest = order.first().map_or(0.0, |&item| scores[item]);
    let is_active = |upper: usize, lower: usize| scores[upper] - scores[lower] < margin;

    let mut gradient = gradient;
    let mut total = 0.0;
    let mut lower = Tree::new(count);
    let mut rest = order.iter().peekable();
    for &item in &order {
        while let Some(&other) = rest.next_if(|&&other| is_active(item, other)) {
            lower.add(grades[other], scores[other] - highest);
        }
        let (active, sum) = lower.before(grades[item]);
        let cost = active * (margin - (scores[item] - highest)) + sum;
        // Rounding leaves no negative cost; a NaN stays.
        total += if cost < 0.0 { 0.0 } else { cost };
        if let Some(gradient) = gradient.as_deref_mut() {
            gradient[item] -= active;
        }
    }
    let Some(gradient) = gradient else { return total };
    let from_above = |item: usize| count - 1 - grades[item];
    let mut upper = Tree::new(count);
    let mut rest = order.iter().rev().peekable();
    for &item in order.iter().rev() {
        while let Some(&other) = rest.next_if(|&&other| is_active(other, item)) {
            upper.add(from_above(other), 0.0);
        }
        gradient[item] += upper.before(from_above(item)).0;
    }
    total
}

/// The place of each relevance among the distinct ones, from the lowest, and how many there are.
fn grades(relevance: &[f64]) -> (Vec<usize>, usize) {
    let mut distinct = relevance.to_vec();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    let place = |grade: &f64| distinct.partition_point(|other| other < grade);
    (relevance.iter().map(place).collect(), distinct.len())
}

/// Counts and sums by place, of which the first ones are added up in logarithmic time (Fenwick 1994).
struct Tree(Vec<(f64, f64)>);

impl Tree {
    fn new(places: usize) -> Self {
        Self(vec![(0.0, 0.0); places + 1])
    }

    fn add(&mut self, place: usize, value: f64) {
        let mut node = place + 1;
        while let Some((count, sum)) = self.0.get_mut(node) {
            *count += 1.0;
            *sum += value;
            node += node & node.wrapping_neg();
        }
    }

    /// The count and the sum of what is before a place.
    fn before(&self, place: usize) -> (f64, f64) {
        let (mut node, mut found) = (place, (0.0, 0.0));
        while node > 0 {
            found = (found.0 + self.0[node].0, found.1 + self.0[node].1);
            node &= node - 1;
        }
        found
    }
}
