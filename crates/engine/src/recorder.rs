//! Makes records of decisions.

use std::sync::Arc;

use crate::decide::{Verdict, Wait};
use crate::event::Workload;
use crate::hpa;
use crate::knowledge::{Activity, Judged, Knowledge, Latest, Stance, Unmeasured};
use crate::policy::TriggerPolicy;
use crate::reading::{ReadError, ReadErrorKind};
use crate::record::{Cause, FORMAT, FormulaRecord, NextChange, Outcome, ReadingRecord, Record, Rule, Step};
use crate::target::{Context, Target};
use crate::time::Timestamp;

/// Texts that many records share, made once.
#[derive(Debug)]
pub(crate) struct Names {
    format: Arc<str>,
    waits: [Arc<str>; 8],
}

impl Default for Names {
    fn default() -> Self {
        Names {
            format: FORMAT.into(),
            waits: [
                "cooldown ends".into(),
                "initial cooldown ends".into(),
                "scale-in window ends".into(),
                "scale-out window ends".into(),
                "scale-in policy allows more".into(),
                "scale-out policy allows more".into(),
                "the HPA's rules go on from the activation".into(),
                "the change that failed is tried again".into(),
            ],
        }
    }
}

impl Names {
    fn next(&self, at: Timestamp, wait: Wait) -> NextChange {
        let index = match wait {
            Wait::CooldownEnds => 0,
            Wait::InitialCooldownEnds => 1,
            Wait::ScaleInWindowEnds => 2,
            Wait::ScaleOutWindowEnds => 3,
            Wait::ScaleInPolicyAllows => 4,
            Wait::ScaleOutPolicyAllows => 5,
            Wait::HpaGoesOn => 6,
            Wait::Retry => 7,
        };
        NextChange { at, what: self.waits[index].clone() }
    }
}

/// The record of a decision that looked at everything. Takes the steps out of `verdict`.
pub(crate) fn full(
    target: &Target,
    context: &Context<'_>,
    verdict: &mut Verdict,
    workload: Workload,
    cause: Cause,
    result: Outcome,
) -> Record {
    let bound_by = verdict.bound_by();
    let policy = &target.policy;
    let triggers = policy.triggers.iter().zip(&target.knowledge).zip(context.judged.iter());
    let mut readings = Vec::with_capacity(policy.triggers.len());
    readings.extend(triggers.map(|((trigger, known), judged)| reading(trigger, known, judged, context.now)));
    let formula = policy.formula.as_ref().zip(verdict.composite.as_ref()).map(|(formula, composite)| FormulaRecord {
        formula: formula.formula.text().clone(),
        value: composite.value,
        error: composite.error.clone(),
        target: hpa::carried_target(formula.target),
        activation: formula.activation,
        wanted: composite.proposal.map(|proposal| proposal.replicas),
        fallback: composite.fallback,
    });
    Record {
        format: context.names.format.clone(),
        sequence: target.sequence(),
        at: context.now,
        target: target.id.clone(),
        cause,
        mode: policy.mode,
        workload: Some(workload),
        readings,
        formula,
        active: verdict.active,
        last_active: verdict.last_active,
        steps: std::mem::take(&mut verdict.steps),
        bound_by,
        desired_replicas: verdict.desired,
        limits: verdict.limits,
        result,
        next: verdict.next.map(|(at, wait)| context.names.next(at, wait)),
    }
}

/// The record of something that did not look at the triggers.
pub(crate) fn bare(target: &Target, context: &Context<'_>, cause: Cause, steps: Vec<Step>, result: Outcome) -> Record {
    let last = steps.last();
    let workload = if result == Outcome::Held { None } else { target.last_known() };
    let triggers = target.policy.triggers.iter().zip(&target.knowledge);
    let unused = Judged::without(Stance::Ignored);
    Record {
        format: context.names.format.clone(),
        sequence: target.sequence(),
        at: context.now,
        target: target.id.clone(),
        cause,
        mode: target.policy.mode,
        workload,
        readings: triggers.map(|(trigger, known)| reading(trigger, known, &unused, context.now)).collect(),
        formula: None,
        active: false,
        last_active: target.last_active(),
        bound_by: last.map_or(Rule::None, |step| step.rule),
        desired_replicas: last.map_or(0, |step| step.to),
        steps,
        limits: target.limits(),
        result,
        next: None,
    }
}

fn reading(trigger: &TriggerPolicy, known: &Knowledge, judged: &Judged, now: Timestamp) -> ReadingRecord {
    let (at, parallelism, figures, value) = match &known.latest {
        Latest::Known(reading, _) => {
            let value = Some(reading.value).filter(|_| reading.pods.is_none());
            (Some(reading.at), reading.parallelism, reading.figures.clone(), value)
        }
        Latest::Unread | Latest::Failed(_) => (None, None, None, None),
    };
    let age = at.map(|at| now.since(at));
    ReadingRecord {
        trigger: known.label.clone(),
        kind: trigger.kind.clone(),
        metric: trigger.metric.clone(),
        // A reading too old to be used is no value.
        value: judged.value.or(value.filter(|_| judged.stance == Stance::Ignored && !judged.stale)),
        target: hpa::carried_target(trigger.target),
        activation: trigger.activation,
        active: judged.activity == Activity::Active,
        pushed: judged.pushed,
        parallelism,
        at,
        age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        error: error(known, judged),
        failures: known.failures,
        on_failure: trigger.on_failure,
        fallback: matches!(judged.stance, Stance::Fallback(_)),
        pods: judged.pods,
        wanted: judged.wanted(),
        figures,
    }
}

/// Why a trigger cannot be used by its reading.
fn error(known: &Knowledge, judged: &Judged) -> Option<ReadError> {
    match &known.latest {
        Latest::Failed(error) if judged.unmeasured.is_none() => Some(error.clone()),
        Latest::Failed(error) => {
            let why = judged.unmeasured.map_or("", Unmeasured::text);
            Some(ReadError::new(error.kind, format!("{}; {why}", error.message)))
        }
        Latest::Known(reading, _) if judged.stale => {
            let message = format!("reading {}: the last reading is of {}, too old to be used", known.label, reading.at);
            Some(ReadError::new(ReadErrorKind::Timeout, message))
        }
        Latest::Known(..) => {
            let why = judged.unmeasured?.text();
            Some(ReadError::new(ReadErrorKind::Invalid, format!("measuring {}: {why}", known.label)))
        }
        Latest::Unread => None,
    }
}
