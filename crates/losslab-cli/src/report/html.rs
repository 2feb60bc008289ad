//! Text and tables as HTML.

use crate::outcome::{Check, Table};
use std::fmt::Write;

/// Text for HTML, with unbreakable spaces where a line must not end.
pub fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let text = text.replace(" %", "\u{a0}%").replace(" ± ", "\u{a0}±\u{a0}");
    ["γ = ", "p = ", "p &lt; "].iter().fold(text, |text, part| text.replace(part, &part.replace(' ', "\u{a0}")))
}

/// Text in which `` `words` `` between backticks are code.
pub fn prose(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, code, after)) = first_code(rest) {
        _ = write!(html, "{}<code>{}</code>", escape(before), escape(code));
        rest = after;
    }
    html + &escape(rest)
}

fn first_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

/// A paragraph each.
pub fn paragraphs(texts: &[String]) -> String {
    texts.iter().map(|text| format!("<p>{}</p>", prose(text))).collect()
}

/// A table that scrolls sideways where the page is narrow. The head and the body are rows.
pub fn scrolled(class: &str, head: &str, body: &str) -> String {
    let head = if head.is_empty() { String::new() } else { format!("<thead><tr>{head}</tr></thead>") };
    format!("<div class=scroll tabindex=0><table class=\"{class}\">{head}<tbody>{body}</tbody></table></div>")
}

/// A table of an outcome with its heading and caption.
pub fn table(table: &Table, heading: usize) -> String {
    let head: String = table.columns.iter().map(|column| format!("<th scope=col>{}</th>", escape(column))).collect();
    let mut body = String::new();
    for row in &table.rows {
        body.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let text = escape(&cell.text);
            let text = if cell.strong { format!("<strong>{text}</strong>") } else { text };
            let tag = if at == 0 { "th scope=row" } else { "td" };
            _ = write!(body, "<{tag}>{text}</{}>", &tag[..2]);
        }
        body.push_str("</tr>");
    }
    format!(
        "<h{heading} class=sub>{}</h{heading}>{}<p class=caption>{}</p>",
        escape(&table.title),
        scrolled("numbers", &head, &body),
        prose(&table.caption)
    )
}

/// Expectations beside measurements.
pub fn checks(checks: &[Check]) -> String {
    let rows: String = checks
        .iter()
        .map(|check| {
            format!(
                "<tr><th scope=row>{}</th><td data-label=expected>{}</td><td data-label=measured>{}</td>{}</tr>",
                escape(&check.name),
                escape(&check.expected),
                escape(&check.measured),
                verdict(check)
            )
        })
        .collect();
    scrolled("checks", "<th>What</th><th>Expected</th><th>Measured</th><th>Verdict</th>", &rows)
}

/// The cell that says whether a check holds.
fn verdict(check: &Check) -> String {
    let (class, mark, word) = if check.holds { ("yes", "✓", "holds") } else { ("no", "✗", "differs") };
    format!("<td class={class}><span class=mark>{mark}</span> {word}</td>")
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn backticks_are_code() {
        assert_eq!(prose("run `a <b>` & `c`."), "run <code>a &lt;b&gt;</code> &amp; <code>c</code>.");
        assert_eq!(prose("one ` alone"), "one ` alone");
    }
}
