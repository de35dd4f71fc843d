//! The case file of `tidegate decide`: one question to the engine in one YAML document.
//!
//! ```yaml
//! now: 2026-01-01T00:10:00Z
//! policy: {}               # a ScaledObject; or policyFile: a path
//! scalingPolicy: {}        # optional
//! workload: {replicas: 3, readyReplicas: 3}
//! readings:                # by trigger name, or s0, s1, ... by position
//!   s0: {value: 120, parallelism: 10}
//!   s1: {error: "connection refused"}
//! history: {}              # optional
//! ```

mod raw;
mod readings;

use std::sync::Arc;

use serde_json::Value;
use tidegate_engine::{ReadError, Reading, SavedState, Timestamp, Workload};

use crate::node::{Key, Node, NodeKind, Scalar};
use crate::object::{Located, Source};
use crate::parse::{of_text, typed_in};
use crate::problem::{Problem, has_errors};
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;
use crate::schema::{Checker, Rules};
use crate::yaml;

use raw::RawCase;

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// When it is asked.
    pub now: Timestamp,
    /// The ScaledObject, or where it is.
    pub policy: CasePolicy,
    /// A ScalingPolicy that is attached to it.
    pub scaling_policy: Option<Located<ScalingPolicy>>,
    /// The workload's counts.
    pub workload: Workload,
    readings: Vec<(String, Result<Reading, ReadError>)>,
    failures: Vec<(String, u32)>,
    history: SavedState,
}

/// A case's ScaledObject.
#[derive(Clone, Debug, PartialEq)]
pub enum CasePolicy {
    /// `policy`: in the case itself.
    Inline(Box<Located<ScaledObject>>),
    /// `policyFile`: a manifest's path, relative to the case's file.
    File(String),
}

/// A case's readings and history, by the triggers' places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// What each trigger's source said; `None`: the case does not say.
    pub readings: Vec<Option<Result<Reading, ReadError>>>,
    /// What happened before.
    pub history: SavedState,
}

/// Reads all cases of a text; goes on with the next document after an error.
#[must_use]
pub fn parse(file: &str, text: &str) -> (Vec<Located<Case>>, Vec<Problem>) {
    let file: Arc<str> = file.into();
    let (nodes, faults) = yaml::documents(text);
    let mut problems: Vec<Problem> = faults.into_iter().map(|fault| of_text(&file, fault)).collect();
    let mut cases = Vec::new();
    for node in nodes {
        let source = Source { file: file.clone(), object: "".into(), root: Some(Arc::new(node)) };
        let mut found = Vec::new();
        let case = document(&source, &mut found);
        if let (Some(value), false) = (case, has_errors(&found)) {
            cases.push(Located { value, source });
        }
        problems.extend(found);
    }
    problems.sort_by_key(|problem| problem.line);
    (cases, problems)
}

/// Finds the triggers that a case's readings and failures are about.
///
/// # Errors
/// Names that no trigger has, and triggers that are given two readings.
pub fn resolve(case: &Located<Case>, scaled_object: &ScaledObject) -> Result<Resolved, Vec<Problem>> {
    let triggers = &scaled_object.spec.triggers;
    let mut problems = Vec::new();
    let mut resolved = Resolved { readings: vec![None; triggers.len()], history: case.value.history.clone() };
    let mut failures = vec![0; triggers.len()];
    for (name, outcome) in &case.value.readings {
        if let Some(index) = readings::index(scaled_object, name, "readings", &case.source, &mut problems) {
            match resolved.readings.get_mut(index) {
                Some(slot) if slot.is_none() => *slot = Some(outcome.clone()),
                _ => {
                    let field = crate::path::join("readings", name);
                    problems.push(case.source.error(&field, format!("the trigger {index} has two readings; give one")));
                }
            }
        }
    }
    for (name, count) in &case.value.failures {
        if let Some(index) = readings::index(scaled_object, name, "history.failures", &case.source, &mut problems)
            && let Some(slot) = failures.get_mut(index)
        {
            *slot = *count;
        }
    }
    resolved.history.failures = failures;
    if problems.is_empty() { Ok(resolved) } else { Err(problems) }
}

fn document(source: &Source, problems: &mut Vec<Problem>) -> Option<Case> {
    let root = source.root.clone()?;
    let raw: RawCase = checked(source, &root, problems)?;
    let now = raw.now.parse().ok()?;
    let policy = policy(&raw, &root, source, problems);
    let scaling_policy = match root.get("scalingPolicy") {
        Some(node) if !node.is_null() => {
            let node = with_defaults(node, "ScalingPolicy", "tidegate.dev/v1alpha1");
            Some(typed_in::<ScalingPolicy>(&source.file, &node, problems)?)
        }
        _ => None,
    };
    let readings = readings::read(&root, now, source, problems);
    let workload = raw.workload.counts(source, problems);
    let failures = raw.history.failures.iter().map(|(name, count)| (name.clone(), *count)).collect();
    let history = raw.history.saved(source, problems)?;
    Some(Case { now, policy: policy?, scaling_policy, workload, readings, failures, history })
}

/// The document as [`RawCase`], after its schema's check.
fn checked(source: &Source, root: &Node, problems: &mut Vec<Problem>) -> Option<RawCase> {
    if root.entries().is_empty() {
        problems.push(source.mismatch("", root.describe(), "a case with now, policy, workload and readings"));
        return None;
    }
    let schema = raw::schema();
    let mut checker = Checker { root: schema, source, rules: Rules::default(), problems: Vec::new() };
    let value = checker.check(schema, root, "");
    let failed = has_errors(&checker.problems);
    problems.append(&mut checker.problems);
    let value = value.filter(|_| !failed)?;
    serde_json::from_value(value)
        .map_err(|error| problems.push(source.error("", format!("the case cannot be read: {error}"))))
        .ok()
}

fn policy(raw: &RawCase, root: &Node, source: &Source, problems: &mut Vec<Problem>) -> Option<CasePolicy> {
    match (&raw.policy, &raw.policy_file) {
        (Value::Null, None) => {
            problems.push(source.mismatch("policy", "nothing", "a ScaledObject, or policyFile with the path of one"));
            None
        }
        (Value::Null, Some(path)) => Some(CasePolicy::File(path.clone())),
        (_, Some(_)) => {
            problems.push(source.error("policyFile", "given together with policy; give one of the two"));
            None
        }
        (_, None) => {
            let node = with_defaults(root.get("policy")?, "ScaledObject", "keda.sh/v1alpha1");
            typed_in(&source.file, &node, problems).map(|object| CasePolicy::Inline(Box::new(object)))
        }
    }
}

/// A case may leave out what does not matter to a decision: apiVersion, kind, the name and the workload's name.
fn with_defaults(node: &Node, kind: &str, api_version: &str) -> Node {
    let mut node = node.clone();
    set_default(&mut node, &["apiVersion"], api_version);
    set_default(&mut node, &["kind"], kind);
    set_default(&mut node, &["metadata", "name"], "case");
    let target = if kind == "ScaledObject" { "scaleTargetRef" } else { "targetRef" };
    set_default(&mut node, &["spec", target, "name"], "case");
    node
}

fn set_default(node: &mut Node, path: &[&str], value: &str) {
    let (line, column) = (node.line, node.column);
    let NodeKind::Mapping(entries) = &mut node.kind else { return };
    let Some((first, rest)) = path.split_first() else { return };
    let key = Key { text: (*first).to_owned(), line, column };
    let place = entries.iter().position(|(key, _)| key.text == *first);
    match (place, rest.is_empty()) {
        (Some(_), true) => {}
        (Some(place), false) => {
            if let Some((_, child)) = entries.get_mut(place) {
                set_default(child, rest, value);
            }
        }
        (None, true) => {
            let kind = NodeKind::Scalar { text: value.to_owned(), scalar: Scalar::Text };
            entries.push((key, Node { line, column, kind }));
        }
        // A spec that is not there at all has a problem of its own.
        (None, false) if *first == "spec" => {}
        (None, false) => {
            let mut child = Node { line, column, kind: NodeKind::Mapping(Vec::new()) };
            set_default(&mut child, rest, value);
            entries.push((key, child));
        }
    }
}
