//! What pods use of a resource (cpu, memory), and what that asks for: the HorizontalPodAutoscaler's arithmetic
//! (Kubernetes 1.36, `replica_calculator.go`).
//!
//! Wanted properties, tested below and against the real controller:
//! - Pods that are being deleted or have failed do not count; pods that are not ready yet, or whose use is not known, are
//!   assumed to be on the safe side: they use nothing where the others ask for more, and the whole of their target (or
//!   request) where the others ask for less.
//! - An assumption never turns the direction round; then nothing changes.
//! - The sums are whole thousandths and divisions are cut off, as there.

use std::time::Duration;

use crate::event::Workload;
use crate::hpa::{Proposal, Tolerances};
use crate::policy::MetricTarget;
use crate::record::{Assumed, PodsRecord};
use crate::time::Timestamp;

/// How long after a pod's start its cpu use is looked at with suspicion (`--horizontal-pod-autoscaler-cpu-initialization-period`).
pub const CPU_INITIALIZATION: Duration = Duration::from_secs(300);

/// A pod that became unready so soon after its start was never ready (`--horizontal-pod-autoscaler-initial-readiness-delay`).
pub const INITIAL_READINESS_DELAY: Duration = Duration::from_secs(30);

/// What one pod uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodUsage {
    /// In thousandths of a core or byte. `None`: not known.
    pub used_milli: Option<u64>,
    /// What its containers (or the one that is measured) request, in the same unit. `None`: at least one of them
    /// requests nothing, so no percentage can be made.
    pub requested_milli: Option<u64>,
    /// How it counts; see [`PodFacts::state`].
    pub state: PodState,
}

/// How a pod counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// By its use, or as missing where that is not known.
    Counted,
    /// Not ready yet.
    Unready,
    /// Being deleted, or failed: not at all.
    Ignored,
}

/// The resources that are measured by pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Processor time, in cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
}

/// What is known of a pod apart from what it uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// It has a deletion timestamp.
    pub deleted: bool,
    /// Its phase is Failed.
    pub failed: bool,
    /// Its phase is Pending.
    pub pending: bool,
    /// `status.startTime`.
    pub started: Option<Timestamp>,
    /// Its condition Ready: whether its status is other than False, and when that last changed.
    pub ready: Option<(bool, Timestamp)>,
    /// When its use was measured, and over how long before that.
    pub sampled: Option<(Timestamp, Duration)>,
}

impl PodFacts {
    /// How the pod counts at `now`, with the controller's default periods.
    #[must_use]
    pub fn state(&self, resource: Resource, now: Timestamp) -> PodState {
        self.state_with(resource, CPU_INITIALIZATION, INITIAL_READINESS_DELAY, now)
    }

    /// As [`PodFacts::state`], with other periods than [`CPU_INITIALIZATION`] and [`INITIAL_READINESS_DELAY`].
    #[must_use]
    pub fn state_with(
        &self,
        resource: Resource,
        cpu_initialization: Duration,
        initial_readiness_delay: Duration,
        now: Timestamp,
    ) -> PodState {
        if self.deleted || self.failed {
            return PodState::Ignored;
        }
        if self.pending {
            return PodState::Unready;
        }
        let Some((sampled, window)) = self.sampled else { return PodState::Counted };
        if resource != Resource::Cpu {
            return PodState::Counted;
        }
        let (Some((ready, changed)), Some(started)) = (self.ready, self.started) else { return PodState::Unready };
        let unready = if started + cpu_initialization > now {
            // What was measured before it became ready is the cost of starting.
            !ready || sampled < changed + window
        } else {
            !ready && started + initial_readiness_delay > changed
        };
        if unready { PodState::Unready } else { PodState::Counted }
    }
}

/// Why pods give no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoUsage {
    /// There is no pod.
    NoPods,
    /// There are pods, and of none of them is known what it uses.
    NoneKnown,
    /// A pod requests nothing, so there is nothing to be a percentage of.
    NoRequest,
}

impl NoUsage {
    pub(crate) fn text(self) -> &'static str {
        match self {
            NoUsage::NoPods => "there is no pod to measure it by",
            NoUsage::NoneKnown => {
                "of no pod is known what it uses; they may not be ready yet, or nothing serves metrics.k8s.io"
            }
            NoUsage::NoRequest => {
                "a container of the pods requests none of it, so there is nothing to be a percentage of; set resources.requests"
            }
        }
    }
}

/// What pods use, and what that asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// Percent, or cores or bytes of a pod on average, over the pods whose use counts.
    pub(crate) value: f64,
    pub(crate) pods: PodsRecord,
    pub(crate) proposal: Proposal,
}

/// Thousandths used and requested, summed up.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    used: u128,
    requested: u128,
    pods: u32,
}

impl Sums {
    fn add(&mut self, used: u64, requested: u64) {
        self.used += u128::from(used);
        self.requested += u128::from(requested);
        self.pods += 1;
    }

    /// Whole percent, or whole thousandths a pod.
    fn whole(self, target: MetricTarget) -> Option<f64> {
        let (dividend, divisor) = match target {
            MetricTarget::Utilization(_) => (self.used * 100, self.requested),
            _ => (self.used, u128::from(self.pods)),
        };
        dividend.checked_div(divisor).map(|whole| whole as f64)
    }
}

/// `GetResourceReplicas` and `calcPlainMetricReplicas` in one.
pub(crate) fn measure(
    target: MetricTarget,
    pods: &[PodUsage],
    workload: &Workload,
    tolerances: Tolerances,
) -> Result<Measured, NoUsage> {
    if pods.is_empty() {
        return Err(NoUsage::NoPods);
    }
    let percent = matches!(target, MetricTarget::Utilization(_));
    if percent && pods.iter().any(|pod| pod.requested_milli.is_none()) {
        return Err(NoUsage::NoRequest);
    }
    let requested = |pod: &PodUsage| pod.requested_milli.unwrap_or(0);
    let of = |state: PodState| pods.iter().filter(move |pod| pod.state == state);
    let mut sums = Sums::default();
    for pod in of(PodState::Counted) {
        if let Some(used) = pod.used_milli {
            sums.add(used, requested(pod));
        }
    }
    let unready = narrow(of(PodState::Unready).count());
    let missing = narrow(of(PodState::Counted).filter(|pod| pod.used_milli.is_none()).count());
    let whole = sums.whole(target).ok_or(NoUsage::NoneKnown)?;
    let amount = if percent { target.amount() } else { thousandths(target.amount()) };
    let ratio = whole / amount;
    let unit = if percent { 1.0 } else { 1000.0 };
    let mut counts = PodsRecord { measured: sums.pods, unready, missing, assumed: None };
    if (unready > 0 && ratio > 1.0) || missing > 0 {
        let mut filled = sums;
        for pod in of(PodState::Counted).filter(|pod| pod.used_milli.is_none() && ratio != 1.0) {
            let all = match target {
                // All of its request, or the target where that is more.
                MetricTarget::Utilization(percent) => requested(pod).saturating_mul(percent.max(100.0) as u64) / 100,
                _ => amount as u64,
            };
            filled.add(if ratio < 1.0 { all } else { 0 }, requested(pod));
        }
        if ratio > 1.0 {
            of(PodState::Unready).for_each(|pod| filled.add(0, requested(pod)));
        }
        let value = filled.whole(target).ok_or(NoUsage::NoneKnown)?;
        counts.assumed = Some(Assumed { value: value / unit, over: filled.pods });
    }
    let value = whole / unit;
    let target = if percent { target } else { MetricTarget::ResourceAverage(amount / unit) };
    Ok(Measured { value, pods: counts, proposal: propose(target, value, counts, workload, tolerances) })
}

/// What the figures of a record ask for.
fn propose(
    target: MetricTarget,
    value: f64,
    pods: PodsRecord,
    workload: &Workload,
    tolerances: Tolerances,
) -> Proposal {
    let unit = if matches!(target, MetricTarget::Utilization(_)) { 1.0 } else { 1000.0 };
    let part = |value: f64| (value * unit).round() / (target.amount() * unit).round();
    let (first, keep) = (part(value), workload.replicas);
    let proposal = |ratio: f64, raw: u32, within: bool| Proposal { raw, replicas: raw, ratio, within, useful: None };
    let Some(Assumed { value, over }) = pods.assumed else {
        let within = tolerances.contain(first);
        return proposal(first, if within { keep } else { ceil(first * f64::from(pods.measured)) }, within);
    };
    let second = part(value);
    let turned = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
    if turned || tolerances.contain(second) {
        return proposal(second, keep, true);
    }
    let wanted = ceil(second * f64::from(over));
    let against = (second < 1.0 && wanted > keep) || (second > 1.0 && wanted < keep);
    proposal(second, if against { keep } else { wanted }, against)
}

/// A target as the API server keeps it, rounded up; what is off by a float's last digits only is whole already.
fn thousandths(amount: f64) -> f64 {
    let exact = amount * 1000.0;
    if (exact - exact.round()).abs() < 1e-6 * exact.max(1.0) { exact.round() } else { exact.ceil() }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn ceil(wanted: f64) -> u32 {
    wanted.ceil().min(f64::from(i32::MAX)) as u32
}
