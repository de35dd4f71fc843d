//! What can only be seen by looking at all objects together.

mod deployments;
mod targets;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidegate_engine::{MetricTarget, Mode};

use crate::admission::check_authentication;
use crate::authentication::trigger_sources;
use crate::configs::{BROKER_ADDRESS_KEY, BROKER_CONFIG_MAP, Configs};
use crate::nearest::suggestion;
use crate::object::{Located, Object};
use crate::policy::{TriggerTarget, policy};
use crate::problem::Problem;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;

/// Checks all objects of all files together: references, doubles, and every rule of KEDA's admission that needs no
/// cluster, including what [`policy`] says of each ScaledObject. In the order of the objects, without repetitions.
#[must_use]
pub fn cross_check(objects: &[Located<Object>]) -> Vec<Problem> {
    let mut configs = Configs::new(objects);
    if objects.iter().any(uses_embedded_broker) {
        configs.provide(BROKER_CONFIG_MAP, [(BROKER_ADDRESS_KEY, "")]);
    }
    let mut problems = Vec::new();
    doubles(objects, &mut problems);
    for object in objects {
        match &object.value {
            Object::ScaledObject(_) => {
                if let Some(scaled_object) = object.scaled_object() {
                    check_scaled_object(objects, &scaled_object, &configs, &mut problems);
                }
            }
            Object::Deployment(_) => {
                if let Some(deployment) = object.deployment() {
                    deployments::check(&deployment, &configs, &mut problems);
                }
            }
            Object::ScalingPolicy(_) => {
                if let Some(scaling_policy) = object.scaling_policy() {
                    check_scaling_policy(objects, &scaling_policy, &mut problems);
                }
            }
            Object::TriggerAuthentication(found) => {
                problems
                    .extend(check_authentication(&found.metadata, &found.spec, false, &object.source).into_problems());
            }
            Object::ClusterTriggerAuthentication(found) => {
                problems
                    .extend(check_authentication(&found.metadata, &found.spec, true, &object.source).into_problems());
            }
            _ => {}
        }
    }
    targets::shared(objects, &mut problems);
    let wrong: HashSet<(Option<String>, String)> =
        problems.iter().filter(|problem| problem.is_error()).map(|p| (p.object.clone(), p.field.clone())).collect();
    let mut seen = HashSet::new();
    // A warning beside an error of the same field would only repeat it.
    problems.retain(|problem| {
        let repeats = !problem.is_error() && wrong.contains(&(problem.object.clone(), problem.field.clone()));
        !repeats && seen.insert(problem.to_string())
    });
    problems
}

/// [`cross_check`] of objects some of which have errors of their own: `broken` are those, as far as they were understood,
/// and `known` is what was said of them. What only follows from a field that is wrong by itself is not said.
#[must_use]
pub fn cross_check_all(objects: &[Located<Object>], broken: &[Located<Object>], known: &[Problem]) -> Vec<Problem> {
    if broken.is_empty() {
        return cross_check(objects);
    }
    let all: Vec<Located<Object>> = objects.iter().chain(broken).cloned().collect();
    let mut problems = cross_check(&all);
    problems.retain(|problem| !known.iter().any(|known| known.is_error() && known.concerns(problem)));
    problems
}

/// The ScalingPolicy that is attached to a ScaledObject.
#[must_use]
pub fn find_scaling_policy<'a>(
    objects: &'a [Located<Object>],
    scaled_object: &Located<&ScaledObject>,
) -> Option<Located<&'a ScalingPolicy>> {
    let metadata = &scaled_object.value.metadata;
    objects.iter().filter_map(Located::scaling_policy).find(|policy| {
        policy.value.metadata.namespace == metadata.namespace
            && Some(&policy.value.spec.target_ref.name) == metadata.name.as_ref()
    })
}

/// A Scenario without `bootstrapServers` has `tidegate up` start the embedded broker.
fn uses_embedded_broker(object: &Located<Object>) -> bool {
    match &object.value {
        Object::Scenario(scenario) => scenario.spec.get("bootstrapServers").is_none(),
        _ => false,
    }
}

fn check_scaled_object(
    objects: &[Located<Object>],
    object: &Located<&ScaledObject>,
    configs: &Configs,
    problems: &mut Vec<Problem>,
) {
    targets::exists(objects, object, problems);
    let triggers = object.value.spec.triggers.len();
    for trigger in 0..triggers {
        if let Err(found) = trigger_sources(objects, object, trigger, configs) {
            problems.extend(found);
        }
    }
    let stand_in = |index: usize| TriggerTarget {
        index,
        metric: format!("s{index}").into(),
        kind: Arc::from(object.value.spec.triggers.get(index).map_or("", |trigger| trigger.kind.as_str())),
        target: MetricTarget::AverageValue(1.0),
        activation: 0.0,
        source: 0,
        time_limit: None,
    };
    let stand_ins: Vec<TriggerTarget> = (0..triggers).map(stand_in).collect();
    let scaling_policy = find_scaling_policy(objects, object);
    match policy(object, scaling_policy.as_ref(), &stand_ins, Mode::Direct) {
        Ok((_, found)) | Err(found) => problems.extend(found),
    }
}

fn check_scaling_policy(objects: &[Located<Object>], object: &Located<&ScalingPolicy>, problems: &mut Vec<Problem>) {
    let target = &object.value.spec.target_ref;
    if let Some(group) = target.group.as_deref().filter(|group| *group != "keda.sh") {
        problems.push(object.source.mismatch("spec.targetRef.group", format!("{group:?}"), "\"keda.sh\""));
    }
    let namespace = object.value.metadata.namespace.as_deref().unwrap_or_default();
    let names: Vec<&str> = objects
        .iter()
        .filter(|candidate| candidate.value.kind() == "ScaledObject" && candidate.value.namespace() == namespace)
        .map(|candidate| candidate.value.name())
        .collect();
    if !names.contains(&target.name.as_str()) {
        let advice =
            if names.is_empty() { "there is none at all".to_owned() } else { suggestion(&target.name, &names) };
        let message = format!("there is no ScaledObject named {:?} in namespace {namespace:?}; {advice}", target.name);
        problems.push(object.source.error("spec.targetRef.name", message.trim_end_matches("; ")));
    }
    let first = objects.iter().filter_map(Located::scaling_policy).find(|other| {
        other.value.metadata.namespace == object.value.metadata.namespace
            && other.value.spec.target_ref.name == target.name
    });
    if let Some(first) = first.filter(|first| first.source.object != object.source.object) {
        let message = format!("{} is attached to the same ScaledObject; only one can be", place(&first));
        problems.push(object.source.error("spec.targetRef.name", message));
    }
}

/// Two objects of one kind, namespace and name.
fn doubles(objects: &[Located<Object>], problems: &mut Vec<Problem>) {
    let mut first: HashMap<String, &Located<Object>> = HashMap::new();
    for object in objects {
        if let Some(earlier) = first.get(&object.value.title()) {
            let message = format!("given a second time; the first is {}", place(earlier));
            problems.push(object.source.error("metadata.name", message));
        } else {
            first.insert(object.value.title(), object);
        }
    }
}

/// `Kind namespace/name (file:line)`.
fn place<T>(object: &Located<T>) -> String {
    let (line, _) = object.source.line_of("").unwrap_or_default();
    format!("{} ({}:{line})", object.source.object, object.source.file)
}
