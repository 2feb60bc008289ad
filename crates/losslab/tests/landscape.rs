//! The landscape of a loss, against losses whose landscape is known.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device, Tensor, TensorData};
use losslab::landscape::*;

fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(values: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape).convert_dtype(dtype), (&device(), dtype))
}

/// Numbers without a pattern, in [−1, 1].
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

/// A vector of parameters, for losses by formula.
#[derive(Module, Debug)]
struct Point {
    x: Param<Tensor<1>>,
}

impl Point {
    fn at(values: &[f64], dtype: DType) -> Self {
        Self { x: Param::from_tensor(tensor(values, [values.len()], dtype)) }
    }
}

/// `Σ λᵢ·qᵢqᵢᵀ` for orthonormal q made from noise.
fn matrix(eigenvalues: &[f64]) -> Vec<Vec<f64>> {
    let n = eigenvalues.len();
    let mut q: Vec<Vec<f64>> = Vec::new();
    for at in 0..n {
        let mut row = noise(n, at as u64 + 1);
        for _ in 0..2 {
            for other in &q {
                let part = dot(&row, other);
                row.iter_mut().zip(other).for_each(|(x, y)| *x -= part * y);
            }
        }
        let length = dot(&row, &row).sqrt();
        q.push(row.iter().map(|x| x / length).collect());
    }
    let cell = |i: usize, j: usize| (0..n).map(|k| eigenvalues[k] * q[k][i] * q[k][j]).sum();
    (0..n).map(|i| (0..n).map(|j| cell(i, j)).collect()).collect()
}

/// `½ (x − c)ᵀA(x − c)` around a point.
fn quadratic(
    eigenvalues: &[f64],
    centre: &[f64],
    at: &[f64],
    dtype: DType,
) -> LossLandscape<Point, impl Fn(&Point) -> Tensor<1> + use<>> {
    let n = centre.len();
    let a = tensor(&matrix(eigenvalues).concat(), [n, n], dtype);
    let centre = tensor(centre, [n], dtype);
    LossLandscape::try_new(&Point::at(at, dtype), NormalizationStatistics::Frozen, move |point: &Point| {
        let off = (point.x.val() - centre.clone()).unsqueeze_dim::<2>(0);
        (off.clone().matmul(a.clone()) * off).sum() * 0.5
    })
    .unwrap()
}

const EIGENVALUES: [f64; 8] = [5.0, 4.0, 3.0, 1.0, 0.5, 0.0, -0.25, -2.0];

#[test]
fn the_ends_of_a_known_spectrum_are_found() {
    for (dtype, tolerance) in [(DType::F64, 1e-7), (DType::F32, 0.02)] {
        let landscape = quadratic(&EIGENVALUES, &noise(8, 50), &noise(8, 51), dtype);
        let spectrum = landscape.spectrum(&LanczosConfig::new().with_count(3)).unwrap();
        assert!(spectrum.converged && spectrum.steps <= 8);
        for (found, expected) in spectrum.largest.iter().zip([5.0, 4.0, 3.0]) {
            close(found.value, expected, tolerance);
        }
        close(spectrum.smallest.value, -2.0, tolerance);
        for (vector, eigenvalue) in spectrum.vectors.iter().zip(&spectrum.largest) {
            close(dot(vector, vector), 1.0, 1e-9);
            let image = landscape.hessian_product(vector).unwrap();
            let error: f64 = image.iter().zip(vector).map(|(x, v)| (x - eigenvalue.value * v).powi(2)).sum();
            assert!(error.sqrt() < tolerance.max(1e-3) * 10.0, "{error}");
        }
        close(dot(&spectrum.vectors[0], &spectrum.vectors[1]), 0.0, 1e-9);
    }
}

#[test]
fn lanczos_agrees_with_the_laplacian_of_a_chain() {
    let n = 200;
    let chain = |x: &[f64]| -> Result<Vec<f64>, LandscapeError> {
        let at = |i: usize| x.get(i).copied().unwrap_or(0.0);
        Ok((0..n).map(|i| 2.0 * x[i] - at(i.wrapping_sub(1)) - at(i + 1)).collect())
    };
    let expected = |k: usize| 2.0 - 2.0 * (std::f64::consts::PI * k as f64 / (n + 1) as f64).cos();
    let config = LanczosConfig::new().with_count(4).with_max_steps(n).with_tolerance(1e-9);
    let spectrum = lanczos(n, &config, chain).unwrap();
    assert!(spectrum.converged);
    for (at, found) in spectrum.largest.iter().enumerate() {
        close(found.value, expected(n - at), 1e-7);
    }
    close(spectrum.smallest.value, expected(1), 1e-7);
    // Cut short, it says so, and its error bound holds.
    let short = lanczos(n, &LanczosConfig::new().with_max_steps(12).with_tolerance(1e-9), chain).unwrap();
    assert!(!short.converged && short.steps == 12);
    let nearest = (1..=n).map(|k| (expected(k) - short.largest[0].value).abs()).fold(f64::INFINITY, f64::min);
    assert!(nearest <= short.largest[0].error + 1e-12);
    // All eigenvalues equal: every vector is one.
    let same = |x: &[f64]| -> Result<Vec<f64>, LandscapeError> { Ok(x.iter().map(|x| 3.0 * x).collect()) };
    let spectrum = lanczos(5, &LanczosConfig::new().with_count(5), same).unwrap();
    assert!(spectrum.largest.iter().all(|found| (found.value - 3.0).abs() < 1e-12) && spectrum.converged);
    // Nothing at all.
    let nothing = |x: &[f64]| -> Result<Vec<f64>, LandscapeError> { Ok(vec![0.0; x.len()]) };
    assert_eq!(lanczos(4, &LanczosConfig::new(), nothing).unwrap().largest[0].value, 0.0);
}

#[test]
fn the_trace_comes_with_an_error_that_is_right() {
    let landscape = quadratic(&EIGENVALUES, &noise(8, 50), &noise(8, 51), DType::F64);
    let config = HutchinsonConfig::new().with_samples(400);
    let estimate = landscape.trace(&config).unwrap();
    close(estimate.trace, EIGENVALUES.iter().sum(), 4.0 * estimate.standard_error);
    // The variance of vᵀHv for signs is twice the sum of the squares beside the diagonal.
    let a = matrix(&EIGENVALUES);
    let beside: f64 =
        (0..8).flat_map(|i| (0..8).filter(move |j| *j != i).map(move |j| (i, j))).map(|(i, j)| a[i][j].powi(2)).sum();
    let expected = (2.0 * beside / 400.0).sqrt();
    assert!((0.8..1.25).contains(&(estimate.standard_error / expected)), "{estimate:?}, {expected}");
    // Of a diagonal matrix every sample is the trace.
    let diagonal = |x: &[f64]| -> Result<Vec<f64>, LandscapeError> {
        Ok(x.iter().enumerate().map(|(at, x)| at as f64 * x).collect())
    };
    let exact = hutchinson(5, &HutchinsonConfig::new(), diagonal).unwrap();
    assert_eq!((exact.trace, exact.standard_error), (10.0, 0.0));
}

#[test]
fn sharpness_of_a_quadratic_by_hand() {
    // At the minimum: ½·λ·r², and a gradient of 0 leads nowhere.
    let centre = noise(8, 50);
    let landscape = quadratic(&[4.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0], &centre, &centre, DType::F64);
    let config = SharpnessConfig::new().with_radius(0.1).with_steps(40);
    let found = landscape.sharpness(&config).unwrap();
    close(found.radius, 0.1 * dot(&centre, &centre).sqrt(), 1e-12);
    assert_eq!((found.centre, found.one_step), (0.0, 0.0));
    close(found.maximum, 0.5 * 4.0 * found.radius.powi(2), 1e-6);
}

/// `xᵀAx / xᵀx` doesn't change when x is scaled.
#[test]
fn sharpness_doesnt_change_with_the_scale_of_a_network_that_doesnt_depend_on_it() {
    let start = noise(6, 9);
    let a = tensor(&matrix(&[3.0, 2.0, 1.0, 0.5, 0.2, 0.1]).concat(), [6, 6], DType::F64);
    let sharpness = |scale: f64| {
        let a = a.clone();
        let at: Vec<f64> = start.iter().map(|x| scale * x).collect();
        let loss = move |point: &Point| {
            let x = point.x.val().unsqueeze_dim::<2>(0);
            (x.clone().matmul(a.clone()) * x.clone()).sum() / (x.clone() * x).sum()
        };
        let landscape =
            LossLandscape::try_new(&Point::at(&at, DType::F64), NormalizationStatistics::Frozen, loss).unwrap();
        landscape.sharpness(&SharpnessConfig::new()).unwrap()
    };
    let [one, seven] = [1.0, 7.0].map(sharpness);
    close(seven.one_step, one.one_step, 1e-9);
    close(seven.maximum, one.maximum, 1e-9);
    assert!(one.maximum >= one.one_step && one.one_step > 0.0);
}

/// Every kind of parameter.
#[derive(Module, Debug)]
struct Network {
    conv: Conv2d,
    up: ConvTranspose2d,
    norm: BatchNorm,
    dropout: Dropout,
    output: Linear,
}

impl Network {
    fn new() -> Self {
        let device = device();
        let network = Self {
            conv: Conv2dConfig::new([1, 3], [2, 2]).init(&device),
            up: ConvTranspose2dConfig::new([3, 2], [2, 2]).init(&device),
            norm: BatchNormConfig::new(2).init(&device),
            dropout: DropoutConfig::new(0.5).init(),
            output: LinearConfig::new(32, 3).init(&device),
        };
        let parameters = Parameters::of(&network);
        // Burn draws first weights from a generator that all tests share.
        in_f64(&parameters.write(&network, &noise(parameters.len(), 3)).unwrap())
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let seen = relu(self.norm.forward(self.up.forward(relu(self.conv.forward(images)))));
        self.output.forward(self.dropout.forward(seen.flatten(1, 3)))
    }
}

fn images() -> Tensor<4> {
    tensor(&noise(6 * 16, 7), [6, 1, 4, 4], DType::F64)
}

fn cost(network: &Network) -> Tensor<1> {
    (network.forward(images()) - 1.0).square().mean()
}

fn running(network: &Network) -> Vec<f64> {
    let read = |values: Tensor<1>| values.into_data().convert::<f64>().try_into_vec::<f64>().unwrap();
    let valid = network.valid();
    [valid.norm.running_mean.value(), valid.norm.running_var.value()].into_iter().flat_map(read).collect()
}

#[test]
fn parameters_are_read_and_written_as_one_vector_and_nothing_else_is() {
    let network = Network::new();
    let parameters = Parameters::of(&network);
    let names: Vec<(&str, Option<usize>, usize)> =
        parameters.blocks().map(|block| (block.name.as_str(), block.filters, block.range.len())).collect();
    assert_eq!(
        names,
        [
            ("conv.weight", Some(0), 12),
            ("conv.bias", None, 3),
            ("up.weight", Some(1), 24),
            ("up.bias", None, 2),
            ("norm.gamma", None, 2),
            ("norm.beta", None, 2),
            ("output.weight", Some(1), 96),
            ("output.bias", None, 3),
        ]
    );
    assert_eq!(parameters.len(), 144);
    let before = parameters.read(&network);
    let other = noise(144, 77);
    let written = parameters.write(&network, &other).unwrap();
    assert_eq!((parameters.read(&written), parameters.read(&network)), (other, before));
    // Training the copy leaves the statistics of the first alone.
    let statistics = running(&network);
    written.forward(images());
    assert_ne!(running(&written), statistics);
    assert_eq!(running(&network), statistics);
    // What is frozen isn't among them, and one that was made for evaluation has the same.
    let frozen = Network { conv: network.conv.clone().freeze(), ..network.clone() };
    assert_eq!(Parameters::of(&frozen).len(), 144 - 15);
    assert_eq!(Parameters::of(&network.valid()).len(), 144);
    let error = parameters.write(&network, &[1.0]).unwrap_err().to_string();
    assert_eq!(error, "landscape: parameters must have shape [144] (one number for each parameter), but has [1]");
}

#[test]
fn filters_of_a_direction_are_as_long_as_those_of_the_network() {
    let network = Network::new();
    let parameters = Parameters::of(&network);
    let mut at = parameters.read(&network);
    // The second filter of the convolution is 0.
    at[4..8].fill(0.0);
    let config = DirectionConfig::new().with_seed(5);
    let direction = parameters.random_direction(&at, &config).unwrap();
    let length =
        |values: &[f64], places: &[usize]| places.iter().map(|place| values[*place].powi(2)).sum::<f64>().sqrt();
    let same = |places: &[usize]| close(length(&direction, places), length(&at, places), 1e-12);
    (0..3).for_each(|filter| same(&(4 * filter..4 * filter + 4).collect::<Vec<_>>()));
    assert_eq!(direction[4..8], [0.0; 4]);
    // The transposed convolution has its filters along its second axis, the dense layer too.
    for filter in 0..2 {
        let places = (0..3).flat_map(|input| (0..4).map(move |cell| 15 + input * 8 + filter * 4 + cell));
        same(&places.collect::<Vec<_>>());
    }
    (0..3).for_each(|output| same(&(0..32).map(|input| 45 + input * 3 + output).collect::<Vec<_>>()));
    // Vectors stay, or are one filter each.
    for block in parameters.blocks().filter(|block| block.filters.is_none()) {
        assert!(direction[block.range.clone()].iter().all(|value| *value == 0.0), "{}", block.name);
    }
    let scaled = parameters.random_direction(&at, &config.clone().with_vectors(VectorParameters::Scaled)).unwrap();
    for block in parameters.blocks() {
        let places: Vec<usize> = block.range.clone().collect();
        close(length(&scaled, &places), length(&at, &places), 1e-12);
    }
    assert_eq!(direction, parameters.random_direction(&at, &config).unwrap());
    let other = parameters.random_direction(&at, &DirectionConfig::new().with_seed(6)).unwrap();
    assert!(dot(&direction, &other).abs() < 0.5 * dot(&direction, &direction));
}

#[derive(Module, Debug)]
struct Two {
    first: Linear,
    second: Linear,
}

/// Ten times the first layer and a tenth of the second are the same ReLU network.
#[test]
fn rescaling_layers_that_undo_each_other_leaves_the_slice_as_it_is() {
    let device = device();
    let two = Two { first: LinearConfig::new(4, 5).init(&device), second: LinearConfig::new(5, 2).init(&device) };
    let parameters = Parameters::of(&two);
    let values = noise(parameters.len(), 11);
    let inputs = tensor(&noise(32, 12), [8, 4], DType::F64);
    let line = |scale: f64| {
        let scaled: Vec<f64> = parameters
            .blocks()
            .flat_map(|block| {
                let scale = match block.name.as_str() {
                    "second.weight" => 1.0 / scale,
                    "second.bias" => 1.0,
                    _ => scale,
                };
                values[block.range.clone()].iter().map(move |value| scale * value)
            })
            .collect();
        let two = parameters.write(&in_f64(&two), &scaled).unwrap();
        let cost = |two: &Two| two.second.forward(relu(two.first.forward(inputs.clone()))).square().mean();
        let landscape = LossLandscape::try_new(&two, NormalizationStatistics::Frozen, cost).unwrap();
        let direction = landscape.parameters().random_direction(landscape.origin(), &DirectionConfig::new()).unwrap();
        landscape.line(&direction, &[-1.0, -0.5, 0.0, 0.25, 1.0]).unwrap()
    };
    let [plain, scaled] = [1.0, 10.0].map(line);
    plain.iter().zip(&scaled).for_each(|(a, b)| close(*a, *b, 1e-12));
    assert!((plain[0] - plain[2]).abs() > 1e-3);
}

#[test]
fn frozen_batch_and_recomputed_statistics_do_what_they_say() {
    let network = Network::new();
    // Statistics that aren't those of the data.
    network.forward(images());
    let statistics = running(&network);
    let number = |loss: Tensor<1>| loss.into_data().convert::<f64>().try_into_vec::<f64>().unwrap()[0];
    let of = |policy| LossLandscape::try_new(&network, policy, cost).unwrap();
    let [frozen, recomputed, batch] =
        [NormalizationStatistics::Frozen, NormalizationStatistics::Recomputed, NormalizationStatistics::Batch].map(of);

    let origin = frozen.origin().to_vec();
    close(frozen.loss(&origin).unwrap(), number(cost(&network.valid())), 1e-12);
    // A copy in training whose dropout is off.
    let direct = Network {
        dropout: DropoutConfig::new(0.0).init(),
        ..Parameters::of(&network).write(&network, &origin).unwrap()
    };
    close(batch.loss(&origin).unwrap(), number(cost(&direct)), 1e-12);
    assert!((frozen.loss(&origin).unwrap() - batch.loss(&origin).unwrap()).abs() > 1e-3);

    let away: Vec<f64> = origin.iter().zip(noise(144, 21)).map(|(x, d)| x + 0.3 * d).collect();
    // One batch has its own mean and variance, but for n against n − 1 in the running variance.
    let [by_pass, by_batch, fixed] = [&recomputed, &batch, &frozen].map(|landscape| landscape.loss(&away).unwrap());
    close(by_pass, by_batch, 0.02 * by_batch);
    assert!((fixed - by_batch).abs() > 0.05 * by_batch, "{fixed} {by_batch}");
    assert_eq!(recomputed.loss(&away).unwrap(), by_pass);
    assert_eq!(running(&network), statistics);

    // Gradients fit the losses, in both.
    for landscape in [&frozen, &batch] {
        let (loss, gradient) = landscape.gradient(&away).unwrap();
        close(loss, landscape.loss(&away).unwrap(), 1e-12);
        let direction = noise(144, 22);
        let step = 1e-6;
        let moved = |sign: f64| {
            let point: Vec<f64> = away.iter().zip(&direction).map(|(x, d)| x + sign * step * d).collect();
            landscape.loss(&point).unwrap()
        };
        close((moved(1.0) - moved(-1.0)) / (2.0 * step), dot(&gradient, &direction), 1e-6);
    }
    let error = recomputed.gradient(&away).unwrap_err().to_string();
    assert!(error.starts_with("landscape: statistics must be frozen or batch"), "{error}");
    assert_eq!(running(&network), statistics);
}

/// Batches weigh as momentum weighs them: 0.1 for the last and 0.09 for the one before, over their sum.
#[test]
fn recomputed_statistics_average_over_batches_whatever_the_momentum() {
    let device = device();
    let norm = in_f64(&BatchNormConfig::new(1).with_momentum(0.1).init(&device));
    let batch = |values: [f64; 2]| tensor(&values, [2, 1], DType::F64);
    let cost = |norm: &BatchNorm| {
        norm.forward(batch([1.0, 3.0]));
        norm.forward(batch([5.0, 7.0])).mean()
    };
    let landscape = LossLandscape::try_new(&norm, NormalizationStatistics::Recomputed, cost).unwrap();
    // Burn's running variance, whichever of the two it is, is the same for both batches.
    let mean = (0.1 * 6.0 + 0.09 * 2.0) / 0.19;
    let [biased, unbiased] = [1.0f64, 2.0].map(|variance| (6.0 - mean) / (variance + 1e-5).sqrt());
    let found = landscape.loss(landscape.origin()).unwrap();
    assert!([biased, unbiased].iter().any(|expected| (found - expected).abs() < 1e-9), "{found} {biased} {unbiased}");
    let still = in_f64(&BatchNormConfig::new(1).with_momentum(0.0).init(&device));
    let error = LossLandscape::try_new(&still, NormalizationStatistics::Recomputed, cost).unwrap_err().to_string();
    assert!(error.contains("momentum"), "{error}");
}

#[test]
fn the_distance_of_the_gradients_decides_over_which_kinks_a_hessian_goes() {
    // A quadratic has the same Hessian at every distance.
    let near = quadratic(&EIGENVALUES, &noise(8, 50), &noise(8, 51), DType::F64);
    let far = quadratic(&EIGENVALUES, &noise(8, 50), &noise(8, 51), DType::F64).with_distance(0.1).unwrap();
    let vector = noise(8, 3);
    for (a, b) in near.hessian_product(&vector).unwrap().iter().zip(far.hessian_product(&vector).unwrap()) {
        close(*a, b, 1e-8);
    }
    // The slope of |x| turns from −1 to 1 at 0, which is 0.001 away.
    let kink = |distance: f64| {
        let at = Point::at(&[0.001], DType::F64);
        let loss = |point: &Point| point.x.val().abs();
        let landscape = LossLandscape::try_new(&at, NormalizationStatistics::Frozen, loss).unwrap();
        landscape.with_distance(distance).unwrap().hessian_product(&[2.0]).unwrap()[0]
    };
    assert_eq!(kink(1e-4), 0.0);
    close(kink(0.01), 2.0 / (2.0 * 0.01) * 2.0, 1e-9);
    let error = near.with_distance(0.0).unwrap_err().to_string();
    assert_eq!(error, "landscape: distance must be above 0, but is 0");
}

#[test]
fn surfaces_are_made_of_the_losses_at_their_points() {
    let landscape = quadratic(&EIGENVALUES, &noise(8, 50), &noise(8, 51), DType::F64);
    let [a, b] = [noise(8, 1), noise(8, 2)];
    let (x, y) = ([-1.0, 0.0, 2.0], [0.5, 0.0]);
    let surface = landscape.surface([&a, &b], &x, &y).unwrap();
    for (row, y) in surface.iter().zip(y) {
        for (found, x) in row.iter().zip(x) {
            let point: Vec<f64> = (0..8).map(|at| landscape.origin()[at] + x * a[at] + y * b[at]).collect();
            close(*found, landscape.loss(&point).unwrap(), 1e-12);
        }
    }
    assert_eq!(surface[1], landscape.line(&a, &x).unwrap());
}

#[test]
fn the_plane_of_a_path_shows_most_of_it() {
    // A path in the plane of two orthogonal vectors, and a little beside it.
    let (mut u, mut v, mut w) = (vec![0.0; 30], vec![0.0; 30], vec![0.0; 30]);
    (u[3], v[7], w[11]) = (1.0, 1.0, 1.0);
    let start = noise(30, 4);
    let at = |step: usize| -> Vec<f64> {
        let t = step as f64 / 9.0;
        let (along, across, beside) =
            (4.0 * (1.0 - t), (6.0 * t).sin(), 0.01 * f64::from(u8::from(step.is_multiple_of(2))));
        (0..30).map(|i| start[i] + along * u[i] + across * v[i] + beside * w[i]).collect()
    };
    let points: Vec<Vec<f64>> = (0..10).map(at).collect();
    let plane = PathPlane::of(&points).unwrap();
    let [first, second] = &plane.directions;
    close(dot(first, first), 1.0, 1e-12);
    close(dot(second, second), 1.0, 1e-12);
    close(dot(first, second), 0.0, 1e-12);
    assert!(plane.explained[0] > plane.explained[1] && plane.explained.iter().sum::<f64>() > 0.999);
    assert_eq!(plane.path[9], [0.0, 0.0]);
    assert!(plane.path[0][0] < 0.0);
    for (point, [x, y]) in points.iter().zip(&plane.path) {
        let beside: f64 = (0..30).map(|i| (point[i] - points[9][i] - x * first[i] - y * second[i]).powi(2)).sum();
        assert!(beside.sqrt() < 0.02);
    }
    // The variance along a direction is its share of all.
    let variance = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / 10.0;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let total: f64 = (0..30).map(|i| variance(points.iter().map(|point| point[i]).collect())).sum();
    for axis in 0..2 {
        close(variance(plane.path.iter().map(|place| place[axis]).collect()) / total, plane.explained[axis], 1e-9);
    }
    // A line has no plane, and two points have none.
    let line: Vec<Vec<f64>> = (0..5).map(|step| vec![f64::from(step), 2.0 * f64::from(step)]).collect();
    assert!(PathPlane::of(&line).unwrap_err().to_string().contains("not all on one line"));
    assert!(PathPlane::of(&points[..2]).unwrap_err().to_string().contains("3 or more"));
    assert!(PathPlane::of(&[vec![1.0], vec![1.0, 2.0], vec![0.0, 0.0]]).is_err());
    assert!(PathPlane::of(&[vec![f64::NAN, 1.0], vec![1.0, 2.0], vec![0.0, 0.0]]).is_err());
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let landscape = quadratic(&EIGENVALUES, &noise(8, 50), &noise(8, 51), DType::F64);
    let text = |error: LandscapeError| error.to_string();
    assert!(text(landscape.loss(&[0.0; 3]).unwrap_err()).contains("must have shape [8]"));
    assert!(text(landscape.line(&[0.0; 3], &[0.0]).unwrap_err()).contains("direction must have shape [8]"));
    assert!(
        text(landscape.spectrum(&LanczosConfig::new().with_count(9)).unwrap_err()).contains("count must be in [1, 8]")
    );
    assert!(text(landscape.spectrum(&LanczosConfig::new().with_max_steps(0)).unwrap_err()).contains("max_steps"));
    assert!(text(landscape.trace(&HutchinsonConfig::new().with_samples(1)).unwrap_err()).contains("samples"));
    assert!(text(landscape.sharpness(&SharpnessConfig::new().with_radius(0.0)).unwrap_err()).contains("radius"));
    let of = |values: &[f64], loss: fn(&Point) -> Tensor<1>| {
        LossLandscape::try_new(&Point::at(values, DType::F64), NormalizationStatistics::Frozen, loss)
    };
    assert!(text(of(&[f64::NAN], |point| point.x.val()).unwrap_err()).contains("element 0 is NaN"));
    let still = Point::at(&[1.0], DType::F64).freeze();
    let none = LossLandscape::try_new(&still, NormalizationStatistics::Frozen, |point: &Point| point.x.val());
    assert!(text(none.unwrap_err()).contains("requires gradients"));
    let wide = of(&[1.0, 2.0], |point| point.x.val()).unwrap();
    assert!(text(wide.loss(&[1.0, 2.0]).unwrap_err()).contains("loss must have shape [1]"));
    // A loss that isn't a number is one; its curvature isn't.
    let log = of(&[1.0], |point| point.x.val().log()).unwrap();
    assert!(log.loss(&[-1.0]).unwrap().is_nan());
    assert!(text(log.gradient(&[0.0]).unwrap_err()).contains("gradient must be finite"));
}
