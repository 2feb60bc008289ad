//! Exercise 5: InfoNCE for pictures and texts, a small CLIP.
//!
//! 1. Pictures with captions: generated ones, [`World`], and emoji in several styles, [`Styles`].
//! 2. Two encoders: `models::clip`, the handout's on pixels and a convolutional one.
//! 3. InfoNCE is `losslab::InfoNceLoss`; [`Method::loss`] is the one place that builds it.
//! 4. Training: [`training`].
//! 5. Zero-shot classification, with retrieval, alignment and uniformity: [`zero_shot`], [`measures`].
//! 6. Temperature and batch size: one thing at a time differs from the reference, [`methods`].

mod checks;
mod emoji;
mod figures;
mod lessons;
mod measures;
mod methods;
mod results;
mod settings;
mod story;
mod training;
mod zero_shot;

use super::{Exercise, Experiment, Plan, Request};
use crate::{
    data::{
        emoji::Emoji,
        shapes::{CLASSES, COLOURS},
    },
    lab::Lab,
    outcome::Outcome,
    random,
};
use anyhow::Result;
use emoji::Styles;
use methods::Method;
use results::Results;
use settings::{KNOBS, Settings};
use story::Told;
use zero_shot::World;

/// Exercise 5.
pub const EXPERIMENT: Experiment = Experiment {
    name: "info-nce",
    summary: "exercise 5: InfoNCE for pictures and captions",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(InfoNce::prepare(request)?)),
};

/// The exercise, ready to run.
struct InfoNce {
    settings: Settings,
    seeds: Vec<u64>,
    emoji: Option<Emoji>,
}

impl InfoNce {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        settings.check()?;
        let emoji = if settings.emoji_epochs > 0 { request.sources.emoji()? } else { None };
        if let Some(emoji) = &emoji {
            Styles::new(emoji, 1)?;
        }
        Ok(Self { settings, seeds: request.seeds(3, 5), emoji })
    }

    /// The methods on the emoji.
    fn emoji_methods(&self) -> Vec<Method> {
        if self.emoji.is_none() { Vec::new() } else { methods::towers(&self.settings, self.settings.emoji_epochs) }
    }
}

impl Exercise for InfoNce {
    fn plan(&self) -> Plan {
        let shapes = methods::all(&self.settings);
        let all: Vec<Method> = shapes.into_iter().chain(self.emoji_methods()).filter(Method::is_trained).collect();
        let epochs: usize = all.iter().map(|method| method.epochs).sum();
        let Settings { images, valid, test, side, .. } = self.settings;
        let generated = format!(
            "shapes: {images} generated pictures of {side} × {side} pixels for training, {valid} for validation and {test} \
             for testing, drawn afresh for each seed; of the {CLASSES} combinations of colour and shape {COLOURS} occur in \
             validation only and {COLOURS} in the test part only"
        );
        let emoji = self.emoji.iter().map(|emoji| format!("emoji: {}", emoji.origin));
        let hashes = self.emoji.iter().flat_map(|emoji| emoji.styles.iter().map(|style| style.images.hash()));
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: std::iter::once(generated).chain(emoji).collect(),
            data_hash: random::hash(format!("{:?}", hashes.collect::<Vec<u64>>()).as_bytes()),
            trainings: all.len() * self.seeds.len(),
            epochs: epochs * self.seeds.len(),
        }
    }

    /// Every method with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, emoji } = self;
        let is_first = |seed: u64| seed == seeds[0];

        let worlds: Vec<World> = seeds.iter().map(|seed| World::new(settings, *seed)).collect();
        let shape_methods = methods::all(settings);
        let jobs = pairs(&shape_methods, &worlds);
        let name = |(method, world): &(&Method, &World)| format!("shapes, {}, seed {}", method.name, world.seed);
        let studies = lab.map(&jobs, name, |(method, world), job| {
            zero_shot::study(world, method, settings, is_first(world.seed), job)
        })?;
        let shapes = Results::new(settings, "shapes", &studies, seeds.len()).with_chosen_temperature();

        let styles = emoji.iter().flat_map(|emoji| seeds.iter().map(|seed| Styles::new(emoji, *seed)));
        let styles = styles.collect::<Result<Vec<Styles>>>()?;
        let emoji_methods = self.emoji_methods();
        let jobs = pairs(&emoji_methods, &styles);
        let name = |(method, styles): &(&Method, &Styles)| format!("emoji, {}, seed {}", method.name, styles.seed);
        let studies = lab.map(&jobs, name, |(method, styles), job| {
            emoji::study(styles, method, settings, is_first(styles.seed), job)
        })?;
        let drawn = styles.first().zip(emoji.as_ref()).map(|(styles, emoji)| story::Drawn {
            results: Results::new(settings, "emoji", &studies, seeds.len()),
            styles,
            emoji,
        });

        let told = Told { settings, world: &worlds[0], shapes: &shapes, drawn: drawn.as_ref() };
        let checks = told.checks();
        let story = told.story();
        let rows = shapes.rows.iter().chain(drawn.iter().flat_map(|drawn| &drawn.results.rows)).cloned().collect();
        Ok(Outcome {
            experiment: EXPERIMENT.name.to_owned(),
            config: serde_json::json!(settings),
            seeds: seeds.clone(),
            rows,
            checks,
            story,
        })
    }
}

/// Every method on the data of every seed, the seeds of a method next to each other.
fn pairs<'a, T>(methods: &'a [Method], data: &'a [T]) -> Vec<(&'a Method, &'a T)> {
    methods.iter().flat_map(|method| data.iter().map(move |data| (method, data))).collect()
}
