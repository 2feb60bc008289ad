//! γ of a focal loss over a training: as high as the share of easy examples.

use super::sigmoid_focal::check;
use super::{FocalLoss, GAMMA, SigmoidFocalLoss};
use crate::error::{ConfigError, InputError, Range};
use burn::config::Config;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

const NAME: &str = "adaptive gamma";

/// Configuration of [`AdaptiveGamma`].
#[derive(Config, Debug)]
pub struct AdaptiveGammaConfig {
    /// γ where no example is easy, in `[0, 100]`. Default: 0, which is cross-entropy.
    #[config(default = 0.0)]
    pub first: f64,
    /// γ where all examples are easy, in `[0, 100]`. Default: 2.
    #[config(default = 2.0)]
    pub last: f64,
    /// An example whose true class has at least this probability is easy; in `[0, 1]`. Default: 0.9.
    #[config(default = 0.9)]
    pub easy: f64,
    /// How much of the running share of easy examples is kept at every batch, in `[0, 1]`: 0 follows each batch, 1 keeps
    /// the first one for ever. Default: 0.9.
    #[config(default = 0.9)]
    pub smoothing: f64,
}

impl AdaptiveGammaConfig {
    /// Creates the schedule, with no batch seen.
    ///
    /// # Errors
    /// If a γ is outside `[0, 100]`, or `easy` or `smoothing` outside `[0, 1]`.
    pub fn try_init(&self) -> Result<AdaptiveGamma, ConfigError> {
        ConfigError::check(NAME, "first", self.first, GAMMA)?;
        ConfigError::check(NAME, "last", self.last, GAMMA)?;
        ConfigError::check(NAME, "easy", self.easy, Range::Within(0.0, 1.0))?;
        ConfigError::check(NAME, "smoothing", self.smoothing, Range::Within(0.0, 1.0))?;
        let Self { first, last, easy, smoothing } = *self;
        Ok(AdaptiveGamma { first, last, easy, smoothing, share: None })
    }

    /// Creates the schedule, with no batch seen.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> AdaptiveGamma {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// γ that follows the share of easy examples, for [`FocalLoss`](crate::FocalLoss) and
/// [`SigmoidFocalLoss`](crate::SigmoidFocalLoss).
///
/// ```text
/// s = share of the batch with p_t ≥ easy
/// S = smoothing · S + (1 − smoothing) · s        S = s at the first batch
/// γ = first + (last − first) · S
/// ```
///
/// While the network knows little, no example is easy and γ stays at `first`; as easy examples begin to drown the others,
/// γ rises towards `last` and takes weight from them. γ never leaves `[first, last]`. It is a constant of the batch: no
/// gradient flows through it. A batch in which nothing counts changes nothing. A logit that isn't finite is an error and
/// changes nothing.
///
/// The state is S alone. It is saved with serde; a loaded one goes on as the saved one would have.
///
/// **Use it** where the length of the training, which a [`GammaSchedule`](crate::GammaSchedule) needs, isn't known.
/// **Don't** where the common class is so frequent that a constant guess makes almost all examples easy: γ is then high
/// from the start, and `easy` or the course has to be chosen by hand.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{AdaptiveGammaConfig, SigmoidFocalLossConfig};
///
/// let device = Device::flex();
/// let mut focal = SigmoidFocalLossConfig::new().init();
/// let mut adaptive = AdaptiveGammaConfig::new().with_smoothing(0.5).init();
/// // The probabilities of the true class are 0.95, 0.5, 0.05 and 0.98: half of them are easy.
/// let logits = Tensor::<1>::from_data([2.944, 0.0, 2.944, -3.892], &device);
/// let targets = Tensor::<1>::from_data([1.0, 1.0, 0.0, 0.0], &device);
/// assert_eq!(adaptive.adapt_sigmoid(&mut focal, logits.clone(), targets.clone())?, 1.0);
/// let loss = focal.forward(logits, targets); // with γ = 1
/// assert_eq!(adaptive.observe(4, 4), 1.5); // all easy: S = ½·½ + ½·1
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveGamma {
    first: f64,
    last: f64,
    easy: f64,
    smoothing: f64,
    /// S, once a batch was seen.
    share: Option<f64>,
}

impl AdaptiveGamma {
    /// γ as it is now; `first` before the first batch.
    pub fn gamma(&self) -> f64 {
        let gamma = self.first + (self.last - self.first) * self.share.unwrap_or(0.0);
        gamma.clamp(self.first.min(self.last), self.first.max(self.last))
    }

    /// The running share of easy examples; none before the first batch.
    pub fn easy_share(&self) -> Option<f64> {
        self.share
    }

    /// Takes note of a batch by its numbers, and returns the new γ. A batch without examples changes nothing.
    ///
    /// # Panics
    /// If there are more easy examples than examples.
    pub fn observe(&mut self, easy: usize, examples: usize) -> f64 {
        assert!(easy <= examples, "{NAME}: {easy} of {examples} examples can't be easy");
        if examples > 0 {
            let now = easy as f64 / examples as f64;
            self.share = Some(self.share.map_or(now, |share| self.smoothing * share + (1.0 - self.smoothing) * now));
        }
        self.gamma()
    }

    /// Takes note of a batch, gives the loss the new γ, and returns it. What the loss ignores doesn't count.
    ///
    /// # Shapes
    /// - `logits`: `[n, classes]`
    /// - `targets`: `[n]`, class indices in `[0, classes)` or the ignore index
    ///
    /// # Errors
    /// Where [`FocalLoss::try_forward`] returns one, or if a logit that counts isn't finite.
    pub fn adapt(
        &mut self,
        loss: &mut FocalLoss,
        logits: Tensor<2>,
        targets: Tensor<1, Int>,
    ) -> Result<f64, InputError> {
        let [_, classes] = logits.dims();
        let targets = loss.check(&logits, targets)?.indices;
        let rows = on_host(logits);
        let (mut easy, mut examples) = (0, 0);
        for (at, target) in targets.iter().enumerate().filter(|(_, target)| loss.ignore_index != Some(**target)) {
            let row = &rows[at * classes..(at + 1) * classes];
            check_finite(row, at * classes)?;
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|logit| (logit - top).exp()).sum();
            examples += 1;
            easy += usize::from((row[*target as usize] - top).exp() / sum >= self.easy);
        }
        let gamma = self.observe(easy, examples);
        loss.set_gamma(gamma).expect("γ stays between two that were checked");
        Ok(gamma)
    }

    /// Takes note of a batch, gives the loss the new γ, and returns it. Every element is an example; for a soft target,
    /// `1 − |p − t|` stands for the probability of the true class.
    ///
    /// # Shapes
    /// - `logits`: any
    /// - `targets`: the same, with values in `[0, 1]`
    ///
    /// # Errors
    /// Where [`SigmoidFocalLoss::try_forward`] returns one, or if a logit or a target isn't finite.
    pub fn adapt_sigmoid<const D: usize>(
        &mut self,
        loss: &mut SigmoidFocalLoss,
        logits: Tensor<D>,
        targets: Tensor<D>,
    ) -> Result<f64, InputError> {
        check(&logits, &targets)?;
        let (logits, targets) = (on_host(logits), on_host(targets));
        check_finite(&logits, 0)?;
        if let Some(index) = targets.iter().position(|target| target.is_nan()) {
            return Err(not_finite("targets", index, f64::NAN));
        }
        // Of |p − t| = |σ(x) − t| nothing is lost where t is 0 or 1.
        let wrong = |(logit, target): (&f64, &f64)| match *target {
            1.0 => sigmoid(-logit),
            target => (sigmoid(*logit) - target).abs(),
        };
        let easy = logits.iter().zip(&targets).filter(|pair| 1.0 - wrong(*pair) >= self.easy).count();
        let gamma = self.observe(easy, logits.len());
        loss.set_gamma(gamma).expect("γ stays between two that were checked");
        Ok(gamma)
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn on_host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.inner().into_data().convert::<f64>().try_into_vec().expect("f64 values")
}

fn check_finite(logits: &[f64], from: usize) -> Result<(), InputError> {
    match logits.iter().position(|logit| !logit.is_finite()) {
        None => Ok(()),
        Some(at) => Err(not_finite("logits", from + at, logits[at])),
    }
}

fn not_finite(tensor: &'static str, index: usize, value: f64) -> InputError {
    InputError::Value { loss: NAME, tensor, allowed: "finite".into(), index, value: value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FocalLossConfig, SigmoidFocalLossConfig};
    use burn::tensor::Device;

    fn matrix<const R: usize, const C: usize>(rows: [[f32; C]; R]) -> Tensor<2> {
        Tensor::from_data(rows, &Device::flex().autodiff())
    }

    fn classes<const N: usize>(targets: [i64; N]) -> Tensor<1, Int> {
        Tensor::from_data(targets, &Device::flex())
    }

    #[test]
    fn the_share_is_smoothed_and_bounds_hold() {
        let mut adaptive = AdaptiveGammaConfig::new().with_first(1.0).with_last(3.0).with_smoothing(0.75).init();
        assert_eq!((adaptive.gamma(), adaptive.easy_share()), (1.0, None));
        assert_eq!(adaptive.observe(0, 0), 1.0);
        assert_eq!(adaptive.easy_share(), None);
        assert_eq!(adaptive.observe(1, 2), 2.0);
        assert_eq!(adaptive.observe(4, 4), 1.0 + 2.0 * 0.625);
        let mut last = adaptive.gamma();
        for _ in 0..200 {
            let gamma = adaptive.observe(9, 9);
            assert!((last..=3.0).contains(&gamma));
            last = gamma;
        }
        assert!(3.0 - last < 1e-9);
        // The other way round: γ falls as the examples become easy.
        let mut falling = AdaptiveGammaConfig::new().with_first(2.0).with_last(0.0).with_smoothing(0.0).init();
        assert_eq!([falling.observe(0, 3), falling.observe(3, 3)], [2.0, 0.0]);
    }

    #[test]
    fn softmax_examples_are_counted_without_those_that_are_ignored() {
        let mut loss = FocalLossConfig::new().with_ignore_index(Some(-1)).init();
        // p_y: 1, ½, ~0, and one that is ignored, whatever stands in it.
        let logits = matrix([[1e4, 0.0], [3.0, 3.0], [-50.0, 50.0], [f32::NAN, 0.0]]);
        let mut adaptive = AdaptiveGammaConfig::new().init();
        let gamma = adaptive.adapt(&mut loss, logits.clone(), classes([0, 1, 0, -1])).unwrap();
        assert!((gamma - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(loss.gamma(), gamma);
        // The value is that of a focal loss with this γ.
        let fixed = FocalLossConfig::new().with_ignore_index(Some(-1)).with_gamma(gamma).init();
        let targets = classes([0, 1, 0, -1]);
        let [a, b] = [loss, fixed].map(|loss| loss.forward(logits.clone(), targets.clone()).into_scalar::<f32>());
        assert_eq!(a.to_bits(), b.to_bits());
    }

    #[test]
    fn a_threshold_is_inclusive_and_soft_targets_are_measured_by_distance() {
        let mut loss = SigmoidFocalLossConfig::new().init();
        let mut count = |easy: f64, logits: [f32; 2], targets: [f32; 2]| {
            let mut adaptive = AdaptiveGammaConfig::new().with_easy(easy).with_last(1.0).init();
            adaptive.adapt_sigmoid(&mut loss, matrix([logits]), matrix([targets])).unwrap()
        };
        assert_eq!(count(0.5, [0.0, 0.0], [0.0, 1.0]), 1.0);
        assert_eq!(count(1.0, [1e4, -1e4], [1.0, 0.0]), 1.0);
        assert_eq!(count(1.0, [0.0, 1e4], [0.5, 0.0]), 0.5);
    }

    #[test]
    fn what_cannot_be_judged_changes_nothing() {
        let (mut loss, mut sigmoid) = (FocalLossConfig::new().init(), SigmoidFocalLossConfig::new().init());
        let mut adaptive = AdaptiveGammaConfig::new().init();
        adaptive.observe(1, 2);
        let before = adaptive;
        let nan = matrix([[1.0, f32::NAN]]);
        let error = adaptive.adapt(&mut loss, nan.clone(), classes([0])).unwrap_err().to_string();
        assert_eq!(error, "adaptive gamma: logits must be finite, but element 1 is NaN");
        assert!(adaptive.adapt(&mut loss, matrix([[1.0, 2.0]]), classes([2])).is_err());
        assert!(adaptive.adapt_sigmoid(&mut sigmoid, nan.clone(), matrix([[1.0, 0.0]])).is_err());
        assert!(adaptive.adapt_sigmoid(&mut sigmoid, matrix([[1.0, 0.0]]), nan).is_err());
        assert!(adaptive.adapt_sigmoid(&mut sigmoid, matrix([[1.0, 0.0]]), matrix([[1.0]])).is_err());
        assert_eq!((adaptive, loss.gamma(), sigmoid.gamma()), (before, 2.0, 2.0));
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let text = |config: AdaptiveGammaConfig| config.try_init().unwrap_err().to_string();
        let config = AdaptiveGammaConfig::new;
        assert_eq!(text(config().with_first(101.0)), "adaptive gamma: first must be in [0, 100], but is 101");
        assert_eq!(text(config().with_last(-0.5)), "adaptive gamma: last must be in [0, 100], but is -0.5");
        assert_eq!(text(config().with_easy(1.5)), "adaptive gamma: easy must be in [0, 1], but is 1.5");
        assert_eq!(text(config().with_smoothing(f64::NAN)), "adaptive gamma: smoothing must be in [0, 1], but is NaN");
    }

    #[test]
    fn a_saved_state_goes_on_as_it_would_have() {
        let mut adaptive = AdaptiveGammaConfig::new().init();
        adaptive.observe(1, 4);
        let mut loaded: AdaptiveGamma = serde_json::from_str(&serde_json::to_string(&adaptive).unwrap()).unwrap();
        assert_eq!(adaptive.observe(3, 4), loaded.observe(3, 4));
    }
}
