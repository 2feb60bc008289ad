//! One exercise of a page: what was asked, what came out, what to learn, how to repeat it.

use super::{
    Told,
    figures::Figures,
    html::{checks, escape, paragraphs, prose, scrolled, table},
};
use crate::outcome::{Lesson, Outcome, Section};
use std::fmt::Write;

/// An exercise with its place in the page.
pub struct Exercise<'a> {
    /// What is told.
    pub told: &'a Told<'a>,
    /// Begins the anchors of its parts; no other exercise of the page has it.
    pub key: String,
    /// Rank of its title: 1 where it is the title of the page.
    pub rank: usize,
    /// Stands above the title; may be empty.
    pub eyebrow: String,
}

impl<'a> Exercise<'a> {
    /// Names and anchors of its parts, in their order.
    pub fn parts(&self) -> Vec<(&'a str, String)> {
        let told: &'a Told = self.told;
        let sections = told.outcome.story.sections.iter().enumerate();
        std::iter::once(("Expected and measured", format!("{}-checks", self.key)))
            .chain(sections.map(|(at, section)| (section.title.as_str(), format!("{}-part-{at}", self.key))))
            .chain([("Lessons", format!("{}-lessons", self.key)), ("This run", format!("{}-run", self.key))])
            .collect()
    }

    /// All of it.
    pub fn html(&self, figures: &mut Figures<'a>) -> String {
        let Self { key, rank, .. } = self;
        let told: &'a Told = self.told;
        let story = &told.outcome.story;
        let part = rank + 1;
        let sections = story.sections.iter().enumerate();
        let sections: String = sections.map(|(at, section)| self.section(at, section, figures)).collect();
        let lessons: String = story.lessons.iter().map(|lesson| self.lesson(lesson)).collect();
        let eyebrow = match self.eyebrow.as_str() {
            "" => String::new(),
            text => format!("<p class=eyebrow>{}</p>", escape(text)),
        };
        let notice = match story.notice.as_slice() {
            [] => String::new(),
            texts => format!("<aside class=notice>{}</aside>", paragraphs(texts)),
        };
        format!(
            "<article class=exercise id={key}>\n\
             <section class=hero>{eyebrow}<h{rank} class=title>{title}</h{rank}>{notice}\
             <p class=headline>{headline}</p><p class=facts>{facts}</p><p>{question}</p></section>\n\
             <section id={key}-checks><h{part} class=part>Expected and measured</h{part}><p>{rule}</p>{checks}</section>\n\
             {sections}\
             <section id={key}-lessons class=lessons><h{part} class=part>Lessons of this run</h{part}>{lessons}</section>\n\
             <section id={key}-run><h{part} class=part>This run</h{part}>{run}</section>\n</article>\n",
            title = escape(&story.title),
            headline = prose(&story.headline),
            facts = facts(told),
            question = prose(&story.question),
            rule = prose(&story.check_rule),
            checks = checks(&told.outcome.checks),
            run = run(told),
        )
    }

    fn section(&self, at: usize, section: &'a Section, figures: &mut Figures<'a>) -> String {
        let (part, sub) = (self.rank + 1, self.rank + 2);
        let tables: String = section.tables.iter().map(|shown| table(shown, sub)).collect();
        let frames: String = section.figures.iter().map(|figure| figures.frame(figure, sub)).collect();
        let frames = if frames.is_empty() { frames } else { format!("<div class=figures>{frames}</div>") };
        format!(
            "<section id={}-part-{at}><h{part} class=part>{}</h{part}>{}{tables}{frames}</section>\n",
            self.key,
            escape(&section.title),
            paragraphs(&section.text),
        )
    }

    fn lesson(&self, lesson: &Lesson) -> String {
        let points: String = lesson.points.iter().map(|point| format!("<li>{}</li>", prose(point))).collect();
        let sub = self.rank + 2;
        format!(
            "<article class=lesson><h{sub} class=sub>{}</h{sub}><p>{}</p><ul>{points}</ul><p>{}</p></article>",
            escape(&lesson.title),
            prose(&lesson.lead),
            prose(&lesson.conclusion)
        )
    }
}

/// How many checks of an outcome hold.
pub fn held(outcome: &Outcome) -> usize {
    outcome.checks.iter().filter(|check| check.holds).count()
}

fn facts(told: &Told) -> String {
    let Told { outcome, info, .. } = told;
    format!(
        "<span>{}</span><span>{} in {:.0} s</span><span>{} of {} expectations met</span><span>losslab {}</span>",
        counted(outcome.seeds.len(), "seed"),
        counted(info.trainings, "training"),
        info.seconds,
        held(outcome),
        outcome.checks.len(),
        escape(&info.version)
    )
}

/// `1 seed`, `6 seeds`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn run(told: &Told) -> String {
    let Told { outcome, info, .. } = told;
    let seeds: Vec<String> = outcome.seeds.iter().map(ToString::to_string).collect();
    let mut rows = format!(
        "<tr><th scope=row>Version</th><td>losslab {}</td></tr><tr><th scope=row>Machine</th><td>{}</td></tr>\
         <tr><th scope=row>Finished</th><td><time data-seconds={}></time>, after {:.1} s</td></tr>\
         <tr><th scope=row>Seeds</th><td>{}</td></tr>",
        escape(&info.version),
        escape(&info.machine),
        info.finished,
        info.seconds,
        seeds.join(", ")
    );
    for (key, text) in settings(outcome) {
        _ = write!(rows, "<tr><th scope=row><code>{}</code></th><td>{}</td></tr>", escape(key), escape(&text));
    }
    format!(
        "<p>The command that repeats it:</p><pre class=scroll tabindex=0><code>{}</code></pre>\
         <button class=copy type=button>Copy</button>\
         <p>The numbers are also in <code>outcome.json</code>, what may differ between repetitions in \
         <code>run.json</code>. The same seeds give the same numbers, whatever the number of cores.</p>{}",
        escape(&info.command),
        scrolled("settings", "", &rows)
    )
}

/// The configuration, in words.
pub fn settings(outcome: &Outcome) -> impl Iterator<Item = (&str, String)> {
    let written = |value: &serde_json::Value| value.to_string().replace(['[', ']', '"'], "").replace(',', ", ");
    outcome.config.as_object().into_iter().flatten().map(move |(key, value)| (key.as_str(), written(value)))
}
