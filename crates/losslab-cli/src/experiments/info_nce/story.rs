//! What a run of exercise 5 says: tables, figures, and the result in a sentence.

use super::{
    checks::{self, CHANCE, NEAR, text},
    emoji::{EmojiStudy, Styles},
    figures, lessons,
    methods::{self, CHOSEN, IGNORED, LEFT_OUT, MLP, REFERENCE, UNTRAINED, title},
    results::{Measured, RECALL, Results, SEEN, UNSEEN},
    settings::Settings,
    zero_shot::{Study, World},
};
use crate::{
    data::{
        emoji::Emoji,
        shapes::{CLASSES, COLOURS},
    },
    experiments::common::{Better, ByMethod, Column, table},
    outcome::{Check, Format, Row, Section, Story, Table},
    wording::percent,
};

/// The results on the emoji.
pub struct Drawn<'a> {
    /// Over all seeds.
    pub results: Results<'a, EmojiStudy>,
    /// The pairs of the first seed.
    pub styles: &'a Styles,
    /// Where they come from.
    pub emoji: &'a Emoji,
}

/// All that there is to tell.
pub struct Told<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// The generated pairs of the first seed.
    pub world: &'a World,
    /// The results on the generated pairs.
    pub shapes: &'a Results<'a, Study>,
    /// Those on the emoji, where they are at hand.
    pub drawn: Option<&'a Drawn<'a>>,
}

const SHARE: Format = Format::Percent;

/// A share of which more is better.
const fn share(metric: &'static str, heading: &'static str) -> Column {
    Column { metric, heading, format: SHARE, better: Some(Better::Higher) }
}

/// A number that is neither good nor bad.
const fn number(metric: &'static str, heading: &'static str, decimals: usize) -> Column {
    Column { metric, heading, format: Format::Number(decimals), better: None }
}

const TOWERS: [Column; 6] = [
    share(UNSEEN, "Zero-shot, unseen"),
    share(SEEN, "Zero-shot, seen"),
    share("image_to_text_at_1", "Image→text R@1"),
    share("text_to_image_at_1", "Text→image R@1"),
    number("alignment", "Alignment", 2),
    number("uniformity", "Uniformity", 2),
];
const RETRIEVAL: [Column; 6] = [
    share("image_to_text_at_1", "Image→text R@1"),
    share("image_to_text_at_5", "Image→text R@5"),
    share("image_to_text_at_10", "Image→text R@10"),
    share("text_to_image_at_1", "Text→image R@1"),
    share("text_to_image_at_5", "Text→image R@5"),
    share("text_to_image_at_10", "Text→image R@10"),
];
const PARTS: [Column; 5] = [
    share(UNSEEN, "Both right"),
    share("zero_shot_unseen_colour", "Colour right"),
    share("zero_shot_unseen_shape", "Shape right"),
    share("zero_shot_unseen_one_prompt", "Both right, one prompt"),
    share("zero_shot_among_unseen", "Both right, only unseen ones to choose"),
];
const TEMPERATURES: [Column; 8] = [
    share(RECALL, "Recall@1"),
    share("validation_recall_at_1", "Recall@1, validation"),
    share(UNSEEN, "Zero-shot, unseen"),
    share(SEEN, "Zero-shot, seen"),
    number("temperature", "τ at the end", 3),
    number("entropy", "Entropy", 3),
    number("top_negative", "Top negative", 3),
    number("loss_spread", "Spread of the loss", 3),
];
const BATCHES: [Column; 7] = [
    share(RECALL, "Recall@1"),
    share(UNSEEN, "Zero-shot, unseen"),
    number("steps", "Steps", 0),
    number("duplicates", "Duplicates", 2),
    number("loss", "Last loss", 3),
    share(SEEN, "Zero-shot, seen"),
    number("uniformity", "Uniformity", 2),
];
const DRAWN: [Column; 7] = [
    share("text_to_image_at_10", "Text→image R@10"),
    share("image_to_text_at_10", "Image→text R@10"),
    share(RECALL, "R@1"),
    share("unseen_text_to_image_at_10", "Unseen: text→image R@10"),
    share("unseen_image_to_text_at_10", "Unseen: image→text R@10"),
    share("unseen_recall_at_1", "Unseen: R@1"),
    share("validation_text_to_image_at_10", "Validation: text→image R@10"),
];
const DRAWN_AT_5: [Column; 4] = [
    share("text_to_image_at_5", "Text→image R@5"),
    share("image_to_text_at_5", "Image→text R@5"),
    share("unseen_text_to_image_at_5", "Unseen: text→image R@5"),
    share("unseen_image_to_text_at_5", "Unseen: image→text R@5"),
];

impl Told<'_> {
    /// Each expectation beside what was measured.
    pub fn checks(&self) -> Vec<Check> {
        let emoji = self.drawn.iter().flat_map(|drawn| checks::emoji(&drawn.results));
        checks::shapes(self.shapes).into_iter().chain(emoji).collect()
    }

    /// What the report tells.
    pub fn story(&self) -> Story {
        let mut sections = vec![self.zero_shot(), self.temperature(), self.batch()];
        sections.extend(self.drawn.map(|drawn| self.emoji(drawn)));
        let mut notice = Vec::new();
        if self.drawn.is_none() && self.settings.emoji_epochs > 0 {
            notice.push(
                "The emoji with their captions were found nowhere: only the generated pairs were used.".to_owned(),
            );
        }
        Story {
            number: 5,
            title: "InfoNCE for pictures and captions".to_owned(),
            question: "CLIP learns from pictures with captions alone: in a batch each picture has to find its own caption \
                       among all, and each caption its picture. Can a small one then name pictures of combinations that \
                       it never saw, such as a red circle, when it saw other red things and other circles? And what do \
                       temperature, batch size, duplicates in a batch and the image encoder do to that?"
                .to_owned(),
            notice,
            headline: self.headline(),
            check_rule: format!(
                "“Better”, “worse” and “above” need a paired t-test over the seeds with p < 0.05. “Near” means at most \
                 {:.0} points lower. Recall@1 is the mean of both directions.",
                100.0 * NEAR
            ),
            sections,
            lessons: lessons::learn(self),
        }
    }

    fn headline(&self) -> String {
        let results = self.shapes;
        let verdict = if results.above(UNSEEN, REFERENCE, CHANCE).is_gain() { "" } else { "not significantly " };
        let rival = results.difference(RECALL, REFERENCE, MLP);
        let rival = match (rival.is_gain(), rival.is_loss()) {
            (true, _) => format!("better than the MLP in Recall@1, {}", text(rival)),
            (_, true) => format!("worse than the MLP in Recall@1, {}", text(rival)),
            _ => format!("not significantly different from the MLP in Recall@1, {}", text(rival)),
        };
        format!(
            "The convolutional MiniCLIP names {} of the pictures of combinations that it never saw ({verdict}above the \
             {} of guessing) and {} of those that it did; it is {rival}.",
            percent(results.mean(REFERENCE, UNSEEN)),
            percent(CHANCE),
            percent(results.mean(REFERENCE, SEEN)),
        )
    }

    fn zero_shot(&self) -> Section {
        let Settings { images, valid, test, side, epochs, lr, .. } = *self.settings;
        let show = self.shapes.of(REFERENCE).find_map(|study| study.show.as_ref());
        let mut figures = vec![figures::examples(self.world), figures::combinations(self.world)];
        figures.extend(show.map(|show| figures::found_shapes(self.world, show)));
        figures.extend(show.map(|show| figures::similarity(self.world, show)));
        let named = [REFERENCE, MLP, LEFT_OUT, IGNORED, UNTRAINED];
        Section {
            title: "Zero-shot and retrieval".to_owned(),
            text: vec![
                format!(
                    "Generated pictures of {side} × {side} pixels with one to three shapes of one kind; captions in varied \
                     words. {images} pairs for training, {epochs} epochs of Adam with step size {lr}; {valid} pairs for \
                     validation and {test} for testing, half of each of combinations that training never had: of the \
                     {CLASSES} combinations {COLOURS} are kept for validation and another {COLOURS} for the test part, \
                     others for each seed. The quick preset's sizes, epochs and step size were settled on \
                     validation parts, and the full one has more of everything; the run itself chooses a temperature there."
                ),
                "Zero-shot: a picture gets the class whose prompt is nearest, among all 30, the unseen ones included. A \
                 prompt is “a red circle” in five templates, whose embeddings are averaged. Retrieval: pictures and \
                 captions of the whole test part look for each other; what means the same is a match."
                    .to_owned(),
            ],
            tables: vec![
                self.shapes_table("Results on the test part", "Method", &named, &TOWERS, self.towers_caption()),
                self.shapes_table(
                    "Retrieval",
                    "Method",
                    &named,
                    &RETRIEVAL,
                    "Share of queries with a match among the 1, 5 and 10 nearest of the test part.".to_owned(),
                ),
                self.shapes_table(
                    "What is right about unseen combinations",
                    "Method",
                    &[REFERENCE, MLP, UNTRAINED],
                    &PARTS,
                    format!(
                        "Shares of the test pictures of unseen combinations. Guessing: {} for both, {} for the colour, {} \
                         for the shape, {} among the unseen ones.",
                        percent(CHANCE),
                        percent(1.0 / COLOURS as f64),
                        percent(COLOURS as f64 / CLASSES as f64),
                        percent(1.0 / COLOURS as f64)
                    ),
                ),
            ],
            figures,
        }
    }

    fn towers_caption(&self) -> String {
        format!(
            "Means ± standard deviation over {} seeds; the best of a column is bold. R@K: share of queries with a match \
             among the K nearest. Alignment: mean squared distance of a pair. Uniformity: lower is more even. All methods \
             start from the same text tower and see the same pairs in the same order.",
            self.shapes.seeds()
        )
    }

    fn temperature(&self) -> Section {
        let settings = self.settings;
        let fixed = figures::sorted(&settings.temperature);
        let names: Vec<String> = fixed
            .iter()
            .map(|value| methods::fixed(settings, *value))
            .chain([CHOSEN.to_owned()])
            .chain(settings.learned.iter().map(|start| methods::learned(*start)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Section {
            title: "Temperature".to_owned(),
            text: vec![
                "The loss divides cosines by τ before the softmax. A low τ leaves only the nearest negatives in the sum; a \
                 high one makes all of them count the same, and keeps the softmax near uniform whatever is learned."
                    .to_owned(),
            ],
            tables: vec![self.shapes_table(
                "Fixed and learned temperatures",
                "Temperature",
                &names,
                &TEMPERATURES,
                "Chosen on validation: the fixed temperature with the highest Recall@1 on the validation part, for each seed \
                 anew. Entropy: of the softmax over the captions of 128 test pairs, as a share of the largest possible. Top \
                 negative: share of the weight of all negatives that the nearest takes. Spread of the loss: standard \
                 deviation over the batches of the last epoch, in nats."
                    .to_owned(),
            )],
            figures: vec![
                figures::over_temperatures(self.shapes),
                figures::learning_temperature(self.shapes),
                figures::alignment_and_uniformity(self.shapes),
            ],
        }
    }

    fn batch(&self) -> Section {
        let settings = self.settings;
        let mut sizes = settings.batch.clone();
        sizes.sort_unstable();
        let names: Vec<String> = sizes.iter().map(|size| methods::batch(settings, *size)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Section {
            title: "Batch size".to_owned(),
            text: vec![
                "The other pairs of a batch are the negatives. All sizes see the same number of pairs, so a larger batch \
                 takes fewer steps; the step size is the same for all."
                    .to_owned(),
            ],
            tables: vec![self.shapes_table(
                "Batch sizes",
                "Batch",
                &names,
                &BATCHES,
                "Duplicates: other pairs of a batch with the meaning of a pair, in the mean. Last loss: mean of the last \
                 epoch in nats, which can't be compared between sizes."
                    .to_owned(),
            )],
            figures: vec![figures::over_batches(self.shapes), figures::loss_by_batch(self.shapes)],
        }
    }

    fn emoji(&self, drawn: &Drawn) -> Section {
        let Drawn { results, styles, emoji } = drawn;
        let vendors: Vec<&str> = emoji.styles.iter().map(|style| style.vendor.as_str()).collect();
        let last = vendors.last().copied().unwrap_or_default();
        let chance = |metric: &str| percent(results.mean(REFERENCE, metric));
        let named = [REFERENCE, MLP, LEFT_OUT, IGNORED, UNTRAINED];
        Section {
            title: "Emoji in a style never seen".to_owned(),
            text: vec![format!(
                "{}. Training has {} pairs in all styles but {last}; a text is the name with its keywords. {} drawings of \
                 these styles are kept for validation. Tested in the style {last}: {} things of the training and {} that \
                 are kept out of it, others for each seed, each part among itself. {} epochs; everything else as above.",
                emoji.origin,
                styles.material.pairs.len(),
                styles.valid.len(),
                styles.seen.len(),
                styles.unseen.len(),
                self.settings.emoji_epochs
            )],
            tables: vec![
                methods_table(
                    results,
                    "Retrieval in the unseen style",
                    "Method",
                    &named,
                    &DRAWN,
                    format!(
                        "Guessing reaches a Recall@10 of {} among things of the training and of {} among unseen ones. Some \
                         pictures of a style are equal under different names, so 100 % is out of reach.",
                        chance("chance_at_10"),
                        chance("unseen_chance_at_10")
                    ),
                ),
                methods_table(
                    results,
                    "Recall@5",
                    "Method",
                    &named,
                    &DRAWN_AT_5,
                    "The same with the 5 nearest.".to_owned(),
                ),
            ],
            figures: figures::emoji(results, styles),
        }
    }

    fn shapes_table(&self, heading: &str, first: &str, names: &[&str], columns: &[Column], caption: String) -> Table {
        methods_table(self.shapes, heading, first, names, columns, caption)
    }
}

fn methods_table<S: Measured>(
    results: &Results<S>,
    heading: &str,
    first: &str,
    names: &[&str],
    columns: &[Column],
    caption: String,
) -> Table {
    let named = |name: &&str| Row { name: title(results.settings, name), ..results.row(name).clone() };
    let rows: Vec<Row> = names.iter().map(named).collect();
    table(heading, &caption, first, &rows.iter().collect::<Vec<_>>(), columns)
}
