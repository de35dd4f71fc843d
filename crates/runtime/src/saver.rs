//! Saves states on a thread of its own, so that a slow or full disk never delays a decision.
//!
//! Only the newest state of a target matters, so what waits is bounded by the number of targets. What could not be
//! saved is tried again every [`RETRY`] until it is, or a newer state takes its place.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tidegate_engine::{SavedState, TargetId};

use crate::ports::{Sink, StateStore};
use crate::stats::Stats;

/// Long enough not to hammer a full disk, short enough that little is lost when it has room again.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Saver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// `None`: to be removed.
    states: HashMap<TargetId, Option<SavedState>>,
    closing: bool,
}

impl Saver {
    pub(crate) fn start(store: Arc<dyn StateStore>, sinks: Vec<Arc<dyn Sink>>, stats: Arc<Stats>) -> Saver {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let worker = move || Worker { store, sinks, stats, failing: false }.run(&theirs);
        let thread = std::thread::Builder::new().name("tidegate-saver".to_owned()).spawn(worker);
        if let Err(error) = &thread {
            tracing::error!(%error, "cannot start the thread that saves states; nothing will survive a restart");
        }
        Saver { shared, thread: thread.ok() }
    }

    pub(crate) fn save(&self, target: TargetId, state: SavedState) {
        self.shared.put(target, Some(state));
    }

    pub(crate) fn remove(&self, target: TargetId) {
        self.shared.put(target, None);
    }

    /// Tries once more to save what waits, then ends the thread.
    pub(crate) async fn close(mut self, timeout: Duration) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        let Some(thread) = self.thread.take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join().is_ok());
        if tokio::time::timeout(timeout, joined).await.is_err() {
            tracing::error!("saving the last states took too long; some may be lost");
        }
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, target: TargetId, state: Option<SavedState>) {
        self.lock().states.insert(target, state);
        self.changed.notify_all();
    }
}

struct Worker {
    store: Arc<dyn StateStore>,
    sinks: Vec<Arc<dyn Sink>>,
    stats: Arc<Stats>,
    failing: bool,
}

impl Worker {
    fn run(mut self, shared: &Shared) {
        loop {
            let mut waiting = shared.lock();
            while waiting.states.is_empty() && !waiting.closing {
                waiting = shared.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            let closing = waiting.closing;
            let batch = std::mem::take(&mut waiting.states);
            drop(waiting);
            let failed = self.write(batch);
            if closing {
                return;
            }
            if failed.is_empty() {
                continue;
            }
            let mut waiting = shared.lock();
            for (target, state) in failed {
                waiting.states.entry(target).or_insert(state);
            }
            // New states must not cut the pause short, or a full disk would be tried with each of them.
            let pause = shared.changed.wait_timeout_while(waiting, RETRY, |waiting| !waiting.closing);
            drop(pause.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Gives back what could not be written.
    fn write(&mut self, batch: HashMap<TargetId, Option<SavedState>>) -> HashMap<TargetId, Option<SavedState>> {
        let mut failed = HashMap::new();
        let mut problem = None;
        for (target, state) in batch {
            let written = match &state {
                Some(state) => self.store.save(&target, state),
                None => self.store.remove(&target),
            };
            if let Err(error) = written {
                Stats::add(&self.stats.failed_saves);
                problem = Some(error.to_string());
                failed.insert(target, state);
            }
        }
        self.tell(problem.as_deref());
        failed
    }

    fn tell(&mut self, problem: Option<&str>) {
        if problem.is_some() == self.failing {
            return;
        }
        self.failing = problem.is_some();
        match problem {
            Some(problem) => tracing::error!(%problem, "cannot save the state of a target; trying again each second"),
            None => tracing::info!("states are saved again"),
        }
        for sink in &self.sinks {
            sink.state_problem(problem);
        }
    }
}
