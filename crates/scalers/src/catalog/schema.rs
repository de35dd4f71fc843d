//! The JSON schema of a trigger type, from its row.

use serde_json::{Map, Value, json};

use super::Row;
use crate::parameter::{Kind, Parameter, Source};

/// A JSON schema (2020-12) of one entry of `triggers` with this type. Every value in `metadata` is a string, as KEDA's
/// own types demand. Parameters of a TriggerAuthentication are described under `$defs`.
#[must_use]
pub fn json_schema(row: &Row) -> Value {
    let (mut metadata, mut authentication) = (Map::new(), Map::new());
    let (mut required, mut any_of) = (Vec::new(), Vec::new());
    for parameter in &row.parameters {
        for name in parameter.names() {
            describe(parameter, name, &mut metadata, &mut authentication);
        }
        if !parameter.required() || parameter.sources.contains(&Source::Auth) {
            continue;
        }
        let mut keys: Vec<String> = Vec::new();
        for name in parameter.names() {
            keys.extend(parameter.sources.iter().map(|source| key(*source, name)));
        }
        match keys.as_slice() {
            [only] => required.push(only.clone()),
            _ => {
                any_of.push(json!({ "anyOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() }))
            }
        }
    }
    let mut object = json!({ "type": "object", "properties": metadata, "required": required });
    if !any_of.is_empty() {
        object["allOf"] = Value::Array(any_of);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": row.name(),
        "description": row.summary,
        "type": "object",
        "required": ["type", "metadata"],
        "properties": {
            "type": { "enum": row.names },
            "name": { "type": "string" },
            "metricType": { "enum": ["AverageValue", "Value"] },
            "useCachedMetrics": { "type": "boolean" },
            "authenticationRef": {
                "type": "object",
                "properties": { "name": { "type": "string" }, "kind": { "type": "string" } },
                "required": ["name"],
            },
            "metadata": object,
        },
        "$defs": { "authentication": { "type": "object", "properties": authentication } },
    })
}

fn key(source: Source, name: &str) -> String {
    if source == Source::Env { format!("{name}FromEnv") } else { name.to_owned() }
}

fn describe(parameter: &Parameter, name: &str, metadata: &mut Map<String, Value>, auth: &mut Map<String, Value>) {
    for source in parameter.sources {
        let key = key(*source, name);
        match source {
            Source::Metadata => metadata.insert(key, property(parameter)),
            Source::Auth => auth.insert(key, property(parameter)),
            Source::Env => {
                let doc = format!("The name of a variable of the container that holds \"{name}\".");
                metadata.insert(key, json!({ "type": "string", "description": doc }))
            }
        };
    }
}

fn property(parameter: &Parameter) -> Value {
    let description = parameter.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut property = json!({ "type": "string", "description": description });
    if let Some(default) = parameter.default {
        property["default"] = json!(default);
    }
    if let Some(pattern) = pattern(parameter) {
        property["pattern"] = json!(pattern);
    }
    if !parameter.choices.is_empty() && parameter.kind != Kind::List {
        property["enum"] = json!(parameter.choices);
    }
    if parameter.removed.is_some() || parameter.deprecated.is_some() {
        property["deprecated"] = json!(true);
    }
    if parameter.kind == Kind::Secret {
        property["writeOnly"] = json!(true);
    }
    property
}

/// What the conversion accepts, with white space around it. A blank text counts as absent, so it is allowed too.
fn pattern(parameter: &Parameter) -> Option<String> {
    let core = match parameter.kind {
        Kind::Integer => r"-?(0|[1-9][0-9]*)".to_owned(),
        Kind::Number => r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?".to_owned(),
        Kind::Boolean => "1|t|T|TRUE|true|True|0|f|F|FALSE|false|False".to_owned(),
        Kind::Duration => r"[0-9]+|([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+".to_owned(),
        Kind::List if !parameter.choices.is_empty() => {
            let one = parameter.choices.join("|");
            format!(r"({one})(\s*,\s*({one}))*")
        }
        Kind::Ranges => r"[0-9]+(\s*-\s*[0-9]+)?(\s*,\s*[0-9]+(\s*-\s*[0-9]+)?)*".to_owned(),
        Kind::Pairs => r"[^=,]+=[^=,]*(,[^=,]+=[^=,]*)*".to_owned(),
        Kind::Address => "https?://.+".to_owned(),
        Kind::Text | Kind::Secret | Kind::List => return None,
    };
    Some(format!(r"^\s*({core})?\s*$"))
}
