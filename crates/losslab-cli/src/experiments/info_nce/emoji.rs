//! The emoji: the same thing drawn in several styles. Training sees all styles but one, and not all of the things.

use super::{
    measures::{self, Embedded, Recalls},
    methods::{Method, REFERENCE},
    results::Measured,
    settings::Settings,
    training::{self, Material},
};
use crate::{
    data::{captions::Captioned, emoji::Emoji, images::Images},
    lab::Job,
    random,
};
use anyhow::{Result, ensure};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// One thing in so many is kept out of training.
const HELD_OUT: usize = 10;
/// One drawing in so many is kept for validation.
const VALIDATION: usize = 10;
/// Captions that look for pictures in the report's grid, and how many pictures each finds.
const SHOWN: [usize; 2] = [8, 6];

/// The pairs of a seed.
pub struct Styles {
    /// Decides which things are kept out, first weights and batches.
    pub seed: u64,
    /// All styles but the last, without the things that are kept out and without the drawings for validation.
    pub material: Material,
    /// Other drawings of the same styles.
    pub valid: Captioned,
    /// Things of the training in the last style.
    pub seen: Captioned,
    /// The other things in the last style.
    pub unseen: Captioned,
}

impl Styles {
    /// Splits by style and by thing.
    pub fn new(emoji: &Emoji, seed: u64) -> Result<Self> {
        ensure!(emoji.styles.len() > 1, "{}: one style is not enough to test on another", emoji.origin);
        let mut things: Vec<usize> = (0..emoji.concepts.len()).collect();
        things.shuffle(&mut random::stream(seed, "unseen emoji"));
        let unseen: HashSet<usize> = things.into_iter().take(emoji.concepts.len().div_ceil(HELD_OUT)).collect();
        let (last, others) = emoji.styles.split_last().expect("there are styles");
        let pairs = |images: Images| {
            let text = |index: usize| {
                let concept = &emoji.concepts[images.label(index)];
                format!("{}: {}", concept.caption, concept.keywords.join(", "))
            };
            Captioned { captions: (0..images.len()).map(text).collect(), meanings: images.labels(), images }
        };
        let seen = |images: &Images| pairs(images.of_classes(|class| !unseen.contains(&class)));
        let drawn = others.iter().map(|style| seen(&style.images)).reduce(|all, style| all.and(&style));
        let drawn = drawn.expect("there are other styles");
        let (valid, train) = for_validation(&drawn, seed);
        Ok(Self {
            seed,
            material: Material::new(drawn.select(&train)),
            valid: drawn.select(&valid),
            seen: seen(&last.images),
            unseen: pairs(last.images.of_classes(|class| unseen.contains(&class))),
        })
    }
}

/// The drawings for validation, and the others. A thing is drawn once in validation at most, and then in the training too.
fn for_validation(drawn: &Captioned, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.shuffle(&mut random::stream(seed, "emoji for validation"));
    let (mut met, mut again) = (HashSet::new(), HashSet::new());
    // What has been met before in this order is drawn in the training as well.
    order.retain(|index| !met.insert(drawn.meanings[*index]) && again.insert(drawn.meanings[*index]));
    order.truncate(drawn.len() / VALIDATION);
    let valid: HashSet<usize> = order.iter().copied().collect();
    (order, (0..drawn.len()).filter(|index| !valid.contains(index)).collect())
}

/// Everything that a method tells with one seed.
#[derive(Debug, Deserialize, Serialize)]
pub struct EmojiStudy {
    method: String,
    validation: Recalls,
    seen: Recalls,
    unseen: Recalls,
    chance: [[f64; 3]; 2],
    /// A caption of an unseen thing, by its index, with the unseen pictures that are nearest to it.
    pub found: Vec<(usize, Vec<usize>)>,
}

/// Trains with a method and measures in the style that it hasn't seen, and on the drawings for validation.
pub fn study(styles: &Styles, method: &Method, settings: &Settings, shown: bool, job: &Job) -> Result<EmojiStudy> {
    let (network, _) = training::train(&styles.material, method, settings, styles.seed, job)?;
    let [valid, seen, unseen] =
        [&styles.valid, &styles.seen, &styles.unseen].map(|part| Embedded::new(&network, part, &styles.material));
    let (seen, unseen) = (seen?, unseen?);
    let [queries, pictures] = SHOWN;
    let asked = if shown && method.name == REFERENCE { queries.min(styles.unseen.len()) } else { 0 };
    let find = |query: usize| {
        let query = query * styles.unseen.len() / queries;
        (query, measures::nearest(unseen.texts.row(query), &unseen.images, pictures))
    };
    Ok(EmojiStudy {
        method: method.name.clone(),
        validation: Recalls::of(&valid?, &styles.valid.meanings)?,
        seen: Recalls::of(&seen, &styles.seen.meanings)?,
        unseen: Recalls::of(&unseen, &styles.unseen.meanings)?,
        chance: [&styles.seen, &styles.unseen].map(|part| Recalls::by_chance(&part.meanings)),
        found: (0..asked).map(find).collect(),
    })
}

impl Measured for EmojiStudy {
    fn method(&self) -> &str {
        &self.method
    }

    /// All numbers, by the names they have in `outcome.json`: those of seen things, those of unseen ones, validation, and chance.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        const UNSEEN: [&str; 7] = [
            "unseen_recall_at_1",
            "unseen_image_to_text_at_1",
            "unseen_image_to_text_at_5",
            "unseen_image_to_text_at_10",
            "unseen_text_to_image_at_1",
            "unseen_text_to_image_at_5",
            "unseen_text_to_image_at_10",
        ];
        let [seen_by_chance, unseen_by_chance] = self.chance;
        let unseen = UNSEEN.into_iter().zip(self.unseen.metrics()).map(|(name, (_, value))| (name, value));
        let chance = [("chance_at_10", seen_by_chance[2]), ("unseen_chance_at_10", unseen_by_chance[2])];
        let validation = [
            ("validation_recall_at_1", self.validation.at_1()),
            ("validation_text_to_image_at_10", self.validation.text_to_image[2]),
        ];
        self.seen.metrics().into_iter().chain(unseen).chain(validation).chain(chance).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{
        emoji::{Concept, Style},
        images::Shape,
    };

    #[test]
    fn the_last_style_and_some_things_are_kept_out_of_training() {
        let dot = Shape { channels: 3, height: 1, width: 1 };
        let style = |shade: u8| Style {
            vendor: format!("v{shade}"),
            images: Images::new(dot, vec![shade; 3 * 25], (0..25).collect()),
        };
        let concept = |index: usize| Concept {
            hexcode: String::new(),
            caption: format!("thing{index}"),
            keywords: vec!["word".into()],
            group: String::new(),
        };
        let emoji = Emoji {
            origin: "test".into(),
            concepts: (0..25).map(concept).collect(),
            styles: vec![style(1), style(2), style(3)],
        };
        let styles = Styles::new(&emoji, 1).unwrap();
        assert_eq!((styles.material.pairs.len(), styles.valid.len()), (40, 4));
        assert_eq!((styles.seen.len(), styles.unseen.len()), (22, 3));
        let drawings = |pairs: &Captioned| {
            (0..pairs.len()).map(|at| (pairs.images.pixels(at)[0], pairs.meanings[at])).collect::<HashSet<(u8, i64)>>()
        };
        assert!(drawings(&styles.material.pairs).is_disjoint(&drawings(&styles.valid)));
        let trained: HashSet<i64> = styles.material.pairs.images.labels().into_iter().collect();
        assert!(styles.unseen.images.labels().iter().all(|thing| !trained.contains(thing)));
        let shades = |pairs: &Captioned| (0..pairs.len()).map(|at| pairs.images.pixels(at)[0]).collect::<HashSet<u8>>();
        assert_eq!((shades(&styles.material.pairs), shades(&styles.seen)), (HashSet::from([1, 2]), HashSet::from([3])));
        let first = styles.seen.images.label(0);
        assert_eq!(styles.seen.captions[0], format!("thing{first}: word"));
        let one = Emoji { styles: vec![style(1)], ..emoji };
        assert!(Styles::new(&one, 1).err().unwrap().to_string().contains("one style is not enough"));
    }
}
