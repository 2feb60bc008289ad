//! What the program shows in the terminal: progress while it trains, then the results.

use crate::outcome::{Outcome, Table};
use anyhow::Result;
use comfy_table::{CellAlignment, presets};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, Write},
    path::Path,
};

/// A bar on standard error; silent where that is not a terminal.
pub fn progress(trainings: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} trainings, {eta} left").expect("a valid template");
    ProgressBar::new(trainings as u64).with_style(style)
}

/// Prints the tables of results, the result in a sentence, and where the report is.
pub fn print(outcome: &Outcome, report: &Path) -> Result<()> {
    unless_closed(write(&mut io::stdout().lock(), outcome, report))
}

/// Prints text.
pub fn show(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader such as `head` that has seen enough is no failure.
fn unless_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn write(out: &mut impl Write, outcome: &Outcome, report: &Path) -> io::Result<()> {
    for section in &outcome.story.sections {
        if let Some(table) = section.tables.first() {
            writeln!(out, "{}\n{}\n", section.title, plain(table))?;
        }
    }
    let held = outcome.checks.iter().filter(|check| check.holds).count();
    writeln!(out, "{}\n", outcome.story.headline)?;
    writeln!(out, "Expectations met: {held} of {}.", outcome.checks.len())?;
    writeln!(out, "Report: {}", report.display())
}

/// The first columns of a table: what a terminal has room for. The report has them all.
fn plain(table: &Table) -> comfy_table::Table {
    const COLUMNS: usize = 6;
    let mut plain = comfy_table::Table::new();
    plain.load_style(presets::UTF8_FULL_CONDENSED).set_header(table.columns.iter().take(COLUMNS));
    for row in &table.rows {
        plain.add_row(row.iter().take(COLUMNS).map(|cell| &cell.text));
    }
    plain.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    plain
}
