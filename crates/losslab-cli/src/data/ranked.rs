//! Items of queries: features, relevance and lists, in the three parts of an experiment.

use super::mean_and_spread;
use crate::random;
use losslab::QueryLists;
use rand::seq::SliceRandom;

/// Items of queries, list by list.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Numbers of an item.
    pub columns: usize,
    /// All items, one after the other.
    pub features: Vec<f32>,
    /// One grade an item.
    pub relevance: Vec<f64>,
    /// Which items belong together.
    pub lists: QueryLists,
}

/// Three parts without a common query.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedSplit {
    /// For learning weights.
    pub train: Ranked,
    /// For choosing hyperparameters.
    pub valid: Ranked,
    /// For the numbers that are reported, and for nothing else.
    pub test: Ranked,
}

impl Ranked {
    /// The features of one item.
    pub fn item(&self, index: usize) -> &[f32] {
        &self.features[index * self.columns..(index + 1) * self.columns]
    }

    /// The lists of these numbers, in this order.
    pub fn select(&self, lists: &[usize]) -> Ranked {
        let ranges: Vec<_> = self.lists.ranges().collect();
        let lengths: Vec<usize> = lists.iter().map(|list| ranges[*list].len()).collect();
        let items = || lists.iter().flat_map(|list| ranges[*list].clone());
        Ranked {
            columns: self.columns,
            features: items().flat_map(|item| self.item(item)).copied().collect(),
            relevance: items().map(|item| self.relevance[item]).collect(),
            lists: QueryLists::try_from_lengths(&lengths).expect("lists that are there have items"),
        }
    }

    /// The number of lists with a relevant item: those that the NDCG is taken over.
    pub fn with_relevant(&self) -> usize {
        self.lists.ranges().filter(|items| self.relevance[items.clone()].iter().any(|grade| *grade > 0.0)).count()
    }

    /// A number that differs for different data.
    pub fn hash(&self) -> u64 {
        let features = self.features.iter().flat_map(|value| value.to_bits().to_le_bytes());
        let grades = self.relevance.iter().flat_map(|grade| grade.to_bits().to_le_bytes());
        let lengths = self.lists.lengths().iter().flat_map(|length| length.to_le_bytes());
        random::hash(&features.chain(grades).chain(lengths).collect::<Vec<u8>>())
    }

    fn widened(&mut self, columns: usize) {
        if columns > self.columns {
            let row = |row: &[f32]| [row, &vec![0.0; columns - self.columns]].concat();
            self.features = self.features.chunks_exact(self.columns).flat_map(row).collect();
            self.columns = columns;
        }
    }
}

impl RankedSplit {
    /// Parts from one file each. The last features may be absent from one of them, where they are 0.
    pub fn of_parts(mut train: Ranked, mut valid: Ranked, mut test: Ranked) -> Self {
        let columns = train.columns.max(valid.columns).max(test.columns);
        [&mut train, &mut valid, &mut test].into_iter().for_each(|part| part.widened(columns));
        Self { train, valid, test }
    }

    /// The queries of one file at random: three of five for training, one each for validation and testing.
    pub fn at_random(all: &Ranked, seed: u64) -> Self {
        let mut lists: Vec<usize> = (0..all.lists.len()).collect();
        lists.shuffle(&mut random::stream(seed, "queries of the parts"));
        let part = lists.len() / 5;
        let (valid, rest) = lists.split_at(part);
        let (test, train) = rest.split_at(part);
        Self { train: all.select(train), valid: all.select(valid), test: all.select(test) }
    }

    /// Subtracts the mean of each feature and divides by its standard deviation, of the training part, in all parts.
    pub fn standardised(mut self) -> Self {
        let columns = self.train.columns;
        let statistics: Vec<(f64, f64)> =
            (0..columns).map(|column| mean_and_spread(&self.train.features, columns, column..column + 1)).collect();
        for part in [&mut self.train, &mut self.valid, &mut self.test] {
            for item in part.features.chunks_exact_mut(columns) {
                for (value, (mean, spread)) in item.iter_mut().zip(&statistics) {
                    *value = ((f64::from(*value) - mean) / spread) as f32;
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(lengths: &[usize]) -> Ranked {
        let items = lengths.iter().sum::<usize>();
        Ranked {
            columns: 2,
            features: (0..2 * items).map(|value| value as f32).collect(),
            relevance: (0..items).map(|item| (item % 3) as f64).collect(),
            lists: QueryLists::try_from_lengths(lengths).unwrap(),
        }
    }

    #[test]
    fn lists_are_selected_with_their_items() {
        let selected = ranked(&[1, 3, 2]).select(&[2, 0]);
        assert_eq!(selected.features, [8.0, 9.0, 10.0, 11.0, 0.0, 1.0]);
        assert_eq!(
            (selected.relevance.as_slice(), selected.lists.lengths()),
            ([1.0, 2.0, 0.0].as_slice(), [2, 1].as_slice())
        );
        assert_eq!(ranked(&[1, 3, 2]).with_relevant(), 2);
    }

    #[test]
    fn parts_share_no_query_and_have_the_training_statistics() {
        let all = ranked(&[2; 20]);
        let split = RankedSplit::at_random(&all, 3);
        assert_eq!([&split.train, &split.valid, &split.test].map(|part| part.lists.len()), [12, 4, 4]);
        let mut seen: Vec<f32> =
            [&split.train, &split.valid, &split.test].into_iter().flat_map(|part| part.features.clone()).collect();
        seen.sort_by(f32::total_cmp);
        assert_eq!(seen, all.features);
        assert_eq!(split, RankedSplit::at_random(&all, 3));
        let standardised = split.standardised();
        let mean: f32 = standardised.train.features.iter().step_by(2).sum::<f32>() / 24.0;
        assert!(mean.abs() < 1e-6);
    }

    #[test]
    fn features_that_a_part_lacks_are_0() {
        let narrow = Ranked { columns: 1, features: vec![5.0, 6.0], ..ranked(&[2]) };
        let split = RankedSplit::of_parts(narrow, ranked(&[1]), ranked(&[1]));
        assert_eq!((split.train.columns, split.train.features.as_slice()), (2, [5.0, 0.0, 6.0, 0.0].as_slice()));
    }
}
