//! The courses of γ that are compared.

use super::settings::Settings;
use losslab::{AdaptiveGamma, AdaptiveGammaConfig, GammaCourse, GammaSchedule, GammaScheduleConfig};

/// A course of γ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// One γ throughout.
    Fixed(f64),
    /// Along a straight line.
    Linear,
    /// Along half a period of a cosine.
    Cosine,
    /// In jumps.
    Steps,
    /// As high as the share of easy examples.
    Adaptive,
}

/// Where γ of a step comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gamma {
    /// A plan.
    Planned(GammaSchedule),
    /// The examples, from this state on.
    Adaptive(AdaptiveGamma),
}

/// The curricula.
pub const CURRICULA: [Method; 4] = [Method::Linear, Method::Cosine, Method::Steps, Method::Adaptive];

impl Method {
    /// The two baselines and the curricula.
    pub fn all(settings: &Settings) -> Vec<Method> {
        [Method::Fixed(settings.first), Method::Fixed(settings.last)].into_iter().chain(CURRICULA).collect()
    }

    /// Its name in `outcome.json`.
    pub fn name(self, settings: &Settings) -> String {
        let Settings { first, last, .. } = settings;
        match self {
            Method::Fixed(gamma) => format!("fixed gamma={gamma}"),
            Method::Linear => format!("linear from {first} to {last}"),
            Method::Cosine => format!("cosine from {first} to {last}"),
            Method::Steps => format!("steps from {first} to {last}"),
            Method::Adaptive => format!("adaptive from {first} to {last}"),
        }
    }

    /// Its name in the report.
    pub fn title(self) -> String {
        match self {
            Method::Fixed(0.0) => "fixed γ = 0 (cross-entropy)".to_owned(),
            Method::Fixed(gamma) => format!("fixed γ = {gamma}"),
            Method::Linear => "linear".to_owned(),
            Method::Cosine => "cosine".to_owned(),
            Method::Steps => "steps".to_owned(),
            Method::Adaptive => "adaptive".to_owned(),
        }
    }

    /// Its γ.
    pub fn gamma(self, settings: &Settings) -> Gamma {
        let Settings { first, last, over, steps, easy, smoothing, .. } = *settings;
        let planned = |course| {
            Gamma::Planned(GammaScheduleConfig::new(course).with_first(first).with_last(last).with_over(over).init())
        };
        match self {
            Method::Fixed(gamma) => {
                Gamma::Planned(GammaScheduleConfig::new(GammaCourse::Constant).with_last(gamma).init())
            }
            Method::Linear => planned(GammaCourse::Linear),
            Method::Cosine => planned(GammaCourse::Cosine),
            Method::Steps => planned(GammaCourse::Steps(steps)),
            Method::Adaptive => Gamma::Adaptive(
                AdaptiveGammaConfig::new()
                    .with_first(first)
                    .with_last(last)
                    .with_easy(easy)
                    .with_smoothing(smoothing)
                    .init(),
            ),
        }
    }
}
