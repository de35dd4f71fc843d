//! Pods that only exist in the API server, in all the states that the controller tells apart.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tidegate_engine::{PodFacts, PodUsage, Resource, Timestamp};

use super::random::Dice;

/// Every pod that is young here is younger, every old one older.
pub(crate) const CPU_INITIALIZATION: Duration = Duration::from_secs(3_600);

/// As the controller's default.
pub(crate) const READINESS_DELAY: Duration = Duration::from_secs(30);

/// How long a measurement takes.
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Pending,
    Failed,
}

/// One pod.
#[derive(Clone, Debug)]
pub(crate) struct PodModel {
    pub(crate) name: String,
    phase: Phase,
    ready: bool,
    started: Timestamp,
    /// When its readiness last changed.
    changed: Timestamp,
    sampled: Timestamp,
    /// As a percentage of what it requests; `None`: nobody measures it.
    used: Option<u64>,
    /// Thousandths of a core, and mebibytes.
    requests: u64,
}

impl PodModel {
    /// A pod in a state by chance, mostly a good one.
    pub(crate) fn draw(name: String, busy: u64, dice: &mut Dice) -> Self {
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_second() * 1000);
        let hours = |count: u64| Duration::from_secs(count * 3_600);
        let young = dice.percent(30);
        let ready = dice.percent(85);
        let started = if young { now } else { now - hours(5) };
        // Old and not ready: it once was, or never.
        let changed = match (young, dice.percent(50)) {
            (true, _) => now - hours(1),
            (false, true) => started + Duration::from_secs(10),
            (false, false) => started + hours(1),
        };
        // Young: measured over a whole window since it was ready, or not.
        let sampled = changed + if dice.percent(75) { WINDOW * 2 } else { WINDOW / 2 };
        let phase =
            if dice.percent(92) { Phase::Running } else { dice.of(&[Phase::Pending, Phase::Pending, Phase::Failed]) };
        let used = dice.percent(90).then(|| busy * dice.between(70, 130) / 100);
        PodModel { name, phase, ready, started, changed, sampled, used, requests: dice.between(2, 6) * 50 }
    }

    /// Existing by the count of the toy.
    pub(crate) fn counts(&self) -> bool {
        self.phase != Phase::Failed
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.phase == Phase::Running && self.ready
    }

    fn used_milli(&self, memory: bool) -> Option<u64> {
        let milli = self.requests_milli(memory);
        self.used.map(|percent| if memory { milli / 1000 * percent / 100 * 1000 } else { milli * percent / 100 })
    }

    fn requests_milli(&self, memory: bool) -> u64 {
        if memory { self.requests * 1024 * 1024 * 1000 } else { self.requests }
    }

    /// As the engine is told.
    pub(crate) fn usage(&self, memory: bool, now: Timestamp) -> PodUsage {
        let facts = PodFacts {
            deleted: false,
            failed: self.phase == Phase::Failed,
            pending: self.phase == Phase::Pending,
            started: Some(self.started),
            ready: Some((self.ready, self.changed)),
            sampled: self.used.map(|_| (self.sampled, WINDOW)),
        };
        let resource = if memory { Resource::Memory } else { Resource::Cpu };
        PodUsage {
            used_milli: self.used_milli(memory),
            requested_milli: Some(self.requests_milli(memory)),
            state: facts.state_with(resource, CPU_INITIALIZATION, READINESS_DELAY, now),
        }
    }

    /// As `metrics.k8s.io` tells the controller.
    pub(crate) fn metrics(&self, namespace: &str) -> Option<Value> {
        let (cpu, memory) = (self.used_milli(false)?, self.used_milli(true)?);
        Some(json!({
            "metadata": {"name": self.name, "namespace": namespace},
            "timestamp": self.sampled.to_string(),
            "window": format!("{}s", WINDOW.as_secs()),
            "containers": [{"name": "main", "usage": {"cpu": format!("{cpu}m"), "memory": (memory / 1000).to_string()}}],
        }))
    }

    pub(crate) async fn create(&self, pods: &Api<Pod>, app: &str) {
        let requests = json!({"cpu": format!("{}m", self.requests), "memory": format!("{}Mi", self.requests)});
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": self.name, "labels": {"app": app}},
            "spec": {
                "schedulerName": "nobody",
                "containers": [{"name": "main", "image": "none", "resources": {"requests": requests}}],
            },
        }))
        .unwrap();
        pods.create(&PostParams::default(), &pod).await.unwrap();
        let ready = json!({
            "type": "Ready",
            "status": if self.ready { "True" } else { "False" },
            "lastTransitionTime": self.changed.to_string(),
        });
        let phase = match self.phase {
            Phase::Running => "Running",
            Phase::Pending => "Pending",
            Phase::Failed => "Failed",
        };
        let status = json!({"status": {"phase": phase, "startTime": self.started.to_string(), "conditions": [ready]}});
        pods.patch_status(&self.name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    pub(crate) async fn delete(&self, pods: &Api<Pod>) {
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        pods.delete(&self.name, &at_once).await.unwrap();
    }
}
