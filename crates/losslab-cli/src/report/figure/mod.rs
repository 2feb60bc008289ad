//! Figures as plotly traces. Colours stay names here (`method:2`, `scale:0.5`): the page knows the shades, since it
//! alone knows whether it is dark or light.

mod bars;
mod heat;
mod lines;
mod relief;
mod scatter;

use crate::outcome::{Axis, Colour, Figure, Mark, Plot};
use serde_json::{Value, json};

/// `{"data": [...], "layout": {...}}` for plotly; nothing for pictures, which the page shows without it.
pub fn plotly(figure: &Figure) -> Option<Value> {
    Some(match &figure.plot {
        Plot::Lines { x, y, lines, marks } => lines::draw(x, y, lines, marks),
        Plot::Stacks { y, bars, layers } => bars::stacks(y, bars, layers),
        Plot::Bars { categories, y, series } => bars::groups(categories, y, series),
        Plot::Histogram { x, y, edges, series, marks } => bars::histogram(x, y, edges, series, marks),
        Plot::Heat { x, y, columns, rows, value, cells, format } => {
            heat::draw([x, y], [columns, rows], value, cells, *format)
        }
        Plot::Scatter { points, .. } => scatter::draw(points),
        Plot::Surface(relief) => relief::surface(relief),
        Plot::Contour { relief, lines } => relief::contour(relief, lines),
        Plot::Pictures { .. } => return None,
    })
}

fn axis(axis: &Axis) -> Value {
    let mut layout = json!({ "title": { "text": axis.title } });
    if axis.log {
        layout["type"] = "log".into();
        layout["dtick"] = 1.into();
    }
    if axis.percent {
        layout["tickformat"] = ".0%".into();
    }
    if let Some((low, high)) = axis.range {
        // Plotly takes the ends of a logarithmic axis as powers of ten.
        let (low, high) = if axis.log { (low.log10(), high.log10()) } else { (low, high) };
        // Room for marks that lie on the border.
        let room = 0.02 * (high - low);
        layout["range"] = json!([low - room, high + room]);
    }
    layout
}

/// How plotly writes a number of this axis on hover.
fn number(axis: &Axis) -> &'static str {
    if axis.percent { ":.1%" } else { ":.3~g" }
}

fn colour(colour: Colour) -> String {
    match colour {
        Colour::Method(place) => format!("method:{place}"),
        Colour::Class(place) => format!("class:{place}"),
        Colour::Scale(place) => format!("scale:{place}"),
    }
}

/// The shape of the marks of a method or class: colour is never the only difference.
fn symbol(colour: Colour) -> &'static str {
    const SYMBOLS: [&str; 10] =
        ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "x", "star", "pentagon", "hourglass"];
    match colour {
        Colour::Method(place) | Colour::Class(place) => SYMBOLS[place % SYMBOLS.len()],
        Colour::Scale(_) => SYMBOLS[0],
    }
}

/// Vertical lines with their names above the plot. `places` are all horizontal places, to see which names are close.
fn add_marks(layout: &mut Value, marks: &[Mark], x: &Axis, places: impl Iterator<Item = f64>) {
    /// Height of a line of names, in pixels.
    const LINE: usize = 16;
    if marks.is_empty() {
        return;
    }
    // Shapes want the number itself, names its logarithm.
    let place = |at: f64| if x.log { at.log10() } else { at };
    let all = places.chain(marks.iter().map(|mark| mark.at)).map(place).filter(|at| at.is_finite());
    let (low, high) = x.range.map_or_else(
        || all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at))),
        |(low, high)| (place(low), place(high)),
    );

    let mut sorted: Vec<&Mark> = marks.iter().collect();
    sorted.sort_by(|a, b| a.at.total_cmp(&b.at));
    // Each name takes the first line in which it doesn't touch the one before.
    let mut ends: Vec<f64> = Vec::new();
    let (mut shapes, mut names) = (Vec::new(), Vec::new());
    for mark in sorted {
        let share = if high > low { (place(mark.at) - low) / (high - low) } else { 0.5 };
        // In a narrow plot a letter takes about a fiftieth of the width.
        let half = 0.01 * (mark.name.chars().count() + 2) as f64;
        let line = ends.iter().position(|end| share - half > *end).unwrap_or(ends.len());
        if line == ends.len() {
            ends.push(0.0);
        }
        ends[line] = share + half;
        shapes.push(json!({
            "type": "line", "xref": "x", "yref": "paper", "x0": mark.at, "x1": mark.at, "y0": 0, "y1": 1,
            "line": { "color": "ink", "width": 1.5, "dash": "dot" },
        }));
        let anchor = if share < half {
            "left"
        } else if share > 1.0 - half {
            "right"
        } else {
            "center"
        };
        names.push(json!({
            "text": mark.name, "xref": "x", "x": place(mark.at), "xanchor": anchor, "yref": "paper", "y": 1,
            "yanchor": "bottom", "yshift": LINE * line, "showarrow": false,
        }));
    }
    layout["shapes"] = shapes.into();
    layout["annotations"] = names.into();
    layout["margin"] = json!({ "t": 28 + LINE * ends.len() });
}
