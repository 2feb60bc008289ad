//! Lines and points.

use super::{add_marks, axis, colour, number, symbol};
use crate::outcome::{Axis, Line, Mark, Stroke};
use serde_json::{Value, json};

pub fn draw(x: &Axis, y: &Axis, lines: &[Line], marks: &[Mark]) -> Value {
    let mut layout = json!({ "xaxis": axis(x), "yaxis": axis(y) });
    add_marks(&mut layout, marks, x, lines.iter().flat_map(|line| line.x.iter().copied()));
    // Bands first: no line may disappear behind one.
    let bands = lines.iter().filter(|line| line.stroke == Stroke::Banded).map(band);
    let traces = lines.iter().enumerate().map(|(at, line)| trace(line, &lines[..at], x, y));
    json!({ "data": bands.chain(traces).collect::<Vec<_>>(), "layout": layout })
}

/// The outline of a band, once around; the page fills it with a light shade of its colour. Places without a number end
/// the band.
fn band(line: &Line) -> Value {
    let known = |at: &usize| (line.y[*at] + line.spread[*at]).is_finite();
    let places: Vec<usize> = (0..line.spread.len()).filter(known).collect();
    let edge = |sign: f64| move |at: &usize| line.y[*at] + sign * line.spread[*at];
    let there = places.iter().map(edge(1.0)).chain(places.iter().rev().map(edge(-1.0)));
    let around = places.iter().chain(places.iter().rev()).map(|at| line.x[*at]);
    json!({
        "type": "scatter",
        "mode": "lines",
        "legendgroup": line.name,
        "showlegend": false,
        "x": around.collect::<Vec<f64>>(),
        "y": there.collect::<Vec<f64>>(),
        "line": { "color": colour(line.colour), "width": 0 },
        "fill": "toself",
        "hoverinfo": "skip",
    })
}

/// A line that has the name of one before it shares its place in the legend.
fn trace(line: &Line, before: &[Line], x: &Axis, y: &Axis) -> Value {
    let (mode, dash) = match line.stroke {
        Stroke::Solid | Stroke::Banded => ("lines", "solid"),
        Stroke::Dashed => ("lines", "dash"),
        Stroke::Marked => ("lines+markers", "solid"),
        Stroke::Points => ("markers", "solid"),
    };
    let shade = colour(line.colour);
    let size = if line.stroke == Stroke::Points { 12 } else { 8 };
    let mut trace = json!({
        "type": "scatter",
        "mode": mode,
        "name": line.name,
        "legendgroup": line.name,
        "showlegend": before.iter().all(|other| other.name != line.name),
        "x": line.x,
        "y": line.y,
        "line": { "color": shade, "dash": dash, "width": 2.25 },
        "marker": { "color": shade, "size": size, "symbol": symbol(line.colour) },
        "hovertemplate": format!("{}<br>%{{x{}}}, %{{y{}}}<extra></extra>", line.name, number(x), number(y)),
    });
    if !line.spread.is_empty() && line.stroke != Stroke::Banded {
        trace["error_y"] =
            json!({ "type": "data", "array": line.spread, "color": shade, "thickness": 1.25, "width": 4 });
    }
    trace
}
