//! Pictures with captions, and captions as numbers.

use super::images::Images;
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::collections::BTreeSet;

/// Pictures with a caption each.
#[derive(Clone, Debug)]
pub struct Captioned {
    /// The pictures. The label of each is what a classifier would have to say.
    pub images: Images,
    /// One caption a picture.
    pub captions: Vec<String>,
    /// What each caption says: equal for captions that differ in nothing but their wording.
    pub meanings: Vec<i64>,
}

impl Captioned {
    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.captions.len()
    }

    /// The captions at these indices.
    pub fn texts(&self, indices: &[usize]) -> Vec<&str> {
        indices.iter().map(|index| self.captions[*index].as_str()).collect()
    }

    /// The meanings at these indices as a tensor `[indices]`.
    pub fn groups(&self, indices: &[usize], device: &Device) -> Tensor<1, Int> {
        let groups: Vec<i64> = indices.iter().map(|index| self.meanings[*index]).collect();
        Tensor::from_data(TensorData::new(groups, [indices.len()]), device)
    }

    /// The pairs at these indices.
    pub fn select(&self, indices: &[usize]) -> Captioned {
        Captioned {
            images: self.images.select(indices),
            captions: indices.iter().map(|index| self.captions[*index].clone()).collect(),
            meanings: indices.iter().map(|index| self.meanings[*index]).collect(),
        }
    }

    /// These pairs and then those of `other`, whose pictures have the same size.
    pub fn and(&self, other: &Captioned) -> Captioned {
        let images = [&self.images, &other.images];
        let pixels = images.iter().flat_map(|images| (0..images.len()).flat_map(|index| images.pixels(index)));
        let labels = images.iter().flat_map(|images| images.labels()).map(|label| label as u16);
        Captioned {
            images: Images::new(self.images.shape(), pixels.copied().collect(), labels.collect()),
            captions: [self.captions.clone(), other.captions.clone()].concat(),
            meanings: [self.meanings.clone(), other.meanings.clone()].concat(),
        }
    }
}

/// The words that a text encoder knows. A text becomes a bag of words: how often each of them occurs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// In alphabetical order.
    words: Vec<String>,
}

impl Vocabulary {
    /// All words of some texts.
    pub fn of(texts: &[String]) -> Self {
        let words: BTreeSet<String> = texts.iter().flat_map(|text| words(text)).collect();
        Self { words: words.into_iter().collect() }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// How often each word occurs in each text, shape `[texts, words]`. Unknown words are left out.
    pub fn bags(&self, texts: &[&str], device: &Device) -> Tensor<2> {
        let mut counts = vec![0.0_f32; texts.len() * self.len()];
        for (text, counts) in texts.iter().zip(counts.chunks_exact_mut(self.len())) {
            for word in words(text) {
                if let Ok(place) = self.words.binary_search(&word) {
                    counts[place] += 1.0;
                }
            }
        }
        Tensor::from_data(TensorData::new(counts, [texts.len(), self.len()]), device)
    }
}

/// The words of a text: runs of letters and digits, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::{super::images::Shape, *};

    #[test]
    fn a_text_is_a_bag_of_known_words() {
        let vocabulary = Vocabulary::of(&["A red disc".to_owned(), "two red, red boxes!".to_owned()]);
        assert_eq!(vocabulary.words, ["a", "boxes", "disc", "red", "two"]);
        let bags = vocabulary.bags(&["Red-red DISC", "green", ""], &Device::flex());
        assert_eq!(bags.dims(), [3, 5]);
        let expected = [[0.0, 0.0, 1.0, 2.0, 0.0], [0.0; 5], [0.0; 5]].concat();
        assert_eq!(bags.into_data().try_into_vec::<f32>().unwrap(), expected);
    }

    #[test]
    fn pairs_stay_together_when_joined() {
        let dot = Shape { channels: 1, height: 1, width: 1 };
        let pair = |pixel: u8, label: u16, caption: &str, meaning| Captioned {
            images: Images::new(dot, vec![pixel], vec![label]),
            captions: vec![caption.to_owned()],
            meanings: vec![meaning],
        };
        let both = pair(7, 1, "a", 10).and(&pair(9, 2, "b", 20));
        assert_eq!((both.len(), both.images.pixels(1)[0], both.images.labels()), (2, 9, vec![1, 2]));
        assert_eq!((both.texts(&[1, 0]), &both.meanings), (vec!["b", "a"], &vec![10, 20]));
    }
}
