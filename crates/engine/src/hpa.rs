//! What one metric asks for: the arithmetic of the HorizontalPodAutoscaler (Kubernetes 1.36) for external metrics.
//!
//! Wanted properties, tested below and in the crate's property tests:
//! - Numbers are compared in thousandths, since the external metrics API carries no finer ones; so `0.1 + 0.2` against a
//!   target of `0.1` asks for 3 and not for 4. A target below a thousandth, which that API cannot carry, is used as it is.
//! - A metric within tolerance of its target asks for what is there.
//! - A source that can keep `p` replicas busy never asks for more, and asks for exactly `p` as soon as its value reaches
//!   `p` times the target: neither tolerance nor rounding takes the last replica away.

use crate::event::Workload;
use crate::policy::{Compat, MetricTarget, Policy};

pub(crate) use crate::record::Tolerance as Tolerances;

impl Tolerances {
    pub(crate) fn of(policy: &Policy) -> Self {
        let rules = policy.behavior.as_ref();
        Tolerances {
            up: rules.and_then(|behavior| behavior.scale_up.tolerance).unwrap_or(policy.tolerance),
            down: rules.and_then(|behavior| behavior.scale_down.tolerance).unwrap_or(policy.tolerance),
        }
    }

    pub(crate) fn contain(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// What a metric asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Proposal {
    /// By the HPA's arithmetic alone.
    pub(crate) raw: u32,
    /// Not more than the source can keep busy.
    pub(crate) replicas: u32,
    /// The value as a part of its target; infinite where nothing runs.
    pub(crate) ratio: f64,
    /// Whether the ratio was near enough to one to keep what is there.
    pub(crate) within: bool,
    /// The most that this metric may ask for; `None`: as many as it likes.
    pub(crate) useful: Option<u32>,
}

/// The HPA cannot count ready pods where there are none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPods;

/// What `value` asks for against `target`, given the workload and how many replicas its source can keep busy.
pub(crate) fn propose(
    target: MetricTarget,
    value: f64,
    parallelism: Option<u32>,
    workload: &Workload,
    tolerances: Tolerances,
    compat: Compat,
) -> Result<Proposal, NoPods> {
    let (value, amount) = in_thousandths(value, target.amount());
    let Some(parallelism) = parallelism else {
        return plain(target, value, amount, workload, tolerances);
    };
    let full = f64::from(parallelism) * amount;
    let beyond = if compat.partition_cap_rounds_down {
        (value / amount).floor() > f64::from(parallelism)
    } else {
        value >= full
    };
    // KEDA's integer division lets values between p and p + 1 times the target through uncapped.
    let lenient = compat.partition_cap_rounds_down && !beyond && value > full;
    let useful = if lenient { parallelism.saturating_add(1) } else { parallelism };
    let capped = if compat.partition_cap_before_tolerance && beyond { full } else { value };
    let mut proposal = plain(target, capped, amount, workload, tolerances)?;
    let exact = beyond && !compat.partition_cap_before_tolerance && matches!(target, MetricTarget::AverageValue(_));
    if exact {
        proposal.raw = ceil(value / amount);
        proposal.within = false;
    }
    proposal.replicas = if exact { parallelism } else { proposal.raw.min(useful) };
    proposal.useful = Some(useful);
    Ok(proposal)
}

/// `GetExternalPerPodMetricReplicas` and `GetExternalMetricReplicas` in one.
fn plain(
    target: MetricTarget,
    value: f64,
    amount: f64,
    workload: &Workload,
    tolerances: Tolerances,
) -> Result<Proposal, NoPods> {
    let (ratio, keep, change) = match target {
        MetricTarget::Value(_) => {
            let ratio = value / amount;
            if workload.replicas == 0 {
                let raw = ceil(ratio);
                return Ok(Proposal { raw, replicas: raw, ratio, within: false, useful: None });
            }
            (ratio, workload.replicas, ceil(ratio * f64::from(workload.ready)))
        }
        // Resources are measured by their pods and do not come here.
        _ => (value / (amount * f64::from(workload.current)), workload.current, ceil(value / amount)),
    };
    let within = tolerances.contain(ratio);
    if !within && matches!(target, MetricTarget::Value(_)) && workload.current == 0 {
        return Err(NoPods);
    }
    let raw = if within { keep } else { change };
    Ok(Proposal { raw, replicas: raw, ratio, within, useful: None })
}

/// What a fallback of `replicas` asks for: the HPA is given `target * replicas`, so its tolerance holds here too, but no
/// rounding: what comes out is `replicas` or what is there.
pub(crate) fn propose_fallback(
    target: MetricTarget,
    replicas: u32,
    workload: &Workload,
    tolerances: Tolerances,
) -> Proposal {
    let (base, keep) = match target {
        MetricTarget::Value(_) => (workload.ready, workload.replicas),
        _ => (workload.current, workload.current),
    };
    let ratio = f64::from(replicas) / f64::from(base);
    let within = tolerances.contain(ratio);
    let raw = if within { keep } else { replicas };
    Proposal { raw, replicas: raw, ratio, within, useful: None }
}

/// The metric that stands for a fallback of `replicas`, as KEDA serves it to the HPA. Cut off and not rounded: a
/// thousandth too much would be a replica too much.
pub(crate) fn fallback_value(target: MetricTarget, replicas: u32, workload: &Workload) -> f64 {
    let whole = carried_target(target).amount() * f64::from(replicas);
    match target {
        MetricTarget::Value(_) if workload.ready > 0 => cut_off(whole / f64::from(workload.ready)),
        _ => cut_off(whole),
    }
}

/// Without what is finer than a thousandth; what is off by a float's last digits only is whole already.
fn cut_off(number: f64) -> f64 {
    let thousandths = number * 1000.0;
    if !(1.0..9e15).contains(&thousandths) {
        return number;
    }
    let near = (thousandths - thousandths.round()).abs() < 1e-6;
    (if near { thousandths.round() } else { thousandths.floor() }) / 1000.0
}

/// A number as the external metrics API carries it; a target too small for that as it is.
pub(crate) fn carried(number: f64) -> f64 {
    let thousandths = (number * 1000.0).round();
    if (1.0..9e15).contains(&thousandths) { thousandths / 1000.0 } else { number }
}

/// A target as it is measured by.
pub(crate) fn carried_target(target: MetricTarget) -> MetricTarget {
    match target {
        MetricTarget::AverageValue(amount) => MetricTarget::AverageValue(carried(amount)),
        MetricTarget::Value(amount) => MetricTarget::Value(carried(amount)),
        MetricTarget::Utilization(_) | MetricTarget::ResourceAverage(_) => target,
    }
}

fn in_thousandths(value: f64, target: f64) -> (f64, f64) {
    let thousandths = (target * 1000.0).round();
    if thousandths < 1.0 {
        return (value, target);
    }
    ((value * 1000.0).round(), thousandths)
}

/// Rounds up into the HPA's 32 bits. The cast takes NaN (nothing of nothing) for zero.
fn ceil(wanted: f64) -> u32 {
    wanted.ceil().min(f64::from(i32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_PERCENT: Tolerances = Tolerances { up: 0.1, down: 0.1 };

    fn average(value: f64, target: f64, current: u32, expected: u32) {
        let workload = Workload::settled(current);
        let got = propose(MetricTarget::AverageValue(target), value, None, &workload, TEN_PERCENT, Compat::default())
            .unwrap();
        assert_eq!(got.raw, expected, "{value} against {target} a replica with {current}");
    }

    #[test]
    fn average_value_is_rounded_up() {
        average(96.0, 20.0, 3, 5);
        average(100.0, 20.0, 3, 5);
        average(101.0, 20.0, 3, 6);
        average(0.0, 20.0, 3, 0);
        average(1.0, 20.0, 3, 1);
        average(0.1 + 0.2, 0.1, 1, 3);
        average(0.3, 0.1, 1, 3);
        average(3.0e18, 1.0, 1, 2_147_483_647);
    }

    #[test]
    fn average_value_within_tolerance_keeps_what_exists() {
        average(110.0, 10.0, 10, 10);
        average(90.0, 10.0, 10, 10);
        average(110.1, 10.0, 10, 12);
        average(89.9, 10.0, 10, 9);
    }

    #[test]
    fn average_value_from_zero() {
        average(0.0, 10.0, 0, 0);
        average(1.0, 10.0, 0, 1);
        average(25.0, 10.0, 0, 3);
    }

    #[test]
    fn tiny_targets_are_used_as_they_are() {
        average(0.001, 0.0001, 1, 10);
    }

    #[test]
    fn average_value_counts_existing_pods_not_the_wanted_ones() {
        let workload = Workload { replicas: 10, current: 4, ready: 4, busy: None };
        let got =
            propose(MetricTarget::AverageValue(10.0), 42.0, None, &workload, TEN_PERCENT, Compat::default()).unwrap();
        assert_eq!((got.raw, got.within), (4, true));
    }

    fn value(value: f64, target: f64, replicas: u32, ready: u32, expected: u32) {
        let workload = Workload { replicas, current: replicas, ready, busy: None };
        let got = propose(MetricTarget::Value(target), value, None, &workload, TEN_PERCENT, Compat::default()).unwrap();
        assert_eq!(got.raw, expected, "{value} against {target} with {ready} of {replicas} ready");
    }

    #[test]
    fn value_counts_ready_pods_and_keeps_wanted_ones() {
        value(200.0, 100.0, 4, 4, 8);
        value(200.0, 100.0, 4, 2, 4);
        value(105.0, 100.0, 4, 2, 4);
        value(50.0, 100.0, 4, 4, 2);
        value(50.0, 100.0, 4, 0, 0);
        value(500.0, 100.0, 0, 0, 5);
        value(0.0, 100.0, 0, 0, 0);
    }

    #[test]
    fn value_without_any_pod_is_no_number() {
        let workload = Workload { replicas: 3, current: 0, ready: 0, busy: None };
        let got = propose(MetricTarget::Value(10.0), 100.0, None, &workload, TEN_PERCENT, Compat::default());
        assert_eq!(got, Err(NoPods));
    }

    #[test]
    fn tolerance_is_each_directions_own() {
        let workload = Workload::settled(10);
        let check = |value: f64, up: f64, down: f64, expected: u32| {
            let tolerances = Tolerances { up, down };
            let target = MetricTarget::AverageValue(10.0);
            let got = propose(target, value, None, &workload, tolerances, Compat::default()).unwrap();
            assert_eq!(got.raw, expected, "{value} with +{up} -{down}");
        };
        check(105.0, 0.0, 0.5, 11);
        check(60.0, 0.0, 0.5, 10);
        check(49.0, 0.0, 0.5, 5);
        check(130.0, 0.5, 0.0, 10);
        check(99.0, 0.5, 0.0, 10);
        check(90.0, 0.5, 0.0, 9);
    }

    fn partitions(value: f64, parallelism: u32, current: u32, expected: u32) {
        let workload = Workload::settled(current);
        let target = MetricTarget::AverageValue(10.0);
        let got = propose(target, value, Some(parallelism), &workload, TEN_PERCENT, Compat::default()).unwrap();
        assert_eq!(got.replicas, expected, "{value} over {parallelism} partitions with {current}");
        assert_eq!(got.useful, Some(parallelism));
    }

    #[test]
    fn no_replica_is_lost_to_tolerance_or_rounding() {
        partitions(640.0, 64, 63, 64);
        partitions(450_000.0, 64, 63, 64);
        partitions(639.0, 64, 63, 63); // within tolerance, as the HPA
        partitions(25.0, 2, 1, 2);
        partitions(1_000.0, 0, 1, 0);
        partitions(1_000.0, 5, 8, 5);
        partitions(45.0, 5, 1, 5);
        partitions(31.0, 5, 1, 4);
    }

    #[test]
    fn kedas_partition_caps_on_request() {
        let check = |value: f64, current: u32, rounds_down: bool, before: bool, expected: u32| {
            let compat = Compat {
                partition_cap_rounds_down: rounds_down,
                partition_cap_before_tolerance: before,
                ..Compat::default()
            };
            let workload = Workload::settled(current);
            let target = MetricTarget::AverageValue(10.0);
            let got = propose(target, value, Some(2), &workload, TEN_PERCENT, compat).unwrap();
            assert_eq!(got.replicas, expected, "{value} with {current}, {rounds_down} {before}");
        };
        check(25.0, 1, true, false, 3);
        check(25.0, 1, true, true, 3);
        check(31.0, 1, true, false, 2);
        check(31.0, 1, true, true, 2);
        check(25.0, 1, false, true, 2);
        // 64 partitions would do the same: 20 / (10 * 2) is within tolerance of what is there.
        check(900.0, 2, false, true, 2);
    }

    #[test]
    fn the_last_replicas_never_come_when_kedas_cap_is_asked_for() {
        let compat = Compat { partition_cap_before_tolerance: true, ..Compat::default() };
        let target = MetricTarget::AverageValue(10.0);
        let got = propose(target, 450_000.0, Some(64), &Workload::settled(63), TEN_PERCENT, compat).unwrap();
        assert_eq!(got.replicas, 63);
    }

    #[test]
    fn fallback_asks_for_its_count() {
        let check = |target: MetricTarget, replicas: u32, workload: Workload, expected: u32| {
            assert_eq!(propose_fallback(target, replicas, &workload, TEN_PERCENT).raw, expected);
        };
        for target in [MetricTarget::AverageValue(7.0), MetricTarget::Value(7.0)] {
            check(target, 10, Workload::settled(3), 10);
            check(target, 10, Workload::settled(0), 10);
            check(target, 21, Workload::settled(20), 20);
            check(target, 0, Workload::settled(4), 0);
        }
        assert_eq!(fallback_value(MetricTarget::AverageValue(10.0), 10, &Workload::settled(3)), 100.0);
        assert_eq!(fallback_value(MetricTarget::Value(10.0), 6, &Workload::settled(3)), 20.0);
    }
}
