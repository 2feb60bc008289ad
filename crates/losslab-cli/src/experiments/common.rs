//! What several exercises share: rows over seeds, tables of means, differences with their test, maps of embeddings.

use crate::{
    data::images::Images,
    outcome::{Cell, Cloud, Colour, Figure, Format, Metric, Plot, Row, Sheet, Table},
    statistics::{Paired, paired_t_test},
    tsne,
    wording::{p_value, points},
};

/// A row out of the numbers that each seed has for a method: the same names in the same order.
///
/// # Panics
/// Without a seed.
pub fn row(name: impl Into<String>, by_seed: &[Vec<(&'static str, f64)>]) -> Row {
    let metric = |index: usize| -> (String, Metric) {
        let values: Vec<f64> = by_seed.iter().map(|numbers| numbers[index].1).collect();
        (by_seed[0][index].0.to_owned(), values.into())
    };
    Row { name: name.into(), metrics: (0..by_seed[0].len()).map(metric).collect() }
}

/// A column of a table: the metric's name, the heading, how its numbers are written, and which end is better.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name of the metric.
    pub metric: &'static str,
    /// Heading.
    pub heading: &'static str,
    /// How numbers are written.
    pub format: Format,
    /// Which numbers are better, so that the best can stand out.
    pub better: Option<Better>,
}

/// Which end of a scale is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Large numbers.
    Higher,
    /// Small numbers.
    Lower,
}

/// A table of means with their spread over the seeds. Rows are named by what follows the last slash; the best mean of a
/// column stands out. A metric that a row doesn't have leaves its cell empty.
pub fn table(title: &str, caption: &str, first: &str, rows: &[&Row], columns: &[Column]) -> Table {
    let best = |column: &Column| {
        let means = rows.iter().filter_map(|row| row.metric(column.metric)).map(|metric| metric.mean);
        match column.better? {
            Better::Higher => means.reduce(f64::max),
            Better::Lower => means.reduce(f64::min),
        }
    };
    let best: Vec<Option<f64>> = columns.iter().map(best).collect();
    let cell = |row: &Row, column: &Column, best: Option<f64>| {
        let metric = row.metric(column.metric);
        let text = metric.map_or(String::new(), |metric| spread(metric, column.format));
        Cell { text, strong: metric.is_some_and(|metric| Some(metric.mean) == best) }
    };
    let line = |row: &&Row| -> Vec<Cell> {
        let name = row.name.rsplit('/').next().unwrap_or_default().to_owned();
        std::iter::once(name.into())
            .chain(columns.iter().zip(&best).map(|(column, best)| cell(row, column, *best)))
            .collect()
    };
    Table {
        title: title.to_owned(),
        caption: caption.to_owned(),
        columns: std::iter::once(first).chain(columns.iter().map(|column| column.heading)).map(str::to_owned).collect(),
        rows: rows.iter().map(line).collect(),
    }
}

/// A mean and its spread: `57.0 ± 14.4 %`, `0.123 ± 0.004`. A single seed has no spread.
pub fn spread(metric: &Metric, format: Format) -> String {
    let (scale, decimals, unit) = match format {
        Format::Percent => (100.0, 1, " %"),
        Format::Number(decimals) => (1.0, decimals, ""),
    };
    match metric.values.len() {
        1 => format!("{:.decimals$}{unit}", scale * metric.mean),
        _ => format!("{:.decimals$} ± {:.decimals$}{unit}", scale * metric.mean, scale * metric.std),
    }
}

/// A difference of two methods in one metric.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Mean of the differences over the seeds.
    pub mean: f64,
    /// The paired test over the seeds; a single seed allows none.
    pub test: Option<Paired>,
}

impl Difference {
    /// The first minus the second, paired by seed.
    pub fn of(a: &Metric, b: &Metric) -> Self {
        Self { mean: a.mean - b.mean, test: paired_t_test(&a.values, &b.values) }
    }

    /// Whether it is more than chance.
    pub fn is_significant(self) -> bool {
        self.test.is_some_and(Paired::is_significant)
    }

    /// Whether the first method is higher by more than chance.
    pub fn is_gain(self) -> bool {
        self.is_significant() && self.mean > 0.0
    }

    /// Of shares, with what the test says: `+1.2 points (p = 0.012)`.
    pub fn text(self) -> String {
        format!("{} ({})", points(self.mean), verdict(self.test))
    }

    /// Whether the first method is lower by more than chance.
    pub fn is_loss(self) -> bool {
        self.is_significant() && self.mean < 0.0
    }
}

/// Results with a row of means for each method, compared seed by seed.
pub trait ByMethod {
    /// What tells one method from another.
    type Method<'m>;

    /// The row of a method.
    ///
    /// # Panics
    /// If the run doesn't have the method.
    fn row(&self, method: Self::Method<'_>) -> &Row;

    /// A metric of a method.
    ///
    /// # Panics
    /// If the run doesn't have the method, or the method the metric.
    fn metric(&self, method: Self::Method<'_>, metric: &str) -> &Metric {
        let row = self.row(method);
        row.metric(metric).unwrap_or_else(|| panic!("{} has no {metric}", row.name))
    }

    /// The mean of a metric of a method.
    fn mean(&self, method: Self::Method<'_>, metric: &str) -> f64 {
        self.metric(method, metric).mean
    }

    /// A metric of one method minus that of another.
    fn difference(&self, metric: &str, method: Self::Method<'_>, other: Self::Method<'_>) -> Difference {
        Difference::of(self.metric(method, metric), self.metric(other, metric))
    }

    /// A metric of a method minus a number.
    fn above(&self, metric: &str, method: Self::Method<'_>, number: f64) -> Difference {
        let metric = self.metric(method, metric);
        Difference::of(metric, &vec![number; metric.values.len()].into())
    }
}

/// The row of a method among those of a data set, whose names are `data set/method`.
///
/// # Panics
/// If there is none.
pub fn find<'a>(rows: &'a [Row], data: &str, method: &str) -> &'a Row {
    let is_it = |row: &&Row| row.name.strip_prefix(data).and_then(|name| name.strip_prefix('/')) == Some(method);
    rows.iter().find(is_it).unwrap_or_else(|| panic!("{data} has no {method}"))
}

/// What a paired test over the seeds says: `p = 0.012`, `no significant difference (p = 0.3)`, or that one seed allows
/// no test.
pub fn verdict(test: Option<Paired>) -> String {
    match test {
        None => "one seed allows no test".to_owned(),
        Some(test) if test.is_significant() => p_value(test.p),
        Some(test) => format!("no significant difference, {}", p_value(test.p)),
    }
}

/// A t-SNE of embeddings, one colour a class, with the picture of a point on hover.
///
/// `embeddings` are row by row and belong to the first images of `images`.
pub fn map(title: &str, caption: &str, embeddings: &[f32], images: &Images, classes: &[String], seed: u64) -> Figure {
    let count = images.len();
    let points = tsne::project(embeddings, embeddings.len() / count, seed);
    let cloud = |class: usize| {
        let places: Vec<usize> = (0..count).filter(|index| images.label(*index) == class).collect();
        Cloud {
            name: classes[class].clone(),
            colour: Colour::Class(class),
            x: places.iter().map(|place| points[*place][0]).collect(),
            y: places.iter().map(|place| points[*place][1]).collect(),
            texts: Vec::new(),
            pictures: places,
        }
    };
    let clouds = (0..classes.len()).map(cloud).filter(|cloud| !cloud.x.is_empty()).collect();
    Figure {
        title: title.to_owned(),
        caption: caption.to_owned(),
        plot: Plot::Scatter { points: clouds, pictures: Some(sheet(images)) },
    }
}

/// All images as pictures of a report.
pub fn sheet(images: &Images) -> Sheet {
    let shape = images.shape();
    let pixels = (0..images.len()).flat_map(|index| images.interleaved(index)).collect();
    Sheet { width: shape.width, height: shape.height, channels: shape.channels, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_means_and_marks_the_best() {
        let rows = [
            row("digits/a", &[vec![("recall", 0.5), ("loss", 2.0)], vec![("recall", 0.7), ("loss", 2.0)]]),
            row("digits/b", &[vec![("recall", 0.1), ("loss", 1.0)], vec![("recall", 0.1), ("loss", 1.5)]]),
        ];
        let column = |metric, better| Column { metric, heading: metric, format: Format::Percent, better };
        let columns = [
            column("recall", Some(Better::Higher)),
            Column { format: Format::Number(2), ..column("loss", Some(Better::Lower)) },
            column("none", None),
        ];
        let table = table("t", "c", "Method", &[&rows[0], &rows[1]], &columns);
        assert_eq!(table.columns, ["Method", "recall", "loss", "none"]);
        let texts: Vec<Vec<&str>> =
            table.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect();
        assert_eq!(texts, [["a", "60.0 ± 14.1 %", "2.00 ± 0.00", ""], ["b", "10.0 ± 0.0 %", "1.25 ± 0.35", ""]]);
        assert!(table.rows[0][1].strong && !table.rows[0][2].strong && table.rows[1][2].strong);
    }
}
