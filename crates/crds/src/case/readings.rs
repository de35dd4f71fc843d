//! `readings`: a number, `{value, parallelism}` or `{error}` for each trigger.

use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};

use crate::nearest::suggestion;
use crate::node::{Node, NodeKind, Scalar};
use crate::object::Source;
use crate::path;
use crate::problem::Problem;
use crate::scaled_object::ScaledObject;

const KNOWN: [&str; 5] = ["value", "parallelism", "activationValue", "at", "error"];

type Outcome = Result<Reading, ReadError>;

/// All readings of a case, by the names that it uses.
pub(super) fn read(
    root: &Node,
    now: Timestamp,
    source: &Source,
    problems: &mut Vec<Problem>,
) -> Vec<(String, Outcome)> {
    let entries = root.get("readings").map(Node::entries).unwrap_or_default();
    let mut readings = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        let field = path::join("readings", &key.text);
        let mut reader = Reader { source, problems, now };
        if let Some(outcome) = reader.outcome(node, &field) {
            readings.push((key.text.clone(), outcome));
        }
    }
    readings
}

/// The place of the trigger that a case calls `name`: by its own name, or `s` and its place.
pub(super) fn index(
    object: &ScaledObject,
    name: &str,
    base: &str,
    source: &Source,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    let triggers = &object.spec.triggers;
    let named = triggers.iter().position(|trigger| trigger.name.as_deref() == Some(name));
    let placed = || name.strip_prefix('s')?.parse().ok().filter(|index: &usize| *index < triggers.len());
    let found = named.or_else(placed);
    if found.is_none() {
        let names = triggers.iter().filter_map(|trigger| trigger.name.clone());
        let known: Vec<String> = names.chain((0..triggers.len()).map(|index| format!("s{index}"))).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("no trigger is called {name:?}; known are {}", known.join(", "));
        problems.push(source.error(&path::join(base, name), message));
    }
    found
}

struct Reader<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
    now: Timestamp,
}

impl Reader<'_> {
    fn outcome(&mut self, node: &Node, field: &str) -> Option<Outcome> {
        match &node.kind {
            NodeKind::Scalar { .. } => Some(Ok(Reading::of(self.amount(node, field)?, self.now))),
            NodeKind::Sequence(_) => {
                self.problems.push(self.source.mismatch(field, "a list", "a number, {value: ...} or {error: ...}"));
                None
            }
            NodeKind::Mapping(entries) => {
                for (key, _) in entries.iter().filter(|(key, _)| !KNOWN.contains(&key.text.as_str())) {
                    let message = format!("unknown field; {}", suggestion(&key.text, &KNOWN));
                    self.problems.push(self.source.error(&path::join(field, &key.text), message));
                }
                match (node.get("value"), node.get("error")) {
                    (None, Some(error)) => self.error(error, field),
                    (Some(value), None) => self.reading(node, value, field).map(Ok),
                    (given, _) => {
                        let found = if given.is_some() { "both" } else { "neither" };
                        self.problems.push(self.source.mismatch(field, found, "either value or error"));
                        None
                    }
                }
            }
        }
    }

    fn error(&mut self, node: &Node, field: &str) -> Option<Outcome> {
        match &node.kind {
            NodeKind::Scalar { text, .. } if !text.is_empty() => {
                Some(Err(ReadError::new(ReadErrorKind::Unreachable, text.as_str())))
            }
            _ => {
                self.problems.push(self.source.mismatch(&path::join(field, "error"), node.describe(), "text"));
                None
            }
        }
    }

    fn reading(&mut self, node: &Node, value: &Node, field: &str) -> Option<Reading> {
        let mut reading = Reading::of(self.amount(value, &path::join(field, "value"))?, self.now);
        if let Some(given) = node.get("activationValue") {
            reading.activation_value = Some(self.amount(given, &path::join(field, "activationValue"))?);
        }
        if let Some(given) = node.get("parallelism") {
            let json = given.to_json();
            let count = json.as_u64().and_then(|count| u32::try_from(count).ok());
            if count.is_none() {
                let field = path::join(field, "parallelism");
                let expected = "a whole number of at least 0";
                self.problems.push(self.source.mismatch(&field, given.describe(), expected));
            }
            reading.parallelism = Some(count?);
        }
        if let Some(given) = node.get("at") {
            let at = given.as_str().and_then(|text| text.parse().ok());
            if at.is_none() {
                let field = path::join(field, "at");
                self.problems.push(self.source.mismatch(
                    &field,
                    given.describe(),
                    "a time such as 2026-01-01T00:00:00Z",
                ));
            }
            reading.at = at?;
        }
        Some(reading)
    }

    fn amount(&mut self, node: &Node, field: &str) -> Option<f64> {
        let amount = match &node.kind {
            NodeKind::Scalar { scalar: Scalar::Number(number), .. } => number.as_f64(),
            _ => None,
        };
        let amount = amount.filter(|amount| amount.is_finite() && *amount >= 0.0);
        if amount.is_none() {
            let expected = "a number of at least 0; for a failure write {error: \"why\"}";
            self.problems.push(self.source.mismatch(field, node.describe(), expected));
        }
        amount
    }
}
