//! Times the contrastive kernels against the machine's own matrix product of the same shapes, in turn.
//!
//! Arguments: rows, width, repetitions, memory for tiles in MiB, and a loss where only one is wanted (info-nce, value,
//! nt-xent, sup-con). Prints the best of each, its share of the rate of the products at the operations that it needs where
//! all tiles are kept and where all are computed twice, and the most memory that the process had.

use gemm::Parallelism;
use losslab_kernels::{InfoNce, InfoNceGradients, SelfContrastive, info_nce, self_contrastive};
use rayon::prelude::*;
use std::hint::black_box;
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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.parse::<usize>().ok());
    let (Some(rows), Some(width), Some(repetitions)) = (number(0), number(1), number(2)) else {
        panic!("usage: contrastive ROWS WIDTH REPETITIONS [MEMORY [LOSS]]");
    };
    let memory = number(3).unwrap_or(256) << 20;
    let wanted = |name: &str| arguments.get(4).is_none_or(|wanted| wanted == name);
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
    let unit = 2.0 * (rows * rows * width) as f64;
    let products = 6.0 * (side * side * width) as f64;
    let pairs = InfoNce { memory, ..InfoNce::default() };
    let views = SelfContrastive { labels: &labels, memory, ..SelfContrastive::default() };
    let classes = SelfContrastive { labels: &classes, memory, ..SelfContrastive::default() };
    // The matrix products of the whole matrix that each needs, with tiles kept and not.
    let needs = [
        ("product", [0.0; 2]),
        ("info-nce", [3.0, 4.0]),
        ("value", [1.0; 2]),
        ("nt-xent", [1.5, 2.0]),
        ("sup-con", [1.5, 2.0]),
    ];
    let mut best = [[f64::INFINITY; 2]; 5];
    for _ in 0..repetitions {
        for ((name, _), best) in needs.iter().zip(&mut best) {
            let found = match *name {
                "product" => time(&mut product),
                name if !wanted(name) => continue,
                "info-nce" => time(|| {
                    let gradients =
                        InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
                    black_box(info_nce(&pairs, &queries, &keys, width, gradients));
                }),
                "value" => time(|| {
                    black_box(info_nce(&pairs, &queries, &keys, width, InfoNceGradients::default()));
                }),
                name => time(|| {
                    let loss = if name == "nt-xent" { &views } else { &classes };
                    black_box(self_contrastive(loss, &queries, width, Some(&mut by_queries), false));
                }),
            };
            (0..2).for_each(|i| best[i] = best[i].min(found[i]));
        }
    }
    let rates = best[0].map(|seconds| products / seconds);
    println!("product: {:.1} GFLOP/s on the wall, {:.1} a processor", rates[0] * 1e-9, rates[1] * 1e-9);
    for ((name, needs), [wall, processors]) in needs.iter().zip(best).skip(1).filter(|((name, _), _)| wanted(name)) {
        let [kept, twice] = needs.map(|count| [wall, processors].map(|seconds| 100.0 * count * unit / seconds));
        println!(
            "{name}: {:.1} ms, {:.1} ms of processors; share as kept {:.0} % (processors {:.0} %), as computed twice \
             {:.0} % ({:.0} %)",
            wall * 1e3,
            processors * 1e3,
            kept[0] / rates[0],
            kept[1] / rates[1],
            twice[0] / rates[0],
            twice[1] / rates[1],
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("memory unknown"));
}
