//! What an experiment returns: numbers, checks, tables and figures as data. Nothing here draws or trains.

mod figure;
mod numbers;
mod sheet;

pub use figure::{Axis, Bars, Cloud, Colour, Figure, Format, Line, Mark, Plot, Relief, Stroke};
pub use sheet::Sheet;

use crate::statistics;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use std::fmt;

/// The result of an experiment. As JSON it has the first five fields; the story, which is for the report, is a file
/// of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The name after `losslab run`.
    pub experiment: String,
    /// All hyperparameters.
    pub config: Value,
    /// The seeds that results are averaged over.
    pub seeds: Vec<u64>,
    /// A row for each data set and method.
    pub rows: Vec<Row>,
    /// What was expected beside what was measured.
    pub checks: Vec<Check>,
    /// What the report tells.
    #[serde(skip)]
    pub story: Story,
}

/// A method on a data set, such as `digits/focal gamma=2`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Data set, a slash, method.
    pub name: String,
    /// Metrics by name, in the order in which they are shown.
    #[serde(serialize_with = "as_map", deserialize_with = "from_map")]
    pub metrics: Vec<(String, Metric)>,
}

impl Row {
    /// The metric of that name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|(key, _)| key == name).map(|(_, metric)| metric)
    }
}

/// A number measured once for each seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Mean over the seeds.
    #[serde(deserialize_with = "numbers::read")]
    pub mean: f64,
    /// Standard deviation over the seeds; 0 for a single seed.
    #[serde(deserialize_with = "numbers::read")]
    pub std: f64,
    /// One value a seed.
    #[serde(deserialize_with = "numbers::read")]
    pub values: Vec<f64>,
}

impl From<Vec<f64>> for Metric {
    fn from(values: Vec<f64>) -> Self {
        Self { mean: statistics::mean(&values), std: statistics::std(&values), values }
    }
}

/// An expectation and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What is compared.
    pub name: String,
    /// What was expected.
    pub expected: String,
    /// What this run measured.
    pub measured: String,
    /// Whether the measurement meets the expectation.
    pub holds: bool,
}

/// What the report tells, in its order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Story {
    /// Number of the exercise.
    pub number: usize,
    /// The experiment in a few words.
    pub title: String,
    /// What was asked.
    pub question: String,
    /// What the reader must know first, such as data that were not there and what took their place.
    pub notice: Vec<String>,
    /// The result in one sentence.
    pub headline: String,
    /// What the checks compare and when they hold.
    pub check_rule: String,
    /// Data sets and other parts.
    pub sections: Vec<Section>,
    /// What to learn from this run.
    pub lessons: Vec<Lesson>,
}

/// A part of the report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Figures.
    pub figures: Vec<Figure>,
}

/// Something to learn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lesson {
    /// What it is about.
    pub title: String,
    /// The thought.
    pub lead: String,
    /// What the numbers say, one point a data set.
    pub points: Vec<String>,
    /// What follows from them; may be empty.
    pub conclusion: String,
}

/// A table of texts. The first column names the row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// What the columns mean, with units.
    pub caption: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows of cells, as many as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// Whether it stands out.
    pub strong: bool,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, strong: false }
    }
}

fn as_map<S: Serializer>(metrics: &[(String, Metric)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metrics.iter().map(|(name, metric)| (name, metric)))
}

/// Metrics in the order of the file, which a map would lose.
fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Metric)>, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, Metric)>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("metrics by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            std::iter::from_fn(|| map.next_entry().transpose()).collect()
        }
    }
    deserializer.deserialize_map(InOrder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_five_fields_and_metrics_by_name() {
        let outcome = Outcome {
            experiment: "focal".into(),
            config: serde_json::json!({"epochs": 1}),
            seeds: vec![1, 2],
            rows: vec![Row {
                name: "digits/cross-entropy".into(),
                metrics: vec![("recall".into(), vec![0.25, 0.75].into())],
            }],
            checks: vec![Check { name: "n".into(), expected: "e".into(), measured: "m".into(), holds: true }],
            story: Story::default(),
        };
        assert_eq!(
            serde_json::to_value(&outcome).unwrap(),
            serde_json::json!({
                "experiment": "focal",
                "config": {"epochs": 1},
                "seeds": [1, 2],
                "rows": [{
                    "name": "digits/cross-entropy",
                    "metrics": {"recall": {"mean": 0.5, "std": 0.125_f64.sqrt(), "values": [0.25, 0.75]}}
                }],
                "checks": [{"name": "n", "expected": "e", "measured": "m", "holds": true}]
            })
        );
    }

    #[test]
    fn an_outcome_is_read_back_in_its_order() {
        let row = Row {
            name: "digits/triplet".into(),
            metrics: ["recall", "accuracy", "map"].map(|name| (name.into(), vec![0.25, f64::NAN].into())).to_vec(),
        };
        let text = serde_json::to_string(&row).unwrap();
        let read: Row = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(read.metric("map").unwrap().mean.is_nan() && read.metrics[1].1.values[0] == 0.25);
    }
}
