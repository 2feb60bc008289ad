//! What an experiment returns: numbers, checks, tables and figures as data. Nothing here draws or trains.

use crate::statistics;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The result of an experiment. As JSON it has the first five fields; the story is for the report.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Data set, a slash, method.
    pub name: String,
    /// Metrics by name, in the order in which they are shown.
    #[serde(serialize_with = "as_map")]
    pub metrics: Vec<(String, Metric)>,
}

impl Row {
    /// The metric of that name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|(key, _)| key == name).map(|(_, metric)| metric)
    }
}

/// A number measured once for each seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Mean over the seeds.
    pub mean: f64,
    /// Standard deviation over the seeds; 0 for a single seed.
    pub std: f64,
    /// One value a seed.
    pub values: Vec<f64>,
}

impl From<Vec<f64>> for Metric {
    fn from(values: Vec<f64>) -> Self {
        Self { mean: statistics::mean(&values), std: statistics::std(&values), values }
    }
}

/// An expectation and what came of it.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The experiment in a few words.
    pub title: String,
    /// What was asked.
    pub question: String,
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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Heading.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// What is drawn.
    pub plot: Plot,
}

/// The kinds of figures.
#[derive(Clone, Debug)]
pub enum Plot {
    /// Lines and points.
    Lines {
        /// Horizontal axis.
        x: Axis,
        /// Vertical axis.
        y: Axis,
        /// The lines, in the order of the legend.
        lines: Vec<Line>,
    },
    /// Bars that stack up to a whole.
    Stacks {
        /// Vertical axis.
        y: Axis,
        /// One name a bar.
        bars: Vec<String>,
        /// The layers from bottom to top, which form a scale: name and one height a bar.
        layers: Vec<(String, Vec<f64>)>,
    },
    /// A coloured number for each pair.
    Heat {
        /// Title of the horizontal axis.
        x: String,
        /// Title of the vertical axis.
        y: String,
        /// Names along the horizontal axis.
        columns: Vec<String>,
        /// Names along the vertical axis.
        rows: Vec<String>,
        /// What the colour stands for.
        value: String,
        /// The numbers, row by row.
        cells: Vec<Vec<f64>>,
    },
}

/// An axis.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// Name and unit.
    pub title: String,
    /// Logarithmic.
    pub log: bool,
    /// Shares from 0 to 1 are shown as per cent.
    pub percent: bool,
    /// From and to, where the data are not to decide.
    pub range: Option<(f64, f64)>,
}

/// One line of a figure.
#[derive(Clone, Debug)]
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Horizontal positions.
    pub x: Vec<f64>,
    /// Vertical positions.
    pub y: Vec<f64>,
    /// Half the length of an error bar for each point; empty for none.
    pub spread: Vec<f64>,
    /// Its colour.
    pub colour: Colour,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// A colour by its meaning. The report has the shades, for a dark and for a light page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colour {
    /// A place in the palette: the same method has the same colour in all figures.
    Method(usize),
    /// A place on a scale, from 0 to 1.
    Scale(f64),
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// A solid line.
    Solid,
    /// A dashed line.
    Dashed,
    /// A line with a mark at each point.
    Marked,
    /// Marks without a line.
    Points,
}

fn as_map<S: Serializer>(metrics: &[(String, Metric)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metrics.iter().map(|(name, metric)| (name, metric)))
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
}
