//! Many drawn scenarios: no promise is ever broken, and no engine ever spins.
//!
//! One seed again: `TIDEGATE_SIM_SEEDS=17..18 cargo test -p tidegate-sim storms`.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Outcome, Record};
use tidegate_sim::{Scenario, Trace, run};

use crate::random::draw;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("TIDEGATE_SIM_SEEDS") else { return 0..60 };
    let (from, to) = text.split_once("..").expect("TIDEGATE_SIM_SEEDS is like 0..1000");
    from.parse().unwrap()..to.parse().unwrap()
}

/// What is wrong with a run, each kind of fault once.
fn faults(scenario: &Scenario, trace: &Trace) -> Vec<String> {
    let mut kinds = Vec::new();
    let mut faults = Vec::new();
    for (place, finding) in &trace.findings {
        if !kinds.contains(&finding.promise) {
            kinds.push(finding.promise);
            faults.push(format!("{finding}\n{}", around(scenario, trace, *place)));
        }
    }
    faults.extend(trace.faults.iter().take(2).cloned());
    // Each trigger is read at most once a second here; twice as much again for what pods and changes bring.
    let most = 6 * scenario.lasts.as_secs() * scenario.sources.len() as u64 + 1000;
    if trace.events > most {
        faults.push(format!("{} events in {:?}: the engine spins", trace.events, scenario.lasts));
    }
    // Sources are asked at least once a minute here, or less often by back-off while they fail.
    if trace.quiet > Duration::from_secs(900) {
        faults.push(format!("no source was asked for {:?}", trace.quiet));
    }
    if trace.records.is_empty() {
        faults.push("no decision in all the time".to_owned());
    }
    faults
}

/// What led to a record: the last ones that did or wanted something, and itself; what disturbed the run before it; and
/// the behaviour.
fn around(scenario: &Scenario, trace: &Trace, place: usize) -> String {
    let line = |record: &Arc<Record>| {
        let steps: Vec<String> =
            record.steps.iter().map(|step| format!("{} {}→{}", step.rule, step.from, step.to)).collect();
        let (at, cause, result) = (record.at, &record.cause, record.result);
        format!("    {} {at} {cause:?} {result:?}: {}", record.sequence, steps.join(", "))
    };
    let telling = |record: &&Arc<Record>| !matches!(record.result, Outcome::Unchanged | Outcome::Held);
    let mut told: Vec<String> = trace.records[..place].iter().rev().filter(telling).take(4).map(line).collect();
    told.reverse();
    told.push(line(&trace.records[place]));
    let mut disturbances: Vec<_> = scenario.disturbances.iter().collect();
    disturbances.sort_by_key(|planned| planned.after);
    for planned in disturbances {
        let what = format!("{:?}", planned.what);
        told.push(format!(
            "    disturbed at {}: {}",
            scenario.start + planned.after,
            what.chars().take(60).collect::<String>()
        ));
    }
    told.push(format!("    {:?}", scenario.policy.behavior));
    told.join("\n")
}

#[test]
fn no_promise_is_broken_in_any_weather() {
    let mut failed = Vec::new();
    for seed in seeds() {
        let scenario = draw(seed);
        let faults = faults(&scenario, &run(&scenario));
        if !faults.is_empty() {
            failed.push(format!("seed {seed}\n  {}", faults.join("\n  ")));
        }
    }
    assert!(failed.is_empty(), "{} seeds:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 14, 15] {
        let (one, two) = (run(&draw(seed)), run(&draw(seed)));
        assert_eq!(one.records, two.records, "seed {seed}");
        assert_eq!(one.samples, two.samples, "seed {seed}");
    }
}
