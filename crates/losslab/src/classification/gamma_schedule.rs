//! γ of a focal loss over a training: a planned course.

use super::GAMMA;
use crate::error::{ConfigError, Range};
use burn::config::Config;
use serde::{Deserialize, Serialize};

const NAME: &str = "gamma schedule";

/// How γ goes from its first to its last value.
#[derive(Config, Copy, Debug, PartialEq, Eq)]
pub enum GammaCourse {
    /// It has its last value throughout.
    Constant,
    /// Along a straight line.
    Linear,
    /// Along half a period of a cosine: slowly at both ends.
    Cosine,
    /// In this many jumps of one height, one after each equal part of the time.
    Steps(usize),
}

/// Configuration of [`GammaSchedule`].
#[derive(Config, Debug)]
pub struct GammaScheduleConfig {
    /// How γ gets from `first` to `last`.
    pub course: GammaCourse,
    /// γ at the start, in `[0, 100]`. Default: 0, which is cross-entropy.
    #[config(default = 0.0)]
    pub first: f64,
    /// γ at the end, in `[0, 100]`. Default: 2.
    #[config(default = 2.0)]
    pub last: f64,
    /// The share of the training in which γ moves, in `(0, 1]`; it stays at `last` for the rest. Default: 1.
    #[config(default = 1.0)]
    pub over: f64,
}

impl GammaScheduleConfig {
    /// Creates the schedule.
    ///
    /// # Errors
    /// If a γ is outside `[0, 100]`, `over` outside `(0, 1]`, or the number of steps 0.
    pub fn try_init(&self) -> Result<GammaSchedule, ConfigError> {
        ConfigError::check(NAME, "first", self.first, GAMMA)?;
        ConfigError::check(NAME, "last", self.last, GAMMA)?;
        ConfigError::check(NAME, "over", self.over, Range::AboveUpTo(0.0, 1.0))?;
        if let GammaCourse::Steps(steps) = self.course {
            ConfigError::check(NAME, "steps", steps as f64, Range::AtLeast(1.0))?;
        }
        Ok(GammaSchedule { course: self.course, first: self.first, last: self.last, over: self.over })
    }

    /// Creates the schedule.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> GammaSchedule {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A planned course of γ: the curriculum for [`FocalLoss`](crate::FocalLoss) and
/// [`SigmoidFocalLoss`](crate::SigmoidFocalLoss) that starts with cross-entropy and turns to hard examples on its way.
///
/// ```text
/// s    = min(progress / over, 1)
/// γ    = first + (last − first) · f(s)
/// f(s) = 1                      Constant
///        s                      Linear
///        (1 − cos πs) / 2       Cosine
///        ⌊n·s⌋ / n              Steps(n)
/// ```
///
/// Progress is the share of the training that is done; what lies outside of `[0, 1]` counts as the nearer end. A NaN comes
/// out as NaN, unless the course is constant, and the loss refuses it.
///
/// **Use it** where focal loss learns slowly or unsteadily at first: while most examples are still hard, `(1 − p_t)^γ`
/// only makes the gradient of all of them smaller. **Don't** expect a better network at the end from it: the course is
/// one more thing to choose, and fixed γ is the baseline to beat.
///
/// # Example
///
/// ```
/// use losslab::{FocalLossConfig, GammaCourse, GammaScheduleConfig};
///
/// let schedule = GammaScheduleConfig::new(GammaCourse::Linear).with_over(0.5).init();
/// let mut focal = FocalLossConfig::new().init();
/// let gammas = (0..5).map(|epoch| {
///     focal.set_gamma(schedule.at(epoch, 5))?;
///     // … train for an epoch with `focal.forward(logits, targets)` …
///     Ok(focal.gamma())
/// });
/// assert_eq!(gammas.collect::<Result<Vec<f64>, losslab::ConfigError>>()?, [0.0, 1.0, 2.0, 2.0, 2.0]);
/// # Ok::<(), losslab::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GammaSchedule {
    course: GammaCourse,
    first: f64,
    last: f64,
    over: f64,
}

impl GammaSchedule {
    /// γ when this share of the training is done.
    pub fn gamma(&self, progress: f64) -> f64 {
        let moved = (progress / self.over).clamp(0.0, 1.0);
        let share = match self.course {
            GammaCourse::Constant => 1.0,
            GammaCourse::Linear => moved,
            GammaCourse::Cosine => 0.5 * (1.0 - (std::f64::consts::PI * moved).cos()),
            // The sum of parts such as 0.1 may fall a rounding short of the whole that it stands for.
            GammaCourse::Steps(steps) => (steps as f64 * moved + 1e-9).floor() / steps as f64,
        };
        // The ends exactly, whatever their difference rounds to.
        if share == 1.0 { self.last } else { self.first + (self.last - self.first) * share }
    }

    /// γ of one of `steps` steps or epochs, counted from 0: the first has progress 0 and the last has 1. A single one
    /// has 0.
    pub fn at(&self, step: usize, steps: usize) -> f64 {
        self.gamma(step as f64 / steps.saturating_sub(1).max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COURSES: [GammaCourse; 4] =
        [GammaCourse::Constant, GammaCourse::Linear, GammaCourse::Cosine, GammaCourse::Steps(4)];

    fn at(course: GammaCourse, over: f64, progress: &[f64]) -> Vec<f64> {
        let schedule = GammaScheduleConfig::new(course).with_first(1.0).with_last(3.0).with_over(over).init();
        progress.iter().map(|progress| schedule.gamma(*progress)).collect()
    }

    #[test]
    fn courses_by_hand() {
        let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
        assert_eq!(at(GammaCourse::Constant, 1.0, &quarters), [3.0; 5]);
        assert_eq!(at(GammaCourse::Linear, 1.0, &quarters), [1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(at(GammaCourse::Linear, 0.5, &quarters), [1.0, 2.0, 3.0, 3.0, 3.0]);
        assert_eq!(at(GammaCourse::Steps(2), 1.0, &quarters), [1.0, 1.0, 2.0, 2.0, 3.0]);
        assert_eq!(at(GammaCourse::Steps(1), 0.5, &quarters), [1.0, 1.0, 3.0, 3.0, 3.0]);
        let expected = [1.0, 2.0 - 0.5f64.sqrt(), 2.0, 2.0 + 0.5f64.sqrt(), 3.0];
        let cosine = at(GammaCourse::Cosine, 1.0, &quarters);
        assert!(cosine.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{cosine:?}");
    }

    #[test]
    fn every_course_keeps_its_ends_never_turns_back_and_stays_inside() {
        for course in COURSES {
            for (first, last) in [(0.0, 2.0), (2.0, 0.5), (0.1, 0.3)] {
                let schedule = GammaScheduleConfig::new(course).with_first(first).with_last(last).with_over(0.7).init();
                let gammas: Vec<f64> =
                    (-10..=110).map(|hundredth| schedule.gamma(f64::from(hundredth) / 100.0)).collect();
                let turns = |pair: &[f64]| (pair[1] - pair[0]) * (last - first).signum() < 0.0;
                assert!(!gammas.windows(2).any(turns), "{course:?}");
                let (low, high) = (first.min(last), first.max(last));
                assert!(gammas.iter().all(|gamma| (low..=high).contains(gamma)), "{course:?}");
                assert_eq!(gammas.last(), Some(&last));
                if course != GammaCourse::Constant {
                    assert_eq!(gammas[0], first, "{course:?}");
                }
            }
        }
    }

    #[test]
    fn jumps_come_when_a_whole_number_of_parts_is_done() {
        let schedule = GammaScheduleConfig::new(GammaCourse::Steps(10)).with_last(10.0).init();
        for part in 0..=10 {
            let summed: f64 = (0..part).map(|_| 0.1).sum();
            assert_eq!(schedule.gamma(summed), f64::from(part));
        }
    }

    #[test]
    fn steps_of_a_training_reach_both_ends() {
        let schedule = GammaScheduleConfig::new(GammaCourse::Linear).init();
        assert_eq!([0, 1, 2].map(|epoch| schedule.at(epoch, 3)), [0.0, 1.0, 2.0]);
        assert_eq!((schedule.at(0, 1), schedule.at(0, 0), schedule.at(9, 3)), (0.0, 0.0, 2.0));
        assert!(schedule.gamma(f64::NAN).is_nan());
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let config = || GammaScheduleConfig::new(GammaCourse::Linear);
        let text = |config: GammaScheduleConfig| config.try_init().unwrap_err().to_string();
        assert_eq!(text(config().with_first(-1.0)), "gamma schedule: first must be in [0, 100], but is -1");
        assert_eq!(text(config().with_last(f64::NAN)), "gamma schedule: last must be in [0, 100], but is NaN");
        assert_eq!(text(config().with_over(0.0)), "gamma schedule: over must be in (0, 1], but is 0");
        let none = GammaScheduleConfig::new(GammaCourse::Steps(0));
        assert_eq!(text(none), "gamma schedule: steps must be at least 1, but is 0");
    }
}
