//! A source that pushes, and a value that is wanted between two polls.

use std::time::Duration;

use tidegate_engine::{Cause, Timestamp};
use tidegate_runtime::WantedReading;
use tokio::time::Instant;

use crate::bench::{Bench, Says, Scripted, pass, policy};

/// EXT-04.
#[tokio::test(start_paused = true)]
async fn a_push_wakes_the_workload_and_asks_for_a_reading_at_once() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(0.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(12).await;
    let reads = scaler.reads.lock().unwrap().len();
    scaler.now_says(Says::Value(25.0));
    bench.runtime.handle().activated(id.clone(), 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(bench.count(&id) >= 1, "long before the next poll");
    assert_eq!(scaler.reads.lock().unwrap().len(), reads + 1);
    let records = bench.witness.records.lock().unwrap();
    let first = records.iter().find(|record| record.desired_replicas > 0).unwrap();
    assert_eq!((&first.cause, first.desired_replicas), (&Cause::Activated { trigger: 0 }, 1));
    assert!(first.readings[0].pushed && first.readings[0].active && first.active);
    assert_eq!(bench.stats().findings, 0);
}

/// POL-02.
#[tokio::test(start_paused = true)]
async fn a_wanted_value_is_read_in_time_and_polls_go_on() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(5.0));
    let mut slow = policy();
    slow.triggers[0].polling_interval = Duration::from_secs(60);
    let id = bench.put("orders", slow, &scaler).await;
    pass(70).await;
    let polls = scaler.reads.lock().unwrap().clone();
    let last = *polls.last().unwrap();
    // A poll has just been made; the value is wanted ten seconds after it.
    let wanted = last + Duration::from_secs(20);
    let clock = |at: Instant| Timestamp::from_millis(1_800_000_000_000) + (at - bench.workloads.began);
    let wants = |at: Instant| WantedReading { target: id.clone(), trigger: 0, by: clock(at) };
    bench.runtime.handle().want_readings(vec![wants(wanted), wants(wanted + Duration::from_millis(500))]);
    tokio::time::sleep_until(last + Duration::from_secs(59)).await;
    let extra: Vec<Instant> = scaler.reads.lock().unwrap()[polls.len()..].to_vec();
    let soon = extra.iter().filter(|at| **at < wanted + Duration::from_secs(1)).count();
    assert_eq!(soon, 1, "one read serves both");
    assert!(extra.len() > 1, "it is repeated while nobody comes");
    assert!(extra[0] <= wanted && wanted - extra[0] < Duration::from_millis(100), "{:?}", wanted - extra[0]);
    tokio::time::sleep_until(last + Duration::from_secs(61)).await;
    let due = last + Duration::from_secs(60);
    let reads = scaler.reads.lock().unwrap();
    assert!(reads.iter().any(|at| at.duration_since(due) < Duration::from_millis(100) && *at >= due), "{reads:?}");
}

/// POL-02: whoever wants a value in time has to know how long its source takes
#[tokio::test(start_paused = true)]
async fn it_is_told_how_long_each_read_took() {
    let bench = Bench::start();
    let slow = Duration::from_millis(800);
    let scaler = Scripted::new(Says::Late(slow, 5.0));
    bench.put("orders", policy(), &scaler).await;
    pass(30).await;
    scaler.now_says(Says::Value(5.0));
    pass(60).await;
    let took = bench.witness.took.lock().unwrap();
    let (first, last) = (*took.first().unwrap(), *took.last().unwrap());
    // Virtual time goes in steps of a millisecond.
    assert!(first >= slow && first < slow + Duration::from_millis(5), "{first:?}");
    assert!(last < Duration::from_millis(5), "{last:?}");
}
