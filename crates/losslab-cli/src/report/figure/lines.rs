//! Lines and points.

use super::{add_marks, axis, colour, number, symbol};
use crate::outcome::{Axis, Line, Mark, Stroke};
use serde_json::{Value, json};

pub fn draw(x: &Axis, y: &Axis, lines: &[Line], marks: &[Mark]) -> Value {
    let mut layout = json!({ "xaxis": axis(x), "yaxis": axis(y) });
    add_marks(&mut layout, marks, x, lines.iter().flat_map(|line| line.x.iter().copied()));
    let traces = lines.iter().enumerate().map(|(at, line)| trace(line, &lines[..at], x, y));
    json!({ "data": traces.collect::<Vec<_>>(), "layout": layout })
}

/// A line that has the name of one before it shares its place in the legend.
fn trace(line: &Line, before: &[Line], x: &Axis, y: &Axis) -> Value {
    let (mode, dash) = match line.stroke {
        Stroke::Solid => ("lines", "solid"),
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
    if !line.spread.is_empty() {
        trace["error_y"] =
            json!({ "type": "data", "array": line.spread, "color": shade, "thickness": 1.25, "width": 4 });
    }
    trace
}
