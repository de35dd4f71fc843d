//! Generated policies and cases.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tidegate_engine::{
    Behavior, Case, Compat, FailurePolicy, Fallback, FallbackBehavior, Formula, FormulaPolicy, MetricTarget, Mode,
    Pause, PodState, PodUsage, Policy, ReadError, ReadErrorKind, Reading, Recommendation, SavedState, ScaleEvent,
    ScalingRules, SelectPolicy, StepKind, StepPolicy, TargetId, Timestamp, TriggerPolicy, Workload,
};

/// The moment of every generated decision.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A policy with `triggers` triggers on thresholds of 10, and nothing else set.
pub(crate) fn plain(min: u32, max: u32, triggers: usize) -> Policy {
    Policy {
        min_replicas: min,
        max_replicas: max,
        idle_replicas: None,
        cooldown: seconds(300),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: (0..triggers).map(|index| trigger(index, MetricTarget::AverageValue(10.0))).collect(),
        behavior: None,
        tolerance: 0.1,
        fallback: None,
        formula: None,
        pause: Pause::default(),
        force_activation: false,
        restore_original: false,
        mode: Mode::Direct,
        compat: Compat::default(),
    }
}

pub(crate) fn trigger(index: usize, target: MetricTarget) -> TriggerPolicy {
    TriggerPolicy {
        index,
        name: None,
        kind: "kafka".into(),
        metric: format!("s{index}-kafka-orders").into(),
        target,
        activation: 0.0,
        polling_interval: seconds(30),
        source: index as u64,
        time_limit: None,
        on_failure: FailurePolicy::Default,
    }
}

/// A behaviour that lets everything through at once, in both directions.
pub(crate) fn at_once() -> Behavior {
    let step = StepPolicy { kind: StepKind::Pods, value: 1_000_000, period: seconds(1) };
    let rules = ScalingRules {
        stabilization: Duration::ZERO,
        select: SelectPolicy::Max,
        policies: vec![step],
        tolerance: None,
    };
    Behavior { scale_up: rules.clone(), scale_down: rules }
}

pub(crate) fn broken() -> ReadError {
    ReadError::new(ReadErrorKind::Unreachable, "nothing answers")
}

pub(crate) fn case(policy: Policy, replicas: u32, values: &[f64]) -> Case {
    Case {
        target: TargetId::new("default", "worker"),
        policy: Arc::new(policy),
        workload: Ok(Workload::settled(replicas)),
        readings: values.iter().map(|value| Some(Ok(Reading::of(*value, NOW)))).collect(),
        history: SavedState::default(),
    }
}

fn step_policy() -> impl Strategy<Value = StepPolicy> {
    let kind = prop_oneof![Just(StepKind::Pods), Just(StepKind::Percent)];
    (kind, 1..200_u32, 1..600_u64).prop_map(|(kind, value, period)| StepPolicy { kind, value, period: seconds(period) })
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    let select = prop_oneof![
        4 => Just(SelectPolicy::Max),
        2 => Just(SelectPolicy::Min),
        1 => Just(SelectPolicy::Disabled),
    ];
    let tolerance = option::weighted(0.2, 0.0..0.5_f64);
    (0..600_u64, select, vec(step_policy(), 1..3), tolerance).prop_map(|(window, select, policies, tolerance)| {
        ScalingRules { stabilization: seconds(window), select, policies, tolerance }
    })
}

fn behavior() -> impl Strategy<Value = Behavior> {
    (rules(), rules()).prop_map(|(scale_up, scale_down)| Behavior { scale_up, scale_down })
}

fn metric_target() -> impl Strategy<Value = MetricTarget> {
    let amount = prop_oneof![(1..1000_u32).prop_map(f64::from), thousandths(100_000)];
    (amount, any::<bool>()).prop_map(|(amount, average)| {
        if average { MetricTarget::AverageValue(amount) } else { MetricTarget::Value(amount) }
    })
}

/// Mostly of an event source, at times of what pods use.
fn any_target() -> impl Strategy<Value = MetricTarget> {
    let resource = prop_oneof![
        (1..300_u32).prop_map(|percent| MetricTarget::Utilization(f64::from(percent))),
        thousandths(4_000).prop_map(MetricTarget::ResourceAverage),
    ];
    prop_oneof![5 => metric_target(), 1 => resource]
}

fn pods() -> impl Strategy<Value = Vec<PodUsage>> {
    let state = prop_oneof![6 => Just(PodState::Counted), 1 => Just(PodState::Unready), 1 => Just(PodState::Ignored)];
    let pod = (option::weighted(0.8, 0..5_000_u64), option::weighted(0.97, 1..4_000_u64), state);
    let pod = pod.prop_map(|(used_milli, requested_milli, state)| PodUsage { used_milli, requested_milli, state });
    vec(pod, 0..12)
}

fn on_failure() -> impl Strategy<Value = FailurePolicy> {
    prop_oneof![
        4 => Just(FailurePolicy::Default),
        1 => Just(FailurePolicy::Hold),
        1 => Just(FailurePolicy::Ignore),
        1 => Just(FailurePolicy::Fallback),
        1 => Just(FailurePolicy::OnlyUp),
    ]
}

fn trigger_policy() -> impl Strategy<Value = TriggerPolicy> {
    let activation = prop_oneof![3 => Just(0.0), 1 => 0.0..200.0_f64];
    (any_target(), activation, 5..120_u64, 0..4_u64, on_failure()).prop_map(
        |(target, activation, interval, source, on_failure)| TriggerPolicy {
            activation,
            polling_interval: seconds(interval),
            source,
            on_failure,
            ..trigger(0, target)
        },
    )
}

fn fallback() -> impl Strategy<Value = Fallback> {
    let behavior = prop_oneof![
        3 => Just(FallbackBehavior::Static),
        1 => Just(FallbackBehavior::CurrentReplicas),
        1 => Just(FallbackBehavior::CurrentReplicasIfHigher),
        1 => Just(FallbackBehavior::CurrentReplicasIfLower),
    ];
    (0..5_u32, 0..30_u32, behavior).prop_map(|(failure_threshold, replicas, behavior)| Fallback {
        failure_threshold,
        replicas,
        behavior,
    })
}

/// Formulas over the first trigger, which every policy has.
fn formula() -> impl Strategy<Value = (&'static str, MetricTarget, f64)> {
    let text = prop_oneof![
        Just("t0"),
        Just("t0 * 2 + 1"),
        Just("t0 - 50"),
        Just("t0 ?? 7"),
        Just("t0 > 100 ? t0 : 0"),
        Just("max(t0, 3)"),
    ];
    (text, metric_target(), prop_oneof![3 => Just(0.0), 1 => 0.0..50.0_f64])
}

fn pause() -> impl Strategy<Value = Pause> {
    let some = |share| proptest::bool::weighted(share);
    (some(0.05), option::weighted(0.05, 0..40_u32), some(0.1), some(0.1))
        .prop_map(|(all, at, scale_in, scale_out)| Pause { all, at, scale_in, scale_out })
}

/// Any policy that admission would let through.
pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let limits = (0..20_u32, 0..60_u32, option::weighted(0.3, 0..20_u32));
    let times = (0..600_u64, 0..600_u64, option::weighted(0.3, 0..900_u64));
    let triggers = vec(trigger_policy(), 1..4);
    let rest = (
        option::of(behavior()),
        option::weighted(0.4, fallback()),
        pause(),
        proptest::bool::weighted(0.1),
        option::weighted(0.25, formula()),
    );
    (limits, times, triggers, rest).prop_map(|(limits, times, mut triggers, rest)| {
        let (min, more, idle) = limits;
        for (index, trigger) in triggers.iter_mut().enumerate() {
            trigger.index = index;
            trigger.metric = format!("s{index}-kafka-orders").into();
            trigger.name = rest.4.as_ref().map(|_| format!("t{index}").into());
        }
        let names: Vec<String> = (0..triggers.len()).map(|index| format!("t{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let formula = rest.4.map(|(text, target, activation)| FormulaPolicy {
            formula: Formula::compile(text, &names).unwrap(),
            target,
            activation,
        });
        Policy {
            idle_replicas: idle.filter(|idle| *idle < min),
            cooldown: seconds(times.0),
            initial_cooldown: seconds(times.1),
            created: times.2.map(|age| NOW - seconds(age)),
            triggers,
            behavior: rest.0,
            formula,
            fallback: rest.1,
            pause: rest.2,
            force_activation: rest.3,
            ..plain(min, (min + more).max(1), 1)
        }
    })
}

/// A number of at most three decimals, as the external metrics API carries them; never zero.
fn thousandths(most: u64) -> impl Strategy<Value = f64> {
    (1..=most).prop_map(|thousandths| thousandths as f64 / 1000.0)
}

/// What a source may say: mostly numbers, at times nothing.
pub(crate) fn answer() -> impl Strategy<Value = Option<Result<Reading, ReadError>>> {
    let value =
        prop_oneof![2 => Just(0.0), 5 => (0..2000_u32).prop_map(f64::from), 1 => thousandths(1_000_000_000_000)];
    let reading = (value, option::weighted(0.4, 1..80_u32))
        .prop_map(|(value, parallelism)| Ok(Reading { parallelism, ..Reading::of(value, NOW) }));
    prop_oneof![8 => reading.prop_map(Some), 2 => Just(Some(Err(broken()))), 1 => Just(None)]
}

fn workload() -> impl Strategy<Value = Result<Workload, ReadError>> {
    let counts = (0..70_u32, 0..10_u32, 0..10_u32, option::weighted(0.2, 0..20_u32)).prop_map(
        |(replicas, starting, unready, busy)| {
            let current = replicas.saturating_sub(starting);
            Ok(Workload {
                replicas,
                current,
                ready: current.saturating_sub(unready),
                busy: busy.map(|b| b.min(replicas)),
            })
        },
    );
    let settled = (0..70_u32).prop_map(|replicas| Ok(Workload::settled(replicas)));
    prop_oneof![6 => settled, 3 => counts, 1 => Just(Err(broken()))]
}

fn history(triggers: usize) -> impl Strategy<Value = SavedState> {
    let recommendations = vec((0..700_u64, 0..70_u32), 0..5).prop_map(|mut past| {
        past.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        past.into_iter().map(|(age, replicas)| Recommendation { at: NOW - seconds(age), replicas }).collect()
    });
    let scaled = vec((0..700_u64, 0..30_u32, 0..30_u32), 0..4).prop_map(|mut past| {
        past.sort_by_key(|(age, ..)| std::cmp::Reverse(*age));
        past.into_iter().map(|(age, from, to)| ScaleEvent { at: NOW - seconds(age), from, to }).collect()
    });
    (recommendations, scaled, option::of(0..900_u64), vec(0..6_u32, triggers)).prop_map(
        |(recommendations, scaled, active, failures): (Vec<_>, Vec<_>, _, _)| SavedState {
            original_replicas: Some(1),
            last_active: active.map(|age| NOW - seconds(age)),
            recommendations,
            scaled,
            failures,
            sequence: 41,
        },
    )
}

/// Any case at all.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    any_policy().prop_flat_map(|policy| {
        let triggers = policy.triggers.len();
        let measured = vec(pods(), triggers);
        (Just(policy), workload(), vec(answer(), triggers), measured, history(triggers)).prop_map(
            |(policy, workload, mut readings, measured, history)| {
                for ((trigger, answer), pods) in policy.triggers.iter().zip(&mut readings).zip(measured) {
                    if let Some(Ok(reading)) = answer
                        && trigger.target.is_resource()
                    {
                        *reading = Reading::of_pods(pods, reading.at);
                    }
                }
                Case {
                    target: TargetId::new("default", "worker"),
                    policy: Arc::new(policy),
                    workload,
                    readings,
                    history,
                }
            },
        )
    })
}
