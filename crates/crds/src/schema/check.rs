//! The walk over a value and its schema side by side.

use std::sync::LazyLock;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

use crate::nearest::{nearest, suggestion};
use crate::node::{Node, NodeKind, Scalar};
use crate::object::Source;
use crate::path;
use crate::problem::{Problem, Severity};

/// How strictly a kind is taken.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rules {
    /// Values are never shown, as they may be secrets.
    pub(crate) secret: bool,
    /// An unquoted number or boolean where text belongs is taken with a warning in the maps of `spec.triggers[].metadata`.
    pub(crate) lenient_trigger_metadata: bool,
    /// An unknown field that exists elsewhere in the schema is told its place.
    pub(crate) suggest_places: bool,
    /// An unknown field is only warned about.
    pub(crate) unknown_is_warning: bool,
}

/// Checks one object.
pub(crate) struct Checker<'a> {
    pub(crate) root: &'a Value,
    pub(crate) source: &'a Source,
    pub(crate) rules: Rules,
    pub(crate) problems: Vec<Problem>,
}

const ALWAYS_KNOWN: [&str; 3] = ["apiVersion", "kind", "status"];

impl<'a> Checker<'a> {
    /// The value to deserialise. What does not fit is left out and noted in `problems`.
    pub(crate) fn check(&mut self, schema: &'a Value, node: &Node, path: &str) -> Option<Value> {
        // What was reported of an object is nobody's to get right in a manifest.
        if path == "status" {
            return Some(node.to_json());
        }
        let quantity = names_quantity(schema);
        let schema = self.resolve(schema);
        if schema.get("x-kubernetes-int-or-string").is_some() {
            return self.number_or_text(node, path, quantity);
        }
        if let Some(allowed) = allowed(schema) {
            return self.one_of(&allowed, node, path);
        }
        match type_of(schema) {
            Some("object") => self.object(schema, node, path),
            Some("array") => self.array(schema, node, path),
            Some("string") => self.string(schema, node, path),
            Some("integer") => self.integer(schema, node, path),
            Some("number") => match &node.kind {
                NodeKind::Scalar { scalar: Scalar::Number(number), .. } => Some(Value::Number(number.clone())),
                _ => self.mismatch(node, path, "a number"),
            },
            Some("boolean") => match &node.kind {
                NodeKind::Scalar { scalar: Scalar::Bool(value), .. } => Some(Value::Bool(*value)),
                NodeKind::Scalar { text, .. } if text == "true" || text == "false" => {
                    self.mismatch(node, path, format!("true or false; write {text} without quotes"))
                }
                _ => self.mismatch(node, path, "true or false"),
            },
            _ => Some(node.to_json()),
        }
    }

    /// Follows references and takes the part of `T or null` that is not null.
    fn resolve<'s>(&self, mut schema: &'s Value) -> &'s Value
    where
        'a: 's,
    {
        for _ in 0..8 {
            if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
                let name = name.trim_start_matches("#/$defs/");
                let Some(found) = self.root.get("$defs").and_then(|defs| defs.get(name)) else { return schema };
                schema = found;
            } else if let Some(part) = single(schema, "allOf").or_else(|| single(schema, "anyOf")) {
                schema = part;
            } else {
                break;
            }
        }
        schema
    }

    fn object(&mut self, schema: &'a Value, node: &Node, path: &str) -> Option<Value> {
        let NodeKind::Mapping(entries) = &node.kind else { return self.mismatch(node, path, "a map") };
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&NONE);
        let additional = schema.get("additionalProperties").filter(|value| value.is_object());
        let open = properties.is_empty() && additional.is_none();
        let mut object = Map::new();
        for (key, value) in entries {
            let field = path::join(path, &key.text);
            match properties.get(&key.text).or(additional) {
                Some(_) if value.is_null() => self.nothing(&field),
                Some(schema) => {
                    if let Some(value) = self.check(schema, value, &field) {
                        object.insert(key.text.clone(), value);
                    }
                }
                None if open || (path.is_empty() && ALWAYS_KNOWN.contains(&key.text.as_str())) => {
                    object.insert(key.text.clone(), value.to_json());
                }
                None => self.unknown(properties, &key.text, value, &field),
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            // A value that is there and wrong has its own problem already.
            if node.get(name).is_none_or(Node::is_null) {
                let field = path::join(path, name);
                let expected = self.expectation(properties.get(name));
                self.problems.push(self.source.mismatch(&field, "nothing", expected));
            }
            // The object is not used then, but what else is wrong with it can still be found out.
            if !object.contains_key(name) {
                let stand_in = properties.get(name).map(|schema| self.stand_in(schema, 0)).unwrap_or_default();
                object.insert(name.to_owned(), stand_in);
            }
        }
        Some(Value::Object(object))
    }

    /// A key with nothing after it: as in Kubernetes, the same as no key.
    fn nothing(&mut self, field: &str) {
        self.problems.push(self.source.warning(field, "nothing is written after the colon, so it counts as not given"));
    }

    fn unknown(&mut self, properties: &Map<String, Value>, name: &str, value: &Node, field: &str) {
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        let places = if self.rules.suggest_places { self.places_of(name, value) } else { Vec::new() };
        let advice = match nearest(name, known.iter().copied()) {
            None if !places.is_empty() => format!("its place is {}", either(&places)),
            _ => suggestion(name, &known),
        };
        let message = if advice.is_empty() { "unknown field".to_owned() } else { format!("unknown field; {advice}") };
        let severity = if self.rules.unknown_is_warning { Severity::Warning } else { Severity::Error };
        self.problems.push(self.source.problem(severity, field, message));
    }

    /// The paths in the whole schema that end in `name` and can hold a value of this shape.
    fn places_of(&self, name: &str, value: &Node) -> Vec<String> {
        let mut level = vec![(String::new(), self.root)];
        let mut places = Vec::new();
        for _ in 0..6 {
            let mut next = Vec::new();
            for (path, schema) in level {
                let schema = self.resolve(schema);
                let (schema, path) = match schema.get("items") {
                    Some(items) => (self.resolve(items), format!("{path}[]")),
                    None => (schema, path),
                };
                for (key, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                    if key == "metadata" && path.is_empty() {
                        continue;
                    }
                    let field = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    if key == name && has_shape(type_of(self.resolve(part)), value) {
                        places.push(field.clone());
                    }
                    next.push((field, part));
                }
            }
            level = next;
        }
        places
    }

    /// The least that a schema lets through, for what is missing or wrong.
    fn stand_in(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if let Some(word) = allowed(schema).and_then(|words| words.first().copied()) {
            return word.into();
        }
        match type_of(schema) {
            Some("object") if depth < 8 => {
                let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
                let fields = required.filter_map(Value::as_str).map(|name| {
                    let schema = schema.get("properties").and_then(|properties| properties.get(name));
                    (name.to_owned(), schema.map(|schema| self.stand_in(schema, depth + 1)).unwrap_or_default())
                });
                Value::Object(fields.collect())
            }
            Some("array") => Value::Array(Vec::new()),
            Some("string") => "".into(),
            Some("integer" | "number") => bounds(schema).0.max(0).into(),
            Some("boolean") => false.into(),
            _ => Value::Null,
        }
    }

    fn array(&mut self, schema: &'a Value, node: &Node, path: &str) -> Option<Value> {
        let NodeKind::Sequence(items) = &node.kind else { return self.mismatch(node, path, "a list") };
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            self.problems.push(self.source.mismatch(path, "an empty list", "at least one entry"));
            return None;
        }
        let item_schema = schema.get("items");
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let field = path::index(path, index);
            let value = match item_schema {
                // A stand-in keeps the places of the items after it.
                Some(schema) => self.check(schema, item, &field).unwrap_or_else(|| self.stand_in(schema, 0)),
                None => item.to_json(),
            };
            values.push(value);
        }
        Some(Value::Array(values))
    }

    fn string(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        let NodeKind::Scalar { text, scalar } = &node.kind else { return self.mismatch(node, path, "text") };
        if *scalar != Scalar::Text {
            if self.rules.lenient_trigger_metadata && is_trigger_metadata(path) {
                let message = format!("Kubernetes takes only text here; put it in quotes: {text:?}");
                self.problems.push(self.source.warning(path, message));
                return Some(Value::String(text.clone()));
            }
            let quoted = if self.rules.secret { String::new() } else { format!(": {text:?}") };
            return self.mismatch(node, path, format!("text; put it in quotes{quoted}"));
        }
        if schema.get("minLength").and_then(Value::as_u64).unwrap_or(0) > 0 && text.is_empty() {
            return self.mismatch(node, path, "text that is not empty");
        }
        let value = Value::String(text.clone());
        match schema.get("format").and_then(Value::as_str) {
            Some("byte") if serde_json::from_value::<ByteString>(value.clone()).is_err() => {
                self.mismatch(node, path, "base64; plain text belongs under stringData (Secret) or data (ConfigMap)")
            }
            Some("date-time") if text.parse::<jiff::Timestamp>().is_err() => {
                self.mismatch(node, path, "a time such as 2026-01-01T00:00:00Z")
            }
            _ => Some(value),
        }
    }

    fn integer(&mut self, schema: &Value, node: &Node, path: &str) -> Option<Value> {
        let (least, most) = bounds(schema);
        let expected = range_words(least, most);
        let NodeKind::Scalar { text, scalar } = &node.kind else { return self.mismatch(node, path, expected) };
        let whole = match scalar {
            Scalar::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Scalar::Text if text.parse::<i64>().is_ok() => {
                return self.mismatch(node, path, format!("{expected}; write it without quotes"));
            }
            _ => None,
        };
        match whole {
            Some(value) if value >= least && value <= most => Some(Value::Number(value.into())),
            Some(value) if value > most => self.mismatch(node, path, format!("a whole number of at most {most}")),
            _ => self.mismatch(node, path, expected),
        }
    }

    fn number_or_text(&mut self, node: &Node, path: &str, quantity: bool) -> Option<Value> {
        match &node.kind {
            NodeKind::Scalar { text, scalar: Scalar::Number(number) } => {
                Some(if quantity { Value::String(text.clone()) } else { Value::Number(number.clone()) })
            }
            NodeKind::Scalar { text, scalar: Scalar::Text } => Some(Value::String(text.clone())),
            _ => self.mismatch(node, path, "a number or text"),
        }
    }

    fn one_of(&mut self, allowed: &[&str], node: &Node, path: &str) -> Option<Value> {
        if let Some(text) = node.as_str()
            && allowed.contains(&text)
        {
            return Some(Value::String(text.to_owned()));
        }
        let words: Vec<&str> = allowed.iter().copied().filter(|word| !word.is_empty()).collect();
        let mut problem = self.source.mismatch(path, self.shown(node), either(&words));
        let candidate = node.as_str().and_then(|text| nearest(text, words.iter().copied()));
        if let Some(candidate) = candidate.filter(|_| words.len() > 1) {
            problem.message = format!("did you mean {candidate:?}?");
        }
        self.problems.push(problem);
        None
    }

    fn mismatch(&mut self, node: &Node, path: &str, expected: impl Into<String>) -> Option<Value> {
        self.problems.push(self.source.mismatch(path, self.shown(node), expected));
        None
    }

    fn shown(&self, node: &Node) -> String {
        match &node.kind {
            NodeKind::Scalar { scalar: Scalar::Text, .. } if self.rules.secret => "text (not shown)".into(),
            NodeKind::Scalar { scalar: Scalar::Number(_), .. } if self.rules.secret => "a number (not shown)".into(),
            _ => node.describe(),
        }
    }

    fn expectation(&self, schema: Option<&'a Value>) -> String {
        let Some(schema) = schema.map(|schema| self.resolve(schema)) else { return "a value".into() };
        if let Some(allowed) = allowed(schema) {
            return either(&allowed);
        }
        match type_of(schema) {
            Some("object") => "a map".into(),
            Some("array") => "a list".into(),
            Some("string") => "text".into(),
            Some("integer") => {
                let (least, most) = bounds(schema);
                range_words(least, most)
            }
            Some("boolean") => "true or false".into(),
            _ => "a value".into(),
        }
    }
}

/// `a, b or c`.
fn either<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

fn has_shape(kind: Option<&str>, value: &Node) -> bool {
    match &value.kind {
        NodeKind::Mapping(_) => kind == Some("object"),
        NodeKind::Sequence(_) => kind == Some("array"),
        NodeKind::Scalar { .. } => !matches!(kind, Some("object" | "array")),
    }
}

fn is_trigger_metadata(path: &str) -> bool {
    path.strip_prefix("spec.triggers[").is_some_and(|rest| rest.contains("].metadata"))
}

fn names_quantity(schema: &Value) -> bool {
    schema.get("pattern").is_some()
        || schema.get("$ref").and_then(Value::as_str).is_some_and(|name| name.ends_with("resource.Quantity"))
}

/// The only part of `key` that is not null.
fn single<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let mut parts =
        schema.get(key)?.as_array()?.iter().filter(|part| part.get("type").is_none_or(|kind| kind != "null"));
    let first = parts.next()?;
    parts.next().is_none().then_some(first)
}

/// The type, the one that is not null where there are two.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

/// The words of an enum.
fn allowed(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let mut words = Vec::new();
    for part in schema.get("oneOf").and_then(Value::as_array)? {
        match (part.get("const").and_then(Value::as_str), part.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => words.push(word),
            (_, Some(more)) => words.extend(more.iter().filter_map(Value::as_str)),
            _ => return None,
        }
    }
    (!words.is_empty()).then_some(words)
}

/// Least and most; Kubernetes stores 32 bits with a sign also where a count cannot be negative.
fn bounds(schema: &Value) -> (i64, i64) {
    let (low, high) = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("uint32") => (0, i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let bound = |key| schema.get(key).and_then(Value::as_f64).and_then(whole);
    (bound("minimum").unwrap_or(low), bound("maximum").unwrap_or(high).min(high))
}

fn range_words(least: i64, most: i64) -> String {
    let open_end = most >= i64::from(i32::MAX);
    match (least, open_end) {
        (least, true) if least < 0 => "a whole number".into(),
        (least, true) => format!("a whole number of at least {least}"),
        (least, false) => format!("a whole number from {least} to {most}"),
    }
}

#[allow(clippy::cast_possible_truncation)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}
