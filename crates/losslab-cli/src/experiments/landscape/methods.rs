//! The losses whose landscapes are compared.

use super::settings::Settings;
use burn::tensor::{Device, Int, Tensor};
use losslab::{
    CrossEntropyLoss, CrossEntropyLossConfig, FocalLoss, FocalLossConfig, LabelSmoothingLoss, LabelSmoothingLossConfig,
    SupConLoss, SupConLossConfig, TemperatureConfig,
};

/// A loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Cross-entropy, the baseline.
    CrossEntropy,
    /// Focal loss.
    Focal,
    /// Label smoothing.
    LabelSmoothing,
    /// The supervised contrastive loss on the outputs as embeddings.
    SupCon,
}

/// All of them.
pub const METHODS: [Method; 4] = [Method::CrossEntropy, Method::Focal, Method::LabelSmoothing, Method::SupCon];

/// A loss that can be asked.
#[derive(Debug)]
pub enum Cost {
    CrossEntropy(CrossEntropyLoss),
    Focal(FocalLoss),
    LabelSmoothing(LabelSmoothingLoss),
    SupCon(SupConLoss),
}

impl Method {
    /// Its name in `outcome.json`.
    pub fn name(self, settings: &Settings) -> String {
        match self {
            Method::CrossEntropy => "cross-entropy".to_owned(),
            Method::Focal => format!("focal gamma={}", settings.gamma),
            Method::LabelSmoothing => format!("label-smoothing {}", settings.smoothing),
            Method::SupCon => format!("sup-con temperature={}", settings.temperature),
        }
    }

    /// Its name in the report.
    pub fn title(self) -> &'static str {
        match self {
            Method::CrossEntropy => "cross-entropy",
            Method::Focal => "focal loss",
            Method::LabelSmoothing => "label smoothing",
            Method::SupCon => "SupCon",
        }
    }

    /// Whether the outputs of the network are logits of the classes.
    pub fn has_logits(self) -> bool {
        self != Method::SupCon
    }

    /// The loss.
    pub fn cost(self, settings: &Settings, device: &Device) -> Cost {
        match self {
            Method::CrossEntropy => Cost::CrossEntropy(CrossEntropyLossConfig::new().init()),
            Method::Focal => Cost::Focal(FocalLossConfig::new().with_gamma(settings.gamma).init()),
            Method::LabelSmoothing => {
                Cost::LabelSmoothing(LabelSmoothingLossConfig::new().with_smoothing(settings.smoothing).init())
            }
            Method::SupCon => {
                let temperature = TemperatureConfig::new().with_value(settings.temperature);
                Cost::SupCon(SupConLossConfig::new().with_temperature(temperature).init(device))
            }
        }
    }
}

impl Cost {
    /// The loss of a batch.
    pub fn of(&self, outputs: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        match self {
            Cost::CrossEntropy(loss) => loss.forward(outputs, labels),
            Cost::Focal(loss) => loss.forward(outputs, labels),
            Cost::LabelSmoothing(loss) => loss.forward(outputs, labels),
            Cost::SupCon(loss) => loss.forward(outputs, labels),
        }
    }
}
