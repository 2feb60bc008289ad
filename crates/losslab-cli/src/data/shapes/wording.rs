//! What captions say of a scene, in varied words.

use super::{SHAPES, Scene};
use crate::random::Random;
use rand::seq::IndexedRandom;

/// Words for each colour, the usual one first.
const COLOURS: [[&str; 2]; 6] = [
    ["red", "crimson"],
    ["green", "emerald"],
    ["blue", "azure"],
    ["yellow", "golden"],
    ["purple", "violet"],
    ["orange", "amber"],
];
/// Words for each shape, for one and for several; the usual one first.
const NOUNS: [[[&str; 2]; 2]; 5] = [
    [["circle", "circles"], ["disc", "discs"]],
    [["square", "squares"], ["box", "boxes"]],
    [["triangle", "triangles"], ["wedge", "wedges"]],
    [["star", "stars"], ["pentagram", "pentagrams"]],
    [["cross", "crosses"], ["plus", "pluses"]],
];
/// Words for one, two and three.
const COUNTS: [&[&str]; 3] = [&["a", "one", "a single"], &["two", "a pair of"], &["three", "a trio of"]];
/// Words for small and for large.
const SIZES: [[&str; 2]; 2] = [["small", "tiny"], ["large", "big"]];
/// Words for each place.
const PLACES: [[&str; 2]; 5] = [
    ["at the top left", "in the upper left corner"],
    ["at the top right", "in the upper right corner"],
    ["at the bottom left", "in the lower left corner"],
    ["at the bottom right", "in the lower right corner"],
    ["in the middle", "in the centre"],
];
/// Sentences around what is seen, as before and after.
const TEMPLATES: [[&str; 2]; 5] =
    [["", ""], ["a picture of ", ""], ["an image with ", ""], ["here you see ", ""], ["", " on a plain background"]];

/// What a caption mentions besides colour, shape and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Small or large.
    pub size: bool,
    /// Where it is, if it is only one.
    pub place: bool,
}

/// A caption in words that chance chooses.
pub fn caption(scene: &Scene, mention: Mention, random: &mut Random) -> String {
    let mut any = |words: &[&'static str]| *words.choose(random).expect("a list of words is never empty");
    let noun = usize::from(scene.count > 1);
    let mut phrase = vec![any(COUNTS[scene.count - 1])];
    if mention.size {
        phrase.push(any(&SIZES[usize::from(scene.is_large)]));
    }
    phrase.push(any(&COLOURS[scene.colour()]));
    phrase.push(any(&NOUNS[scene.shape()].map(|forms| forms[noun])));
    if mention.place && scene.count == 1 {
        phrase.push(any(&PLACES[scene.place]));
    }
    let [before, after] = TEMPLATES.choose(random).expect("there are templates");
    format!("{before}{}{after}", phrase.join(" "))
}

/// `red circle`.
pub fn class_name(class: usize) -> String {
    format!("{} {}", COLOURS[class / SHAPES][0], NOUNS[class % SHAPES][0][0])
}

/// The one prompt of a class: `a red circle`.
pub fn prompt(class: usize) -> String {
    format!("a {}", class_name(class))
}

/// The prompt in every template, whose embeddings are averaged: an ensemble as in CLIP.
pub fn ensemble(class: usize) -> Vec<String> {
    TEMPLATES.iter().map(|[before, after]| format!("{before}{}{after}", prompt(class))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn captions_say_what_they_are_to_mention() {
        let random = &mut random::stream(1, "test");
        let two = Scene { class: SHAPES + 1, count: 2, is_large: true, place: 0 };
        for _ in 0..50 {
            let text = caption(&two, Mention { size: false, place: true }, random);
            let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
            assert!(has(&["green", "emerald"]) && has(&["squares", "boxes"]) && has(&["two", "pair"]), "{text}");
            assert!(!has(&["large", "big", "left", "right", "middle"]), "{text}");
            let one = Scene { count: 1, ..two };
            let text = caption(&one, Mention { size: true, place: true }, random);
            assert!(text.contains("left") && (text.contains("large") || text.contains("big")), "{text}");
        }
    }

    #[test]
    fn prompts_name_the_class() {
        assert_eq!((prompt(0), class_name(SHAPES + 2)), ("a red circle".to_owned(), "green triangle".to_owned()));
        let all = ensemble(3);
        assert!(
            all[0] == prompt(3) && all.len() == TEMPLATES.len() && all.iter().all(|text| text.contains("a red star"))
        );
    }
}
