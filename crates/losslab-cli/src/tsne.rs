//! Embeddings as points in a plane, by t-SNE (van der Maaten and Hinton 2008; Barnes-Hut: van der Maaten 2014).

use crate::random;
use bhtsne::{Neighbor, tSNE};
use rand_distr::{Distribution, Normal};

/// Neighbours that a point counts as its own, about: the usual choice.
const PERPLEXITY: f32 = 30.0;
const EPOCHS: usize = 750;
/// How far a group of points must be, by its size, to count as one point.
const THETA: f32 = 0.5;

/// A point for each row of `rows`, which are `columns` wide. Neighbours stay neighbours; distances between clusters and
/// sizes of clusters mean nothing. The same rows and seed give the same points, bit for bit.
///
/// Fewer than four rows have no neighbourhoods to keep: they stay where chance puts them.
///
/// # Panics
/// If the rows are not whole or hold anything but finite numbers.
pub fn project(rows: &[f32], columns: usize, seed: u64) -> Vec<[f64; 2]> {
    assert!(columns > 0 && rows.len().is_multiple_of(columns), "{} values are no rows of {columns}", rows.len());
    assert!(rows.iter().all(|value| value.is_finite()), "t-SNE needs finite embeddings");

    let rows: Vec<&[f32]> = rows.chunks_exact(columns).collect();
    let normal = Normal::new(0.0_f32, 1e-4).expect("a valid spread");
    let start: Vec<f32> = normal.sample_iter(random::stream(seed, "t-SNE")).take(2 * rows.len()).collect();
    let flat = if rows.len() < 4 { start } else { fitted(&rows, start) };
    flat.chunks_exact(2).map(|point| [f64::from(point[0]), f64::from(point[1])]).collect()
}

fn fitted(rows: &[&[f32]], start: Vec<f32>) -> Vec<f32> {
    let perplexity = PERPLEXITY.min((rows.len() - 1) as f32 / 3.0);
    // On one thread sums have one order.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started");
    pool.install(|| {
        tSNE::<f32, &[f32], 2>::new(rows)
            .perplexity(perplexity)
            .epochs(EPOCHS)
            .initial_embedding(start)
            .barnes_hut_with_neighbors(THETA, &neighbours(rows, (3.0 * perplexity) as usize))
            .embedding()
    })
}

/// The nearest rows of each row. The crate's own search draws random numbers that no seed reaches.
fn neighbours(rows: &[&[f32]], count: usize) -> Vec<Vec<Neighbor<f32>>> {
    let of = |index: usize| {
        let distance = |other: &[f32]| rows[index].iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        let others = rows.iter().enumerate().filter(|(other, _)| *other != index);
        let mut all: Vec<Neighbor<f32>> =
            others.map(|(index, row)| Neighbor { index, distance: distance(row) }).collect();
        let order =
            |a: &Neighbor<f32>, b: &Neighbor<f32>| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index));
        all.select_nth_unstable_by(count - 1, order);
        all.truncate(count);
        all.sort_unstable_by(order);
        all
    };
    (0..rows.len()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three far groups of 40 rows in 8 dimensions.
    fn groups() -> Vec<f32> {
        let noise = Normal::new(0.0, 1.0).unwrap().sample_iter(random::stream(7, "rows"));
        (0..120 * 8)
            .zip(noise)
            .map(|(at, noise): (usize, f32)| noise + if at / 8 / 40 == at % 8 { 20.0 } else { 0.0 })
            .collect()
    }

    #[test]
    fn neighbours_stay_together() {
        let points = project(&groups(), 8, 1);
        let squared =
            |a: usize, b: usize| (points[a][0] - points[b][0]).powi(2) + (points[a][1] - points[b][1]).powi(2);
        for row in 0..120 {
            let others = (0..120).filter(|other| *other != row);
            let nearest = others.min_by(|a, b| squared(row, *a).total_cmp(&squared(row, *b))).unwrap();
            assert_eq!(nearest / 40, row / 40, "row {row}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_on_any_thread() {
        let rows = groups();
        let first = project(&rows, 8, 1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(first, pool.install(|| project(&rows, 8, 1)));
        assert_ne!(first, project(&rows, 8, 2));
    }

    #[test]
    fn few_or_equal_rows_are_no_failure() {
        assert!(project(&[], 3, 1).is_empty());
        assert_eq!(project(&[1.0, 2.0, 3.0], 1, 1).len(), 3);
        let equal = project(&[0.5; 400], 4, 1);
        assert!(equal.len() == 100 && equal.iter().flatten().all(|place| place.is_finite()));
    }
}
