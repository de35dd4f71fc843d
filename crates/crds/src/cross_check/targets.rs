//! What a ScaledObject scales: that it exists, and that nobody else scales it.

use std::collections::HashMap;

use super::place;
use crate::annotations::{TRANSFER_HPA, flag};
use crate::authentication::find_deployment;
use crate::nearest::suggestion;
use crate::node::Node;
use crate::object::{Located, Object};
use crate::problem::Problem;
use crate::rules::hpa_name;
use crate::scaled_object::ScaledObject;

const KIND: &str = "spec.scaleTargetRef.kind";
const NAME: &str = "spec.scaleTargetRef.name";

/// The target is a Deployment among `objects`.
pub(super) fn exists(objects: &[Located<Object>], object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) {
    let target = &object.value.spec.scale_target_ref;
    if target.kind() != "Deployment" {
        let expected = "\"Deployment\", the only kind that can be run on one machine";
        problems.push(object.source.mismatch(KIND, format!("{:?}", target.kind()), expected));
        return;
    }
    if target.api_version() != "apps/v1" {
        let found = format!("{:?}", target.api_version());
        problems.push(object.source.mismatch("spec.scaleTargetRef.apiVersion", found, "\"apps/v1\""));
    }
    if find_deployment(objects, object).is_some() {
        return;
    }
    let namespace = object.value.metadata.namespace.as_deref().unwrap_or_default();
    let deployments = || objects.iter().filter(|candidate| candidate.value.kind() == "Deployment");
    let elsewhere = deployments().find(|candidate| candidate.value.name() == target.name);
    let known: Vec<&str> =
        deployments().filter(|candidate| candidate.value.namespace() == namespace).map(|c| c.value.name()).collect();
    let advice = match elsewhere {
        Some(found) => {
            format!("there is one in namespace {:?}; a ScaledObject scales its own namespace", found.value.namespace())
        }
        None if known.is_empty() => "there is none at all".to_owned(),
        None => suggestion(&target.name, &known),
    };
    let message = format!("there is no Deployment named {:?} in namespace {namespace:?}; {advice}", target.name);
    problems.push(object.source.error(NAME, message.trim_end_matches("; ")));
}

/// No two ScaledObjects, and no HorizontalPodAutoscaler, scale one workload or share a HorizontalPodAutoscaler's name.
pub(super) fn shared(objects: &[Located<Object>], problems: &mut Vec<Problem>) {
    let mut by_target: HashMap<(String, String, String), Located<&ScaledObject>> = HashMap::new();
    let mut by_hpa: HashMap<(String, String), Located<&ScaledObject>> = HashMap::new();
    for object in objects.iter().filter_map(Located::scaled_object) {
        let target = &object.value.spec.scale_target_ref;
        let namespace = object.value.metadata.namespace.clone().unwrap_or_default();
        let kind = format!("{}.{}", target.api_version(), target.kind());
        let key = (namespace.clone(), kind.clone(), target.name.clone());
        if let Some(first) = by_target.get(&key) {
            // The same object given twice has been told as that.
            if first.source.object == object.source.object {
                continue;
            }
            let message =
                format!("the workload {:?} of type {kind} is already scaled by {}", target.name, place(first));
            problems.push(object.source.error(NAME, message));
            continue;
        }
        let hpa_key = (namespace, hpa_name(object.value));
        if let Some(first) = by_hpa.get(&hpa_key) {
            let message =
                format!("the HorizontalPodAutoscaler's name {:?} is already used by {}", hpa_key.1, place(first));
            problems.push(object.source.error("spec.advanced.horizontalPodAutoscalerConfig.name", message));
        }
        foreign_hpa(objects, &object, problems);
        by_hpa.insert(hpa_key, object.clone());
        by_target.insert(key, object);
    }
}

fn foreign_hpa(objects: &[Located<Object>], object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) {
    let target = &object.value.spec.scale_target_ref;
    let namespace = object.value.metadata.namespace.as_deref().unwrap_or_default();
    let hpas = objects.iter().filter(|candidate| candidate.value.kind() == "HorizontalPodAutoscaler");
    for hpa in hpas.filter(|hpa| hpa.value.metadata().namespace.as_deref().unwrap_or("default") == namespace) {
        let written = |path: &str| hpa.source.root.as_ref().and_then(|root| root.at(path)).and_then(Node::as_str);
        let same = written("spec.scaleTargetRef.name") == Some(&target.name)
            && written("spec.scaleTargetRef.kind") == Some(target.kind());
        let annotations = hpa.value.metadata().annotations.as_ref();
        let excluded =
            annotations.and_then(|a| a.get("validations.keda.sh/hpa-ownership")).is_some_and(|v| v == "false");
        if !same || excluded {
            continue;
        }
        // A value that is no boolean has been warned about where the annotations are read.
        let taken_over = flag(object, TRANSFER_HPA, &mut Vec::new()) && hpa_name(object.value) == hpa.value.name();
        if !taken_over {
            let message = format!(
                "the workload {:?} is already scaled by {}; remove it, or take it over with the annotation {TRANSFER_HPA}: \"true\" \
                 and its name in spec.advanced.horizontalPodAutoscalerConfig.name",
                target.name,
                place(hpa)
            );
            problems.push(object.source.error(NAME, message));
        }
    }
}
