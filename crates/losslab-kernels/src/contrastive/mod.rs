//! Contrastive losses over a matrix of similarities that is never held whole.
//!
//! The matrix is cut into tiles. A first pass multiplies the vectors of a tile and adds up the exponentials of its rows and
//! columns; a second one turns each tile into its part of the gradient and multiplies it with the vectors of both sides.
//! Tiles that fit in a given memory are kept between the two, the others are computed twice: 6 or 8 operations for each
//! pair and dimension, in matrix products all of them. Of the similarities within one set, half of the tiles are enough.
//!
//! Where the logits have a known bound that leaves all sums of exponentials within f32, one shift serves all cells, and
//! a cell has one exponential for its row and its column, kept between the passes. Otherwise each line has its own shift.

mod cells;
mod dcl;
mod info_nce;
mod lines;
mod memory;
mod partners;
mod self_contrastive;
mod siglip;
mod tiles;
mod vectors;

pub use dcl::{Dcl, dcl};
pub use info_nce::{InfoNce, InfoNceGradients, info_nce};
pub use memory::release_memory;
pub use self_contrastive::{SelfContrastive, self_contrastive};
pub use siglip::{SigLip, SigLipGradients, Sigmoid, siglip};

use crate::options::Reduction;
use cells::{LANES, SIDE};
use lines::{Line, Pairs};
use partners::{Grouping, Partners, Side};
use rayon::prelude::*;
use tiles::Tiles;
use vectors::Vectors;

/// The memory for tiles, in bytes, that is taken where nothing else is said: 256 MiB.
pub const DEFAULT_MEMORY: usize = 256 << 20;

/// A contrastive loss and its derivative with respect to `ln(1/τ)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Contrastive {
    /// The reduced loss.
    pub value: f64,
    /// Its derivative with respect to `ln(1/τ)`, where it was asked for.
    pub by_log_scale: Option<f64>,
}

/// What the losses have in common.
struct Common<'a> {
    temperature: f64,
    reduction: Reduction,
    memory: usize,
    /// Whether columns have terms too, and count for half; rows and columns of a mirrored matrix are the same.
    columns: bool,
    /// Whether each term gets the logarithm of its number of positives.
    spread: bool,
    /// The weight of the one positive of each row, where it is no part of the sum that it is compared with.
    decoupled: Option<&'a [f64]>,
}

/// The loss over a matrix, with the gradients that are asked for.
fn evaluate(
    common: &Common,
    vectors: [&Vectors; 2],
    partners: &Partners,
    gradients: [Option<&mut [f32]>; 2],
    by_log_scale: bool,
) -> Contrastive {
    let Common { temperature, reduction, memory, columns, spread, decoupled } = *common;
    // The factor of all cells, and the scale that it stands for.
    let factor = (std::f64::consts::LOG2_E / temperature) as f32;
    let scale = f64::from(factor) * std::f64::consts::LN_2;

    let pairs = Pairs::new(vectors, partners, scale);
    let row_means = pairs.means(Side::Rows);
    let column_means = if columns { pairs.means(Side::Columns) } else { vec![] };
    let bound = scale * vectors[0].longest() * vectors[1].longest();
    let known = row_means.iter().chain(&column_means).copied().filter(|mean| !mean.is_nan());
    // What a sum of negatives alone comes to isn't known from the positives.
    let lowest = if decoupled.is_some() { f64::NEG_INFINITY } else { known.fold(f64::INFINITY, f64::min) };
    let shift = shift(bound, lowest, partners.grouping());
    let shift = shift.map(|shift| (shift * std::f64::consts::LOG2_E) as f32);

    let backward = by_log_scale || gradients.iter().any(Option::is_some);
    let beside = beside(partners, &pairs);
    let memory = if backward { memory.saturating_sub(beside) } else { 0 };
    let mut tiles = Tiles::new(vectors, partners, factor, shift, memory);
    let [row_cells, column_cells] = tiles.sums(columns);
    let (rows, row_sums) = pairs.lines(Side::Rows, &row_means, &row_cells, spread, decoupled);
    let half = if columns { 0.5 } else { 1.0 };
    let mut weights = [half * row_sums.scale(reduction), 0.0];
    let mut value = weights[0] * row_sums.total;
    let mut column_lines = vec![];
    if columns {
        let (lines, sums) = pairs.lines(Side::Columns, &column_means, &column_cells, spread, None);
        weights[1] = half * sums.scale(reduction);
        value += weights[1] * sums.total;
        column_lines = lines;
    }
    if !backward {
        return Contrastive { value, by_log_scale: None };
    }
    let mut lines = [rows.as_slice(), &column_lines];
    if partners.is_mirrored() {
        lines[1] = &rows;
        weights[1] = weights[0];
    }
    let by_log_scale = backward_through(&pairs, &mut tiles, lines, weights, gradients, by_log_scale);
    Contrastive { value, by_log_scale }
}

/// Writes the gradients that are asked for, and returns the derivative with respect to `ln(1/τ)`.
fn backward_through(
    pairs: &Pairs,
    tiles: &mut Tiles,
    lines: [&[Line]; 2],
    weights: [f64; 2],
    gradients: [Option<&mut [f32]>; 2],
    by_log_scale: bool,
) -> Option<f64> {
    // Weights of a mean over many lines could leave f32 together with an exponential: they are put in at the end.
    let largest = weights[0].max(weights[1]);
    let weights = weights.map(|weight| if largest == 0.0 { 0.0 } else { weight / largest });
    let [rows, columns] = pairs.vectors();
    let [mut by_rows, mut by_columns] = gradients;
    let (mut instead_of_rows, mut second) = (vec![], vec![]);
    if by_rows.is_none() && (by_columns.is_none() || pairs.is_mirrored()) {
        instead_of_rows.resize(rows.values.len(), 0.0);
        by_rows = Some(&mut instead_of_rows);
    }
    if pairs.is_mirrored() {
        second.resize(columns.values.len(), 0.0);
        by_columns = Some(&mut second);
    }
    if let Some(gradient) = &mut by_rows {
        pairs.begin(Side::Rows, lines, weights, gradient);
    }
    if let (Some(gradient), false) = (&mut by_columns, pairs.is_mirrored()) {
        pairs.begin(Side::Columns, lines, weights, gradient);
    }
    tiles.add_gradients(lines, weights, [by_rows.as_deref_mut(), by_columns.as_deref_mut()]);

    let factor = largest * pairs.scale();
    let along = match (by_rows, by_columns) {
        (Some(by_rows), Some(by_columns)) if pairs.is_mirrored() => {
            by_rows.par_iter_mut().zip(by_columns).for_each(|(row, column)| *row += *column);
            // Each similarity is in the gradients of two lines.
            0.5 * rows.go_back(by_rows, factor)
        }
        (by_rows, by_columns) => {
            // Σ x·gradient is the same for both sides.
            let along = by_columns.map(|gradient| columns.go_back(gradient, factor));
            by_rows.map(|gradient| rows.go_back(gradient, factor)).or(along).expect("one side at least")
        }
    };
    by_log_scale.then_some(along)
}

/// The bytes that are needed beside vectors, gradients and kept tiles: for lines, for sums of groups, and for the tiles
/// that threads work on.
fn beside(partners: &Partners, pairs: &Pairs) -> usize {
    let lines = partners.lines(Side::Rows) + partners.lines(Side::Columns);
    let tile = SIDE * SIDE * size_of::<f32>();
    192 * lines + pairs.bytes() + rayon::current_num_threads() * 3 * tile
}

/// The shift of all exponentials, where one is enough: `exp(logit − shift)` stays within f32 for all logits up to `bound`,
/// and what vanishes, 57 below a sum, is no part of it. A sum is no less than the mean of the positives.
fn shift(bound: f64, lowest_mean: f64, grouping: Grouping) -> Option<f64> {
    /// `exp(±70)` leaves room for sums and for products with the inverse of a sum.
    const ROOM: f64 = 70.0;
    let shift = bound - (2.0 * bound - ROOM).clamp(0.0, ROOM);
    let nothing_vanishes = 2.0 * bound <= ROOM + 57.0;
    let known = grouping != Grouping::Split && lowest_mean >= shift - 57.0;
    (nothing_vanishes || known).then_some(shift)
}
