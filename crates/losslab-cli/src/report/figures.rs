//! The figures of a page: a frame for each in the text, and what the script draws in it at the end.

use super::{
    figure,
    html::{escape, prose},
};
use crate::outcome::{Figure, Plot, Sheet};
use serde_json::{Value, json};
use std::fmt::Write;

/// What the script draws.
#[derive(Default)]
pub struct Figures<'a> {
    plots: Vec<Value>,
    /// Sheets that several figures show are in the page once.
    sheets: Vec<&'a Sheet>,
}

impl<'a> Figures<'a> {
    /// The frame of a figure.
    pub fn frame(&mut self, figure: &'a Figure, heading: usize) -> String {
        let title = escape(&figure.title);
        let (class, content) = match &figure.plot {
            Plot::Pictures { rows, columns, pictures } => {
                let columns_in_all = rows.iter().map(|(_, row)| row.len()).max().unwrap_or(0);
                let class = if columns_in_all > 6 { " class=wide" } else { "" };
                (class, self.pictures(rows, columns, pictures))
            }
            plot => ("", self.plot(figure, plot, &title)),
        };
        format!(
            "<figure{class}><h{heading} class=sub>{title}</h{heading}>{content}<figcaption>{}</figcaption></figure>",
            prose(&figure.caption)
        )
    }

    fn plot(&mut self, figure: &Figure, plot: &'a Plot, title: &str) -> String {
        let mut drawn = rounded(figure::plotly(figure).expect("only pictures are not drawn"));
        let class = if let Plot::Scatter { pictures, .. } = plot {
            if let Some(sheet) = pictures {
                drawn["sheet"] = self.sheet(sheet).into();
            }
            "plot square"
        } else {
            "plot"
        };
        self.plots.push(drawn);
        let control = match plot {
            Plot::Surface(_) => "<button class=turn type=button hidden>Turn</button>",
            _ => "",
        };
        format!("<div class=\"{class}\" role=img aria-label=\"{title}\"></div>{control}")
    }

    fn pictures(&mut self, rows: &[(String, Vec<usize>)], columns: &[String], pictures: &'a Sheet) -> String {
        let sheet = self.sheet(pictures);
        let mut table = String::new();
        if !columns.is_empty() {
            let names: String = columns.iter().map(|name| format!("<th scope=col>{}</th>", escape(name))).collect();
            _ = write!(table, "<thead><tr><td></td>{names}</tr></thead>");
        }
        for (name, row) in rows {
            _ = write!(table, "<tr><th scope=row>{}</th>", escape(name));
            for (at, index) in row.iter().enumerate() {
                let column = columns.get(at).map_or_else(|| (at + 1).to_string(), |column| escape(column));
                _ = write!(
                    table,
                    "<td><canvas class=picture data-sheet={sheet} data-index={index} role=img \
                     aria-label=\"{}, {column}\"></canvas></td>",
                    escape(name)
                );
            }
            table.push_str("</tr>");
        }
        format!("<div class=\"scroll pictures\" tabindex=0><table>{table}</table></div>")
    }

    fn sheet(&mut self, sheet: &'a Sheet) -> usize {
        self.sheets.iter().position(|known| *known == sheet).unwrap_or_else(|| {
            self.sheets.push(sheet);
            self.sheets.len() - 1
        })
    }

    /// Everything as JSON that can stand inside of a script.
    pub fn json(&self) -> String {
        let sheet = |sheet: &&Sheet| {
            json!({
                "uri": sheet.data_uri(), "width": sheet.width, "height": sheet.height, "columns": sheet.columns(),
            })
        };
        let sheets: Vec<Value> = self.sheets.iter().map(sheet).collect();
        json!({ "plots": self.plots, "sheets": sheets }).to_string().replace('<', "\\u003c")
    }
}

/// Numbers in six digits: finer than a screen, a third as long, and the same from memory as from a file.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|number| format!("{number:.5e}").parse::<f64>().ok());
            short.map_or(Value::Null, Value::from)
        }
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(pairs) => pairs.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
        other => other,
    }
}
