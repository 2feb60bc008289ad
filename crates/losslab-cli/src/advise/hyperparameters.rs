//! The handout's table of hyperparameters: where to start, and between which values to search.

use serde::Serialize;

/// A hyperparameter with its range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hyperparameter {
    /// Its name in `--set`, which is its name in the library.
    pub name: &'static str,
    /// How formulas write it.
    pub symbol: &'static str,
    /// Where to start.
    pub start: String,
    /// The typical range, where there is one.
    pub range: Option<[f64; 2]>,
    /// What it does.
    pub effect: String,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    name: &'static str,
    symbol: &'static str,
    start: f64,
    range: [f64; 2],
    effect: &'static str,
}

/// γ of focal loss.
pub const GAMMA: Row = Row {
    name: "gamma",
    symbol: "γ",
    start: 2.0,
    range: [0.0, 5.0],
    effect: "higher: more focus on hard examples; 0 is cross-entropy",
};

/// α of focal loss.
pub const ALPHA: Row = Row {
    name: "alpha",
    symbol: "α",
    start: 0.25,
    range: [0.25, 0.75],
    effect: "weight of the rare class, 1 − α that of the common one",
};

/// The margin of triplet losses.
pub const TRIPLET_MARGIN: Row = Row {
    name: "margin",
    symbol: "m",
    start: 0.2,
    range: [0.1, 2.0],
    effect: "how much farther than the positive a negative must be",
};

/// The margin of the contrastive loss.
pub const CONTRASTIVE_MARGIN: Row = Row {
    name: "margin",
    symbol: "m",
    start: 1.0,
    range: [0.5, 2.0],
    effect: "how far apart dissimilar pairs must be",
};

/// ε of label smoothing.
pub const SMOOTHING: Row = Row {
    name: "smoothing",
    symbol: "ε",
    start: 0.1,
    range: [0.0, 0.2],
    effect: "higher: more smoothing; 0 is cross-entropy",
};

/// τ of InfoNCE.
pub const TEMPERATURE: Row = Row {
    name: "temperature",
    symbol: "τ",
    start: 0.07,
    range: [0.01, 1.0],
    effect: "lower: sharper focus on the hardest negatives; it has a large effect",
};

impl Row {
    /// Where to start.
    pub fn start(&self) -> f64 {
        self.start
    }

    /// As it is in the table.
    pub fn advice(&self) -> Hyperparameter {
        self.starting_at(self.start)
    }

    /// With another start.
    pub fn starting_at(&self, start: f64) -> Hyperparameter {
        Hyperparameter {
            name: self.name,
            symbol: self.symbol,
            start: start.to_string(),
            range: Some(self.range),
            effect: self.effect.to_owned(),
        }
    }
}

/// A choice that isn't in the table.
pub fn choice(
    name: &'static str,
    symbol: &'static str,
    start: impl ToString,
    effect: impl Into<String>,
) -> Hyperparameter {
    Hyperparameter { name, symbol, start: start.to_string(), range: None, effect: effect.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses;

    /// The table with the losses that have each row, by their names in `losslab loss`.
    const TABLE: [(Row, &[&str]); 6] = [
        (GAMMA, &["focal-sigmoid", "focal"]),
        (ALPHA, &["focal-sigmoid"]),
        (TRIPLET_MARGIN, &["triplet", "triplet-aligned"]),
        (CONTRASTIVE_MARGIN, &["contrastive"]),
        (SMOOTHING, &["label-smoothing"]),
        (TEMPERATURE, &["info-nce"]),
    ];

    #[test]
    fn every_row_is_a_hyperparameter_of_its_losses_and_starts_within_its_range() {
        for (row, of_losses) in TABLE {
            assert!((row.range[0]..=row.range[1]).contains(&row.start), "{}", row.name);
            for name in of_losses {
                let loss = losses::find(name).unwrap();
                assert!(loss.hyperparameters.iter().any(|known| known.name == row.name), "{name} {}", row.name);
            }
        }
    }
}
