//! What the pods of this machine use of its processors and memory, for `cpu` and `memory` triggers: the processes of each
//! pod, as `/proc` shows them.
//!
//! Processor time is measured between two reads, so the first read of a pod knows nothing of it yet. A pod that is not ready
//! counts as one that is not ready yet; how long ago it was started is not looked at.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tidegate_engine::{PodState, PodUsage, ReadError, ReadErrorKind, Reading, TargetId, Timestamp};
use tidegate_scalers::{Resource, UsageQuery};

use super::workloads::Bindings;
use crate::pods::{PodSeen, Pods};
use crate::processes;

/// Ticks of `/proc/<pid>/stat` in a second; the same on every Linux (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;
/// Shorter spans say little, since a tick is 10 ms: within this, the last measurement holds.
const SHORTEST_SPAN: Duration = Duration::from_millis(500);

/// Measures pods.
pub(super) struct LocalUsage {
    pods: Pods,
    bindings: Arc<Bindings>,
    /// The state folder, by which the processes of this run are known.
    state: PathBuf,
    seen: Mutex<HashMap<Arc<str>, Sample>>,
}

/// The processor time of a pod when it was looked at last.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    ticks: u64,
    milli_cores: Option<u64>,
}

/// What the processes of a pod have used up, or use.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    ticks: u64,
    memory_bytes: u64,
}

impl LocalUsage {
    pub(super) fn new(pods: Pods, bindings: Arc<Bindings>, state: PathBuf) -> Self {
        LocalUsage { pods, bindings, state, seen: Mutex::default() }
    }

    /// The rate since the last look; `None` at the first.
    fn milli_cores(&self, pod: &Arc<str>, ticks: u64) -> Option<u64> {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sample) = seen.get_mut(pod) else {
            seen.insert(Arc::clone(pod), Sample { at: now, ticks, milli_cores: None });
            return None;
        };
        let span = now.duration_since(sample.at);
        if span >= SHORTEST_SPAN {
            // A process that ended takes its time with it unless its parent waited for it.
            let used = ticks.saturating_sub(sample.ticks) as f64 / TICKS_A_SECOND;
            *sample = Sample { at: now, ticks, milli_cores: Some((used / span.as_secs_f64() * 1000.0) as u64) };
        }
        sample.milli_cores
    }

    fn usage(&self, query: &UsageQuery, pod: &PodSeen, used: Option<Used>) -> PodUsage {
        let used_milli = used.and_then(|used| match query.resource {
            Resource::Cpu => self.milli_cores(&pod.name, used.ticks),
            Resource::Memory => Some(used.memory_bytes.saturating_mul(1000)),
        });
        let state = match pod {
            PodSeen { terminating: true, .. } => PodState::Ignored,
            PodSeen { ready: false, .. } => PodState::Unready,
            _ => PodState::Counted,
        };
        PodUsage {
            used_milli,
            requested_milli: pod.nature.requests.of(query.resource, query.container.as_deref()),
            state,
        }
    }
}

#[async_trait]
impl tidegate_scalers::PodUsage for LocalUsage {
    async fn usage(&self, query: &UsageQuery, now: Timestamp) -> Result<Reading, ReadError> {
        let UsageQuery { namespace, scaled_object, container, .. } = query;
        let failed = |kind, message: &str| {
            let what = query.resource.name();
            ReadError::new(kind, format!("measuring the {what} of {namespace}/{scaled_object}'s pods: {message}"))
        };
        let deployment = self.bindings.deployment_of(&TargetId::new(namespace, scaled_object));
        let deployment = deployment.ok_or_else(|| failed(ReadErrorKind::NotFound, "it scales no Deployment"))?;
        let pods = self.pods.seen(deployment).await;
        let pods = pods.ok_or_else(|| failed(ReadErrorKind::NotFound, "its Deployment is gone"))?;
        if let Some(name) = container
            && let Some(pod) = pods.iter().find(|pod| !pod.nature.requests.only(name))
        {
            let pod = &pod.name;
            let message =
                format!("pod {pod} has other containers than {name}, and processes are told apart by pods only");
            return Err(failed(ReadErrorKind::Configuration, &message));
        }
        let state = self.state.clone();
        let used = tokio::task::spawn_blocking(move || used_by_pod(&state)).await;
        let used = used.map_err(|error| failed(ReadErrorKind::Internal, &error.to_string()))?;
        let measured: Vec<PodUsage> =
            pods.iter().map(|pod| self.usage(query, pod, used.get(&*pod.name).copied())).collect();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).retain(|pod, _| used.contains_key(&**pod));
        Ok(Reading::of_pods(measured, now))
    }
}

/// What each pod's processes use, by the pod's name.
fn used_by_pod(state: &std::path::Path) -> BTreeMap<String, Used> {
    let mut pods: BTreeMap<String, Used> = BTreeMap::new();
    for (process, pod) in processes::of_run(state) {
        let (ticks, memory) = (ticks(process.pid), resident_bytes(process.pid));
        // It may have ended meanwhile; then it uses nothing any more.
        let used = pods.entry(pod).or_default();
        used.ticks += ticks.unwrap_or(0);
        used.memory_bytes += memory.unwrap_or(0);
    }
    pods
}

/// The processor time of a process and of those of its children that have ended.
fn ticks(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the program's name in parentheses: utime, stime, cutime and cstime are the fields 14 to 17 of all.
    let fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11).take(4);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

fn resident_bytes(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kibibytes.map(|kibibytes: u64| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{resident_bytes, ticks};

    #[test]
    fn this_process_uses_something() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(resident_bytes(me).unwrap() > 1 << 20);
        let before = ticks(me).unwrap();
        let mut number = 1_u64;
        while ticks(me).unwrap() < before + 3 {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        assert_eq!(ticks(-1), None);
    }
}
