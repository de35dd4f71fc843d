//! From a reading to a change, and what happens when the change fails.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Mode, Outcome, Pause, Policy, Timestamp, Workload};
use tidegate_runtime::WantedReading;
use tidegate_scalers::Scaler;

use crate::bench::{Bench, Says, Scripted, pass, policy};

#[tokio::test(start_paused = true)]
async fn scales_out_on_a_reading_and_to_zero_after_the_cooldown() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(30).await;
    assert_eq!(bench.count(&id), 4);
    scaler.now_says(Says::Value(0.0));
    pass(50).await;
    assert!(bench.count(&id) > 0, "the cooldown is 60 s");
    pass(30).await;
    assert_eq!(bench.count(&id), 0);

    let stats = bench.stats();
    assert_eq!((stats.findings, stats.failed_changes), (0, 0));
    assert_eq!(stats.changes, bench.changes().len() as u64);
    assert!(stats.reaction_p99.unwrap() < Duration::from_millis(100));
    let records = bench.witness.records.lock().unwrap();
    assert_eq!(records.iter().filter(|record| record.result == Outcome::Scaled).count(), bench.changes().len());
    let sequences: Vec<u64> = records.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>(), "none is missing");
}

/// PAIN-28: polled each second, the first replica is asked for within that of the event, whenever it happens, in both
/// modes
#[tokio::test(start_paused = true)]
async fn the_first_replica_comes_within_one_polling_interval_of_the_event() {
    let interval = Duration::from_secs(1);
    for mode in [Mode::Hpa, Mode::Direct] {
        for after in [0, 1, 250, 500, 750, 999] {
            let bench = Bench::start();
            let scaler = Scripted::new(Says::Value(0.0));
            let mut policy = Policy { mode, ..policy() };
            policy.triggers[0].polling_interval = interval;
            bench.put("orders", policy, &scaler).await;
            tokio::time::sleep(Duration::from_secs(30) + Duration::from_millis(after)).await;
            assert_eq!(bench.changes(), []);
            scaler.now_says(Says::Value(35.0));
            // The virtual clock shows exactly when what happened.
            let event = bench.workloads.began.elapsed();
            pass(60).await;
            let changes = bench.workloads.changes.lock().unwrap().clone();
            let (at, _, replicas) = changes.first().expect("it scaled");
            assert!(*at > event && *at - event <= interval, "{mode:?}, {after} ms: {:?}", *at - event);
            assert_eq!(*replicas, 1, "{mode:?}: out of zero first");
        }
    }
}

/// PAU-01, PAU-10: while paused nothing is read, also when somebody wants a value; the end of the pause reads at once
#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_paused() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let reads = || scaler.reads.lock().unwrap().len();
    let all = Pause { all: true, ..Pause::default() };
    let at = Pause { at: Some(2), ..Pause::default() };
    let one_way = Pause { scale_in: true, ..Pause::default() };
    for (pause, count) in [(all, 0), (at, 2)] {
        let id = bench.put("orders", Policy { pause, ..policy() }, &scaler).await;
        pass(60).await;
        let by = Timestamp::from_millis(1_800_000_000_000);
        bench.runtime.handle().want_readings(vec![WantedReading { target: id.clone(), trigger: 0, by }]);
        pass(60).await;
        assert_eq!((reads(), bench.count(&id)), (0, count), "{pause:?}");
    }
    let id = bench.put("orders", Policy { pause: one_way, ..policy() }, &scaler).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((reads(), bench.count(&id)), (1, 4));
    bench.put("orders", Policy { pause: all, ..policy() }, &scaler).await;
    pass(60).await;
    assert_eq!((reads(), bench.count(&id), bench.stats().findings), (1, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_count_changed_by_hand_is_put_right() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(30).await;
    bench.workloads.counts.lock().unwrap().insert(id.clone(), 1);
    bench.runtime.handle().observed(id.clone(), Ok(Workload::settled(1))).await.unwrap();
    pass(30).await;
    assert_eq!(bench.count(&id), 4);
}

/// POL-08, POL-10
#[tokio::test(start_paused = true)]
async fn other_scalers_take_over_at_the_next_poll_without_a_new_decision() {
    let bench = Bench::start();
    let (first, second) = (Scripted::new(Says::Value(35.0)), Scripted::new(Says::Value(35.0)));
    let id = bench.put("orders", policy(), &first).await;
    pass(30).await;
    let (decisions, reads) = (bench.stats().decisions, first.reads.lock().unwrap().len());
    let scalers: Vec<Arc<dyn Scaler>> = vec![Arc::<Scripted>::clone(&second)];
    bench.runtime.handle().replace_scalers(id, scalers).await.unwrap();
    assert_eq!(bench.stats().decisions, decisions);
    pass(6).await;
    assert_eq!((first.reads.lock().unwrap().len(), second.reads.lock().unwrap().len()), (reads, 1));
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_gets_its_original_count_back_before_the_call_returns() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let id = tidegate_engine::TargetId::new("default", "orders");
    bench.workloads.counts.lock().unwrap().insert(id.clone(), 2);
    let mut policy = policy();
    policy.restore_original = true;
    bench.put("orders", policy, &scaler).await;
    pass(30).await;
    assert_eq!(bench.count(&id), 4);
    bench.runtime.handle().remove(id.clone()).await.unwrap();
    assert_eq!(bench.count(&id), 2);
    let reads = scaler.reads.lock().unwrap().len();
    pass(60).await;
    assert_eq!(scaler.reads.lock().unwrap().len(), reads, "nobody asks any more");
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_nothing_changes_any_more() {
    let mut bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(30).await;
    bench.runtime.shutdown().await;
    scaler.now_says(Says::Value(0.0));
    pass(600).await;
    assert_eq!(bench.count(&id), 4);
    assert!(bench.runtime.handle().observed(id, Ok(Workload::settled(1))).await.is_err());
}
