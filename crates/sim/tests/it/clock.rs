//! Clocks that are set while the engine runs: it neither sleeps through nor rushes.

use std::time::Duration;

use tidegate_engine::Mode;
use tidegate_sim::{Disturbance, Load, Planned, Scenario, Stage, Trace, run};

use crate::policies::{hours, policy, scenario, seconds};

/// Work begins after two hours and ends after three; five minutes before it begins the clock is set.
fn set_by(millis: i64) -> (Scenario, Trace) {
    let stage = |lasts, rate| Stage { lasts: seconds(lasts), rate };
    let stages = vec![stage(7200, 0.0), stage(0, 60.0), stage(3600, 60.0), stage(0, 0.0)];
    let mut scenario = scenario(policy(0, 20, 100.0), Load { stages, ..Load::default() }, hours(5));
    assert_eq!(scenario.policy.mode, Mode::Direct);
    scenario.disturbances = vec![Planned { after: seconds(6900), what: Disturbance::ClockJump(millis) }];
    let trace = run(&scenario);
    assert_eq!(trace.faults, Vec::<String>::new());
    assert_eq!(trace.findings, []);
    (scenario, trace)
}

fn first_change(trace: &Trace) -> Option<Duration> {
    trace.changes.first().map(|(at, ..)| *at)
}

#[test]
fn a_clock_set_back_by_an_hour_delays_nothing() {
    let (_, trace) = set_by(-3_600_000);
    let first = first_change(&trace).expect("work must be seen");
    assert!(first < seconds(7200 + 60), "the first replica starts {first:?} into the run");
    let last = trace.samples.last().unwrap();
    assert_eq!(last.replicas, 0, "and the last one ends");
}

#[test]
fn a_clock_set_ahead_by_an_hour_changes_nothing_by_itself() {
    let (_, trace) = set_by(3_600_000);
    let first = first_change(&trace).expect("work must be seen");
    assert!(first > seconds(7200) && first < seconds(7200 + 60), "the first replica starts {first:?} into the run");
}

#[test]
fn a_clock_set_back_while_busy_neither_drops_nor_keeps_replicas() {
    let stage = |lasts, rate| Stage { lasts: seconds(lasts), rate };
    let stages = vec![stage(60, 60.0), stage(7200, 60.0), stage(0, 0.0)];
    let mut scenario = scenario(policy(1, 20, 20.0), Load { stages, ..Load::default() }, hours(5));
    scenario.replicas = 3;
    let calm = run(&scenario).summary();
    scenario.disturbances = vec![Planned { after: seconds(3600), what: Disturbance::ClockJump(-3_000_000) }];
    let trace = run(&scenario);
    assert_eq!(trace.findings, []);
    let jumped = trace.summary();
    assert!((calm.replica_hours - jumped.replica_hours).abs() < calm.replica_hours * 0.1, "{calm}{jumped}");
}
