//! A type's JSON schema to the structural form that CustomResourceDefinitions need: no references, one type each.

use serde_json::{Map, Value};

use crate::schema::{SET_BY_API_SERVER, quantity};

/// Enums with more values than this are described without the meaning of each.
const MOST_EXPLAINED: usize = 8;

/// Converts `schema`, whose references lie in `root`. Defaults are left out: the operator has its own for what is not given.
pub(super) fn convert(root: &Value, schema: &Value) -> Value {
    let (schema, description) = resolve(root, schema);
    let mut made = Map::new();
    let mut description = description.unwrap_or_default();
    if schema.get("x-kubernetes-int-or-string").is_some() {
        // What has a default or a pattern here comes from a data file and is as it should be already.
        made = match schema.get("anyOf") {
            Some(_) => schema.as_object().cloned().unwrap_or_default(),
            None => quantity().as_object().cloned().unwrap_or_default(),
        };
    } else if let Some((words, meanings)) = words(schema) {
        made.insert("type".into(), "string".into());
        if words.len() <= MOST_EXPLAINED && !meanings.is_empty() {
            description = format!("{description} {}", meanings.join(" ")).trim().to_owned();
        }
        made.insert("enum".into(), words.into());
    } else {
        plain(root, schema, &mut made);
    }
    if !description.is_empty() {
        made.insert("description".into(), description.into());
    }
    Value::Object(made)
}

fn plain(root: &Value, schema: &Value, made: &mut Map<String, Value>) {
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().find(|kind| *kind != "null"),
        kind => kind,
    };
    made.extend(kind.map(|kind| ("type".to_owned(), kind.clone())));
    match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => made.insert("format".into(), "int32".into()),
        Some(format) => made.insert("format".into(), format.into()),
        None => None,
    };
    const KEPT: [&str; 10] = [
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minLength",
        "pattern",
        "required",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
    ];
    for key in KEPT {
        made.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    if schema.get(SET_BY_API_SERVER).is_some() {
        made.extend(schema.get("default").map(|value| ("default".to_owned(), value.clone())));
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let converted = properties.iter().map(|(name, schema)| (name.clone(), convert(root, schema)));
        made.insert("properties".into(), Value::Object(converted.collect()));
    }
    if let Some(items) = schema.get("items") {
        made.insert("items".into(), convert(root, items));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        made.insert("additionalProperties".into(), convert(root, values));
    }
}

/// Follows references and takes what is not null, with the outermost description on the way.
fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> (&'a Value, Option<String>) {
    let mut description = None;
    loop {
        description = description.or_else(|| schema.get("description").and_then(Value::as_str).map(plain_text));
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        let part = ["anyOf", "allOf"].iter().find_map(|key| {
            let parts = schema.get(key).and_then(Value::as_array)?;
            let real: Vec<&Value> =
                parts.iter().filter(|part| part.get("type").is_none_or(|kind| kind != "null")).collect();
            (real.len() == 1).then(|| real.first().copied()).flatten()
        });
        schema = match (target.and_then(|name| root.get("$defs")?.get(name)), part) {
            (Some(found), _) | (None, Some(found)) => found,
            (None, None) => return (schema, description),
        };
    }
}

/// The values of an enum and the meaning of each.
fn words(schema: &Value) -> Option<(Vec<Value>, Vec<String>)> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some((words.clone(), Vec::new()));
    }
    let (mut words, mut meanings) = (Vec::new(), Vec::new());
    for part in schema.get("oneOf")?.as_array()? {
        if let Some(more) = part.get("enum").and_then(Value::as_array) {
            words.extend(more.iter().cloned());
            continue;
        }
        let word = part.get("const")?;
        words.push(word.clone());
        if let (Some(word), Some(meaning)) = (word.as_str(), part.get("description").and_then(Value::as_str)) {
            let word = if word.is_empty() { "(empty)" } else { word };
            meanings.push(format!("{word}: {}", plain_text(meaning)));
        }
    }
    Some((words, meanings))
}

/// A doc comment without marks.
fn plain_text(text: &str) -> String {
    text.replace("[`", "").replace("`]", "").replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
}
