//! A coloured number for each pair.

use crate::outcome::Format;
use serde_json::{Value, json};

pub fn draw(
    [x, y]: [&str; 2],
    [columns, rows]: [&[String]; 2],
    value: &str,
    cells: &[Vec<f64>],
    format: Format,
) -> Value {
    let texts: Vec<Vec<String>> = cells.iter().map(|row| row.iter().map(|cell| format.text(*cell)).collect()).collect();
    let ticks = match format {
        Format::Percent => ".0%".to_owned(),
        Format::Number(decimals) => format!(".{decimals}f"),
    };
    json!({
        "data": [{
            "type": "heatmap",
            "x": columns,
            "y": rows,
            "z": cells,
            "text": texts,
            "texttemplate": "%{text}",
            "colorbar": { "tickformat": ticks, "thickness": 12, "outlinewidth": 0 },
            "xgap": 2,
            "ygap": 2,
            "hoverongaps": false,
            "hovertemplate": format!("{x}: %{{x}}<br>{y}: %{{y}}<br>{value}: %{{text}}<extra></extra>"),
        }],
        "layout": {
            "xaxis": { "type": "category", "title": { "text": x } },
            "yaxis": { "type": "category", "title": { "text": y } },
        },
    })
}
