//! What is compared: how the losses of the two tasks become one step, and in which units they are.

use super::settings::Settings;

/// The tasks, by their place in pairs of losses and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Which digit is it? Cross-entropy.
    Classify = 0,
    /// What does it look like? Mean squared error of the pixels.
    Reconstruct = 1,
}

/// How the losses become one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// One task, and nothing else.
    Alone(Task),
    /// A weighted sum with this weight of the reconstruction, and 1 of the classification.
    Fixed(f64),
    /// The sum of the losses, each divided by its value at the start.
    Normalised,
    /// Weights learned with the network.
    Uncertainty(super::settings::Form),
    /// Weights that balance the lengths of the gradients.
    GradNorm,
    /// Weights by how fast the losses fall.
    Dwa,
    /// Gradients without their conflicts.
    PcGrad,
    /// The step that is best for the task that is worst off.
    CaGrad,
    /// The shortest mixture of the gradients.
    Mgda,
}

/// In which units the losses come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Units {
    /// Nats, and squared error per pixel.
    Plain,
    /// The reconstruction loss times this factor.
    Times(f64),
    /// Both divided by their values at the start.
    Normalised,
}

/// One training for each seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    pub method: Method,
    pub units: Units,
}

impl Method {
    /// Its name in `outcome.json` and in the report.
    pub fn name(self) -> String {
        match self {
            Method::Alone(Task::Classify) => "classification alone".to_owned(),
            Method::Alone(Task::Reconstruct) => "reconstruction alone".to_owned(),
            Method::Fixed(1.0) => "equal weights".to_owned(),
            Method::Fixed(weight) => format!("fixed 1:{weight}"),
            Method::Normalised => "normalised".to_owned(),
            Method::Uncertainty(form) => form.name().to_owned(),
            Method::GradNorm => "GradNorm".to_owned(),
            Method::Dwa => "DWA".to_owned(),
            Method::PcGrad => "PCGrad".to_owned(),
            Method::CaGrad => "CAGrad".to_owned(),
            Method::Mgda => "MGDA".to_owned(),
        }
    }

    /// Whether it combines the gradients of the tasks, and has no weights of the losses.
    pub fn is_surgery(self) -> bool {
        matches!(self, Method::PcGrad | Method::CaGrad | Method::Mgda)
    }

    /// Whether it wants the gradient of each task, which costs a pass forwards and backwards for each.
    pub fn needs_gradients(self) -> bool {
        self == Method::GradNorm || self.is_surgery()
    }

    /// Whether it finds its weights by itself, in training.
    pub fn is_adaptive(self) -> bool {
        !matches!(self, Method::Alone(_) | Method::Fixed(_) | Method::Normalised)
    }
}

impl Units {
    /// What the losses are multiplied by, given what they are at the start.
    pub fn factors(self, start: [f64; 2]) -> [f64; 2] {
        match self {
            Units::Plain => [1.0, 1.0],
            Units::Times(factor) => [1.0, factor],
            Units::Normalised => start.map(|loss| 1.0 / loss),
        }
    }

    /// What comes before the slash in the name of a row.
    pub fn key(self) -> String {
        match self {
            Units::Plain => "digits".to_owned(),
            Units::Times(factor) => format!("digits x{factor}"),
            Units::Normalised => "digits normalised".to_owned(),
        }
    }
}

impl Recipe {
    /// The name of its row.
    pub fn key(self) -> String {
        format!("{}/{}", self.units.key(), self.method.name())
    }
}

/// The methods that train both tasks and choose no weight by hand, in the order of tables and colours.
pub fn automatic(settings: &Settings) -> Vec<Method> {
    let learned = settings.uncertainty.iter().map(|form| Method::Uncertainty(*form));
    let others = [Method::GradNorm, Method::Dwa, Method::PcGrad, Method::CaGrad, Method::Mgda];
    std::iter::once(Method::Normalised).chain(learned).chain(others).collect()
}

/// The methods that start from the losses as they are, and therefore come a second time on normalised losses.
pub const SCALE_BOUND: [Method; 4] = [Method::Dwa, Method::PcGrad, Method::CaGrad, Method::Mgda];

/// Everything that is trained for a seed.
pub fn recipes(settings: &Settings) -> Vec<Recipe> {
    let alone = [Task::Classify, Task::Reconstruct].map(Method::Alone);
    let fixed = settings.fixed().into_iter().map(Method::Fixed);
    let plain = alone.into_iter().chain(fixed).chain(automatic(settings));
    let scaled = std::iter::once(Method::Fixed(1.0)).chain(automatic(settings));
    let of = |units: Units| move |method: Method| Recipe { method, units };
    let scale = Units::Times(settings.scale);
    plain.map(of(Units::Plain)).chain(scaled.map(of(scale))).chain(SCALE_BOUND.map(of(Units::Normalised))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_training_has_a_name_of_its_own() {
        let recipes = recipes(&Settings::quick());
        let mut names: Vec<String> = recipes.iter().map(|recipe| recipe.key()).collect();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), recipes.len()), (28, 28));
    }

    #[test]
    fn units_scale_the_losses() {
        assert_eq!(Units::Times(100.0).factors([2.0, 0.5]), [1.0, 100.0]);
        assert_eq!(Units::Normalised.factors([2.0, 0.5]), [0.5, 2.0]);
    }
}
