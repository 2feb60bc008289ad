//! The machine's own matrix products.

use gemm::Parallelism;
use rayon::prelude::*;
use std::time::Instant;

/// How long `[rows, depth]` times `[depth, columns]` takes in f32, the right side given by its columns as similarities of
/// rows have it. The rows of the result are spread evenly over the threads.
pub fn seconds(rows: usize, columns: usize, depth: usize) -> f64 {
    let left = vec![0.5f32; rows * depth];
    let right = vec![0.25f32; columns * depth];
    let mut to = vec![0.0f32; rows * columns];
    let piece = rows.div_ceil(rayon::current_num_threads());
    let start = Instant::now();
    to.par_chunks_mut(piece * columns).zip(left.par_chunks(piece * depth)).for_each(|(to, left)| {
        let (m, k, n) = (to.len() / columns, depth as isize, columns as isize);
        // SAFETY: `to` is m x columns, `left` m x depth and `right` columns x depth, all row-major and whole; `to` is
        // borrowed alone.
        unsafe {
            gemm::gemm(
                m,
                columns,
                depth,
                to.as_mut_ptr(),
                1,
                n,
                false,
                left.as_ptr(),
                1,
                k,
                right.as_ptr(),
                k,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(to[0], 0.125 * depth as f32, "a product");
    seconds
}
