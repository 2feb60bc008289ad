//! Points in a plane without units.

use super::{colour, symbol};
use crate::outcome::Cloud;
use serde_json::{Value, json};

/// The page itself shows what a point says, with its picture.
pub fn draw(points: &[Cloud]) -> Value {
    let trace = |cloud: &Cloud| {
        json!({
            "type": "scatter",
            "mode": "markers",
            "name": cloud.name,
            "x": rounded(&cloud.x),
            "y": rounded(&cloud.y),
            "marker": { "color": colour(cloud.colour), "size": 7, "symbol": symbol(cloud.colour) },
            "text": cloud.texts,
            "pictures": cloud.pictures,
            "hoverinfo": "none",
        })
    };
    let bare = |more: Value| {
        let mut axis = json!({ "showticklabels": false, "showgrid": false, "showline": true, "mirror": true });
        axis.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        axis
    };
    json!({
        "data": points.iter().map(trace).collect::<Vec<_>>(),
        "layout": {
            "xaxis": bare(json!({})),
            "yaxis": bare(json!({ "scaleanchor": "x", "constrain": "domain" })),
            "margin": { "l": 12 },
        },
    })
}

/// Five digits are finer than a screen and half as long in the page.
fn rounded(places: &[f64]) -> Vec<f64> {
    places.iter().map(|place| format!("{place:.4e}").parse().unwrap_or(f64::NAN)).collect()
}
