//! What pods use: measured of those with processes, believed of those that pretend.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate_crds::quantity;
use tidegate_local::processes;

use super::annotations::{CPU, MEMORY};
use super::brief::Brief;
use super::kubelet::Kubelet;
use crate::component;

/// Between two measurements. A rate is known after the second.
const PERIOD: Duration = Duration::from_secs(1);

/// What the metrics API answers from.
#[derive(Debug, Default)]
pub(crate) struct UsageBook {
    pods: Mutex<HashMap<String, PodUsage>>,
}

/// A pod's usage.
#[derive(Clone, Debug)]
pub(crate) struct PodUsage {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) containers: Vec<ContainerUsage>,
}

/// A container's usage.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerUsage {
    pub(crate) name: String,
    /// Its process group; `None`: it pretends, or has no process now.
    group: Option<i32>,
    measured: Option<(Instant, Duration)>,
    /// In cores. `None`: not known (yet).
    pub(crate) cpu_cores: Option<f64>,
    pub(crate) memory_bytes: Option<f64>,
}

impl UsageBook {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, PodUsage>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a pretending pod's annotations say.
    pub(crate) fn pretend(&self, pod: &Brief) {
        let amount = |name: &str| pod.annotations.get(name).and_then(|text| quantity(text));
        let (cpu_cores, memory_bytes) = (amount(CPU), amount(MEMORY));
        if cpu_cores.is_none() && memory_bytes.is_none() {
            self.remove(&pod.uid);
            return;
        }
        let container =
            |name: &String| ContainerUsage { name: name.clone(), cpu_cores, memory_bytes, ..ContainerUsage::default() };
        self.put(pod, pod.containers.iter().map(|(name, _)| container(name)).collect());
    }

    /// Takes in which process groups are a pod's containers.
    pub(crate) fn real(&self, pod: &Brief, groups: &BTreeMap<usize, i32>) {
        let before = self.lock().get(&pod.uid).map(|usage| usage.containers.clone()).unwrap_or_default();
        let containers = pod.containers.iter().enumerate().map(|(index, (name, _))| {
            let group = groups.get(&index).copied();
            let same = before.get(index).filter(|old| old.group == group).cloned();
            same.unwrap_or_else(|| ContainerUsage { name: name.clone(), group, ..ContainerUsage::default() })
        });
        self.put(pod, containers.collect());
    }

    fn put(&self, pod: &Brief, containers: Vec<ContainerUsage>) {
        let (namespace, name, labels) = (pod.namespace.clone(), pod.name.clone(), pod.labels.clone());
        self.lock().insert(pod.uid.clone(), PodUsage { namespace, name, labels, containers });
    }

    pub(crate) fn remove(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Those pods of which all containers are known, that `wanted` holds for.
    pub(crate) fn known(&self, wanted: impl Fn(&PodUsage) -> bool) -> Vec<PodUsage> {
        let known = |pod: &&PodUsage| {
            pod.containers.iter().all(|container| container.cpu_cores.is_some() || container.memory_bytes.is_some())
        };
        self.lock().values().filter(known).filter(|pod| wanted(pod)).cloned().collect()
    }

    fn has_processes(&self) -> bool {
        self.lock().values().any(|pod| pod.containers.iter().any(|container| container.group.is_some()))
    }

    fn measured(&self, at: Instant, found: &HashMap<i32, component::Usage>) {
        for pod in self.lock().values_mut() {
            for container in &mut pod.containers {
                let Some(usage) = container.group.and_then(|group| found.get(&group)) else { continue };
                if let Some((before, cpu)) = container.measured {
                    // A process of the group that ended takes its time along.
                    let spent = usage.cpu.saturating_sub(cpu).as_secs_f64();
                    container.cpu_cores = Some(spent / at.duration_since(before).as_secs_f64().max(0.001));
                }
                container.measured = Some((at, usage.cpu));
                container.memory_bytes = Some(usage.resident_bytes as f64);
            }
        }
    }
}

/// Measures for ever.
pub(crate) async fn sample(kubelet: Arc<Kubelet>) {
    loop {
        tokio::time::sleep(PERIOD).await;
        if !kubelet.usage.has_processes() {
            continue;
        }
        if let Ok(found) = tokio::task::spawn_blocking(of_groups).await {
            kubelet.usage.measured(Instant::now(), &found);
        }
    }
}

/// The usage of each process group of this machine.
fn of_groups() -> HashMap<i32, component::Usage> {
    let mut groups: HashMap<i32, component::Usage> = HashMap::new();
    for process in processes::all() {
        let Some(usage) = u32::try_from(process.pid).ok().and_then(component::usage) else { continue };
        let group = groups.entry(process.group).or_default();
        group.cpu += usage.cpu;
        group.resident_bytes += usage.resident_bytes;
    }
    groups
}
