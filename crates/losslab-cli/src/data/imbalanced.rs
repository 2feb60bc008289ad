//! Splits in which one class is rare: a digit against the rest, and tables that are split by class.

use super::{
    Split, Table,
    images::{ImageSet, Images},
};
use crate::random::{self, Random};
use anyhow::{Result, ensure};
use rand::seq::SliceRandom;
use std::collections::HashMap;

/// Rare examples that each part keeps at least: with fewer, one example moves recall by more than 5 points.
pub const MIN_RARE: usize = 20;

/// Whether `digit` occurs often enough in every part, for every seed.
pub fn check_digit(digits: &ImageSet, digit: u8, limit: usize, seeds: &[u64]) -> Result<()> {
    for seed in seeds {
        let (train, valid) = train_and_valid(digits, limit, *seed);
        for (part, images) in [("training", &train), ("validation", &valid), ("test", &digits.test)] {
            let [common, rare] = by_class(images, digit).map(|places| places.len());
            ensure!(
                rare >= MIN_RARE && common >= MIN_RARE,
                "{}: {rare} of {} images for {part} show the digit {digit}, at least {MIN_RARE} of it and of others are \
                 needed",
                digits.origin,
                rare + common
            );
        }
    }
    Ok(())
}

/// One digit (label 1) against all others (label 0), with the digit made rare: `share` of each part, by leaving out
/// images of it at random. Training uses at most `limit` images of the set before that.
pub fn digit_against_rest(digits: &ImageSet, digit: u8, share: f64, limit: usize, seed: u64) -> Split {
    let (train, valid) = train_and_valid(digits, limit, seed);
    let part = |images: &Images, name: &str| {
        let [common, rare] = by_class(images, digit);
        let places = thinned(rare, common, share, &mut random::stream(seed, name));
        let pixels = places.iter().flat_map(|place| images.pixels(*place));
        Table {
            columns: images.shape().bytes(),
            features: pixels.map(|pixel| f32::from(*pixel) / 255.0).collect(),
            labels: places.iter().map(|place| images.label(*place) == usize::from(digit)).collect(),
        }
    };
    Split { train: part(&train, "training"), valid: part(&valid, "validation"), test: part(&digits.test, "test") }
}

/// At most `limit` images for training, and those for validation: the set's own, or else a third as many from its part
/// for training. Nothing here balances the classes: one of them is made rare anyway.
fn train_and_valid(set: &ImageSet, limit: usize, seed: u64) -> (Images, Images) {
    let mut order: Vec<usize> = (0..set.train.len()).collect();
    if let Some(valid) = &set.valid {
        order.truncate(limit);
        return (set.train.select(&order), valid.clone());
    }
    order.shuffle(&mut random::stream(seed, "validation carved from training"));
    let rest = order.split_off(limit.min(order.len() * 5 / 6));
    (set.train.select(&order), set.train.select(&rest[..rest.len().min(limit.div_ceil(3))]))
}

/// The places of all other digits, and those of `digit`.
fn by_class(images: &Images, digit: u8) -> [Vec<usize>; 2] {
    let (rare, common): (Vec<usize>, Vec<usize>) =
        (0..images.len()).partition(|place| images.label(*place) == usize::from(digit));
    [common, rare]
}

/// Rare and common places mixed so that `share` of them are rare. Rare ones are left out for that; common ones only
/// where there are too few rare ones.
fn thinned(mut rare: Vec<usize>, mut common: Vec<usize>, share: f64, random: &mut Random) -> Vec<usize> {
    rare.shuffle(random);
    common.shuffle(random);
    let odds = share / (1.0 - share);
    let wanted = ((common.len() as f64 * odds).round() as usize).max(MIN_RARE);
    if wanted > rare.len() {
        common.truncate((rare.len() as f64 / odds).round() as usize);
    }
    rare.truncate(wanted);
    rare.append(&mut common);
    rare.shuffle(random);
    rare
}

/// A larger share of rows with the very same features is a value that many rows have, not a row that was copied.
const COMMON_VALUE: f64 = 0.01;

/// Splits a table 60 / 20 / 20 within each class. Rows that repeat the same features stay on one side, or the test
/// part would hold rows that training has seen; a value that many rows share ([`COMMON_VALUE`]) is split like any.
pub fn stratified(table: &Table, seed: u64) -> Split {
    let most = (COMMON_VALUE * table.rows() as f64).ceil() as usize;
    let (copies, shared): (Vec<_>, Vec<_>) = repeats(table).into_iter().partition(|group| group.len() <= most);
    let alone = shared.into_iter().flatten().map(|row| vec![row]);
    let rare = |group: &[usize]| group.iter().filter(|row| table.labels[**row]).count();
    let (with_rare, without): (Vec<_>, Vec<_>) = copies.into_iter().chain(alone).partition(|group| rare(group) > 0);

    let mut random = random::stream(seed, "stratified split");
    let mut parts: [Vec<usize>; 3] = Default::default();
    for mut stratum in [with_rare, without] {
        stratum.shuffle(&mut random);
        // What has rare rows is shared out by their number, the rest by the number of rows.
        let weight = |group: &[usize]| if rare(group) > 0 { rare(group) } else { group.len() } as f64;
        let total: f64 = stratum.iter().map(|group| weight(group)).sum();
        let mut seen = 0.0;
        for group in stratum {
            // The place of the group's middle decides, which rounds groups and small strata fairly.
            let middle = (seen + weight(&group) / 2.0) / total;
            seen += weight(&group);
            let part = if middle < 0.6 { 0 } else { 1 + usize::from(middle >= 0.8) };
            parts[part].extend(group);
        }
    }
    let [train, valid, test] = parts.map(|mut rows| {
        rows.shuffle(&mut random);
        table.select(&rows)
    });
    Split { train, valid, test }
}

/// Rows whose features an earlier row has already.
pub fn repeated_rows(table: &Table) -> usize {
    table.rows() - repeats(table).len()
}

/// The rows in groups of equal features, in the order of their first row.
fn repeats(table: &Table) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: HashMap<Vec<u32>, usize> = HashMap::new();
    for row in 0..table.rows() {
        // Adding 0 makes −0 equal to 0.
        let features = table.row(row).iter().map(|value| (value + 0.0).to_bits()).collect();
        let group = *group_of.entry(features).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(row);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::{super::digits::Digits, *};
    use std::collections::HashSet;

    fn rows(table: &Table) -> HashSet<Vec<u32>> {
        (0..table.rows()).map(|row| table.row(row).iter().map(|value| value.to_bits()).collect()).collect()
    }

    fn disjoint(split: &Split) -> bool {
        let (train, valid, test) = (rows(&split.train), rows(&split.valid), rows(&split.test));
        train.is_disjoint(&valid) && train.is_disjoint(&test) && valid.is_disjoint(&test)
    }

    #[test]
    fn a_digit_is_as_rare_as_asked_in_every_part() {
        let digits = Digits::carried().unwrap();
        let split = digit_against_rest(&digits, 3, 0.03, usize::MAX, 1);
        for part in [&split.train, &split.valid, &split.test] {
            assert!((part.rare_share() - 0.03).abs() < 0.002, "{}", part.rare_share());
        }
        assert!(disjoint(&split));
        assert_eq!(split, digit_against_rest(&digits, 3, 0.03, usize::MAX, 1));
        assert_ne!(split.test, digit_against_rest(&digits, 3, 0.03, usize::MAX, 2).test);
    }

    #[test]
    fn a_digit_that_hardly_occurs_is_an_error() {
        let mut digits = Digits::carried().unwrap();
        assert!(check_digit(&digits, 3, usize::MAX, &[1, 2]).is_ok());
        let [common, rare] = by_class(&digits.test, 3);
        digits.test = digits.test.select(&[common.as_slice(), &rare[..5]].concat());
        let message = check_digit(&digits, 3, usize::MAX, &[1]).unwrap_err().to_string();
        assert!(message.contains("5 of 905 images for test show the digit 3"), "{message}");
    }

    #[test]
    fn a_very_rare_digit_keeps_enough_examples_to_measure() {
        let split = digit_against_rest(&Digits::carried().unwrap(), 3, 0.001, usize::MAX, 1);
        assert_eq!([&split.train, &split.valid, &split.test].map(Table::rare), [MIN_RARE; 3]);
    }

    #[test]
    fn common_rows_are_left_out_where_rare_ones_are_too_few() {
        let places = thinned((0..30).collect(), (30..130).collect(), 0.5, &mut random::stream(1, "test"));
        assert_eq!((places.iter().filter(|place| **place < 30).count(), places.len()), (30, 60));
    }

    #[test]
    fn a_table_is_split_by_class_and_repeats_stay_together() {
        let labels: Vec<bool> = (0..500).map(|row| row % 10 == 0).collect();
        // Rows 100 k + r repeat for all k: each feature value occurs five times.
        let features: Vec<f32> = (0..500).map(|row| (row % 100) as f32).collect();
        let table = Table { columns: 1, features, labels };
        assert_eq!(repeated_rows(&table), 400);
        let split = stratified(&table, 3);
        assert_eq!([&split.train, &split.valid, &split.test].map(Table::rows), [300, 100, 100]);
        assert_eq!([&split.train, &split.valid, &split.test].map(Table::rare), [30, 10, 10]);
        assert!(disjoint(&split));
        assert_eq!(split, stratified(&table, 3));
        assert_ne!(split, stratified(&table, 4));
    }

    #[test]
    fn a_value_that_many_rows_share_is_split() {
        // Half of the rows are the same, and some of those are rare.
        let labels: Vec<bool> = (0..1000).map(|row| row % 25 == 0).collect();
        let features: Vec<f32> = (0..1000).map(|row| if row % 2 == 0 { 0.0 } else { row as f32 }).collect();
        let split = stratified(&Table { columns: 1, features, labels }, 1);
        for part in [&split.train, &split.valid, &split.test] {
            let shared = part.features.iter().filter(|value| **value == 0.0).count() as f64 / part.rows() as f64;
            assert!((shared - 0.5).abs() < 0.1 && (part.rare_share() - 0.04).abs() < 0.005, "{shared}");
        }
    }

    #[test]
    fn ten_rows_of_a_class_reach_every_part() {
        let labels: Vec<bool> = (0..50).map(|row| row < 10).collect();
        let table = Table { columns: 1, features: (0..50).map(|row| row as f32).collect(), labels };
        for seed in 0..20 {
            let split = stratified(&table, seed);
            assert_eq!([&split.train, &split.valid, &split.test].map(Table::rare), [6, 2, 2]);
        }
    }
}
