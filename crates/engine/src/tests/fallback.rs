//! Fallbacks and formulas.

use super::{Ask, NOW, behavior, policy, step};
use crate::{
    Compat, FailurePolicy, Fallback, FallbackBehavior, Formula, FormulaPolicy, MetricTarget, Policy, Rule, StepKind,
    decide,
};

/// Falls back to `replicas` after more than 3 failures; moves at once.
fn falling(min: u32, triggers: u64, replicas: u32, behavior_kind: FallbackBehavior) -> Policy {
    Policy {
        fallback: Some(Fallback { failure_threshold: 3, replicas, behavior: behavior_kind }),
        behavior: Some(behavior(vec![step(StepKind::Pods, 100, 1)], vec![step(StepKind::Pods, 100, 1)])),
        ..policy(min, 100, triggers)
    }
}

fn failed(ask: Ask, failures: &[u32]) -> Ask {
    ask.history(|history| history.failures = failures.to_vec())
}

#[test]
fn it_begins_with_the_failure_after_the_threshold() {
    let ask = |before: u32| failed(Ask::new(falling(1, 1, 10, FallbackBehavior::Static), 5).error(), &[before]);
    ask(0).gives(5, Rule::MissingMetric);
    ask(2).gives(5, Rule::MissingMetric);
    let record = ask(3).gives(10, Rule::Fallback);
    assert_eq!(record.readings[0].value, Some(100.0));
    assert_eq!((record.readings[0].failures, record.readings[0].fallback, record.active), (4, true, true));
    ask(90).gives(10, Rule::Fallback);
}

#[test]
fn the_five_behaviours() {
    let ask = |kind, stands_for: u32, current: u32| {
        failed(Ask::new(falling(1, 1, stands_for, kind), current).error(), &[3]).record().desired_replicas
    };
    assert_eq!(ask(FallbackBehavior::Static, 3, 5), 3);
    assert_eq!(ask(FallbackBehavior::CurrentReplicas, 10, 6), 6);
    assert_eq!(ask(FallbackBehavior::CurrentReplicasIfHigher, 3, 4), 4);
    assert_eq!(ask(FallbackBehavior::CurrentReplicasIfHigher, 10, 4), 10);
    assert_eq!(ask(FallbackBehavior::CurrentReplicasIfLower, 3, 4), 3);
    assert_eq!(ask(FallbackBehavior::CurrentReplicasIfLower, 10, 4), 4);
}

#[test]
fn from_zero_too() {
    let ask = |target| {
        let mut policy = falling(0, 1, 3, FallbackBehavior::Static);
        policy.triggers[0].target = target;
        policy
    };
    for target in [MetricTarget::AverageValue(10.0), MetricTarget::Value(10.0)] {
        failed(Ask::new(ask(target), 0).error(), &[3]).gives(1, Rule::Activation);
        failed(Ask::new(ask(target), 1).error(), &[4]).gives(3, Rule::Fallback);
    }
}

#[test]
fn it_never_takes_away_what_healthy_triggers_ask_for() {
    let ask =
        |healthy: f64| failed(Ask::new(falling(1, 2, 4, FallbackBehavior::Static), 6).value(healthy).error(), &[0, 3]);
    ask(90.0).gives(9, Rule::Metrics);
    ask(10.0).gives(4, Rule::Fallback);
}

#[test]
fn an_outage_does_not_scale_to_zero_unless_asked() {
    let ask = |compat: Compat, failures: u32| {
        let policy = Policy { compat, ..falling(0, 1, 0, FallbackBehavior::Static) };
        // The checker knows nothing of what was asked for, so it is not asked.
        decide(&failed(Ask::new(policy, 4).error(), &[failures]).0, NOW).desired_replicas
    };
    assert_eq!(ask(Compat::default(), 0), 4);
    assert_eq!(ask(Compat::default(), 3), 1);
    let keda = Compat { fallback_zero_scales_to_zero: true, ..Compat::default() };
    assert_eq!(ask(keda, 0), 0);
}

#[test]
fn a_scaling_policy_may_call_it_at_once() {
    let mut policy = falling(1, 1, 8, FallbackBehavior::Static);
    policy.triggers[0].on_failure = FailurePolicy::Fallback;
    Ask::new(policy, 5).error().gives(8, Rule::Fallback);
}

/// Triggers `a` and `b` in a formula with target 2.
fn formula(text: &str, kind: Option<FallbackBehavior>, replicas: u32) -> Policy {
    let mut policy = falling(1, 2, replicas, kind.unwrap_or_default());
    policy.fallback = policy.fallback.filter(|_| kind.is_some());
    policy.triggers[0].name = Some("a".into());
    policy.triggers[1].name = Some("b".into());
    let formula = Formula::compile(text, &["a", "b"]).unwrap();
    policy.formula = Some(FormulaPolicy { formula, target: MetricTarget::AverageValue(2.0), activation: 2.0 });
    policy
}

#[test]
fn a_formula_is_the_only_metric() {
    let record = Ask::new(formula("a + b", None, 0), 1).value(3.0).value(2.0).gives(3, Rule::Metrics);
    assert_eq!(record.formula.unwrap().value, Some(5.0));
    Ask::new(formula("count([a, b], {# > 1}) > 1 ? 5 : 0", None, 0), 1).value(2.0).value(2.0).gives(3, Rule::Metrics);
}

#[test]
fn a_formulas_activity_is_its_own_and_strict() {
    let from_zero = |a: f64| {
        let policy = Policy { min_replicas: 0, ..formula("a + b", None, 0) };
        Ask::new(policy, 0).value(a).value(0.0)
    };
    from_zero(2.0).gives(0, Rule::Activation);
    from_zero(2.001).gives(1, Rule::Activation);
}

#[test]
fn a_formula_that_lacks_something_holds() {
    Ask::new(formula("a + b", None, 0), 4).value(3.0).error().gives(4, Rule::MissingMetric);
    Ask::new(formula("a ?? b", None, 0), 4).error().value(2.0).gives(4, Rule::MissingMetric);
    Ask::new(formula("a / b", None, 0), 4).value(1.0).value(0.0).gives(4, Rule::MissingMetric);
    Ask::new(formula("a / b", None, 0), 4).value(0.0).value(0.0).gives(4, Rule::MissingMetric);
}

#[test]
fn nil_routes_around_failed_triggers() {
    let ask = |a: Option<f64>, b: Option<f64>| {
        let policy = formula("a ?? b ?? 8", Some(FallbackBehavior::ScalingModifiers), 4);
        let mut ask = Ask::new(policy, 1);
        for value in [a, b] {
            ask = if let Some(value) = value { ask.value(value) } else { ask.error() };
        }
        failed(ask, &[3, 3])
    };
    ask(Some(16.0), Some(12.0)).gives(8, Rule::Metrics);
    ask(None, Some(12.0)).gives(6, Rule::Metrics);
    ask(None, None).gives(4, Rule::Metrics);
    let below =
        failed(Ask::new(formula("a ?? b", Some(FallbackBehavior::ScalingModifiers), 4), 5).error().value(2.0), &[2, 0]);
    below.gives(5, Rule::MissingMetric);
}

#[test]
fn a_formula_that_gives_nil_falls_back() {
    let policy = formula("a ?? b", Some(FallbackBehavior::ScalingModifiers), 7);
    let record = failed(Ask::new(policy, 1).error().error(), &[3, 3]).gives(7, Rule::Fallback);
    assert_eq!(record.formula.unwrap().value, Some(14.0));
}

#[test]
fn a_static_fallback_replaces_the_formula() {
    let policy = formula("a + b", Some(FallbackBehavior::Static), 5);
    failed(Ask::new(policy.clone(), 1).value(3.0).error(), &[0, 3]).gives(5, Rule::Fallback);
    failed(Ask::new(policy, 1).value(3.0).error(), &[0, 2]).gives(1, Rule::MissingMetric);
}

#[test]
fn a_fractional_formula_target_disables_fallback_only_on_request() {
    let ask = |keda: bool| {
        let mut policy = formula("a + b", Some(FallbackBehavior::Static), 5);
        policy.compat.fallback_needs_whole_formula_target = keda;
        if let Some(formula) = &mut policy.formula {
            formula.target = MetricTarget::AverageValue(2.5);
        }
        failed(Ask::new(policy, 1).value(3.0).error(), &[0, 3])
    };
    ask(false).gives(5, Rule::Fallback);
    ask(true).gives(1, Rule::MissingMetric);
}
