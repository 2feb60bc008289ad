//! `losslab data`: the published data sets that experiments use.

use crate::{
    data::{
        catalogue::{CATALOGUE, Entry},
        clicks::Clicks,
        emoji::Emoji,
        fetch::{Ended, Fetcher, Patience, by_hand},
        letor,
        sources::{CACHE_VARIABLE, cache_folder},
        stock::State,
    },
    record::write_whole,
    terminal,
};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::DecimalBytes;
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The flags of `losslab data`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = false)]
pub struct DataArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the data sets: what there is of them here, their licences and where they lie.
    List(Where),
    /// Fetch data sets and check them.
    Fetch(FetchArgs),
    /// Compare sizes and checksums of what is there; exit status 2 where something is damaged.
    Check(CheckArgs),
    /// Write the generated searches with clicks of `losslab run ranking` as LETOR files.
    Searches(SearchesArgs),
}

#[derive(Args, Debug)]
struct Where {
    /// The folder of the data sets [default: `LOSSLAB_DATA`, or `losslab` where the system keeps caches].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct FetchArgs {
    /// Which; `losslab data list` shows them.
    #[arg(required = true, value_parser = names(), value_name = "NAME")]
    names: Vec<String>,
    /// Take the files of one data set from this address.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    #[command(flatten)]
    place: Where,
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// Which; all without a name.
    #[arg(value_parser = names(), value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    place: Where,
}

#[derive(Args, Debug)]
struct SearchesArgs {
    /// The folder to write train.txt, vali.txt and test.txt to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The seed that draws them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Queries for training.
    #[arg(long, value_name = "N", default_value_t = 300)]
    queries: usize,
    /// Sessions of a query, in the middle.
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    sessions: f64,
    /// How fast attention falls with the rank; 0 for not at all.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    bias: f64,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(CATALOGUE.map(|entry| entry.name))
}

fn entries(names: &[String]) -> impl Iterator<Item = &'static Entry> {
    CATALOGUE.into_iter().filter(move |entry| names.is_empty() || names.iter().any(|name| name == entry.name))
}

impl Where {
    fn base(&self) -> Result<PathBuf> {
        let none = || format!("no folder for caches is known, name one by --data-dir or {CACHE_VARIABLE}");
        self.data_dir.clone().or_else(cache_folder).with_context(none)
    }
}

impl DataArgs {
    /// Does it.
    pub fn run(self) -> Result<()> {
        match self.what {
            What::List(place) => list(&place),
            What::Fetch(args) => fetch(&args),
            What::Check(args) => check(&args),
            What::Searches(args) => searches(&args),
        }
    }
}

fn list(place: &Where) -> Result<()> {
    let base = place.base()?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["name", "files", "download", "here", "folder"]);
    let mut notes = String::new();
    for entry in CATALOGUE {
        let folder = entry.folder(&base);
        let download = match entry.download_bytes() {
            0 => "by hand".to_owned(),
            bytes => DecimalBytes(bytes).to_string(),
        };
        let names = entry.file_names();
        let sizes = entry.files().iter().map(|file| file.by_size(&folder)).collect::<Vec<_>>();
        let there = names.iter().filter(|name| folder.join(name).is_file()).count();
        let here = match there {
            _ if sizes.iter().any(|state| matches!(state, State::Damaged(_))) => "damaged, or a subset".to_owned(),
            0 => "absent".to_owned(),
            _ if there == names.len() => "present".to_owned(),
            _ => format!("partial ({there} of {})", names.len()),
        };
        table.add_row([entry.name, &names.len().to_string(), &download, &here, &folder.to_string_lossy()]);
        let Entry { title, about, licence, citation, by_hand, .. } = entry;
        writeln!(notes, "{title}: {about}\n  licence: {licence}\n  cite: {citation}")?;
        if !by_hand.is_empty() {
            writeln!(notes, "  files to put there by hand: {}", by_hand.join(", "))?;
        }
    }
    table.column_iter_mut().skip(1).take(2).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    terminal::show(&format!("{table}\n\n{notes}"))
}

fn fetch(args: &FetchArgs) -> Result<()> {
    let base = args.place.base()?;
    ensure!(
        args.mirror.is_none() || args.names.len() == 1,
        "--mirror: it holds the files of one data set, but {} are named",
        args.names.len()
    );
    let fetcher = Fetcher::new(Patience::default());
    let mut failed = Vec::new();
    for entry in entries(&args.names) {
        let folder = entry.folder(&base);
        let mirrors = match &args.mirror {
            Some(mirror) => std::slice::from_ref(&mirror.as_str()).to_vec(),
            None => entry.mirrors.to_vec(),
        };
        let whole = entry.by_hand.iter().all(|name| folder.join(name).is_file());
        match fetcher.fetch(entry, &folder, &mirrors)? {
            Ended::Complete if whole => terminal::show(&format!("{}: complete in {}\n", entry.name, folder.display()))?,
            Ended::Complete => {
                eprint!("{}: nobody serves it as it is needed.\n{}", entry.name, by_hand(entry, &folder)?);
                failed.push(entry.name);
            }
            Ended::Unreachable(reasons) => {
                eprint!("{}: could not be fetched:\n  {}\n", entry.name, reasons.join("\n  "));
                eprint!("{}", by_hand(entry, &folder)?);
                failed.push(entry.name);
            }
        }
    }
    ensure!(failed.is_empty(), "not fetched: {}", failed.join(", "));
    Ok(())
}

fn read_by_hand(entry: &Entry, folder: &Path) -> Result<()> {
    match entry.name {
        "emoji" => Emoji::read(folder).map(drop),
        _ => letor::Files::find(folder)?.map(|files| files.read()).transpose().map(drop),
    }
}

/// Writes the searches of a seed, as `losslab run ranking` draws them.
fn searches(args: &SearchesArgs) -> Result<()> {
    let SearchesArgs { seed, queries, sessions, bias, ref out } = *args;
    ensure!((20..=10_000).contains(&queries), "--queries {queries}: it must be from 20 to 10000");
    ensure!((1.0..=1000.0).contains(&sessions), "--sessions {sessions}: it must be from 1 to 1000");
    ensure!((0.0..=3.0).contains(&bias), "--bias {bias}: it must be from 0 to 3");
    let split = Clicks { queries, sessions, bias }.searches(seed).split;
    fs::create_dir_all(out).with_context(|| format!("{}: cannot be made", out.display()))?;
    for (part, items) in [("train", &split.train), ("vali", &split.valid), ("test", &split.test)] {
        let file = out.join(part).with_extension("txt");
        write_whole(&file, letor::text(items).as_bytes())?;
    }
    terminal::show(&format!("searches of seed {seed}: train.txt, vali.txt and test.txt in {}\n", out.display()))
}

fn check(args: &CheckArgs) -> Result<()> {
    let base = args.place.base()?;
    let (mut text, mut damaged) = (String::new(), 0);
    for entry in entries(&args.names) {
        let folder = entry.folder(&base);
        let names = entry.file_names();
        let there = names.iter().filter(|name| folder.join(name).is_file()).count();
        let mut faults = Vec::new();
        for file in entry.files() {
            if let State::Damaged(why) = file.by_content(&folder)? {
                faults.push(format!("{}: {why}", folder.join(file.name).display()));
            }
        }
        // Nobody published checksums of them: reading them must do.
        if there > 0
            && !entry.by_hand.is_empty()
            && let Err(error) = read_by_hand(entry, &folder)
        {
            faults.push(format!("{error:#}"));
        }
        let missing: Vec<&str> = names.iter().copied().filter(|name| !folder.join(name).is_file()).collect();
        match there {
            0 => writeln!(text, "{}: absent", entry.name)?,
            _ if !faults.is_empty() => writeln!(text, "{}: damaged\n  {}", entry.name, faults.join("\n  "))?,
            _ if !missing.is_empty() => writeln!(text, "{}: right, but without {}", entry.name, missing.join(", "))?,
            _ => writeln!(text, "{}: right, {there} files in {}", entry.name, folder.display())?,
        }
        damaged += faults.len();
    }
    terminal::show(&text)?;
    match damaged {
        0 => Ok(()),
        1 => bail!("1 file is damaged"),
        _ => bail!("{damaged} files are damaged"),
    }
}
