//! cpu and memory are measured against what containers request, so that something must be requested.

use super::facts::{Containers, Facts};
use super::{Refusal, reason};
use crate::object::Located;
use crate::rules::is_resource_trigger;
use crate::scaled_object::ScaledObject;

/// Whether a webhook has to look for the workload's containers (and LimitRanges) before it asks for a verdict: there is a
/// cpu or memory trigger, and the target is of a kind whose pods can be seen. Not needed for a dry run, as in KEDA.
#[must_use]
pub fn needs_containers(object: &ScaledObject) -> bool {
    let target = &object.spec.scale_target_ref;
    target.api_version().starts_with("apps/")
        && matches!(target.kind(), "Deployment" | "StatefulSet")
        && object.spec.triggers.iter().any(|trigger| is_resource_trigger(&trigger.kind))
}

pub(super) fn check(object: &Located<&ScaledObject>, facts: &dyn Facts, found: &mut Vec<Refusal>) {
    if !needs_containers(object.value) {
        return;
    }
    let containers = match facts.containers(object.value) {
        Containers::Unknown => return,
        Containers::Known(containers) => containers,
        Containers::Missing => {
            let target = &object.value.spec.scale_target_ref;
            let message = format!(
                "there is no {} named {:?}, so what its containers request cannot be checked for cpu and memory; create it first",
                target.kind(),
                target.name
            );
            let problem = object.source.error("spec.scaleTargetRef.name", message);
            found.push(Refusal { reason: reason::MISSING_REQUESTS, problem });
            return;
        }
    };
    let defaults = facts.limit_range_defaults(object.value).resources;
    for (index, trigger) in object.value.spec.triggers.iter().enumerate() {
        let resource = trigger.kind.as_str();
        if !is_resource_trigger(resource) {
            continue;
        }
        let chosen = trigger.metadata.get("containerName").filter(|name| !name.is_empty());
        if let Some(name) = chosen.filter(|name| containers.iter().all(|container| container.name != **name)) {
            let field = format!("spec.triggers[{index}].metadata.containerName");
            let message = format!(
                "the workload's template has no container named {name:?}; right only if one is added to its pods"
            );
            let problem = object.source.warning(&field, message);
            found.push(Refusal { reason: "", problem });
        }
        let counted = containers.iter().filter(|container| chosen.is_none_or(|name| container.name == *name));
        for container in counted {
            if container.resources.contains(resource) || defaults.contains(resource) {
                continue;
            }
            let message = format!(
                "container {:?} has neither a request nor a limit of {resource}, so its use cannot be measured against \
                 one; set resources.requests.{resource} in the workload, or a default in a LimitRange",
                container.name
            );
            let problem = object.source.error(&format!("spec.triggers[{index}]"), message);
            found.push(Refusal { reason: reason::MISSING_REQUESTS, problem });
        }
    }
}
