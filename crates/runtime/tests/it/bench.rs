//! What the tests share: a loop over scripted ports.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{
    Behavior, Compat, FailurePolicy, MetricTarget, Mode, Pause, Policy, ReadError, ReadErrorKind, Reading, Record,
    SavedState, TargetId, Timestamp, TriggerPolicy, Workload,
};
use tidegate_runtime::{
    Options, Ports, Runtime, Sink, StateError, StateStore, StatsSnapshot, TargetSetup, WallClock, Workloads,
};
use tidegate_scalers::Scaler;
use tokio::time::Instant;

/// What a scripted trigger does when it is read.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Value(f64),
    /// A value after so long.
    Late(Duration, f64),
    Error,
    Panic,
    Hang,
}

pub(crate) struct Scripted {
    pub(crate) says: Mutex<Says>,
    pub(crate) reads: Mutex<Vec<Instant>>,
}

impl Scripted {
    pub(crate) fn new(says: Says) -> Arc<Self> {
        Arc::new(Scripted { says: Mutex::new(says), reads: Mutex::default() })
    }

    pub(crate) fn now_says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

#[async_trait]
impl Scaler for Scripted {
    async fn read(&self, now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        self.reads.lock().unwrap().push(Instant::now());
        let says = self.says.lock().unwrap().clone();
        match says {
            Says::Value(value) => Ok(Reading::of(value, now)),
            Says::Late(late, value) => {
                tokio::time::sleep(late).await;
                Ok(Reading::of(value, now))
            }
            Says::Error => Err(ReadError::new(ReadErrorKind::Unreachable, "connection refused")),
            Says::Panic => panic!("scripted"),
            Says::Hang => std::future::pending().await,
        }
    }
}

/// Workloads that do at once what they are told, and remember it with the time since the start.
pub(crate) struct Counted {
    pub(crate) began: Instant,
    pub(crate) counts: Mutex<HashMap<TargetId, u32>>,
    pub(crate) changes: Mutex<Vec<(Duration, TargetId, u32)>>,
}

#[async_trait]
impl Workloads for Counted {
    async fn observe(&self, target: &TargetId) -> Result<Workload, ReadError> {
        Ok(Workload::settled(self.counts.lock().unwrap().get(target).copied().unwrap_or(0)))
    }

    async fn set_replicas(
        &self,
        target: &TargetId,
        replicas: u32,
        record: Option<&Arc<Record>>,
    ) -> Result<(), ReadError> {
        let record = record.expect("every change has its record");
        assert_eq!((record.desired_replicas, &record.target), (replicas, target));
        self.counts.lock().unwrap().insert(target.clone(), replicas);
        self.changes.lock().unwrap().push((self.began.elapsed(), target.clone(), replicas));
        Ok(())
    }
}

/// States in memory, and whether saving fails.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) states: Mutex<HashMap<TargetId, SavedState>>,
    pub(crate) full: Mutex<bool>,
}

impl StateStore for Memory {
    fn load(&self, target: &TargetId) -> Result<Option<SavedState>, StateError> {
        Ok(self.states.lock().unwrap().get(target).cloned())
    }

    fn save(&self, target: &TargetId, state: &SavedState) -> Result<(), StateError> {
        if *self.full.lock().unwrap() {
            return Err(StateError("no space left".to_owned()));
        }
        self.states.lock().unwrap().insert(target.clone(), state.clone());
        Ok(())
    }

    fn remove(&self, target: &TargetId) -> Result<(), StateError> {
        self.states.lock().unwrap().remove(target);
        Ok(())
    }
}

/// Remembers records and findings.
#[derive(Default)]
pub(crate) struct Witness {
    pub(crate) records: Mutex<Vec<Arc<Record>>>,
    pub(crate) problems: Mutex<Vec<Option<String>>>,
    /// How long reads took.
    pub(crate) took: Mutex<Vec<Duration>>,
}

impl Sink for Witness {
    fn record(&self, record: &Arc<Record>) {
        self.records.lock().unwrap().push(Arc::clone(record));
    }

    fn took(&self, _target: &TargetId, _trigger: usize, took: Duration) {
        self.took.lock().unwrap().push(took);
    }

    fn state_problem(&self, problem: Option<&str>) {
        self.problems.lock().unwrap().push(problem.map(str::to_owned));
    }
}

pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) workloads: Arc<Counted>,
    pub(crate) states: Arc<Memory>,
    pub(crate) witness: Arc<Witness>,
    /// Milliseconds by which the wall clock is off.
    pub(crate) jump: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) fn start() -> Bench {
        Bench::with(Arc::default())
    }

    pub(crate) fn with(states: Arc<Memory>) -> Bench {
        let began = Instant::now();
        let workloads = Arc::new(Counted { began, counts: Mutex::default(), changes: Mutex::default() });
        let witness = Arc::new(Witness::default());
        let jump = Arc::new(AtomicI64::new(0));
        let offset = Arc::clone(&jump);
        let wall = move || Timestamp::from_millis(1_800_000_000_000 + offset.load(Ordering::Relaxed)) + began.elapsed();
        let ports = Ports {
            workloads: Arc::<Counted>::clone(&workloads),
            states: Arc::<Memory>::clone(&states),
            sinks: vec![Arc::<Witness>::clone(&witness)],
            clock: Arc::new(WallClock::over(wall)),
        };
        Bench { runtime: Runtime::start(ports, Options::default()), workloads, states, witness, jump }
    }

    pub(crate) async fn put(&self, name: &str, policy: Policy, scaler: &Arc<Scripted>) -> TargetId {
        // Each has a source of its own; one that fails closes the circuit for all who share it.
        self.put_from(name.bytes().map(u64::from).sum(), name, policy, scaler).await
    }

    /// As `put`, with a trigger of this source.
    pub(crate) async fn put_from(&self, source: u64, name: &str, policy: Policy, scaler: &Arc<Scripted>) -> TargetId {
        let id = TargetId::new("default", name);
        let mut policy = policy;
        policy.triggers[0].source = source;
        let scalers: Vec<Arc<dyn Scaler>> = vec![Arc::<Scripted>::clone(scaler)];
        let setup = TargetSetup { id: id.clone(), policy: Arc::new(policy), scalers };
        self.runtime.handle().put(setup).await.unwrap();
        id
    }

    pub(crate) fn count(&self, id: &TargetId) -> u32 {
        self.workloads.counts.lock().unwrap().get(id).copied().unwrap_or(0)
    }

    pub(crate) fn changes(&self) -> Vec<(u64, u32)> {
        let changes = self.workloads.changes.lock().unwrap();
        changes.iter().map(|(at, _, replicas)| (at.as_secs(), *replicas)).collect()
    }

    pub(crate) fn stats(&self) -> StatsSnapshot {
        self.runtime.handle().stats().snapshot()
    }

    pub(crate) fn jump(&self, by: Duration, ahead: bool) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.jump.fetch_add(if ahead { millis } else { -millis }, Ordering::Relaxed);
    }
}

/// Lets so much of the paused time pass.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Ten a replica, polled each five seconds, 0 to 10 replicas, cooldown 60 s, no stabilization.
pub(crate) fn policy() -> Policy {
    let mut behavior = Behavior::api_server_defaults();
    behavior.scale_down.stabilization = Duration::ZERO;
    Policy {
        min_replicas: 0,
        max_replicas: 10,
        idle_replicas: None,
        cooldown: Duration::from_secs(60),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: vec![TriggerPolicy {
            index: 0,
            name: None,
            kind: "scripted".into(),
            metric: "s0-scripted".into(),
            target: MetricTarget::AverageValue(10.0),
            activation: 0.0,
            polling_interval: Duration::from_secs(5),
            source: 1,
            time_limit: None,
            on_failure: FailurePolicy::Default,
        }],
        behavior: Some(behavior),
        tolerance: 0.1,
        fallback: None,
        formula: None,
        pause: Pause::default(),
        force_activation: false,
        restore_original: false,
        mode: Mode::Direct,
        compat: Compat::default(),
    }
}
