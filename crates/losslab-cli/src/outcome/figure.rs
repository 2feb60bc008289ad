//! Figures as data: numbers, names and the meaning of colours.

use super::{Sheet, numbers};
use serde::{Deserialize, Serialize};

/// A figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Heading.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// What is drawn.
    pub plot: Plot,
}

/// The kinds of figures. A number that is NaN leaves a gap.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Plot {
    /// Lines and points.
    Lines {
        /// Horizontal axis.
        x: Axis,
        /// Vertical axis.
        y: Axis,
        /// The lines, in the order of the legend.
        lines: Vec<Line>,
        /// Places on the horizontal axis that have a name.
        marks: Vec<Mark>,
    },
    /// Bars that stack up to a whole.
    Stacks {
        /// Vertical axis.
        y: Axis,
        /// One name a bar.
        bars: Vec<String>,
        /// The layers from bottom to top, which form a scale: name and one height a bar.
        #[serde(deserialize_with = "numbers::read")]
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
        #[serde(deserialize_with = "numbers::read")]
        cells: Vec<Vec<f64>>,
        /// How a number is written.
        format: Format,
    },
    /// How often values occur: half-transparent bars over each other.
    Histogram {
        /// The values.
        x: Axis,
        /// How often, as a count, a share or a density.
        y: Axis,
        /// Borders of the bins: one more than there are bins.
        edges: Vec<f64>,
        /// Name, one height a bin, colour.
        #[serde(deserialize_with = "numbers::read")]
        series: Vec<(String, Vec<f64>, Colour)>,
        /// Values that have a name, such as a margin.
        marks: Vec<Mark>,
    },
    /// Points in a plane without units, such as a t-SNE; both directions have the same scale.
    Scatter {
        /// The points, one cloud a class.
        points: Vec<Cloud>,
        /// What the points stand for: shown on hover.
        pictures: Option<Sheet>,
    },
    /// Bars side by side.
    Bars {
        /// A group of bars each.
        categories: Vec<String>,
        /// Vertical axis.
        y: Axis,
        /// One bar in every group each.
        series: Vec<Bars>,
    },
    /// A surface over a plane, which turns slowly unless the reader wants it still.
    Surface(Relief),
    /// The same from above: lines of equal height, and what lies on it.
    Contour {
        /// The surface.
        relief: Relief,
        /// Lines and points on it.
        lines: Vec<Line>,
    },
    /// Pictures in rows and columns.
    Pictures {
        /// Name of the row and its pictures, by their place in the sheet.
        rows: Vec<(String, Vec<usize>)>,
        /// Names of the columns; empty where they have none.
        columns: Vec<String>,
        /// The pictures.
        pictures: Sheet,
    },
}

/// Heights over the points of a grid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Relief {
    /// The first horizontal axis.
    pub x: Axis,
    /// The second horizontal axis.
    pub y: Axis,
    /// The height; logarithmic ones are above 0.
    pub z: Axis,
    /// Places along the first axis.
    pub columns: Vec<f64>,
    /// Places along the second axis.
    pub rows: Vec<f64>,
    /// The heights, row by row.
    #[serde(deserialize_with = "numbers::read")]
    pub heights: Vec<Vec<f64>>,
}

/// An axis.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Horizontal positions.
    #[serde(deserialize_with = "numbers::read")]
    pub x: Vec<f64>,
    /// Vertical positions.
    #[serde(deserialize_with = "numbers::read")]
    pub y: Vec<f64>,
    /// Half the length of an error bar, or half the width of the band, for each point; empty for none.
    #[serde(deserialize_with = "numbers::read")]
    pub spread: Vec<f64>,
    /// Its colour.
    pub colour: Colour,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// A place on the horizontal axis with a name, drawn as a vertical line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Where it stands.
    pub at: f64,
    /// What it is, in a word or two.
    pub name: String,
}

/// Points of one class.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cloud {
    /// Name in the legend.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// Horizontal positions.
    #[serde(deserialize_with = "numbers::read")]
    pub x: Vec<f64>,
    /// Vertical positions.
    #[serde(deserialize_with = "numbers::read")]
    pub y: Vec<f64>,
    /// What each point says on hover; empty for nothing but the name.
    pub texts: Vec<String>,
    /// The picture of each point, by its place in the sheet; empty for none.
    pub pictures: Vec<usize>,
}

/// A bar in every group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bars {
    /// Name in the legend.
    pub name: String,
    /// One height a category.
    #[serde(deserialize_with = "numbers::read")]
    pub heights: Vec<f64>,
    /// Half the length of the error bar for each category; empty for none.
    #[serde(deserialize_with = "numbers::read")]
    pub spread: Vec<f64>,
    /// Its colour.
    pub colour: Colour,
}

/// A colour by its meaning. The report has the shades, for a dark and for a light page.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// A place in the palette: the same method has the same colour in all figures.
    Method(usize),
    /// A class, such as a digit: ten that can be told apart, by their marks as well.
    Class(usize),
    /// A place on a scale, from 0 to 1.
    Scale(f64),
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stroke {
    /// A solid line.
    Solid,
    /// A dashed line.
    Dashed,
    /// A solid line inside of a band, which takes the place of error bars.
    Banded,
    /// A line with a mark at each point.
    Marked,
    /// Marks without a line.
    Points,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A share as per cent with one decimal.
    Percent,
    /// A number with so many decimals.
    Number(usize),
}

impl Format {
    /// The text of a number; a dash where there is none.
    pub fn text(self, number: f64) -> String {
        match self {
            _ if number.is_nan() => "–".to_owned(),
            Format::Percent => crate::wording::percent(number),
            Format::Number(decimals) => format!("{number:.decimals$}"),
        }
    }
}
