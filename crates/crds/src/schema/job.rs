//! The schema of a Job's `spec`, made from `schema/job.json`.
//!
//! That file holds the structure of the Kubernetes API at version 1.36 and nothing else, one definition a line: a field's
//! name, with `!` where it is required, and its type. Types are `string`, `boolean`, `int32`, `int64`, `int-or-string`,
//! `quantity`, `object`, `[list]`, `{map}` and the names of definitions; after them may stand how a list or map is merged
//! (`atomic`, `set`, `map(key,...)`) and `default=` with a JSON value. The entry `""` says how the definition itself is merged.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// How a quantity may be written (`500m`, `1Gi`).
pub(crate) const QUANTITY_PATTERN: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// Marks a default that the API server sets, other than one that is only assumed where a field is read.
pub(crate) const SET_BY_API_SERVER: &str = "x-tidegate-set-by-api-server";

type Definitions = Map<String, Value>;

/// With everything in place, no references.
pub(super) static JOB_SPEC: LazyLock<Value> = LazyLock::new(|| {
    let definitions: Definitions = serde_json::from_str(include_str!("job.json")).unwrap_or_default();
    definition(&definitions, "JobSpec")
});

fn definition(definitions: &Definitions, name: &str) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let mut schema = json!({"type": "object"});
    for (field, form) in definitions.get(name).and_then(Value::as_object).into_iter().flatten() {
        let form = form.as_str().unwrap_or_default();
        if field.is_empty() {
            schema["x-kubernetes-map-type"] = form.into();
            continue;
        }
        let plain = field.trim_end_matches('!');
        if plain.len() < field.len() {
            required.push(Value::from(plain));
        }
        properties.insert(plain.to_owned(), of(definitions, form));
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema["properties"] = properties.into();
    schema
}

/// The schema of one type with what stands after it.
fn of(definitions: &Definitions, form: &str) -> Value {
    let end = match form.chars().next() {
        Some('[') => form.rfind(']').map(|end| end + 1),
        Some('{') => form.rfind('}').map(|end| end + 1),
        _ => form.find(' '),
    };
    let (kind, extras) = form.split_at(end.unwrap_or(form.len()));
    let inner = kind.get(1..kind.len().saturating_sub(1)).unwrap_or_default();
    let mut schema = match kind {
        "string" | "boolean" | "object" => json!({"type": kind}),
        "int32" | "int64" => json!({"type": "integer", "format": kind}),
        "int-or-string" => int_or_string(),
        "quantity" => quantity(),
        _ if kind.starts_with('[') => json!({"type": "array", "items": of(definitions, inner)}),
        _ if kind.starts_with('{') => json!({"type": "object", "additionalProperties": of(definitions, inner)}),
        name => definition(definitions, name),
    };
    for extra in extras.split_whitespace() {
        if let Some(default) = extra.strip_prefix("default=") {
            schema["default"] = serde_json::from_str(default).unwrap_or_default();
            schema[SET_BY_API_SERVER] = true.into();
        } else if let Some(keys) = extra.strip_prefix("map(") {
            schema["x-kubernetes-list-type"] = "map".into();
            schema["x-kubernetes-list-map-keys"] = keys.trim_end_matches(')').split(',').collect();
        } else {
            let key = if kind.starts_with('[') { "x-kubernetes-list-type" } else { "x-kubernetes-map-type" };
            schema[key] = extra.into();
        }
    }
    schema
}

/// A number or text.
pub(crate) fn int_or_string() -> Value {
    json!({"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true})
}

/// A number or text that is a quantity.
pub(crate) fn quantity() -> Value {
    let mut schema = int_or_string();
    schema["pattern"] = QUANTITY_PATTERN.into();
    schema
}
