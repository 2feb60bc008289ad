//! In which order tiles are visited, so that each block of rows and of columns has one user at a time.
//!
//! In wave `t`, the block of rows `i` meets the block of columns `i + t`. What is summed for a block comes in the order of
//! the waves, whatever the threads. Of a mirrored matrix half of the waves are enough: each pair of blocks meets once.

use rayon::prelude::*;
use std::ops::Range;

/// The lines of a block are a whole number of so many, but for the last block.
pub(crate) const LANES: usize = 16;

/// The blocks of some lines, no longer than `longest`: at least eight where that leaves tiles worth a matrix product.
pub(crate) fn blocks(lines: usize, longest: usize) -> Vec<Range<usize>> {
    blocks_in_parts(lines, longest, 16)
}

/// As [`blocks`], of about so many parts.
pub(crate) fn blocks_in_parts(lines: usize, longest: usize, parts: usize) -> Vec<Range<usize>> {
    let side = lines.div_ceil(parts).next_multiple_of(LANES).clamp(64, longest);
    (0..lines).step_by(side).map(|start| start..(start + side).min(lines)).collect()
}

/// The waves over a number of blocks of rows and of columns.
#[derive(Clone, Copy)]
pub(crate) struct Waves {
    rows: usize,
    columns: usize,
    mirrored: bool,
}

impl Waves {
    pub fn new(rows: usize, columns: usize, mirrored: bool) -> Self {
        Self { rows, columns, mirrored }
    }

    fn count(self) -> usize {
        match self.rows.min(self.columns) {
            0 => 0,
            blocks if self.mirrored => blocks / 2 + 1,
            _ => self.rows.max(self.columns),
        }
    }

    /// The number of tiles of a wave.
    fn tiles(self, wave: usize) -> usize {
        // Half way round, each pair of a mirrored matrix would meet from both sides.
        if self.mirrored && 2 * wave == self.rows { wave } else { self.rows.min(self.columns) }
    }

    /// How many tiles can be kept in some memory: those of whole waves, from the first one.
    pub fn tiles_within(self, most: usize) -> usize {
        (0..self.count())
            .map(|wave| self.tiles(wave))
            .scan(0, |sum, tiles| {
                *sum += tiles;
                Some(*sum)
            })
            .take_while(|&sum| sum <= most)
            .last()
            .unwrap_or(0)
    }

    /// Visits all tiles. `kept` holds the first of them, `size` values each; the others get nothing.
    pub fn visit<R: Send, C: Send>(
        self,
        rows: &mut [R],
        columns: &mut [C],
        kept: &mut [f32],
        size: usize,
        visit: impl Fn(&mut R, &mut C, Option<&mut [f32]>) + Sync,
    ) {
        assert_eq!((rows.len(), columns.len()), (self.rows, self.columns));
        let mut kept = kept.chunks_exact_mut(size);
        for wave in 0..self.count() {
            let tiles = self.tiles(wave);
            let places: Vec<Option<&mut [f32]>> = (0..tiles).map(|_| kept.next()).collect();
            let pairs = rows.par_iter_mut().zip(columns.par_iter_mut()).zip(places);
            pairs.with_max_len(1).for_each(|((row, column), place)| visit(row, column, place));
            // The shorter side stays, and meets the longer one a block further on.
            if self.rows > self.columns { rows.rotate_left(1) } else { columns.rotate_left(1) }
        }
        if self.mirrored && self.rows > 0 {
            columns.rotate_right(self.count() % self.rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_is_visited_once() {
        for (rows, columns, mirrored) in
            [(1, 1, false), (3, 3, false), (2, 5, false), (5, 2, false), (0, 3, false), (1, 1, true), (2, 2, true)]
                .into_iter()
                .chain([(3, 3, true), (6, 6, true), (7, 7, true), (0, 0, true)])
        {
            let mut met = (0..rows).map(|i| (i, vec![])).collect::<Vec<(usize, Vec<usize>)>>();
            let mut numbers = (0..columns).collect::<Vec<usize>>();
            let waves = Waves::new(rows, columns, mirrored);
            let mut kept = vec![0.0; 2 * waves.tiles_within(4)];
            waves.visit(&mut met, &mut numbers, &mut kept, 2, |row, column, place| {
                row.1.push(*column);
                place.into_iter().for_each(|place| place.fill(1.0));
            });
            assert!(kept.iter().all(|&x| x == 1.0));
            assert_eq!(numbers, (0..columns).collect::<Vec<usize>>());
            let pairs = met.iter().flat_map(|(i, met)| met.iter().map(|&j| (*i, j)));
            let sorted = |(i, j): (usize, usize)| if mirrored { (i.min(j), i.max(j)) } else { (i, j) };
            let mut pairs = pairs.map(sorted).collect::<Vec<(usize, usize)>>();
            pairs.sort_unstable();
            let expected = (0..rows).flat_map(|i| (if mirrored { i } else { 0 }..columns).map(move |j| (i, j)));
            assert_eq!(pairs, expected.collect::<Vec<(usize, usize)>>(), "{rows} x {columns}, {mirrored}");
        }
    }
}
