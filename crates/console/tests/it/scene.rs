//! A store with a known past: two targets, one of which has a source that fails.

use std::sync::Arc;
use std::time::Duration;

use tidegate_console::{LoadPoint, Store, StoreOptions, TargetInfo, TriggerInfo};
use tidegate_engine::{
    Cause, FORMAT, FailurePolicy, Figures, Limits, MetricTarget, Mode, Outcome, PartitionFigures, ReadError,
    ReadErrorKind, Reading, ReadingRecord, Reason, Record, Rule, Step, TargetId, Timestamp, Tolerance, Workload,
};

pub(crate) fn orders() -> TargetId {
    TargetId::new("shop", "orders")
}

pub(crate) fn mail() -> TargetId {
    TargetId::new("shop", "mail")
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

pub(crate) fn info(name: &str) -> TargetInfo {
    TargetInfo {
        kind: "Deployment".into(),
        workload: name.into(),
        max: 12,
        triggers: vec![TriggerInfo {
            name: None,
            kind: "kafka".into(),
            metric: format!("s0-kafka-{name}").into(),
            target: MetricTarget::AverageValue(20.0),
            activation: 0.0,
        }],
        ..TargetInfo::default()
    }
}

/// Lag `lag` spread over four partitions, after `produced` records.
pub(crate) fn reading(lag: u64, produced: u64, at: Timestamp) -> Reading {
    let partitions = (0_i32..4)
        .map(|partition| {
            let share = lag / 4 + u64::from(u64::try_from(partition).unwrap() < lag % 4);
            PartitionFigures {
                topic: "orders".into(),
                partition,
                lag: i64::try_from(share).unwrap(),
                ..Default::default()
            }
        })
        .collect();
    Reading {
        parallelism: Some(4),
        figures: Some(Arc::new(Figures {
            produced_total: Some(produced),
            consumed_total: Some(produced - lag),
            members: Some(2),
            group_state: Some("Stable".into()),
            partitions,
            notes: vec!["partition 3 has no committed offset; counted from its start".into()],
        })),
        ..Reading::of(lag as f64, at)
    }
}

/// A decision of `target` from one count to another.
pub(crate) fn record(target: &TargetId, sequence: u64, at: Timestamp, from: u32, to: u32, lag: f64) -> Arc<Record> {
    let metric = format!("s0-kafka-{}", target.name());
    Arc::new(Record {
        format: FORMAT.into(),
        sequence,
        at,
        target: target.clone(),
        cause: Cause::Reading { trigger: 0 },
        mode: Mode::Direct,
        workload: Some(Workload::settled(from)),
        readings: vec![ReadingRecord {
            trigger: "s0".into(),
            kind: "kafka".into(),
            metric: metric.into(),
            value: Some(lag),
            target: MetricTarget::AverageValue(20.0),
            activation: 0.0,
            active: lag > 0.0,
            pushed: false,
            parallelism: Some(4),
            at: Some(at),
            age_ms: Some(3),
            error: None,
            failures: 0,
            on_failure: FailurePolicy::Default,
            fallback: false,
            pods: None,
            wanted: Some(to),
            figures: None,
        }],
        formula: None,
        active: lag > 0.0,
        last_active: None,
        steps: vec![Step {
            rule: Rule::Metrics,
            from,
            to,
            reason: Reason::Text(format!("<b>lag {lag}</b> wants {to}")),
        }],
        bound_by: Rule::Metrics,
        desired_replicas: to,
        limits: Limits { min: 0, max: 12, idle: None, useful: Some(4), tolerance: Tolerance::default() },
        result: if from == to { Outcome::Unchanged } else { Outcome::Scaled },
        next: None,
    })
}

pub(crate) fn refused() -> Result<Reading, ReadError> {
    Err(ReadError::new(ReadErrorKind::Unreachable, "reading lag of group mail: connection to 127.0.0.1:9 refused"))
}

/// Ten minutes of `orders` at a reading a second that end at `end`: 1000 records a minute come, one replica more every
/// minute and then one less; every other decision moves nothing. `mail` has had good readings and now fails.
pub(crate) fn store(end: Timestamp) -> Arc<Store> {
    let store = Store::new(StoreOptions { version: "1.2.3".into(), git_commit: "abc".into(), ..Default::default() });
    store.target(&orders(), info("orders"));
    store.target(&mail(), info("mail"));
    let mut replicas = 0;
    for second in 0..600_u64 {
        let at = end - Duration::from_secs(599 - second);
        let lag = second % 120;
        store.reading(&orders(), 0, "s0-kafka-orders", &Ok(reading(lag, 1_000 + 20 * second, at)), at);
        let wanted = match second / 60 {
            minute @ 0..5 => u32::try_from(minute).unwrap() + 1,
            minute => u32::try_from(10 - minute).unwrap(),
        };
        store.record(&record(&orders(), second + 1, at, replicas, wanted, lag as f64));
        replicas = wanted;
        store.workload(&orders(), &Workload::settled(replicas), at);
        store.load(LoadPoint { at, produced_total: 20 * second, target_rate: 20.0 });
    }
    store.reading(&mail(), 0, "", &Ok(reading(8, 100, end - Duration::from_secs(30))), end - Duration::from_secs(30));
    store.workload(&mail(), &Workload::settled(1), end - Duration::from_secs(30));
    store.record(&record(&mail(), 1, end - Duration::from_secs(30), 0, 1, 8.0));
    store.reading(&mail(), 0, "", &refused(), end);
    store.reading(&mail(), 0, "", &refused(), end);
    store
}
