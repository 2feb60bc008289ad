//! Times the search of the nearest neighbours of all rows among all rows, for `compare/nearest.py`.
//!
//! Arguments: a file of little-endian f32 rows, their width, k, a similarity (cosine, dot, euclidean), a file for the
//! neighbours (little-endian u32). Prints the seconds.

use losslab_kernels::{Gallery, options::Similarity};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, rows, width, k, similarity, output] = arguments.as_slice() else {
        return Err("usage: nearest ROWS WIDTH K SIMILARITY OUTPUT".into());
    };
    let rows: Vec<f32> =
        std::fs::read(rows)?.chunks_exact(4).map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect();
    let similarity = match similarity.as_str() {
        "cosine" => Similarity::Cosine,
        "dot" => Similarity::Dot,
        "euclidean" => Similarity::Euclidean,
        other => return Err(format!("no similarity {other}").into()),
    };
    let (width, k) = (width.parse()?, k.parse()?);
    let start = Instant::now();
    let found = Gallery::new(similarity, &rows, width).nearest(&rows, k, None);
    println!("{}", start.elapsed().as_secs_f64());
    std::fs::write(output, found.indices.iter().flat_map(|index| index.to_le_bytes()).collect::<Vec<u8>>())?;
    Ok(())
}
