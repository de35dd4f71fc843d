//! Made-up targets for looking at the console: a seeded load, consumers of a known speed, and decisions about them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_console::{LoadPoint, Store, TargetInfo, TriggerInfo};
use tidegate_engine::{
    Cause, FORMAT, Figures, Limits, MetricTarget, Mode, NextChange, Outcome, PartitionFigures, ReadError,
    ReadErrorKind, Reading, ReadingRecord, Reason, Record, Rule, Step, TargetId, Timestamp, Workload,
};

/// Records that one replica takes a second.
const SPEED: f64 = 20.0;
/// The lag threshold.
const THRESHOLD: f64 = 50.0;
const MAX: u32 = 12;
const COOLDOWN: Duration = Duration::from_secs(45);
const WINDOW: Duration = Duration::from_secs(30);

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
    wanted: VecDeque<(Timestamp, u32)>,
    last_active: Option<Timestamp>,
    last_up: Option<Timestamp>,
    failures: u32,
    sequence: u64,
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
        store.target(
            &id,
            TargetInfo {
                kind: "Deployment".into(),
                workload: name.into(),
                max: MAX,
                triggers: vec![TriggerInfo {
                    name: None,
                    kind: "kafka".into(),
                    metric,
                    target: MetricTarget::AverageValue(THRESHOLD),
                    activation: 0.0,
                }],
                ..TargetInfo::default()
            },
        );
        Model {
            id,
            dice,
            phase: if seed == 1 { 0.0 } else { phase },
            size: if seed == 1 { 1.0 } else { size },
            partitions: vec![(0, 0); count],
            carry: 0.0,
            workload: Workload::default(),
            starting: VecDeque::new(),
            wanted: VecDeque::new(),
            last_active: None,
            last_up: None,
            failures: 0,
            sequence: 0,
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
        while let Some(&(due, ready)) = self.starting.front().filter(|&&(due, _)| due <= at) {
            self.workload.ready = ready.min(self.workload.current);
            self.starting.pop_front();
            let _ = due;
        }
        store.workload(&self.id, &self.workload, at);
        if self.id.name() == "orders" {
            let produced_total = self.partitions.iter().map(|&(end, _)| end).sum();
            store.load(LoadPoint { at, produced_total, target_rate: rate });
        }
        let outcome = self.read(at);
        store.reading(&self.id, 0, "", &outcome, at);
        let record = self.decide(&outcome, at);
        store.record(&record);
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
            self.failures += 1;
            let message = "reading lag of group orders: broker 127.0.0.1:9092 did not answer within 1 s";
            return Err(ReadError::new(ReadErrorKind::Timeout, message));
        }
        self.failures = 0;
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
            value: lag as f64,
            activation_value: None,
            parallelism: u32::try_from(self.partitions.len()).ok(),
            at: at - Duration::from_millis(4),
            figures: Some(Arc::new(Figures {
                produced_total: Some(self.partitions.iter().map(|&(end, _)| end).sum()),
                consumed_total: Some(self.partitions.iter().map(|&(_, done)| done).sum()),
                members: Some(self.workload.ready),
                group_state: Some(if self.workload.ready > 0 { "Stable" } else { "Empty" }.into()),
                partitions,
                notes: Vec::new(),
            })),
        })
    }

    fn decide(&mut self, outcome: &Result<Reading, ReadError>, at: Timestamp) -> Arc<Record> {
        let now = self.workload.replicas;
        let useful = self.partitions.len() as u32;
        let mut steps = Vec::new();
        let mut next = None;
        let (mut value, mut wanted, mut active) =
            (None, None, self.last_active.is_some_and(|last| at.since(last) < COOLDOWN));
        let mut desired = now;
        let mut step = |rule, to: u32, reason: String, desired: &mut u32| {
            if to != *desired || rule == Rule::MissingMetric {
                steps.push(Step { rule, from: *desired, to, reason: Reason::Text(reason) });
                *desired = to;
            }
        };
        if let Ok(reading) = outcome {
            value = Some(reading.value);
            let asked = (reading.value / THRESHOLD).ceil() as u32;
            wanted = Some(asked);
            if reading.value > 0.0 {
                self.last_active = Some(at);
                active = true;
            }
            let lag = reading.value;
            step(Rule::Metrics, asked, format!("lag {lag} against {THRESHOLD} a replica wants {asked}"), &mut desired);
            self.wanted.push_back((at, desired));
            while self.wanted.front().is_some_and(|&(then, _)| at.since(then) > WINDOW) {
                self.wanted.pop_front();
            }
            let highest = self.wanted.iter().map(|&(_, wanted)| wanted).max().unwrap_or(0).min(now.max(desired));
            if highest > desired && active {
                step(Rule::Stabilization, highest, format!("the highest of the last 30 s is {highest}"), &mut desired);
            }
            let most = (2 * now).max(4);
            if self.last_up.is_some_and(|last| at.since(last) < Duration::from_secs(15)) && desired > now {
                step(Rule::ScaleUpPolicy, now, "the step of the last 15 s is used up".into(), &mut desired);
            } else if desired > most {
                step(Rule::ScaleUpPolicy, most, format!("at most {most} within 15 s"), &mut desired);
            }
            if desired == 0 && active {
                let ends = self.last_active.unwrap_or(at) + COOLDOWN;
                next = Some(NextChange { at: ends, what: "the cooldown ends".into() });
                step(Rule::Cooldown, 1.min(now.max(1)), format!("active until {ends}"), &mut desired);
            }
            if desired > useful {
                step(Rule::UsefulParallelism, useful, format!("{useful} partitions keep {useful} busy"), &mut desired);
            }
        } else {
            step(Rule::MissingMetric, now, "the source did not answer, so nothing is moved".into(), &mut desired);
        }
        let bound_by = steps.last().map_or(Rule::None, |step| step.rule);
        self.sequence += 1;
        let record = Record {
            format: FORMAT.into(),
            sequence: self.sequence,
            at,
            target: self.id.clone(),
            cause: Cause::Reading { trigger: 0 },
            mode: Mode::Direct,
            workload: Some(self.workload),
            readings: vec![self.reading_record(outcome, value, wanted, at)],
            formula: None,
            active,
            steps,
            bound_by,
            desired_replicas: desired,
            limits: Limits { min: 0, max: MAX, idle: None, useful: Some(useful) },
            result: match (outcome, desired == now) {
                (Err(_), _) => Outcome::Held,
                (_, true) => Outcome::Unchanged,
                _ => Outcome::Scaled,
            },
            next,
        };
        self.apply(desired, at);
        Arc::new(record)
    }

    fn reading_record(
        &self,
        outcome: &Result<Reading, ReadError>,
        value: Option<f64>,
        wanted: Option<u32>,
        at: Timestamp,
    ) -> ReadingRecord {
        ReadingRecord {
            trigger: "s0".into(),
            kind: "kafka".into(),
            metric: format!("s0-kafka-{}", self.id.name()).into(),
            value,
            target: MetricTarget::AverageValue(THRESHOLD),
            activation: 0.0,
            active: value.is_some_and(|value| value > 0.0),
            parallelism: outcome.as_ref().ok().and_then(|reading| reading.parallelism),
            at: outcome.as_ref().ok().map(|reading| reading.at),
            age_ms: outcome.as_ref().ok().map(|reading| at.since(reading.at).as_millis() as u64),
            error: outcome.as_ref().err().cloned(),
            failures: self.failures,
            on_failure: tidegate_engine::FailurePolicy::Default,
            fallback: false,
            wanted,
            figures: None,
        }
    }

    fn apply(&mut self, desired: u32, at: Timestamp) {
        if desired > self.workload.replicas {
            self.last_up = Some(at);
            self.starting.push_back((at + Duration::from_secs(2 + (self.dice.roll() * 4.0) as u64), desired));
        }
        self.workload.replicas = desired;
        self.workload.current = desired;
        self.workload.ready = self.workload.ready.min(desired);
    }
}
