//! What is compared: one thing at a time differs from the reference.

use super::settings::Settings;
use crate::models::clip::Tower;
use burn::tensor::Device;
use losslab::{InfoNceLoss, InfoNceLossConfig, Positives, TemperatureConfig};

/// The convolutional tower with the usual temperature and batch size, which takes captions of one meaning for matches.
pub const REFERENCE: &str = "convolutional";
/// The reference before its first step.
pub const UNTRAINED: &str = "untrained";
/// The handout's image tower, on the pixels.
pub const MLP: &str = "mlp";
/// Pairs of one meaning are neither matches nor negatives.
pub const LEFT_OUT: &str = "duplicates left out";
/// The handout's loss: whatever isn't the own caption is a negative.
pub const IGNORED: &str = "duplicates as negatives";

/// The fixed temperature with the highest Recall@1 on validation, for each seed anew.
pub const CHOSEN: &str = "tau chosen on validation";

/// What the loss makes of captions in a batch that say the same as that of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// They match as well.
    Positives,
    /// They are left out.
    LeftOut,
    /// They are negatives like all others.
    Negatives,
}

/// A way to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// As in `outcome.json`.
    pub name: String,
    /// What the image tower sees.
    pub tower: Tower,
    /// τ; where it is learned, its start.
    pub temperature: f64,
    /// Whether τ is learned.
    pub learned: bool,
    /// Pairs in a batch.
    pub batch: usize,
    /// What equal captions are to each other.
    pub duplicates: Duplicates,
    /// Passes over the pairs.
    pub epochs: usize,
}

impl Method {
    fn reference(settings: &Settings, epochs: usize) -> Self {
        Self {
            name: REFERENCE.to_owned(),
            tower: Tower::Convolutional,
            temperature: settings.reference_temperature(),
            learned: false,
            batch: settings.reference_batch(),
            duplicates: Duplicates::Positives,
            epochs,
        }
    }

    /// The loss, with its temperature.
    pub fn loss(&self, device: &Device) -> InfoNceLoss {
        let positives = match self.duplicates {
            Duplicates::Positives | Duplicates::Negatives => Positives::Outside,
            Duplicates::LeftOut => Positives::Aligned,
        };
        let temperature = TemperatureConfig::new().with_value(self.temperature).with_learned(self.learned);
        InfoNceLossConfig::new().with_temperature(temperature).with_positives(positives).init(device)
    }

    /// Whether there is anything to train.
    pub fn is_trained(&self) -> bool {
        self.epochs > 0
    }
}

/// The name of the method with a fixed temperature.
pub fn fixed(settings: &Settings, temperature: f64) -> String {
    if temperature == settings.reference_temperature() {
        return REFERENCE.to_owned();
    }
    format!("tau={temperature}")
}

/// The name of the method whose temperature is learned from a start.
pub fn learned(start: f64) -> String {
    format!("tau learned from {start}")
}

/// The name of the method with a batch size.
pub fn batch(settings: &Settings, batch: usize) -> String {
    if batch == settings.reference_batch() {
        return REFERENCE.to_owned();
    }
    format!("batch={batch}")
}

/// A method's name as the report shows it.
pub fn title(settings: &Settings, name: &str) -> String {
    match name {
        REFERENCE => {
            format!("convolutional (τ = {}, batch {})", settings.reference_temperature(), settings.reference_batch())
        }
        MLP => "MLP on pixels".to_owned(),
        other => other.replace("tau=", "τ = ").replace("tau ", "τ ").replace("batch=", "batch "),
    }
}

/// What the first section compares: towers and duplicates. The emoji have these too.
pub fn towers(settings: &Settings, epochs: usize) -> Vec<Method> {
    let reference = || Method::reference(settings, epochs);
    let named = |name: &str, method: Method| Method { name: name.to_owned(), ..method };
    vec![
        reference(),
        named(MLP, Method { tower: Tower::Mlp, ..reference() }),
        named(LEFT_OUT, Method { duplicates: Duplicates::LeftOut, ..reference() }),
        named(IGNORED, Method { duplicates: Duplicates::Negatives, ..reference() }),
        named(UNTRAINED, Method { epochs: 0, ..reference() }),
    ]
}

/// Everything that is compared on the generated pairs, each method once.
pub fn all(settings: &Settings) -> Vec<Method> {
    let reference = || Method::reference(settings, settings.epochs);
    let temperatures = settings.temperature.iter().map(|temperature| Method {
        name: fixed(settings, *temperature),
        temperature: *temperature,
        ..reference()
    });
    let starts = settings.learned.iter().map(|start| Method {
        name: learned(*start),
        temperature: *start,
        learned: true,
        ..reference()
    });
    let batches =
        settings.batch.iter().map(|size| Method { name: batch(settings, *size), batch: *size, ..reference() });
    let sweeps = temperatures.chain(starts).chain(batches).filter(|method| method.name != REFERENCE);
    towers(settings, settings.epochs).into_iter().chain(sweeps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_method_has_a_name_of_its_own_and_differs_from_the_reference() {
        let methods = all(&Settings::quick());
        assert_eq!(methods.len(), 5 + 4 + 2 + 2);
        let names: HashSet<&str> = methods.iter().map(|method| method.name.as_str()).collect();
        assert_eq!(names.len(), methods.len());
        let unnamed = |method: &Method| Method { name: String::new(), ..method.clone() };
        assert!(methods[1..].iter().all(|method| unnamed(method) != unnamed(&methods[0])));
    }
}
