//! Figures as plotly traces. Colours stay names here (`method:2`, `scale:0.5`): the page knows the shades, since it
//! alone knows whether it is dark or light.

use crate::outcome::{Axis, Colour, Figure, Line, Plot, Stroke};
use serde_json::{Value, json};

/// `{"data": [...], "layout": {...}}` for plotly.
pub fn plotly(figure: &Figure) -> Value {
    match &figure.plot {
        Plot::Lines { x, y, lines } => json!({
            "data": lines.iter().enumerate().map(|(at, line)| trace(line, &lines[..at], x, y)).collect::<Vec<_>>(),
            "layout": { "xaxis": axis(x), "yaxis": axis(y) },
        }),
        Plot::Stacks { y, bars, layers } => {
            let last = layers.len().saturating_sub(1).max(1) as f64;
            let layer = |(index, (name, heights)): (usize, &(String, Vec<f64>))| {
                json!({
                    "type": "bar",
                    "name": name,
                    "x": bars,
                    "y": heights,
                    "marker": { "color": colour(Colour::Scale(index as f64 / last)) },
                    "hovertemplate": format!("{name}<br>%{{x}}: %{{y{}}}<extra></extra>", number(y)),
                })
            };
            json!({
                "data": layers.iter().enumerate().map(layer).collect::<Vec<_>>(),
                "layout": { "barmode": "stack", "xaxis": { "type": "category" }, "yaxis": axis(y) },
            })
        }
        Plot::Heat { x, y, columns, rows, value, cells } => {
            let texts: Vec<Vec<String>> =
                cells.iter().map(|row| row.iter().map(|cell| format!("{:.1} %", 100.0 * cell)).collect()).collect();
            json!({
                "data": [{
                    "type": "heatmap",
                    "x": columns,
                    "y": rows,
                    "z": cells,
                    "text": texts,
                    "texttemplate": "%{text}",
                    "colorscale": "Cividis",
                    "colorbar": { "tickformat": ".0%", "thickness": 12, "outlinewidth": 0 },
                    "xgap": 2,
                    "ygap": 2,
                    "hovertemplate": format!("{x}: %{{x}}<br>{y}: %{{y}}<br>{value}: %{{text}}<extra></extra>"),
                }],
                "layout": {
                    "xaxis": { "type": "category", "title": { "text": x } },
                    "yaxis": { "type": "category", "title": { "text": y } },
                },
            })
        }
    }
}

/// A line that has the name of one before it shares its place in the legend.
fn trace(line: &Line, before: &[Line], x: &Axis, y: &Axis) -> Value {
    let colour = colour(line.colour);
    let (mode, dash) = match line.stroke {
        Stroke::Solid => ("lines", "solid"),
        Stroke::Dashed => ("lines", "dash"),
        Stroke::Marked => ("lines+markers", "solid"),
        Stroke::Points => ("markers", "solid"),
    };
    let mut trace = json!({
        "type": "scatter",
        "mode": mode,
        "name": line.name,
        "legendgroup": line.name,
        "showlegend": before.iter().all(|other| other.name != line.name),
        "x": line.x,
        "y": line.y,
        "line": { "color": colour, "dash": dash, "width": 2.25 },
        "marker": { "color": colour, "size": if line.stroke == Stroke::Points { 12 } else { 8 } },
        "hovertemplate": format!("{}<br>%{{x{}}}, %{{y{}}}<extra></extra>", line.name, number(x), number(y)),
    });
    if !line.spread.is_empty() {
        trace["error_y"] =
            json!({ "type": "data", "array": line.spread, "color": colour, "thickness": 1.25, "width": 4 });
    }
    trace
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
        Colour::Scale(place) => format!("scale:{place}"),
    }
}
