//! Conditions on the elements of a list: `state=="new"`, `size>10`, `name%"a*"`, `done`, and `>10` on bare elements.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Pattern, Step, steps, walk};

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    /// Empty: the element itself.
    path: Vec<Step>,
    /// `None`: it is enough that the path exists.
    test: Option<(Operator, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    Unequal,
    Below,
    AtMost,
    Above,
    AtLeast,
    Like,
    Unlike,
}

/// Longer ones first.
const OPERATORS: [(&str, Operator); 9] = [
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("!%", Operator::Unlike),
    ("=", Operator::Equal),
    ("<", Operator::Below),
    (">", Operator::Above),
    ("%", Operator::Like),
];

impl Query {
    /// Understands what stands between the brackets.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn parse(text: &str, depth: usize) -> Result<Self, String> {
        let found = operator(text);
        let (path, test) = match found {
            None => (text.trim(), None),
            Some((place, sign, operator)) => {
                let (path, rest) = text.split_at(place);
                (path.trim(), Some((operator, literal(rest.get(sign.len()..).unwrap_or_default())?)))
            }
        };
        if path.is_empty() && test.is_none() {
            return Err("a condition between the brackets of #(...)".to_owned());
        }
        let path = if path.is_empty() { Vec::new() } else { steps(path, depth + 1)? };
        Ok(Query { path, test })
    }

    /// Whether an element fits.
    pub(super) fn fits(&self, element: &Value, lists_of_one: bool) -> bool {
        let Some(found) = walk(std::borrow::Cow::Borrowed(element), &self.path, lists_of_one) else { return false };
        let Some((operator, wanted)) = &self.test else { return true };
        let order = order(&found, wanted);
        match operator {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::Unequal => order != Some(Ordering::Equal),
            Operator::Below => order == Some(Ordering::Less),
            Operator::AtMost => order.is_some_and(Ordering::is_le),
            Operator::Above => order == Some(Ordering::Greater),
            Operator::AtLeast => order.is_some_and(Ordering::is_ge),
            Operator::Like => like(&found, wanted),
            Operator::Unlike => !like(&found, wanted),
        }
    }
}

/// The first comparison outside of brackets and quotes.
fn operator(text: &str) -> Option<(usize, &'static str, Operator)> {
    let (mut open, mut quoted, mut escaped) = (0_u32, false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => open += 1,
            ')' | ']' if !quoted => open = open.saturating_sub(1),
            _ if quoted || open > 0 => {}
            _ => {
                let rest = text.get(place..).unwrap_or_default();
                if let Some((sign, operator)) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
                    return Some((place, sign, *operator));
                }
            }
        }
    }
    None
}

/// What is compared with: JSON, or a bare word.
fn literal(text: &str) -> Result<Value, String> {
    let text = text.trim();
    if text.starts_with('~') {
        return Err("a comparison without ~".to_owned());
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return match value {
            Value::Array(_) | Value::Object(_) => Err("a text, a number, true or false to compare with".to_owned()),
            value => Ok(value),
        };
    }
    if text.contains('"') {
        return Err("a text in quotes to compare with, as \"new\"".to_owned());
    }
    Ok(Value::from(text))
}

/// How two values of the same kind are ordered.
fn order(found: &Value, wanted: &Value) -> Option<Ordering> {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => found.as_f64()?.partial_cmp(&wanted.as_f64()?),
        (Value::String(found), Value::String(wanted)) => Some(found.cmp(wanted)),
        // Values of XML are texts, whatever they look like.
        (Value::String(found), Value::Number(wanted)) => found.parse::<f64>().ok()?.partial_cmp(&wanted.as_f64()?),
        (Value::Bool(found), Value::Bool(wanted)) => Some(found.cmp(wanted)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

fn like(found: &Value, wanted: &Value) -> bool {
    let (Value::String(found), Value::String(wanted)) = (found, wanted) else { return false };
    Pattern::parse(wanted).matches(found)
}
