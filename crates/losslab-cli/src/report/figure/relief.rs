//! Surfaces, turning or from above.

use super::{axis, lines, number};
use crate::outcome::{Line, Relief};
use serde_json::{Value, json};

/// A surface in three dimensions. The page turns it.
pub fn surface(relief: &Relief) -> Value {
    let ticks = |title: &str| json!({ "title": { "text": title } });
    let mut trace = trace(relief, "surface");
    // Lines on the surface, so that its shape can be seen where the light is flat.
    trace["contours"] = json!({ "z": { "show": true, "usecolormap": true, "project": { "z": true } } });
    json!({
        "data": [trace],
        "layout": {
            "scene": {
                "xaxis": ticks(&relief.x.title),
                "yaxis": ticks(&relief.y.title),
                "zaxis": ticks(&height(relief)),
                "aspectmode": "manual",
                "aspectratio": { "x": 1, "y": 1, "z": 0.7 },
                "camera": { "eye": { "x": 1.6, "y": 1.3, "z": 0.95 } },
            },
            "margin": { "l": 0, "r": 0, "t": 28, "b": 8 },
        },
        "turns": true,
    })
}

/// The surface from above, with lines on it.
pub fn contour(relief: &Relief, on_it: &[Line]) -> Value {
    let mut trace = trace(relief, "contour");
    trace["ncontours"] = 20.into();
    trace["showlegend"] = false.into();
    let mut drawn = lines::draw(&relief.x, &relief.y, on_it, &[]);
    let all = std::iter::once(trace).chain(drawn["data"].as_array().into_iter().flatten().cloned());
    drawn["data"] = all.collect::<Vec<Value>>().into();
    // The lines would otherwise make the plane larger than the surface.
    let ends = |places: &[f64]| json!([places.first(), places.last()]);
    drawn["layout"]["xaxis"] = axis(&relief.x);
    drawn["layout"]["yaxis"] = axis(&relief.y);
    drawn["layout"]["xaxis"]["range"] = ends(&relief.columns);
    drawn["layout"]["yaxis"]["range"] = ends(&relief.rows);
    drawn
}

fn trace(relief: &Relief, kind: &str) -> Value {
    let Relief { x, y, z, columns, rows, heights } = relief;
    let drawn = |height: &f64| if z.log { height.log10() } else { *height };
    json!({
        "type": kind,
        "x": columns,
        "y": rows,
        "z": heights.iter().map(|row| row.iter().map(drawn).collect()).collect::<Vec<Vec<f64>>>(),
        "customdata": heights,
        "colorbar": { "thickness": 12, "outlinewidth": 0, "title": { "text": height(relief), "side": "right" } },
        "hovertemplate": format!(
            "%{{x{}}}, %{{y{}}}<br>{}: %{{customdata{}}}<extra></extra>", number(x), number(y), z.title, number(z)
        ),
    })
}

/// What the heights are called.
fn height(relief: &Relief) -> String {
    if relief.z.log { format!("log₁₀ of {}", relief.z.title) } else { relief.z.title.clone() }
}
