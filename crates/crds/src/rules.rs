//! What KEDA's admission checks of one ScaledObject by itself, beyond its schema. Findings bear KEDA's reason; a warning's is
//! empty.

use std::collections::HashMap;

use tidegate_engine::Mode;

use crate::admission::{Refusal, reason};
use crate::object::{Located, Source};
use crate::problem::Problem;
use crate::scaled_object::{FallbackKind, ScaledObject, ScaledObjectSpec, Trigger, TriggerMetricType};

/// KEDA's default for `maxReplicaCount`.
pub(crate) const DEFAULT_MAX: u32 = 100;

/// The longest name of a ScaledObject, and of a HorizontalPodAutoscaler.
const LONGEST_NAME: usize = 63;

/// Whether KEDA serves this trigger type from resource metrics, so that it has no external metric.
pub(crate) fn is_resource_trigger(kind: &str) -> bool {
    matches!(kind, "cpu" | "memory")
}

/// Whether a formula replaces the triggers' own targets.
pub(crate) fn has_formula(spec: &ScaledObjectSpec) -> bool {
    spec.advanced
        .as_ref()
        .and_then(|advanced| advanced.scaling_modifiers.as_ref())
        .is_some_and(|modifiers| !modifiers.formula.trim().is_empty())
}

/// The name of a ScaledObject's HorizontalPodAutoscaler: as given, or `keda-hpa-` and the object's name.
#[must_use]
pub fn hpa_name(object: &ScaledObject) -> String {
    let given = object.spec.advanced.as_ref().and_then(|advanced| advanced.horizontal_pod_autoscaler_config.as_ref());
    match given.and_then(|config| config.name.as_deref()).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => format!("keda-hpa-{}", object.metadata.name.as_deref().unwrap_or_default()),
    }
}

/// All of the rules.
pub(crate) fn check(object: &Located<&ScaledObject>, mode: Mode, found: &mut Vec<Refusal>) {
    names(object, found);
    bounds(object, found);
    check_triggers(&object.value.spec.triggers, &object.source, found);
    scale_to_zero(object, found);
    fallback(object, found);
    idle_settings(object, mode, found);
}

fn push(found: &mut Vec<Refusal>, reason: &'static str, problem: Problem) {
    found.push(Refusal { reason, problem });
}

fn names(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let name = object.value.metadata.name.as_deref().unwrap_or_default();
    if name.len() > LONGEST_NAME {
        let message = format!("the name has {} characters; a ScaledObject's may have {LONGEST_NAME}", name.len());
        push(found, reason::NAME, object.source.error("metadata.name", message));
        return;
    }
    let hpa = hpa_name(object.value);
    if hpa.len() > LONGEST_NAME {
        let field = "spec.advanced.horizontalPodAutoscalerConfig.name";
        let message = format!(
            "the HorizontalPodAutoscaler's name {hpa:?} has {} characters and may have {LONGEST_NAME}; give a shorter one here",
            hpa.len()
        );
        push(found, reason::HPA_NAME, object.source.error(field, message));
    }
}

fn bounds(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let spec = &object.value.spec;
    let min = spec.min_replica_count.unwrap_or(0);
    let max = spec.max_replica_count.unwrap_or(DEFAULT_MAX);
    if min > max {
        let default = if spec.max_replica_count.is_none() { " (its default)" } else { "" };
        let expected = format!("at most maxReplicaCount, which is {max}{default}");
        let problem = object.source.mismatch("spec.minReplicaCount", min.to_string(), expected);
        push(found, reason::REPLICAS, problem);
    }
    if let Some(idle) = spec.idle_replica_count {
        // An explicit 0 counts as 1 here, so that idle 0 with min 0 is taken; it says the same as no idle at all.
        let bound = spec.min_replica_count.map_or(0, |min| min.max(1));
        if idle >= bound {
            let expected = match spec.min_replica_count {
                Some(min) => format!("less than minReplicaCount, which is {min}"),
                None => {
                    "less than minReplicaCount, which is not given and so 0; give both or leave this out".to_owned()
                }
            };
            let problem = object.source.mismatch("spec.idleReplicaCount", idle.to_string(), expected);
            push(found, reason::REPLICAS, problem);
        }
    }
}

/// Names, cached metrics and metric types; of ScaledObjects and ScaledJobs.
pub(crate) fn check_triggers(triggers: &[Trigger], source: &Source, found: &mut Vec<Refusal>) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (index, trigger) in triggers.iter().enumerate() {
        let base = format!("spec.triggers[{index}]");
        if let Some(name) = trigger.name.as_deref().filter(|name| !name.is_empty())
            && let Some(first) = names.insert(name, index)
        {
            let message = format!("found {name:?} a second time; spec.triggers[{first}] has the same name");
            push(found, reason::TRIGGERS, source.error(&format!("{base}.name"), message));
        }
        if trigger.use_cached_metrics && matches!(trigger.kind.as_str(), "cpu" | "memory" | "cron") {
            let message = format!("a trigger of type {} has no cached metrics; remove this", trigger.kind);
            push(found, reason::TRIGGERS, source.error(&format!("{base}.useCachedMetrics"), message));
        }
        if trigger.metric_type == Some(TriggerMetricType::Utilization) && !is_resource_trigger(&trigger.kind) {
            let expected = "AverageValue or Value; Utilization is only for cpu and memory";
            let problem = source.mismatch(&format!("{base}.metricType"), "\"Utilization\"", expected);
            push(found, reason::TRIGGERS, problem);
        }
    }
}

fn scale_to_zero(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let spec = &object.value.spec;
    let only_resources =
        !spec.triggers.is_empty() && spec.triggers.iter().all(|trigger| is_resource_trigger(&trigger.kind));
    if !only_resources || spec.min_replica_count.unwrap_or(0) > 0 {
        return;
    }
    // KEDA knows only these two well enough to refuse.
    if matches!(spec.scale_target_ref.kind(), "Deployment" | "StatefulSet") {
        let expected = "at least 1: cpu and memory cannot be measured at zero replicas, so one other trigger is needed to scale to zero";
        let problem = object.source.mismatch("spec.minReplicaCount", "0", expected);
        push(found, reason::SCALE_TO_ZERO, problem);
    } else {
        let message =
            "0 has no effect: cpu and memory cannot be measured at zero replicas, so one replica always stays";
        push(found, "", object.source.warning("spec.minReplicaCount", message));
    }
}

fn fallback(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let spec = &object.value.spec;
    let Some(fallback) = &spec.fallback else { return };
    let formula = has_formula(spec);
    if !formula && spec.triggers.iter().all(|trigger| is_resource_trigger(&trigger.kind)) {
        let message = "cpu and memory triggers have no fallback; add another trigger or remove this";
        push(found, reason::FALLBACK, object.source.error("spec.fallback", message));
    }
    if fallback.behavior == FallbackKind::ScalingModifiers && !formula {
        let message = "scalingModifiers needs a formula in spec.advanced.scalingModifiers.formula";
        push(found, reason::FORMULA_FALLBACK, object.source.error("spec.fallback.behavior", message));
    }
}

fn idle_settings(object: &Located<&ScaledObject>, mode: Mode, found: &mut Vec<Refusal>) {
    let spec = &object.value.spec;
    let never_idle = spec.min_replica_count.unwrap_or(0) > 0 && spec.idle_replica_count.is_none();
    if never_idle && spec.cooldown_period.is_some() {
        let message = "has no effect: minReplicaCount is above 0 and there is no idleReplicaCount";
        push(found, "", object.source.warning("spec.cooldownPeriod", message));
    }
    let cached = spec.triggers.iter().any(|trigger| trigger.use_cached_metrics);
    if never_idle && mode == Mode::Hpa && spec.polling_interval.is_some() && !cached {
        let message = "has no effect in mode hpa: minReplicaCount is above 0, there is no idleReplicaCount and no trigger has useCachedMetrics";
        push(found, "", object.source.warning("spec.pollingInterval", message));
    }
}
