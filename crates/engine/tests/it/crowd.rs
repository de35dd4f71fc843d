//! Ten thousand targets that appear at once, as after a restart: nobody is asked in a herd, then or later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Command, Engine, Event, Reading, SavedState, TargetId, Timestamp, Workload};

use crate::cases::{NOW, plain, seconds};

/// When each target was read, in milliseconds since the start.
type Reads = BTreeMap<TargetId, Vec<i64>>;

/// `targets` put at the same instant, each with a source of its own where `apart`; every read answered at once.
fn run(targets: u64, apart: bool, span: Duration) -> Reads {
    let mut engine = Engine::new();
    let mut reads = Reads::new();
    let mut wake = None;
    let mut events = Vec::new();
    for number in 0..targets {
        let target = TargetId::new("default", &format!("worker-{number}"));
        let mut policy = plain(0, 10, 1);
        policy.triggers[0].source = if apart { number } else { 7 };
        let restored = Some(SavedState::default());
        events.push(Event::PolicyChanged { target: target.clone(), policy: Arc::new(policy), restored });
        events.push(Event::WorkloadObserved { target, workload: Ok(Workload::settled(0)) });
    }
    events.reverse();
    let mut now = NOW;
    loop {
        while let Some(event) = events.pop() {
            for command in engine.handle(event, now) {
                match command {
                    Command::Read { target, trigger, read, .. } => {
                        reads.entry(target.clone()).or_default().push(now.as_millis() - NOW.as_millis());
                        let outcome = Ok(Reading::of(0.0, now));
                        events.push(Event::ReadingArrived { target, trigger, read, outcome });
                    }
                    Command::WakeAt(at) => wake = Some(at),
                    _ => {}
                }
            }
        }
        let Some(at) = wake.take().filter(|at: &Timestamp| *at <= NOW + span) else { return reads };
        now = now.max(at);
        events.push(Event::Tick);
    }
}

fn by_second(reads: &Reads, seconds: usize) -> Vec<u32> {
    let mut counts = vec![0; seconds];
    for at in reads.values().flatten() {
        if let Some(count) = counts.get_mut(usize::try_from(at / 1000).unwrap()) {
            *count += 1;
        }
    }
    counts
}

/// PAIN-32.
#[test]
fn polls_are_spread_evenly_from_the_start() {
    let reads = run(10_000, true, seconds(180));
    let counts = by_second(&reads, 180);
    // All are known after twenty seconds, though nobody was asked in a herd.
    let firsts = reads.values().map(|reads| reads[0]).max().unwrap();
    assert!(reads.len() == 10_000 && firsts <= 20_100, "the last was first read after {firsts} ms");
    let herd = counts[..20].iter().max().unwrap();
    assert!(*herd < 900, "{counts:?}");
    // From the second interval on.
    let steady = &counts[60..];
    let mean = f64::from(steady.iter().sum::<u32>()) / steady.len() as f64;
    let peak = f64::from(*steady.iter().max().unwrap());
    assert!(peak / mean < 1.2, "peak {peak}, mean {mean}");
    // But for the first few, who were no crowd yet, none is read twice in short order; and none is left out.
    let mut close = 0;
    for (target, reads) in &reads {
        let gaps: Vec<i64> = reads.windows(2).map(|pair| pair[1] - pair[0]).collect();
        close += usize::from(gaps[0] < 15_000);
        assert!(gaps[0] <= 45_000 && gaps[1..].iter().all(|gap| *gap == 30_000), "{target}: {gaps:?}");
    }
    assert!(close <= 21, "{close} were read again within half an interval");
}

#[test]
fn what_shares_a_source_is_asked_for_in_one_instant() {
    let reads = run(5_000, false, seconds(100));
    let mut instants: Vec<i64> = reads.values().flatten().copied().collect();
    instants.sort_unstable();
    instants.dedup();
    // The first few at once, the rest a quarter of a second later, and from then on every interval.
    assert!(instants.len() <= 6, "{instants:?}");
}
