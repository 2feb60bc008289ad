//! Rows made ready for a similarity, and the way of their gradient back.

use crate::chunks::rows_per_chunk;
use crate::distances::dot;
use rayon::prelude::*;
use std::borrow::Cow;

/// Rows as the similarity takes them: at length 1, or as they are.
pub(super) struct Vectors<'a> {
    pub values: Cow<'a, [f32]>,
    pub width: usize,
    /// The lengths that the rows had, where they were brought to length 1.
    norms: Option<Vec<f64>>,
}

impl<'a> Vectors<'a> {
    /// # Panics
    /// If `rows` has no whole number of rows.
    pub fn new(rows: &'a [f32], width: usize, unit_length: bool) -> Self {
        assert!(width > 0 && rows.len().is_multiple_of(width), "rows of {width} in {} values", rows.len());
        if !unit_length {
            return Self { values: rows.into(), width, norms: None };
        }
        let mut values = vec![0.0; rows.len()];
        let mut norms = vec![0.0; rows.len() / width];
        let chunk = rows_per_chunk(width);
        let chunks = values.par_chunks_mut(chunk * width).zip(rows.par_chunks(chunk * width));
        chunks.zip(norms.par_chunks_mut(chunk)).for_each(|((values, rows), norms)| {
            for ((to, row), norm) in values.chunks_mut(width).zip(rows.chunks(width)).zip(norms) {
                // In f64, where the squares of f32 neither overflow nor vanish.
                *norm = dot(row, row).sqrt();
                let scale = if *norm == 0.0 { 0.0 } else { 1.0 / *norm };
                to.iter_mut().zip(row).for_each(|(to, &x)| *to = (f64::from(x) * scale) as f32);
            }
        });
        Self { values: values.into(), width, norms: Some(norms) }
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.width..(i + 1) * self.width]
    }

    /// The length of the longest row, or NaN.
    pub fn longest(&self) -> f64 {
        let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        match &self.norms {
            // 0 is the only other length.
            Some(norms) => norms.iter().map(|&norm| if norm.is_finite() { 1.0 } else { f64::NAN }).fold(0.0, larger),
            None => self.values.par_chunks(self.width).map(|row| dot(row, row).sqrt()).reduce(|| 0.0, larger),
        }
    }

    /// Turns the gradient with respect to these rows, times `factor`, into that with respect to the rows as they were
    /// given. Returns `factor·Σ x·gradient` over these rows.
    pub fn go_back(&self, gradient: &mut [f32], factor: f64) -> f64 {
        let chunk = rows_per_chunk(self.width);
        let chunks = gradient.par_chunks_mut(chunk * self.width).enumerate();
        let sums: Vec<f64> = chunks
            .map(|(at, gradient)| {
                let rows = gradient.chunks_mut(self.width).enumerate();
                rows.map(|(i, gradient)| self.row_back(at * chunk + i, gradient, factor)).sum()
            })
            .collect();
        sums.iter().sum()
    }

    fn row_back(&self, i: usize, gradient: &mut [f32], factor: f64) -> f64 {
        let x = self.row(i);
        let along = factor * dot(x, gradient);
        let Some(norms) = &self.norms else {
            gradient.iter_mut().for_each(|g| *g = (factor * f64::from(*g)) as f32);
            return along;
        };
        let shrink = if norms[i] == 0.0 { 0.0 } else { 1.0 / norms[i] };
        // A row shorter than the smallest normal number may have a gradient beyond the largest one.
        let finite = |g: f64| if g.is_infinite() { g } else { g.clamp(f32::MIN.into(), f32::MAX.into()) };
        for (g, &x) in gradient.iter_mut().zip(x) {
            *g = finite(shrink * (factor * f64::from(*g) - along * f64::from(x))) as f32;
        }
        along
    }
}
