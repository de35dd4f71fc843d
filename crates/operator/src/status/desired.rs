//! The status that a ScaledObject should have: pure, from what the parts know and what is there now.
//!
//! Conditions are made here and nowhere else, so that no part can take back what another one wrote. Their types, order
//! and reasons are KEDA's.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tidegate_crds::{Condition, Gvkr, HealthStatus, TriggerActivity};
use tidegate_engine::Timestamp;

use super::findings::Findings;
use super::{Status, reasons};
use crate::watches::HpaScaling;

/// What the controller knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ReconcilePart {
    /// Why the manifest cannot be put to work; what worked before goes on.
    pub(crate) error: Option<Arc<str>>,
    /// Whether an earlier form of it is at work all the same, or this one.
    pub(crate) at_work: bool,
    /// Whether this very form of it is at work, in spite of an error.
    pub(crate) current: bool,
    pub(crate) pause: PausePart,
    pub(crate) target: Option<Gvkr>,
    /// The count found first.
    pub(crate) original: Option<i32>,
    pub(crate) external_metrics: Vec<String>,
    pub(crate) resource_metrics: Vec<String>,
    pub(crate) composite: bool,
    pub(crate) trigger_types: String,
    pub(crate) authentications: String,
    /// The failure threshold, where a fallback is set and can be used.
    pub(crate) fallback_after: Option<u32>,
    /// The HorizontalPodAutoscaler that there should be. `None`: none.
    pub(crate) hpa: HpaPart,
}

/// Which HorizontalPodAutoscaler a ScaledObject has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum HpaPart {
    /// That is not known (any more).
    #[default]
    Unknown,
    /// None, since nobody but us scales.
    None,
    /// This one.
    Named(String),
}

/// What the pause annotations ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PausePart {
    /// Any of them is in force.
    pub(crate) any: bool,
    /// `paused` or `paused-replicas`.
    pub(crate) full: bool,
    /// `paused-replicas`.
    pub(crate) at: Option<u32>,
}

/// Everything that a status is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) reconcile: Option<Arc<ReconcilePart>>,
    pub(crate) findings: Option<Arc<Findings>>,
    pub(crate) hpa: Option<HpaScaling>,
    /// When a trigger was last active.
    pub(crate) last_active: Option<Timestamp>,
}

/// What there should be where `now` is. `None`: nothing may be said yet.
pub(crate) fn desired(now: &Status, parts: &Parts) -> Option<Status> {
    let reconcile = parts.reconcile.as_deref()?;
    let mut status = now.clone();
    if let Some(target) = &reconcile.target {
        status.scale_target_kind = Some(kind_text(target));
        status.scale_target_gvkr = Some(target.clone());
    }
    status.original_replica_count = now.original_replica_count.or(reconcile.original);
    if reconcile.error.is_none() || reconcile.current {
        status.trigger_types_and_metrics(reconcile);
        match &reconcile.hpa {
            HpaPart::Unknown => {}
            HpaPart::None => status.hpa_name = None,
            HpaPart::Named(name) => status.hpa_name = Some(name.clone()),
        }
    }
    status.paused_replica_count = reconcile.pause.at.and_then(|count| i32::try_from(count).ok());
    status.last_active_time = later(now.last_active_time.as_ref(), parts.last_active);
    // While paused nobody polls in KEDA, so what was last said of activity and health stays.
    let findings = parts.findings.as_deref().filter(|_| reconcile.at_work && !reconcile.pause.full);
    if let Some(findings) = findings {
        status.activity(findings);
        status.health(findings, reconcile);
    }
    let before = now.conditions.as_deref().unwrap_or_default();
    let mut conditions = vec![
        ready(before, reconcile, findings),
        active(before, reconcile, findings),
        fallback(before, reconcile, findings),
        paused(before, reconcile),
    ];
    conditions.extend(hpa_active(before, reconcile, parts.hpa.as_ref()));
    status.conditions = Some(conditions);
    Some(status)
}

trait Fill {
    fn trigger_types_and_metrics(&mut self, reconcile: &ReconcilePart);
    fn activity(&mut self, findings: &Findings);
    fn health(&mut self, findings: &Findings, reconcile: &ReconcilePart);
}

impl Fill for Status {
    fn trigger_types_and_metrics(&mut self, reconcile: &ReconcilePart) {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let list = |names: &Vec<String>| (!names.is_empty()).then(|| names.clone());
        self.triggers_types = text(&reconcile.trigger_types);
        self.authentications_types = text(&reconcile.authentications);
        self.external_metric_names = list(&reconcile.external_metrics);
        self.resource_metric_names = list(&reconcile.resource_metrics);
        self.composite_scaler_name = reconcile.composite.then(|| crate::hpa::COMPOSITE.to_owned());
        let named = |metric: &String| reconcile.external_metrics.contains(metric);
        let keep = |map: BTreeMap<String, TriggerActivity>| Some(map).filter(|map| !map.is_empty());
        self.triggers_activity = self.triggers_activity.take().and_then(|mut map| {
            map.retain(|metric, _| named(metric));
            keep(map)
        });
        self.health = self.health.take().and_then(|mut map| {
            map.retain(|metric, _| named(metric));
            Some(map).filter(|map| !map.is_empty())
        });
    }

    fn activity(&mut self, findings: &Findings) {
        let told = findings.triggers.iter().filter(|trigger| !trigger.unread);
        let told =
            told.map(|trigger| (trigger.metric.to_string(), TriggerActivity { is_active: Some(trigger.active) }));
        let mut map = self.triggers_activity.take().unwrap_or_default();
        map.extend(told);
        map.retain(|metric, _| findings.triggers.iter().any(|trigger| *trigger.metric == **metric));
        self.triggers_activity = Some(map).filter(|map| !map.is_empty());
    }

    fn health(&mut self, findings: &Findings, reconcile: &ReconcilePart) {
        let Some(threshold) = reconcile.fallback_after else { return };
        let mut map = self.health.take().unwrap_or_default();
        for trigger in findings.triggers.iter().filter(|trigger| !trigger.unread) {
            let happy = trigger.failures == 0;
            // Beyond the threshold nothing follows from the count any more, and writing it would be a write a poll.
            let failures = trigger.failures.min(threshold.saturating_add(1));
            let status = HealthStatus {
                number_of_failures: i32::try_from(failures).ok(),
                status: Some(if happy { "Happy" } else { "Failing" }.to_owned()),
            };
            map.insert(trigger.metric.to_string(), status);
        }
        self.health = Some(map).filter(|map| !map.is_empty());
    }
}

/// As KEDA writes it: a slash stands before the version of the core group too.
pub(crate) fn kind_text(target: &Gvkr) -> String {
    format!("{}/{}.{}", target.group, target.version, target.kind)
}

/// Times are written to the second, and never back.
fn later(written: Option<&Time>, known: Option<Timestamp>) -> Option<Time> {
    let known = known.and_then(|at| jiff::Timestamp::from_second(at.as_millis().div_euclid(1000)).ok()).map(Time);
    match (written, known) {
        (Some(written), Some(known)) if known.0 > written.0 => Some(known),
        (None, Some(known)) => Some(known),
        (written, _) => written.cloned(),
    }
}

fn condition(kind: &str, status: &str, reason: &str, message: impl Into<String>) -> Condition {
    let message = message.into();
    Condition {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        message: (!message.is_empty()).then_some(message),
    }
}

pub(crate) fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// What is there, or a condition that says nothing yet.
fn kept(before: &[Condition], kind: &str) -> Condition {
    find(before, kind).cloned().unwrap_or_else(|| condition(kind, "Unknown", "", ""))
}

fn ready(before: &[Condition], reconcile: &ReconcilePart, findings: Option<&Findings>) -> Condition {
    const KIND: &str = "Ready";
    if let Some(error) = &reconcile.error {
        return condition(KIND, "False", reasons::CHECK_FAILED, &**error);
    }
    if reconcile.pause.full {
        let message = "the pause annotations are in force: nothing is scaled";
        return condition(KIND, "True", reasons::READY, message);
    }
    let fine = condition(KIND, "True", reasons::READY, "the manifest is in order and its triggers are served");
    let Some(findings) = findings else {
        // What was wrong with the triggers is not known to be over.
        let stays = find(before, KIND)
            .filter(|kept| matches!(kept.reason.as_deref(), Some(reasons::PARTIAL_ERROR | reasons::TRIGGER_ERROR)));
        return stays.cloned().unwrap_or(fine);
    };
    if let Some(blind) = &findings.blind {
        return condition(KIND, "False", reasons::COUNT_ERROR, &**blind);
    }
    let mut failing = findings.failing().peekable();
    let Some(first) = failing.peek().copied() else { return fine };
    let others = failing.count().saturating_sub(1);
    let error = first.error.as_deref().unwrap_or_default();
    let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
    if findings.active {
        return condition(KIND, "Unknown", reasons::PARTIAL_ERROR, format!("{error}{more}"));
    }
    // With a fallback set, KEDA shows Ready until it stands in.
    if reconcile.fallback_after.is_some() {
        return fine;
    }
    condition(KIND, "False", reasons::TRIGGER_ERROR, format!("{error}{more}"))
}

fn active(before: &[Condition], reconcile: &ReconcilePart, findings: Option<&Findings>) -> Condition {
    const KIND: &str = "Active";
    if reconcile.pause.full {
        return kept(before, KIND);
    }
    let Some(findings) = findings else {
        if reconcile.error.is_some() && !reconcile.at_work {
            return condition(KIND, "Unknown", reasons::UNKNOWN, "nothing is known while the manifest cannot be used");
        }
        return kept(before, KIND);
    };
    if findings.blind.is_some() || (!findings.active && !findings.complete()) {
        return kept(before, KIND);
    }
    if findings.active {
        let by = if findings.forced { "the annotation force-activation" } else { "a trigger" };
        return condition(KIND, "True", reasons::ACTIVE, format!("{by} makes the workload active"));
    }
    if findings.cooling {
        return condition(KIND, "False", reasons::COOLDOWN, "no trigger is active; the cooldown is not over");
    }
    condition(KIND, "False", reasons::NOT_ACTIVE, "no trigger is active")
}

fn fallback(before: &[Condition], reconcile: &ReconcilePart, findings: Option<&Findings>) -> Condition {
    const KIND: &str = "Fallback";
    let none = || condition(KIND, "False", reasons::NO_FALLBACK, "no fallback stands in for a trigger");
    if reconcile.fallback_after.is_none() {
        // A manifest that cannot be read says nothing of its fallback.
        return if reconcile.error.is_some() { kept(before, KIND) } else { none() };
    }
    match findings {
        Some(findings) if findings.falls_back() => {
            condition(KIND, "True", reasons::FALLBACK, "the fallback stands in for at least one trigger")
        }
        Some(findings) if findings.complete() => none(),
        _ => kept(before, KIND),
    }
}

fn paused(before: &[Condition], reconcile: &ReconcilePart) -> Condition {
    const KIND: &str = "Paused";
    if reconcile.pause.any {
        return condition(KIND, "True", reasons::PAUSED, "a pause annotation is in force");
    }
    let was = find(before, KIND).is_some_and(|before| before.status == "True" || before.reason.is_some());
    match was {
        true => condition(KIND, "False", reasons::UNPAUSED, "no pause annotation is in force any more"),
        false => condition(KIND, "False", "", ""),
    }
}

fn hpa_active(before: &[Condition], reconcile: &ReconcilePart, hpa: Option<&HpaScaling>) -> Option<Condition> {
    const KIND: &str = "HPAActive";
    if reconcile.hpa == HpaPart::None && !reconcile.pause.full {
        return None;
    }
    let Some(hpa) = hpa else { return find(before, KIND).cloned() };
    Some(match (hpa.status.as_str(), hpa.reason.as_str()) {
        ("True", _) => condition(KIND, "True", reasons::HPA_ACTIVE, "the HorizontalPodAutoscaler scales"),
        (_, reasons::SCALING_DISABLED) => condition(KIND, "True", reasons::SCALING_DISABLED, hpa.message.as_str()),
        (_, reason) => {
            let reason = if reason.is_empty() { reasons::HPA_METRICS } else { reason };
            condition(KIND, "False", reason, format!("the HorizontalPodAutoscaler does not scale: {}", hpa.message))
        }
    })
}

#[cfg(test)]
mod tests;
