//! Decisions per second on one core: three triggers, full behaviour, records included.
//!
//! `cargo bench -p tidegate-engine`. Two figures: the whole state machine, from a tick through three answers to three
//! records, and the one-shot decision. The target is 500,000 a second.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench looks at the clock; the engine does not")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_engine::{
    Behavior, Case, Command, Compat, Engine, Event, FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Mode,
    Pause, Policy, Reading, SavedState, ScaleEvent, ScalingRules, SelectPolicy, StepKind, StepPolicy, TargetId,
    Timestamp, TriggerPolicy, Workload, decide,
};

const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const RUN: Duration = Duration::from_secs(2);

fn policy() -> Policy {
    let step = |kind, value, period| StepPolicy { kind, value, period: Duration::from_secs(period) };
    let rules = |window| ScalingRules {
        stabilization: Duration::from_secs(window),
        select: SelectPolicy::Max,
        policies: vec![step(StepKind::Pods, 4, 15), step(StepKind::Percent, 100, 60)],
        tolerance: Some(0.05),
    };
    let trigger = |index: u64| TriggerPolicy {
        index: index as usize,
        name: None,
        kind: "kafka".into(),
        metric: format!("s{index}-kafka-orders").into(),
        target: if index == 2 { MetricTarget::Value(40.0) } else { MetricTarget::AverageValue(20.0) },
        activation: 5.0,
        polling_interval: Duration::from_secs(1),
        source: index,
        time_limit: None,
        on_failure: FailurePolicy::Default,
    };
    Policy {
        min_replicas: 0,
        max_replicas: 50,
        idle_replicas: None,
        cooldown: Duration::from_secs(300),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: (0..3).map(trigger).collect(),
        behavior: Some(Behavior { scale_up: rules(30), scale_down: rules(300) }),
        tolerance: 0.1,
        fallback: Some(Fallback { failure_threshold: 3, replicas: 5, behavior: FallbackBehavior::Static }),
        formula: None,
        pause: Pause::default(),
        force_activation: false,
        restore_original: false,
        mode: Mode::Direct,
        compat: Compat::default(),
    }
}

/// A wave, different for each trigger.
fn value(trigger: usize, turn: u64) -> f64 {
    let phase = (turn % 600) as f64 / 600.0 * std::f64::consts::TAU;
    (400.0 * (1.0 + phase.sin()) / (1.0 + trigger as f64)).round()
}

fn main() {
    for targets in [1, 1_000] {
        let (decisions, took) = machine(targets);
        print(&format!("state machine, {targets} targets"), decisions, took);
    }
    let (decisions, took) = one_shot();
    print("one-shot decision", decisions, took);
}

/// Time this process was on a core, so that a busy machine does not spoil the figure; wall time where it cannot be read.
fn on_core(begin: Instant) -> Duration {
    let spent = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = spent.as_deref().and_then(|text| text.split(' ').next()).and_then(|field| field.parse().ok());
    nanos.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

fn print(what: &str, decisions: u64, took: Duration) {
    let rate = decisions as f64 / took.as_secs_f64();
    println!("{what}: {rate:.0} decisions/s, {:.0} ns each", 1e9 / rate);
}

fn machine(targets: usize) -> (u64, Duration) {
    let policy = Arc::new(policy());
    let mut engine = Engine::new();
    let mut commands = Vec::new();
    for index in 0..targets {
        let target = TargetId::new("bench", &format!("worker-{index}"));
        let restored = Some(SavedState::default());
        engine.handle_into(
            Event::PolicyChanged { target: target.clone(), policy: policy.clone(), restored },
            START,
            &mut commands,
        );
        let workload = Ok(Workload::settled(3));
        engine.handle_into(Event::WorkloadObserved { target, workload }, START, &mut commands);
    }
    let (mut now, mut turn, mut decisions) = (START, 0, 0);
    let begin = Instant::now();
    let before = on_core(begin);
    while begin.elapsed() < RUN {
        let mut wake = now;
        for command in std::mem::take(&mut commands) {
            match command {
                Command::Read { target, trigger, read, .. } => {
                    turn += 1;
                    let reading = Reading {
                        parallelism: (trigger == 0).then_some(24),
                        ..Reading::of(value(trigger, now.as_millis().unsigned_abs() / 1000), now)
                    };
                    let event = Event::ReadingArrived { target, trigger, read, outcome: Ok(reading) };
                    engine.handle_into(event, now, &mut commands);
                }
                Command::SetReplicas { target, change, .. } => {
                    engine.handle_into(Event::ScaleFinished { target, change, outcome: Ok(()) }, now, &mut commands);
                }
                Command::Emit(record) => {
                    decisions += 1;
                    black_box(record);
                }
                Command::WakeAt(at) => wake = at,
                Command::Save { state, .. } => {
                    black_box(state);
                }
            }
        }
        if commands.is_empty() {
            now = wake.max(engine.next_wake().unwrap_or(now));
            engine.handle_into(Event::Tick, now, &mut commands);
        }
    }
    black_box(turn);
    (decisions, on_core(begin).saturating_sub(before))
}

fn one_shot() -> (u64, Duration) {
    let reading = |value| Some(Ok(Reading::of(value, START)));
    let case = Case {
        target: TargetId::new("bench", "worker"),
        policy: Arc::new(policy()),
        workload: Ok(Workload::settled(3)),
        readings: vec![reading(96.0), reading(50.0), reading(41.0)],
        history: SavedState {
            scaled: vec![ScaleEvent { at: START - Duration::from_secs(5), from: 2, to: 3 }],
            ..SavedState::default()
        },
    };
    let mut decisions = 0;
    let begin = Instant::now();
    let before = on_core(begin);
    while begin.elapsed() < RUN {
        for _ in 0..1000 {
            black_box(decide(black_box(&case), START));
        }
        decisions += 1000;
    }
    (decisions, on_core(begin).saturating_sub(before))
}
