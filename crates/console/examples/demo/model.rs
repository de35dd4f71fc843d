//! Made-up targets for looking at the console: a seeded load, consumers of a known speed, and the engine that decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_console::{LoadPoint, Store, TargetInfo};
use tidegate_engine::{
    Behavior, Command, Compat, Engine, Event, FailurePolicy, Figures, MetricTarget, Mode, PartitionFigures, Pause,
    Policy, ReadError, ReadErrorKind, Reading, TargetId, Timestamp, TriggerPolicy, Workload,
};

/// Records that one replica takes a second.
const SPEED: f64 = 20.0;
/// The lag threshold.
const THRESHOLD: f64 = 50.0;
const MAX: u32 = 12;
const COOLDOWN: Duration = Duration::from_secs(45);

/// Numbers that look random and are the same for the same seed (xorshift).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One made-up target.
#[derive(Debug)]
pub(crate) struct Model {
    id: TargetId,
    dice: Dice,
    phase: f64,
    size: f64,
    partitions: Vec<(u64, u64)>,
    carry: f64,
    workload: Workload,
    starting: VecDeque<(Timestamp, u32)>,
    engine: Engine,
    /// Until the engine has been told.
    policy: Option<Arc<Policy>>,
    /// Seconds of the hour in which the source fails.
    outage: std::ops::Range<i64>,
}

impl Model {
    /// A target with its load and partitions drawn from `seed`; told to `store`.
    pub(crate) fn new(store: &Store, namespace: &str, name: &str, seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (phase, size) = (dice.roll(), 0.3 + dice.roll());
        let id = TargetId::new(namespace, name);
        let count = if seed == 1 { 8 } else { 4 + (dice.roll() * 6.0) as usize };
        let metric: Arc<str> = format!("s0-kafka-{name}").into();
        let policy = policy(metric);
        store.target(&id, TargetInfo::of(&policy, "Deployment", name));
        Model {
            id,
            dice,
            phase: if seed == 1 { 0.0 } else { phase },
            size: if seed == 1 { 1.0 } else { size },
            partitions: vec![(0, 0); count],
            carry: 0.0,
            workload: Workload::default(),
            starting: VecDeque::new(),
            engine: Engine::new(),
            policy: Some(Arc::new(policy)),
            outage: if seed % 3 == 2 { 1_500..1_530 } else { 0..0 },
        }
    }

    /// The rate of the load at a time: waves, a spike now and then, and quiet times.
    fn rate(&self, at: Timestamp) -> f64 {
        let minutes = at.as_millis() as f64 / 60_000.0 + self.phase * 17.0;
        let wave = (minutes / 9.0 * std::f64::consts::TAU).sin().max(-0.35) + 0.35;
        let day = 0.75 + 0.25 * (minutes / 1_440.0 * std::f64::consts::TAU).sin();
        let spike = if minutes % 23.0 < 1.2 { 130.0 } else { 0.0 };
        (wave * 75.0 * day * self.size + spike * self.size).max(0.0)
    }

    /// A second passes: records come and go, the source is read, a decision is made, all told to `store`.
    pub(crate) fn second(&mut self, store: &Store, at: Timestamp) {
        let rate = self.rate(at);
        self.flow(rate);
        while let Some(&(_, ready)) = self.starting.front().filter(|&&(due, _)| due <= at) {
            self.workload.ready = ready.min(self.workload.current);
            self.starting.pop_front();
        }
        store.workload(&self.id, &self.workload, at);
        if self.id.name() == "orders" {
            let produced_total = self.partitions.iter().map(|&(end, _)| end).sum();
            store.load(LoadPoint { at, produced_total, target_rate: rate });
        }
        if let Some(policy) = self.policy.take() {
            self.drive(store, Event::PolicyChanged { target: self.id.clone(), policy, restored: None }, at);
        }
        self.drive(store, Event::WorkloadObserved { target: self.id.clone(), workload: Ok(self.workload) }, at);
        self.drive(store, Event::Tick, at);
    }

    fn flow(&mut self, rate: f64) {
        let count = self.partitions.len();
        self.carry += rate * (0.85 + 0.3 * self.dice.roll());
        while self.carry >= 1.0 {
            let pick = ((self.dice.roll().powf(1.3)) * count as f64) as usize;
            self.partitions[pick.min(count - 1)].0 += 1;
            self.carry -= 1.0;
        }
        let ready = (self.workload.ready as usize).min(count);
        for consumer in 0..ready {
            let mine: Vec<usize> = (consumer..count).step_by(ready).collect();
            let mut left = SPEED * (0.9 + 0.2 * self.dice.roll());
            for &index in &mine {
                let (end, done) = &mut self.partitions[index];
                let take = ((*end - *done) as f64).min(left / mine.len() as f64 * 1.6).min(left).floor();
                *done += take as u64;
                left -= take;
            }
        }
    }

    fn read(&mut self, at: Timestamp) -> Result<Reading, ReadError> {
        if self.outage.contains(&(at.as_millis() / 1_000 % 3_600)) {
            let message = "reading lag of group orders: broker 127.0.0.1:9092 did not answer within 1 s";
            return Err(ReadError::new(ReadErrorKind::Timeout, message));
        }
        let topic: Arc<str> = self.id.name().into();
        let partitions: Vec<PartitionFigures> = (0_i32..)
            .zip(&self.partitions)
            .map(|(partition, &(end, done))| PartitionFigures {
                topic: topic.clone(),
                partition,
                lag: (end - done) as i64,
                end_offset: end as i64,
                committed_offset: Some(done as i64),
                log_start_offset: Some(0),
            })
            .collect();
        let lag: i64 = partitions.iter().map(|partition| partition.lag).sum();
        Ok(Reading {
            parallelism: u32::try_from(self.partitions.len()).ok(),
            figures: Some(Arc::new(Figures {
                produced_total: Some(self.partitions.iter().map(|&(end, _)| end).sum()),
                consumed_total: Some(self.partitions.iter().map(|&(_, done)| done).sum()),
                members: Some(self.workload.ready),
                group_state: Some(if self.workload.ready > 0 { "Stable" } else { "Empty" }.into()),
                partitions,
                notes: Vec::new(),
            })),
            ..Reading::of(lag as f64, at - Duration::from_millis(4))
        })
    }

    /// The engine is told what is seen, and what it commands is done.
    fn drive(&mut self, store: &Store, event: Event, at: Timestamp) {
        let mut commands = VecDeque::from(self.engine.handle(event, at));
        while let Some(command) = commands.pop_front() {
            let answer = match command {
                Command::Read { target, trigger, read, .. } => {
                    let outcome = self.read(at);
                    store.reading(&self.id, trigger, "", &outcome, at);
                    Event::ReadingArrived { target, trigger, read, outcome }
                }
                Command::SetReplicas { target, replicas, change } => {
                    self.apply(replicas, at);
                    Event::ScaleFinished { target, change, outcome: Ok(()) }
                }
                Command::Emit(record) => {
                    store.record(&record);
                    continue;
                }
                Command::Save { .. } | Command::WakeAt(_) => continue,
            };
            commands.extend(self.engine.handle(answer, at));
        }
    }

    fn apply(&mut self, desired: u32, at: Timestamp) {
        if desired > self.workload.replicas {
            self.starting.push_back((at + Duration::from_secs(2 + (self.dice.roll() * 4.0) as u64), desired));
        }
        self.workload.replicas = desired;
        self.workload.current = desired;
        self.workload.ready = self.workload.ready.min(desired);
    }
}

fn policy(metric: Arc<str>) -> Policy {
    let mut behavior = Behavior::api_server_defaults();
    behavior.scale_down.stabilization = Duration::from_secs(30);
    Policy {
        min_replicas: 0,
        max_replicas: MAX,
        idle_replicas: None,
        cooldown: COOLDOWN,
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: vec![TriggerPolicy {
            index: 0,
            name: None,
            kind: "kafka".into(),
            metric,
            target: MetricTarget::AverageValue(THRESHOLD),
            activation: 0.0,
            polling_interval: Duration::from_secs(1),
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
