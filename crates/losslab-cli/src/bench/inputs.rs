//! Batches of any size for any loss, by the shapes of its inputs.

use crate::losses::Loss;
use crate::random::stream;
use crate::saved::{Input, Tensors};
use anyhow::{Result, bail};
use burn::tensor::TensorData;
use rand::RngExt;
use rand_distr::{Distribution, Normal};

/// The size of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The rows of each tensor.
    pub rows: usize,
    /// The values of an embedding.
    pub dim: usize,
    /// The logits of a sample.
    pub classes: usize,
    /// The samples of each label, of embeddings.
    pub samples_per_class: usize,
}

impl Sizes {
    /// The values of a row.
    pub fn width(&self, loss: &Loss) -> usize {
        if self.is_over_pairs(loss) { self.dim } else { self.classes }
    }

    /// Whether a loss takes embeddings, and looks at all pairs of them.
    pub fn is_over_pairs(&self, loss: &Loss) -> bool {
        loss.inputs.iter().any(|input| input.shape.ends_with(", d]"))
    }

    fn shape(&self, shape: &str) -> Option<Vec<usize>> {
        match shape {
            "[n]" | "[m]" => Some(vec![self.rows]),
            "[n, d]" | "[m, d]" => Some(vec![self.rows, self.dim]),
            "[n, classes]" | "any" | "as logits" => Some(vec![self.rows, self.classes]),
            _ => None,
        }
    }
}

/// The inputs of a loss that can't be missing. Embeddings are about 1 apart from each other, logits about 2.
pub fn tensors(loss: &Loss, sizes: &Sizes) -> Result<Tensors> {
    let needed = || loss.inputs.iter().filter(|input| !input.optional);
    let made = needed().map(|input| Ok((input.name.to_owned(), tensor(loss, input, sizes)?)));
    let made = Tensors::from_memory("bench", made.collect::<Result<_>>()?);
    // What is learned are embeddings and logits.
    let targets = needed().filter(|input| input.dtype == "float" && input.name == "targets");
    Ok(targets.fold(made, |made, input| made.with_constant(input.name)))
}

fn tensor(loss: &Loss, input: &Input, sizes: &Sizes) -> Result<TensorData> {
    let Some(shape) = sizes.shape(input.shape) else {
        bail!("bench: {} has a tensor {:?} of shape {}, of which nothing is known", loss.name, input.name, input.shape);
    };
    let mut random = stream(0, input.name);
    let count = shape.iter().product::<usize>();
    Ok(match (input.dtype, input.name) {
        ("float", "targets") => {
            // One positive a row.
            let mut hot = vec![0.0f32; count];
            hot.chunks_mut(sizes.classes).for_each(|row| row[random.random_range(0..sizes.classes)] = 1.0);
            TensorData::new(hot, shape)
        }
        ("float", _) => {
            let spread = if input.shape.ends_with(", d]") { (0.5 / sizes.dim as f32).sqrt() } else { 2.0 };
            let normal = Normal::new(0.0, spread).expect("a spread above 0");
            TensorData::new((0..count).map(|_| normal.sample(&mut random)).collect::<Vec<f32>>(), shape)
        }
        ("int", "targets") => {
            let classes = 0..sizes.classes as i64;
            TensorData::new((0..count).map(|_| random.random_range(classes.clone())).collect::<Vec<i64>>(), shape)
        }
        ("int", _) => {
            let labels = sizes.rows.div_ceil(sizes.samples_per_class);
            TensorData::new((0..count).map(|i| (i % labels) as i64).collect::<Vec<i64>>(), shape)
        }
        _ => TensorData::new((0..count).map(|_| random.random::<bool>()).collect::<Vec<bool>>(), shape),
    })
}
