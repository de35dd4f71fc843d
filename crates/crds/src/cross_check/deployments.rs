//! What the API server checks of a Deployment beyond its schema, and what its pods need to start.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::configs::Configs;
use crate::env::{self, PodFacts};
use crate::object::Located;
use crate::problem::Problem;

/// Selector, containers and their environment.
pub(super) fn check(deployment: &Located<&Deployment>, configs: &Configs, problems: &mut Vec<Problem>) {
    let Some(spec) = &deployment.value.spec else {
        problems.push(deployment.source.mismatch("spec", "nothing", "a map"));
        return;
    };
    let none = BTreeMap::new();
    let labels = spec.template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref()).unwrap_or(&none);
    if is_empty(&spec.selector) {
        problems.push(deployment.source.mismatch(
            "spec.selector",
            "an empty selector",
            "the pods' labels, as matchLabels",
        ));
    } else if !selects(&spec.selector, labels) {
        let message = "does not select the pods of spec.template.metadata.labels; the two must agree";
        problems.push(deployment.source.error("spec.selector", message));
    }
    let containers = env::containers(deployment.value);
    if containers.is_empty() {
        problems.push(deployment.source.mismatch("spec.template.spec.containers", "nothing", "at least one container"));
    }
    // Limits that are not given are the machine's; that there are some is all that counts here.
    let pod = PodFacts { machine_cpus: 1.0, machine_memory: 1.0, ..PodFacts::default() };
    for (index, container) in containers.iter().enumerate() {
        if containers.iter().take(index).any(|other| other.name == container.name) {
            let field = format!("spec.template.spec.containers[{index}].name");
            let message = format!("found {:?} a second time; names of containers must differ", container.name);
            problems.push(deployment.source.error(&field, message));
        }
        if let Err(found) = env::resolve(deployment, index, &pod, configs) {
            problems.extend(found);
        }
    }
}

fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        && selector.match_expressions.iter().flatten().all(|requirement| meets(requirement, labels))
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let listed = value.is_some_and(|value| requirement.values.iter().flatten().any(|candidate| candidate == value));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}
