//! CustomResourceDefinitions: of KEDA's structure, small, with descriptions.

use expect_test::expect_file;
use serde_json::Value;
use tidegate_crds::crd::{KINDS, LARGEST_ANNOTATION, crd};

/// Keys of a schema that have their own place in the outline, and descriptions.
const PLACED: [&str; 9] = [
    "type",
    "format",
    "properties",
    "items",
    "additionalProperties",
    "required",
    "description",
    "enum",
    "x-kubernetes-validations",
];

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

/// Everything of a definition that has a meaning for objects, one field a line, sorted.
fn outline(definition: &Value) -> String {
    let spec = &definition["spec"];
    assert_eq!(spec["versions"].as_array().map(Vec::len), Some(1));
    let (names, version) = (&spec["names"], &spec["versions"][0]);
    let words = |key: &str| {
        let list = names.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let mut lines = vec![
        format!(
            "{} {} {} {} {}",
            text(definition, "/metadata/name"),
            text(names, "/kind"),
            text(names, "/listKind"),
            text(names, "/singular"),
            text(spec, "/scope")
        ),
        format!("short names: {}", words("shortNames")),
        format!("categories: {}", words("categories")),
        format!("version: {} served={} storage={}", text(version, "/name"), version["served"], version["storage"]),
        format!("subresources: {}", version.get("subresources").cloned().unwrap_or_else(|| serde_json::json!({}))),
    ];
    for column in version["additionalPrinterColumns"].as_array().into_iter().flatten() {
        let priority = column.get("priority").map(|priority| format!(" priority={priority}")).unwrap_or_default();
        let (name, kind, path) = (text(column, "/name"), text(column, "/type"), text(column, "/jsonPath"));
        lines.push(format!("column: {name} {kind} {path}{priority}"));
    }
    field(&version["schema"]["openAPIV3Schema"], "schema", false, 0, &mut lines);
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn field(schema: &Value, name: &str, required: bool, depth: usize, lines: &mut Vec<String>) {
    let format = schema.get("format").and_then(Value::as_str).map(|format| format!("({format})")).unwrap_or_default();
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or("any");
    let mut words = vec![format!("{kind}{format}")];
    let mut rest: Vec<(&String, &Value)> = schema.as_object().unwrap().iter().collect();
    rest.sort_by_key(|(key, _)| key.as_str());
    for (key, value) in rest.into_iter().filter(|(key, _)| !PLACED.contains(&key.as_str())) {
        words.push(format!("{key}={value}"));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let mut values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        words.push(format!("enum={}", values.join("|")));
    }
    for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
        words.push(format!("rule={}", rule["rule"]));
    }
    let mark = if required { "!" } else { "" };
    lines.push(format!("{}{name}{mark} {}", "  ".repeat(depth), words.join(" ")));
    let is_required = |name: &str| schema["required"].as_array().is_some_and(|list| list.iter().any(|n| n == name));
    let mut properties: Vec<(&String, &Value)> =
        schema.get("properties").and_then(Value::as_object).into_iter().flatten().collect();
    properties.sort_by_key(|(name, _)| name.as_str());
    for (name, schema) in properties {
        field(schema, name, is_required(name), depth + 1, lines);
    }
    for (key, name) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(schema) = schema.get(key) {
            field(schema, name, false, depth + 1, lines);
        }
    }
}

fn outline_of(kind: &str) -> String {
    outline(crd(kind).unwrap())
}

/// Says no more than the first lines that differ: the whole is long.
fn compare(kind: &str, expected: &str) {
    let found = outline_of(kind);
    let differing: Vec<String> = similar(expected, &found);
    assert!(differing.is_empty(), "{kind} differs from KEDA's definition:\n{}", differing.join("\n"));
}

fn similar(expected: &str, found: &str) -> Vec<String> {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let missing = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}"));
    let extra = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ {line}"));
    let mut differing: Vec<String> = missing.chain(extra).take(40).collect();
    if differing.is_empty() && expected != found {
        differing.push("the same lines at other places".to_owned());
    }
    differing
}

/// VAL-01, VAL-02, VAL-04: what KEDA's definitions refuse, ours refuse, and nothing else.
#[test]
fn definitions_have_the_structure_of_keda_s() {
    compare("ScaledObject", include_str!("../data/keda-2.21/scaledobjects.txt"));
    compare("ScaledJob", include_str!("../data/keda-2.21/scaledjobs.txt"));
    compare("TriggerAuthentication", include_str!("../data/keda-2.21/triggerauthentications.txt"));
    compare("ClusterTriggerAuthentication", include_str!("../data/keda-2.21/clustertriggerauthentications.txt"));
    compare("CloudEventSource", include_str!("../data/keda-2.21/cloudeventsources.txt"));
    compare("ClusterCloudEventSource", include_str!("../data/keda-2.21/clustercloudeventsources.txt"));
}

#[test]
fn the_definition_of_a_scaling_policy() {
    expect_file!["../data/scalingpolicies.txt"].assert_eq(&outline_of("ScalingPolicy"));
}

/// PAIN-44: `kubectl apply` keeps the whole object in an annotation.
#[test]
fn every_definition_can_be_applied() {
    for kind in KINDS {
        let size = crd(kind).unwrap().to_string().len();
        assert!(size < LARGEST_ANNOTATION, "{kind} has {size} bytes");
    }
}

#[test]
fn every_field_of_ours_is_described() {
    for kind in KINDS {
        let schema = &crd(kind).unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut bare = Vec::new();
        undescribed(schema, "", &mut bare);
        assert!(bare.is_empty(), "{kind} has fields without description: {bare:?}");
    }
}

fn undescribed(schema: &Value, path: &str, bare: &mut Vec<String>) {
    // A Job's own fields are described by `kubectl explain job.spec`.
    if path.ends_with(".jobTargetRef") || path == ".metadata" {
        return;
    }
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        if schema.get("description").is_none() && path != ".metadata" {
            bare.push(path.clone());
        }
        undescribed(schema, &path, bare);
        for key in ["items", "additionalProperties"] {
            schema.get(key).into_iter().for_each(|schema| undescribed(schema, &format!("{path}[]"), bare));
        }
    }
}
