//! Each promise broken once: the checker must name it, and find nothing in a sound record.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Finding, Follower, PROMISES, check, recompute};
use crate::event::Workload;
use crate::policy::{Behavior, Compat, FailurePolicy, MetricTarget, Mode, Pause, Policy, SelectPolicy, TargetId};
use crate::reading::{ReadError, ReadErrorKind};
use crate::record::{
    Cause, FORMAT, FormulaRecord, Limits, NextChange, Outcome, ReadingRecord, Reason, Record, Rule, Step, Tolerance,
};
use crate::time::Timestamp;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn step(rule: Rule, from: u32, to: u32) -> Step {
    Step { rule, from, to, reason: Reason::Text(String::new()) }
}

fn reading(value: f64, wanted: u32) -> ReadingRecord {
    ReadingRecord {
        trigger: "s0".into(),
        kind: "kafka".into(),
        metric: "s0-kafka-orders".into(),
        value: Some(value),
        target: MetricTarget::AverageValue(20.0),
        activation: 0.0,
        active: value > 0.0,
        pushed: false,
        parallelism: Some(10),
        at: Some(at(98)),
        age_ms: Some(2000),
        error: None,
        failures: 0,
        on_failure: FailurePolicy::Default,
        fallback: false,
        pods: None,
        wanted: Some(wanted),
        figures: None,
    }
}

/// Lag 96 against 20 asks for 5; the second, smaller trigger asks for 2.
fn sound() -> Record {
    Record {
        format: FORMAT.into(),
        sequence: 7,
        at: at(100),
        target: TargetId::new("shop", "orders"),
        cause: Cause::Reading { trigger: 0 },
        mode: Mode::Direct,
        workload: Some(Workload::settled(3)),
        readings: vec![reading(96.0, 5), reading(40.0, 2)],
        formula: None,
        active: true,
        last_active: None,
        steps: vec![step(Rule::Metrics, 3, 5), step(Rule::Stabilization, 5, 5)],
        bound_by: Rule::Metrics,
        desired_replicas: 5,
        limits: Limits { min: 1, max: 12, idle: None, useful: Some(10), tolerance: Tolerance::default() },
        result: Outcome::Scaled,
        next: Some(NextChange { at: at(130), what: "next reading".into() }),
    }
}

fn lost(reading: &mut ReadingRecord) {
    reading.value = None;
    reading.wanted = None;
    reading.active = false;
    reading.failures = 1;
    reading.error = Some(ReadError::new(ReadErrorKind::Unreachable, "no broker answers"));
}

fn end_at(record: &mut Record, steps: Vec<Step>, result: Outcome) {
    let last = steps.last().unwrap();
    record.desired_replicas = last.to;
    record.bound_by = last.rule;
    record.steps = steps;
    record.result = result;
}

type Break = (&'static str, fn(&mut Record));

const BREAKS: &[Break] = &[
    ("format", |record| record.format = "tidegate.record/0".into()),
    ("format", |record| record.sequence = 0),
    ("finite", |record| record.readings[1].value = Some(f64::NAN)),
    ("finite", |record| record.readings[1].value = Some(-1.0)),
    ("finite", |record| record.readings[0].target = MetricTarget::Value(f64::INFINITY)),
    ("error-value", |record| {
        lost(&mut record.readings[1]);
        record.readings[1].value = Some(0.0);
    }),
    ("error-value", |record| {
        lost(&mut record.readings[1]);
        record.readings[1].wanted = Some(0);
    }),
    ("error-value", |record| {
        lost(&mut record.readings[1]);
        record.readings[1].active = true;
    }),
    ("error-value", |record| record.readings[1].fallback = true),
    ("age", |record| record.readings[0].age_ms = Some(1999)),
    ("age", |record| record.readings[0].at = None),
    ("chain", |record| record.steps[0].from = 4),
    ("chain", |record| record.steps[1].from = 4),
    ("chain", |record| record.desired_replicas = 6),
    ("bound-by", |record| record.bound_by = Rule::Max),
    ("bound-by", |record| record.bound_by = Rule::None),
    ("rule", |record| end_at(record, vec![step(Rule::ScaleUpPolicy, 3, 5)], Outcome::Scaled)),
    ("rule", |record| {
        let steps = vec![step(Rule::Metrics, 3, 5), step(Rule::ScaleUpPolicy, 5, 2)];
        end_at(record, steps, Outcome::Scaled);
    }),
    ("rule", |record| end_at(record, vec![step(Rule::Max, 3, 2)], Outcome::Scaled)),
    ("rule", |record| end_at(record, vec![step(Rule::Cooldown, 3, 2)], Outcome::Scaled)),
    ("limits", |record| record.limits.max = 4),
    ("limits", |record| record.limits.min = 6),
    ("limits", |record| {
        record.active = false;
        record.readings[0].active = false;
        record.readings[1].active = false;
        record.limits.min = 6;
    }),
    ("useful", |record| record.limits.useful = Some(4)),
    ("busy", |record| {
        record.workload = Some(Workload { busy: Some(2), ..Workload::settled(3) });
        record.readings[0] = reading(0.0, 0);
        record.readings[1] = reading(10.0, 1);
        end_at(record, vec![step(Rule::Metrics, 3, 1)], Outcome::Scaled);
    }),
    ("hold", |record| {
        lost(&mut record.readings[0]);
        end_at(record, vec![step(Rule::Metrics, 3, 2)], Outcome::Scaled);
    }),
    ("hold", |record| {
        lost(&mut record.readings[0]);
        lost(&mut record.readings[1]);
        record.active = false;
        end_at(record, vec![step(Rule::Metrics, 3, 5)], Outcome::Scaled);
    }),
    ("hold", |record| {
        lost(&mut record.readings[1]);
        record.readings[1].on_failure = FailurePolicy::Hold;
    }),
    ("active", |record| record.active = false),
    ("active", |record| {
        record.active = false;
        record.steps.push(step(Rule::ForceActivation, 5, 5));
    }),
    ("active", |record| {
        record.formula = Some(FormulaRecord {
            formula: "a + b".into(),
            value: Some(0.0),
            error: None,
            target: MetricTarget::AverageValue(1.0),
            activation: 0.0,
            wanted: Some(0),
            fallback: false,
        });
    }),
    ("cooldown", |record| {
        record.limits.min = 0;
        end_at(record, vec![step(Rule::Metrics, 3, 5), step(Rule::Activation, 5, 0)], Outcome::Scaled);
    }),
    ("cooldown", |record| {
        record.limits.min = 0;
        record.active = false;
        record.readings = vec![reading(0.0, 0)];
        let steps = vec![step(Rule::Metrics, 3, 0), step(Rule::Cooldown, 0, 0)];
        end_at(record, steps, Outcome::Scaled);
    }),
    ("outcome", |record| record.result = Outcome::Unchanged),
    ("outcome", |record| record.result = Outcome::Held),
    ("outcome", |record| record.result = Outcome::Advised),
    ("outcome", |record| record.mode = Mode::Shadow),
    ("outcome", |record| record.mode = Mode::Hpa),
    ("outcome", |record| record.workload = None),
    ("next", |record| record.next = Some(NextChange { at: at(99), what: "cooldown ends".into() })),
    ("recompute", |record| record.readings[0].wanted = Some(4)),
    ("recompute", |record| record.readings[1].value = Some(400.0)),
    ("recompute", |record| end_at(record, vec![step(Rule::Metrics, 3, 2)], Outcome::Scaled)),
];

fn names(findings: &[Finding]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding.promise).collect()
}

#[test]
fn a_sound_record_has_no_finding_and_needs_no_memory() {
    let findings = check(&sound());
    assert_eq!(findings, []);
    assert_eq!(findings.capacity(), 0, "a sound record allocates nothing");
    assert_eq!(recompute(&sound()), Ok(5));
}

#[test]
fn a_record_read_back_is_as_sound_as_it_was() {
    let line = serde_json::to_string(&sound()).unwrap();
    let back: Record = serde_json::from_str(&line).unwrap();
    assert_eq!(back, sound());
    assert_eq!(check(&back), []);
}

#[test]
fn each_broken_promise_is_named() {
    for (index, (promise, spoil)) in BREAKS.iter().enumerate() {
        let mut record = sound();
        spoil(&mut record);
        let found = check(&record);
        assert!(names(&found).contains(promise), "case {index}: expected {promise}, found {found:?}");
    }
}

#[test]
fn every_promise_is_known_by_one_name_and_broken_by_a_test() {
    let known: BTreeSet<&str> = PROMISES.iter().map(|(name, _)| *name).collect();
    assert_eq!(known.len(), PROMISES.len(), "names are unique");
    let of_sequences = ["sequence", "unrecorded-change", "window", "stabilization"];
    let broken: BTreeSet<&str> = BREAKS.iter().map(|(name, _)| *name).chain(of_sequences).collect();
    assert_eq!(broken, known);
}

#[test]
fn tolerance_parallelism_and_ready_pods_recompute() {
    let mut record = sound();
    // 63 / (20 × 3) is 1.05: within tolerance of where it is.
    record.readings = vec![reading(63.0, 3)];
    end_at(&mut record, vec![step(Rule::Metrics, 3, 3), step(Rule::Tolerance, 3, 3)], Outcome::Unchanged);
    assert_eq!(recompute(&record), Ok(3));
    // 900 asks for 45, its source keeps 10 busy.
    record.readings = vec![reading(900.0, 10)];
    end_at(&mut record, vec![step(Rule::Metrics, 3, 10)], Outcome::Scaled);
    assert_eq!(recompute(&record), Ok(10));
    // Value: 2 of 3 pods are ready, 60 / 20 is 3, so 6 are wanted.
    record.workload = Some(Workload { ready: 2, ..Workload::settled(3) });
    record.readings = vec![ReadingRecord { target: MetricTarget::Value(20.0), ..reading(60.0, 6) }];
    end_at(&mut record, vec![step(Rule::Metrics, 3, 6)], Outcome::Scaled);
    assert_eq!(recompute(&record), Ok(6));
}

/// A policy that allows 2 pods out and 1 in within a minute, after a window of two minutes.
fn policy() -> Arc<Policy> {
    let mut behavior = Behavior::api_server_defaults();
    let minute = Duration::from_secs(60);
    let pods = |value| crate::policy::StepPolicy { kind: crate::policy::StepKind::Pods, value, period: minute };
    behavior.scale_up.policies = vec![pods(2)];
    behavior.scale_up.select = SelectPolicy::Max;
    behavior.scale_down.policies = vec![pods(1)];
    behavior.scale_down.stabilization = 2 * minute;
    Arc::new(Policy {
        min_replicas: 1,
        max_replicas: 12,
        idle_replicas: None,
        cooldown: Duration::from_secs(300),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: Vec::new(),
        behavior: Some(behavior),
        tolerance: 0.1,
        fallback: None,
        formula: None,
        pause: Pause::default(),
        force_activation: false,
        restore_original: false,
        mode: Mode::Direct,
        compat: Compat::default(),
    })
}

/// A record at a time, from one count to another because the metrics ask for `wanted`.
fn moved(sequence: u64, seconds: i64, from: u32, wanted: u32, to: u32) -> Record {
    let mut record = sound();
    record.sequence = sequence;
    record.at = at(seconds);
    record.next = None;
    record.workload = Some(Workload::settled(from));
    record.readings = vec![ReadingRecord { at: None, age_ms: None, ..reading(f64::from(wanted) * 20.0, wanted) }];
    let limit = if to < from { Rule::ScaleDownPolicy } else { Rule::ScaleUpPolicy };
    let result = if from == to { Outcome::Unchanged } else { Outcome::Scaled };
    let steps =
        vec![step(Rule::Metrics, from, wanted), step(Rule::Stabilization, wanted, wanted), step(limit, wanted, to)];
    end_at(&mut record, steps, result);
    record
}

fn follow(records: &[Record]) -> Vec<Finding> {
    let mut follower = Follower::new();
    follower.policy(policy());
    records.iter().flat_map(|record| follower.follow(record)).collect()
}

#[test]
fn steps_within_their_periods_are_sound() {
    let records = [moved(1, 0, 3, 9, 5), moved(2, 30, 5, 9, 5), moved(3, 60, 5, 9, 7), moved(4, 120, 7, 9, 9)];
    assert_eq!(follow(&records), []);
}

#[test]
fn a_second_step_within_the_period_is_found() {
    assert!(names(&follow(&[moved(1, 0, 3, 9, 5), moved(2, 59, 5, 9, 6)])).contains("window"));
    assert!(names(&follow(&[moved(1, 0, 9, 3, 8), moved(2, 59, 8, 3, 7)])).contains("window"));
}

#[test]
fn scale_in_before_the_window_has_passed_is_found() {
    let early = [moved(1, 0, 5, 5, 5), moved(2, 119, 5, 3, 4)];
    assert!(names(&follow(&early)).contains("stabilization"));
    let late = [moved(1, 0, 5, 5, 5), moved(2, 120, 5, 3, 4)];
    assert_eq!(follow(&late), []);
}

#[test]
fn gaps_and_strange_counts_are_found() {
    assert!(names(&follow(&[moved(1, 0, 3, 5, 5), moved(3, 60, 5, 5, 5)])).contains("sequence"));
    let mut other = moved(2, 60, 5, 5, 5);
    other.target = TargetId::new("shop", "bills");
    assert!(names(&follow(&[moved(1, 0, 3, 5, 5), other])).contains("sequence"));
    assert!(names(&follow(&[moved(1, 0, 3, 5, 5), moved(2, 60, 4, 4, 4)])).contains("unrecorded-change"));
    let mut seen = moved(2, 60, 4, 4, 4);
    seen.cause = Cause::WorkloadObserved;
    assert_eq!(follow(&[moved(1, 0, 3, 5, 5), seen]), []);
}
