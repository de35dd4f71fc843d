//! Works a decision's numbers out again from its record, with arithmetic of its own.
//!
//! What a record holds is enough for every metric's wanted count, their maximum, and the rules whose bound is in the
//! record (limits, useful parallelism, busy pods). What a window or a policy allowed depends on earlier decisions;
//! that is [`Follower`](super::Follower)'s part, and here the step is followed as it is written.
//!
//! The arithmetic is that of the Kubernetes HorizontalPodAutoscaler for external metrics
//! (`pkg/controller/podautoscaler/replica_calculator.go`): `AverageValue` wants ⌈value / target⌉ and stays where it is
//! when value / (target × existing replicas) is within tolerance of 1; `Value` wants ⌈ready × value / target⌉ and stays
//! when value / target is within tolerance of 1, and from zero replicas wants ⌈value / target⌉. What pods use is worked
//! out from the figures of the pods; see `resource` in this module.

use std::sync::Arc;

use crate::event::Workload;
use crate::policy::MetricTarget;
use crate::record::{PodsRecord, ReadingRecord, Record, Rule, Step, Tolerance};

/// Where a record and its recomputation part.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecomputeError {
    /// The workload's count is not in the record, so nothing can be computed from it.
    #[error("the record does not know the workload, and yet its steps lead from {from} to {to}")]
    UnknownWorkload {
        /// Where the steps start.
        from: u32,
        /// The result.
        to: u32,
    },
    /// A metric's wanted count is another.
    #[error("{metric} = {value} against {target:?} asks for {computed} replicas, the record says {recorded}")]
    Wanted {
        /// The trigger, or `formula`.
        metric: Arc<str>,
        /// Its value.
        value: f64,
        /// Its target.
        target: MetricTarget,
        /// What follows from them.
        computed: u32,
        /// What the record says.
        recorded: u32,
    },
    /// The metrics' maximum is another.
    #[error("the metrics ask for at most {computed} replicas, the step by metrics says {recorded}")]
    Metrics {
        /// The largest wanted count.
        computed: u32,
        /// Where the step ends.
        recorded: u32,
    },
    /// A step whose bound is in the record ends elsewhere.
    #[error("{rule} takes {from} to {computed}, the step says {recorded}")]
    Step {
        /// The rule.
        rule: Rule,
        /// Where it starts.
        from: u32,
        /// Where it has to end.
        computed: u32,
        /// Where it ends.
        recorded: u32,
    },
    /// The steps lead elsewhere than to the result.
    #[error("the steps lead to {computed} replicas, the result is {recorded}")]
    Result {
        /// Where the steps lead.
        computed: u32,
        /// The result.
        recorded: u32,
    },
}

/// The number of replicas that follows from what the record says.
///
/// # Errors
/// When a wanted count, a step with a known bound or the result differs from what the record says. A record whose
/// workload is not known recomputes to its own result as long as it moves nothing.
pub fn recompute(record: &Record) -> Result<u32, RecomputeError> {
    let Some(workload) = record.workload else {
        return match record.steps.iter().find(|step| step.from != step.to) {
            Some(step) => Err(RecomputeError::UnknownWorkload { from: step.from, to: step.to }),
            None => Ok(record.desired_replicas),
        };
    };
    let wanted = wanted(record, workload)?;
    let mut at = workload.replicas;
    for (index, step) in record.steps.iter().enumerate() {
        at = match step.rule {
            Rule::Metrics | Rule::Tolerance => asked(record, workload, wanted, index, step)?,
            _ => follow(record, workload, at, step)?,
        };
    }
    if at == record.desired_replicas {
        Ok(at)
    } else {
        Err(RecomputeError::Result { computed: at, recorded: record.desired_replicas })
    }
}

/// The largest wanted count, after every metric's own was verified. `None` when no metric has one.
fn wanted(record: &Record, workload: Workload) -> Result<Option<u32>, RecomputeError> {
    let mut most = None;
    for reading in &record.readings {
        let Some(recorded) = reading.wanted else { continue };
        if let Some(metric) = Metric::of_reading(reading, record, workload) {
            metric.verify(&reading.trigger, recorded)?;
        }
        // A formula stands for all but what pods use.
        if record.formula.is_none() || reading.target.is_resource() {
            most = most.max(Some(recorded));
        }
    }
    let Some(formula) = &record.formula else { return Ok(most) };
    if let (Some(metric), Some(recorded)) = (Metric::of_formula(record, workload), formula.wanted) {
        metric.verify(&"formula".into(), recorded)?;
    }
    Ok(most.max(formula.wanted))
}

/// What the metrics ask for: by arithmetic alone, and cut to what sources keep busy if the next step says so.
fn asked(
    record: &Record,
    workload: Workload,
    wanted: Option<u32>,
    index: usize,
    step: &Step,
) -> Result<u32, RecomputeError> {
    let Some(computed) = wanted else { return Ok(step.to) };
    // A cut that follows may be this metric's own, and then ends at its wanted count, or that of all sources together.
    let cut = record.steps.get(index + 1).filter(|next| next.rule == Rule::UsefulParallelism && step.to != computed);
    let after = cut.map_or(step.to, |next| next.to);
    if after != computed {
        return Err(RecomputeError::Metrics { computed, recorded: after });
    }
    let formula = Metric::of_formula(record, workload);
    let readings = record.readings.iter().filter_map(|reading| Metric::of_reading(reading, record, workload));
    let asks = |metric: Metric| metric.asks_for(step.to);
    let asked = match &record.formula {
        Some(_) => step.to == computed || formula.is_none_or(asks),
        None => step.to == computed || readings.into_iter().any(asks),
    };
    if asked { Ok(step.to) } else { Err(RecomputeError::Metrics { computed, recorded: step.to }) }
}

/// A metric's value and what it is measured by.
#[derive(Clone, Copy)]
struct Metric {
    value: f64,
    target: MetricTarget,
    parallelism: Option<u32>,
    pods: Option<PodsRecord>,
    existing: Workload,
    tolerance: Tolerance,
}

impl Metric {
    /// `None` without a value, and for a fallback: what that stands for is the user's number, not this value's.
    fn of_reading(reading: &ReadingRecord, record: &Record, existing: Workload) -> Option<Self> {
        let value = reading.value.filter(|_| !reading.fallback)?;
        let ReadingRecord { target, parallelism, pods, .. } = *reading;
        Some(Metric { value, target, parallelism, pods, existing, tolerance: record.limits.tolerance })
    }

    fn of_formula(record: &Record, existing: Workload) -> Option<Self> {
        let formula = record.formula.as_ref()?;
        let value = formula.value.filter(|_| !formula.fallback)?;
        let tolerance = record.limits.tolerance;
        Some(Metric { value, target: formula.target, parallelism: None, pods: None, existing, tolerance })
    }

    fn verify(&self, metric: &Arc<str>, recorded: u32) -> Result<(), RecomputeError> {
        // A source that has work for all it can keep busy asks for that, within tolerance or not.
        let full = self.parallelism == Some(recorded) && recorded != self.existing.current;
        if let Some(computed) =
            self.must_stay().filter(|stays| !full && *stays != recorded && !self.is_cut_to(*stays, recorded))
        {
            let metric = Arc::clone(metric);
            return Err(RecomputeError::Wanted { metric, value: self.value, target: self.target, computed, recorded });
        }
        if self.stays_at(recorded, true) || self.counts().into_iter().any(|count| self.is_cut_to(count, recorded)) {
            return Ok(());
        }
        let (metric, computed) = (Arc::clone(metric), self.counts()[0]);
        Err(RecomputeError::Wanted { metric, value: self.value, target: self.target, computed, recorded })
    }

    /// Whether the metric by itself asks for `count`, whatever its source keeps busy.
    fn asks_for(&self, count: u32) -> bool {
        self.stays_at(count, false) || self.counts().contains(&held(count))
    }

    /// The value as a multiple of the target, both in thousandths: the external metrics API carries nothing finer. A
    /// target below that is taken as it is.
    fn per_target(&self) -> f64 {
        let (value, target) = (self.value.max(0.0), self.target.amount());
        let thousandths = (target * 1000.0).round();
        if thousandths < 1.0 { value / target } else { (value * 1000.0).round() / thousandths }
    }

    fn counts(&self) -> [u32; 2] {
        if self.target.is_resource() {
            let count = self.pods.map_or(self.existing.replicas, |pods| self.over_pods(pods));
            return [count, count];
        }
        let per_target = self.per_target();
        ceilings(match self.target {
            MetricTarget::Value(_) if self.existing.replicas > 0 => per_target * f64::from(self.existing.ready),
            _ => per_target,
        })
    }

    /// What pods use: the controller's own steps, from the record's figures. Values and targets are whole percent or
    /// whole thousandths.
    fn over_pods(&self, pods: PodsRecord) -> u32 {
        let part = |value: f64| match self.target {
            MetricTarget::Utilization(percent) => value.round() / percent.round(),
            _ => (value * 1000.0).round() / (self.target.amount() * 1000.0).round(),
        };
        let (stays, first) = (self.existing.replicas, part(self.value));
        let Some(assumed) = pods.assumed else {
            let keeps = self.tolerates(first);
            return if keeps { stays } else { clamp((first * f64::from(pods.measured)).ceil()) };
        };
        let second = part(assumed.value);
        if self.tolerates(second) || (first - 1.0) * (second - 1.0) < 0.0 {
            return stays;
        }
        let count = clamp((second * f64::from(assumed.over)).ceil());
        let against = if second < 1.0 { count > stays } else { count < stays };
        if against { stays } else { count }
    }

    /// Whether a value that is `part` of its target is near enough to it for no change. A part that is at the edge but
    /// for its last binary digits may be taken either way.
    fn tolerates(&self, part: f64) -> bool {
        (1.0 - self.tolerance.down..=1.0 + self.tolerance.up).contains(&part)
    }

    /// Whether the metric is within tolerance of `count` (or of what is `cut` to it).
    fn stays_at(&self, count: u32, cut: bool) -> bool {
        let (stays_at, ratio) = match self.target {
            MetricTarget::AverageValue(_) => {
                (self.existing.current, self.per_target() / f64::from(self.existing.current))
            }
            MetricTarget::Value(_) => (self.existing.replicas, self.per_target()),
            _ => return false,
        };
        let asks = if cut && self.is_cut_to(stays_at, count) { count } else { stays_at };
        let slack = 1e-9;
        let near = (1.0 - self.tolerance.down - slack..=1.0 + self.tolerance.up + slack).contains(&ratio);
        count == asks && stays_at > 0 && near
    }

    /// Whether what is there has to be kept: safely within tolerance, by more than the last binary digits.
    fn must_stay(&self) -> Option<u32> {
        let (stays_at, ratio) = match self.target {
            MetricTarget::AverageValue(_) => {
                (self.existing.current, self.per_target() / f64::from(self.existing.current))
            }
            MetricTarget::Value(_) => (self.existing.replicas, self.per_target()),
            _ => return None,
        };
        let slack = 1e-9;
        let within = (1.0 - self.tolerance.down + slack..=1.0 + self.tolerance.up - slack).contains(&ratio);
        (within && stays_at > 0).then_some(stays_at)
    }

    /// Whether `recorded` is `count`, or `count` cut to what the source can keep busy.
    fn is_cut_to(&self, count: u32, recorded: u32) -> bool {
        held(recorded) == count || self.parallelism.is_some_and(|most| recorded == count.min(most))
    }
}

/// ⌈exact⌉, and its neighbour when `exact` is a whole number but for the last binary digits (0.7 / 0.1 is below 7,
/// 1.1 / 0.1 above 11).
fn ceilings(exact: f64) -> [u32; 2] {
    let slack = 1e-9 * exact.abs().max(1.0);
    [clamp(exact.ceil()), clamp(if (exact - exact.round()).abs() <= slack { exact.round() } else { exact.ceil() })]
}

/// The nearest count.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cast saturating")]
fn clamp(count: f64) -> u32 {
    held(count as u32)
}

/// What is beyond all counts is the largest one that Kubernetes can hold, 2³¹ − 1.
fn held(count: u32) -> u32 {
    count.min(u32::MAX >> 1)
}

fn follow(record: &Record, workload: Workload, from: u32, step: &Step) -> Result<u32, RecomputeError> {
    let to = step.to;
    let bounded = match step.rule {
        Rule::Max => Some(from.min(record.limits.max)),
        Rule::Min if record.limits.min > 0 => Some(from.max(record.limits.min)),
        Rule::BusyPods => workload.busy.map(|busy| from.max(busy.min(workload.replicas))),
        _ => None,
    };
    match bounded {
        Some(computed) if computed != to => Err(RecomputeError::Step { rule: step.rule, from, computed, recorded: to }),
        _ => Ok(to),
    }
}
