//! Steps 2 and 3: surfaces, curvature and sharpness around a solution.

use super::{
    Method, Settings, drawn,
    training::{batch, classes},
};
use crate::{data::images::Images, models::encoder::Encoder};
use anyhow::Result;
use burn::tensor::{DType, Device, Int, Tensor};
use losslab::landscape::{
    self, DirectionConfig, HutchinsonConfig, LanczosConfig, LossLandscape, NormalizationStatistics, PathPlane,
    SharpnessConfig,
};
use serde::{Deserialize, Serialize};

/// Room around the path, as a share of its extent.
const MARGIN: f64 = 0.25;

/// Between the gradients of a Hessian product, as a share of the length of the parameters: far enough that the kinks of
/// ReLU and max pooling average out, near enough that the loss hardly changes.
const DISTANCE: f64 = 1e-3;

/// The images on which losses are measured, in f64: Hessians are differences of gradients.
pub struct Measured {
    inputs: Tensor<4>,
    labels: Tensor<1, Int>,
    device: Device,
}

impl Measured {
    /// Training images, the same number of each class.
    pub fn new(images: &Images, settings: &Settings, seed: u64, device: &Device) -> Self {
        let scaling = images.scaling();
        let chosen = images.limited(settings.measured, seed);
        let all: Vec<usize> = (0..chosen.len()).collect();
        Self {
            inputs: batch(&chosen, &all, &scaling, device).cast(DType::F64),
            labels: classes(&chosen, &all, device),
            device: device.clone(),
        }
    }

    /// The landscape of a loss on these images. The network has no normalisation whose statistics could matter.
    fn landscape<'a>(
        &'a self,
        network: &Encoder,
        method: Method,
        settings: &Settings,
    ) -> Result<LossLandscape<Encoder, impl Fn(&Encoder) -> Tensor<1> + use<'a>>> {
        let cost = method.cost(settings, &self.device);
        let loss = move |network: &Encoder| cost.of(network.forward(self.inputs.clone()), self.labels.clone());
        let landscape = LossLandscape::try_new(&landscape::in_f64(network), NormalizationStatistics::Frozen, loss)?;
        Ok(landscape.with_distance(DISTANCE)?)
    }
}

/// Numbers of a landscape at its solution.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Curvature {
    /// The loss.
    pub loss: f64,
    /// The largest eigenvalues of the Hessian.
    pub largest: Vec<f64>,
    /// The largest of their error bounds.
    pub error: f64,
    /// The smallest eigenvalue.
    pub smallest: f64,
    /// The trace of the Hessian.
    pub trace: f64,
    /// The standard error of its estimate.
    pub trace_error: f64,
    /// The highest rise of the loss within the radius.
    pub sharpness: f64,
    /// The rise after one step along the gradient.
    pub one_step: f64,
    /// The largest eigenvalue of the Hessian of cross-entropy at the same place, where the outputs are logits.
    pub of_cross_entropy: Option<f64>,
}

impl Curvature {
    /// Measures the landscape around a network.
    pub fn measure(
        network: &Encoder,
        method: Method,
        settings: &Settings,
        measured: &Measured,
        seed: u64,
    ) -> Result<Self> {
        let around = measured.landscape(network, method, settings)?;
        let spectrum = LanczosConfig::new().with_max_steps(settings.steps).with_seed(drawn(seed, "Lanczos"));
        let found = around.spectrum(&spectrum.clone().with_count(settings.eigenvalues))?;
        let vectors = HutchinsonConfig::new().with_samples(settings.vectors).with_seed(drawn(seed, "Hutchinson"));
        let trace = around.trace(&vectors)?;
        let ball = SharpnessConfig::new().with_radius(settings.radius).with_steps(settings.ascent);
        let sharpness = around.sharpness(&ball.with_seed(drawn(seed, "sharpness")))?;
        let of_cross_entropy = match method {
            Method::CrossEntropy => Some(found.largest[0].value),
            other if other.has_logits() => {
                let plain = measured.landscape(network, Method::CrossEntropy, settings)?;
                Some(plain.spectrum(&spectrum)?.largest[0].value)
            }
            _ => None,
        };
        Ok(Self {
            loss: sharpness.centre,
            error: found.largest.iter().map(|eigenvalue| eigenvalue.error).fold(0.0, f64::max),
            largest: found.largest.iter().map(|eigenvalue| eigenvalue.value).collect(),
            smallest: found.smallest.value,
            trace: trace.trace,
            trace_error: trace.standard_error,
            sharpness: sharpness.maximum,
            one_step: sharpness.one_step,
            of_cross_entropy,
        })
    }

    /// How much the surface curves downwards somewhere, beside how much it curves upwards at most.
    pub fn negative_share(&self) -> f64 {
        (-self.smallest).max(0.0) / self.largest[0]
    }
}

/// Losses over a plane.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Surface {
    /// Places along the first direction.
    pub columns: Vec<f64>,
    /// Places along the second.
    pub rows: Vec<f64>,
    /// Losses, row by row.
    pub losses: Vec<Vec<f64>>,
}

/// What is drawn of a landscape.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Pictures {
    /// Along two filter-normalised random directions.
    pub random: Surface,
    /// On the principal plane of the path.
    pub under_path: Surface,
    /// The path in that plane.
    pub path: Vec<[f64; 2]>,
    /// Share of the path's variance along each of its directions.
    pub explained: [f64; 2],
}

impl Pictures {
    /// Measures both surfaces.
    pub fn take(
        network: &Encoder,
        method: Method,
        settings: &Settings,
        measured: &Measured,
        plane: &PathPlane,
        seed: u64,
    ) -> Result<Self> {
        let around = measured.landscape(network, method, settings)?;
        let direction = |which: &str| {
            let config = DirectionConfig::new().with_seed(drawn(seed, which));
            around.parameters().random_direction(around.origin(), &config)
        };
        let [first, second] = [direction("first direction")?, direction("second direction")?];
        let surface = |directions: [&[f64]; 2], columns: Vec<f64>, rows: Vec<f64>| -> Result<Surface> {
            Ok(Surface { losses: around.surface(directions, &columns, &rows)?, columns, rows })
        };
        let steps = between(-settings.reach, settings.reach, settings.grid);
        let extent = |axis: usize| {
            let places = plane.path.iter().map(|place| place[axis]);
            let (low, high) = (places.clone().fold(f64::INFINITY, f64::min), places.fold(f64::NEG_INFINITY, f64::max));
            let room = MARGIN * (high - low);
            between(low - room, high + room, settings.grid)
        };
        let [along, across] = &plane.directions;
        Ok(Self {
            random: surface([&first, &second], steps.clone(), steps)?,
            under_path: surface([along, across], extent(0), extent(1))?,
            path: plane.path.clone(),
            explained: plane.explained,
        })
    }
}

/// The principal plane of a path.
pub fn plane(path: &[Vec<f32>]) -> Result<PathPlane> {
    let points: Vec<Vec<f64>> =
        path.iter().map(|point| point.iter().map(|value| f64::from(*value)).collect()).collect();
    Ok(PathPlane::of(&points)?)
}

/// Equally distant places, both ends among them; of an odd number the one in the middle is exactly the mean.
fn between(low: f64, high: f64, count: usize) -> Vec<f64> {
    let last = (count - 1) as f64;
    (0..count).map(|at| (low * (last - at as f64) + high * at as f64) / last).collect()
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn a_grid_has_its_ends_and_its_middle() {
        assert_eq!(between(-1.0, 1.0, 5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(between(-0.3, 0.3, 17)[8], 0.0);
    }
}
