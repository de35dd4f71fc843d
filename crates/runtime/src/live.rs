//! The loop itself: one task that owns the engine, hands it events, and carries out its commands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{
    Command, Engine, Event, Policy, ReadError, Reading, Record, SavedState, TargetId, Timestamp, Workload, check,
};
use tidegate_scalers::Scaler;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::changes::{change_replicas, observe_once};
use crate::permits::Permits;
use crate::reads::{self, Answer};
use crate::runtime::{Options, Ports, TargetSetup, WantedReading};
use crate::saver::Saver;
use crate::shift::{moved, moved_state};
use crate::stats::Stats;

/// Between two looks at a workload whose counts could not be known, growing to [`OBSERVE_AGAIN_MAX`].
const OBSERVE_AGAIN: Duration = Duration::from_secs(1);
const OBSERVE_AGAIN_MAX: Duration = Duration::from_secs(30);

/// What reaches the loop. `epoch` tells answers to an engine that has been replaced since.
pub(crate) enum Input {
    Put { setup: TargetSetup, restored: Option<SavedState> },
    Scalers { id: TargetId, scalers: Vec<Arc<dyn Scaler>> },
    Remove { id: TargetId, done: oneshot::Sender<()> },
    Activated { id: TargetId, trigger: usize },
    Wanted(Vec<WantedReading>),
    Observed { id: TargetId, workload: Result<Workload, ReadError> },
    Answered { epoch: u64, id: TargetId, trigger: usize, read: u64, answer: Answer, times: Times },
    Changed { epoch: u64, id: TargetId, change: u64, outcome: Result<(), ReadError> },
    Shutdown { done: oneshot::Sender<()> },
}

/// Of a read.
pub(crate) struct Times {
    asked: Timestamp,
    arrived: std::time::Instant,
}

struct Target {
    policy: Arc<Policy>,
    scalers: Vec<Arc<dyn Scaler>>,
    /// By trigger: how many of its source may be read at the same time.
    permits: Vec<Arc<Semaphore>>,
    /// The newest state that was given to the store.
    state: Option<SavedState>,
    /// Held while a change is carried out, so that two never cross.
    changing: Arc<Mutex<()>>,
    observing: Option<AbortHandle>,
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(observing) = &self.observing {
            observing.abort();
        }
    }
}

pub(crate) struct Live {
    engine: Engine,
    epoch: u64,
    ports: Ports,
    options: Options,
    inbox: mpsc::Sender<Input>,
    stats: Arc<Stats>,
    targets: HashMap<TargetId, Target>,
    wake: Option<Timestamp>,
    /// While a timer's tick is handled: how long after its time it came.
    late: Option<std::time::Duration>,
    permits: Permits,
    saver: Saver,
    /// Reads and looks; given up at shutdown.
    asking: CancellationToken,
    /// Changes; waited for at shutdown.
    changes: TaskTracker,
    /// When the reading being handled arrived, to measure the reaction.
    arrived: Option<std::time::Instant>,
}

impl Live {
    pub(crate) fn new(ports: Ports, options: Options, inbox: mpsc::Sender<Input>, stats: Arc<Stats>) -> Live {
        let saver = Saver::start(Arc::clone(&ports.states), ports.sinks.clone(), Arc::clone(&stats));
        Live {
            engine: Engine::new(),
            epoch: 0,
            permits: Permits::new(options.concurrent_reads),
            ports,
            options,
            inbox,
            stats,
            targets: HashMap::new(),
            wake: None,
            late: None,
            saver,
            asking: CancellationToken::new(),
            changes: TaskTracker::new(),
            arrived: None,
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Input>) {
        let done = loop {
            let sleep = self.wake.map(|at| at.since(self.ports.clock.now()));
            let input = tokio::select! {
                input = inbox.recv() => input,
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => {
                    // A wake-up that is due is over; the engine names the next one.
                    let due = self.wake.take();
                    self.follow_the_clock();
                    self.late = due.map(|due| self.ports.clock.now().since(due));
                    self.handle(Event::Tick);
                    self.late = None;
                    continue;
                }
            };
            self.follow_the_clock();
            match input {
                Some(Input::Shutdown { done }) => break Some(done),
                Some(input) => self.take(input),
                None => break None,
            }
        };
        self.asking.cancel();
        let ids: Vec<TargetId> = self.targets.keys().cloned().collect();
        for id in ids {
            if let Some(state) = self.engine.saved_state(&id) {
                self.save(id, state);
            }
        }
        self.changes.close();
        if tokio::time::timeout(self.options.shutdown_timeout, self.changes.wait()).await.is_err() {
            tracing::error!("a change of a replica count did not end in time and was given up");
        }
        self.saver.close(self.options.shutdown_timeout).await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Put { setup, restored } => self.put(setup, restored),
            Input::Scalers { id, scalers } => {
                if let Some(target) = self.targets.get_mut(&id) {
                    target.scalers = scalers;
                }
            }
            Input::Remove { id, done } => self.remove(&id, done),
            Input::Activated { id, trigger } => self.handle(Event::Activated { target: id, trigger }),
            Input::Wanted(all) => {
                for WantedReading { target, trigger, by } in all {
                    self.handle(Event::ReadWanted { target, trigger, by });
                }
            }
            Input::Observed { id, workload } => self.observed(id, workload),
            Input::Answered { epoch, id, trigger, read, answer, times } => {
                if epoch == self.epoch {
                    self.answered(id, trigger, read, answer, &times);
                }
            }
            Input::Changed { epoch, id, change, outcome } => {
                if outcome.is_err() {
                    Stats::add(&self.stats.failed_changes);
                }
                if epoch == self.epoch {
                    self.handle(Event::ScaleFinished { target: id, change, outcome });
                }
            }
            Input::Shutdown { .. } => {}
        }
    }

    fn put(&mut self, setup: TargetSetup, restored: Option<SavedState>) {
        let TargetSetup { id, policy, scalers } = setup;
        for sink in &self.ports.sinks {
            sink.target(&id, Some(&policy));
        }
        let permits = policy.triggers.iter().map(|trigger| self.permits.of(trigger.source)).collect();
        let restored = if let Some(target) = self.targets.get_mut(&id) {
            target.policy = Arc::clone(&policy);
            target.scalers = scalers;
            target.permits = permits;
            None
        } else {
            let changing = Arc::new(Mutex::new(()));
            let (policy, state) = (Arc::clone(&policy), restored.clone());
            let observing = Some(self.observe(id.clone()));
            self.targets.insert(id.clone(), Target { policy, scalers, permits, state, changing, observing });
            restored
        };
        self.handle(Event::PolicyChanged { target: id, policy, restored });
    }

    fn remove(&mut self, id: &TargetId, done: oneshot::Sender<()>) {
        let Some(turn) = self.targets.get(id).map(|target| Arc::clone(&target.changing)) else {
            let _ = done.send(());
            return;
        };
        if turn.try_lock().is_err() {
            // The outcome of the change under way comes first; then the original count can be put back.
            let (inbox, id) = (self.inbox.clone(), id.clone());
            self.changes.spawn(async move {
                drop(turn.lock().await);
                let _ = inbox.send(Input::Remove { id, done }).await;
            });
            return;
        }
        self.handle(Event::TargetRemoved { target: id.clone() });
        self.targets.remove(id);
        self.saver.remove(id.clone());
        for sink in &self.ports.sinks {
            sink.target(id, None);
        }
        // The original count is being put back; whoever removes has to leave the workload in place until it is.
        self.changes.spawn(async move {
            drop(turn.lock().await);
            let _ = done.send(());
        });
    }

    fn observed(&mut self, id: TargetId, workload: Result<Workload, ReadError>) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        if let Ok(counts) = &workload {
            if let Some(observing) = target.observing.take() {
                observing.abort();
            }
            let now = self.ports.clock.now();
            for sink in &self.ports.sinks {
                sink.workload(&id, counts, now);
            }
        }
        self.handle(Event::WorkloadObserved { target: id, workload });
    }

    fn answered(&mut self, id: TargetId, trigger: usize, read: u64, answer: Answer, times: &Times) {
        let Answer { outcome, panicked } = answer;
        Stats::add(&self.stats.readings);
        if panicked {
            Stats::add(&self.stats.panics);
        }
        if outcome.is_err() {
            Stats::add(&self.stats.failed_readings);
        }
        self.show_reading(&id, trigger, &outcome, times.asked);
        self.arrived = Some(times.arrived);
        self.handle(Event::ReadingArrived { target: id, trigger, read, outcome });
        self.arrived = None;
    }

    fn show_reading(&self, id: &TargetId, trigger: usize, outcome: &Result<Reading, ReadError>, asked: Timestamp) {
        let now = self.ports.clock.now();
        let policy = self.targets.get(id).and_then(|target| target.policy.triggers.get(trigger));
        let Some(policy) = policy else { return };
        for sink in &self.ports.sinks {
            sink.reading(id, trigger, &policy.metric, outcome, now);
            sink.took(id, trigger, now.since(asked));
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.ports.clock.now();
        let commands = self.engine.handle(event, now);
        // A change is explained by the record with its number, wherever in the list that stands.
        let records: Vec<Arc<Record>> = commands
            .iter()
            .filter_map(|command| if let Command::Emit(record) = command { Some(Arc::clone(record)) } else { None })
            .collect();
        for command in commands {
            match command {
                Command::Read { target, trigger, read, deadline } => {
                    self.start_read(target, trigger, read, now, deadline);
                }
                Command::SetReplicas { target, replicas, change } => {
                    let record = records.iter().find(|one| one.sequence == change && one.target == target);
                    self.start_change(target, replicas, change, record.cloned());
                }
                Command::Emit(record) => self.emit(&record),
                Command::Save { target, state } => self.save(target, state),
                Command::WakeAt(at) => self.wake = Some(at),
            }
        }
    }

    fn start_read(&self, id: TargetId, trigger: usize, read: u64, now: Timestamp, deadline: Timestamp) {
        if let Some(late) = self.late {
            self.ports.sinks.iter().for_each(|sink| sink.late(&id, late));
        }
        let target = self.targets.get(&id);
        let scaler = target.and_then(|target| target.scalers.get(trigger)).cloned();
        let permits = target.and_then(|target| target.permits.get(trigger)).cloned();
        let work = reads::read(scaler, permits, now, deadline.since(now));
        let (inbox, epoch, asking) = (self.inbox.clone(), self.epoch, self.asking.clone());
        tokio::spawn(asking.run_until_cancelled_owned(async move {
            let answer = work.await;
            let times = Times { asked: now, arrived: std::time::Instant::now() };
            let _ = inbox.send(Input::Answered { epoch, id, trigger, read, answer, times }).await;
        }));
    }

    fn start_change(&self, id: TargetId, replicas: u32, change: u64, record: Option<Arc<Record>>) {
        Stats::add(&self.stats.changes);
        if let Some(arrived) = self.arrived {
            self.stats.reacted(arrived.elapsed());
        }
        let turn = self.targets.get(&id).map(|target| Arc::clone(&target.changing)).unwrap_or_default();
        let (workloads, timeout) = (Arc::clone(&self.ports.workloads), self.options.change_timeout);
        let (inbox, epoch, asking) = (self.inbox.clone(), self.epoch, self.asking.clone());
        // Taken before the task runs, so that the order of changes is the order of commands.
        let taken = Arc::clone(&turn).try_lock_owned();
        self.changes.spawn(async move {
            let _turn = match taken {
                Ok(taken) => taken,
                Err(_) => turn.lock_owned().await,
            };
            let outcome = change_replicas(&*workloads, &id, replicas, record.as_ref(), timeout).await;
            if let Err(error) = &outcome {
                tracing::warn!(target = %id, replicas, %error, "the replica count could not be changed");
            }
            // At shutdown nobody listens any more.
            let answer = inbox.send(Input::Changed { epoch, id, change, outcome });
            let _ = asking.run_until_cancelled(answer).await;
        });
    }

    fn emit(&self, record: &Arc<Record>) {
        Stats::add(&self.stats.decisions);
        for finding in check(record) {
            Stats::add(&self.stats.findings);
            tracing::error!(target = %record.target, sequence = record.sequence, promise = finding.promise,
                "a decision breaks a promise: {}; please report it", finding.message);
            for sink in &self.ports.sinks {
                sink.finding(record, &finding);
            }
        }
        for sink in &self.ports.sinks {
            sink.record(record);
        }
    }

    fn save(&mut self, id: TargetId, state: SavedState) {
        let Some(target) = self.targets.get_mut(&id) else { return };
        if target.state.as_ref() == Some(&state) {
            return;
        }
        target.state = Some(state.clone());
        self.saver.save(id, state);
    }

    /// Looks at the workload until its counts are known or somebody pushes them.
    fn observe(&self, id: TargetId) -> AbortHandle {
        let (workloads, inbox, asking) = (Arc::clone(&self.ports.workloads), self.inbox.clone(), self.asking.clone());
        let timeout = self.options.change_timeout;
        let look = async move {
            let mut pause = OBSERVE_AGAIN;
            loop {
                let workload = observe_once(&*workloads, &id, timeout).await;
                let known = workload.is_ok();
                let sent = inbox.send(Input::Observed { id: id.clone(), workload }).await;
                if known || sent.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(OBSERVE_AGAIN_MAX);
            }
        };
        tokio::spawn(asking.run_until_cancelled_owned(look)).abort_handle()
    }

    /// After a jump of the wall clock: a new engine goes on from the same states, moved by as much as the clock. All
    /// ages stay as they were, and nothing is decided on before fresh readings have come.
    fn follow_the_clock(&mut self) {
        let Some(shift) = self.ports.clock.resync() else { return };
        Stats::add(&self.stats.clock_jumps);
        tracing::warn!(shift_ms = shift, "the clock jumped; decisions wait for fresh readings");
        let before = std::mem::take(&mut self.engine);
        self.epoch += 1;
        self.wake = None;
        let ids: Vec<TargetId> = self.targets.keys().cloned().collect();
        for id in ids {
            let Some(target) = self.targets.get_mut(&id) else { continue };
            if let Some(created) = target.policy.created {
                let mut policy = (*target.policy).clone();
                policy.created = Some(moved(created, shift));
                target.policy = Arc::new(policy);
            }
            let state = before.saved_state(&id).or(target.state.take());
            target.state = state.map(|state| moved_state(state, shift));
            let (policy, restored) = (Arc::clone(&target.policy), target.state.clone());
            self.handle(Event::PolicyChanged { target: id.clone(), policy, restored });
            let observing = self.observe(id.clone());
            if let Some(target) = self.targets.get_mut(&id)
                && let Some(before) = target.observing.replace(observing)
            {
                before.abort();
            }
        }
    }
}
