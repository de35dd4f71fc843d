//! Whether the HorizontalPodAutoscaler that there is differs from the one that there should be, in what it means and not
//! in how it is written.
//!
//! What the API server fills in counts as written by us, quantities are compared as numbers, and neither labels and
//! annotations of others nor another version in the version label are a difference: an upgrade, and taking over from
//! KEDA, write nothing.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior, MetricSpec,
    MetricTarget,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::watches::{HpaBrief, Packed};

const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// What differs, for the log; `None`: nothing. `earlier` is what we wrote last, by which labels and annotations that are
/// ours no more are told from those of others.
pub(crate) fn differs(
    there: &HpaBrief,
    wanted: &HorizontalPodAutoscaler,
    earlier: Option<&HorizontalPodAutoscaler>,
) -> Option<&'static str> {
    let Some(spec) = there.spec.as_ref().and_then(Packed::value) else { return Some("is not ours yet") };
    let wanted_spec = wanted.spec.clone();
    let owner = wanted.metadata.owner_references.as_ref().and_then(|owners| owners.first());
    if owner.map(|owner| &owner.uid) != there.owner.as_ref().map(|owner| &owner.uid) {
        return Some("owner");
    }
    if spec.min_replicas.unwrap_or(1) != wanted_spec.min_replicas.unwrap_or(1)
        || spec.max_replicas != wanted_spec.max_replicas
    {
        return Some("replicas");
    }
    if spec.scale_target_ref != wanted_spec.scale_target_ref {
        return Some("scaleTargetRef");
    }
    let metrics = |metrics: &Option<Vec<MetricSpec>>| -> Vec<MetricSpec> {
        metrics.iter().flatten().cloned().map(comparable_metric).collect()
    };
    if metrics(&spec.metrics) != metrics(&wanted_spec.metrics) {
        return Some("metrics");
    }
    if spec.behavior.clone().map(complete) != wanted_spec.behavior.map(complete) {
        return Some("behavior");
    }
    let was = |part: fn(&HorizontalPodAutoscaler) -> &Option<BTreeMap<String, String>>| earlier.map(part);
    let labels = |hpa: &HorizontalPodAutoscaler| hpa.metadata.labels.clone().unwrap_or_default();
    let annotations = |hpa: &HorizontalPodAutoscaler| hpa.metadata.annotations.clone().unwrap_or_default();
    if !covers(&there.labels, &labels(wanted), was(|hpa| &hpa.metadata.labels)) {
        return Some("labels");
    }
    if !covers(&there.annotations, &annotations(wanted), was(|hpa| &hpa.metadata.annotations)) {
        return Some("annotations");
    }
    None
}

/// Whether all that is wanted is there, and nothing that was wanted earlier and is not any more.
fn covers(
    there: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    earlier: Option<&Option<BTreeMap<String, String>>>,
) -> bool {
    let there_or_version = |key: &String, value: &String| match there.get(key) {
        Some(found) => found == value || key == VERSION_LABEL,
        None => false,
    };
    wanted.iter().all(|(key, value)| there_or_version(key, value))
        && !earlier.into_iter().flatten().flatten().any(|(key, _)| !wanted.contains_key(key) && there.contains_key(key))
}

/// A quantity in one form for all ways of writing it.
fn plain(quantity: Quantity) -> Quantity {
    match tidegate_crds::quantity(&quantity.0) {
        Some(amount) => Quantity(amount.to_string()),
        None => quantity,
    }
}

fn comparable_target(mut target: MetricTarget) -> MetricTarget {
    target.average_value = target.average_value.map(plain);
    target.value = target.value.map(plain);
    target
}

fn comparable_metric(mut metric: MetricSpec) -> MetricSpec {
    if let Some(source) = &mut metric.external {
        source.target = comparable_target(std::mem::take(&mut source.target));
    }
    if let Some(source) = &mut metric.resource {
        source.target = comparable_target(std::mem::take(&mut source.target));
    }
    if let Some(source) = &mut metric.container_resource {
        source.target = comparable_target(std::mem::take(&mut source.target));
    }
    metric
}

/// With what the API server fills in where there is a behaviour.
fn complete(given: HorizontalPodAutoscalerBehavior) -> HorizontalPodAutoscalerBehavior {
    let policy = |kind: &str, value| HPAScalingPolicy { type_: kind.to_owned(), value, period_seconds: 15 };
    let up = vec![policy("Pods", 4), policy("Percent", 100)];
    let down = vec![policy("Percent", 100)];
    HorizontalPodAutoscalerBehavior {
        scale_up: Some(filled(given.scale_up, up, Some(0))),
        scale_down: Some(filled(given.scale_down, down, None)),
    }
}

fn filled(given: Option<HPAScalingRules>, policies: Vec<HPAScalingPolicy>, window: Option<i32>) -> HPAScalingRules {
    let given = given.unwrap_or_default();
    HPAScalingRules {
        policies: Some(given.policies.unwrap_or(policies)),
        select_policy: Some(given.select_policy.unwrap_or_else(|| "Max".to_owned())),
        stabilization_window_seconds: given.stabilization_window_seconds.or(window),
        tolerance: given.tolerance.map(plain),
    }
}

#[cfg(test)]
mod tests;
