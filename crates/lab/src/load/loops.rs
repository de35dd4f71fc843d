//! The closed models: so many loops (VUs), each sending its next record when the last one was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::observe::{OBSERVE_EVERY, Watch};
use super::plan::Plan;
use super::sender::{Counts, Sender};
use crate::scenario::Executor;

/// How often the number of loops is looked at.
const TICK: Duration = Duration::from_millis(50);

/// What all loops of one load share.
struct Shared {
    sender: Arc<Sender>,
    pause: Duration,
    /// Iterations started by all.
    started: AtomicU64,
    /// No more than these in all, and by each.
    most: u64,
    most_each: u64,
}

/// Runs the loops until they are done, their time is over, or `stop`. Returns how many iterations were started.
pub(super) async fn run(executor: &Executor, sender: &Arc<Sender>, watch: &Watch, stop: &CancellationToken) -> u64 {
    let (plan, pause, most, most_each) = match executor {
        Executor::ConstantVus { vus, pause, .. } => (Plan::new(f64::from(*vus), &[]), *pause, u64::MAX, u64::MAX),
        Executor::RampingVus { start_vus, stages, pause, .. } => {
            (Plan::new(f64::from(*start_vus), stages), *pause, u64::MAX, u64::MAX)
        }
        Executor::SharedIterations { vus, iterations, pause, .. } => {
            (Plan::new(f64::from(*vus), &[]), *pause, *iterations, u64::MAX)
        }
        Executor::PerVuIterations { vus, iterations, pause, .. } => {
            (Plan::new(f64::from(*vus), &[]), *pause, u64::MAX, *iterations)
        }
        Executor::Arrivals(_) => return 0,
    };
    let shared = Arc::new(Shared { sender: Arc::clone(sender), pause, started: AtomicU64::new(0), most, most_each });
    let mut crew = Crew { tokens: Vec::new(), tasks: JoinSet::new(), shared: Arc::clone(&shared) };
    crew.follow(&plan, executor.duration(), watch, stop).await;
    crew.dismiss().await;
    Counts::read(&shared.started).min(most)
}

struct Crew {
    tokens: Vec<CancellationToken>,
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

impl Crew {
    /// Keeps as many loops as the plan says until `duration` is over, all are done, or `stop`.
    async fn follow(&mut self, plan: &Plan, duration: Duration, watch: &Watch, stop: &CancellationToken) {
        let start = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut next_report, mut before) = (start, (start, 0));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let now = Instant::now();
            if now >= next_report {
                let acknowledged = Counts::read(&self.shared.sender.counts.acknowledged);
                let span = (now - before.0).as_secs_f64();
                watch.report(if span > 0.0 { (acknowledged - before.1) as f64 / span } else { 0.0 });
                before = (now, acknowledged);
                next_report = now + OBSERVE_EVERY;
            }
            if now - start >= duration {
                return;
            }
            self.resize(plan.value_at(now - start).round() as usize);
            while self.tasks.try_join_next().is_some() {}
            if self.tasks.is_empty() && self.shared.bounded() {
                return;
            }
        }
    }

    fn resize(&mut self, wanted: usize) {
        for surplus in self.tokens.drain(wanted.min(self.tokens.len())..) {
            surplus.cancel();
        }
        while self.tokens.len() < wanted {
            let token = CancellationToken::new();
            self.tasks.spawn(iterate(Arc::clone(&self.shared), token.clone()));
            self.tokens.push(token);
        }
    }

    /// Lets no loop start another iteration. The records on their way are awaited with the graceful stop.
    async fn dismiss(&mut self) {
        self.resize(0);
        self.tasks.shutdown().await;
    }
}

impl Shared {
    fn bounded(&self) -> bool {
        self.most < u64::MAX || self.most_each < u64::MAX
    }
}

async fn iterate(shared: Arc<Shared>, stop: CancellationToken) {
    let mut mine = 0;
    while mine < shared.most_each && !stop.is_cancelled() {
        if shared.started.fetch_add(1, Ordering::Relaxed) >= shared.most {
            return;
        }
        mine += 1;
        while !shared.sender.send_and_wait().await {
            // The queue is full; a closed model waits.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(shared.pause) => {}
        }
    }
}
