//! Promises about where the number may end: limits, useful parallelism, busy pods, missing knowledge, cooldown.
//!
//! The rule that matters is always the last one that left the number where it is: whoever set it last must be one
//! that may break the promise, by name.

use super::{BUSY, COOLDOWN, Findings, HOLD, LIMITS, USEFUL};
use crate::policy::{FailurePolicy, Mode};
use crate::record::{Cause, ReadingRecord, Record, Rule};

pub(super) fn check(record: &Record, findings: &mut Findings) {
    let Some(workload) = record.workload else { return };
    let view = View { record, current: workload.replicas, desired: record.desired_replicas };
    above_max(&view, findings);
    below_min(&view, findings);
    above_useful(&view, findings);
    if let Some(busy) = workload.busy {
        below_busy(&view, busy, findings);
    }
    missing(&view, findings);
    cooling(&view, findings);
}

struct View<'a> {
    record: &'a Record,
    current: u32,
    desired: u32,
}

impl View<'_> {
    fn has(&self, rules: &[Rule]) -> bool {
        self.record.steps.iter().any(|step| rules.contains(&step.rule))
    }

    /// Whether one of `rules` lowered the number.
    fn lowered_by(&self, rules: &[Rule]) -> bool {
        self.record.steps.iter().any(|step| step.to < step.from && rules.contains(&step.rule))
    }
}

/// Rules that put the number where the user said, whatever the limits say.
const USERS_WORD: &[Rule] = &[Rule::Paused, Rule::RestoreOriginal];

/// Rules that leave the number where it is, or slow its fall.
const HOLDING: &[Rule] = &[
    Rule::Paused,
    Rule::MissingMetric,
    Rule::UnknownWorkload,
    Rule::Disabled,
    Rule::BusyPods,
    Rule::Stabilization,
    Rule::ScaleDownPolicy,
    Rule::Cooldown,
    Rule::InitialCooldown,
    Rule::Tolerance,
];

fn above_max(view: &View<'_>, findings: &mut Findings) {
    let max = view.record.limits.max;
    if view.desired <= max {
        return;
    }
    let held = view.desired <= view.current && view.has(HOLDING);
    findings.require(view.has(USERS_WORD) || held, LIMITS, || {
        format!("{} replicas are above the maximum {max}, and no step says why", view.desired)
    });
}

fn below_min(view: &View<'_>, findings: &mut Findings) {
    let min = view.record.limits.min;
    if view.desired >= min {
        return;
    }
    let allowed = if view.record.active {
        // Active and below min: only where moving is forbidden, slowed, or the count is not to be trusted.
        view.has(&[
            Rule::Paused,
            Rule::RestoreOriginal,
            Rule::UnknownWorkload,
            Rule::MissingMetric,
            Rule::Disabled,
            Rule::ScaleUpPolicy,
            Rule::Max,
        ])
    } else {
        view.has(&[
            Rule::Paused,
            Rule::RestoreOriginal,
            Rule::UnknownWorkload,
            Rule::MissingMetric,
            Rule::Disabled,
            Rule::Idle,
            Rule::Activation,
            Rule::Cooldown,
            Rule::InitialCooldown,
        ])
    };
    findings.require(allowed, LIMITS, || {
        format!("{} replicas are below the minimum {min}, and no step says why", view.desired)
    });
}

fn above_useful(view: &View<'_>, findings: &mut Findings) {
    let Some(useful) = view.record.limits.useful else { return };
    if view.desired <= useful {
        return;
    }
    let rises = view.desired > view.current;
    let raising = [Rule::Min, Rule::Fallback, Rule::Activation, Rule::ForceActivation, Rule::Idle];
    let at_minimum = view.desired <= view.record.limits.min.max(1) && view.has(&[Rule::UsefulParallelism]);
    let set_by_user = at_minimum
        || view.has(USERS_WORD)
        || view.record.steps.iter().any(|step| raising.contains(&step.rule) && step.to >= view.desired);
    // What is not known might keep more busy, so it may keep what is there.
    let no_result = view.record.formula.as_ref().is_some_and(|formula| formula.value.is_none());
    let lacking = no_result || view.record.readings.iter().any(|reading| unknown(reading, view.record.mode));
    findings.require(set_by_user || (!rises && (lacking || view.has(HOLDING))), USEFUL, || {
        format!("{} replicas are more than the {useful} that the sources can keep busy", view.desired)
    });
}

fn below_busy(view: &View<'_>, busy: u32, findings: &mut Findings) {
    findings.require(
        view.desired >= busy.min(view.current) || view.has(USERS_WORD) || view.record.cause == Cause::Removed,
        BUSY,
        || format!("{} replicas are fewer than the {busy} busy pods", view.desired),
    );
}

/// Whether the decision lacks this trigger's value: no value, nothing that stands in, and not to be left out. What was
/// not read yet has not failed, so nobody asked to leave it out.
fn unknown(reading: &ReadingRecord, mode: Mode) -> bool {
    if mode == Mode::Hpa && reading.target.is_resource() {
        return false;
    }
    let left_out = reading.on_failure == FailurePolicy::Ignore && reading.error.is_some();
    reading.value.is_none() && !reading.fallback && !left_out
}

fn missing(view: &View<'_>, findings: &mut Findings) {
    let formula_knows = view.record.formula.as_ref().is_some_and(|formula| formula.value.is_some());
    let unknown = |reading: &&ReadingRecord| unknown(reading, view.record.mode);
    // A formula stands for all but what pods use.
    let needed = |reading: &&ReadingRecord| reading.target.is_resource() || !formula_knows;
    let lacking = view.record.readings.iter().filter(unknown).filter(needed).count();
    let sources = view.record.readings.iter().filter(|reading| !reading.target.is_resource());
    let no_source = !sources.clone().any(|reading| unknown(&reading) && needed(&reading));
    let all = lacking == view.record.readings.len();
    if lacking == 0 {
        return;
    }
    // The user's own words still hold without a source: a lowered maximum, a pause, a removal.
    let users = [Rule::Paused, Rule::RestoreOriginal, Rule::Max];
    // What pods use has no say in whether there is work.
    let rests = no_source && view.lowered_by(&[Rule::Activation, Rule::Idle]);
    findings.require(view.desired >= view.current || rests || view.lowered_by(&users), HOLD, || {
        format!("{lacking} triggers are not known, and yet {} goes down to {}", view.current, view.desired)
    });
    let raised =
        [Rule::Paused, Rule::RestoreOriginal, Rule::Min, Rule::ForceActivation, Rule::Activation, Rule::Fallback];
    findings.require(!all || view.desired <= view.current || view.has(&raised), HOLD, || {
        format!("no trigger is known, and yet {} goes up to {}", view.current, view.desired)
    });
    let strict = view
        .record
        .readings
        .iter()
        .any(|reading| unknown(&reading) && reading.error.is_some() && reading.on_failure == FailurePolicy::Hold);
    findings.require(
        !strict || view.desired == view.current || view.has(&raised) || view.lowered_by(&users),
        HOLD,
        || format!("a failing trigger says hold, and yet {} becomes {}", view.current, view.desired),
    );
}

fn cooling(view: &View<'_>, findings: &mut Findings) {
    let moved_by_user = view.has(USERS_WORD);
    let to_zero = view.desired == 0 && view.current > 0;
    findings.require(!(to_zero && view.record.active) || moved_by_user, COOLDOWN, || {
        format!("active, and yet {} goes to 0", view.current)
    });
    if view.has(&[Rule::Cooldown, Rule::InitialCooldown]) && !moved_by_user {
        let floor = view.current.min(view.record.limits.min.max(1)).min(view.record.limits.max);
        findings.require(view.desired >= floor, COOLDOWN, || {
            format!("a cooldown runs, and yet {} goes down to {}", view.current, view.desired)
        });
    }
}
