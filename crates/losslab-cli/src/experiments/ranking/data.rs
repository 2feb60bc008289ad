//! The data sets of the experiment.

use super::settings::Settings;
use crate::{
    data::{
        clicks::{Clicks, Searches},
        letor,
        ranked::{Ranked, RankedSplit},
    },
    experiments::Request,
    random,
};
use anyhow::{Result, ensure};

/// Queries that a file needs at least, so that its parts have some.
const MIN_QUERIES: usize = 10;

/// A data set with its names.
pub struct DataSet {
    /// In `outcome.json`.
    pub key: String,
    /// In the report.
    pub title: String,
    /// What it is, in a sentence or two.
    pub about: String,
    source: Source,
}

enum Source {
    Searches(Clicks),
    Parts(Box<RankedSplit>),
    File(Ranked),
}

/// A data set as it is for a seed.
pub struct Drawn {
    /// Features have mean 0 and standard deviation 1 over the training part.
    pub split: RankedSplit,
    /// True grades of training and validation, of searches.
    truth: Option<[Vec<f64>; 2]>,
    /// The scores by which users were shown the items of the test part; empty but for searches.
    pub shown: Vec<f64>,
}

impl DataSet {
    /// A file that the user named; or else the generated searches, and MQ2008 where it is there.
    pub fn all(request: &Request, settings: &Settings, seeds: &[u64]) -> Result<Vec<Self>> {
        if let Some(file) = &request.data {
            let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
            return Ok(vec![Self::file(letor::read(file)?, &file.display().to_string(), name, seeds)?]);
        }
        let mq2008 = request.sources.mq2008()?.map(Self::mq2008);
        Ok(std::iter::once(Self::searches(settings)).chain(mq2008).collect())
    }

    fn searches(settings: &Settings) -> Self {
        let Settings { queries, sessions, bias, .. } = *settings;
        let clicks = Clicks { queries, sessions, bias };
        Self {
            key: "searches".to_owned(),
            title: "Generated searches with clicks".to_owned(),
            about: format!(
                "{queries} queries for training, {} for validation and {} for testing, of 5 to 25 items each, drawn \
                 afresh for each seed. An item has 10 features; what it is worth depends on 5 of them, for one by the kind \
                 of the query. Users of about {sessions} sessions see the items in an order that a feature of no worth \
                 has a part in, look at rank r with probability r^−{bias}, and click by the grade, from 0 to 4. Training \
                 and validation have grades by clicks, ⌊log₂(1 + clicks)⌋ up to 4; the test part has the true ones.",
                queries.div_ceil(2),
                queries.div_ceil(2).max(200),
            ),
            source: Source::Searches(clicks),
        }
    }

    fn mq2008(split: RankedSplit) -> Self {
        let [train, valid, test] = [&split.train, &split.valid, &split.test].map(size);
        Self {
            key: "mq2008".to_owned(),
            title: "MQ2008, fold 1".to_owned(),
            about: format!(
                "Documents for queries of a web search with relevance 0, 1 or 2 and {} features (LETOR 4.0, Qin and Liu \
                 2013). Training: {train}; validation: {valid}; testing: {test}. The parts are the same for every seed.",
                split.train.columns
            ),
            source: Source::Parts(Box::new(split)),
        }
    }

    fn file(all: Ranked, path: &str, name: String, seeds: &[u64]) -> Result<Self> {
        let lists = all.lists.len();
        ensure!(lists >= MIN_QUERIES, "{path}: {lists} queries, at least {MIN_QUERIES} are needed for three parts");
        for seed in seeds {
            let split = RankedSplit::at_random(&all, *seed);
            for (part, items) in [("training", &split.train), ("validation", &split.valid), ("test", &split.test)] {
                ensure!(
                    items.with_relevant() > 0,
                    "{path}: with seed {seed}, no query of the {part} part has an item of a grade above 0: too few of its \
                     {lists} queries have one"
                );
            }
        }
        let about = format!(
            "{} and {} features. Three of five queries are for training, one each for validation and testing, drawn \
             afresh for each seed.",
            size(&all),
            all.columns
        );
        Ok(Self { key: name.clone(), title: name, about, source: Source::File(all) })
    }

    /// Whether grades are from clicks, and the true ones are known.
    pub fn is_of_clicks(&self) -> bool {
        matches!(self.source, Source::Searches(_))
    }

    /// Whether the parts are the same for every seed.
    pub fn is_fixed(&self) -> bool {
        matches!(self.source, Source::Parts(_))
    }

    /// The parts for a seed.
    pub fn draw(&self, seed: u64) -> Drawn {
        let (split, truth, shown) = match &self.source {
            Source::Searches(clicks) => {
                let Searches { split, truth, shown } = clicks.searches(seed);
                (split, Some(truth), shown)
            }
            Source::Parts(split) => ((**split).clone(), None, vec![]),
            Source::File(all) => (RankedSplit::at_random(all, seed), None, vec![]),
        };
        Drawn { split: split.standardised(), truth, shown }
    }

    /// A number that differs for different data.
    pub fn hash(&self) -> u64 {
        match &self.source {
            Source::Searches(clicks) => random::hash(format!("{clicks:?}").as_bytes()),
            Source::Parts(split) => {
                random::hash(format!("{:?}", [&split.train, &split.valid, &split.test].map(Ranked::hash)).as_bytes())
            }
            Source::File(all) => all.hash(),
        }
    }
}

impl Drawn {
    /// The same with true grades for training and validation.
    ///
    /// # Panics
    /// If they aren't known.
    pub fn on_truth(self) -> RankedSplit {
        let [train, valid] = self.truth.expect("only searches have true grades");
        let RankedSplit { train: of_train, valid: of_valid, test } = self.split;
        RankedSplit {
            train: Ranked { relevance: train, ..of_train },
            valid: Ranked { relevance: valid, ..of_valid },
            test,
        }
    }
}

/// `156 queries with 2,874 items, 105 of them with a relevant one`.
fn size(part: &Ranked) -> String {
    let (lists, items, relevant) = (part.lists.len(), part.relevance.len(), part.with_relevant());
    format!("{lists} queries with {items} items, {relevant} queries with a relevant one")
}
