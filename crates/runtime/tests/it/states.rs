//! State that is kept over a restart.

use std::sync::Arc;

use tidegate_engine::TargetId;

use crate::bench::{Bench, Memory, Says, Scripted, pass, policy};

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_the_last_run_ended() {
    let states: Arc<Memory> = Arc::default();
    let mut bench = Bench::with(Arc::clone(&states));
    let scaler = Scripted::new(Says::Value(35.0));
    let id = bench.put("orders", policy(), &scaler).await;
    pass(30).await;
    bench.runtime.shutdown().await;
    let saved = states.states.lock().unwrap()[&id].clone();
    assert_eq!(saved.sequence, bench.stats().decisions);
    assert!(saved.last_active.is_some());

    let again = Bench::with(states);
    again.workloads.counts.lock().unwrap().insert(id.clone(), 4);
    let broken = Scripted::new(Says::Error);
    again.put("orders", policy(), &broken).await;
    pass(600).await;
    assert_eq!(again.changes(), [], "a restart without knowledge changes nothing");
    let first = again.witness.records.lock().unwrap()[0].sequence;
    assert_eq!(first, saved.sequence + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_once_and_the_newest_state_is_saved_when_there_is_room() {
    let bench = Bench::start();
    *bench.states.full.lock().unwrap() = true;
    let scaler = Scripted::new(Says::Value(35.0));
    let id: TargetId = bench.put("orders", policy(), &scaler).await;
    until(|| !bench.witness.problems.lock().unwrap().is_empty()).await;
    // One reading activates it, the next asks for four: neither waits for the disk.
    until(|| bench.count(&id) == 4).await;
    *bench.states.full.lock().unwrap() = false;
    until(|| bench.states.states.lock().unwrap().contains_key(&id)).await;
    until(|| bench.witness.problems.lock().unwrap().len() == 2).await;
    let problems = bench.witness.problems.lock().unwrap().clone();
    assert_eq!(problems, [Some("no space left".to_owned()), None]);
}

async fn until(mut condition: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed().as_secs() < 30, "waited in vain");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
