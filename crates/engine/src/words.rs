//! Numbers, spans and reasons in words.

use std::fmt;
use std::time::Duration;

use crate::policy::{MetricTarget, StepKind};
use crate::reason::Reason;

/// A number with at most three decimals and no zeros behind them.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_finite() || self.0.abs() >= 1e15 {
            return write!(out, "{:e}", self.0);
        }
        let rounded = (self.0 * 1000.0).round() / 1000.0;
        if rounded == 0.0 && self.0 != 0.0 { write!(out, "{:e}", self.0) } else { write!(out, "{rounded}") }
    }
}

/// What pods use, in the unit of its target: percent, cores, or bytes where it is more than any machine has cores.
pub(crate) struct Usage(pub(crate) MetricTarget, pub(crate) f64);

impl fmt::Display for Usage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEBI: f64 = 1024.0 * 1024.0;
        match self.0 {
            MetricTarget::Utilization(_) => write!(out, "{} %", Number(self.1)),
            MetricTarget::ResourceAverage(_) if self.1 >= 1024.0 * MEBI => {
                write!(out, "{}Gi", Number(self.1 / MEBI / 1024.0))
            }
            MetricTarget::ResourceAverage(_) if self.1 >= MEBI / 10.0 => write!(out, "{}Mi", Number(self.1 / MEBI)),
            _ => write!(out, "{}", Number(self.1)),
        }
    }
}

/// A span as a person says it: `300ms`, `15s`, `5m`, `1h 30m`.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let seconds = self.0.as_secs();
        match seconds {
            0 if millis == 0 => out.write_str("0s"),
            0 => write!(out, "{millis}ms"),
            1..60 if !millis.is_multiple_of(1000) && seconds < 10 => write!(out, "{}s", Number(self.0.as_secs_f64())),
            1..60 => write!(out, "{seconds}s"),
            60..3600 if seconds.is_multiple_of(60) => write!(out, "{}m", seconds / 60),
            60..3600 => write!(out, "{}m {}s", seconds / 60, seconds % 60),
            3600..86400 if seconds % 3600 < 60 => write!(out, "{}h", seconds / 3600),
            3600..86400 => write!(out, "{}h {}m", seconds / 3600, seconds % 3600 / 60),
            _ if seconds % 86400 < 3600 => write!(out, "{}d", seconds / 86400),
            _ => write!(out, "{}d {}h", seconds / 86400, seconds % 86400 / 3600),
        }
    }
}

/// `1 replica`, `2 replicas`.
pub(crate) struct Count(pub(crate) u32, pub(crate) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// The sentence of a reason, without capital and full stop.
pub(crate) fn reason(reason: &Reason, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::Text(text) => out.write_str(text),
        Reason::Wants { .. }
        | Reason::WithinTolerance { .. }
        | Reason::FallbackWants { .. }
        | Reason::NothingKnown { .. }
        | Reason::NoScaleInWhileMissing { .. }
        | Reason::LeftToHpa { .. }
        | Reason::HoldsOnFailure { .. } => demand(reason, out),
        Reason::ActivityUnknown { .. }
        | Reason::Activated { .. }
        | Reason::SourceSays { .. }
        | Reason::OnlyResources
        | Reason::Forced
        | Reason::Inactive { .. }
        | Reason::StaysInactive
        | Reason::Cooling { .. }
        | Reason::AtLeastOne => activity(reason, out),
        _ => limit(reason, out),
    }
}

fn demand(reason: &Reason, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::Wants { trigger, value, target: MetricTarget::AverageValue(target), wanted, .. } => {
            write!(out, "{trigger} is {}, at {} a replica that takes {wanted}", Number(*value), Number(*target))
        }
        Reason::Wants { trigger, value, target: MetricTarget::Value(target), ready, wanted } => write!(
            out,
            "{trigger} is {} against {} with {} ready, that takes {wanted}",
            Number(*value),
            Number(*target),
            Count(*ready, "pod")
        ),
        Reason::Wants { trigger, value, target, ready, wanted } => write!(
            out,
            "{trigger} is {} over {}, against {} that takes {wanted}",
            Usage(*target, *value),
            Count(*ready, "pod"),
            Usage(*target, target.amount())
        ),
        Reason::WithinTolerance { trigger, ratio, low, high } => write!(
            out,
            "{trigger} is at {} of its target, between {} and {} nothing changes",
            Number(*ratio),
            Number(*low),
            Number(*high)
        ),
        Reason::FallbackWants { trigger, failures, replicas } => {
            write!(out, "{trigger} failed {failures} times in a row, its fallback stands for {replicas}")
        }
        Reason::NothingKnown { of: 1 } => out.write_str("the only metric is not known, so nothing moves"),
        Reason::NothingKnown { of } => write!(out, "none of the {of} metrics is known, so nothing moves"),
        Reason::NoScaleInWhileMissing { trigger, missing: 1 } => {
            write!(out, "{trigger} is not known, so nothing scales in")
        }
        Reason::NoScaleInWhileMissing { trigger, missing } => {
            write!(out, "{trigger} and {} more are not known, so nothing scales in", missing - 1)
        }
        Reason::LeftToHpa { trigger } => {
            write!(
                out,
                "the HorizontalPodAutoscaler reads {trigger} itself, so it may keep what there is or ask for more"
            )
        }
        Reason::HoldsOnFailure { trigger } => write!(out, "{trigger} fails and its policy is to hold"),
        _ => Ok(()),
    }
}

fn activity(reason: &Reason, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::ActivityUnknown { trigger } => {
            write!(out, "no trigger is known to be active, and {trigger} is not known")
        }
        Reason::Activated { trigger, value, activation } => {
            write!(out, "{trigger} is active: {} is more than {}", Number(*value), Number(*activation))
        }
        Reason::SourceSays { trigger } => write!(out, "the source of {trigger} says that there is work"),
        Reason::OnlyResources => {
            out.write_str("nothing but cpu and memory is measured, so the workload is always active")
        }
        Reason::Forced => out.write_str("activation is forced by annotation"),
        Reason::Inactive { last_active: Some(at), cooldown } => {
            write!(out, "no trigger was active since {at}, longer than the cooldown of {}", Span(*cooldown))
        }
        Reason::Inactive { last_active: None, .. } => out.write_str("no trigger was ever active"),
        Reason::StaysInactive => out.write_str("no trigger is active"),
        Reason::Cooling { until } => write!(out, "no trigger is active, the cooldown ends at {until}"),
        Reason::AtLeastOne => out.write_str("one runs as long as the workload is not known to be inactive"),
        _ => Ok(()),
    }
}

fn limit(reason: &Reason, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::Recommended { replicas, at, window } => {
            write!(out, "{replicas} was asked for at {at}, within the last {}", Span(*window))
        }
        Reason::Policy { kind, value, period, start, limit } => {
            let unit = match kind {
                StepKind::Pods => " pods",
                StepKind::Percent => " %",
            };
            let period = Span(*period);
            write!(out, "at most {value}{unit} in {period} from {start}, so the limit is {limit}")
        }
        Reason::Doubling { start, limit } => {
            write!(out, "at most the larger of 4 and twice the {start} of 15s ago, so the limit is {limit}")
        }
        Reason::SelectDisabled => out.write_str("the behaviour's selectPolicy is Disabled in this direction"),
        Reason::Min { min } => write!(out, "minReplicaCount is {min}"),
        Reason::Max { max } => write!(out, "maxReplicaCount is {max}"),
        Reason::Parallelism { useful } => write!(out, "the source can keep no more than {useful} busy"),
        Reason::ParallelismBelowMin { useful, min } => {
            write!(out, "the source can keep no more than {useful} busy, but {min} is the fewest allowed")
        }
        Reason::Busy { busy } => {
            write!(out, "{} busy", if *busy == 1 { "1 pod is".into() } else { format!("{busy} pods are") })
        }
        Reason::Paused => out.write_str("paused by annotation"),
        Reason::PausedAt { replicas } => write!(out, "paused by annotation at {replicas}"),
        Reason::PausedScaleIn => out.write_str("scale-in is paused by annotation"),
        Reason::PausedScaleOut => out.write_str("scale-out is paused by annotation"),
        Reason::WorkloadUnknown { error } => write!(out, "the workload's replicas are not known: {error}"),
        Reason::Original { replicas } => write!(out, "the ScaledObject is gone, {replicas} ran before it came"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |number: f64, expected: &str| assert_eq!(Number(number).to_string(), expected);
        check(96.0, "96");
        check(4.8, "4.8");
        check(1.0 / 3.0, "0.333");
        check(0.0, "0");
        check(0.0001, "1e-4");
        check(450_000.0, "450000");
        check(f64::INFINITY, "inf");
    }

    #[test]
    fn spans_are_said_as_a_person_says_them() {
        let check = |millis: u64, expected: &str| assert_eq!(Span(Duration::from_millis(millis)).to_string(), expected);
        check(0, "0s");
        check(300, "300ms");
        check(1_500, "1.5s");
        check(15_000, "15s");
        check(15_400, "15s");
        check(300_000, "5m");
        check(301_000, "5m 1s");
        check(5_400_000, "1h 30m");
        check(3_600_000, "1h");
        check(90_000_000, "1d 1h");
        check(172_800_000, "2d");
    }
}
