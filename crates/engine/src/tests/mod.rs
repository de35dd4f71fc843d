//! Decisions and flows of events, from the crate's outside but beside its code.

mod activation;
mod conformance;
mod fallback;
mod flow;
mod pushes;
mod resources;
mod rules;
mod telling;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use crate::{
    Behavior, Case, Compat, FailurePolicy, MetricTarget, Mode, Pause, Policy, ReadError, ReadErrorKind, Reading,
    Record, Rule, SavedState, StepKind, StepPolicy, TargetId, Timestamp, TriggerPolicy, Workload, decide,
};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_226_200_000);

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn ago(span: u64) -> Timestamp {
    NOW - seconds(span)
}

pub(super) fn outage() -> ReadError {
    ReadError::new(ReadErrorKind::Unreachable, "connecting to broker:9092: connection refused")
}

/// `triggers` Kafka triggers of 10 a replica, read every 30 s, between `min` and `max`.
pub(super) fn policy(min: u32, max: u32, triggers: u64) -> Policy {
    let trigger = |index: u64| TriggerPolicy {
        index: usize::try_from(index).unwrap(),
        name: None,
        kind: "kafka".into(),
        metric: format!("s{index}-kafka-orders").into(),
        target: MetricTarget::AverageValue(10.0),
        activation: 0.0,
        polling_interval: seconds(30),
        source: index,
        time_limit: None,
        on_failure: FailurePolicy::Default,
    };
    Policy {
        min_replicas: min,
        max_replicas: max,
        idle_replicas: None,
        cooldown: seconds(300),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: (0..triggers).map(trigger).collect(),
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

/// A behaviour with these policies, without windows.
pub(super) fn behavior(up: Vec<StepPolicy>, down: Vec<StepPolicy>) -> Behavior {
    let mut behavior = Behavior::api_server_defaults();
    behavior.scale_up.policies = up;
    behavior.scale_down.policies = down;
    behavior.scale_down.stabilization = Duration::ZERO;
    behavior
}

pub(super) fn step(kind: StepKind, value: u32, period: u64) -> StepPolicy {
    StepPolicy { kind, value, period: seconds(period) }
}

/// A question, made step by step.
pub(super) struct Ask(pub(super) Case);

impl Ask {
    pub(super) fn new(policy: Policy, replicas: u32) -> Self {
        Ask(Case {
            target: TargetId::new("shop", "orders"),
            policy: Arc::new(policy),
            workload: Ok(Workload::settled(replicas)),
            readings: Vec::new(),
            history: SavedState::default(),
        })
    }

    pub(super) fn value(mut self, value: f64) -> Self {
        self.0.readings.push(Some(Ok(Reading::of(value, NOW))));
        self
    }

    pub(super) fn partitions(mut self, value: f64, parallelism: u32) -> Self {
        let reading = Reading { parallelism: Some(parallelism), ..Reading::of(value, NOW) };
        self.0.readings.push(Some(Ok(reading)));
        self
    }

    pub(super) fn pods(mut self, pods: &[crate::PodUsage]) -> Self {
        self.0.readings.push(Some(Ok(Reading::of_pods(pods, NOW))));
        self
    }

    pub(super) fn error(mut self) -> Self {
        self.0.readings.push(Some(Err(outage())));
        self
    }

    pub(super) fn unread(mut self) -> Self {
        self.0.readings.push(None);
        self
    }

    pub(super) fn history(mut self, edit: impl FnOnce(&mut SavedState)) -> Self {
        edit(&mut self.0.history);
        self
    }

    pub(super) fn workload(mut self, edit: impl FnOnce(&mut Workload)) -> Self {
        if let Ok(workload) = &mut self.0.workload {
            edit(workload);
        }
        self
    }

    pub(super) fn record(&self) -> Record {
        let record = decide(&self.0, NOW);
        assert_eq!(crate::check(&record), [], "{record:#?}");
        record
    }

    /// Decides and compares count and binding rule.
    #[track_caller]
    pub(super) fn gives(self, replicas: u32, rule: Rule) -> Record {
        let record = self.record();
        assert_eq!((record.desired_replicas, record.bound_by), (replicas, rule), "{}", crate::explain(&record));
        record
    }
}
