//! Hyperparameters by name: `--set key=value[,value...]` on any struct that serde can read and write.

use anyhow::{Context, Result, bail, ensure};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};

/// One hyperparameter: its name in the struct, its range, and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// The field's name.
    pub name: &'static str,
    /// Smallest and largest value, for numbers and for each number of a list.
    pub range: Option<(f64, f64)>,
    /// What it does, in a line.
    pub help: &'static str,
}

impl Knob {
    /// A number, or a list of numbers, in a range.
    pub const fn number(name: &'static str, low: f64, high: f64, help: &'static str) -> Self {
        Self { name, range: Some((low, high)), help }
    }

    /// A word, or a list of words.
    pub const fn word(name: &'static str, help: &'static str) -> Self {
        Self { name, range: None, help }
    }
}

/// `settings` with the assignments applied in their order, each checked against its knob.
pub fn with<S: Serialize + DeserializeOwned>(settings: &S, knobs: &[Knob], assignments: &[String]) -> Result<S> {
    let Value::Object(mut fields) = serde_json::to_value(settings)? else { bail!("settings are not a struct") };
    for assignment in assignments {
        set(&mut fields, knobs, assignment).with_context(|| format!("--set {assignment}"))?;
    }
    serde_json::from_value(Value::Object(fields)).context("--set")
}

fn set(fields: &mut Map<String, Value>, knobs: &[Knob], assignment: &str) -> Result<()> {
    let (name, text) = assignment.split_once('=').context("expected key=value")?;
    let Some(knob) = knobs.iter().find(|knob| knob.name == name) else {
        let names: Vec<&str> = knobs.iter().map(|knob| knob.name).collect();
        bail!("unknown key {name:?}, the keys are: {}", names.join(", "));
    };
    let field = fields.get_mut(name).with_context(|| format!("{name} is no field of the settings"))?;
    let read = |text: &str, like: Option<&Value>| value(text.trim(), like, knob.range);
    *field = match &*field {
        Value::Array(values) => {
            let items = text.split(',').map(|item| read(item, values.first())).collect::<Result<Vec<_>>>()?;
            let twice = (1..items.len()).find(|index| items[..*index].contains(&items[*index]));
            ensure!(twice.is_none(), "a value is listed twice");
            Value::Array(items)
        }
        _ if text.contains(',') => bail!("{name} takes one value"),
        single => read(text, Some(single))?,
    };
    Ok(())
}

/// Reads a value of the same kind as `like`: an integer, another number, or a word.
fn value(text: &str, like: Option<&Value>, range: Option<(f64, f64)>) -> Result<Value> {
    let Some(Value::Number(example)) = like else { return Ok(Value::String(text.to_owned())) };
    let (low, high) = range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let is_whole = !example.is_f64();
    let kind = if is_whole { "a whole number" } else { "a number" };
    let number = if is_whole {
        text.parse::<u64>().ok().map(Number::from)
    } else {
        text.parse::<f64>().ok().and_then(Number::from_f64)
    };
    let number = number.with_context(|| format!("expected {kind} from {low} to {high}, found {text:?}"))?;
    let in_range = number.as_f64().is_some_and(|number| (low..=high).contains(&number));
    ensure!(in_range, "{text} is out of range, allowed is {kind} from {low} to {high}");
    Ok(Value::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        Red,
        Blue,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Settings {
        gamma: Vec<f64>,
        epochs: usize,
        colour: Colour,
    }

    const KNOBS: [Knob; 3] = [
        Knob { name: "gamma", range: Some((0.0, 5.0)), help: "" },
        Knob { name: "epochs", range: Some((1.0, 100.0)), help: "" },
        Knob { name: "colour", range: None, help: "" },
    ];

    fn set(assignments: &[&str]) -> Result<Settings> {
        let settings = Settings { gamma: vec![2.0], epochs: 3, colour: Colour::Red };
        with(&settings, &KNOBS, &assignments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn error(assignment: &str) -> String {
        format!("{:#}", set(&[assignment]).unwrap_err())
    }

    #[test]
    fn lists_numbers_and_words_are_set() {
        let settings = set(&["gamma=0, 0.5,5", "epochs=7", "colour=blue", "epochs=8"]).unwrap();
        assert_eq!(settings, Settings { gamma: vec![0.0, 0.5, 5.0], epochs: 8, colour: Colour::Blue });
    }

    #[test]
    fn errors_name_the_key_and_what_is_allowed() {
        assert_eq!(error("gama=1"), "--set gama=1: unknown key \"gama\", the keys are: gamma, epochs, colour");
        assert_eq!(error("gamma"), "--set gamma: expected key=value");
        assert_eq!(error("gamma=1,6"), "--set gamma=1,6: 6 is out of range, allowed is a number from 0 to 5");
        assert_eq!(error("gamma=1,2,1.0"), "--set gamma=1,2,1.0: a value is listed twice");
        assert_eq!(error("gamma="), "--set gamma=: expected a number from 0 to 5, found \"\"");
        assert_eq!(error("gamma=nan"), "--set gamma=nan: expected a number from 0 to 5, found \"nan\"");
        assert_eq!(error("epochs=1.5"), "--set epochs=1.5: expected a whole number from 1 to 100, found \"1.5\"");
        assert_eq!(error("epochs=0"), "--set epochs=0: 0 is out of range, allowed is a whole number from 1 to 100");
        assert_eq!(error("epochs=1,2"), "--set epochs=1,2: epochs takes one value");
        assert!(error("colour=green").contains("expected `red` or `blue`"), "{}", error("colour=green"));
    }
}
