//! What a run says: checks, tables, figures, and the result in a sentence.

use super::{figures, lessons, methods::Method, results::Results, settings::Settings};
use crate::{
    data::images::Parts,
    experiments::{
        common::{Better, ByMethod, Column, table},
        picks::one_of_each,
        views,
    },
    outcome::{Cell, Check, Format, Row, Section, Story, Table},
    wording::{given, list, percent},
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
    column("recall_at_1", "Recall@1"),
    column("map_at_r", "MAP@R"),
    column("recall_at_1_of_head", "Recall@1 after the head"),
];

const fn column(metric: &'static str, heading: &'static str) -> Column {
    Column { metric, heading, format: Format::Percent, better: Some(Better::Higher) }
}

impl Told<'_> {
    /// The checks and the story of a run.
    pub fn tell(&self) -> (Vec<Check>, Story) {
        let mut sections: Vec<Section> = Vec::new();
        for (results, first) in self.results.iter().zip(self.first) {
            sections.extend(self.plain_section(results, first));
            sections.extend(self.noise_section(results));
            sections.extend(self.views_section(results));
        }
        let story = Story {
            number: 9,
            title: "Supervised contrastive learning".to_owned(),
            question: "Cross-entropy asks of a network that a linear classifier find the class. Supervised contrastive loss \
                       asks of its representation that images of a class be near each other and far from all others, with \
                       all of a batch at once, where triplet loss takes one positive and one negative at a time. Does that \
                       give better representations on the same budget, and what do wrong labels do to them?"
                .to_owned(),
            notice: self.notice.map(str::to_owned).into_iter().collect(),
            headline: self.headline(),
            check_rule: "The expectations are those of Khosla et al. 2020: L_out better than L_in, better than \
                         cross-entropy and triplets, better with more views. Its robustness is to corrupted images; that it \
                         holds for wrong labels too is the question here. “Better” means higher on the test part by a \
                         paired t-test over the seeds with p < 0.05."
                .to_owned(),
            sections,
            lessons: lessons::learn(self),
        };
        (self.checks(), story)
    }

    /// The methods that were trained with a share of wrong labels on every data set.
    pub fn methods_with(&self, noise: f64) -> Vec<Method> {
        let is_there = |method: &Method| self.results.iter().all(|results| self.has(results, &[*method], noise));
        self.settings.methods.iter().copied().filter(is_there).collect()
    }

    fn plain_section(&self, results: &Results, first: &Parts) -> Option<Section> {
        let methods = self.methods_with(0.0);
        if methods.is_empty() {
            return None;
        }
        let Settings { views, batch, passes, temperature, margin, .. } = self.settings;
        let [train, valid, test] = [&first.train, &first.valid, &first.test].map(|part| part.len());
        let rows: Vec<&Row> = methods.iter().map(|method| results.row(&results.name(*method, 0.0))).collect();
        let shown = first.train.select(&one_of_each(&first.train, results.picked.set.classes.len()));
        let mut figures = vec![figures::compared(results, &methods)];
        figures.extend(figures::maps(results, first, self.seeds[0]));
        let policy = results.picked.pick.policy();
        figures.push(views::figure(&policy, &shown, &results.picked.set.classes, self.seeds[0]));
        Some(Section {
            title: format!("{}: the losses", results.picked.pick.title()),
            text: vec![
                format!(
                    "From {}: {train} images for training, {valid} for validation, {test} for testing. Batches of {} images in \
                     {views} views each; every image is looked at {passes} times. τ = {temperature} for both forms of \
                     SupCon, margin {margin} for triplets, which are semi-hard.",
                    results.picked.set.origin,
                    batch / views
                ),
                "The encoder is that of the triplet exercise. SupCon and triplet loss see what a head of two layers makes of \
                 its output, cross-entropy the logits of one layer; heads are thrown away, and a linear classifier and \
                 retrieval by cosine measure the representation before them."
                    .to_owned(),
            ],
            tables: std::iter::once(table(
                "Representations",
                "Test part, mean ± standard deviation over the seeds; the best mean is bold. Linear probe: accuracy of softmax \
                 regression on representations that stay as they are. Recall@1: the nearest other test image is of the \
                 class. MAP@R: average precision up to the number of other test images of the class.",
                "Loss",
                &rows,
                &COLUMNS,
            ))
            .chain(self.step_sizes(results))
            .collect(),
            figures,
        })
    }

    /// Which step size each row took, where there was a choice.
    fn step_sizes(&self, results: &Results) -> Option<Table> {
        let line = |(row, lr): (&Row, &f64)| {
            let name = row.name.rsplit('/').next().unwrap_or_default().to_owned();
            let valid = row.metric("valid_accuracy").map_or(f64::NAN, |metric| metric.mean);
            vec![Cell::from(name), Cell::from(lr.to_string()), Cell::from(percent(valid))]
        };
        (self.settings.lr.len() > 1).then(|| Table {
            title: "The choice of step sizes".to_owned(),
            caption: format!(
                "Of {}, the one with the highest mean accuracy of the linear probe on validation images.",
                list(&self.settings.lr.iter().map(ToString::to_string).collect::<Vec<_>>())
            ),
            columns: ["Training", "Step size", "Validation"].map(str::to_owned).to_vec(),
            rows: results.rows.iter().zip(&results.chosen).map(line).collect(),
        })
    }

    fn noise_section(&self, results: &Results) -> Option<Section> {
        if self.wrong().is_empty() {
            return None;
        }
        let mut shares = self.settings.label_noise.clone();
        shares.sort_by(f64::total_cmp);
        let line = |method: &Method| {
            let cell = |share: &f64| {
                let metric = results.metric(&results.name(*method, *share), "accuracy");
                let recall = results.metric(&results.name(*method, *share), "recall_at_1");
                let text = [metric, recall].map(crate::wording::mean_and_spread).join("; ");
                Cell::from(text)
            };
            std::iter::once(Cell::from(method.name().to_owned())).chain(shares.iter().map(cell)).collect()
        };
        let heading = |share: &f64| format!("{} wrong", given(*share));
        Some(Section {
            title: format!("{}: wrong labels", results.picked.pick.title()),
            text: vec![
                "A share of the training labels is replaced by another class, each as likely as any other. The encoder and \
                 the linear classifier learn from them; labels for validation and testing are right."
                    .to_owned(),
            ],
            tables: vec![Table {
                title: "By the share of wrong labels".to_owned(),
                caption: "Test part, per cent, mean ± standard deviation over the seeds: linear probe; Recall@1.".to_owned(),
                columns: std::iter::once("Loss".to_owned()).chain(shares.iter().map(heading)).collect(),
                rows: self.settings.methods.iter().map(line).collect(),
            }],
            figures: vec![
                figures::by_noise(self, results, "accuracy", "Linear probe with wrong labels", "Accuracy"),
                figures::by_noise(self, results, "recall_at_1", "Retrieval with wrong labels", "Recall@1"),
            ],
        })
    }

    fn views_section(&self, results: &Results) -> Option<Section> {
        let views: Vec<usize> =
            self.views().into_iter().filter(|views| results.has(&results.name_of_views(*views))).collect();
        if views.len() < 2 {
            return None;
        }
        let line = |views: &usize| {
            let row = results.row(&results.name_of_views(*views));
            let cells = COLUMNS.iter().map(|column| {
                let metric = row.metric(column.metric).expect("all rows have the same metrics");
                Cell::from(crate::wording::mean_and_spread(metric))
            });
            std::iter::once(Cell::from(views.to_string())).chain(cells).collect()
        };
        Some(Section {
            title: format!("{}: several views", results.picked.pick.title()),
            text: vec![format!(
                "L_out with {} views of each image. All batches hold {} views and all trainings look at as many in all.",
                list(&views.iter().map(ToString::to_string).collect::<Vec<_>>()),
                self.settings.batch
            )],
            tables: vec![Table {
                title: "By the number of views".to_owned(),
                caption: "Test part, per cent, mean ± standard deviation over the seeds.".to_owned(),
                columns: std::iter::once("Views")
                    .chain(COLUMNS.iter().map(|column| column.heading))
                    .map(str::to_owned)
                    .collect(),
                rows: views.iter().map(line).collect(),
            }],
            figures: vec![figures::by_views(results, &views)],
        })
    }
}
