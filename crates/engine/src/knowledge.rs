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
use crate::policy::{FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Mode, Policy, TriggerPolicy};
use crate::reading::{ReadError, Reading};
use crate::record::PodsRecord;
use crate::resource::{self, NoUsage};
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
    /// When its source said by itself that there is work, since the last reading.
    pub(crate) pushed: Option<Timestamp>,
    target: MetricTarget,
}

impl Knowledge {
    pub(crate) fn unread(policy: &Policy, index: usize, failures: u32) -> Self {
        let trigger = policy.triggers.get(index);
        let place = trigger.map_or(index, |trigger| trigger.index);
        let label = trigger.and_then(|trigger| trigger.name.clone()).unwrap_or_else(|| format!("s{place}").into());
        let target = trigger.map_or(MetricTarget::AverageValue(1.0), |trigger| trigger.target);
        Knowledge { label, latest: Latest::Unread, failures, pushed: None, target }
    }

    /// Takes what a source said when it was `asked`.
    pub(crate) fn take(&mut self, outcome: Result<Reading, ReadError>, asked: Timestamp, now: Timestamp) {
        // This is newer than what the source said by itself before.
        self.pushed = self.pushed.filter(|at| *at > asked);
        match outcome.and_then(sound).and_then(|reading| measurable(reading, self.target)) {
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
        self.pushed.shift_back(by);
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

/// Resources are measured by pods, of which there may be none; but they have to be named.
fn measurable(reading: Reading, target: MetricTarget) -> Result<Reading, ReadError> {
    if target.is_resource() && reading.pods.is_none() {
        let message = "measuring what pods use: the source named no pods; this is a fault of ours, please report it";
        return Err(ReadError::new(crate::reading::ReadErrorKind::Internal, message));
    }
    Ok(reading)
}

/// The HPA sees thousandths; activity is judged by the value itself.
fn in_thousandths(mut reading: Reading, target: MetricTarget) -> Reading {
    let carried = if target.is_resource() || target.amount() < 0.0005 {
        reading.value
    } else {
        (reading.value * 1000.0).round() / 1000.0
    };
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

/// Longest a read of this trigger may take.
pub(crate) fn read_timeout(trigger: &TriggerPolicy) -> Duration {
    let limit = trigger.polling_interval.clamp(Duration::from_secs(3), Duration::from_secs(10));
    trigger.time_limit.map_or(limit, |asked| asked.max(limit))
}

/// How old a reading may be and still be used.
pub(crate) fn freshness(trigger: &TriggerPolicy) -> Duration {
    trigger.polling_interval.saturating_mul(3) + read_timeout(trigger)
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
    /// The HorizontalPodAutoscaler reads it itself.
    LeftToHpa,
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
    /// The pods that a resource was measured by.
    pub(crate) pods: Option<PodsRecord>,
    /// Why a reading gives no number.
    pub(crate) unmeasured: Option<Unmeasured>,
    pub(crate) stale: bool,
    pub(crate) unread: bool,
    /// Its source said by itself that there is work.
    pub(crate) pushed: bool,
    /// Whether its activity counts; that of cpu and memory does not.
    pub(crate) tells: bool,
}

/// Why a reading, or what stands in for it, gives no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmeasured {
    /// What the pods use is not known.
    Usage(NoUsage),
    /// A fallback of a `Value` target is served as so much a ready pod, and there is none.
    NoReadyPod,
}

impl Unmeasured {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Unmeasured::Usage(why) => why.text(),
            Unmeasured::NoReadyPod => NO_READY_POD,
        }
    }
}

/// Why a fallback of a `Value` target cannot be served to the HPA.
pub(crate) const NO_READY_POD: &str =
    "the fallback cannot be served: with metricType Value it is divided by the ready pods, and there is none";

impl Judged {
    /// A trigger without a number.
    pub(crate) fn without(stance: Stance) -> Self {
        Judged {
            stance,
            value: None,
            activity: Activity::Unknown,
            proposal: None,
            pods: None,
            unmeasured: None,
            stale: false,
            unread: false,
            pushed: false,
            tells: true,
        }
    }

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
    let pushed = knowledge.pushed.is_some();
    if !policy.reads(trigger) {
        return Judged { pushed, tells: false, ..Judged::without(Stance::LeftToHpa) };
    }
    let mut judged = match &knowledge.latest {
        Latest::Known(reading, _) if now.since(reading.at) <= freshness(trigger) => {
            fresh(policy, trigger, knowledge, reading, (workload, tolerances))
        }
        Latest::Known(..) => Judged { stale: true, ..stand_in(policy, trigger, knowledge, workload, tolerances) },
        Latest::Unread => Judged { unread: true, ..Judged::without(Stance::Missing { holds: false }) },
        Latest::Failed(_) => stand_in(policy, trigger, knowledge, workload, tolerances),
    };
    judged.tells = !trigger.target.is_resource();
    if pushed {
        (judged.pushed, judged.activity) = (true, Activity::Active);
    }
    judged
}

fn fresh(
    policy: &Policy,
    trigger: &TriggerPolicy,
    knowledge: &Knowledge,
    reading: &Reading,
    (workload, tolerances): (&Workload, Tolerances),
) -> Judged {
    let unused = Judged { activity: Activity::Inactive, ..Judged::without(Stance::Fresh) };
    if trigger.target.is_resource() {
        let pods = reading.pods.as_deref().unwrap_or_default();
        return match resource::measure(trigger.target, pods, workload, tolerances) {
            Ok(measured) => Judged {
                value: Some(measured.value),
                pods: Some(measured.pods),
                proposal: Some(measured.proposal),
                ..unused
            },
            // Its policy counts as if it had failed.
            Err(why) => {
                let stance = stance(policy, trigger, knowledge, workload.replicas);
                Judged { unmeasured: Some(Unmeasured::Usage(why)), ..Judged::without(stance) }
            }
        };
    }
    let above = reading.activation_value.unwrap_or(reading.value) > trigger.activation;
    let active = reading.active.unwrap_or(above);
    let proposal =
        hpa::propose(trigger.target, reading.value, reading.parallelism, workload, tolerances, policy.compat);
    Judged {
        value: Some(reading.value),
        activity: if active { Activity::Active } else { Activity::Inactive },
        proposal: proposal.ok(),
        ..unused
    }
}

/// Whether the HPA can be told of a fallback at all.
pub(crate) fn can_be_served(policy: &Policy, target: MetricTarget, workload: &Workload) -> bool {
    policy.mode != Mode::Hpa || !matches!(target, MetricTarget::Value(_)) || workload.ready > 0
}

/// A trigger that cannot be used by its reading.
fn stand_in(
    policy: &Policy,
    trigger: &TriggerPolicy,
    knowledge: &Knowledge,
    workload: &Workload,
    tolerances: Tolerances,
) -> Judged {
    let stance = stance(policy, trigger, knowledge, workload.replicas);
    let Stance::Fallback(replicas) = stance else { return Judged::without(stance) };
    let judged = Judged { activity: fallback_activity(policy, replicas), ..Judged::without(stance) };
    if !can_be_served(policy, trigger.target, workload) {
        return Judged { unmeasured: Some(Unmeasured::NoReadyPod), ..judged };
    }
    Judged {
        value: Some(hpa::fallback_value(trigger.target, replicas, workload)),
        proposal: Some(hpa::propose_fallback(trigger.target, replicas, workload, tolerances)),
        ..judged
    }
}

/// What stands for a trigger that cannot be used by its reading.
fn stance(policy: &Policy, trigger: &TriggerPolicy, knowledge: &Knowledge, current: u32) -> Stance {
    let missing = Stance::Missing { holds: trigger.on_failure == FailurePolicy::Hold };
    let due = |fallback: &&Fallback| match trigger.on_failure {
        FailurePolicy::Fallback => true,
        FailurePolicy::Default => knowledge.failures > fallback.failure_threshold,
        FailurePolicy::Hold | FailurePolicy::Ignore | FailurePolicy::OnlyUp => false,
    };
    let usable = usable_fallback(policy).filter(|_| !trigger.target.is_resource());
    match usable.filter(due) {
        Some(Fallback { behavior: FallbackBehavior::ScalingModifiers, .. }) if policy.formula.is_some() => {
            Stance::Ignored
        }
        Some(fallback) => Stance::Fallback(fallback_replicas(fallback, current)),
        None if trigger.on_failure == FailurePolicy::Ignore => Stance::Ignored,
        None => missing,
    }
}
