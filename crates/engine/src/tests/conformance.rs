//! KEDA's behaviour where it is a pure decision, a line each, named by the row that it answers. `matched`: as KEDA;
//! `improved`: other on purpose, with the reason. What needs a cluster is tested on one, in crate `operator`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Ask, ago, behavior, policy, seconds, step};
use crate::{
    Fallback, FallbackBehavior, Formula, FormulaPolicy, MetricTarget, Mode, Outcome, Pause, Policy, Record, Rule,
    SavedState, StepKind, Workload,
};

type Row = (&'static str, &'static str, fn());

/// In mode `hpa`, as KEDA has it, without windows and steps.
fn keda(min: u32, triggers: u64) -> Policy {
    let at_once = || vec![step(StepKind::Pods, 1000, 1)];
    Policy { mode: Mode::Hpa, behavior: Some(behavior(at_once(), at_once())), ..policy(min, 100, triggers) }
}

fn idle(idle: u32, min: u32) -> Policy {
    Policy { idle_replicas: Some(idle), max_replicas: 4, ..keda(min, 1) }
}

fn falling(behavior: FallbackBehavior, replicas: u32, policy: Policy) -> Policy {
    Policy { fallback: Some(Fallback { failure_threshold: 3, replicas, behavior }), ..policy }
}

/// A formula over triggers `a`, `b`, ... with target 2.
fn formula(text: &str, activation: f64, policy: Policy) -> Policy {
    let names: Vec<String> = (0..policy.triggers.len()).map(|n| ["a", "b", "c"][n].to_owned()).collect();
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let formula = Formula::compile(text, &borrowed).unwrap();
    let mut policy = policy;
    for (trigger, name) in policy.triggers.iter_mut().zip(&names) {
        trigger.name = Some(name.as_str().into());
    }
    Policy { formula: Some(FormulaPolicy { formula, target: MetricTarget::AverageValue(2.0), activation }), ..policy }
}

fn value_target(mut policy: Policy) -> Policy {
    policy.triggers[0].target = MetricTarget::Value(10.0);
    policy
}

fn active_ago(span: u64) -> impl FnOnce(&mut SavedState) {
    move |history| history.last_active = Some(ago(span))
}

fn failed(times: u32) -> impl FnOnce(&mut SavedState) {
    move |history| history.failures = vec![times; 3]
}

fn commanded(record: &Record) -> bool {
    record.result == Outcome::Scaled
}

const ACTIVATION: &[Row] = &[
    ("ACT-02", "current replicas unreadable: nothing moves", || {
        let mut ask = Ask::new(keda(0, 1), 3).value(50.0);
        ask.0.workload = Err(super::outage());
        let record = ask.record();
        assert_eq!((record.result, record.workload, record.desired_replicas), (Outcome::Held, None, 0));
    }),
    ("ACT-03", "paused: nothing moves", || {
        let pause = Pause { all: true, ..Pause::default() };
        let record = Ask::new(Policy { pause, ..keda(0, 1) }, 0).value(50.0).gives(0, Rule::Paused);
        assert_eq!(record.result, Outcome::Paused);
    }),
    ("ACT-04", "active at zero, or below min with idle set: to min, or to 1, by us", || {
        for (policy, current, to) in [(keda(0, 1), 0, 1), (keda(3, 1), 0, 3), (idle(0, 2), 0, 2), (idle(1, 3), 1, 3)] {
            let record = Ask::new(policy, current).value(9.0).gives(to, Rule::Activation);
            assert!(commanded(&record) && record.last_active == Some(super::NOW));
        }
    }),
    ("ACT-05", "improved: a failing trigger beside an active one does not stop the renewal of lastActiveTime", || {
        let record = Ask::new(keda(0, 2), 3).value(30.0).error().history(active_ago(100)).record();
        assert_eq!((record.last_active, record.active), (Some(super::NOW), true));
        assert!(record.readings[1].error.is_some());
    }),
    ("ACT-06", "active: only lastActiveTime is renewed", || {
        let record = Ask::new(keda(0, 1), 3).value(30.0).gives(3, Rule::Tolerance);
        assert_eq!((record.result, record.last_active), (Outcome::Unchanged, Some(super::NOW)));
    }),
    ("ACT-07", "inactive, failing, fallback set: nothing scales to zero", || {
        let policy = falling(FallbackBehavior::Static, 3, keda(0, 2));
        let record = Ask::new(policy, 3).value(0.0).error().history(active_ago(10_000)).record();
        assert_eq!((record.desired_replicas, commanded(&record)), (3, false));
    }),
    ("ACT-08", "inactive, failing, no fallback: replicas untouched", || {
        let record =
            Ask::new(keda(0, 2), 3).value(0.0).error().history(active_ago(10_000)).gives(3, Rule::MissingMetric);
        assert_eq!(record.result, Outcome::Held);
    }),
    ("ACT-09", "inactive: to zero, or to idle", || {
        let record = Ask::new(keda(0, 1), 7).value(0.0).history(active_ago(301)).gives(0, Rule::Activation);
        assert!(commanded(&record));
        let record = Ask::new(idle(1, 3), 4).value(0.0).history(active_ago(301)).gives(1, Rule::Idle);
        assert!(commanded(&record));
    }),
    ("ACT-10", "inactive, idle unset, below min: to min at once", || {
        assert!(commanded(&Ask::new(keda(3, 1), 1).value(0.0).gives(3, Rule::Min)));
        assert!(commanded(&Ask::new(keda(3, 1), 0).error().gives(3, Rule::Min)));
    }),
    ("ACT-11", "inactive otherwise: nothing of ours", || {
        assert!(!commanded(&Ask::new(keda(2, 1), 5).value(0.0).history(active_ago(10_000)).record()));
    }),
    ("ACT-12", "the cooldown is strict; before any activity the initial one counts from creation", || {
        let ask = |span| Ask::new(keda(0, 1), 1).value(0.0).history(active_ago(span));
        ask(300).gives(1, Rule::Cooldown);
        ask(301).gives(0, Rule::Activation);
        let young = |age| Policy { created: Some(ago(age)), initial_cooldown: seconds(120), ..keda(0, 1) };
        Ask::new(young(120), 1).value(0.0).gives(1, Rule::InitialCooldown);
        Ask::new(young(121), 1).value(0.0).gives(0, Rule::Activation);
        let pause = Pause { scale_in: true, ..Pause::default() };
        Ask::new(Policy { pause, ..keda(0, 1) }, 1).value(0.0).history(active_ago(301)).gives(1, Rule::Paused);
    }),
    ("ACT-21", "activity is strict", || {
        let mut policy = keda(0, 1);
        policy.triggers[0].activation = 5.0;
        Ask::new(policy.clone(), 0).value(5.0).gives(0, Rule::Activation);
        Ask::new(policy, 0).value(5.001).gives(1, Rule::Activation);
    }),
    ("ACT-22", "only cpu and memory: always active, never to zero", || {
        let mut policy = keda(0, 1);
        policy.triggers[0].target = MetricTarget::Utilization(50.0);
        let record = Ask::new(policy, 1).unread().history(active_ago(10_000)).gives(1, Rule::LeftToHpa);
        assert!(record.active && record.last_active == Some(super::NOW));
    }),
    ("ACT-23", "cpu beside an event source: that source alone decides about zero", || {
        let mut policy = keda(0, 2);
        policy.triggers[1].target = MetricTarget::Utilization(50.0);
        Ask::new(policy.clone(), 5).value(0.0).unread().history(active_ago(301)).gives(0, Rule::Activation);
        Ask::new(policy, 0).value(1.0).unread().gives(1, Rule::Activation);
    }),
    ("ACT-24", "idle 0, min 2: 0 to 2 at once, and straight back to 0", || {
        Ask::new(idle(0, 2), 0).value(2.0).gives(2, Rule::Activation);
        Ask::new(idle(0, 2), 2).value(40.0).gives(4, Rule::Metrics);
        Ask::new(idle(0, 2), 4).value(0.0).history(active_ago(301)).gives(0, Rule::Idle);
    }),
    ("ACT-28", "force-activation counts as activity", || {
        let forced = Policy { force_activation: true, ..idle(0, 2) };
        let record = Ask::new(forced, 0).value(0.0).gives(2, Rule::ForceActivation);
        assert!(commanded(&record) && record.active);
        Ask::new(Policy { cooldown: seconds(0), ..idle(0, 2) }, 2)
            .value(0.0)
            .history(active_ago(1))
            .gives(0, Rule::Idle);
    }),
    ("ACT-29", "force-activation with paused-scale-out: active, and still at zero", || {
        let pause = Pause { scale_out: true, ..Pause::default() };
        let record =
            Ask::new(Policy { force_activation: true, pause, ..keda(0, 1) }, 0).value(0.0).gives(0, Rule::Paused);
        assert!(record.active);
    }),
    ("ACT-32", "improved: a failure beside an active trigger does not shorten the cooldown", || {
        let during = Ask::new(keda(0, 2), 3).value(30.0).error().history(active_ago(5_000)).record();
        let last = during.last_active;
        let after =
            Ask::new(keda(0, 2), 3).value(0.0).value(0.0).history(|history| history.last_active = last).record();
        assert!(after.desired_replicas > 0, "the cooldown begins only now");
    }),
    ("ACT-33", "at zero only the executor moves", || {
        let record = Ask::new(keda(0, 1), 0).value(500.0).gives(1, Rule::Activation);
        assert!(commanded(&record), "the rest is the HPA's");
    }),
    ("SO-09", "what is left out of the manifest is left out of the decision", || {
        Ask::new(keda(1, 1), 2).value(50.0).gives(5, Rule::Metrics);
    }),
    ("SO-17", "a broken trigger does not stop scale-out by another", || {
        Ask::new(keda(1, 2), 2).value(50.0).error().gives(5, Rule::Metrics);
        Ask::new(keda(1, 2), 7).value(50.0).error().gives(7, Rule::MissingMetric);
    }),
];

const PAUSING: &[Row] = &[
    ("PAU-03", "paused-replicas: to that count by us, above max too", || {
        let pause = Pause { at: Some(5), ..Pause::default() };
        let record = Ask::new(Policy { max_replicas: 1, pause, ..keda(0, 1) }, 1).value(0.0).gives(5, Rule::Paused);
        assert!(commanded(&record));
    }),
    ("PAU-04", "paused-replicas 0 with load: zero", || {
        let pause = Pause { at: Some(0), ..Pause::default() };
        Ask::new(Policy { pause, ..keda(0, 1) }, 0).value(500.0).gives(0, Rule::Paused);
        assert!(commanded(&Ask::new(Policy { pause, ..keda(0, 1) }, 4).value(500.0).gives(0, Rule::Paused)));
    }),
    ("PAU-05", "another count: to that", || {
        let pause = Pause { at: Some(7), ..Pause::default() };
        assert!(commanded(&Ask::new(Policy { pause, ..keda(0, 1) }, 3).value(0.0).gives(7, Rule::Paused)));
    }),
    ("PAU-07", "both annotations: the count wins", || {
        let pause = Pause { all: true, at: Some(5), ..Pause::default() };
        Ask::new(Policy { pause, ..keda(0, 1) }, 1).value(0.0).gives(5, Rule::Paused);
    }),
    ("PAU-11", "paused-scale-in: stays though idle; out still works", || {
        let pause = Pause { scale_in: true, ..Pause::default() };
        let paused = || Policy { pause, cooldown: seconds(0), ..keda(0, 1) };
        Ask::new(paused(), 2).value(0.0).history(active_ago(50)).gives(2, Rule::Paused);
        Ask::new(paused(), 2).value(90.0).gives(9, Rule::Metrics);
        Ask::new(paused(), 0).value(9.0).gives(1, Rule::Activation);
    }),
    ("PAU-12", "paused-scale-out: stays at zero though active, without a lastActiveTime; in still works", || {
        let pause = Pause { scale_out: true, ..Pause::default() };
        let paused = || Policy { pause, ..keda(0, 1) };
        let record = Ask::new(paused(), 0).value(90.0).history(active_ago(1_000)).gives(0, Rule::Paused);
        assert_eq!((record.active, record.last_active), (true, Some(ago(1_000))));
        Ask::new(paused(), 5).value(0.0).history(active_ago(301)).gives(0, Rule::Activation);
        Ask::new(paused(), 5).value(90.0).gives(5, Rule::Paused);
    }),
    ("PAU-13", "a whole pause wins over the one-directional", || {
        let pause = Pause { all: true, scale_in: true, scale_out: true, at: None };
        assert_eq!(Ask::new(Policy { pause, ..keda(0, 1) }, 2).value(90.0).gives(2, Rule::Paused).steps.len(), 1);
    }),
];

const FALLBACK: &[Row] = &[
    ("FB-04", "failures up to the threshold: an error to the HPA", || {
        let policy = falling(FallbackBehavior::Static, 10, keda(1, 1));
        let record = Ask::new(policy, 3).error().history(failed(2)).gives(3, Rule::MissingMetric);
        assert_eq!((record.readings[0].value, record.readings[0].failures), (None, 3));
    }),
    ("FB-05", "more: target x replicas, from the 4th failure with threshold 3", || {
        let policy = falling(FallbackBehavior::Static, 10, keda(1, 1));
        let record = Ask::new(policy, 3).error().history(failed(3)).gives(10, Rule::Fallback);
        assert_eq!((record.readings[0].value, record.readings[0].fallback), (Some(100.0), true));
    }),
    ("FB-06", "metricType Value: divided by the ready pods, cut off to thousandths; without one an error", || {
        let policy = || value_target(falling(FallbackBehavior::Static, 10, keda(1, 1)));
        let ask = |ready| {
            let ask = Ask::new(policy(), 4).error().history(failed(3));
            ask.workload(|workload: &mut Workload| workload.ready = ready)
        };
        let record = ask(3).gives(10, Rule::Fallback);
        assert_eq!(record.readings[0].value, Some(33.333));
        let record = ask(0).gives(4, Rule::MissingMetric);
        assert_eq!((record.readings[0].value, record.readings[0].wanted, record.active), (None, None, true));
        assert!(record.readings[0].error.as_ref().unwrap().message.contains("divided by the ready pods"));
    }),
    ("FB-07", "the five behaviours", || {
        let to = |behavior, stands_for, current| {
            let ask = Ask::new(falling(behavior, stands_for, keda(1, 1)), current).error().history(failed(3));
            ask.record().desired_replicas
        };
        assert_eq!(to(FallbackBehavior::CurrentReplicas, 3, 4), 4);
        assert_eq!(to(FallbackBehavior::CurrentReplicasIfHigher, 3, 4), 4);
        assert_eq!(to(FallbackBehavior::CurrentReplicasIfLower, 3, 4), 3);
        assert_eq!(to(FallbackBehavior::CurrentReplicasIfHigher, 10, 4), 10);
        assert_eq!(to(FallbackBehavior::CurrentReplicas, 10, 6), 6);
    }),
    ("FB-08", "static: down to it, and back when the source returns", || {
        let policy = || falling(FallbackBehavior::Static, 3, keda(1, 1));
        Ask::new(policy(), 5).error().history(failed(3)).gives(3, Rule::Fallback);
        let record = Ask::new(policy(), 3).value(50.0).history(failed(9)).gives(5, Rule::Metrics);
        assert_eq!(record.readings[0].failures, 0);
    }),
    ("FB-09", "from zero: the fallback makes the trigger active", || {
        let record = Ask::new(falling(FallbackBehavior::Static, 3, keda(0, 1)), 0).error().history(failed(3)).record();
        assert_eq!((record.desired_replicas, commanded(&record), record.active), (1, true, true));
        let value = value_target(falling(FallbackBehavior::Static, 3, keda(0, 1)));
        Ask::new(value, 0).error().history(failed(3)).gives(1, Rule::Activation);
    }),
    ("FB-10", "while it stands in: active, lastActiveTime renewed", || {
        let policy = falling(FallbackBehavior::Static, 3, keda(0, 1));
        let record =
            Ask::new(policy, 3).error().history(|h| (h.failures, h.last_active) = (vec![9], Some(ago(9_000)))).record();
        assert_eq!((record.active, record.last_active), (true, Some(super::NOW)));
    }),
    ("FB-15", "scalingModifiers: the formula routes around what failed", || {
        let policy = || {
            let falling = falling(FallbackBehavior::ScalingModifiers, 4, keda(1, 2));
            formula("a ?? b ?? 8", 0.0, falling)
        };
        Ask::new(policy(), 1).value(16.0).value(12.0).gives(8, Rule::Metrics);
        Ask::new(policy(), 8).error().value(12.0).history(failed(3)).gives(6, Rule::Metrics);
        let record = Ask::new(policy(), 6).error().error().history(failed(3)).gives(4, Rule::Metrics);
        assert_eq!(record.formula.unwrap().value, Some(8.0));
    }),
    ("FB-16", "scalingModifiers, nil: the fallback's replicas x target; without fallback an error", || {
        let policy = |policy| formula("a", 0.0, policy);
        let falling = falling(FallbackBehavior::ScalingModifiers, 7, keda(1, 1));
        let record = Ask::new(policy(falling), 2).error().history(failed(3)).gives(7, Rule::Fallback);
        let formula = record.formula.unwrap();
        assert_eq!((formula.value, formula.fallback), (Some(14.0), true));
        let record = Ask::new(policy(keda(1, 1)), 2).error().history(failed(3)).gives(2, Rule::MissingMetric);
        assert!(record.formula.unwrap().error.is_some());
    }),
    ("FB-17", "nil begins with the failure after the threshold", || {
        let policy = || formula("a ?? 8", 0.0, falling(FallbackBehavior::ScalingModifiers, 7, keda(1, 1)));
        Ask::new(policy(), 2).error().history(failed(2)).gives(2, Rule::MissingMetric);
        Ask::new(policy(), 2).error().history(failed(3)).gives(4, Rule::Metrics);
    }),
    ("FB-19", "a formula with a static fallback: the composite is the fallback, the formula is not run", || {
        let policy = formula("a + b", 0.0, falling(FallbackBehavior::Static, 5, keda(1, 2)));
        let record = Ask::new(policy, 2).value(500.0).error().history(failed(3)).gives(5, Rule::Fallback);
        assert_eq!(record.formula.unwrap().value, Some(10.0));
    }),
    ("FB-20", "cpu and memory: no fallback for them", || {
        let mut policy = falling(FallbackBehavior::Static, 5, Policy { mode: Mode::Direct, ..keda(1, 1) });
        policy.triggers[0].target = MetricTarget::Utilization(50.0);
        Ask::new(policy, 2).error().history(failed(9)).gives(2, Rule::MissingMetric);
    }),
    ("FB-21", "improved: a trigger that cannot be set up fails like any other, and falls back", || {
        let mut ask = Ask::new(falling(FallbackBehavior::Static, 5, keda(1, 1)), 2).history(failed(3));
        let kind = crate::ReadErrorKind::Configuration;
        ask.0.readings.push(Some(Err(crate::ReadError::new(kind, "Secret shop/broker is not there"))));
        ask.gives(5, Rule::Fallback);
    }),
];

const FORMULAS: &[Row] = &[
    ("FML-01", "one value, in thousandths", || {
        let record = Ask::new(formula("a + b", 0.0, keda(0, 2)), 2).value(2.0).value(5.0).gives(4, Rule::Metrics);
        assert_eq!(record.formula.unwrap().value, Some(7.0));
    }),
    ("FML-04", "activation is strict", || {
        Ask::new(formula("a + b", 2.0, keda(0, 2)), 0).value(0.0).value(2.0).gives(0, Rule::Activation);
    }),
    ("FML-05", "3 + 2 against 2: three", || {
        Ask::new(formula("a + b", 2.0, keda(0, 2)), 0).value(3.0).value(2.0).gives(1, Rule::Activation);
        Ask::new(formula("a + b", 2.0, keda(0, 2)), 1).value(3.0).value(2.0).gives(3, Rule::Metrics);
    }),
    ("FML-06", "count over a list", || {
        let policy = || formula("count([a,b],{#>1}) > 1 ? 5 : 0", 0.0, keda(0, 2));
        Ask::new(policy(), 0).value(0.0).value(0.0).gives(0, Rule::Activation);
        Ask::new(policy(), 1).value(2.0).value(2.0).gives(3, Rule::Metrics);
    }),
    ("FML-07", "improved: a failing trigger makes activity unknown and not false, so nothing goes to zero", || {
        let record =
            Ask::new(formula("a + b", 0.0, keda(0, 2)), 2).value(3.0).error().history(active_ago(9_000)).record();
        assert_eq!((record.desired_replicas, record.result), (2, Outcome::Held));
    }),
    ("FML-08", "improved: a formula that cannot be run is an error and not an empty answer", || {
        let record =
            Ask::new(formula("a > 5 ? 'many' : 1", 0.0, keda(0, 1)), 2).value(9.0).gives(2, Rule::MissingMetric);
        let formula = record.formula.unwrap();
        assert!(formula.value.is_none() && formula.error.is_some());
    }),
    ("FML-13", "improved: a result that is not finite is an error and not a number", || {
        let record = Ask::new(formula("1 / a", 0.0, keda(0, 1)), 2).value(0.0).gives(2, Rule::MissingMetric);
        assert!(record.formula.unwrap().value.is_none());
    }),
    ("HPA-18", "cpu beside a formula is kept", || {
        let mut policy = Policy { mode: Mode::Direct, ..formula("a", 0.0, keda(0, 2)) };
        policy.triggers[1].target = MetricTarget::Utilization(50.0);
        let pod =
            crate::PodUsage { used_milli: Some(900), requested_milli: Some(1000), state: crate::PodState::Counted };
        Ask::new(policy.clone(), 2).value(2.0).pods(&[pod, pod]).gives(4, Rule::Metrics);
        Ask::new(policy, 2).value(12.0).pods(&[pod, pod]).gives(6, Rule::Metrics);
    }),
];

#[track_caller]
fn all(rows: &[Row]) {
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|(name, what, row)| {
            let error = catch_unwind(AssertUnwindSafe(row)).err()?;
            let text = error.downcast_ref::<String>().cloned().unwrap_or_default();
            Some(format!("{name} ({what}): {text}"))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// ACT-03, ACT-04, ACT-09, ACT-10, ACT-11, ACT-12, ACT-21, ACT-22, ACT-23, ACT-24, ACT-28, ACT-29, ACT-32.
#[test]
fn section_3_activation() {
    all(ACTIVATION);
}

/// PAU-03, PAU-04, PAU-05, PAU-07, PAU-11, PAU-12, PAU-13.
#[test]
fn section_4_pausing() {
    all(PAUSING);
}

/// FB-04, FB-05, FB-06, FB-07, FB-08, FB-09, FB-15, FB-16, FB-17, FB-19, FB-20, FB-21.
#[test]
fn section_5_fallback() {
    all(FALLBACK);
}

/// FML-01, FML-04, FML-05, FML-06, FML-08, FML-13, HPA-18.
#[test]
fn section_6_formulas() {
    all(FORMULAS);
}
