//! What is known of each trigger at a decision, and what its failure means.
//!
//! Wanted properties, tested below and in the crate's property tests:
//! - A trigger is used by its reading only while that is fresh: not older than three polling intervals and one time-out.
//!   An older reading, an error and a trigger not read yet are all missing; none of them is ever a number.
//! - A fallback stands in when more than `failureThreshold` reads in a row have failed, not one earlier or later, or at
//!   once where a ScalingPolicy says so.
//! - Missing knowledge never makes a trigger inactive: its activity is unknown then.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Workload;
use crate::hpa::{self, Proposal, Tolerances};
use crate::policy::{FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Policy, TriggerPolicy};
use crate::reading::{ReadError, Reading};
use crate::time::{ShiftBack, Timestamp};

/// The last word of a trigger's source.
#[derive(Clone, Debug)]
pub(crate) enum Latest {
    /// It was not asked yet.
    Unread,
    /// A reading, and when it arrived.
    Known(Reading, Timestamp),
    /// A failure.
    Failed(ReadError),
}

/// A trigger as far as decisions look at it.
#[derive(Clone, Debug)]
pub(crate) struct Knowledge {
    /// Its name, or `s0`, `s1`, ... by position.
    pub(crate) label: Arc<str>,
    pub(crate) latest: Latest,
    /// Failed reads in a row.
    pub(crate) failures: u32,
    target: MetricTarget,
}

impl Knowledge {
    pub(crate) fn unread(policy: &Policy, index: usize, failures: u32) -> Self {
        let name = policy.triggers.get(index).and_then(|trigger| trigger.name.clone());
        let label = name.unwrap_or_else(|| format!("s{index}").into());
        let target = policy.triggers.get(index).map_or(MetricTarget::AverageValue(1.0), |trigger| trigger.target);
        Knowledge { label, latest: Latest::Unread, failures, target }
    }

    /// Takes what a source said.
    pub(crate) fn take(&mut self, outcome: Result<Reading, ReadError>, now: Timestamp) {
        match outcome.and_then(sound) {
            Ok(reading) => {
                self.failures = 0;
                let reading = in_thousandths(without_partitions(reading), self.target);
                self.latest = Latest::Known(reading, now);
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.latest = Latest::Failed(error);
            }
        }
    }
}

impl ShiftBack for Knowledge {
    fn shift_back(&mut self, by: Duration) {
        if let Latest::Known(reading, arrived) = &mut self.latest {
            reading.at.shift_back(by);
            arrived.shift_back(by);
        }
    }
}

/// Last guard of promise 1: a scaler that breaks its word still gives no number.
fn sound(reading: Reading) -> Result<Reading, ReadError> {
    if !reading.is_sound() {
        let message = format!("reading a metric: the source gave {}, which is no finite count", reading.value);
        return Err(ReadError::new(crate::reading::ReadErrorKind::Invalid, message));
    }
    Ok(reading)
}

/// The HPA sees thousandths; activity is judged by the value itself.
fn in_thousandths(mut reading: Reading, target: MetricTarget) -> Reading {
    let carried = if target.amount() < 0.0005 { reading.value } else { (reading.value * 1000.0).round() / 1000.0 };
    if carried != reading.value && carried.is_finite() {
        reading.activation_value = reading.activation_value.or(Some(reading.value));
        reading.value = carried;
    }
    reading
}

/// Records do not carry single partitions; there may be thousands.
fn without_partitions(mut reading: Reading) -> Reading {
    if let Some(figures) = reading.figures.as_mut().filter(|figures| !figures.partitions.is_empty()) {
        Arc::make_mut(figures).partitions = Vec::new();
    }
    reading
}

/// Longest a read may take, for a trigger that is read every `interval`.
pub(crate) fn read_timeout(interval: Duration) -> Duration {
    interval.clamp(Duration::from_secs(3), Duration::from_secs(10))
}

/// How old a reading may be and still be used.
pub(crate) fn freshness(interval: Duration) -> Duration {
    interval.saturating_mul(3) + read_timeout(interval)
}

/// Whether something is going on, as far as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    Active,
    Inactive,
    Unknown,
}

/// How a decision takes a trigger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stance {
    /// By its reading.
    Fresh,
    /// A fallback of so many replicas stands in.
    Fallback(u32),
    /// As if it were not there; `nil` to a formula.
    Ignored,
    /// Not known; `holds` where nothing at all may move for it.
    Missing { holds: bool },
}

/// A trigger as a decision takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) stance: Stance,
    pub(crate) value: Option<f64>,
    pub(crate) activity: Activity,
    pub(crate) proposal: Option<Proposal>,
    pub(crate) stale: bool,
    pub(crate) unread: bool,
}

impl Judged {
    /// What this metric alone asks for.
    pub(crate) fn wanted(&self) -> Option<u32> {
        self.proposal.map(|proposal| proposal.replicas)
    }
}

/// The fallback in force, if the manifest has a usable one.
pub(crate) fn usable_fallback(policy: &Policy) -> Option<&Fallback> {
    let fallback = policy.fallback.as_ref()?;
    let fractional = policy.formula.as_ref().is_some_and(|formula| formula.target.amount().fract() != 0.0);
    (!(policy.compat.fallback_needs_whole_formula_target && fractional)).then_some(fallback)
}

/// How many replicas `fallback` stands for while `current` run.
pub(crate) fn fallback_replicas(fallback: &Fallback, current: u32) -> u32 {
    match fallback.behavior {
        FallbackBehavior::Static | FallbackBehavior::ScalingModifiers => fallback.replicas,
        FallbackBehavior::CurrentReplicas => current,
        FallbackBehavior::CurrentReplicasIfHigher => fallback.replicas.max(current),
        FallbackBehavior::CurrentReplicasIfLower => fallback.replicas.min(current),
    }
}

/// A stand-in of no replicas is no sign of activity, and none of its absence either.
pub(crate) fn fallback_activity(policy: &Policy, replicas: u32) -> Activity {
    match replicas {
        0 if zero_fallback_deactivates(policy) => Activity::Inactive,
        0 => Activity::Unknown,
        _ => Activity::Active,
    }
}

/// KEDA's `fallback.replicas: 0` lets an outage scale to zero; ours only where that is asked for.
pub(crate) fn zero_fallback_deactivates(policy: &Policy) -> bool {
    policy.compat.fallback_zero_scales_to_zero
        && policy.fallback.as_ref().is_some_and(|fallback| fallback.replicas == 0)
}

/// What a decision makes of one trigger.
pub(crate) fn judge(
    policy: &Policy,
    trigger: &TriggerPolicy,
    knowledge: &Knowledge,
    workload: &Workload,
    tolerances: Tolerances,
    now: Timestamp,
) -> Judged {
    let mut stale = false;
    if let Latest::Known(reading, _) = &knowledge.latest {
        stale = now.since(reading.at) > freshness(trigger.polling_interval);
        if !stale {
            return fresh(policy, trigger, reading, workload, tolerances);
        }
    }
    let stance = stand_in(policy, trigger, knowledge, workload.replicas);
    match stance {
        Stance::Fallback(replicas) => Judged {
            stance,
            value: Some(hpa::fallback_value(trigger.target, replicas, workload)),
            activity: fallback_activity(policy, replicas),
            proposal: Some(hpa::propose_fallback(trigger.target, replicas, workload, tolerances)),
            stale,
            unread: false,
        },
        _ => {
            let unread = matches!(knowledge.latest, Latest::Unread);
            Judged { stance, value: None, activity: Activity::Unknown, proposal: None, stale, unread }
        }
    }
}

fn fresh(
    policy: &Policy,
    trigger: &TriggerPolicy,
    reading: &Reading,
    workload: &Workload,
    tolerances: Tolerances,
) -> Judged {
    let active = reading.activation_value.unwrap_or(reading.value) > trigger.activation;
    let proposal =
        hpa::propose(trigger.target, reading.value, reading.parallelism, workload, tolerances, policy.compat);
    Judged {
        stance: Stance::Fresh,
        value: Some(reading.value),
        activity: if active { Activity::Active } else { Activity::Inactive },
        proposal: proposal.ok(),
        stale: false,
        unread: false,
    }
}

/// What stands for a trigger that cannot be used by its reading.
fn stand_in(policy: &Policy, trigger: &TriggerPolicy, knowledge: &Knowledge, current: u32) -> Stance {
    let missing = Stance::Missing { holds: trigger.on_failure == FailurePolicy::Hold };
    if matches!(knowledge.latest, Latest::Unread) {
        // Not read yet is no failure.
        return Stance::Missing { holds: false };
    }
    let due = |fallback: &&Fallback| match trigger.on_failure {
        FailurePolicy::Fallback => true,
        FailurePolicy::Default => knowledge.failures > fallback.failure_threshold,
        FailurePolicy::Hold | FailurePolicy::Ignore | FailurePolicy::OnlyUp => false,
    };
    match usable_fallback(policy).filter(due) {
        Some(Fallback { behavior: FallbackBehavior::ScalingModifiers, .. }) if policy.formula.is_some() => {
            Stance::Ignored
        }
        Some(fallback) => Stance::Fallback(fallback_replicas(fallback, current)),
        None if trigger.on_failure == FailurePolicy::Ignore => Stance::Ignored,
        None => missing,
    }
}
