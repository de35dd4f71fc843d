//! What policies and windows allow, worked out from changes and recommendations seen in records.
//!
//! The rules are the HorizontalPodAutoscaler's (`pkg/controller/podautoscaler/horizontal.go`): the count at the start
//! of a period is the current one less what was added and plus what was taken away within it; `Pods` allows that count
//! ± value, `Percent` ⌈count × (1 + value / 100)⌉ out and the whole part of count × (1 − value / 100) in; `Max` takes
//! the policy that allows most, `Min` the one that allows least. An event exactly one period old no longer counts.

use std::collections::VecDeque;
use std::time::Duration;

use crate::event::{Recommendation, ScaleEvent};
use crate::policy::{Policy, ScalingRules, SelectPolicy, StepKind, StepPolicy};
use crate::time::Timestamp;

/// One of the HPA's sync periods: what a workload without a behaviour may grow within.
const SYNC_PERIOD: Duration = Duration::from_secs(15);

/// The largest count that scaling out may reach at `now` from `current`.
pub(super) fn out_limit(policy: &Policy, events: &VecDeque<ScaleEvent>, current: u32, now: Timestamp) -> u32 {
    let Some(behavior) = &policy.behavior else {
        let start = period_start(events, current, now, SYNC_PERIOD);
        return start.saturating_mul(2).max(4).max(current);
    };
    let allowed = |step: &StepPolicy| {
        let start = period_start(events, current, now, step.period);
        match step.kind {
            StepKind::Pods => start.saturating_add(step.value),
            StepKind::Percent => narrow((f64::from(start) * (1.0 + f64::from(step.value) / 100.0)).ceil()),
        }
    };
    select(&behavior.scale_up, current, allowed, u32::max, u32::min).max(current)
}

/// The smallest count that scaling in may reach at `now` from `current`.
pub(super) fn in_limit(policy: &Policy, events: &VecDeque<ScaleEvent>, current: u32, now: Timestamp) -> u32 {
    let Some(behavior) = &policy.behavior else { return 0 };
    let allowed = |step: &StepPolicy| {
        let start = period_start(events, current, now, step.period);
        match step.kind {
            StepKind::Pods => start.saturating_sub(step.value),
            StepKind::Percent => narrow(f64::from(start) * (1.0 - f64::from(step.value) / 100.0)),
        }
    };
    select(&behavior.scale_down, current, allowed, u32::min, u32::max).min(current)
}

/// How long recommendations hold scale-in back.
pub(super) fn in_window(policy: &Policy) -> Duration {
    policy.behavior.as_ref().map_or(Duration::from_secs(300), |behavior| behavior.scale_down.stabilization)
}

/// How far back changes have to be kept.
pub(super) fn longest_period(policy: &Policy) -> Duration {
    let Some(behavior) = &policy.behavior else { return SYNC_PERIOD };
    let both = behavior.scale_up.policies.iter().chain(&behavior.scale_down.policies);
    both.map(|step| step.period).max().unwrap_or_default()
}

/// The highest recommendation younger than the scale-in window.
pub(super) fn highest(recommendations: &VecDeque<Recommendation>, window: Duration, now: Timestamp) -> Option<u32> {
    let young = recommendations.iter().filter(|old| old.at + window > now);
    young.map(|recommendation| recommendation.replicas).max()
}

fn select(
    rules: &ScalingRules,
    current: u32,
    allowed: impl Fn(&StepPolicy) -> u32,
    most: fn(u32, u32) -> u32,
    least: fn(u32, u32) -> u32,
) -> u32 {
    let choose = match rules.select {
        SelectPolicy::Disabled => return current,
        SelectPolicy::Max => most,
        SelectPolicy::Min => least,
    };
    rules.policies.iter().map(allowed).reduce(choose).unwrap_or(current)
}

fn period_start(events: &VecDeque<ScaleEvent>, current: u32, now: Timestamp, period: Duration) -> u32 {
    let change: i64 = events
        .iter()
        .filter(|event| event.at + period > now)
        .map(|event| i64::from(event.to) - i64::from(event.from))
        .sum();
    u32::try_from(i64::from(current) - change).unwrap_or(0)
}

/// The whole part. The HPA works in binary fractions, so 68 % taken from 25 leaves 7 and not 8; so does this.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cast saturating")]
fn narrow(count: f64) -> u32 {
    count as u32
}
