//! Promises about the chain of steps: it is whole, and each rule moves the number only as that rule can.

use super::{BOUND_BY, CHAIN, Findings, OUTCOME, RULE};
use crate::policy::Mode;
use crate::record::{Outcome, Record, Rule, Step};

pub(super) fn check(record: &Record, findings: &mut Findings) {
    chain(record, findings);
    bound_by(record, findings);
    for step in &record.steps {
        findings.require(plausible(record, step), RULE, || {
            format!("rule {} cannot move {} to {}", step.rule, step.from, step.to)
        });
    }
    outcome(record, findings);
}

fn chain(record: &Record, findings: &mut Findings) {
    let current = record.workload.map(|workload| workload.replicas);
    let mut at = current;
    for step in &record.steps {
        if let Some(count) = at {
            findings.require(step.from == count, CHAIN, || {
                format!("the step by {} starts from {}, the number was {count}", step.rule, step.from)
            });
        }
        at = Some(step.to);
    }
    if let Some(count) = at {
        findings.require(record.desired_replicas == count, CHAIN, || {
            format!("the steps end at {count}, the result is {}", record.desired_replicas)
        });
    }
}

fn bound_by(record: &Record, findings: &mut Findings) {
    let named = record.bound_by != Rule::None;
    findings.require(!named || record.steps.iter().any(|step| step.rule == record.bound_by), BOUND_BY, || {
        format!("the result is said to be bound by {}, which is no step", record.bound_by)
    });
    let changed = record.workload.is_some_and(|workload| workload.replicas != record.desired_replicas);
    findings.require(named || !changed, BOUND_BY, || {
        format!("the result {} differs from the current count, and no rule is said to bind it", record.desired_replicas)
    });
}

/// Whether the step's rule could have moved the number so, as far as the record alone can tell.
fn plausible(record: &Record, step: &Step) -> bool {
    let Step { rule, from, to, .. } = *step;
    let current = record.workload.map_or(from, |workload| workload.replicas);
    match rule {
        // A workload whose minimum is 0 is still kept at 1 by the HPA while it is active.
        Rule::Min => to >= from && (to == from || to == record.limits.min.max(1)),
        Rule::Max => to == from.min(record.limits.max),
        // Never below the user's own minimum; and what is missing might keep more busy, so it may keep what is there.
        Rule::UsefulParallelism => {
            let floor = |useful: u32| useful.max(record.limits.min).max(1).max(current);
            to <= from && (to == from || record.limits.useful.is_none_or(|useful| to <= floor(useful)))
        }
        Rule::ScaleUpPolicy => to <= from && to >= current.min(from),
        Rule::ScaleDownPolicy => to >= from && to <= current.max(from),
        Rule::LeftToHpa => to == from && record.mode == Mode::Hpa,
        Rule::Disabled | Rule::UnknownWorkload => to == from || to == current,
        Rule::MissingMetric => to >= from.min(current),
        Rule::BusyPods => to >= from,
        Rule::Idle => to == from || record.limits.idle == Some(to),
        Rule::None => to == from,
        Rule::Cooldown | Rule::InitialCooldown => to >= from,
        Rule::Metrics
        | Rule::Tolerance
        | Rule::Fallback
        | Rule::Activation
        | Rule::ForceActivation
        | Rule::Stabilization
        | Rule::Paused
        | Rule::RestoreOriginal => true,
    }
}

/// In mode `hpa` the HorizontalPodAutoscaler moves what runs; ours are only zero, idle, pauses and the rescue from below
/// the minimum.
fn may_move(record: &Record) -> bool {
    let ours = [Rule::Activation, Rule::ForceActivation, Rule::Idle, Rule::Min, Rule::Paused, Rule::RestoreOriginal];
    match record.mode {
        Mode::Direct => true,
        Mode::Hpa => record.steps.iter().any(|step| step.from != step.to && ours.contains(&step.rule)),
        Mode::Shadow => false,
    }
}

fn outcome(record: &Record, findings: &mut Findings) {
    let Some(workload) = record.workload else {
        findings.require(!matches!(record.result, Outcome::Scaled), OUTCOME, || {
            "the workload's count is not known, and yet a change was commanded".to_owned()
        });
        return;
    };
    let changes = workload.replicas != record.desired_replicas;
    let kept = match record.result {
        Outcome::Unchanged | Outcome::Held | Outcome::Paused => !changes,
        Outcome::Scaled => changes && may_move(record),
        Outcome::Waiting => record.mode != Mode::Shadow,
        Outcome::Advised => changes && record.mode != Mode::Direct,
        Outcome::Failed => true,
    };
    findings.require(kept, OUTCOME, || {
        format!(
            "{} to {} in mode {:?} is said to be {:?}",
            workload.replicas, record.desired_replicas, record.mode, record.result
        )
    });
}
