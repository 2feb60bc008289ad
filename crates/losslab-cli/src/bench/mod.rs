//! What the kernels of losses bring: time, memory and rate of each way to compute a loss, measured in turn.

mod inputs;
mod products;

pub use inputs::Sizes;

use crate::losses::{Evaluated, Loss, Path, Work};
use crate::memory;
use anyhow::{Context, Result, ensure};
use inputs::tensors;
use products::Products;

/// How to measure.
pub struct Plan {
    /// The size of the batch.
    pub sizes: Sizes,
    /// The hyperparameters that are set.
    pub set: Vec<String>,
    /// How often each way is timed.
    pub repeat: usize,
    /// Plain operations that would take more seconds a step are left out.
    pub plain_limit: f64,
}

/// One way to compute a loss, forward and backward.
pub struct Timing {
    /// The way.
    pub path: Path,
    /// The time of each repetition, the best first.
    pub seconds: Vec<f64>,
    /// The most memory beyond the inputs.
    pub peak_extra_bytes: usize,
}

impl Timing {
    /// The least time.
    pub fn best(&self) -> f64 {
        self.seconds[0]
    }

    /// The time in the middle.
    pub fn median(&self) -> f64 {
        self.seconds[self.seconds.len() / 2]
    }
}

/// What was measured of one loss.
pub struct Measured {
    /// The loss.
    pub loss: &'static str,
    /// The rows of a tensor of the batch.
    pub rows: usize,
    /// The values of a row.
    pub dim: usize,
    /// The kernel, then through tensors: fused, and plain unless it takes too long.
    pub timings: Vec<Timing>,
    /// The seconds that plain operations would take, where they were left out.
    pub left_out: Option<f64>,
    /// The matrix products that the kernel needs, and the least time that they take by themselves, of losses over all
    /// pairs of a batch.
    pub products: Option<(Work, f64)>,
}

/// Measures a loss.
pub fn measure(loss: &Loss, plan: &Plan) -> Result<Measured> {
    let batch = tensors(loss, &plan.sizes)?;
    let evaluate = |path: Path| loss.evaluate_unchecked(&batch, &plan.set, path).context(loss.name);
    let left_out = Some(plain_estimate(loss, plan)?).filter(|&seconds| seconds > plan.plain_limit);
    let paths = [Path::Kernel, Path::Fused].into_iter().chain(left_out.is_none().then_some(Path::Plain));

    // The first time all pages and threads are new: that run is for memory, and to see that all agree.
    let mut timings = Vec::new();
    let mut work = Work::default();
    let mut expected = None;
    for path in paths {
        losslab_kernels::release_memory();
        let found = memory::counted(|| evaluate(path))?;
        let cost = found.cost();
        if path == Path::Kernel {
            work = cost.work;
        }
        ensure_agreement(loss, &found, *expected.get_or_insert(found.loss))?;
        timings.push(Timing { path, seconds: vec![], peak_extra_bytes: cost.peak_bytes });
    }
    let products = (work != Work::default()).then(|| Products::new(&plan.sizes, work.double > 0.0));
    let mut least = f64::INFINITY;
    for _ in 0..plan.repeat {
        for timing in &mut timings {
            timing.seconds.push(evaluate(timing.path)?.cost().seconds);
        }
        if let Some(products) = &products {
            least = least.min(products.seconds(work));
        }
    }
    timings.iter_mut().for_each(|timing| timing.seconds.sort_by(f64::total_cmp));
    let dim = plan.sizes.width(loss);
    let products = products.map(|_| (work, least));
    Ok(Measured { loss: loss.name, rows: plan.sizes.rows, dim, timings, left_out, products })
}

/// The seconds of a step in plain operations, from one with a quarter of the rows: a sixteenth of the pairs, and a 64th of
/// the quadruplets.
fn plain_estimate(loss: &Loss, plan: &Plan) -> Result<f64> {
    let sizes = Sizes { rows: plan.sizes.rows.div_ceil(4), ..plan.sizes };
    let found = loss.evaluate_unchecked(&tensors(loss, &sizes)?, &plan.set, Path::Plain)?;
    let growth = plan.sizes.rows as f64 / sizes.rows as f64;
    let power = match sizes.is_over_pairs(loss) {
        true if loss.name == "quadruplet" => 3,
        true => 2,
        false => 1,
    };
    Ok(found.cost().seconds * growth.powi(power))
}

/// Two ways that give different losses don't do the same work.
fn ensure_agreement(loss: &Loss, found: &Evaluated, expected: f64) -> Result<()> {
    let error = (found.loss - expected).abs();
    ensure!(
        error <= 1e-3 * expected.abs().max(1e-3),
        "{}: the {} path gives {}, but the kernel gives {expected}",
        loss.name,
        found.path.name(),
        found.loss
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::LOSSES;

    #[test]
    fn kernel_and_tensors_agree_for_every_loss_with_a_kernel() {
        let sizes = Sizes { rows: 24, dim: 5, classes: 7, samples_per_class: 3 };
        for loss in LOSSES.iter().copied().filter(Loss::has_kernel) {
            let batch = tensors(&loss, &sizes).unwrap();
            let evaluate = |path: Path| loss.evaluate_unchecked(&batch, &[], path).unwrap();
            let expected = evaluate(Path::Reference);
            let largest = expected.gradients[0].values.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            assert!(expected.loss > 0.0 && largest > 0.0, "{}", loss.name);
            for path in [Path::Kernel, Path::Fused, Path::Plain] {
                let found = evaluate(path);
                assert!(found.cost().seconds > 0.0, "{}", loss.name);
                ensure_agreement(&loss, &found, expected.loss).unwrap();
                for (found, expected) in found.gradients.iter().zip(&expected.gradients) {
                    // Targets are held: nobody learns them.
                    let held = found.name == "targets";
                    for (found, expected) in found.values.iter().zip(&expected.values) {
                        let error = if held { found.abs() } else { (found - expected).abs() };
                        assert!(error <= 1e-4 * largest, "{}, {path:?}: {found} instead of {expected}", loss.name);
                    }
                }
            }
        }
    }

    #[test]
    fn ways_that_disagree_are_an_error() {
        let loss = crate::losses::find("focal").unwrap();
        let found = Evaluated { loss: 1.0, path: Path::Plain, gradients: vec![], cost: None };
        assert!(ensure_agreement(&loss, &found, 1.0005).is_ok());
        let error = ensure_agreement(&loss, &found, 1.1).unwrap_err().to_string();
        assert_eq!(error, "focal: the plain path gives 1, but the kernel gives 1.1");
        assert!(ensure_agreement(&loss, &found, f64::NAN).is_err());
    }
}
