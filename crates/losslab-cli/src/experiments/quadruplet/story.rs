//! What a run of the quadruplet experiment says: checks against the paper, tables, and the result in a sentence.

use super::{Choice, HELD_OUT, SEEN, Tested, UNTRAINED, best, figures, lessons, methods::Method, settings::Settings};
use crate::{
    data::images::{ImageSet, Images},
    experiments::common::{Better, ByMethod, Column, Difference, find, table, verdict},
    outcome::{Cell, Check, Format, Row, Section, Story, Table},
    wording::{list, percent},
};

/// Everything that is told.
pub struct Told<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// The seeds.
    pub seeds: &'a [u64],
    /// The data set.
    pub set: &'a ImageSet,
    /// The margins that were tried.
    pub choices: &'a [Choice],
    /// Each way to embed with its results, one a seed.
    pub by_way: &'a [(&'a str, &'a [Tested])],
    /// A row for each part and way.
    pub rows: &'a [Row],
    /// The images on the maps.
    pub mapped: &'a Images,
}

impl ByMethod for Told<'_> {
    /// The part, and the way to embed.
    type Method<'m> = (&'m str, &'m str);

    fn row(&self, (part, way): (&str, &str)) -> &Row {
        find(self.rows, part, way)
    }
}

const COLUMNS: [Column; 7] = [
    column("recall_at_1", "Recall@1", Format::Percent, Some(Better::Higher)),
    column("recall_at_5", "Recall@5", Format::Percent, Some(Better::Higher)),
    column("map_at_r", "MAP@R", Format::Percent, Some(Better::Higher)),
    column("eer", "EER", Format::Percent, Some(Better::Lower)),
    column("intra_class_distance", "Within classes", Format::Number(3), Some(Better::Lower)),
    column("inter_class_distance", "Between classes", Format::Number(3), Some(Better::Higher)),
    column("distance_ratio", "Within / between", Format::Number(3), Some(Better::Lower)),
];

/// What the quadruplet loss is expected to do to each metric.
pub const EXPECTED: [(&str, &str, Better); 4] = [
    ("recall_at_1", "Recall@1", Better::Higher),
    ("map_at_r", "MAP@R", Better::Higher),
    ("eer", "EER", Better::Lower),
    ("distance_ratio", "within / between", Better::Lower),
];

const fn column(metric: &'static str, heading: &'static str, format: Format, better: Option<Better>) -> Column {
    Column { metric, heading, format, better }
}

impl<'a> Told<'a> {
    /// The checks and the story of a run.
    pub fn tell(&self) -> (Vec<Check>, Story) {
        let story = Story {
            number: 8,
            title: "Quadruplet loss against triplet loss".to_owned(),
            question: "The triplet loss asks that an anchor be nearer to its class than to others. It never compares two \
                       pairs without a common image, so a pair of one class may be farther apart than a pair of two \
                       others. The quadruplet loss (Chen et al. 2017) forbids that with a second hinge. Does an embedding \
                       become better by it, above all for classes that it was not trained on?"
                .to_owned(),
            notice: Vec::new(),
            headline: self.headline(),
            check_rule: "The expectations are the paper's: smaller distances within classes, larger ones between them, \
                         and better retrieval on other classes. “Better” is by a paired t-test over the seeds with p < \
                         0.05; all networks of a seed start from the same weights and see the same images in the same \
                         order."
                .to_owned(),
            sections: vec![self.choice_section(), self.section(SEEN), self.section(HELD_OUT)],
            lessons: lessons::learn(self),
        };
        (self.checks(), story)
    }

    /// The ways to embed, the untrained network first.
    pub fn ways(&self) -> Vec<&'a str> {
        self.by_way.iter().map(|(name, _)| *name).collect()
    }

    /// The quadruplet losses of the run whose triplet loss is there too.
    pub fn pairs(&self) -> Vec<(Method, Method)> {
        let methods = &self.settings.methods;
        let with_rival = |method: &Method| Some((*method, method.rival().filter(|rival| methods.contains(rival))?));
        methods.iter().filter_map(with_rival).collect()
    }

    /// A quadruplet loss minus its triplet loss.
    pub fn gap(&self, part: &str, metric: &str, (method, rival): (Method, Method)) -> Difference {
        self.difference(metric, (part, method.name()), (part, rival.name()))
    }

    fn checks(&self) -> Vec<Check> {
        let check = |part: &'static str, pair: (Method, Method), (metric, title, better): (&str, &str, Better)| {
            let gap = self.gap(part, metric, pair);
            Check {
                name: format!("{part}: {} against {}, {title}", pair.0.name(), pair.1.name()),
                expected: format!("{}, p < 0.05", if better == Better::Higher { "higher" } else { "lower" }),
                measured: measured(metric, gap),
                holds: is_better(gap, better),
            }
        };
        let parts = [SEEN, HELD_OUT].into_iter();
        let of_part = |part| self.pairs().into_iter().flat_map(move |pair| EXPECTED.map(|one| (part, pair, one)));
        parts.flat_map(of_part).map(|(part, pair, one)| check(part, pair, one)).collect()
    }

    fn headline(&self) -> String {
        let of_pair = |pair: &(Method, Method)| {
            let gap = |metric| measured(metric, self.gap(HELD_OUT, metric, *pair));
            format!(
                "{} against {} on held-out classes: MAP@R {}, EER {}",
                pair.0.name(),
                pair.1.name(),
                gap("map_at_r"),
                gap("eer")
            )
        };
        let pairs = self.pairs();
        match pairs.is_empty() {
            true => format!("{} with {} seeds.", list(&self.names()), self.seeds.len()),
            false => {
                let text = pairs.iter().map(of_pair).collect::<Vec<_>>().join("; ");
                let mut letters = text.chars();
                let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
                format!("{first}{}.", letters.as_str())
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.settings.methods.iter().map(|method| method.name().to_owned()).collect()
    }

    fn choice_section(&self) -> Section {
        let Settings { classes, samples, held_out, pair_share, images, choice_epochs, epochs, .. } = self.settings;
        let line = |method: &Method| {
            let chosen = best(self.choices, *method);
            let of_method = self.choices.iter().filter(|choice| choice.method == *method);
            let cell = |choice: &Choice| Cell { text: percent(choice.map_at_r), strong: choice.margin == chosen };
            std::iter::once(Cell::from(method.name().to_owned())).chain(of_method.map(cell)).collect()
        };
        let first = self.set.classes.len() - held_out;
        Section {
            title: "Images, losses and their margins".to_owned(),
            text: vec![
                format!(
                    "Images: {}; at most {images} of them for training. The classes {} are held out: no training sees \
                     them. Batches of {classes} classes × {samples} images, Euclidean distance on unit length, {epochs} \
                     epochs. Each hinge is the mean over its terms that cost something.",
                    self.set.origin,
                    list(&self.set.classes[first..])
                ),
                format!(
                    "Batch-all takes all triplets of a batch, and each pair of one class with each pair of two others. \
                     Batch-hard takes for each anchor its farthest positive and its nearest negative, and for the second \
                     hinge what is nearest to that negative of a third class. The second margin is {pair_share} of the \
                     first, as in the paper."
                ),
            ],
            tables: vec![Table {
                title: "The choice of margins".to_owned(),
                caption: format!(
                    "MAP@R of the validation images of trained classes by the first margin, after {choice_epochs} \
                     epoch(s) with a seed of its own. The best is taken, for each method by itself; test images have no \
                     say."
                ),
                columns: std::iter::once("Method".to_owned())
                    .chain(self.settings.margins.iter().map(|margin| format!("margin {margin}")))
                    .collect(),
                rows: self.settings.methods.iter().map(line).collect(),
            }],
            figures: [false, true].map(|quadruplets| figures::left_to_learn(self, quadruplets)).to_vec(),
        }
    }

    fn section(&self, part: &'static str) -> Section {
        let rows: Vec<&Row> = self.ways().iter().map(|way| self.row((part, way))).collect();
        let mut figures = vec![figures::retrieval(self, part)];
        if part == HELD_OUT {
            figures.push(figures::distances(self));
            figures.extend(figures::maps(self));
        }
        let title = if part == SEEN { "Test images of trained classes" } else { "Test images of held-out classes" };
        Section {
            title: title.to_owned(),
            text: Vec::new(),
            tables: vec![
                table(
                    title,
                    "Mean ± standard deviation over the seeds; the best mean is bold. Recall@K: at least one of the K \
                     nearest other test images of the part is of the query's class. MAP@R: average precision up to the \
                     number of other images of the class. EER: error rate where one distance is the threshold for all \
                     pairs. Distances: means on unit length, at most 2.",
                    "Method",
                    &rows,
                    &COLUMNS,
                ),
                self.differences(part),
            ],
            figures,
        }
    }

    fn differences(&self, part: &str) -> Table {
        let line = |pair: &(Method, Method)| {
            let cell = |(metric, ..): (&str, &str, Better)| {
                let gap = self.gap(part, metric, *pair);
                Cell { text: measured(metric, gap), strong: gap.is_significant() }
            };
            let name = format!("{} minus {}", pair.0.name(), pair.1.name());
            std::iter::once(Cell::from(name)).chain(EXPECTED.map(cell)).collect()
        };
        let untrained = |method: &Method| {
            let cell = |(metric, ..): (&str, &str, Better)| {
                let gap = self.difference(metric, (part, method.name()), (part, UNTRAINED));
                Cell { text: measured(metric, gap), strong: gap.is_significant() }
            };
            let name = format!("{} minus {UNTRAINED}", method.name());
            std::iter::once(Cell::from(name)).chain(EXPECTED.map(cell)).collect()
        };
        Table {
            title: "Differences".to_owned(),
            caption: "Paired by seed: of shares in percentage points. Bold: p < 0.05 in a paired t-test.".to_owned(),
            columns: std::iter::once("").chain(EXPECTED.map(|(_, title, _)| title)).map(str::to_owned).collect(),
            rows: self
                .pairs()
                .iter()
                .map(line)
                .chain(self.settings.methods.iter().map(untrained))
                .collect::<Vec<Vec<Cell>>>(),
        }
    }
}

/// A difference with its test: of shares in points, of the ratio as a number.
pub fn measured(metric: &str, difference: Difference) -> String {
    match metric {
        "distance_ratio" => {
            let sign = if difference.mean < 0.0 { "−" } else { "+" };
            format!("{sign}{:.3} ({})", difference.mean.abs(), verdict(difference.test))
        }
        _ => difference.text(),
    }
}

/// Whether a difference is better by more than chance.
pub fn is_better(difference: Difference, better: Better) -> bool {
    match better {
        Better::Higher => difference.is_gain(),
        Better::Lower => difference.is_loss(),
    }
}
