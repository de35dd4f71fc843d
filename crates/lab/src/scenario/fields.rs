//! Reads one JSON object field by field and remembers everything that is wrong with it.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::units::parse_duration;

/// Something wrong in a Scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Its path from the object's root, as `spec.load[0].stages[1].duration`.
    pub field: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl std::fmt::Display for FieldProblem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: found {}, expected {}", self.field, self.found, self.expected)
    }
}

/// All problems found so far.
pub(super) type Problems = RefCell<Vec<FieldProblem>>;

/// One object being read.
pub(super) struct Fields<'a> {
    pub(super) path: String,
    map: Option<&'a Map<String, Value>>,
    asked: RefCell<Vec<&'static str>>,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: impl Into<String>, value: &'a Value, problems: &'a Problems) -> Self {
        let fields = Fields { path: path.into(), map: value.as_object(), asked: RefCell::default(), problems };
        if fields.map.is_none() {
            problems.borrow_mut().push(FieldProblem {
                field: fields.path.clone(),
                found: describe(value),
                expected: "an object".to_owned(),
            });
        }
        fields
    }

    /// Reports `name` as wrong.
    pub(super) fn problem(&self, name: &str, found: impl Into<String>, expected: impl Into<String>) {
        let field = if name.is_empty() { self.path.clone() } else { format!("{}.{name}", self.path) };
        self.problems.borrow_mut().push(FieldProblem { field, found: found.into(), expected: expected.into() });
    }

    /// The field as it stands; null counts as missing.
    pub(super) fn value(&self, name: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(name);
        self.map?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, name: &'static str) -> bool {
        self.value(name).is_some()
    }

    /// Reads a field with `parse`; `None` when it is missing or wrong, which is reported.
    fn read<T>(&self, name: &'static str, expected: &str, parse: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.problem(name, describe(value), expected);
        }
        parsed
    }

    /// Reports `name` as missing unless it was given, right or wrong.
    pub(super) fn required<T>(&self, name: &'static str, expected: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && self.map.is_some() && !self.has(name) {
            self.problem(name, "nothing", expected);
        }
        value
    }

    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        self.read(name, "a text that is not empty", text)
    }

    pub(super) fn count(&self, name: &'static str, least: u64, most: u64) -> Option<u64> {
        let expected = if most == u64::MAX {
            format!("a whole number from {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        self.read(name, &expected, |value| value.as_u64().filter(|count| (least..=most).contains(count)))
    }

    pub(super) fn count32(&self, name: &'static str, least: u32, most: u32) -> Option<u32> {
        self.count(name, least.into(), most.into()).and_then(|count| u32::try_from(count).ok())
    }

    pub(super) fn number(&self, name: &'static str, least: f64, most: f64) -> Option<f64> {
        let expected = if most == f64::INFINITY {
            format!("a number from {least}")
        } else {
            format!("a number from {least} to {most}")
        };
        let within = |value: &Value| value.as_f64().filter(|number| (least..=most).contains(number));
        self.read(name, &expected, within)
    }

    pub(super) fn span(&self, name: &'static str) -> Option<Duration> {
        let parse = |value: &Value| value.as_str().and_then(|text| parse_duration(text).ok());
        self.read(name, "a duration such as 30s, 1m30s or 500ms", parse)
    }

    /// One of `words`; a wrong one is reported with the nearest.
    pub(super) fn word(&self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let value = self.value(name)?;
        let word = words.iter().find(|word| value.as_str() == Some(word));
        if word.is_none() {
            let nearest = value.as_str().and_then(|found| nearest(found, words));
            self.problem(name, describe(value), expected_one_of(words, nearest));
        }
        word.copied()
    }

    /// Each element of a list with its path.
    pub(super) fn list(&self, name: &'static str) -> Vec<(String, &'a Value)> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let path = |at| format!("{}.{name}[{at}]", self.path);
                items.iter().enumerate().map(|(at, item)| (path(at), item)).collect()
            }
            Some(other) => {
                self.problem(name, describe(other), "a list");
                Vec::new()
            }
        }
    }

    /// An object inside this one.
    pub(super) fn object(&self, name: &'static str) -> Option<Fields<'a>> {
        let value = self.value(name)?;
        Some(Fields::new(format!("{}.{name}", self.path), value, self.problems))
    }

    /// An element of a list of this one, by the path that [`list`](Self::list) gave.
    pub(super) fn inside(&self, path: &str, value: &'a Value) -> Fields<'a> {
        Fields::new(path, value, self.problems)
    }

    /// Reports every field that nobody asked for, with the nearest known one.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for name in self.map.into_iter().flat_map(Map::keys).filter(|name| !asked.contains(&name.as_str())) {
            let mut known = asked.clone();
            known.sort_unstable();
            known.dedup();
            let nearest = nearest(name, &known);
            self.problem(name, "an unknown field", expected_one_of(&known, nearest));
        }
    }
}

fn expected_one_of(words: &[&str], nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("one of {} (nearest: {nearest})", words.join(", ")),
        None => format!("one of {}", words.join(", ")),
    }
}

fn nearest<'a>(found: &str, words: &[&'a str]) -> Option<&'a str> {
    let scored = words.iter().map(|word| (strsim::jaro_winkler(&found.to_lowercase(), &word.to_lowercase()), *word));
    scored.filter(|(score, _)| *score > 0.75).max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, word)| word)
}

/// A value in a message: short, and never a wall of text.
pub(super) fn describe(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => return "an object".to_owned(),
        Value::Array(_) => return "a list".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain("...".chars()).collect() }
}
