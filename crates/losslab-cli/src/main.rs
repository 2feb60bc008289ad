//! The losslab program: trains on real data, shows what each loss does and which one to use.

mod advise;
mod bench;
mod commands;
mod data;
mod experiments;
mod lab;
mod losses;
mod memory;
mod metrics;
mod models;
mod outcome;
mod probe;
mod random;
mod record;
mod report;
mod saved;
mod settings;
mod statistics;
mod terminal;
mod tsne;
mod unfinished;
mod wording;

use clap::{CommandFactory, FromArgMatches, Parser, error::ErrorKind};
use std::process::ExitCode;

/// Loss functions beyond cross-entropy, compared on real data.
///
/// Without a command: `losslab run focal --quick`.
#[derive(Debug, Parser)]
#[command(name = "losslab", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<commands::Command>,
}

fn main() -> ExitCode {
    match parse().and_then(|cli| cli.map_or(Ok(()), |cli| cli.command.unwrap_or_default().run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

/// The command line, or nothing where help or the version was asked for and printed.
fn parse() -> anyhow::Result<Option<Cli>> {
    let mut command = Cli::command();
    let parsed = command.try_get_matches_from_mut(std::env::args_os()).and_then(|found| Cli::from_arg_matches(&found));
    match parsed {
        Ok(cli) => Ok(Some(cli)),
        Err(shown) if matches!(shown.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            shown.print()?;
            Ok(None)
        }
        Err(error) => {
            let text = error.to_string();
            let text = text.split("\n\nUsage:").next().unwrap_or_default();
            let text = text.split("\n\nFor more information").next().unwrap_or_default();
            Err(anyhow::anyhow!(text.trim_start_matches("error: ").to_owned()))
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
