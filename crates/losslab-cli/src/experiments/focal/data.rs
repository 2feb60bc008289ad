//! Task 2: imbalanced data sets.

use crate::{
    data::{Scale, Split, Table, digits::Digits, imbalanced, synthetic::TwoGaussians},
    random,
};
use std::sync::Arc;

use super::Settings;

/// A two-class data set whose label 1 is rare.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// Its name in `outcome.json`.
    pub key: String,
    /// Its name in the report.
    pub title: String,
    /// What it is, in a sentence or two.
    pub about: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Gaussians(TwoGaussians),
    Digits { digits: Arc<Digits>, digit: u8, share: f64, limit: usize },
    Table(Arc<Table>),
}

impl DataSet {
    /// The generator with the given share of rare rows.
    pub fn two_gaussians(rare_share: f64, settings: &Settings) -> Self {
        let rare = (100.0 * rare_share).round();
        let Settings { features, separation, .. } = *settings;
        Self {
            key: format!("two-class {}/{rare}", 100.0 - rare),
            title: format!("Two-class generator, {}/{rare}", 100.0 - rare),
            about: format!(
                "Two Gaussian classes with unit variance in {features} dimensions whose centres lie {separation} \
                 standard deviations apart; {rare} % of the rows belong to the rare class. 4,000 rows for training, \
                 4,000 for validation and 10,000 for testing, drawn afresh for each seed."
            ),
            source: Source::Gaussians(TwoGaussians { features, separation, rare_share }),
        }
    }

    /// One digit against the rest.
    pub fn digits(digits: Digits, settings: &Settings) -> Self {
        let Settings { digit, ratio, images, .. } = *settings;
        let about = format!(
            "The digit {digit} against all others, from {}. Images of the digit are left out at random, for each seed \
             anew and in every part, until it makes up {} % (but never fewer than {} in a part: below that, recall \
             would be a matter of single images).",
            digits.origin,
            100.0 * ratio,
            imbalanced::MIN_RARE
        );
        Self {
            key: "digits".to_owned(),
            title: format!("Handwritten digits, {digit} against the rest"),
            about,
            source: Source::Digits { digits: Arc::new(digits), digit, share: ratio, limit: images },
        }
    }

    /// A table from a CSV file.
    pub fn table(table: Table, file: &str) -> Self {
        let about = format!(
            "{} rows with {} features from {file}; {} of them ({:.1} %) belong to the rare class. Each seed splits them \
             anew, 60 / 20 / 20 within each class. {} rows repeat the features of an earlier row: copies stay on one side, values that more than 1 % of \
             the rows share are split like any other.",
            table.rows(),
            table.columns,
            table.rare(),
            100.0 * table.rare_share(),
            imbalanced::repeated_rows(&table)
        );
        Self { key: file.to_owned(), title: file.to_owned(), about, source: Source::Table(Arc::new(table)) }
    }

    /// The three parts for a seed, standardised by the statistics of the training part.
    pub fn split(&self, seed: u64) -> Split {
        match &self.source {
            Source::Gaussians(generator) => generator.split(seed).standardised(Scale::Column),
            Source::Digits { digits, digit, share, limit } => {
                imbalanced::digit_against_rest(digits, *digit, *share, *limit, seed).standardised(Scale::Image)
            }
            Source::Table(table) => imbalanced::stratified(table, seed).standardised(Scale::Column),
        }
    }

    /// A number that differs for different data.
    pub fn hash(&self) -> u64 {
        match &self.source {
            // The settings say it all.
            Source::Gaussians(_) => 0,
            Source::Digits { digits, .. } => digits.hash(),
            Source::Table(table) => random::hash(format!("{:?}", table).as_bytes()),
        }
    }

    /// The generator, where the data come from one: its best possible classifier is known.
    pub fn generator(&self) -> Option<TwoGaussians> {
        match self.source {
            Source::Gaussians(generator) => Some(generator),
            _ => None,
        }
    }

    /// Whether these are the handwritten digits.
    pub fn is_digits(&self) -> bool {
        matches!(self.source, Source::Digits { .. })
    }
}
