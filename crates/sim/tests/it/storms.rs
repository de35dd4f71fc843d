//! Many drawn scenarios: no promise is ever broken, and no engine ever spins.
//!
//! One seed again: `TIDEGATE_SIM_SEEDS=17..18 cargo test -p tidegate-sim storms`.

use tidegate_sim::{Scenario, Trace, run};

use crate::random::draw;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("TIDEGATE_SIM_SEEDS") else { return 0..150 };
    let (from, to) = text.split_once("..").expect("TIDEGATE_SIM_SEEDS is like 0..1000");
    from.parse().unwrap()..to.parse().unwrap()
}

/// What is wrong with a run, each kind of fault once.
fn faults(scenario: &Scenario, trace: &Trace) -> Vec<String> {
    let mut kinds = Vec::new();
    let mut faults = Vec::new();
    for (sequence, finding) in &trace.findings {
        if !kinds.contains(&finding.promise) {
            kinds.push(finding.promise);
            faults.push(format!("record {sequence}: {finding}"));
        }
    }
    faults.extend(trace.faults.iter().take(2).cloned());
    // Each trigger is read at most once a second here; twice as much again for what pods and changes bring.
    let most = 6 * scenario.lasts.as_secs() * scenario.sources.len() as u64 + 1000;
    if trace.events > most {
        faults.push(format!("{} events in {:?}: the engine spins", trace.events, scenario.lasts));
    }
    if trace.records.is_empty() {
        faults.push("no decision in all the time".to_owned());
    }
    faults
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
