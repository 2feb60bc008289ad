//! Bars: stacked, side by side, and over each other as histograms.

use super::{add_marks, axis, colour, number};
use crate::outcome::{Axis, Bars, Colour, Mark};
use serde_json::{Value, json};

pub fn stacks(y: &Axis, bars: &[String], layers: &[(String, Vec<f64>)]) -> Value {
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

pub fn groups(categories: &[String], y: &Axis, series: &[Bars]) -> Value {
    let trace = |bars: &Bars| {
        let mut trace = json!({
            "type": "bar",
            "name": bars.name,
            "showlegend": series.len() > 1,
            "x": categories,
            "y": bars.heights,
            "marker": { "color": colour(bars.colour) },
            "hovertemplate": format!("{}<br>%{{x}}: %{{y{}}}<extra></extra>", bars.name, number(y)),
        });
        if !bars.spread.is_empty() {
            trace["error_y"] =
                json!({ "type": "data", "array": bars.spread, "color": "ink", "thickness": 1.25, "width": 3 });
        }
        trace
    };
    json!({
        "data": series.iter().map(trace).collect::<Vec<_>>(),
        "layout": { "barmode": "group", "bargap": 0.25, "xaxis": { "type": "category" }, "yaxis": axis(y) },
    })
}

pub fn histogram(x: &Axis, y: &Axis, edges: &[f64], series: &[(String, Vec<f64>, Colour)], marks: &[Mark]) -> Value {
    let bins: Vec<[f64; 2]> = edges.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    let middles: Vec<f64> = bins.iter().map(|[low, high]| (low + high) / 2.0).collect();
    let widths: Vec<f64> = bins.iter().map(|[low, high]| high - low).collect();
    let trace = |(name, heights, shade): &(String, Vec<f64>, Colour)| {
        json!({
            "type": "bar",
            "name": name,
            "x": middles,
            "y": heights,
            "width": widths,
            "customdata": bins,
            "opacity": 0.6,
            "marker": { "color": colour(*shade) },
            "hovertemplate": format!(
                "{name}<br>%{{customdata[0]:.3~g}} to %{{customdata[1]:.3~g}}: %{{y{}}}<extra></extra>", number(y)
            ),
        })
    };
    let mut layout = json!({ "barmode": "overlay", "bargap": 0, "xaxis": axis(x), "yaxis": axis(y) });
    add_marks(&mut layout, marks, x, edges.iter().copied());
    json!({ "data": series.iter().map(trace).collect::<Vec<_>>(), "layout": layout })
}
