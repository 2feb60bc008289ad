//! `losslab advise`: which loss, and how to use it.

use crate::advise::questions::{self, Dialogue};
use crate::advise::{self, Answers, Branch, Situation, Supervision, page};
use crate::data::labels::LabelCounts;
use crate::terminal;
use anyhow::{Result, bail};
use clap::Args;
use std::io::{self, IsTerminal, Stderr, StdinLock};
use std::path::PathBuf;

/// The flags of `losslab advise`. On a terminal it asks for what they leave open.
#[derive(Args, Debug)]
pub struct AdviseArgs {
    /// What the network is to do.
    #[arg(long, value_enum)]
    task: Option<Branch>,
    /// Measure the classes of this CSV file with a header.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The column of `--data` that holds the class.
    #[arg(long, value_name = "COLUMN", default_value = "label", requires = "data")]
    label: String,
    /// Each sample has a class; with a file, measure it: labels in MNIST's IDX format, plain or gzip.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["data", "pairs", "triplets", "unlabelled"])]
    labels: Option<Option<PathBuf>>,
    /// There are pairs that are alike or not.
    #[arg(long, conflicts_with_all = ["triplets", "unlabelled"])]
    pairs: bool,
    /// There are triplets of anchor, positive and negative.
    #[arg(long, conflicts_with = "unlabelled")]
    triplets: bool,
    /// There are no labels; two views of a sample can be made.
    #[arg(long)]
    unlabelled: bool,
    /// Number of classes.
    #[arg(long, value_name = "N", conflicts_with = "data")]
    classes: Option<usize>,
    /// Share of the samples that are of the rarest class, such as 0.01.
    #[arg(long, value_name = "SHARE", conflicts_with = "data")]
    rare_share: Option<f64>,
    /// A sample may have several classes, or none.
    #[arg(long)]
    multi_label: bool,
    /// Samples that a usual class has.
    #[arg(long, value_name = "N", conflicts_with = "data")]
    samples_per_class: Option<usize>,
    /// A sample may have several matches in the other modality; without labels: samples of a batch may be alike.
    #[arg(long)]
    shared_matches: bool,
    /// Number of tasks.
    #[arg(long, value_name = "N")]
    tasks: Option<usize>,
    /// How many of the tasks are regressions.
    #[arg(long, value_name = "N")]
    regressions: Option<usize>,
    /// The largest task loss at the start of training over the smallest.
    #[arg(long, value_name = "RATIO")]
    loss_ratio: Option<f64>,
    /// For ranking: the order of all items of a list is known, not only grades.
    #[arg(long)]
    whole_order: bool,
    /// For ranking: the items of the longest list.
    #[arg(long, value_name = "N")]
    longest_list: Option<usize>,
    /// Samples that fit in a batch (128; 256 pairs for two modalities; 32 lists for ranking).
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl AdviseArgs {
    /// Reads, asks, and prints the advice.
    pub fn run(self) -> Result<()> {
        let json = self.json;
        let mut answers = self.answers()?;
        questions::complete(&mut answers, somebody())?;
        let advice = advise::advise(&Situation::new(answers)?);
        if json {
            terminal::show(&(serde_json::to_string_pretty(&advice)? + "\n"))
        } else {
            terminal::show(&page::text(&advice))
        }
    }

    fn answers(self) -> Result<Answers> {
        let measured = match (&self.data, &self.labels) {
            (Some(table), _) => Some(LabelCounts::from_csv(table, &self.label)?),
            (None, Some(Some(file))) => Some(LabelCounts::from_idx(file)?),
            _ => None,
        };
        if measured.is_some()
            && (self.classes.is_some() || self.rare_share.is_some() || self.samples_per_class.is_some())
        {
            bail!("advise: --classes, --rare-share and --samples-per-class are measured where there is a file");
        }
        let supervision = [
            (matches!(self.labels, Some(None)), Supervision::Labels),
            (measured.is_some() && self.task == Some(Branch::Similarity), Supervision::Labels),
            (self.pairs, Supervision::Pairs),
            (self.triplets, Supervision::Triplets),
            (self.unlabelled, Supervision::Unlabelled),
        ];
        Ok(Answers {
            task: self.task,
            measured,
            classes: self.classes,
            rare_share: self.rare_share,
            multi_label: self.multi_label.then_some(true),
            supervision: supervision.into_iter().find(|(is_given, _)| *is_given).map(|(_, supervision)| supervision),
            samples_per_class: self.samples_per_class,
            shared_matches: self.shared_matches.then_some(true),
            tasks: self.tasks,
            regressions: self.regressions,
            loss_ratio: self.loss_ratio,
            whole_order: self.whole_order.then_some(true),
            longest_list: self.longest_list,
            batch: self.batch,
        })
    }
}

/// Whoever sits at the terminal. Questions go to standard error, so that the advice alone can be redirected.
fn somebody() -> Option<Dialogue<StdinLock<'static>, Stderr>> {
    let is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    is_there.then(|| Dialogue { input: io::stdin().lock(), output: io::stderr() })
}
