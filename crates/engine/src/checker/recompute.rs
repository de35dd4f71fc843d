//! Works a decision's numbers out again from its record, with arithmetic of its own.
//!
//! What a record holds is enough for every metric's wanted count, their maximum, and the rules whose bound is in the
//! record (limits, useful parallelism, busy pods). What a window or a policy allowed depends on earlier decisions;
//! that is [`Follower`](super::Follower)'s part, and here the step is followed as it is written.
//!
//! The arithmetic is that of the Kubernetes HorizontalPodAutoscaler for external metrics
//! (`pkg/controller/podautoscaler/replica_calculator.go`): `AverageValue` wants ⌈value / target⌉ and stays where it is
//! when value / (target × existing replicas) is within tolerance of 1; `Value` wants ⌈ready × value / target⌉ and stays
//! when value / target is within tolerance of 1, and from zero replicas wants ⌈value / target⌉.

use std::sync::Arc;

use crate::event::Workload;
use crate::policy::MetricTarget;
use crate::record::{Record, Rule, Step};

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
    for step in &record.steps {
        at = follow(record, workload, wanted, at, step)?;
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
        let (Some(value), Some(recorded)) = (reading.value, reading.wanted) else { continue };
        // What a fallback stands for is the user's number, not this value's.
        if !reading.fallback {
            let bound = Bound { parallelism: reading.parallelism, existing: workload };
            bound.verify(&reading.trigger, value, reading.target, recorded)?;
        }
        most = most.max(Some(recorded));
    }
    let Some(formula) = &record.formula else { return Ok(most) };
    if let (Some(value), Some(recorded)) = (formula.value, formula.wanted) {
        let stands_in = record.readings.iter().any(|reading| reading.fallback);
        if !stands_in {
            let bound = Bound { parallelism: None, existing: workload };
            bound.verify(&"formula".into(), value, formula.target, recorded)?;
        }
    }
    Ok(formula.wanted)
}

/// What a metric is measured by beside its own numbers.
struct Bound {
    parallelism: Option<u32>,
    existing: Workload,
}

impl Bound {
    fn verify(&self, metric: &Arc<str>, value: f64, target: MetricTarget, recorded: u32) -> Result<(), RecomputeError> {
        let per_replica = value.max(0.0) / target.amount();
        let (exact, stays_at, ratio) = match target {
            MetricTarget::AverageValue(_) => {
                (per_replica, self.existing.current, per_replica / f64::from(self.existing.current))
            }
            MetricTarget::Value(_) if self.existing.replicas == 0 => (per_replica, 0, f64::INFINITY),
            MetricTarget::Value(_) => {
                (per_replica * f64::from(self.existing.ready), self.existing.replicas, per_replica)
            }
        };
        // A tolerance is not in the record; none reaches a whole target, so at most half or double is believed.
        let tolerated = recorded == stays_at && (0.5..=2.0).contains(&ratio);
        if tolerated || ceilings(exact).into_iter().any(|count| self.capped(count, recorded)) {
            return Ok(());
        }
        let computed = ceilings(exact)[0];
        Err(RecomputeError::Wanted { metric: Arc::clone(metric), value, target, computed, recorded })
    }

    /// Whether `recorded` is `count`, or `count` cut to what the source can keep busy.
    fn capped(&self, count: u32, recorded: u32) -> bool {
        recorded == count || self.parallelism.is_some_and(|most| recorded == count.min(most))
    }
}

/// ⌈exact⌉, and its neighbour when `exact` is a whole number but for the last binary digits (0.7 / 0.1 is below 7,
/// 1.1 / 0.1 above 11).
fn ceilings(exact: f64) -> [u32; 2] {
    let slack = 1e-9 * exact.abs().max(1.0);
    [clamp(exact.ceil()), clamp(if (exact - exact.round()).abs() <= slack { exact.round() } else { exact.ceil() })]
}

/// The nearest count; what is beyond all counts is the largest one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cast saturating")]
fn clamp(count: f64) -> u32 {
    count as u32
}

fn follow(
    record: &Record,
    workload: Workload,
    wanted: Option<u32>,
    from: u32,
    step: &Step,
) -> Result<u32, RecomputeError> {
    let to = step.to;
    let bounded = match step.rule {
        Rule::Metrics => {
            return match wanted {
                Some(computed) if computed != to => Err(RecomputeError::Metrics { computed, recorded: to }),
                _ => Ok(to),
            };
        }
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
