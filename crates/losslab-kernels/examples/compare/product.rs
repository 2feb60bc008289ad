//! The machine's own matrix products, as a loss over `[side, side]` similarities of rows of `width` has them.

use gemm::Parallelism;
use rayon::prelude::*;
use std::time::Instant;

/// Places for the products, written once so that the system has given their memory.
pub struct Products<T> {
    side: usize,
    width: usize,
    queries: Vec<T>,
    keys: Vec<T>,
    matrix: Vec<T>,
    out: Vec<T>,
}

impl<T: Copy + From<f32> + Send + Sync + 'static> Products<T> {
    pub fn new(side: usize, width: usize) -> Self {
        let values = |count: usize, value: f32| vec![T::from(value); count];
        let rows = |value: f32| values(side * width, value);
        Self { side, width, queries: rows(0.5), keys: rows(0.25), matrix: values(side * side, 0.01), out: rows(1.0) }
    }

    /// The seconds of `M = Q·Kᵀ`, and of `M·K` and `Mᵀ·Q` where `all` are wanted: `2·side²·width` operations each.
    pub fn seconds(&mut self, all: bool) -> f64 {
        let Self { side, width, queries, keys, matrix, out } = self;
        let (side, width) = (*side, *width);
        let start = Instant::now();
        multiply(matrix, side, width, [queries, keys], [[width, 1], [1, width]]);
        if !all {
            return start.elapsed().as_secs_f64();
        }
        multiply(out, width, side, [matrix, keys], [[side, 1], [width, 1]]);
        multiply(out, width, side, [matrix, queries], [[1, side], [width, 1]]);
        start.elapsed().as_secs_f64()
    }
}

/// The product of two matrices with given strides of rows and columns, the rows of the result evenly over the threads.
fn multiply<T: Copy + From<f32> + Send + Sync + 'static>(
    to: &mut [T],
    columns: usize,
    depth: usize,
    from: [&[T]; 2],
    strides: [[usize; 2]; 2],
) {
    let rows = (to.len() / columns).div_ceil(rayon::current_num_threads());
    let [[row, column], [right_row, right_column]] = strides.map(|strides| strides.map(|stride| stride as isize));
    to.par_chunks_mut(rows * columns).enumerate().for_each(|(at, to)| {
        let (left, right) = (&from[0][at * rows * strides[0][0]..], from[1]);
        let (m, n, to_row) = (to.len() / columns, columns, columns as isize);
        assert!(left.len() > (m - 1) * strides[0][0] + (depth - 1) * strides[0][1]);
        assert!(right.len() > (depth - 1) * strides[1][0] + (n - 1) * strides[1][1]);
        let (a, b, to) = (left.as_ptr(), right.as_ptr(), to.as_mut_ptr());
        // SAFETY: the farthest element of each matrix is within its slice, as was asserted; `to` is borrowed alone.
        unsafe {
            gemm::gemm(
                m,
                n,
                depth,
                to,
                1,
                to_row,
                false,
                a,
                column,
                row,
                b,
                right_column,
                right_row,
                T::from(0.0),
                T::from(1.0),
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    });
}
