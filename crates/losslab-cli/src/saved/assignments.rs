//! `--set key=value` for losses and metrics.

use super::Parameter;
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The parameters that were set, by name.
#[derive(Debug)]
pub struct Assignments {
    given: BTreeMap<String, String>,
    of: &'static str,
    ranges: BTreeMap<&'static str, &'static str>,
}

impl Assignments {
    /// Reads `key=value` for a loss or a metric, named `of`; a later one replaces an earlier one.
    pub fn parse(of: &'static str, parameters: &[Parameter], set: &[String]) -> Result<Self> {
        let ranges: BTreeMap<_, _> = parameters.iter().map(|known| (known.name, known.range)).collect();
        let mut given = BTreeMap::new();
        for assignment in set {
            let Some((name, value)) = assignment.split_once('=') else {
                bail!("--set {assignment}: expected key=value");
            };
            if !ranges.contains_key(name) {
                let names = parameters.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
                let keys =
                    if names.is_empty() { "it has no keys".to_owned() } else { format!("its keys are: {names}") };
                bail!("--set {assignment}: {of} has no {name:?}, {keys}");
            }
            given.insert(name.to_owned(), value.trim().to_owned());
        }
        Ok(Self { given, of, ranges })
    }

    /// A number; the library checks its range.
    pub fn number(&self, name: &str, default: f64) -> Result<f64> {
        self.read(name, default, |text| text.parse().ok())
    }

    /// A number, or nothing for `none`.
    pub fn number_or_none(&self, name: &str, default: Option<f64>) -> Result<Option<f64>> {
        self.read(name, default, |text| if text == "none" { Some(None) } else { text.parse().ok().map(Some) })
    }

    /// An integer, or nothing for `none`.
    pub fn integer_or_none(&self, name: &str) -> Result<Option<i64>> {
        self.read(name, None, |text| if text == "none" { Some(None) } else { text.parse().ok().map(Some) })
    }

    /// A whole number from 0 on.
    pub fn count(&self, name: &str, default: usize) -> Result<usize> {
        self.read(name, default, |text| text.parse().ok())
    }

    /// A whole number from 0 on, or nothing for `none`.
    pub fn count_or_none(&self, name: &str) -> Result<Option<usize>> {
        self.read(name, None, |text| if text == "none" { Some(None) } else { text.parse().ok().map(Some) })
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        self.read(name, default, |text| text.parse().ok())
    }

    /// Numbers with commas between them, in brackets or not; nothing for `none`.
    pub fn list_or_none(&self, name: &str) -> Result<Option<Vec<f64>>> {
        self.read(name, None, |text| {
            if text == "none" {
                return Some(None);
            }
            items(text).map(|item| item.parse().ok()).collect::<Option<Vec<f64>>>().map(Some)
        })
    }

    /// One of the names of an enum, by default its default.
    pub fn choice<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        self.choice_or(name, T::default())
    }

    /// One of the names of an enum.
    pub fn choice_or<T: DeserializeOwned>(&self, name: &str, default: T) -> Result<T> {
        self.read(name, default, |text| serde_json::from_value(text.into()).ok())
    }

    /// Names of an enum with commas between them, in brackets or not; `none` for no name.
    pub fn choices<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>> {
        self.read(name, Vec::new(), |text| {
            let items = items(text).filter(|&item| item != "none");
            items.map(|item| serde_json::from_value(item.into()).ok()).collect()
        })
    }

    fn read<T>(&self, name: &str, default: T, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let Some(text) = self.given.get(name) else { return Ok(default) };
        let range = self.ranges.get(name).copied().unwrap_or_default();
        parse(text).with_context(|| format!("--set {name}={text}: {} takes {range}", self.of))
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches('[').trim_end_matches(']').split(',').map(str::trim).filter(|item| !item.is_empty())
}
