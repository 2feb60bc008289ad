//! The report: an outcome as one HTML file that needs nothing else, neither a network nor other files.

mod figure;

use crate::{
    outcome::{Check, Figure, Lesson, Outcome, Section, Table},
    record::RunInfo,
};
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing may be fetched from anywhere: what is not in the page does not exist for it.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

/// The whole page.
pub fn page(outcome: &Outcome, info: &RunInfo) -> String {
    let story = &outcome.story;
    let title = escape(&story.title);
    let mut figures: Vec<Value> = Vec::new();
    let sections: String =
        story.sections.iter().enumerate().map(|(at, part)| section(at, part, &mut figures)).collect();
    let links: String = story
        .sections
        .iter()
        .enumerate()
        .map(|(at, section)| format!("<a href=\"#part-{at}\">{}</a>", escape(&section.title)))
        .collect();
    let lessons: String = story.lessons.iter().map(lesson).collect();
    format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=Content-Security-Policy content=\"{POLICY}\">\n\
         <title>{title} · losslab</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><span class=brand>losslab</span><nav><a href=\"#checks\">Expected and measured</a>{links}\
         <a href=\"#lessons\">Lessons</a><a href=\"#run\">This run</a></nav>\
         <button id=theme type=button aria-label=\"Switch between dark and light\">◐</button></header>\n<main>\n\
         <section class=hero><h1>{title}</h1><p class=headline>{headline}</p><p class=facts>{facts}</p>\
         <p>{question}</p></section>\n\
         <section id=checks><h2>Expected and measured</h2><p>{rule}</p>{checks}</section>\n\
         {sections}\
         <section id=lessons><h2>Lessons of this run</h2>{lessons}</section>\n\
         <section id=run><h2>This run</h2>{run}</section>\n</main>\n\
         <noscript><p class=noscript>The figures need JavaScript; the tables don't.</p></noscript>\n\
         {plotly}\n<script type=\"application/json\" id=figures>{figures}</script>\n<script>\n{SCRIPT}</script>\n\
         </body>\n</html>\n",
        headline = escape(&story.headline),
        facts = facts(outcome, info),
        question = escape(&story.question),
        rule = escape(&story.check_rule),
        checks = checks(&outcome.checks),
        run = run(outcome, info),
        plotly = plotly_script(),
        figures = Value::Array(figures).to_string().replace('<', "\\u003c"),
    )
}

fn facts(outcome: &Outcome, info: &RunInfo) -> String {
    let held = outcome.checks.iter().filter(|check| check.holds).count();
    format!(
        "<span>{} seeds</span><span>{} trainings in {:.0} s</span><span>{held} of {} expectations met</span>\
         <span>losslab {}</span>",
        outcome.seeds.len(),
        info.trainings,
        info.seconds,
        outcome.checks.len(),
        escape(&info.version)
    )
}

fn checks(checks: &[Check]) -> String {
    let rows: String = checks
        .iter()
        .map(|check| {
            let (class, mark, word) = if check.holds { ("yes", "✓", "holds") } else { ("no", "✗", "differs") };
            format!(
                "<tr><th scope=row>{}</th><td data-label=expected>{}</td><td data-label=measured>{}</td><td class={class}><span class=mark>{mark}</span> {word}</td></tr>",
                escape(&check.name),
                escape(&check.expected),
                escape(&check.measured)
            )
        })
        .collect();
    format!(
        "<div class=scroll tabindex=0><table class=checks><thead><tr><th>What</th><th>Expected</th><th>Measured</th>\
         <th>Verdict</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn lesson(lesson: &Lesson) -> String {
    let points: String = lesson.points.iter().map(|point| format!("<li>{}</li>", escape(point))).collect();
    format!(
        "<article class=lesson><h3>{}</h3><p>{}</p><ul>{points}</ul><p>{}</p></article>",
        escape(&lesson.title),
        escape(&lesson.lead),
        escape(&lesson.conclusion)
    )
}

fn section(at: usize, section: &Section, figures: &mut Vec<Value>) -> String {
    let text: String = section.text.iter().map(|paragraph| format!("<p>{}</p>", escape(paragraph))).collect();
    let tables: String = section.tables.iter().map(table).collect();
    let drawn: String = section.figures.iter().map(|figure| frame(figure, figures)).collect();
    format!(
        "<section id=part-{at}><h2>{}</h2>{text}{tables}<div class=figures>{drawn}</div></section>\n",
        escape(&section.title)
    )
}

fn table(table: &Table) -> String {
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
        "<h3>{}</h3><div class=scroll tabindex=0><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>\
         <p class=caption>{}</p>",
        escape(&table.title),
        escape(&table.caption)
    )
}

/// The place of a figure in the page; the figure itself goes to the end of the list that the script draws.
fn frame(figure: &Figure, figures: &mut Vec<Value>) -> String {
    figures.push(figure::plotly(figure));
    let title = escape(&figure.title);
    format!(
        "<figure><h3>{title}</h3><div class=plot role=img aria-label=\"{title}\"></div><figcaption>{}</figcaption></figure>",
        escape(&figure.caption)
    )
}

fn run(outcome: &Outcome, info: &RunInfo) -> String {
    let seeds: Vec<String> = outcome.seeds.iter().map(ToString::to_string).collect();
    let mut settings = String::new();
    for (key, value) in outcome.config.as_object().into_iter().flatten() {
        let text = value.to_string().replace(['[', ']', '"'], "").replace(',', ", ");
        _ = write!(settings, "<tr><th scope=row><code>{}</code></th><td>{}</td></tr>", escape(key), escape(&text));
    }
    format!(
        "<p>The command that repeats it:</p><pre class=scroll tabindex=0><code id=command>{}</code></pre>\
         <button id=copy type=button>Copy</button>\
         <p>The numbers are also in <code>outcome.json</code> beside this page, what may differ between repetitions in \
         <code>run.json</code>. The same seeds give the same numbers, whatever the number of cores.</p>\
         <div class=scroll tabindex=0><table class=settings><tbody><tr><th scope=row>Version</th><td>losslab {}</td></tr>\
         <tr><th scope=row>Machine</th><td>{}</td></tr>\
         <tr><th scope=row>Finished</th><td><time data-seconds={}></time>, after {:.1} s</td></tr>\
         <tr><th scope=row>Seeds</th><td>{}</td></tr>{settings}</tbody></table></div>",
        escape(&info.command),
        escape(&info.version),
        escape(&info.machine),
        info.finished,
        info.seconds,
        seeds.join(", ")
    )
}

/// Plotly's own script out of what the crate has for offline use. The MathJax that comes with it is left out: no
/// title here is a formula.
fn plotly_script() -> String {
    let both = plotly::Plot::offline_js_sources();
    let end = "</script>";
    both.split_inclusive(end).next().unwrap_or_default().to_owned()
}

/// Text for HTML, with unbreakable spaces where a line must not end.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let text = text.replace(" %", "\u{a0}%").replace(" ± ", "\u{a0}±\u{a0}");
    ["γ = ", "p = ", "p &lt; "].iter().fold(text, |text, part| text.replace(part, &part.replace(' ', "\u{a0}")))
}

#[cfg(test)]
mod tests;
