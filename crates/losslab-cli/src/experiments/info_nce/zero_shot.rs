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
        shapes::{self, CLASSES, SHAPES, ShapePairs},
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
    /// For testing, of combinations that training has.
    pub seen: Captioned,
    /// For testing, of combinations that it doesn't have.
    pub unseen: Captioned,
    /// Both together: the gallery of retrieval.
    pub test: Captioned,
    /// The combinations that training doesn't have.
    pub held_out: Vec<usize>,
}

impl World {
    /// Draws the pairs of a seed.
    pub fn new(settings: &Settings, seed: u64) -> Self {
        let Settings { side, images, test, .. } = *settings;
        let ShapePairs { train, seen, unseen } = shapes::generate(shapes::Sizes { side, train: images, test }, seed);
        let (test, held_out) = (seen.and(&unseen), shapes::held_out(seed));
        Self { seed, material: Material::new(train), seen, unseen, test, held_out }
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

/// Trains with a method and measures on the test part.
pub fn study(world: &World, method: &Method, settings: &Settings, shown: bool, job: &Job) -> Result<Study> {
    let (network, course) = training::train(&world.material, method, settings, world.seed, job)?;
    let all = Embedded::new(&network, &world.test, &world.material)?;
    let [seen, unseen] = [&world.seen, &world.unseen].map(|part| Embedded::new(&network, part, &world.material));
    let (seen, unseen) = (seen?, unseen?);
    let show = (shown && method.name == REFERENCE).then(|| show(&network, world, &all, &unseen)).transpose()?;
    Ok(Study {
        method: method.name.clone(),
        recalls: Recalls::of(&all, &world.test.meanings)?,
        zero_shot: zero_shot(&network, world, &seen.images, &unseen.images)?,
        alignment: all.alignment()?,
        uniformity: all.uniformity()?,
        sharpness: Sharpness::of(&seen, &world.seen.meanings, course.temperature)?,
        course,
        show,
    })
}

fn zero_shot(network: &MiniClip, world: &World, seen: &Embeddings, unseen: &Embeddings) -> Result<ZeroShot> {
    let prompts = |classes: &mut dyn Iterator<Item = usize>, prompts: fn(usize) -> Vec<String>| {
        measures::prompts(network, &world.material, &classes.map(prompts).collect::<Vec<_>>())
    };
    let ensembles = prompts(&mut (0..CLASSES), shapes::ensemble)?;
    let single = prompts(&mut (0..CLASSES), |class| vec![shapes::prompt(class)])?;
    let few = prompts(&mut world.held_out.iter().copied(), shapes::ensemble)?;

    let named = measures::classify(unseen, &ensembles);
    let among = measures::classify(unseen, &few).into_iter().map(|place| world.held_out[place]).collect::<Vec<_>>();
    let right = |part: &Captioned, named: &[usize], of: fn(usize) -> usize| {
        let hits = named.iter().enumerate().filter(|(index, class)| of(part.images.label(*index)) == of(**class));
        hits.count() as f64 / named.len() as f64
    };
    let (whole, colour, shape) = (|class| class, |class| class / SHAPES, |class| class % SHAPES);
    Ok(ZeroShot {
        seen: right(&world.seen, &measures::classify(seen, &ensembles), whole),
        unseen: right(&world.unseen, &named, whole),
        unseen_one_prompt: right(&world.unseen, &measures::classify(unseen, &single), whole),
        unseen_colour: right(&world.unseen, &named, colour),
        unseen_shape: right(&world.unseen, &named, shape),
        among_unseen: right(&world.unseen, &among, whole),
    })
}

fn show(network: &MiniClip, world: &World, all: &Embedded, unseen: &Embedded) -> Result<Show> {
    let ensembles: Vec<Vec<String>> = world.held_out.iter().map(|class| shapes::ensemble(*class)).collect();
    let prompts = measures::prompts(network, &world.material, &ensembles)?;
    let row = |class: &usize| -> Vec<f64> {
        let of_class = (0..world.unseen.len()).filter(|index| world.unseen.images.label(*index) == *class);
        let pictures: Vec<&[f32]> = of_class.map(|index| unseen.images.row(index)).collect();
        let mean = |prompt: &[f32]| {
            let sum: f32 = pictures.iter().map(|picture| measures::cosine(picture, prompt)).sum();
            f64::from(sum) / pictures.len() as f64
        };
        prompts.rows().map(mean).collect()
    };
    // Every so many captions of the test part, which ends with the unseen combinations.
    let [queries, pictures] = SHOWN;
    let asked = (0..queries).map(|query| query * world.test.len() / queries);
    Ok(Show {
        similarity: world.held_out.iter().map(row).collect(),
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
