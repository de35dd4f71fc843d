//! Looks at the records of one target in the order in which they were made.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Finding, Findings, SEQUENCE, STABILIZATION, UNRECORDED, WINDOW, check, window};
use crate::event::{Recommendation, ScaleEvent};
use crate::policy::{Policy, TargetId};
use crate::record::{Cause, Outcome, Record, Rule, Step};
use crate::time::Timestamp;

/// Follows one target from record to record and finds what no single record shows.
///
/// Give it every record of the target, in order. Without a policy it looks at sequence and unexplained changes; with
/// the policy in force ([`Follower::policy`]) also at windows, which it works out from the records alone. After a gap
/// in the records call [`Follower::forget`].
#[derive(Clone, Debug, Default)]
pub struct Follower {
    policy: Option<Arc<Policy>>,
    last: Option<Last>,
    changes: VecDeque<ScaleEvent>,
    recommendations: VecDeque<Recommendation>,
    /// Changes were missed that periods still reach back to.
    missed: bool,
    /// From when on periods reach back to nothing missed.
    complete_from: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Last {
    target: TargetId,
    sequence: u64,
    at: Timestamp,
    /// The count before it, and the one that it or an earlier record asked for.
    counts: [Option<u32>; 2],
}

impl Follower {
    /// A follower that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Follower::default()
    }

    /// The policy in force from now on.
    pub fn policy(&mut self, policy: Arc<Policy>) {
        // Its periods may reach back to what those before it let go.
        self.missed |= self.policy.is_some();
        self.policy = Some(policy);
    }

    /// Records were missed, or the process was killed: begin anew.
    pub fn forget(&mut self) {
        *self = Follower { policy: self.policy.take(), missed: true, ..Follower::default() };
    }

    /// Everything wrong with `record` by itself and after those before it.
    pub fn follow(&mut self, record: &Record) -> Vec<Finding> {
        let mut findings = Findings(check(record));
        self.sequence(record, &mut findings);
        self.unrecorded(record, &mut findings);
        if self.last.as_ref().is_some_and(|last| record.at < last.at) {
            // The clock was set back; windows that were worked out by it mean nothing now.
            self.changes.clear();
            self.recommendations.clear();
            self.missed = true;
        }
        if let Some(policy) = self.policy.clone() {
            self.recommend(record, &policy);
            self.windows(record, &policy, &mut findings);
        }
        self.remember(record);
        findings.0
    }

    fn sequence(&self, record: &Record, findings: &mut Findings) {
        let Some(last) = &self.last else { return };
        findings.require(last.target == record.target, SEQUENCE, || {
            format!("a record of {} follows one of {}", record.target, last.target)
        });
        findings.require(record.sequence == last.sequence + 1, SEQUENCE, || {
            format!("record {} follows record {}", record.sequence, last.sequence)
        });
    }

    /// A count that no record asked for must be explained by an observation.
    fn unrecorded(&self, record: &Record, findings: &mut Findings) {
        let (Some(last), Some(workload)) = (&self.last, record.workload) else { return };
        let announced = matches!(record.cause, Cause::WorkloadObserved | Cause::PolicyChanged | Cause::Removed);
        let known = last.counts.contains(&Some(workload.replicas));
        let unknown_before = last.counts[0].is_none();
        findings.require(known || announced || unknown_before, UNRECORDED, || {
            format!("the count is {}, the records before left it at {:?}", workload.replicas, last.counts)
        });
    }

    /// Keeps what the metrics asked for, before stabilization.
    fn recommend(&mut self, record: &Record, policy: &Policy) {
        let window = window::in_window(policy);
        while self.recommendations.front().is_some_and(|old| old.at + window <= record.at) {
            self.recommendations.pop_front();
        }
        let Some(replicas) = asked_for(record) else { return };
        // Of two at the same instant the later stands.
        if self.recommendations.back().is_some_and(|last| last.at == record.at) {
            self.recommendations.pop_back();
        }
        self.recommendations.push_back(Recommendation { at: record.at, replicas });
    }

    fn windows(&mut self, record: &Record, policy: &Policy, findings: &mut Findings) {
        let Some(workload) = record.workload else { return };
        if matches!(record.cause, Cause::ScaleFinished { error: Some(_) }) {
            self.changes.pop_back();
        }
        let period = window::longest_period(policy);
        while self.changes.front().is_some_and(|old| old.at + period <= record.at) {
            self.changes.pop_front();
        }
        if record.result != Outcome::Scaled {
            return;
        }
        if std::mem::take(&mut self.missed) {
            self.complete_from = Some(record.at + period);
        }
        let complete = self.complete_from.is_none_or(|from| record.at >= from);
        let (current, desired) = (workload.replicas, record.desired_replicas);
        if desired > current && complete && !jumps_out(record) {
            let limit = window::out_limit(policy, &self.changes, current, record.at);
            findings.require(desired <= limit, WINDOW, || {
                format!("scaling out from {current} may reach {limit} in this period, the record says {desired}")
            });
        }
        if desired < current && !jumps_in(record) {
            let limit = window::in_limit(policy, &self.changes, current, record.at);
            findings.require(!complete || desired >= limit, WINDOW, || {
                format!("scaling in from {current} may reach {limit} in this period, the record says {desired}")
            });
            let highest = window::highest(&self.recommendations, window::in_window(policy), record.at);
            let floor = highest.unwrap_or(0).min(current).min(record.limits.max);
            findings.require(desired >= floor, STABILIZATION, || {
                format!("{floor} replicas were recommended within the window, the record goes down to {desired}")
            });
        }
        if counts(record) {
            self.changes.push_back(ScaleEvent { at: record.at, from: current, to: desired });
        }
    }

    fn remember(&mut self, record: &Record) {
        let current = record.workload.map(|workload| workload.replicas);
        let asked = match record.result {
            Outcome::Scaled => Some(record.desired_replicas),
            _ => self.last.as_ref().and_then(|last| last.counts[1]),
        };
        let counts = [current.or(self.last.as_ref().and_then(|last| last.counts[0])), asked];
        self.last = Some(Last { target: record.target.clone(), sequence: record.sequence, at: record.at, counts });
    }
}

/// Whether a change counts towards the policies' periods. What takes a workload from or to zero or idle does not: in
/// Kubernetes that is not the HorizontalPodAutoscaler's doing, so it does not see it.
fn counts(record: &Record) -> bool {
    let current = record.workload.map_or(0, |workload| workload.replicas);
    let executors = [Rule::Activation, Rule::ForceActivation, Rule::Idle, Rule::Paused, Rule::RestoreOriginal];
    let by_executor = |step: &Step| {
        let rescued = step.rule == Rule::Min && record.limits.idle.is_none() && current < record.limits.min;
        step.from != step.to && (rescued || executors.contains(&step.rule))
    };
    current > 0 && record.desired_replicas > 0 && !record.steps.iter().any(by_executor)
}

/// What the metrics ask for, unless too little is known to scale in.
fn asked_for(record: &Record) -> Option<u32> {
    let metrics = [Rule::Metrics, Rule::Tolerance, Rule::Fallback];
    let first = record.steps.iter().position(|step| metrics.contains(&step.rule))?;
    let cut = record.steps.get(first + 1).is_some_and(|step| step.rule == Rule::UsefulParallelism);
    let last = if cut { first + 1 } else { first };
    let missing = record.steps.get(last + 1).is_some_and(|step| step.rule == Rule::MissingMetric);
    (!missing).then(|| record.steps[last].to)
}

/// Rules that set a count whatever the scale-out policies say: the executor's, not the HPA's.
fn jumps_out(record: &Record) -> bool {
    let rules = [Rule::Min, Rule::Activation, Rule::ForceActivation, Rule::Idle, Rule::Paused, Rule::RestoreOriginal];
    record.steps.iter().any(|step| step.to > step.from && rules.contains(&step.rule))
}

/// Rules that set a count whatever the scale-in policies and windows say.
fn jumps_in(record: &Record) -> bool {
    let rules = [Rule::Max, Rule::Activation, Rule::Idle, Rule::Paused, Rule::RestoreOriginal, Rule::UsefulParallelism];
    record.steps.iter().any(|step| step.to < step.from && rules.contains(&step.rule))
}
