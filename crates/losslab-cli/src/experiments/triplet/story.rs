//! What a run of exercise 3 says: checks against the handout, tables, and the result in a sentence.

use super::{
    COLLAPSING, PIXELS, RAW, REFERENCE, REMEDIES, UNTRAINED,
    batches::{Counts, Draws, name},
    figures, lessons,
    notebook::{MULTIPLICATIONS, Notebook, TARGET, multiplications},
    results::Results,
    settings::{Part, Settings},
};
use crate::{
    data::images::Images,
    experiments::common::Difference,
    experiments::common::{Better, ByMethod, Column, table},
    outcome::{Cell, Check, Format, Row, Section, Story, Table},
    statistics::mean,
    wording::{list, mean_and_spread, percent, plain_mean_and_spread},
};
use losslab::SemiHardFallback;

/// Everything that is told.
pub struct Told<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// The seeds.
    pub seeds: &'a [u64],
    /// The digits, then what else there is.
    pub results: &'a [Results<'a>],
    /// The images on the maps of each data set.
    pub mapped: &'a [Images],
    /// What batches hold; empty if that part wasn't asked for.
    pub draws: &'a [Draws],
    /// One epoch as in the notebook, if it was asked for.
    pub notebook: Option<&'a Notebook>,
}

const RETRIEVAL: [Column; 5] = [
    column("recall_at_1", "Recall@1", Format::Percent, Some(Better::Higher)),
    column("map_at_r", "MAP@R", Format::Percent, Some(Better::Higher)),
    column("p_at_1", "P@1", Format::Percent, Some(Better::Higher)),
    column("recall_at_5", "Recall@5", Format::Percent, Some(Better::Higher)),
    column("recall_at_10", "Recall@10", Format::Percent, Some(Better::Higher)),
];

const fn column(metric: &'static str, heading: &'static str, format: Format, better: Option<Better>) -> Column {
    Column { metric, heading, format, better }
}

impl Told<'_> {
    /// The checks and the story of a run.
    pub fn tell(&self) -> (Vec<Check>, Story) {
        let digits = &self.results[0];
        let mining = self.results.iter().zip(self.mapped).filter(|_| self.settings.has(Part::Mining));
        let mut sections: Vec<Section> = mining.map(|(results, images)| self.mining_section(results, images)).collect();
        if self.settings.has(Part::Batches) {
            sections.push(self.batches_section(digits));
        }
        if self.settings.has(Part::Lengths) {
            sections.push(self.lengths_section(digits));
        }
        if self.settings.has(Part::Collapse) {
            sections.push(collapse_section(digits));
        }
        sections.extend(self.notebook.map(|notebook| self.notebook_section(notebook)));
        let story = Story {
            number: 3,
            title: "Triplet loss for metric learning".to_owned(),
            question: "A network is to embed images so that those of one class lie together. Triplet loss asks that an \
                       anchor be nearer to a positive (same class) than to a negative (another class), by a margin. \
                       Most triplets fulfil that soon and teach nothing. So which ones should a network learn from, and \
                       what goes wrong with small batches, raw lengths and the hardest triplets?"
                .to_owned(),
            notice: self.notice(),
            headline: self.headline(),
            check_rule: "The expectations are the handout's. “Better” means higher on the test part by a paired t-test \
                         over the seeds with p < 0.05; all networks of a seed start from the same weights and see the \
                         same number of images."
                .to_owned(),
            sections,
            lessons: lessons::learn(self),
        };
        (self.checks(), story)
    }

    /// The strategies, as they are asked for.
    pub fn strategies(&self) -> Vec<&'static str> {
        self.settings.mining.iter().map(|mining| mining.name()).collect()
    }

    fn notice(&self) -> Vec<String> {
        let mut notice = Vec::new();
        if self.settings.has(Part::Mining) && self.results.len() == 1 {
            notice.push(
                "Fashion-MNIST is not here, so strategies are compared on digits alone. `losslab data fetch \
                 fashion-mnist` gets it; it is then used with `--full`."
                    .to_owned(),
            );
        }
        if let Some(notebook) = self.notebook.filter(|notebook| !notebook.is_complete()) {
            notice.push(format!(
                "The notebook's figure is for the 60,000 + 10,000 images of MNIST; here are {} + {}, so there is nothing \
                 to compare. `losslab data fetch mnist` gets them all; they are then used with `--full`.",
                notebook.images[0], notebook.images[1]
            ));
        }
        notice
    }

    fn mining_section(&self, results: &Results, images: &Images) -> Section {
        let Settings { classes, samples, margin, fallback, .. } = *self.settings;
        let fallback = match fallback {
            SemiHardFallback::Farthest => "the farthest negative",
            SemiHardFallback::Nearest => "the nearest negative",
            SemiHardFallback::Skip => "no triplet",
        };
        let strategies = self.strategies();
        let all: Vec<&Row> = [PIXELS, UNTRAINED].iter().chain(&strategies).map(|name| results.row(name)).collect();
        let mut figures = vec![
            figures::retrieval(results, &[&[PIXELS, UNTRAINED], strategies.as_slice()].concat()),
            figures::left_to_learn(results, &strategies),
            figures::of_use(results, &strategies),
        ];
        figures.extend(results.has(REFERENCE).then(|| figures::kinds(results, REFERENCE)));
        figures.extend(figures::maps(results, images, self.seeds[0]));
        Section {
            title: format!("{}: which triplets?", results.set.title),
            text: vec![
                format!(
                    "Images: {}; at most {} of them for training. Batches of {classes} classes × {samples} images, Euclidean \
                     distance on unit length, margin {margin}. The loss is the mean over the triplets that cost \
                     something. Where no negative is semi-hard, {fallback} takes its place.",
                    results.set.images.origin, self.settings.images
                ),
                "Random: a positive and a negative by chance for each anchor. Batch-all: all triplets of the batch. \
                 Batch-hard: the farthest positive and the nearest negative. Semi-hard: for each positive the nearest \
                 negative beyond it. Offline: semi-hard triplets looked for among up to 1,024 images at a time, once \
                 before each epoch. Offline mining gets gradients for as many images as the others, but embeds the \
                 training part once more an epoch to find its triplets."
                    .to_owned(),
            ],
            tables: vec![
                table(
                    "Retrieval on the test part",
                    "Mean ± standard deviation over the seeds; the best mean is bold. Recall@K: at least one of the K \
                     nearest other test images is of the query's class. MAP@R: average precision up to the number of \
                     other test images of the class. P@1: the nearest training image is of the class. Neighbours by \
                     cosine.",
                    "Mining",
                    &all,
                    &RETRIEVAL,
                ),
                differences(results, &strategies),
                table(
                    "Triplets after the last epoch",
                    "Chosen and active: share of the triplets that a strategy chose in the last epoch that cost \
                     something. Others: all triplets of the validation images after it.",
                    "Mining",
                    &strategies.iter().map(|name| results.row(name)).collect::<Vec<_>>(),
                    &[
                        column("active", "Chosen and active", Format::Percent, None),
                        column("easy", "Easy", Format::Percent, None),
                        column("semi_hard", "Semi-hard", Format::Percent, None),
                        column("hard", "Hard", Format::Percent, None),
                    ],
                ),
            ],
            figures,
        }
    }

    fn batches_section(&self, digits: &Results) -> Section {
        let settings = self.settings;
        let names: Vec<String> = settings.batch.iter().map(|size| name(settings, *size)).collect();
        let line = |draws: &Draws| {
            let [random, sampled] = [&draws.at_random, &draws.sampled];
            let trained = |metric| Cell::from(mean_and_spread(digits.metric(&name(settings, draws.size), metric)));
            vec![
                Cell::from(draws.size.to_string()),
                trained("recall_at_1"),
                trained("map_at_r"),
                Cell::from(percent(mean_of(random, |counts| counts.without))),
                Cell::from(format!("{:.0}", mean_of(random, |counts| counts.triplets))),
                Cell::from(format!("{:.0}", mean_of(sampled, |counts| counts.triplets))),
                Cell::from(percent(mean_of(random, |counts| counts.anchors))),
                Cell::from(percent(mean_of(sampled, |counts| counts.anchors))),
            ]
        };
        let columns = [
            "Batch",
            "Recall@1 (%)",
            "MAP@R (%)",
            "Random: none",
            "Random: triplets",
            "P × K: triplets",
            "Random: anchors",
            "P × K: anchors",
        ];
        Section {
            title: "How large must a batch be?".to_owned(),
            text: vec![format!(
                "Semi-hard mining on the digits in batches of {}, each of P classes × K images with P at most {}. All \
                 see the same images equally often, so smaller batches take more steps.",
                list(&settings.batch.iter().map(ToString::to_string).collect::<Vec<_>>()),
                settings.classes
            )],
            tables: vec![Table {
                title: "Batches by their size".to_owned(),
                caption:
                    "Recall and MAP@R on the test part, mean ± standard deviation over the seeds, trained on P × K. \
                          Then what batches drawn at random and as P × K hold: share without a valid triplet (P × K: \
                          never), mean number of valid triplets, share of the images that have both a positive and a \
                          negative."
                        .to_owned(),
                columns: columns.map(str::to_owned).to_vec(),
                rows: self.draws.iter().map(line).collect(),
            }],
            figures: [
                (names.len() > 1).then(|| figures::sizes(digits, settings)),
                Some(figures::without_triplets(self.draws)),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    fn lengths_section(&self, digits: &Results) -> Section {
        Section {
            title: "Unit length or raw?".to_owned(),
            text: vec![format!(
                "The same training with semi-hard triplets and a margin of {} twice: with embeddings brought to length 1 \
                 in the loss, and as the network gives them. Raw embeddings are compared by Euclidean distance.",
                self.settings.margin
            )],
            tables: vec![table(
                "Retrieval on the test part",
                "Mean ± standard deviation over the seeds.",
                "Embeddings",
                &[REFERENCE, RAW].map(|name| digits.row(name)),
                &[
                    RETRIEVAL.as_slice(),
                    &[column("distance_over_margin", "Mean distance / margin", Format::Number(1), None)],
                ]
                .concat(),
            )],
            figures: vec![figures::scale(digits)],
        }
    }

    fn notebook_section(&self, notebook: &Notebook) -> Section {
        let choice = |choice: &super::notebook::Choice| {
            let is_chosen = choice.lr == notebook.chosen.lr && choice.margin == notebook.chosen.margin;
            let cell = |text: String| Cell { text, strong: is_chosen };
            vec![cell(choice.lr.to_string()), cell(choice.margin.to_string()), cell(format!("{:.4}", choice.precision))]
        };
        let million = |count: usize| format!("{:.1} million", count as f64 / 1e6);
        Section {
            title: "One epoch of MNIST, as in the notebook".to_owned(),
            text: vec![
                format!(
                    "pytorch-metric-learning's notebook TripletMarginLossMNIST trains for an epoch with semi-hard \
                     triplets (cosine, margin 0.2, random batches of 256, Adam with 0.01) and shows a P@1 of {TARGET}: each \
                     test image looks for the nearest training image. Here: {} images for training, {} for testing, the \
                     same loss in batches of 10 classes × {}, one epoch.",
                    notebook.images[0], notebook.images[1], self.settings.notebook_samples
                ),
                format!(
                    "The network is the handout's encoder with {} channels after the first convolution and 128 numbers \
                     in an embedding: {} multiplications an image where the notebook's network needs {}.",
                    self.settings.notebook_width,
                    million(multiplications(self.settings)),
                    million(MULTIPLICATIONS)
                ),
            ],
            tables: vec![
                Table {
                    title: "Nearest training image of each test image".to_owned(),
                    caption: "Mean ± standard deviation over the seeds.".to_owned(),
                    columns: ["", "P@1", "Step size", "Margin"].map(str::to_owned).to_vec(),
                    rows: vec![
                        [
                            "this run",
                            &plain_mean_and_spread(&notebook.precision),
                            &notebook.chosen.lr.to_string(),
                            &notebook.chosen.margin.to_string(),
                        ]
                        .map(|text| Cell::from(text.to_owned()))
                        .to_vec(),
                        ["the notebook", &TARGET.to_string(), "0.01", "0.2"]
                            .map(|text| Cell::from(text.to_owned()))
                            .to_vec(),
                    ],
                },
                Table {
                    title: "The choice of step size and margin".to_owned(),
                    caption: format!(
                        "P@1 of validation images carved from the training part, among {} training images after an \
                         epoch of these, with a seed of its own. The best is taken; test images have no say.",
                        self.settings.notebook_choice
                    ),
                    columns: ["Step size", "Margin", "P@1"].map(str::to_owned).to_vec(),
                    rows: notebook.choices.iter().map(choice).collect(),
                },
            ],
            figures: Vec::new(),
        }
    }
}

/// Semi-hard mining minus each other strategy.
fn differences(results: &Results, strategies: &[&str]) -> Table {
    let metrics = [("recall_at_1", "Recall@1"), ("map_at_r", "MAP@R"), ("p_at_1", "P@1")];
    let others =
        strategies.iter().chain(&[UNTRAINED, PIXELS]).filter(|name| **name != REFERENCE && results.has(REFERENCE));
    let line = |other: &&str| {
        let cell = |difference: Difference| Cell { text: difference.text(), strong: difference.is_significant() };
        let cells = metrics.map(|(metric, _)| cell(results.difference(metric, REFERENCE, other)));
        std::iter::once(Cell::from(format!("minus {other}"))).chain(cells).collect()
    };
    Table {
        title: "How semi-hard mining differs".to_owned(),
        caption: "Differences in percentage points, paired by seed. Bold: p < 0.05 in a paired t-test.".to_owned(),
        columns: std::iter::once("Semi-hard").chain(metrics.map(|(_, title)| title)).map(str::to_owned).collect(),
        rows: others.map(line).collect(),
    }
}

fn collapse_section(digits: &Results) -> Section {
    let finding = digits.of(COLLAPSING).iter().find_map(|tested| tested.notes.probes.last()?.collapse.clone());
    let mut text = vec![
        "Squared distances of raw embeddings, batch-hard mining and large steps: the loss is then cheapest to lower by \
         moving everything to one point, where it equals the margin. Each remedy changes one thing alone: smaller steps, \
         unit length, or semi-hard mining."
            .to_owned(),
    ];
    text.push(match finding {
        Some(message) => format!("After the last epoch the diagnostics said: “{message}”."),
        None => "After the last epoch the diagnostics found no collapse.".to_owned(),
    });
    Section {
        title: "Collapse, and how to see it".to_owned(),
        text,
        tables: vec![table(
            "After the last epoch",
            "Mean ± standard deviation over the seeds. Collapsed: share of the seeds in which \
             `losslab::diagnostics` calls the embeddings of the validation images collapsed. Loss: batch-hard, in units \
             of the margin.",
            "Training",
            &std::iter::once(COLLAPSING).chain(REMEDIES).map(|name| digits.row(name)).collect::<Vec<_>>(),
            &[
                column("collapsed", "Collapsed", Format::Percent, None),
                column("recall_at_1", "Recall@1", Format::Percent, Some(Better::Higher)),
                column("map_at_r", "MAP@R", Format::Percent, Some(Better::Higher)),
                column("loss_over_margin", "Loss / margin", Format::Number(2), None),
                column("distance_over_margin", "Mean distance / margin", Format::Number(2), None),
            ],
        )],
        figures: figures::collapse(digits).to_vec(),
    }
}

/// The mean over the seeds of a number of batches.
pub fn mean_of(counts: &[Counts], number: impl Fn(&Counts) -> f64) -> f64 {
    mean(&counts.iter().map(number).collect::<Vec<f64>>())
}
