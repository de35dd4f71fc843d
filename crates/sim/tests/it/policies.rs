//! Policies and scenarios that the tests start from.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Compat, FailurePolicy, MetricTarget, Mode, Pause, Policy, TargetId, Timestamp, TriggerPolicy};
use tidegate_sim::{Group, Load, Scenario, SourceModel, Weather};

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn hours(count: u64) -> Duration {
    seconds(3600 * count)
}

/// One Kafka trigger on a lag of `threshold` for each replica.
pub(crate) fn policy(min: u32, max: u32, threshold: f64) -> Policy {
    Policy {
        min_replicas: min,
        max_replicas: max,
        idle_replicas: None,
        cooldown: seconds(300),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: vec![trigger(0, "kafka", MetricTarget::AverageValue(threshold), seconds(10))],
        behavior: None,
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

pub(crate) fn trigger(index: usize, kind: &str, target: MetricTarget, interval: Duration) -> TriggerPolicy {
    TriggerPolicy {
        index,
        name: None,
        kind: kind.into(),
        metric: format!("s{index}-{kind}").into(),
        target,
        activation: 0.0,
        polling_interval: interval,
        source: index as u64,
        time_limit: None,
        on_failure: FailurePolicy::Default,
    }
}

/// A clear day: ten partitions, each replica does 20 records a second, sources answer at once and rightly.
pub(crate) fn scenario(policy: Policy, load: Load, lasts: Duration) -> Scenario {
    let clear = Weather { latency: Duration::from_millis(20), ..Weather::default() };
    Scenario {
        seed: 1,
        start: Timestamp::from_millis(1_767_225_600_000),
        lasts,
        sample_every: seconds(10),
        target: TargetId::new("shop", "orders"),
        policy: Arc::new(policy),
        replicas: 0,
        start_up: seconds(5),
        scaling_takes: Duration::from_millis(50),
        load,
        group: Group { partitions: 10, skew: 0.0, rate: 20.0, rebalance: seconds(3) },
        sources: vec![(SourceModel::Lag { allow_idle: false }, clear)],
        disturbances: Vec::new(),
    }
}
