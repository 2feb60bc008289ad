//! Batches larger than memory, for losses over whole batches.

use crate::error::{ConfigError, InputError};
use burn::config::Config;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Distribution, Tensor};
use std::ops::Range;

const NAME: &str = "gradient-cache";

/// How far an embedding of the second pass may be from that of the first, by the largest of them: what devices that add in
/// no fixed order leave.
const REPEATED: f64 = 1e-3;

/// Configuration of a [`GradientCache`].
#[derive(Config, Debug)]
pub struct GradientCacheConfig {
    /// The rows that are encoded at a time, at least 1: as many as memory allows.
    pub chunk: usize,
    /// Whether the generator of the device is seeded for each chunk, so that dropout repeats itself. Without it, all
    /// randomness must come from [`Chunk::seed`]. Default: true.
    #[config(default = true)]
    pub seed_device: bool,
}

impl GradientCacheConfig {
    /// Creates the cache.
    ///
    /// # Errors
    /// If the chunk is 0.
    pub fn try_init(&self) -> Result<GradientCache, ConfigError> {
        if self.chunk == 0 {
            return Err(ConfigError::new(NAME, "chunk", "at least 1", 0));
        }
        Ok(GradientCache { chunk: self.chunk, seed_device: self.seed_device })
    }

    /// Creates the cache.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> GradientCache {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The gradients of a loss over a batch whose graph doesn't fit into memory (gradient caching: Gao et al. 2021,
/// [arXiv:2101.06983](https://arxiv.org/abs/2101.06983)).
///
/// A contrastive loss needs the embeddings of the whole batch at once: adding up the gradients of parts, as for a mean over
/// samples, gives another loss, with the negatives of a part only. But it needs no more than the embeddings `z = f(x)`:
///
/// ```text
/// ∂L/∂θ = Σ_chunks (∂L/∂z)·(∂z/∂θ)
/// ```
///
/// 1. Encode the batch chunk by chunk without a graph, and keep the embeddings.
/// 2. The loss over all embeddings, and back to `∂L/∂z`, and to the loss's own parameters (a learned temperature).
/// 3. Encode each chunk again with a graph, and go back from its rows of `∂L/∂z`. The gradients of the chunks add up.
///
/// They are those of the batch in one piece, to rounding, at the price of one more forward pass.
///
/// **Randomness.** Both passes must see the same dropout masks. The generator of the device is therefore seeded for each
/// chunk, from one number that is drawn from it at the start, and seeded anew at the end: a program that seeds its device
/// once is reproducible, and no two steps have the same masks. The generator of Burn's CPU device is shared by the whole
/// process; where other threads draw from it at the same time, the passes differ. They are compared, and an error tells if
/// they do. Then set `seed_device` to false and take masks and augmentations from [`Chunk::seed`].
///
/// Memory: the graph of one chunk, the embeddings of the batch and their gradient a few times, what the loss needs for
/// them (linear for the losses of this crate), and two sets of gradients of the parameters.
///
/// **Use it** for InfoNCE, SupCon and their like, whose quality grows with the batch. **Don't** where a loss is a mean over
/// samples: add up the gradients of its parts. Batch normalisation sees a chunk and not the batch, as it does on several
/// devices, and updates its running statistics in both passes; prefer layer or group normalisation.
///
/// # Example
///
/// Two towers and a learned temperature, in one module:
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
/// use burn::tensor::{Device, Distribution, Tensor};
/// use losslab::{GradientCacheConfig, InfoNceLoss, InfoNceLossConfig, TemperatureConfig};
///
/// #[derive(Module, Debug)]
/// struct Model {
///     images: Linear,
///     texts: Linear,
///     dropout: Dropout,
///     loss: InfoNceLoss,
/// }
///
/// let device = Device::flex().autodiff();
/// let model = Model {
///     images: LinearConfig::new(12, 4).init(&device),
///     texts: LinearConfig::new(7, 4).init(&device),
///     dropout: DropoutConfig::new(0.1).init(),
///     loss: InfoNceLossConfig::new().with_temperature(TemperatureConfig::new().with_learned(true)).init(&device),
/// };
/// let images = Tensor::<2>::random([10, 12], Distribution::Default, &device);
/// let texts = Tensor::<2>::random([10, 7], Distribution::Default, &device);
///
/// let step = GradientCacheConfig::new(4).init().gradients(
///     &model,
///     [10, 10],
///     |model, chunk| match chunk.tower {
///         0 => model.dropout.forward(model.images.forward(images.clone().slice(chunk.rows.clone()))),
///         _ => model.dropout.forward(model.texts.forward(texts.clone().slice(chunk.rows.clone()))),
///     },
///     |model, [images, texts]| model.loss.forward(images, texts),
/// );
/// assert!(step.loss > 0.0);
/// assert_eq!(step.gradients.len(), 5); // weight and bias twice, and the temperature
/// // optimizer.step(learning_rate, model, step.gradients)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GradientCache {
    chunk: usize,
    seed_device: bool,
}

/// Rows of a batch that are encoded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which encoder's rows: the position in the rows that [`GradientCache::gradients`] was given.
    pub tower: usize,
    /// The rows.
    pub rows: Range<usize>,
    /// The same in both passes, and another one for each chunk and step: for augmentations, and for masks where the
    /// device isn't seeded.
    pub seed: u64,
}

/// What a batch costs, and the gradients that an optimiser takes.
#[derive(Debug)]
pub struct CachedGradients {
    /// The loss.
    pub loss: f64,
    /// The gradient of every parameter of the module that the loss depends on.
    pub gradients: GradientsParams,
}

impl GradientCache {
    /// The loss of a batch and its gradients with respect to a module's parameters.
    ///
    /// # Shapes
    /// - `rows`: how many rows each tower encodes: `[n]` for one encoder, `[n, m]` for two
    /// - `encode`: from the module and a chunk to the embeddings of its rows, `[chunk.rows.len(), d]`; called twice for
    ///   each chunk, first with a copy of the module without gradients
    /// - `loss`: from the module and all embeddings of each tower, `[n, d]`, to `[1]`
    ///
    /// # Panics
    /// Where [`try_gradients`](Self::try_gradients) returns an error.
    pub fn gradients<M: Module, const T: usize>(
        &self,
        module: &M,
        rows: [usize; T],
        encode: impl FnMut(&M, &Chunk) -> Tensor<2>,
        loss: impl FnOnce(&M, [Tensor<2>; T]) -> Tensor<1>,
    ) -> CachedGradients {
        self.try_gradients(module, rows, encode, loss).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`gradients`](Self::gradients).
    ///
    /// # Errors
    /// If there are no rows, `encode` returns another number of rows than a chunk has, or other embeddings in the second
    /// pass than in the first.
    pub fn try_gradients<M: Module, const T: usize>(
        &self,
        module: &M,
        rows: [usize; T],
        mut encode: impl FnMut(&M, &Chunk) -> Tensor<2>,
        loss: impl FnOnce(&M, [Tensor<2>; T]) -> Tensor<1>,
    ) -> Result<CachedGradients, InputError> {
        if let Some(tower) = rows.iter().position(|&rows| rows == 0) {
            let expected = format!("[1 or more] (tower {tower})");
            return Err(InputError::Shape { loss: NAME, tensor: "rows", expected, found: vec![0] });
        }
        module.visit(&mut FirstUse);
        let device = module.devices().into_iter().next().unwrap_or_default();
        let step = self.seed_device.then(|| draw(&device));
        let step = step.unwrap_or_else(rand::random);
        let mut encode = |module: &M, chunk: &Chunk| {
            if self.seed_device {
                device.seed(chunk.seed);
            }
            let embeddings = encode(module, chunk);
            let [found, width] = embeddings.dims();
            let why = "(a row for each row of the chunk)";
            InputError::check_shape(NAME, "embeddings", &[found, width], &[chunk.rows.len(), width], why)?;
            Ok(embeddings)
        };

        let untracked = module.clone().no_grad();
        let mut towers = Vec::with_capacity(T);
        for (tower, &rows) in rows.iter().enumerate() {
            let chunks = self.chunks(tower, rows, step);
            let embeddings = chunks.iter().map(|chunk| Ok(encode(&untracked, chunk)?.inner()));
            let embeddings = embeddings.collect::<Result<Vec<Tensor<2>>, InputError>>()?;
            towers.push((chunks, Tensor::cat(embeddings, 0)));
        }

        let leaves = std::array::from_fn(|tower| towers[tower].1.clone().autodiff().require_grad());
        let value = loss(module, leaves.clone());
        let loss = value.clone().into_scalar::<f64>();
        let mut sum = GradientsAccumulator::<M>::new();
        let mut by_embeddings = [const { None }; T];
        if value.is_tracked() {
            let mut tape = value.backward();
            by_embeddings = leaves.each_ref().map(|leaf| leaf.grad_remove(&mut tape));
            sum.accumulate(module, GradientsParams::from_grads(tape, module));
        }
        drop(leaves);

        for ((chunks, first), gradient) in towers.into_iter().zip(by_embeddings) {
            // A tower that the loss doesn't depend on.
            let Some(gradient) = gradient else { continue };
            for chunk in chunks {
                let again = encode(module, &chunk)?;
                check_repeated(first.clone().slice(chunk.rows.clone()), again.clone().inner(), &chunk)?;
                if !again.is_tracked() {
                    continue; // A tower that isn't trained.
                }
                let gradient = gradient.clone().slice(chunk.rows).autodiff();
                let tape = (again * gradient).sum().backward();
                sum.accumulate(module, GradientsParams::from_grads(tape, module));
            }
        }
        if self.seed_device {
            device.seed(mixed(step, u64::MAX));
        }
        Ok(CachedGradients { loss, gradients: sum.grads() })
    }

    fn chunks(&self, tower: usize, rows: usize, step: u64) -> Vec<Chunk> {
        let seed = mixed(step, tower as u64);
        let chunk = |start: usize| Chunk {
            tower,
            rows: start..(start + self.chunk).min(rows),
            seed: mixed(seed, start as u64),
        };
        (0..rows).step_by(self.chunk).map(chunk).collect()
    }
}

/// Weights that Burn draws at their first use are drawn now: not between the masks, and before a copy of the module, with
/// which they are shared until then, is told to have no gradients.
struct FirstUse;

impl ModuleVisitor for FirstUse {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}

fn check_repeated(first: Tensor<2>, again: Tensor<2>, chunk: &Chunk) -> Result<(), InputError> {
    let difference = (again - first.clone()).abs().max().into_scalar::<f64>();
    // A NaN in both is the loss's matter.
    if difference <= REPEATED * first.abs().max().into_scalar::<f64>() || difference.is_nan() {
        return Ok(());
    }
    Err(InputError::Value {
        loss: NAME,
        tensor: "embeddings",
        allowed: format!(
            "the same in both passes (rows {:?} of tower {}): randomness comes from the device, with no other thread \
             drawing from it, or from the chunk's seed",
            chunk.rows, chunk.tower
        ),
        index: chunk.rows.start,
        value: format!("{difference} away"),
    })
}

/// A number from the generator of a device.
fn draw(device: &Device) -> u64 {
    let bits = Tensor::<1>::random([4], Distribution::Uniform(0.0, 65536.0), &device.clone().inner());
    let bits = bits.into_data().iter::<f64>().map(|x| x as u64).collect::<Vec<u64>>();
    bits.into_iter().fold(0, |all, bits| all << 16 | bits & 0xFFFF)
}

/// A seed for a part of something that has a seed (splitmix64).
fn mixed(seed: u64, part: u64) -> u64 {
    let mut x = seed.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
