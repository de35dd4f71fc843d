//! Limits, policies, windows, parallelism, missing metrics, pauses and busy pods.

use super::{Ask, NOW, ago, behavior, outage, policy, seconds, step};
use crate::{
    FailurePolicy, Outcome, Pause, Recommendation, Rule, ScaleEvent, SelectPolicy, StepKind, Workload, decide,
};

#[test]
fn the_highest_metric_counts() {
    Ask::new(policy(0, 100, 2), 3).value(40.0).value(55.0).gives(6, Rule::Metrics);
    Ask::new(policy(0, 100, 2), 3).value(0.0).value(29.0).gives(3, Rule::Tolerance);
    Ask::new(policy(0, 100, 1), 6).value(30.0).gives(3, Rule::Metrics);
}

#[test]
fn a_count_outside_of_the_limits_is_brought_inside_without_a_look_at_metrics() {
    Ask::new(policy(1, 10, 1), 14).value(20.0).gives(10, Rule::Max);
    Ask::new(policy(1, 10, 1), 14).error().gives(10, Rule::Max);
    Ask::new(policy(5, 10, 1), 2).value(90.0).gives(5, Rule::Min);
    Ask::new(policy(5, 10, 1), 2).error().gives(5, Rule::Min);
}

#[test]
fn without_behavior_out_by_doubling_from_15_seconds_ago() {
    Ask::new(policy(1, 100, 1), 3).value(900.0).gives(6, Rule::ScaleUpPolicy);
    Ask::new(policy(1, 100, 1), 1).value(900.0).gives(4, Rule::ScaleUpPolicy);
    let after = |at, from, to| {
        let event = ScaleEvent { at, from, to };
        Ask::new(policy(1, 100, 1), to).value(900.0).history(|history| history.scaled.push(event))
    };
    let record = after(ago(10), 3, 6).gives(6, Rule::ScaleUpPolicy);
    let next = record.next.unwrap();
    assert_eq!((next.at, &*next.what), (ago(10) + seconds(15), "scale-out policy allows more"));
    after(ago(15), 3, 6).gives(12, Rule::ScaleUpPolicy);
    // What KEDA's activation did is no move of the HPA's.
    after(ago(1), 0, 1).gives(4, Rule::ScaleUpPolicy);
}

#[test]
fn policies_count_from_the_start_of_their_period() {
    let two_a_minute = behavior(vec![step(StepKind::Pods, 2, 60)], vec![step(StepKind::Percent, 50, 60)]);
    let ask = |current: u32, value: f64, scaled: &[(u64, u32, u32)]| {
        let mut policy = policy(1, 100, 1);
        policy.behavior = Some(two_a_minute.clone());
        let scaled = scaled.iter().map(|&(s, from, to)| ScaleEvent { at: ago(s), from, to }).collect();
        Ask::new(policy, current).value(value).history(|history| history.scaled = scaled)
    };
    ask(5, 500.0, &[]).gives(7, Rule::ScaleUpPolicy);
    ask(5, 500.0, &[(30, 4, 5)]).gives(6, Rule::ScaleUpPolicy);
    ask(5, 500.0, &[(30, 3, 5)]).gives(5, Rule::ScaleUpPolicy);
    ask(5, 500.0, &[(60, 3, 5)]).gives(7, Rule::ScaleUpPolicy);
    ask(5, 500.0, &[(30, 8, 5)]).gives(10, Rule::ScaleUpPolicy);
    ask(9, 10.0, &[]).gives(4, Rule::ScaleDownPolicy);
    ask(4, 10.0, &[(20, 9, 4)]).gives(4, Rule::ScaleDownPolicy);
    ask(5, 60.0, &[]).gives(6, Rule::Metrics);
}

#[test]
fn select_policy_chooses() {
    let ask = |select, current: u32, value: f64| {
        let mut policy = policy(1, 100, 1);
        let both = || vec![step(StepKind::Pods, 3, 60), step(StepKind::Percent, 10, 60)];
        let mut behavior = behavior(both(), both());
        (behavior.scale_up.select, behavior.scale_down.select) = (select, select);
        policy.behavior = Some(behavior);
        Ask::new(policy, current).value(value)
    };
    ask(SelectPolicy::Max, 10, 900.0).gives(13, Rule::ScaleUpPolicy);
    ask(SelectPolicy::Min, 10, 900.0).gives(11, Rule::ScaleUpPolicy);
    ask(SelectPolicy::Disabled, 10, 900.0).gives(10, Rule::Disabled);
    ask(SelectPolicy::Max, 10, 10.0).gives(7, Rule::ScaleDownPolicy);
    ask(SelectPolicy::Min, 10, 10.0).gives(9, Rule::ScaleDownPolicy);
    ask(SelectPolicy::Disabled, 10, 10.0).gives(10, Rule::Disabled);
}

#[test]
fn the_scale_in_window_holds_and_says_until_when() {
    let ask = |age: u64| {
        let past = Recommendation { at: ago(age), replicas: 8 };
        Ask::new(policy(1, 100, 1), 8).value(20.0).history(|history| history.recommendations.push(past))
    };
    let record = ask(100).gives(8, Rule::Stabilization);
    let next = record.next.unwrap();
    assert_eq!(&*next.what, "scale-in window ends");
    assert_eq!(next.at.since(NOW), seconds(200) + std::time::Duration::from_millis(1));
    ask(301).gives(2, Rule::Metrics);
}

#[test]
fn what_is_missing_lets_nothing_scale_in() {
    Ask::new(policy(0, 100, 2), 5).value(20.0).error().gives(5, Rule::MissingMetric);
    Ask::new(policy(0, 100, 2), 5).value(80.0).error().gives(8, Rule::Metrics);
    Ask::new(policy(0, 100, 2), 5).value(80.0).unread().gives(8, Rule::Metrics);
    let record = Ask::new(policy(0, 100, 2), 5).error().unread().gives(5, Rule::MissingMetric);
    assert_eq!(record.result, Outcome::Held);
}

/// PAIN-7, FT-06.
#[test]
fn a_failing_trigger_means_what_its_policy_says() {
    let ask = |on_failure, known: f64| {
        let mut policy = policy(1, 100, 2);
        policy.triggers[1].on_failure = on_failure;
        Ask::new(policy, 5).value(known).error()
    };
    ask(FailurePolicy::Default, 80.0).gives(8, Rule::Metrics);
    ask(FailurePolicy::Default, 20.0).gives(5, Rule::MissingMetric);
    ask(FailurePolicy::OnlyUp, 80.0).gives(8, Rule::Metrics);
    ask(FailurePolicy::OnlyUp, 20.0).gives(5, Rule::MissingMetric);
    ask(FailurePolicy::Hold, 80.0).gives(5, Rule::MissingMetric);
    ask(FailurePolicy::Hold, 20.0).gives(5, Rule::MissingMetric);
    ask(FailurePolicy::Ignore, 80.0).gives(8, Rule::Metrics);
    ask(FailurePolicy::Ignore, 20.0).gives(2, Rule::Metrics);
}

#[test]
fn a_reading_too_old_is_missing() {
    let ask = |age: u64| {
        let mut ask = Ask::new(policy(1, 100, 1), 5).value(20.0);
        if let Some(Some(Ok(reading))) = ask.0.readings.first_mut() {
            reading.at = ago(age);
        }
        ask
    };
    ask(100).gives(2, Rule::Metrics);
    let record = ask(101).gives(5, Rule::MissingMetric);
    assert_eq!(record.readings[0].value, None);
    assert!(record.readings[0].error.as_ref().unwrap().message.contains("too old"), "{record:?}");
}

#[test]
fn never_more_than_the_sources_keep_busy() {
    let fast = |min, triggers| {
        let mut policy = policy(min, 100, triggers);
        policy.behavior = Some(behavior(vec![step(StepKind::Pods, 100, 1)], vec![step(StepKind::Pods, 100, 1)]));
        policy
    };
    let record = Ask::new(fast(1, 1), 1).partitions(900.0, 12).gives(12, Rule::UsefulParallelism);
    assert_eq!(record.limits.useful, Some(12));
    Ask::new(fast(1, 1), 63).partitions(640.0, 64).gives(64, Rule::Metrics);
    Ask::new(fast(1, 2), 1).partitions(900.0, 12).partitions(900.0, 20).gives(20, Rule::UsefulParallelism);
    // One without a limit may ask for more.
    Ask::new(fast(1, 2), 1).partitions(900.0, 12).value(300.0).gives(30, Rule::UsefulParallelism);
    // The manifest's fewest win, and it is said.
    Ask::new(fast(8, 1), 9).partitions(900.0, 5).gives(8, Rule::Min);
    // What is missing may keep busy what is there.
    Ask::new(fast(1, 2), 9).partitions(900.0, 5).error().gives(9, Rule::MissingMetric);
}

#[test]
fn windows_do_not_keep_what_would_be_idle() {
    let past = Recommendation { at: ago(10), replicas: 20 };
    Ask::new(policy(1, 100, 1), 20)
        .partitions(900.0, 5)
        .history(|history| history.recommendations.push(past))
        .gives(5, Rule::UsefulParallelism);
}

#[test]
fn busy_pods_are_not_scaled_in() {
    let ask = |busy| Ask::new(policy(1, 100, 1), 8).value(20.0).workload(|workload| workload.busy = busy);
    ask(Some(4)).gives(4, Rule::BusyPods);
    ask(Some(1)).gives(2, Rule::Metrics);
    ask(Some(30)).gives(8, Rule::BusyPods);
    ask(None).gives(2, Rule::Metrics);
}

#[test]
fn pauses() {
    let ask = |pause: Pause, value: f64| {
        let mut policy = policy(1, 10, 1);
        policy.pause = pause;
        Ask::new(policy, 5).value(value)
    };
    let all = Pause { all: true, ..Pause::default() };
    let at = Pause { at: Some(15), ..Pause::default() };
    let scale_in = Pause { scale_in: true, ..Pause::default() };
    let scale_out = Pause { scale_out: true, ..Pause::default() };
    assert_eq!(ask(all, 90.0).gives(5, Rule::Paused).result, Outcome::Paused);
    assert_eq!(ask(at, 90.0).gives(15, Rule::Paused).result, Outcome::Scaled);
    assert_eq!(ask(Pause { all: true, ..at }, 90.0).gives(15, Rule::Paused).result, Outcome::Scaled);
    ask(scale_in, 10.0).gives(5, Rule::Paused);
    ask(scale_in, 90.0).gives(9, Rule::Metrics);
    ask(scale_out, 90.0).gives(5, Rule::Paused);
    ask(scale_out, 10.0).gives(1, Rule::Metrics);
}

#[test]
fn an_unknown_workload_is_not_moved() {
    let mut ask = Ask::new(policy(1, 10, 1), 5).value(90.0);
    ask.0.workload = Err(outage());
    let record = decide(&ask.0, NOW);
    assert_eq!((record.workload, record.result, record.bound_by), (None, Outcome::Held, Rule::UnknownWorkload));
    assert!(record.steps.iter().all(|step| step.from == step.to));
}

#[test]
fn value_targets_wait_for_a_pod_to_measure_by() {
    let mut policy = policy(1, 10, 1);
    policy.triggers[0].target = crate::MetricTarget::Value(10.0);
    let starting = Workload { replicas: 3, current: 0, ready: 0, busy: None };
    Ask::new(policy, 3).value(90.0).workload(|workload| *workload = starting).gives(3, Rule::MissingMetric);
}
