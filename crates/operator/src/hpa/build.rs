//! The HorizontalPodAutoscaler that a ScaledObject asks for: pure.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, CrossVersionObjectReference, ExternalMetricSource, HPAScalingPolicy,
    HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec,
    MetricIdentifier, MetricSpec, MetricTarget as HpaTarget, ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use tidegate_crds::admission::hpa_name;
use tidegate_crds::{HpaBehavior, HpaPolicyType, HpaScalingRules, HpaSelectPolicy, IntOrText, ScaledObject};
use tidegate_engine::{MetricTarget, Pause};
use tidegate_scalers::{MetricSpec as TriggerSpec, ResourceMetric};

use crate::watches::MANAGED_BY;

/// The one metric that a formula gives.
pub(crate) const COMPOSITE: &str = "composite-metric";

/// The label by which the external metrics API finds a ScaledObject.
pub(crate) const NAME_LABEL: &str = "scaledobject.keda.sh/name";

const EXCLUDED_LABELS: &str = "scaledobject.keda.sh/hpa-excluded-labels";

/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

/// What the HorizontalPodAutoscaler depends on besides the ScaledObject.
pub(crate) struct Wanted<'a> {
    pub(crate) object: &'a ScaledObject,
    /// Every metric, in the manifest's order.
    pub(crate) metrics: &'a [TriggerSpec],
    /// The formula's target, where there is a formula.
    pub(crate) formula: Option<MetricTarget>,
    pub(crate) pause: Pause,
    /// Of the operator.
    pub(crate) version: &'a str,
}

/// Makes it. `Err` tells of a metric that is there twice.
pub(crate) fn build(wanted: &Wanted<'_>) -> Result<HorizontalPodAutoscaler, String> {
    let object = wanted.object;
    let spec = &object.spec;
    let target = &spec.scale_target_ref;
    let min = spec.min_replica_count.unwrap_or(0).max(1);
    let max = spec.max_replica_count.unwrap_or(100);
    let spec = HorizontalPodAutoscalerSpec {
        min_replicas: Some(whole(min)),
        max_replicas: whole(max),
        scale_target_ref: CrossVersionObjectReference {
            api_version: Some(target.api_version().to_owned()),
            kind: target.kind().to_owned(),
            name: target.name.clone(),
        },
        metrics: Some(metrics(wanted)?),
        behavior: behavior(wanted),
    };
    Ok(HorizontalPodAutoscaler { metadata: metadata(wanted), spec, status: None })
}

fn whole(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn metadata(wanted: &Wanted<'_>) -> ObjectMeta {
    let object = &wanted.object.metadata;
    let name = hpa_name(wanted.object);
    let scaled_object = object.name.clone().unwrap_or_default();
    let mut labels: BTreeMap<String, String> = [
        ("app.kubernetes.io/name", label_value(&name)),
        ("app.kubernetes.io/version", wanted.version.to_owned()),
        ("app.kubernetes.io/part-of", label_value(&scaled_object)),
        (MANAGED_BY.0, MANAGED_BY.1.to_owned()),
        // KEDA puts it on the ScaledObject, from where it comes here with the other labels.
        (NAME_LABEL, label_value(&scaled_object)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let annotations = object.annotations.clone().unwrap_or_default();
    let excluded: Vec<&str> =
        annotations.get(EXCLUDED_LABELS).map(|list| list.split(',').collect()).unwrap_or_default();
    let own = object.labels.iter().flatten().filter(|(key, _)| !excluded.contains(&key.as_str()));
    labels.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    if excluded.contains(&NAME_LABEL) {
        labels.remove(NAME_LABEL);
    }
    ObjectMeta {
        name: Some(name),
        namespace: object.namespace.clone(),
        labels: Some(labels),
        annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        owner_references: Some(vec![OwnerReference {
            api_version: "keda.sh/v1alpha1".to_owned(),
            kind: "ScaledObject".to_owned(),
            name: scaled_object,
            uid: object.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}

/// A name as a label's value can be: cut, and not ending in a dash or dot.
fn label_value(name: &str) -> String {
    let cut: String = name.chars().take(LONGEST_LABEL).collect();
    cut.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

fn metrics(wanted: &Wanted<'_>) -> Result<Vec<MetricSpec>, String> {
    let scaled_object = wanted.object.metadata.name.as_deref().unwrap_or_default();
    let (resources, external): (Vec<&TriggerSpec>, Vec<&TriggerSpec>) =
        wanted.metrics.iter().partition(|metric| metric.resource.is_some());
    let mut metrics: Vec<MetricSpec> =
        resources.iter().filter_map(|metric| resource(metric.resource.as_ref()?, metric.target)).collect();
    if let Some(target) = wanted.formula {
        // As KEDA orders them: what a formula does not replace stands first.
        metrics.sort_by(|a, b| a.type_.cmp(&b.type_));
        metrics.push(external_metric(COMPOSITE, scaled_object, target));
        return Ok(metrics);
    }
    let mut names = Vec::new();
    for metric in external {
        if names.contains(&metric.metric.as_str()) {
            return Err(format!("the metric {:?} is there more than once", metric.metric));
        }
        names.push(metric.metric.as_str());
        metrics.push(external_metric(&metric.metric, scaled_object, metric.target));
    }
    // By type; within a type they stay in the manifest's order.
    metrics.sort_by(|a, b| a.type_.cmp(&b.type_));
    Ok(metrics)
}

fn external_metric(name: &str, scaled_object: &str, target: MetricTarget) -> MetricSpec {
    let amount = Some(Quantity(quantity(target.amount())));
    let target = match target {
        MetricTarget::Value(_) => HpaTarget { type_: "Value".to_owned(), value: amount, ..HpaTarget::default() },
        _ => HpaTarget { type_: "AverageValue".to_owned(), average_value: amount, ..HpaTarget::default() },
    };
    let selector = LabelSelector {
        match_labels: Some([(NAME_LABEL.to_owned(), scaled_object.to_owned())].into()),
        match_expressions: None,
    };
    MetricSpec {
        type_: "External".to_owned(),
        external: Some(ExternalMetricSource {
            metric: MetricIdentifier { name: name.to_owned(), selector: Some(selector) },
            target,
        }),
        ..MetricSpec::default()
    }
}

fn resource(metric: &ResourceMetric, target: MetricTarget) -> Option<MetricSpec> {
    let target = match target {
        MetricTarget::Utilization(_) => HpaTarget {
            type_: "Utilization".to_owned(),
            average_utilization: Some(metric.value.trim().parse().ok()?),
            ..HpaTarget::default()
        },
        _ => HpaTarget {
            type_: "AverageValue".to_owned(),
            average_value: Some(Quantity(metric.value.trim().to_owned())),
            ..HpaTarget::default()
        },
    };
    let name = metric.resource.name().to_owned();
    Some(match &metric.container {
        Some(container) => MetricSpec {
            type_: "ContainerResource".to_owned(),
            container_resource: Some(ContainerResourceMetricSource { name, container: container.clone(), target }),
            ..MetricSpec::default()
        },
        None => MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(ResourceMetricSource { name, target }),
            ..MetricSpec::default()
        },
    })
}

/// An amount as a quantity with at most three decimals, in the form that the API server keeps: `5`, `2500m`, `1k`.
pub(crate) fn quantity(amount: f64) -> String {
    if !amount.is_finite() || amount <= 0.0 {
        return "0".to_owned();
    }
    // Beyond this a float has no thousandths; such a target is never reached anyway.
    let milli = (amount * 1000.0).min(9e15) as i64;
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let mut whole = milli / 1000;
    for suffix in ["", "k", "M", "G", "T", "P"] {
        if whole % 1000 != 0 || whole == 0 || suffix == "P" {
            return format!("{whole}{suffix}");
        }
        whole /= 1000;
    }
    whole.to_string()
}

fn behavior(wanted: &Wanted<'_>) -> Option<HorizontalPodAutoscalerBehavior> {
    let advanced = wanted.object.spec.advanced.as_ref();
    let config = advanced.and_then(|advanced| advanced.horizontal_pod_autoscaler_config.as_ref());
    let given = config.and_then(|config| config.behavior.clone());
    let Pause { scale_in, scale_out, .. } = wanted.pause;
    if given.is_none() && !scale_in && !scale_out {
        return None;
    }
    let HpaBehavior { mut scale_up, mut scale_down } = given.unwrap_or_default();
    if scale_in {
        scale_down.get_or_insert_default().select_policy = Some(HpaSelectPolicy::Disabled);
    }
    if scale_out {
        scale_up.get_or_insert_default().select_policy = Some(HpaSelectPolicy::Disabled);
    }
    Some(HorizontalPodAutoscalerBehavior { scale_up: scale_up.map(rules), scale_down: scale_down.map(rules) })
}

fn rules(given: HpaScalingRules) -> HPAScalingRules {
    let policies = given.policies.map(|policies| {
        let policy = |policy: tidegate_crds::HpaScalingPolicy| HPAScalingPolicy {
            type_: match policy.kind {
                HpaPolicyType::Pods => "Pods".to_owned(),
                HpaPolicyType::Percent => "Percent".to_owned(),
            },
            value: whole(policy.value),
            period_seconds: whole(policy.period_seconds),
        };
        policies.into_iter().map(policy).collect()
    });
    HPAScalingRules {
        policies,
        select_policy: given.select_policy.map(|select| {
            match select {
                HpaSelectPolicy::Max => "Max",
                HpaSelectPolicy::Min => "Min",
                HpaSelectPolicy::Disabled => "Disabled",
            }
            .to_owned()
        }),
        stabilization_window_seconds: given.stabilization_window_seconds.map(whole),
        tolerance: given.tolerance.map(|tolerance| match tolerance {
            IntOrText::Text(text) => Quantity(text),
            IntOrText::Number(number) => Quantity(number.to_string()),
        }),
    }
}

#[cfg(test)]
mod tests;
