//! The door to the live loop: start it, put targets in, take them out, stop it.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Policy, ReadError, SavedState, TargetId, Timestamp, Workload};
use tidegate_scalers::Scaler;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::live::{Input, Live};
use crate::ports::{Sink, StateStore, Workloads};
use crate::stats::Stats;

/// One target with everything the loop needs to serve it.
#[derive(Clone)]
pub struct TargetSetup {
    /// Its name.
    pub id: TargetId,
    /// What its manifest asks for.
    pub policy: Arc<Policy>,
    /// One for each of the policy's triggers, in its order.
    pub scalers: Vec<Arc<dyn Scaler>>,
}

impl std::fmt::Debug for TargetSetup {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("TargetSetup")
            .field("id", &self.id)
            .field("scalers", &self.scalers.len())
            .finish_non_exhaustive()
    }
}

/// The ports of one loop.
#[derive(Clone)]
pub struct Ports {
    /// Counts and changes.
    pub workloads: Arc<dyn Workloads>,
    /// What survives a restart.
    pub states: Arc<dyn StateStore>,
    /// Who wants to know.
    pub sinks: Vec<Arc<dyn Sink>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ports").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}

/// Bounds of the loop.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reads of one source at the same time; more wait, and their wait counts towards their deadline. Other sources do
    /// not wait for them.
    pub concurrent_reads: usize,
    /// Messages that may wait for the loop before whoever sends them has to wait.
    pub inbox: usize,
    /// How long a change of a replica count may take before it counts as failed.
    pub change_timeout: Duration,
    /// How long [`Runtime::shutdown`] waits for changes under way and for the last states to be saved.
    pub shutdown_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            concurrent_reads: 1024,
            inbox: 1024,
            change_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// A fresh value that somebody will ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedReading {
    /// The target.
    pub target: TargetId,
    /// The trigger's place in its policy.
    pub trigger: usize,
    /// When.
    pub by: Timestamp,
}

/// The loop has stopped, so it cannot take this any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the live loop has stopped")]
pub struct Stopped;

/// The way into a running loop. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inbox: mpsc::Sender<Input>,
    stats: Arc<Stats>,
    states: Arc<dyn StateStore>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Handle").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl Handle {
    /// Adds a target or replaces its policy and scalers. A target that is new to this loop goes on from its saved
    /// state. Returns when the loop has taken it.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn put(&self, setup: TargetSetup) -> Result<(), Stopped> {
        let restored = self.load(&setup.id).await;
        self.send(Input::Put { setup, restored }).await
    }

    /// Uses other scalers from the next read on, without a new decision: for a rotated Secret.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn replace_scalers(&self, id: TargetId, scalers: Vec<Arc<dyn Scaler>>) -> Result<(), Stopped> {
        self.send(Input::Scalers { id, scalers }).await
    }

    /// Removes a target and forgets its state. Returns when its original replica count has been put back, where it
    /// asked for that.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn remove(&self, id: TargetId) -> Result<(), Stopped> {
        let (done, removed) = oneshot::channel();
        self.send(Input::Remove { id, done }).await?;
        removed.await.map_err(|_| Stopped)
    }

    /// The workload's counts changed.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn observed(&self, id: TargetId, workload: Result<Workload, ReadError>) -> Result<(), Stopped> {
        self.send(Input::Observed { id, workload }).await
    }

    /// A source that pushes says that there is work: the trigger counts as active until its next reading, which is
    /// asked for at once. `trigger` is its place in the policy.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn activated(&self, id: TargetId, trigger: usize) -> Result<(), Stopped> {
        self.send(Input::Activated { id, trigger }).await
    }

    /// Fresh values will be asked for: each is read just before, unless a poll is due then. Never waits; where the loop is
    /// too busy to take them, nothing happens.
    pub fn want_readings(&self, wanted: Vec<WantedReading>) {
        let _ = self.inbox.try_send(Input::Wanted(wanted));
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    async fn send(&self, input: Input) -> Result<(), Stopped> {
        self.inbox.send(input).await.map_err(|_| Stopped)
    }

    async fn load(&self, id: &TargetId) -> Option<SavedState> {
        let (states, id) = (Arc::clone(&self.states), id.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            states.load(&id).unwrap_or_else(|error| {
                tracing::warn!(target = %id, %error, "cannot use the saved state; the target starts afresh");
                None
            })
        });
        loaded.await.unwrap_or(None)
    }
}

/// A running loop.
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    /// `None` once it was shut down.
    task: Option<JoinHandle<()>>,
}

impl Runtime {
    /// Starts a loop with no target on the current tokio runtime.
    #[must_use]
    pub fn start(ports: Ports, options: Options) -> Runtime {
        let (sender, receiver) = mpsc::channel(options.inbox.max(1));
        let stats = Arc::new(Stats::default());
        let states = Arc::clone(&ports.states);
        let live = Live::new(ports, options, sender.clone(), Arc::clone(&stats));
        let task = Some(tokio::spawn(live.run(receiver)));
        Runtime { handle: Handle { inbox: sender, stats, states }, task }
    }

    /// The way in.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops deciding, lets changes under way finish, saves every state, and returns. Changes no replica count.
    pub async fn shutdown(&mut self) {
        let Some(task) = self.task.take() else { return };
        let (done, finished) = oneshot::channel();
        if self.handle.send(Input::Shutdown { done }).await.is_ok() {
            let _ = finished.await;
        }
        let _ = task.await;
    }
}
