//! Advice as a page of text for a terminal.

use super::{Advice, Hyperparameter};
use std::fmt::Write;

const WIDTH: usize = 100;

/// The whole page.
pub fn text(advice: &Advice) -> String {
    let mut page = String::new();
    let mut out = |text: &str| page.push_str(text);
    out(&format!("LOSS  {} ({})\n", advice.type_name, advice.loss));
    out(&bullets("FROM", &advice.facts));
    out(&bullets("WHY", &advice.why));
    out(&section("HYPERPARAMETERS", &table(&advice.hyperparameters)));
    out(&bullets("BATCHES", &advice.batch.text));
    out(&bullets("BEAT THIS FIRST", &advice.baseline));
    let metrics = advice.metrics.iter().map(|metric| named(metric.name.unwrap_or_default(), &metric.why));
    out(&section("CHOOSE BY, on the validation part (`losslab metric NAME`)", &metrics.collect::<String>()));
    if !advice.watch.is_empty() {
        let findings = advice.watch.iter().map(|watch| named(watch.finding.name(), watch.then));
        out(&section("WATCH (`losslab::diagnostics`)", &findings.collect::<String>()));
    }
    let code = advice.rust.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("  {line}\n"),
    });
    out(&section("RUST", &code.collect::<String>()));
    page
}

fn section(title: &str, body: &str) -> String {
    format!("\n{title}\n{body}")
}

fn bullets(title: &str, items: &[String]) -> String {
    section(title, &items.iter().map(|item| wrapped(item, "- ", 4)).collect::<String>())
}

fn named(name: &str, text: &str) -> String {
    match name {
        "" => wrapped(text, "", 2),
        name => wrapped(text, &format!("{name:<24}"), 26),
    }
}

fn table(rows: &[Hyperparameter]) -> String {
    let range = |row: &Hyperparameter| row.range.map(|[low, high]| format!("{low} to {high}")).unwrap_or_default();
    let title = |row: &Hyperparameter| format!("{} {}", row.name, row.symbol).trim_end().to_owned();
    let width = |text: &dyn Fn(&Hyperparameter) -> String, head: &str| {
        rows.iter().map(|row| text(row).chars().count()).max().unwrap_or(0).max(head.len()) + 2
    };
    let first = width(&title, "");
    let start = width(&|row| row.start.clone(), "start").min(26);
    let third = width(&range, "range");
    let mut text = format!("  {:first$}{:start$}{:third$}effect\n", "", "start", "range");
    for row in rows {
        let head = format!("{:first$}{:start$}{:third$}", title(row), row.start, range(row));
        text += &wrapped(&row.effect, &head, 2 + first + start + third);
    }
    text
}

/// Two spaces, `head`, and the text broken between words; further lines are indented.
fn wrapped(text: &str, head: &str, indent: usize) -> String {
    let mut out = format!("  {head}");
    let mut column = out.chars().count();
    if column > indent && !text.is_empty() {
        // The head is longer than its column.
        _ = write!(out, "\n{:indent$}", "");
        column = indent;
    }
    let mut is_first = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_first && column + 1 + length > WIDTH {
            _ = write!(out, "\n{:indent$}", "");
            column = indent;
            is_first = true;
        }
        if !is_first {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += length;
        is_first = false;
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_and_indented() {
        let text = wrapped(&"word ".repeat(40), "- ", 4);
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("  - word word") && lines[1].starts_with("    word"));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_head_longer_than_its_column_gets_its_own_line() {
        assert_eq!(wrapped("what it does", "a long head", 6), "  a long head\n      what it does\n");
        assert_eq!(wrapped("what", "a   ", 6), "  a   what\n");
    }
}
