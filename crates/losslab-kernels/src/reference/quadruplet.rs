//! Quadruplet losses.

use super::embedding::first;
use super::tape::{Tape, Var};
use super::vector::{distance, vectors};
use super::{Evaluation, reduce, values};
use crate::options::{Distance, QuadrupletMining, Reduction};
use std::cmp::Ordering;

/// The options of [`aligned_quadruplet`] and [`quadruplet`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quadruplet {
    /// How much farther than the positive the negative should be.
    pub margin: f64,
    /// How much farther apart than the positive pair a pair of two other classes should be.
    pub pair_margin: f64,
    /// The distance.
    pub distance: Distance,
    /// Whether embeddings are scaled to unit length first.
    pub normalize: bool,
    /// How the triplets, and the pairs of pairs, become one number each; the two are added.
    pub reduction: Reduction,
}

impl Quadruplet {
    /// The plain hinges on the Euclidean distance. The usual margins are 1 and 0.5 for given quadruplets, 0.2 and 0.1 for a
    /// batch.
    pub fn with_margins(margin: f64, pair_margin: f64) -> Self {
        Self { margin, pair_margin, distance: Distance::Euclidean, normalize: false, reduction: Reduction::Mean }
    }
}

/// `max(0, D(a,p) − D(a,n) + margin) + max(0, D(a,p) − D(n,o) + pair_margin)` for each given quadruplet, for four matrices
/// `[N, width]`. Terms: `[N]`. Gradients: anchor, positive, negative, other.
pub fn aligned_quadruplet(quadruplets: [&[f64]; 4], width: usize, options: &Quadruplet) -> Evaluation {
    assert!(quadruplets.iter().all(|x| x.len() == quadruplets[0].len()), "four matrices of one shape");
    let tape = Tape::default();
    let inputs = quadruplets.map(|matrix| tape.variables(matrix));
    let [a, p, n, o] = inputs.each_ref().map(|matrix| vectors(&tape, matrix, width, options.normalize));
    let apart = |x: &Vec<_>, y: &Vec<_>| distance(&tape, x, y, options.distance);
    let mut sums = Sums::default();
    for i in 0..a.len() {
        let near = apart(&a[i], &p[i]);
        sums.triplets.push(hinge(near, apart(&a[i], &n[i]), options.margin));
        sums.pairs.push(hinge(near, apart(&n[i], &o[i]), options.pair_margin));
    }
    let terms = sums.triplets.iter().zip(&sums.pairs).map(|(x, y)| x.value() + y.value()).collect();
    Evaluation::new(sums.reduce(&tape, options), terms, &inputs.each_ref().map(|matrix| matrix.as_slice()))
}

/// The quadruplet loss of a labelled batch, for embeddings `[B, width]` and labels `[B]`. Which rows were mined is a
/// constant for the gradient. Terms: `[B]`, the sum over each anchor's triplets, and what its pairs cost, half of it for
/// either row of a pair where each counts once. Gradients: embeddings.
pub fn quadruplet(
    embeddings: &[f64],
    labels: &[i64],
    width: usize,
    mining: QuadrupletMining,
    options: &Quadruplet,
) -> Evaluation {
    assert_eq!(embeddings.len(), labels.len() * width, "a row of {width} for each label");
    let (tape, batch) = (Tape::default(), labels.len());
    let embeddings = tape.variables(embeddings);
    let vectors = vectors(&tape, &embeddings, width, options.normalize);
    let mut apart = vec![vec![tape.constant(0.0); batch]; batch];
    for i in 0..batch {
        for j in i + 1..batch {
            apart[i][j] = distance(&tape, &vectors[i], &vectors[j], options.distance);
            apart[j][i] = apart[i][j];
        }
    }
    let (mut sums, mut per_anchor) = (Sums::default(), vec![0.0; batch]);
    let differ = |rows: &[usize]| (1..rows.len()).all(|i| rows[..i].iter().all(|&j| labels[j] != labels[rows[i]]));
    match mining {
        QuadrupletMining::BatchAll => {
            for a in 0..batch {
                for p in (0..batch).filter(|&p| p != a && labels[p] == labels[a]) {
                    for n in (0..batch).filter(|&n| differ(&[a, n])) {
                        let term = hinge(apart[a][p], apart[a][n], options.margin);
                        per_anchor[a] += term.value();
                        sums.triplets.push(term);
                    }
                    for n in (0..batch).filter(|_| a < p) {
                        for o in (n + 1..batch).filter(|&o| differ(&[a, n, o])) {
                            let term = hinge(apart[a][p], apart[n][o], options.pair_margin);
                            per_anchor[a] += 0.5 * term.value();
                            per_anchor[p] += 0.5 * term.value();
                            sums.pairs.push(term);
                        }
                    }
                }
            }
        }
        QuadrupletMining::BatchHard => {
            let distances: Vec<_> = apart.iter().map(|row| values(row)).collect();
            for a in 0..batch {
                let of = |holds: &dyn Fn(usize) -> bool| (0..batch).filter(|&i| holds(i)).collect::<Vec<_>>();
                let positives = of(&|p| p != a && labels[p] == labels[a]);
                let farthest = first(&positives, &distances[a], Ordering::Greater);
                let nearest = first(&of(&|n| differ(&[a, n])), &distances[a], Ordering::Less);
                let Some((p, n)) = farthest.zip(nearest) else { continue };
                let term = hinge(apart[a][p], apart[a][n], options.margin);
                per_anchor[a] += term.value();
                sums.triplets.push(term);
                let Some(o) = first(&of(&|o| differ(&[a, n, o])), &distances[n], Ordering::Less) else { continue };
                let term = hinge(apart[a][p], apart[n][o], options.pair_margin);
                per_anchor[a] += term.value();
                sums.pairs.push(term);
            }
        }
    }
    Evaluation::new(sums.reduce(&tape, options), per_anchor, &[&embeddings])
}

fn hinge<'t>(near: Var<'t>, far: Var<'t>, margin: f64) -> Var<'t> {
    (near - far + margin).max0()
}

/// The terms of the two hinges.
#[derive(Default)]
struct Sums<'t> {
    triplets: Vec<Var<'t>>,
    pairs: Vec<Var<'t>>,
}

impl<'t> Sums<'t> {
    fn reduce(&self, tape: &'t Tape, options: &Quadruplet) -> Var<'t> {
        let reduced = |terms: &[Var<'t>]| reduce(tape, terms, terms.len() as f64, options.reduction);
        reduced(&self.triplets) + reduced(&self.pairs)
    }
}
