//! Known days and their figures. `UPDATE_EXPECT=1 cargo test -p tidegate-sim` writes the figures anew; then look why.

use expect_test::{Expect, expect};
use tidegate_engine::ReadErrorKind;
use tidegate_sim::{Burst, Disturbance, Load, Outage, Planned, Scenario, Stage, Tide, run};

use crate::policies::{hours, policy, scenario, seconds};

fn check(scenario: &Scenario, expected: &Expect) -> tidegate_sim::Trace {
    let trace = run(scenario);
    assert_eq!(trace.findings, [], "seed {}", scenario.seed);
    assert_eq!(trace.faults, Vec::<String>::new(), "seed {}", scenario.seed);
    expected.assert_eq(&trace.summary().to_string());
    trace
}

/// Nothing, up to what six replicas can do, a spike beyond the partitions, and away again.
fn wave() -> Load {
    let stage = |lasts, rate| Stage { lasts: seconds(lasts), rate };
    Load {
        stages: vec![stage(600, 0.0), stage(1200, 120.0), stage(3600, 120.0), stage(1200, 0.0)],
        bursts: vec![Burst { after: seconds(3600), lasts: seconds(300), rate: 300.0 }],
        tide: None,
    }
}

#[test]
fn a_wave_with_a_spike() {
    let trace = check(
        &scenario(policy(0, 20, 100.0), wave(), hours(4)),
        &expect![[r#"
        seed 1, 4.0 h
        decisions 1469 (1 held), reads 1441
        scaled 26 times out, 25 in, 51 rebalances
        replicas at most 10, 13.6 replica-hours
        lag median 0, p99 57200, most 66000
        too few 0.02 replicas in 2.1 % of the time, too many 1.24 in 32.9 %, jitter 0.41/min
        broken promises 0
    "#]],
    );
    let most = trace.samples.iter().map(|sample| sample.replicas).max();
    assert_eq!(most, Some(10), "the spike asks for more, and the ten partitions keep ten busy");
    assert_eq!(trace.samples.last().map(|sample| (sample.replicas, sample.lag)), Some((0, 0.0)));
}

#[test]
fn a_week_of_tides() {
    let load = Load { tide: Some(Tide { period: hours(24), low: -40.0, high: 150.0 }), ..Load::default() };
    check(
        &scenario(policy(0, 20, 100.0), load, hours(24 * 7)),
        &expect![[r#"
        seed 1, 168.0 h
        decisions 63177 (1 held), reads 60481
        scaled 2016 times out, 2394 in, 4410 rebalances
        replicas at most 10, 858.1 replica-hours
        lag median 0, p99 1214, most 1740
        too few 0.06 replicas in 3.9 % of the time, too many 1.61 in 58.1 %, jitter 0.97/min
        broken promises 0
    "#]],
    );
}

#[test]
fn an_outage_at_high_tide() {
    let load = Load { tide: Some(Tide { period: hours(24), low: 0.0, high: 150.0 }), ..Load::default() };
    let mut scenario = scenario(policy(0, 20, 100.0), load, hours(24));
    scenario.sources[0].1.outages =
        vec![Outage { after: hours(11), lasts: hours(2), kind: ReadErrorKind::Unreachable }];
    let trace = check(
        &scenario,
        &expect![[r#"
        seed 1, 24.0 h
        decisions 9108 (722 held), reads 8067
        scaled 395 times out, 414 in, 809 rebalances
        replicas at most 10, 151.1 replica-hours
        lag median 0, p99 1207, most 5290
        too few 0.08 replicas in 6.1 % of the time, too many 2.01 in 76.9 %, jitter 1.14/min
        broken promises 0
    "#]],
    );
    let during = |at| hours(11) + seconds(120) < at && at < hours(13);
    let changes: Vec<_> = trace.changes.iter().filter(|(at, ..)| during(*at)).collect();
    assert!(changes.is_empty(), "nothing is known, nothing moves: {changes:?}");
}

#[test]
fn restarts_through_a_wave() {
    let mut scenario = scenario(policy(0, 20, 100.0), wave(), hours(4));
    scenario.disturbances =
        (1..47).map(|part| Planned { after: seconds(part * 300), what: Disturbance::Restart }).collect();
    let trace = check(
        &scenario,
        &expect![[r#"
        seed 1, 4.0 h
        decisions 1559 (47 held), reads 1487
        scaled 26 times out, 24 in, 50 rebalances
        replicas at most 10, 13.6 replica-hours
        lag median 0, p99 57200, most 66000
        too few 0.02 replicas in 2.1 % of the time, too many 1.23 in 34.1 %, jitter 0.40/min
        broken promises 0
    "#]],
    );
    let calm = run(&Scenario { disturbances: Vec::new(), ..scenario });
    let (troubled, calm) = (trace.summary(), calm.summary());
    assert!(troubled.outs + troubled.ins <= calm.outs + calm.ins + 4, "{troubled}{calm}");
}
