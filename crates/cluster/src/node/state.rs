//! What a pod's status says, made of what happened to its containers. Pure, but for the time.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_local::pods::PodWhat;

/// Where all pods are.
const ADDRESS: &str = "127.0.0.1";

/// A pod's containers and conditions.
#[derive(Clone, Debug)]
pub(crate) struct PodState {
    containers: Vec<ContainerState>,
    began: Timestamp,
    ready: bool,
    ready_since: Timestamp,
    /// All containers have ended and none is started again.
    finished: bool,
}

#[derive(Clone, Debug)]
struct ContainerState {
    name: String,
    image: String,
    ready: bool,
    restarts: u32,
    now: Now,
    last: Option<Ended>,
}

#[derive(Clone, Debug)]
enum Now {
    Waiting { reason: &'static str, message: String },
    Running { since: Timestamp },
    Ended(Ended),
}

#[derive(Clone, Debug)]
struct Ended {
    code: i32,
    message: String,
    since: Timestamp,
    at: Timestamp,
}

/// As the API server writes times.
fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl PodState {
    /// Nothing has been started.
    pub(crate) fn new(containers: &Arc<[(String, String)]>) -> PodState {
        let now = Timestamp::now();
        let containers = containers.iter().map(|(name, image)| ContainerState {
            name: name.clone(),
            image: image.clone(),
            ready: false,
            restarts: 0,
            now: Now::Waiting { reason: "ContainerCreating", message: String::new() },
            last: None,
        });
        PodState { containers: containers.collect(), began: now, ready: false, ready_since: now, finished: false }
    }

    /// Takes in what happened to a container.
    pub(crate) fn hear(&mut self, container: usize, what: &PodWhat) {
        let at = Timestamp::now();
        let Some(container) = self.containers.get_mut(container) else { return };
        match what {
            PodWhat::Started { .. } => container.now = Now::Running { since: at },
            PodWhat::Ready => container.ready = true,
            PodWhat::Unready { .. } => container.ready = false,
            PodWhat::Exited { code, status } => container.end(*code, status.clone(), at),
            // What a container runtime reports when there is no such program.
            PodWhat::StartFailed { error } => container.end(128, error.clone(), at),
            PodWhat::Restarting { restarts, wait } => {
                container.restarts = *restarts;
                if let Now::Ended(ended) = &container.now {
                    container.last = Some(ended.clone());
                    if !wait.is_zero() {
                        let message = format!("back-off {wait:?} restarting failed container={}", container.name);
                        container.now = Now::Waiting { reason: "CrashLoopBackOff", message };
                    }
                }
            }
            PodWhat::Created | PodWhat::Terminating | PodWhat::Killed | PodWhat::Gone => {}
        }
        self.judge(at);
    }

    /// All containers wait for the same.
    pub(crate) fn waiting_all(&mut self, reason: &'static str, message: &str) {
        for container in &mut self.containers {
            container.now = Now::Waiting { reason, message: message.to_owned() };
        }
    }

    /// All containers run.
    pub(crate) fn started_all(&mut self) {
        for container in &mut self.containers {
            container.now = Now::Running { since: self.began };
        }
    }

    /// All containers are ready, or none is.
    pub(crate) fn set_ready_all(&mut self, ready: bool) {
        for container in &mut self.containers {
            container.ready = ready;
        }
        self.judge(Timestamp::now());
    }

    /// Nothing of it will be started again.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    fn judge(&mut self, at: Timestamp) {
        let ready = !self.containers.is_empty() && self.containers.iter().all(|container| container.ready);
        if ready != self.ready {
            (self.ready, self.ready_since) = (ready, at);
        }
    }

    fn phase(&self) -> &'static str {
        let code = |container: &ContainerState| match &container.now {
            Now::Ended(ended) => Some(ended.code),
            _ => None,
        };
        if self.finished {
            let succeeded = self.containers.iter().all(|container| code(container) == Some(0));
            return if succeeded { "Succeeded" } else { "Failed" };
        }
        let begun =
            |container: &ContainerState| !matches!(container.now, Now::Waiting { .. }) || container.last.is_some();
        if self.containers.iter().any(begun) { "Running" } else { "Pending" }
    }

    /// For a strategic merge patch.
    pub(crate) fn status(&self) -> Value {
        let phase = self.phase();
        let (began, since) = (text(self.began), text(self.ready_since));
        let condition = |kind: &str, holds: bool, time: &str| {
            let mut condition = Map::new();
            condition.insert("type".to_owned(), json!(kind));
            condition.insert("status".to_owned(), json!(if holds { "True" } else { "False" }));
            condition.insert("lastTransitionTime".to_owned(), json!(time));
            let reason = match (holds, phase) {
                (true, _) => None,
                (false, "Succeeded") => Some("PodCompleted"),
                (false, "Failed") => Some("PodFailed"),
                (false, _) => Some("ContainersNotReady"),
            };
            // Null takes away what an earlier patch has put there.
            condition.insert("reason".to_owned(), json!(reason));
            Value::Object(condition)
        };
        json!({
            "phase": phase,
            "startTime": began,
            "hostIP": ADDRESS,
            "hostIPs": [{"ip": ADDRESS}],
            "podIP": ADDRESS,
            "podIPs": [{"ip": ADDRESS}],
            "conditions": [
                condition("PodReadyToStartContainers", true, &began),
                condition("Initialized", true, &began),
                condition("ContainersReady", self.ready, &since),
                condition("Ready", self.ready, &since),
            ],
            "containerStatuses": self.containers.iter().map(ContainerState::status).collect::<Vec<_>>(),
        })
    }
}

impl ContainerState {
    fn end(&mut self, code: i32, message: String, at: Timestamp) {
        let since = if let Now::Running { since } = self.now { since } else { at };
        self.ready = false;
        self.now = Now::Ended(Ended { code, message, since, at });
    }

    fn status(&self) -> Value {
        let state = match &self.now {
            Now::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
            Now::Running { since } => json!({"running": {"startedAt": text(*since)}}),
            Now::Ended(ended) => ended.state(),
        };
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": "",
            "ready": self.ready,
            "started": matches!(self.now, Now::Running { .. }),
            "restartCount": self.restarts,
            "state": state,
            "lastState": self.last.as_ref().map_or_else(|| json!({}), Ended::state),
        })
    }
}

impl Ended {
    fn state(&self) -> Value {
        json!({"terminated": {
            "exitCode": self.code,
            "reason": if self.code == 0 { "Completed" } else { "Error" },
            "message": self.message,
            "startedAt": text(self.since),
            "finishedAt": text(self.at),
        }})
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn state(containers: usize) -> PodState {
        let names: Vec<_> = (0..containers).map(|number| (format!("c{number}"), String::new())).collect();
        PodState::new(&names.into())
    }

    fn facts(state: &PodState) -> (String, bool, String) {
        let status = state.status();
        let ready = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
        let first = status["containerStatuses"][0]["state"].as_object().unwrap().keys().next().unwrap().clone();
        (status["phase"].as_str().unwrap().to_owned(), ready["status"] == "True", first)
    }

    #[test]
    fn a_pod_is_ready_when_all_of_its_containers_are() {
        let mut state = state(2);
        assert_eq!(facts(&state), ("Pending".into(), false, "waiting".into()));
        state.hear(0, &PodWhat::Started { pid: 1 });
        state.hear(0, &PodWhat::Ready);
        assert_eq!(facts(&state), ("Running".into(), false, "running".into()));
        state.hear(1, &PodWhat::Started { pid: 2 });
        state.hear(1, &PodWhat::Ready);
        assert_eq!(facts(&state), ("Running".into(), true, "running".into()));
    }

    #[test]
    fn a_crashing_container_waits_and_keeps_its_last_state() {
        let mut state = state(1);
        state.hear(0, &PodWhat::Started { pid: 1 });
        state.hear(0, &PodWhat::Exited { code: 3, status: "exit code 3".into() });
        state.hear(0, &PodWhat::Restarting { restarts: 2, wait: Duration::from_secs(1) });
        assert_eq!(facts(&state), ("Running".into(), false, "waiting".into()));
        let container = &state.status()["containerStatuses"][0];
        assert_eq!(container["restartCount"], 2);
        assert_eq!(container["lastState"]["terminated"]["exitCode"], 3);
    }

    #[test]
    fn an_ended_pod_has_succeeded_only_if_every_container_has() {
        for (code, phase) in [(0, "Succeeded"), (1, "Failed")] {
            let mut state = state(1);
            state.hear(0, &PodWhat::Started { pid: 1 });
            state.hear(0, &PodWhat::Exited { code, status: String::new() });
            assert_eq!(facts(&state).0, "Running", "it may be started again");
            state.finish();
            assert_eq!(facts(&state), (phase.into(), false, "terminated".into()));
        }
    }
}
