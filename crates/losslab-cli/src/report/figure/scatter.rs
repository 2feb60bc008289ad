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
            "x": cloud.x,
            "y": cloud.y,
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
