//! Clocks that jump: no change of replicas comes of it.

use std::time::Duration;

use crate::bench::{Bench, Says, Scripted, pass, policy};

const HOUR: Duration = Duration::from_secs(3600);

/// Four replicas whose trigger fell silent, in the middle of their cooldown; then the clock jumps.
async fn cooling_down_when_the_clock_jumps(ahead: bool) {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let mut policy = policy();
    policy.cooldown = Duration::from_secs(300);
    policy.min_replicas = 1;
    policy.idle_replicas = Some(0);
    let id = bench.put("orders", policy, &scaler).await;
    pass(60).await;
    assert_eq!(bench.count(&id), 4);
    scaler.now_says(Says::Value(0.0));
    pass(60).await;
    let before = bench.changes();
    assert_eq!(bench.count(&id), 1, "down to its fewest while it cools down");

    bench.jump(HOUR, ahead);
    pass(120).await;
    assert_eq!(bench.changes(), before, "a jump is no passing of time");
    assert_eq!(bench.stats().clock_jumps, 1);
    pass(240).await;
    assert_eq!(bench.count(&id), 0, "the cooldown ends when 300 s have really passed");
    assert_eq!(bench.stats().findings, 0);
    let records = bench.witness.records.lock().unwrap();
    let sequences: Vec<u64> = records.iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>(), "numbers go on");
}

#[tokio::test(start_paused = true)]
async fn a_jump_ahead_ends_no_cooldown() {
    cooling_down_when_the_clock_jumps(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_jump_back_lengthens_none() {
    cooling_down_when_the_clock_jumps(false).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_jump_nothing_is_decided_on_old_readings() {
    let bench = Bench::start();
    let scaler = Scripted::new(Says::Value(35.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(60).await;
    scaler.now_says(Says::Error);
    bench.jump(HOUR, true);
    pass(1800).await;
    assert_eq!(bench.count(&id), 4, "what was known before the jump is not known any more");
    scaler.now_says(Says::Value(5.0));
    pass(900).await;
    assert_eq!(bench.count(&id), 1);
}
