//! What a run says: checks, tables, figures, and the result in a sentence.

use super::{
    figures, lessons,
    methods::{
        MOMENTUM, PIXELS, SCRATCH, SIMCLR, UNTRAINED, left_out, name_of_batch, name_of_temperature, name_without,
        row_name,
    },
    results::Results,
    settings::{Part, Settings},
};
use crate::{
    data::images::Parts,
    experiments::{
        common::{Better, ByMethod, Column, spread, table},
        picks::one_of_each,
        views,
    },
    outcome::{Axis, Cell, Check, Format, Section, Story, Table},
    wording::{given, list},
};

/// Everything that is told.
pub struct Told<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// The seeds.
    pub seeds: &'a [u64],
    /// A data set each.
    pub results: &'a [Results<'a>],
    /// The images of the first seed, of each data set.
    pub first: &'a [Parts],
    /// Data that aren't here.
    pub notice: Option<&'a str>,
}

const COLUMNS: [Column; 4] = [
    column("accuracy", "Linear probe"),
    column("knn", "Neighbours"),
    column("accuracy_of_head", "Linear probe after the head"),
    column("knn_of_head", "Neighbours after the head"),
];

const fn column(metric: &'static str, heading: &'static str) -> Column {
    Column { metric, heading, format: Format::Percent, better: Some(Better::Higher) }
}

impl Told<'_> {
    /// The checks and the story of a run.
    pub fn tell(&self) -> (Vec<Check>, Story) {
        let both = self.results.iter().zip(self.first);
        let mut sections: Vec<Section> = both.map(|(results, first)| self.section(results, first)).collect();
        sections.extend(self.sweeps());
        sections.extend(self.augmentations());
        let story = Story {
            number: 10,
            title: "Learning without labels".to_owned(),
            question: "Two views of an image, cut, turned and shaded at random, show the same thing; views of two images mostly \
                       don't. A network that learns to tell which views belong together needs no labels. What is its \
                       representation worth with 1 %, 10 % and all of the labels, against a network that learns from these \
                       labels alone? And what makes it work: the head, the temperature, the batch, the queue of MoCo, which \
                       augmentation?"
                .to_owned(),
            notice: self.notice.map(str::to_owned).into_iter().collect(),
            headline: self.headline(),
            check_rule: "The expectations are those of Chen et al. 2020 (SimCLR) and He et al. 2020 (MoCo). “Better” means \
                         higher accuracy on the test part by a paired t-test over the seeds with p < 0.05."
                .to_owned(),
            sections,
            lessons: lessons::learn(self),
        };
        (self.checks(), story)
    }

    /// The ways that are compared on every data set, as far as they were asked for.
    pub fn plain_ways(&self, results: &Results) -> Vec<&'static str> {
        [SIMCLR, MOMENTUM, SCRATCH, UNTRAINED, PIXELS].into_iter().filter(|way| results.has(way)).collect()
    }

    fn section(&self, results: &Results, first: &Parts) -> Section {
        let Settings { epochs, batch, temperature, neighbours, .. } = self.settings;
        let [train, valid, test] = [&first.train, &first.valid, &first.test].map(|part| part.len());
        let shares = self.settings.shares();
        let policy = results.picked.pick.policy();
        let shown = first.train.select(&one_of_each(&first.train, results.picked.set.classes.len()));
        let heading = shares.iter().map(|share| format!("{} of the labels", given(*share)));
        let line = |way: &&str| {
            let cell = |share: &f64| {
                let row = row_name(way, *share);
                let of = |metric| spread(results.metric(&row, metric), Format::Percent);
                let best = self.plain_ways(results).into_iter().max_by(|a, b| {
                    let score = |way: &str| results.score(way, *share, "accuracy");
                    score(a).total_cmp(&score(b))
                });
                Cell { text: format!("{}; {}", of("accuracy"), of("knn")), strong: best == Some(*way) }
            };
            std::iter::once(Cell::from((*way).to_owned())).chain(shares.iter().map(cell)).collect()
        };
        let middle = self.settings.middle();
        let rows: Vec<_> = shares.iter().map(|share| results.row(&row_name(SIMCLR, *share))).collect();
        let mut figures = Vec::new();
        if self.settings.has(Part::Labels) && shares.len() > 1 {
            figures.push(figures::by_labels(self, results));
        }
        figures.push(figures::head(self, results));
        figures.extend(figures::maps(results, first, self.seeds[0]));
        figures.push(views::figure(&policy, &shown, &results.picked.set.classes, self.seeds[0]));
        let momentum = match results.has(MOMENTUM) {
            true => format!(
                " {MOMENTUM}: a view of the batch against keys by a slowly following encoder, and against up to {} keys of \
                 earlier batches.",
                self.settings.queue
            ),
            false => String::new(),
        };
        Section {
            title: format!("{}: labels", results.picked.pick.title()),
            text: vec![
                format!(
                    "From {}: {train} images for training, {valid} for validation, {test} for testing. {epochs} epochs in \
                     batches of {batch} images in two views, τ = {temperature}.{momentum}",
                    results.picked.set.origin
                ),
                format!(
                    "Labels are given out for a share of the images, as many of each class, and for the same share of the \
                     validation part, on which the linear classifier's penalty is chosen. Neighbours: the {neighbours} nearest \
                     by cosine vote. “{SCRATCH}” is the same encoder with the same augmentations and as many views in all, \
                     trained on the labelled images alone with cross-entropy; its first number is that of its own classifier."
                ),
            ],
            tables: vec![
                Table {
                    title: "By the share of the labels".to_owned(),
                    caption: "Accuracy on the test part, mean ± standard deviation over the seeds: linear probe; neighbours. \
                              The best linear probe of a column is bold."
                        .to_owned(),
                    columns: std::iter::once("Representation".to_owned()).chain(heading).collect(),
                    rows: self.plain_ways(results).iter().map(line).collect(),
                },
                table(
                    "Before and after the head",
                    &format!(
                        "{SIMCLR} on the test part, mean ± standard deviation over the seeds; checks compare with {} of the \
                         labels.",
                        given(middle)
                    ),
                    "Labels",
                    &rows,
                    &COLUMNS,
                ),
            ],
            figures,
        }
    }

    /// Temperatures and batch sizes.
    fn sweeps(&self) -> Option<Section> {
        let (settings, results) = (self.settings, &self.results[0]);
        let (temperatures, batches) = (self.temperatures(), self.batches());
        let axis = |title: &str, log| Axis { title: title.to_owned(), log, ..Axis::default() };
        let mut figures = Vec::new();
        let mut names: Vec<String> = Vec::new();
        if temperatures.len() > 1 {
            let of: Vec<String> = temperatures.iter().map(|one| name_of_temperature(settings, *one)).collect();
            figures.push(figures::sweep(self, "By the temperature", axis("τ", true), temperatures, &of));
            names.extend(of);
        }
        if batches.len() > 1 {
            let of: Vec<String> = batches.iter().map(|one| name_of_batch(settings, *one)).collect();
            let sizes = batches.iter().map(|batch| *batch as f64).collect();
            figures.push(figures::sweep(
                self,
                "By the size of the batch",
                axis("Images in a batch", false),
                sizes,
                &of,
            ));
            names.extend(of);
        }
        let is_new = |at: &usize| !names[..*at].contains(&names[*at]);
        let names: Vec<String> = (0..names.len()).filter(is_new).map(|at| names[at].clone()).collect();
        (names.len() > 1).then(|| Section {
            title: "Temperature and batch size".to_owned(),
            text: vec![format!(
                "{}: one thing differs from τ = {} in batches of {}; all trainings have as many epochs, so larger batches take \
                 fewer steps.",
                results.picked.pick.title(),
                settings.temperature,
                settings.batch
            )],
            tables: vec![self.table_of("What the loss is given", &names)],
            figures,
        })
    }

    /// Augmentations left out in turn.
    fn augmentations(&self) -> Option<Section> {
        let results = &self.results[0];
        let kinds = left_out(self.settings, &results.picked.pick.policy());
        if !self.settings.has(Part::Augmentations) || kinds.is_empty() {
            return None;
        }
        let names: Vec<String> =
            std::iter::once(SIMCLR.to_owned()).chain(kinds.iter().map(|kind| name_without(*kind))).collect();
        let named: Vec<String> = kinds.iter().map(|kind| kind.name().to_owned()).collect();
        Some(Section {
            title: "Augmentations left out".to_owned(),
            text: vec![format!(
                "{}: the same training without one of the augmentations, in turn {}.",
                results.picked.pick.title(),
                list(&named)
            )],
            tables: vec![self.table_of("What views are made of", &names)],
            figures: vec![figures::ablation(self)],
        })
    }

    /// Some ways on the first data set with the middle share of the labels.
    fn table_of(&self, title: &str, names: &[String]) -> Table {
        let (results, middle) = (&self.results[0], self.settings.middle());
        let line = |way: &String| {
            let cell = |column: &Column| {
                Cell::from(spread(results.metric(&row_name(way, middle), column.metric), Format::Percent))
            };
            std::iter::once(Cell::from(way.clone())).chain(COLUMNS.iter().map(cell)).collect()
        };
        Table {
            title: title.to_owned(),
            caption: format!(
                "Accuracy on the test part with {} of the labels, mean ± standard deviation over the seeds.",
                given(middle)
            ),
            columns: std::iter::once("Training")
                .chain(COLUMNS.iter().map(|column| column.heading))
                .map(str::to_owned)
                .collect(),
            rows: names.iter().map(line).collect(),
        }
    }
}
