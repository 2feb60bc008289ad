//! The report: outcomes as one HTML file that needs nothing else, neither a network nor other files.

mod exercise;
mod figure;
mod figures;
mod html;
mod overview;

use crate::{experiments::EXERCISES, outcome::Outcome, record::RunInfo};
use exercise::Exercise;
use figures::Figures;
use html::escape;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing may be fetched from anywhere: what is not in the page does not exist for it.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

/// A run to tell about.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// What came out.
    pub outcome: &'a Outcome,
    /// How it was made.
    pub info: &'a RunInfo,
    /// Tells runs of the same experiment apart, such as the name of the folder.
    pub label: String,
}

/// The whole page. Several runs begin with an overview, and come in the order of their exercises.
pub fn page(told: &[Told]) -> String {
    let mut told: Vec<&Told> = told.iter().collect();
    told.sort_by_key(|told| told.outcome.story.number);
    let exercises: Vec<Exercise> = told.iter().enumerate().map(|(at, one)| exercise(one, at, &told)).collect();
    let mut figures = Figures::default();
    let content: String = exercises.iter().map(|exercise| exercise.html(&mut figures)).collect();
    let (title, overview) = match exercises.as_slice() {
        [one] => (escape(&one.told.outcome.story.title), String::new()),
        several => (overview::title(several), overview::html(several)),
    };
    format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=Content-Security-Policy content=\"{POLICY}\">\n\
         <title>{title} · losslab</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><span class=brand>losslab</span>{navigation}\
         <button id=theme type=button aria-label=\"Switch between dark and light\">◐</button></header>\n<main>\n\
         <noscript><p class=noscript>The figures need JavaScript; the tables don't.</p></noscript>\n\
         {overview}{content}</main>\n\
         {plotly}\n<script type=\"application/json\" id=figures>{figures}</script>\n<script>\n{SCRIPT}</script>\n\
         </body>\n</html>\n",
        navigation = navigation(&exercises),
        plotly = plotly_script(),
        figures = figures.json(),
    )
}

/// A run with its place in the page: alone it is the page, else a chapter of it.
fn exercise<'a>(one: &'a Told<'a>, at: usize, all: &[&Told]) -> Exercise<'a> {
    let Outcome { experiment, story, .. } = one.outcome;
    if all.len() == 1 {
        return Exercise { told: one, key: experiment.clone(), rank: 1, eyebrow: String::new() };
    }
    let is_only = all.iter().filter(|other| other.outcome.experiment == *experiment).count() == 1;
    let (key, run) = if is_only {
        (experiment.clone(), String::new())
    } else {
        (format!("{experiment}-{at}"), format!(" · {}", one.label))
    };
    let kind = match story.number {
        number if number <= EXERCISES.len() => format!("Exercise {number}"),
        _ => String::from("Beyond the exercises"),
    };
    Exercise { told: one, key, rank: 2, eyebrow: kind + &run }
}

/// The parts of a single exercise as links; of several, the exercises as links and all parts in a list to unfold.
fn navigation(exercises: &[Exercise]) -> String {
    let link = |name: &str, anchor: &str| format!("<a href=\"#{anchor}\">{}</a>", escape(name));
    let parts =
        |exercise: &Exercise| -> String { exercise.parts().iter().map(|(name, anchor)| link(name, anchor)).collect() };
    if let [one] = exercises {
        return format!("<nav>{}</nav>", parts(one));
    }
    let chapter = |exercise: &Exercise| {
        let title = format!("{}: {}", exercise.eyebrow, exercise.told.outcome.story.title);
        format!(
            "<details><summary>{}</summary>{}{}</details>",
            escape(&title),
            link("Summary", &exercise.key),
            parts(exercise)
        )
    };
    let names: Vec<&str> = exercises.iter().map(|exercise| exercise.told.outcome.experiment.as_str()).collect();
    let short = |exercise: &Exercise| {
        let Told { outcome, label, .. } = exercise.told;
        let is_only = names.iter().filter(|name| **name == outcome.experiment).count() == 1;
        link(if is_only { &outcome.experiment } else { label }, &exercise.key)
    };
    let short: String = exercises.iter().map(short).collect();
    let chapters: String = exercises.iter().map(chapter).collect();
    format!(
        "<details class=contents><summary>Contents</summary><nav>{}{}{chapters}</nav></details>\
         <nav class=short>{short}</nav>",
        link("Overview", "overview"),
        link("All expectations", "all-checks"),
    )
}

/// Plotly's own script out of what the crate has for offline use. The MathJax that comes with it is left out: no
/// title here is a formula.
fn plotly_script() -> String {
    let both = plotly::Plot::offline_js_sources();
    let end = "</script>";
    both.split_inclusive(end).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
