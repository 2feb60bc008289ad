//! The generated pairs: one method with one seed, trained and measured.

use super::{
    measures::{self, Embedded, Recalls, Sharpness},
    methods::{Method, REFERENCE},
    results::Measured,
    settings::Settings,
    training::{self, Course, Material},
};
use crate::{
    data::{
        captions::Captioned,
        shapes::{self, CLASSES, HeldOut, Part, SHAPES, ShapePairs},
    },
    lab::Job,
    models::clip::MiniClip,
};
use anyhow::Result;
use losslab::metrics::Embeddings;
use serde::{Deserialize, Serialize};

/// Captions that look for pictures in the report's grid, and how many pictures each finds.
const SHOWN: [usize; 2] = [8, 6];

/// The pairs of a seed, ready for all methods.
pub struct World {
    /// Decides pairs, first weights and batches.
    pub seed: u64,
    /// For training.
    pub material: Material,
    /// For what is chosen.
    pub valid: Part,
    /// For what is reported.
    pub test: Part,
    /// The combinations that training doesn't have.
    pub held_out: HeldOut,
}

impl World {
    /// Draws the pairs of a seed.
    pub fn new(settings: &Settings, seed: u64) -> Self {
        let Settings { side, images, valid, test, .. } = *settings;
        let ShapePairs { train, valid, test } =
            shapes::generate(shapes::Sizes { side, train: images, valid, test }, seed);
        Self { seed, material: Material::new(train), valid, test, held_out: HeldOut::new(seed) }
    }
}

/// Shares of pictures whose class is named right, by the nearest of the prompts of all 30 classes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct ZeroShot {
    /// Combinations that training has.
    pub seen: f64,
    /// Combinations that it doesn't have.
    pub unseen: f64,
    /// The same with one prompt a class in place of an ensemble.
    pub unseen_one_prompt: f64,
    /// Unseen combinations whose colour is right.
    pub unseen_colour: f64,
    /// Unseen combinations whose shape is right.
    pub unseen_shape: f64,
    /// Unseen combinations where only those can be named.
    pub among_unseen: f64,
}

/// What validation tells, by which temperatures are chosen.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Validation {
    /// Recall@1, the mean of both directions.
    pub recall: f64,
    /// Share of the pictures named right, of combinations that training has.
    pub seen: f64,
    /// The same of combinations that neither training nor the test part has.
    pub unseen: f64,
}

/// What the report shows of one network.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Show {
    /// Mean cosine of the pictures of an unseen combination (row) and the prompt of one (column).
    pub similarity: Vec<Vec<f64>>,
    /// A caption of the test part, by its index, with the pictures that are nearest to it.
    pub found: Vec<(usize, Vec<usize>)>,
}

/// Everything that a method tells with one seed.
#[derive(Debug, Deserialize, Serialize)]
pub struct Study {
    method: String,
    /// On the validation part.
    pub validation: Validation,
    recalls: Recalls,
    zero_shot: ZeroShot,
    alignment: f64,
    uniformity: f64,
    /// The softmax at the end.
    pub sharpness: Sharpness,
    /// How the training went.
    pub course: Course,
    /// Pictures for the report, of the reference with the first seed.
    pub show: Option<Show>,
}

/// Trains with a method and measures on the other parts.
pub fn study(world: &World, method: &Method, settings: &Settings, shown: bool, job: &Job) -> Result<Study> {
    let (network, course) = training::train(&world.material, method, settings, world.seed, job)?;
    let test = world.test.all();
    let all = Embedded::new(&network, &test, &world.material)?;
    let [seen, unseen] =
        [&world.test.seen, &world.test.unseen].map(|pairs| Embedded::new(&network, pairs, &world.material));
    let (seen, unseen) = (seen?, unseen?);
    let show = (shown && method.name == REFERENCE).then(|| show(&network, world, &all, &unseen)).transpose()?;
    Ok(Study {
        method: method.name.clone(),
        validation: validation(&network, world)?,
        recalls: Recalls::of(&all, &test.meanings)?,
        zero_shot: zero_shot(&network, world, &seen.images, &unseen.images)?,
        alignment: all.alignment()?,
        uniformity: all.uniformity()?,
        sharpness: Sharpness::of(&seen, &world.test.seen.meanings, course.temperature)?,
        course,
        show,
    })
}

/// The prompts of classes.
fn prompts(
    network: &MiniClip,
    world: &World,
    classes: impl Iterator<Item = usize>,
    prompts: fn(usize) -> Vec<String>,
) -> Result<Embeddings> {
    Ok(measures::prompts(network, &world.material, &classes.map(prompts).collect::<Vec<_>>())?)
}

/// Share of the pictures that are named right, as far as `of` tells.
fn right(pairs: &Captioned, named: &[usize], of: fn(usize) -> usize) -> f64 {
    let hits = named.iter().enumerate().filter(|(index, class)| of(pairs.images.label(*index)) == of(**class));
    hits.count() as f64 / named.len() as f64
}

fn whole(class: usize) -> usize {
    class
}

fn validation(network: &MiniClip, world: &World) -> Result<Validation> {
    let Part { seen, unseen } = &world.valid;
    let all = world.valid.all();
    let embedded = Embedded::new(network, &all, &world.material)?;
    let ensembles = prompts(network, world, 0..CLASSES, shapes::ensemble)?;
    // The seen ones come first.
    let named = measures::classify(&embedded.images, &ensembles);
    let (of_seen, of_unseen) = named.split_at(seen.len());
    Ok(Validation {
        recall: Recalls::of(&embedded, &all.meanings)?.at_1(),
        seen: right(seen, of_seen, whole),
        unseen: right(unseen, of_unseen, whole),
    })
}

fn zero_shot(network: &MiniClip, world: &World, seen: &Embeddings, unseen: &Embeddings) -> Result<ZeroShot> {
    let held_out = &world.held_out.test;
    let ensembles = prompts(network, world, 0..CLASSES, shapes::ensemble)?;
    let single = prompts(network, world, 0..CLASSES, |class| vec![shapes::prompt(class)])?;
    let few = prompts(network, world, held_out.iter().copied(), shapes::ensemble)?;

    let named = measures::classify(unseen, &ensembles);
    let among = measures::classify(unseen, &few).into_iter().map(|place| held_out[place]).collect::<Vec<_>>();
    let (colour, shape) = (|class| class / SHAPES, |class| class % SHAPES);
    let pairs = &world.test.unseen;
    Ok(ZeroShot {
        seen: right(&world.test.seen, &measures::classify(seen, &ensembles), whole),
        unseen: right(pairs, &named, whole),
        unseen_one_prompt: right(pairs, &measures::classify(unseen, &single), whole),
        unseen_colour: right(pairs, &named, colour),
        unseen_shape: right(pairs, &named, shape),
        among_unseen: right(pairs, &among, whole),
    })
}

fn show(network: &MiniClip, world: &World, all: &Embedded, unseen: &Embedded) -> Result<Show> {
    let (held_out, pairs) = (&world.held_out.test, &world.test.unseen);
    let prompts = prompts(network, world, held_out.iter().copied(), shapes::ensemble)?;
    let row = |class: &usize| -> Vec<f64> {
        let of_class = (0..pairs.len()).filter(|index| pairs.images.label(*index) == *class);
        let pictures: Vec<&[f32]> = of_class.map(|index| unseen.images.row(index)).collect();
        let mean = |prompt: &[f32]| {
            let sum: f32 = pictures.iter().map(|picture| measures::cosine(picture, prompt)).sum();
            f64::from(sum) / pictures.len() as f64
        };
        prompts.rows().map(mean).collect()
    };
    // Every so many captions of the test part, which ends with the unseen combinations.
    let [queries, pictures] = SHOWN;
    let asked = (0..queries).map(|query| query * all.texts.len() / queries);
    Ok(Show {
        similarity: held_out.iter().map(row).collect(),
        found: asked.map(|query| (query, measures::nearest(all.texts.row(query), &all.images, pictures))).collect(),
    })
}

impl Measured for Study {
    fn method(&self) -> &str {
        &self.method
    }

    /// All numbers, by the names they have in `outcome.json`.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        let ZeroShot { seen, unseen, unseen_one_prompt, unseen_colour, unseen_shape, among_unseen } = self.zero_shot;
        let last = self.course.losses.last().copied();
        let mut metrics = self.recalls.metrics();
        metrics.extend([
            ("zero_shot_seen", seen),
            ("zero_shot_unseen", unseen),
            ("zero_shot_unseen_one_prompt", unseen_one_prompt),
            ("zero_shot_unseen_colour", unseen_colour),
            ("zero_shot_unseen_shape", unseen_shape),
            ("zero_shot_among_unseen", among_unseen),
            ("validation_recall_at_1", self.validation.recall),
            ("validation_zero_shot_seen", self.validation.seen),
            ("validation_zero_shot_unseen", self.validation.unseen),
            ("alignment", self.alignment),
            ("uniformity", self.uniformity),
            ("entropy", self.sharpness.entropy),
            ("top_negative", self.sharpness.top_negative),
            ("temperature", self.course.temperature),
        ]);
        if let Some(loss) = last {
            metrics.extend([
                ("loss", loss),
                ("loss_spread", crate::statistics::std(&self.course.last_losses)),
                ("steps", self.course.steps as f64),
                ("duplicates", self.course.duplicates),
            ]);
        }
        metrics
    }
}
