//! One sign for each coordinate, drawn at random.

use super::gradients::TaskGradients;
use super::gram::check_lengths;
use super::surgery::{GradientSurgery, step_rng};
use crate::error::{ConfigError, InputError, Range};
use burn::config::Config;
use burn::module::Module;
use burn::optim::GradientsParams;
use rand::RngExt;
use serde::{Deserialize, Serialize};

const NAME: &str = "graddrop";

/// Configuration of [`GradDrop`].
#[derive(Config, Debug)]
pub struct GradDropConfig {
    /// The part of what is dropped that comes through all the same: in [0, 1], with 1 the plain sum. Default: 0.
    #[config(default = 0.0)]
    pub leak: f64,
    /// The seed of the draws. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
}

impl GradDropConfig {
    /// Creates the method.
    ///
    /// # Errors
    /// If `leak` isn't in [0, 1].
    pub fn try_init(&self) -> Result<GradDrop, ConfigError> {
        ConfigError::check(NAME, "leak", self.leak, Range::Within(0.0, 1.0))?;
        Ok(GradDrop { leak: self.leak, seed: self.seed, step: 0 })
    }

    /// Creates the method.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> GradDrop {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Gradient sign dropout: GradDrop (Chen et al. 2020, [arXiv:2010.06808](https://arxiv.org/abs/2010.06808)), on the
/// gradients of parameters.
///
/// ```text
/// for each coordinate:  a = Σᵢ max(gᵢ, 0),  b = Σᵢ max(−gᵢ, 0),   P = a / (a + b) = ½·(1 + Σᵢ gᵢ / Σᵢ |gᵢ|)
///     kept = a with probability P, else −b
///     combined = leak·(a − b) + (1 − leak)·kept
/// ```
///
/// The paper applies it to the gradient at a layer's output, and can give each task a leak of its own; its function of `P`
/// is the identity here, as in its experiments and torchjd.
///
/// It holds that
/// - each coordinate has the sign of one side, and the other side adds nothing to it (for `leak = 0`);
/// - the mean over the draws is the sum of the gradients: like dropout, it adds noise where tasks disagree, and nothing
///   where they agree;
/// - without a conflict of signs it is the sum;
/// - scaling all gradients scales the combination, and the order of the tasks doesn't matter, draw by draw.
///
/// That **no** task is harmed is **not** promised, neither for a step nor on the mean.
///
/// Zero gradients take no part. A NaN or an infinite value makes its own coordinate NaN.
///
/// **Use it** as a regulariser where several tasks share a large network. **Don't** where a step must not harm a task
/// ([`UpGrad`](crate::UpGrad)), or with losses of very different scale: the largest decides most signs.
///
/// The draws follow from the seed and the number of the step, which is all the state. It is saved with serde, and a loaded
/// one goes on as the saved one would have. They are made on the host, which waits for a GPU.
///
/// # Example
///
/// ```
/// use losslab::{GradDropConfig, GradientSurgery};
///
/// let mut surgery = GradDropConfig::new().init();
/// let combined = surgery.combine(&[[1.0, 3.0], [2.0, -1.0]])?;
/// // Agreed: the sum. In conflict: 3 with probability ¾, else −1.
/// assert_eq!(combined[0], 3.0);
/// assert!(combined[1] == 3.0 || combined[1] == -1.0);
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradDrop {
    leak: f64,
    seed: u64,
    step: u64,
}

impl GradDrop {
    /// The steps made so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The numbers of a step, in [0, 1), one for each coordinate; goes on to the next step.
    fn draws(&mut self) -> impl FnMut() -> f64 + use<> {
        let mut rng = step_rng(self.seed, self.step);
        self.step += 1;
        move || rng.random::<f64>()
    }
}

impl GradientSurgery for GradDrop {
    fn combine<G: AsRef<[f32]>>(&mut self, gradients: &[G]) -> Result<Vec<f32>, InputError> {
        check_lengths(gradients)?;
        let draws = self.draws();
        Ok(drop_signs(gradients, self.leak, draws))
    }

    fn combine_gradients<M: Module>(&mut self, gradients: TaskGradients<'_, M>) -> GradientsParams {
        let (leak, mut draws) = (self.leak, self.draws());
        gradients.combined_where_shared(|rows| drop_signs(rows, leak, &mut draws))
    }
}

fn drop_signs(rows: &[impl AsRef<[f32]>], leak: f64, mut draw: impl FnMut() -> f64) -> Vec<f32> {
    let coordinate = |at: usize| {
        let values = || rows.iter().map(|row| f64::from(row.as_ref()[at]));
        let draw = draw();
        if !values().all(f64::is_finite) {
            return f32::NAN;
        }
        let above = values().map(|value| value.max(0.0)).sum::<f64>();
        let below = values().map(|value| (-value).max(0.0)).sum::<f64>();
        let kept = if above > draw * (above + below) { above } else { -below };
        (leak * (above - below) + (1.0 - leak) * kept) as f32
    };
    (0..rows[0].as_ref().len()).map(coordinate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Oracle {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        params: Params,
        inputs: Inputs,
        combined: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Params {
        leak: f64,
    }

    #[derive(Deserialize)]
    struct Inputs {
        gradients: Written,
        draws: Written,
    }

    #[derive(Deserialize)]
    struct Written {
        shape: Vec<usize>,
        data: Vec<f32>,
    }

    /// What torchjd gave with these draws (`oracles/multitask_balancing.py`).
    #[test]
    fn with_given_draws_it_agrees_with_torchjd() {
        let file = format!("{}/../../oracles/graddrop.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let cases = serde_json::from_str::<Oracle>(&text).unwrap_or_else(|error| panic!("{file}: {error}")).cases;
        assert!(cases.len() >= 20, "{}", cases.len());
        for Case { name, params, inputs, combined } in cases {
            let rows = inputs.gradients.data.chunks(inputs.gradients.shape[1]).collect::<Vec<&[f32]>>();
            let mut draws = inputs.draws.data.iter().map(|&draw| f64::from(draw));
            let found = drop_signs(&rows, params.leak, || draws.next().expect("a draw for each coordinate"));
            assert_eq!(found.len(), combined.len(), "{name}");
            for (found, expected) in found.iter().zip(combined) {
                let gap = (f64::from(*found) - expected).abs();
                assert!(gap <= 1e-6 * expected.abs(), "{name}: {found} instead of {expected}");
            }
        }
    }
}
