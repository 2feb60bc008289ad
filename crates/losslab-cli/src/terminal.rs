//! What the program shows in the terminal: progress while it trains, then the results.

use crate::{outcome::Table, record::Recorded};
use anyhow::Result;
use comfy_table::{CellAlignment, presets};
use std::{
    io::{self, Write},
    path::Path,
};

/// Prints the tables of results, each result in a sentence, and where the report is.
pub fn print(records: &[Recorded], report: &Path) -> Result<()> {
    unless_closed(write(&mut io::stdout().lock(), records, report))
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

fn write(out: &mut impl Write, records: &[Recorded], report: &Path) -> io::Result<()> {
    let mut held = 0;
    let mut expected = 0;
    for Recorded { outcome, .. } in records {
        for section in &outcome.story.sections {
            if let Some(table) = section.tables.first() {
                writeln!(out, "{}\n{}\n", section.title, plain(table))?;
            }
        }
        outcome.story.notice.iter().try_for_each(|notice| writeln!(out, "Note: {notice}"))?;
        writeln!(out, "{}\n", outcome.story.headline)?;
        held += outcome.checks.iter().filter(|check| check.holds).count();
        expected += outcome.checks.len();
    }
    writeln!(out, "Expectations met: {held} of {expected}.")?;
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
