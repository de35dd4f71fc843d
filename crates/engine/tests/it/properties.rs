//! Properties of single decisions, each stated in words and tried on generated cases.
//!
//! - A. Sound: the checker finds nothing in any decision.
//! - B. Determined: the same case gives the same record, byte for byte, and it survives being written and read.
//! - C. Monotone: more lag never gives fewer replicas, all else equal.
//! - D. Exact parallelism: with every partition behind by its threshold, exactly min(partitions, max) replicas.
//! - E. Errors are not numbers: when nothing is known, nothing moves; an error in place of a number lowers nothing.
//! - F. A fallback never speaks lower than the healthy triggers.
//! - G. Nothing not finite or negative is ever taken for a number.
//! - H. A fallback begins at exactly the failure after the threshold.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_engine::checker::recompute;
use tidegate_engine::{
    Case, FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Policy, Reading, Record, Workload, check, decide,
};

use crate::cases::{NOW, any_case, at_once, broken, case, plain};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, ..ProptestConfig::default() }
}

fn desired(case: &Case) -> u32 {
    decide(case, NOW).desired_replicas
}

fn edit(case: &mut Case, change: impl FnOnce(&mut Policy)) {
    change(Arc::make_mut(&mut case.policy));
}

proptest! {
    #![proptest_config(config(2000))]

    /// A.
    #[test]
    fn the_checker_finds_nothing(case in any_case()) {
        let record = decide(&case, NOW);
        prop_assert_eq!(check(&record), vec![], "{:#?}", record);
        prop_assert_eq!(recompute(&record), Ok(record.desired_replicas));
    }

    /// B.
    #[test]
    fn a_decision_is_determined_and_survives_being_written(case in any_case()) {
        let line = serde_json::to_string(&decide(&case, NOW)).unwrap();
        prop_assert_eq!(&line, &serde_json::to_string(&decide(&case, NOW)).unwrap());
        let back: Record = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&line, &serde_json::to_string(&back).unwrap());
        prop_assert_eq!(check(&back), vec![]);
    }

    /// C. Where all pods exist and are ready: the HPA's Value arithmetic counts ready pods only once it leaves the
    /// tolerance, and falls there.
    #[test]
    fn more_lag_never_gives_fewer_replicas(mut case in any_case(), index in 0..3_usize, more in 0.0..5000.0_f64) {
        let index = index % case.readings.len();
        let Some(Ok(reading)) = &case.readings[index] else { return Ok(()) };
        let Ok(workload) = case.workload.clone() else { return Ok(()) };
        case.workload = Ok(Workload { busy: workload.busy, ..Workload::settled(workload.replicas) });
        let mut greater = case.clone();
        greater.readings[index] = Some(Ok(Reading { value: reading.value + more, ..reading.clone() }));
        let (less, more) = (decide(&case, NOW), decide(&greater, NOW));
        prop_assert!(less.desired_replicas <= more.desired_replicas, "{:#?}\n{:#?}", less, more);
        prop_assert!(!less.active || more.active);
    }

    /// D.
    /// PAIN-14.
    #[test]
    fn every_partition_behind_gives_exactly_as_many_replicas(
        partitions in 1..200_u32,
        threshold in 1..5000_u32,
        beyond in prop_oneof![Just(0_u32), 0..100_000_u32],
        max in 1..200_u32,
        replicas in 1..200_u32,
    ) {
        let mut policy = plain(1, max, 1);
        policy.behavior = Some(at_once());
        policy.triggers[0].target = MetricTarget::AverageValue(f64::from(threshold));
        let lag = f64::from(partitions) * f64::from(threshold) + f64::from(beyond);
        let mut case = case(policy, replicas, &[lag]);
        case.readings = vec![Some(Ok(Reading { parallelism: Some(partitions), ..Reading::of(lag, NOW) }))];
        let record = decide(&case, NOW);
        prop_assert_eq!(record.desired_replicas, partitions.min(max), "{:#?}", record);
    }

    /// D, from below: never more than the partitions, whatever the lag.
    #[test]
    fn never_more_than_the_partitions(partitions in 1..200_u32, lag in 0.0..1e9_f64, replicas in 1..200_u32) {
        let mut policy = plain(1, 1000, 1);
        policy.behavior = Some(at_once());
        let mut case = case(policy, replicas, &[lag]);
        case.readings = vec![Some(Ok(Reading { parallelism: Some(partitions), ..Reading::of(lag, NOW) }))];
        prop_assert!(desired(&case) <= partitions);
    }

    /// E, everything fails.
    #[test]
    fn when_nothing_is_known_nothing_moves(mut case in any_case()) {
        edit(&mut case, |policy| {
            policy.fallback = None;
            policy.pause = tidegate_engine::Pause::default();
            policy.force_activation = false;
        });
        // With nothing but cpu and memory a workload is always active, and so leaves zero.
        if case.policy.triggers.iter().all(|trigger| trigger.target.is_resource()) {
            return Ok(());
        }
        case.readings.iter_mut().for_each(|reading| *reading = Some(Err(broken())));
        let Ok(workload) = case.workload.clone() else { return Ok(()) };
        let within = workload.replicas.clamp(case.policy.min_replicas, case.policy.max_replicas);
        let replicas = desired(&case);
        let lowest = workload.replicas.min(within);
        let highest = workload.replicas.max(within);
        prop_assert!((lowest..=highest).contains(&replicas), "{:#?}", decide(&case, NOW));
    }

    /// E, one fails: nothing goes lower than where it is, nothing higher than the others ask for. Where work below an
    /// activation threshold counts as none, an unknown trigger leaves open whether that applies; not so here.
    #[test]
    fn an_error_in_place_of_a_number_moves_nothing_by_itself(mut case in any_case(), index in 0..3_usize) {
        let index = index % case.readings.len();
        // What pods use has no say in activity: with it alone known, its metric still counts where a quiet source would
        // have ended all.
        if case.policy.triggers.iter().any(|trigger| trigger.target.is_resource()) {
            return Ok(());
        }
        edit(&mut case, |policy| {
            policy.fallback = None;
            policy.triggers[index].on_failure = FailurePolicy::Default;
            policy.triggers.iter_mut().for_each(|trigger| trigger.activation = 0.0);
            policy.pause = tidegate_engine::Pause::default();
        });
        let Ok(workload) = case.workload.clone() else { return Ok(()) };
        let (min, max) = (case.policy.min_replicas, case.policy.max_replicas);
        if !(min..=max).contains(&workload.replicas) {
            return Ok(());
        }
        case.readings[index] = Some(Ok(Reading::of(0.0, NOW)));
        let without = desired(&case);
        case.readings[index] = Some(Err(broken()));
        let record = decide(&case, NOW);
        prop_assert!(record.desired_replicas >= workload.replicas, "{:#?}", record);
        prop_assert!(record.desired_replicas <= without.max(workload.replicas), "{} without, {:#?}", without, record);
    }

    /// F.
    /// PAIN-8.
    #[test]
    fn a_fallback_never_speaks_lower_than_healthy_triggers(
        values in vec(0..500_u32, 1..3),
        replicas in 1..60_u32,
        stands_for in 0..60_u32,
        behavior in prop_oneof![
            Just(FallbackBehavior::Static),
            Just(FallbackBehavior::CurrentReplicas),
            Just(FallbackBehavior::CurrentReplicasIfHigher),
            Just(FallbackBehavior::CurrentReplicasIfLower),
        ],
    ) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let mut healthy = plain(1, 100, values.len());
        healthy.behavior = Some(at_once());
        let mut failing = plain(1, 100, values.len() + 1);
        failing.behavior = Some(at_once());
        failing.fallback = Some(Fallback { failure_threshold: 3, replicas: stands_for, behavior });
        let alone = case(healthy, replicas, &values);
        let mut both = case(failing, replicas, &values);
        both.readings.push(Some(Err(broken())));
        both.history.failures = vec![0; values.len()];
        both.history.failures.push(3);
        prop_assert!(desired(&both) >= desired(&alone), "{:#?}", decide(&both, NOW));
    }

    /// G.
    /// PAIN-19.
    #[test]
    fn what_is_no_count_is_never_a_number(
        mut case in any_case(),
        index in 0..3_usize,
        value in prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-1.0), Just(-1e-9), Just(f64::MIN),
        ],
    ) {
        let index = index % case.readings.len();
        let mut failed = case.clone();
        case.readings[index] = Some(Ok(Reading::of(value, NOW)));
        failed.readings[index] = Some(Err(broken()));
        let record = decide(&case, NOW);
        prop_assert_eq!(record.desired_replicas, desired(&failed));
        prop_assert!(record.readings[index].error.is_some());
        prop_assert_eq!(check(&record), vec![]);
    }

    /// H.
    /// PAIN-8.
    #[test]
    fn a_fallback_begins_exactly_after_the_threshold(threshold in 0..6_u32, before in 0..12_u32, replicas in 1..20_u32) {
        let mut policy = plain(1, 100, 1);
        policy.behavior = Some(at_once());
        policy.fallback = Some(Fallback {
            failure_threshold: threshold,
            replicas: 30,
            behavior: FallbackBehavior::Static,
        });
        let mut case = case(policy, replicas, &[]);
        case.readings = vec![Some(Err(broken()))];
        case.history.failures = vec![before];
        let expected = if before + 1 > threshold { 30 } else { replicas };
        prop_assert_eq!(desired(&case), expected);
    }
}
