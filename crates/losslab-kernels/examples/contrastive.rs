//! Times the contrastive kernels against the machine's own matrix product of the same shapes, in turn.
//!
//! Arguments: rows, width, repetitions, memory for tiles in MiB (256 where not given). Prints the best of each, and the
//! share of the rate of the products at 6·B²·D operations where all tiles are kept, 8·B²·D where none is.

use gemm::Parallelism;
use losslab_kernels::{InfoNce, InfoNceGradients, SelfContrastive, info_nce, self_contrastive};
use rayon::prelude::*;
use std::time::Instant;

/// The processor time of all threads, in seconds: on a shared machine it says more than the time on the wall.
fn busy() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = |path: std::path::PathBuf| -> Option<f64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(|task| nanoseconds(task.path())).sum::<f64>() * 1e-9
}

/// Seconds on the wall and of the processor.
fn time(run: impl FnOnce()) -> [f64; 2] {
    let (start, before) = (Instant::now(), busy());
    run();
    [start.elapsed().as_secs_f64(), busy() - before]
}

/// The product of two matrices with given strides of rows and columns, the rows of the result evenly over the threads.
fn multiply(to: &mut [f32], columns: usize, depth: usize, from: [&[f32]; 2], strides: [[usize; 2]; 2]) {
    let rows = (to.len() / columns).div_ceil(rayon::current_num_threads());
    let [[row, column], [right_row, right_column]] = strides.map(|strides| strides.map(|stride| stride as isize));
    to.par_chunks_mut(rows * columns).enumerate().for_each(|(at, to)| {
        let (left, right, one) = (&from[0][at * rows * strides[0][0]..], from[1], Parallelism::None);
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
                0.0,
                1.0,
                false,
                false,
                false,
                one,
            );
        }
    });
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let &[rows, width, repetitions, ..] = arguments.as_slice() else {
        panic!("usage: contrastive ROWS WIDTH REPETITIONS [MEMORY]");
    };
    let memory = arguments.get(3).map_or(256 << 20, |mib| mib << 20);
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let mut values = || (0..rows * width).map(|_| next()).collect::<Vec<f32>>();
    let (queries, keys) = (values(), values());
    let (mut by_queries, mut by_keys) = (vec![0.0; queries.len()], vec![0.0; keys.len()]);
    let labels: Vec<i64> = (0..rows as i64).map(|i| i / 2).collect();
    let classes: Vec<i64> = (0..rows as i64).map(|i| i % 10).collect();

    // A product of 4,096 rows with 4,096, three ways as the loss has them.
    let side = rows.min(4096);
    let mut matrix = vec![0.01f32; side * side];
    let mut out = vec![0.0f32; side * width];
    let mut product = || {
        multiply(&mut matrix, side, width, [&queries, &keys], [[width, 1], [1, width]]);
        multiply(&mut out, width, side, [&matrix, &keys], [[side, 1], [width, 1]]);
        multiply(&mut out, width, side, [&matrix, &queries], [[1, side], [width, 1]]);
    };
    let loss = InfoNce { memory, ..InfoNce::default() };
    let mut best = [[f64::INFINITY; 2]; 5];
    for _ in 0..repetitions {
        let gradients = || InfoNceGradients::default();
        let times = [
            time(&mut product),
            time(|| {
                let gradients =
                    InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
                info_nce(&loss, &queries, &keys, width, gradients);
            }),
            time(|| drop(std::hint::black_box(info_nce(&loss, &queries, &keys, width, gradients())))),
            time(|| {
                let loss = SelfContrastive { labels: &labels, memory, ..SelfContrastive::default() };
                self_contrastive(&loss, &queries, width, Some(&mut by_queries), false);
            }),
            time(|| {
                let loss = SelfContrastive { labels: &classes, memory, ..SelfContrastive::default() };
                self_contrastive(&loss, &queries, width, Some(&mut by_queries), false);
            }),
        ];
        for (best, time) in best.iter_mut().zip(times) {
            (0..2).for_each(|i| best[i] = best[i].min(time[i]));
        }
    }
    let unit = 2.0 * (rows * rows * width) as f64;
    let product = 6.0 * (side * side * width) as f64;
    let rates = best[0].map(|seconds| product / seconds);
    println!("product: {:.1} GFLOP/s on the wall, {:.1} a processor", rates[0] * 1e-9, rates[1] * 1e-9);
    let names = ["", "InfoNCE", "InfoNCE, value", "NT-Xent", "SupCon"];
    let products = [[0.0; 2], [3.0, 4.0], [1.0, 1.0], [1.5, 2.0], [1.5, 2.0]];
    for ((name, best), products) in names.iter().zip(best).zip(products).skip(1) {
        let shares = products.map(|count| [0, 1].map(|i| 100.0 * count * unit / best[i] / rates[i]));
        println!(
            "{name}: {:.1} ms, {:.1} ms of processors; share of the rate as kept {:.0} % (processors {:.0} %), as \
             computed twice {:.0} % ({:.0} %)",
            best[0] * 1e3,
            best[1] * 1e3,
            shares[0][0],
            shares[0][1],
            shares[1][0],
            shares[1][1]
        );
    }
}
