//! A generated set of pictures with captions: coloured shapes, one kind in a picture, some of whose combinations of
//! colour and shape are never shown in training.
//!
//! A caption always says which colour, which shape and how many; a training caption often leaves out the size and the
//! place, as people do, and chooses among synonyms and templates. A test caption says everything, so that it tells its
//! picture from all others that look different.

mod drawing;
mod wording;

pub use wording::{class_name, ensemble, prompt};

use super::{
    captions::Captioned,
    images::{Images, Shape},
};
use crate::random::{self, Random};
use rand::{RngExt, seq::IndexedRandom};
use wording::Mention;

/// Number of colours.
pub const COLOURS: usize = drawing::COLOURS.len();
/// Number of shapes.
pub const SHAPES: usize = drawing::OUTLINES.len();
/// Combinations of colour and shape. Class `c` has the colour `c / SHAPES` and the shape `c % SHAPES`.
pub const CLASSES: usize = COLOURS * SHAPES;

/// Most shapes in a picture.
const MOST: usize = 3;
/// Share of the pictures with a single shape; only these have a place that a caption can name.
const SINGLE: f64 = 0.6;
/// How often a training caption names the size, and how often the place.
const NAMED: f64 = 0.4;

/// How many pictures, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Pixels from side to side.
    pub side: usize,
    /// Pairs for training.
    pub train: usize,
    /// Pairs for validation, half of them of combinations that training doesn't have.
    pub valid: usize,
    /// Pairs for testing, half of them of combinations that neither training nor validation has.
    pub test: usize,
}

/// Pairs to measure on.
#[derive(Clone, Debug)]
pub struct Part {
    /// New pictures of combinations that training has.
    pub seen: Captioned,
    /// Pictures of combinations that training doesn't have.
    pub unseen: Captioned,
}

impl Part {
    /// Both together: the gallery of retrieval.
    pub fn all(&self) -> Captioned {
        self.seen.and(&self.unseen)
    }
}

/// The pairs of a seed.
#[derive(Clone, Debug)]
pub struct ShapePairs {
    /// For training.
    pub train: Captioned,
    /// For what is chosen.
    pub valid: Part,
    /// For what is reported.
    pub test: Part,
}

/// What is in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    class: usize,
    count: usize,
    is_large: bool,
    /// Where a single shape is.
    place: usize,
}

impl Scene {
    fn draw(classes: &[usize], random: &mut Random) -> Self {
        let class = *classes.choose(random).expect("some class is wanted");
        let count = if random.random_bool(SINGLE) { 1 } else { random.random_range(2..=MOST) };
        Self { class, count, is_large: random.random(), place: random.random_range(0..drawing::PLACES.len()) }
    }

    fn colour(&self) -> usize {
        self.class / SHAPES
    }

    fn shape(&self) -> usize {
        self.class % SHAPES
    }

    /// A number for what a caption says that mentions this much: a digit for each thing, 0 for what it leaves out.
    fn meaning(&self, mention: Mention) -> i64 {
        let size = if mention.size { 1 + usize::from(self.is_large) } else { 0 };
        let place = if mention.place && self.count == 1 { 1 + self.place } else { 0 };
        (((self.class * MOST + self.count - 1) * 3 + size) * (1 + drawing::PLACES.len()) + place) as i64
    }
}

/// The combinations that a seed keeps out of training: of every colour one shape for each of the other parts. Each seed
/// keeps out others, and as many seeds as there are shapes test each combination once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOut {
    /// Those that only validation has.
    pub valid: Vec<usize>,
    /// Those that only the test part has.
    pub test: Vec<usize>,
}

impl HeldOut {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        let turn = (seed % SHAPES as u64) as usize;
        let shifted =
            |shift: usize| (0..COLOURS).map(|colour| colour * SHAPES + (colour + turn + shift) % SHAPES).collect();
        Self { valid: shifted(1), test: shifted(0) }
    }

    /// The other combinations.
    fn trained(&self) -> Vec<usize> {
        (0..CLASSES).filter(|class| !self.valid.contains(class) && !self.test.contains(class)).collect()
    }
}

/// Draws all pictures of a seed.
pub fn generate(sizes: Sizes, seed: u64) -> ShapePairs {
    let held_out = HeldOut::new(seed);
    let seen = held_out.trained();
    let some = |random: &mut Random| Mention { size: random.random_bool(NAMED), place: random.random_bool(NAMED) };
    let all = |_: &mut Random| Mention { size: true, place: true };
    let part = |count: usize, unseen: &[usize], what: &str| {
        let half = count / 2;
        let stream = |name: String| random::stream(seed, &name);
        Part {
            seen: pairs(count - half, sizes.side, &seen, all, &mut stream(format!("shapes for {what}"))),
            unseen: pairs(half, sizes.side, unseen, all, &mut stream(format!("unseen shapes for {what}"))),
        }
    };
    ShapePairs {
        train: pairs(sizes.train, sizes.side, &seen, some, &mut random::stream(seed, "shapes for training")),
        valid: part(sizes.valid, &held_out.valid, "validation"),
        test: part(sizes.test, &held_out.test, "testing"),
    }
}

fn pairs(
    count: usize,
    side: usize,
    classes: &[usize],
    mention: impl Fn(&mut Random) -> Mention,
    random: &mut Random,
) -> Captioned {
    let shape = Shape { channels: 3, height: side, width: side };
    let (mut pixels, mut labels) = (Vec::with_capacity(count * shape.bytes()), Vec::new());
    let (mut captions, mut meanings) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let scene = Scene::draw(classes, random);
        let mention = mention(random);
        pixels.extend(drawing::picture(&scene, side, random));
        labels.push(scene.class as u16);
        captions.push(wording::caption(&scene, mention, random));
        meanings.push(scene.meaning(mention));
    }
    Captioned { images: Images::new(shape, pixels, labels), captions, meanings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    const SIZES: Sizes = Sizes { side: 24, train: 400, valid: 80, test: 120 };

    #[test]
    fn unseen_combinations_never_occur_in_training_but_their_colours_and_shapes_do() {
        for seed in 1..=5 {
            let set = generate(SIZES, seed);
            let classes = |pairs: &Captioned| pairs.images.labels().into_iter().collect::<HashSet<i64>>();
            let train = classes(&set.train);
            for (part, pairs) in [(&set.valid, 80), (&set.test, 120)] {
                let (seen, unseen) = (classes(&part.seen), classes(&part.unseen));
                assert!(train.is_disjoint(&unseen) && unseen.len() == COLOURS && seen.is_subset(&train));
                assert_eq!((part.all().len(), part.unseen.len()), (pairs, pairs / 2));
            }
            assert!(classes(&set.valid.unseen).is_disjoint(&classes(&set.test.unseen)));
            let parts = |part: fn(i64) -> i64| train.iter().map(|class| part(*class)).collect::<HashSet<i64>>().len();
            assert_eq!([parts(|class| class / SHAPES as i64), parts(|class| class % SHAPES as i64)], [COLOURS, SHAPES]);
        }
        let all = |of: fn(HeldOut) -> Vec<usize>| -> HashSet<usize> {
            (1..=SHAPES as u64).flat_map(|seed| of(HeldOut::new(seed))).collect()
        };
        assert_eq!((all(|held_out| held_out.valid).len(), all(|held_out| held_out.test).len()), (CLASSES, CLASSES));
    }

    #[test]
    fn a_seed_gives_the_same_pairs_and_another_seed_others() {
        let hashes = [1, 1, 2].map(|seed| generate(SIZES, seed).train.images.hash());
        assert!(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
    }

    #[test]
    fn captions_of_one_meaning_are_worded_in_several_ways() {
        let set = generate(SIZES, 1);
        let mut wordings: HashMap<i64, HashSet<&str>> = HashMap::new();
        for (caption, meaning) in set.train.captions.iter().zip(&set.train.meanings) {
            wordings.entry(*meaning).or_default().insert(caption);
        }
        assert!(wordings.len() < set.train.len() && wordings.values().any(|wordings| wordings.len() > 2));
        let mut meanings: HashMap<&str, i64> = HashMap::new();
        for (caption, meaning) in set.train.captions.iter().zip(&set.train.meanings) {
            assert_eq!(meanings.entry(caption).or_insert(*meaning), meaning, "{caption}");
        }
    }
}
