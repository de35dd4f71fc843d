//! Manifests to typed objects.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cloud_event_source::{CloudEventSource, ClusterCloudEventSource};
use crate::kinds::{self, IGNORED, Known};
use crate::nearest::suggestion;
use crate::node::Node;
use crate::object::{Located, Object, Scenario, Source};
use crate::problem::{Problem, Severity, has_errors};
use crate::resource::Manifest;
use crate::scaled_job::ScaledJob;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;
use crate::schema::{self, Checker, Rules};
use crate::yaml::{self, TextProblem};

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// The objects that can be used, in order.
    pub objects: Vec<Located<Object>>,
    /// Objects with errors, as far as they could be understood: for further checks only.
    pub broken: Vec<Located<Object>>,
    /// Everything wrong or suspicious, in order.
    pub problems: Vec<Problem>,
}

/// Reads a manifest: YAML or JSON, one or several documents, Lists. Goes on after an error; never panics.
///
/// `file` is only repeated in problems. An object with an error is left out of the result.
#[must_use]
pub fn parse(file: &str, text: &str) -> Parsed {
    let file: Arc<str> = file.into();
    let (nodes, faults) = yaml::documents(text);
    let mut parsed =
        Parsed { problems: faults.into_iter().map(|fault| of_text(&file, fault)).collect(), ..Parsed::default() };
    for node in nodes {
        document(&file, Arc::new(node), &mut parsed);
    }
    parsed.problems.sort_by_key(|problem| problem.line);
    parsed
}

pub(crate) fn of_text(file: &Arc<str>, fault: TextProblem) -> Problem {
    Problem {
        severity: Severity::Error,
        file: file.clone(),
        line: fault.line,
        column: fault.column,
        object: None,
        field: fault.field,
        found: String::new(),
        expected: String::new(),
        message: fault.message,
    }
}

fn document(file: &Arc<str>, root: Arc<Node>, parsed: &mut Parsed) {
    let is_list = root.get("kind").and_then(Node::as_str).is_some_and(|kind| kind == "List" || kind.ends_with("List"));
    if !is_list {
        return object(file, root, parsed);
    }
    let source = Source { file: file.clone(), object: "List".into(), root: Some(root.clone()) };
    match root.get("items") {
        Some(items) if !items.items().is_empty() => {
            for item in items.items() {
                object(file, Arc::new(item.clone()), parsed);
            }
        }
        Some(items) if items.describe() != "a list" => {
            parsed.problems.push(source.mismatch("items", items.describe(), "a list of objects"));
        }
        Some(_) => {}
        None => parsed.problems.push(source.mismatch("items", "nothing", "a list of objects")),
    }
}

/// Reads one object and adds it, or what is wrong with it.
fn object(file: &Arc<str>, root: Arc<Node>, parsed: &mut Parsed) {
    let plain = Source { file: file.clone(), object: "".into(), root: Some(root.clone()) };
    if root.entries().is_empty() {
        parsed.problems.push(plain.mismatch("", root.describe(), "an object with apiVersion, kind, metadata and spec"));
        return;
    }
    let Some(kind) = text_field(&root, "kind", "as ScaledObject", &plain, parsed) else { return };
    let Some(version) = text_field(&root, "apiVersion", "as keda.sh/v1alpha1", &plain, parsed) else { return };
    let metadata = root.get("metadata");
    let part = |name| metadata.and_then(|metadata| metadata.get(name)).and_then(Node::as_str);
    let cluster_wide = Known::named(&kind).is_some_and(Known::is_cluster_wide);
    let name = part("name").unwrap_or("(no name)");
    let title = match (cluster_wide, part("namespace").unwrap_or("default")) {
        (true, _) => format!("{kind} {name}"),
        (false, namespace) => format!("{kind} {namespace}/{name}"),
    };
    let source = Source { file: file.clone(), object: title.into(), root: Some(root.clone()) };
    let Some(known) = Known::named(&kind) else {
        other_kind(&root, &kind, &source, parsed);
        return;
    };
    if version != known.api_version() {
        parsed.problems.push(source.mismatch(
            "apiVersion",
            format!("{version:?}"),
            format!("{:?}", known.api_version()),
        ));
        return;
    }
    let mut problems = Vec::new();
    let value = read(known, &root, &source, &mut problems);
    check_name(&root, &source, &mut problems);
    if let Some(value) = value {
        let into = if has_errors(&problems) { &mut parsed.broken } else { &mut parsed.objects };
        into.push(Located { value, source });
    }
    parsed.problems.extend(problems);
}

/// An object of one of our kinds from the API server. With errors it is as far as it could be understood.
pub(crate) fn of_api_server<T: Manifest>(
    known: Known,
    root: &Arc<Node>,
    problems: &mut Vec<Problem>,
) -> Option<Located<T>> {
    let part = |name| root.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Node::as_str);
    let name = part("name").or_else(|| part("generateName")).unwrap_or("(no name)");
    let title = match part("namespace") {
        Some(namespace) if !known.is_cluster_wide() => format!("{} {namespace}/{name}", known.name()),
        _ => format!("{} {name}", known.name()),
    };
    let mut source = Source { file: "".into(), object: title.into(), root: Some(Arc::clone(root)) };
    let value = checked(known, root, &source, problems, true)?;
    // There are no places to be found in it, and it would take more memory than the object.
    source.root = None;
    let value = *typed(value, &source, problems)?;
    Some(Located { value, source })
}

fn text_field(root: &Node, name: &str, example: &str, source: &Source, parsed: &mut Parsed) -> Option<String> {
    let found = root.get(name);
    if let Some(text) = found.and_then(Node::as_str).filter(|text| !text.is_empty()) {
        return Some(text.to_owned());
    }
    let found = found.map_or_else(|| "nothing".to_owned(), Node::describe);
    parsed.problems.push(source.mismatch(name, found, format!("text, {example}")));
    None
}

fn other_kind(root: &Node, kind: &str, source: &Source, parsed: &mut Parsed) {
    if !IGNORED.contains(&kind) {
        let message = format!("unknown kind; {}", suggestion(kind, &kinds::names()));
        let message = message.trim_end_matches([';', ' ']);
        parsed.problems.push(Problem { found: format!("{kind:?}"), ..source.error("kind", message) });
        return;
    }
    let why = match kind {
        "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" | "CronJob" | "Pod" => {
            "only a Deployment's pods are run on one machine, so this is ignored"
        }
        _ => "has no meaning on one machine, so this is ignored",
    };
    parsed.problems.push(source.warning("kind", why));
    let metadata = root.get("metadata").map(Node::to_json).unwrap_or_default();
    let metadata = serde_json::from_value::<ObjectMeta>(metadata).unwrap_or_default();
    parsed.objects.push(Located {
        value: Object::Ignored { kind: kind.to_owned(), metadata: Box::new(metadata) },
        source: source.clone(),
    });
}

fn read(known: Known, root: &Node, source: &Source, problems: &mut Vec<Problem>) -> Option<Object> {
    if known == Known::Scenario {
        return scenario(root, source, problems);
    }
    let value = checked(known, root, source, problems, false)?;
    if let Some(why) = known.not_served() {
        problems.push(source.warning("kind", why));
    }
    Some(match known {
        Known::ScaledObject => Object::ScaledObject(typed(value, source, problems)?),
        Known::ScalingPolicy => Object::ScalingPolicy(typed(value, source, problems)?),
        Known::TriggerAuthentication => Object::TriggerAuthentication(typed(value, source, problems)?),
        Known::ClusterTriggerAuthentication => Object::ClusterTriggerAuthentication(typed(value, source, problems)?),
        Known::Deployment => Object::Deployment(typed(value, source, problems)?),
        Known::Secret => Object::Secret(typed(value, source, problems)?),
        Known::ConfigMap => Object::ConfigMap(typed(value, source, problems)?),
        Known::ScaledJob => ignored(known, *typed::<ScaledJob>(value, source, problems)?),
        Known::CloudEventSource => ignored(known, *typed::<CloudEventSource>(value, source, problems)?),
        Known::ClusterCloudEventSource => ignored(known, *typed::<ClusterCloudEventSource>(value, source, problems)?),
        Known::Scenario => return None,
    })
}

fn ignored<T: Manifest>(known: Known, mut object: T) -> Object {
    Object::Ignored { kind: known.name().to_owned(), metadata: Box::new(std::mem::take(object.metadata_mut())) }
}

/// The value of a kind after its schema's check, with the default namespace. After an error, what fits the schema.
fn checked(
    known: Known,
    root: &Node,
    source: &Source,
    problems: &mut Vec<Problem>,
    from_api_server: bool,
) -> Option<Value> {
    let rules = Rules {
        secret: known == Known::Secret,
        lenient_trigger_metadata: matches!(known, Known::ScaledObject | Known::ScaledJob),
        suggest_places: !known.is_kubernetes(),
        unknown_is_warning: from_api_server,
    };
    let schema = schema::of(known);
    let mut checker = Checker { root: schema, source, rules, problems: Vec::new() };
    let value = checker.check(schema, root, "");
    problems.append(&mut checker.problems);
    let mut value = value?;
    if !from_api_server {
        set_namespace(&mut value, known, source, problems);
    }
    Some(value)
}

/// Gives a namespaced object without a namespace the one named `default`.
fn set_namespace(value: &mut Value, known: Known, source: &Source, problems: &mut Vec<Problem>) {
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if known.is_cluster_wide() {
        if metadata.remove("namespace").is_some() {
            problems.push(source.warning("metadata.namespace", "the kind has no namespace; this is ignored"));
        }
    } else if metadata.get("namespace").and_then(Value::as_str).is_none_or(str::is_empty) {
        metadata.insert("namespace".into(), "default".into());
    }
}

/// One object of a kind that is known beforehand, at any place of a larger document.
pub(crate) fn typed_in<T: OfKind>(file: &Arc<str>, node: &Node, problems: &mut Vec<Problem>) -> Option<Located<T>> {
    let mut parsed = Parsed::default();
    object(file, Arc::new(node.clone()), &mut parsed);
    problems.append(&mut parsed.problems);
    let object = parsed.objects.pop()?;
    let found = object.value.title();
    match T::of(object.value) {
        Some(value) => Some(Located { value, source: object.source }),
        None => {
            problems.push(object.source.mismatch("kind", found, T::NAME));
            None
        }
    }
}

/// A kind that can be taken out of an [`Object`].
pub(crate) trait OfKind: Sized {
    /// As written in `kind`.
    const NAME: &'static str;
    /// The object, if it is one.
    fn of(object: Object) -> Option<Self>;
}

impl OfKind for ScaledObject {
    const NAME: &'static str = "a ScaledObject";
    fn of(object: Object) -> Option<Self> {
        match object {
            Object::ScaledObject(object) => Some(*object),
            _ => None,
        }
    }
}

impl OfKind for ScalingPolicy {
    const NAME: &'static str = "a ScalingPolicy";
    fn of(object: Object) -> Option<Self> {
        match object {
            Object::ScalingPolicy(object) => Some(*object),
            _ => None,
        }
    }
}

fn typed<T: DeserializeOwned>(value: Value, source: &Source, problems: &mut Vec<Problem>) -> Option<Box<T>> {
    match serde_json::from_value(value) {
        Ok(object) => Some(Box::new(object)),
        Err(error) => {
            // The cause is known already where the schema found a fault.
            if !has_errors(problems) {
                problems.push(source.error("", format!("cannot be read: {error}")));
            }
            None
        }
    }
}

fn scenario(root: &Node, source: &Source, problems: &mut Vec<Problem>) -> Option<Object> {
    let schema = schema::metadata();
    let mut checker = Checker { root: schema, source, rules: Rules::default(), problems: Vec::new() };
    let metadata = root.get("metadata").and_then(|metadata| checker.check(schema, metadata, "metadata"));
    problems.append(&mut checker.problems);
    for (key, _) in root.entries() {
        if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&key.text.as_str()) {
            problems.push(
                source.error(&key.text, format!("unknown field; {}", suggestion(&key.text, &["metadata", "spec"]))),
            );
        }
    }
    let Some(spec) = root.get("spec").filter(|spec| !spec.is_null()) else {
        problems.push(source.mismatch("spec", "nothing", "a map"));
        return None;
    };
    let mut value = serde_json::json!({"metadata": metadata?});
    set_namespace(&mut value, Known::Scenario, source, problems);
    let metadata = *typed(value.get_mut("metadata").map(Value::take)?, source, problems)?;
    Some(Object::Scenario(Box::new(Scenario { metadata, spec: spec.to_json() })))
}

/// `metadata.name` and `namespace` as the API server wants them.
fn check_name(root: &Node, source: &Source, problems: &mut Vec<Problem>) {
    let metadata = root.get("metadata");
    let part = |name| metadata.and_then(|metadata| metadata.get(name)).and_then(Node::as_str);
    let rule = "lower-case letters, digits, - and . only, with a letter or digit at both ends, at most 253 characters";
    match part("name") {
        Some(name) if is_dns_subdomain(name) => {}
        Some(name) => problems.push(source.mismatch("metadata.name", format!("{name:?}"), rule)),
        None if metadata.and_then(|metadata| metadata.get("name")).is_some_and(|name| !name.is_null()) => {}
        None if part("generateName").is_some() => {
            problems.push(source.error("metadata.generateName", "names are not generated here; give metadata.name"));
        }
        // Without any metadata the schema has said so already.
        None if metadata.is_none_or(Node::is_null) => {}
        None => problems.push(source.mismatch("metadata.name", "nothing", "a name")),
    }
    if let Some(namespace) = part("namespace").filter(|namespace| !namespace.is_empty())
        && (!is_dns_subdomain(namespace) || namespace.contains('.') || namespace.len() > 63)
    {
        let rule = "lower-case letters, digits and - only, at most 63 characters";
        problems.push(source.mismatch("metadata.namespace", format!("{namespace:?}"), rule));
    }
}

fn is_dns_subdomain(name: &str) -> bool {
    let part_is_fine = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    name.len() <= 253 && name.split('.').all(part_is_fine)
}
