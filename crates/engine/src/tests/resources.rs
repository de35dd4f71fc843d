//! Cpu and memory: what pods use, by the HorizontalPodAutoscaler's arithmetic, and what it has to do with activity.

use std::time::Duration;

use super::{Ask, NOW, ago, policy, seconds};
use crate::resource::PodFacts;
use crate::{
    FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Mode, Outcome, PodState, PodUsage, Policy, Resource, Rule,
    Timestamp, TriggerPolicy, explain,
};

/// A pod that uses so many thousandths of a core and requests as many.
fn pod(used: u64, requested: u64) -> PodUsage {
    PodUsage { used_milli: Some(used), requested_milli: Some(requested), state: PodState::Counted }
}

fn unready(used: u64) -> PodUsage {
    PodUsage { state: PodState::Unready, ..pod(used, 1000) }
}

fn missing() -> PodUsage {
    PodUsage { used_milli: None, ..pod(0, 1000) }
}

fn ignored(used: u64) -> PodUsage {
    PodUsage { state: PodState::Ignored, ..pod(used, 1000) }
}

/// `external` Kafka triggers and then one on cpu.
fn with_cpu(min: u32, external: u64, target: MetricTarget) -> Policy {
    let mut policy = policy(min, 100, external + 1);
    let cpu = &mut policy.triggers[usize::try_from(external).unwrap()];
    *cpu = TriggerPolicy { kind: "cpu".into(), metric: "".into(), target, ..cpu.clone() };
    policy.behavior = Some(super::behavior(
        vec![super::step(crate::StepKind::Pods, 100, 1)],
        vec![super::step(crate::StepKind::Pods, 100, 1)],
    ));
    policy
}

#[track_caller]
fn asks(target: MetricTarget, replicas: u32, pods: &[PodUsage], expected: u32) {
    let record = Ask::new(with_cpu(1, 0, target), replicas).pods(pods).record();
    assert_eq!(record.desired_replicas, expected, "{}", explain(&record));
}

const HALF: MetricTarget = MetricTarget::Utilization(50.0);

#[test]
fn utilization_is_measured_against_requests() {
    asks(HALF, 3, &[pod(500, 1000); 3], 3);
    asks(HALF, 3, &[pod(800, 1000); 3], 5); // 160 %: ceil(1.6 x 3)
    asks(HALF, 3, &[pod(100, 1000), pod(300, 1000), pod(200, 1000)], 2); // 20 %: ceil(0.4 x 3)
    asks(HALF, 4, &[pod(100, 1000), pod(900, 500), pod(0, 500), pod(0, 2000)], 2); // 1000 of 4000 are 25 %
    asks(HALF, 3, &[pod(549, 1000), pod(549, 1000), pod(552, 1000)], 3); // 55 %: the edge of the tolerance
    asks(HALF, 3, &[pod(559, 1000); 3], 3); // 55.9 % is cut off to 55
    asks(HALF, 3, &[pod(560, 1000); 3], 4);
}

#[test]
fn an_average_is_measured_over_the_pods() {
    let target = MetricTarget::ResourceAverage(0.25);
    asks(target, 2, &[pod(250, 0), pod(250, 0)], 2);
    asks(target, 2, &[pod(400, 0), pod(500, 0)], 4); // 450 of 250: ceil(1.8 x 2)
    asks(target, 2, &[PodUsage { requested_milli: None, ..pod(500, 0) }; 2], 4); // no requests are needed
    let gibi = 1024 * 1024 * 1024_u64;
    asks(MetricTarget::ResourceAverage(gibi as f64), 2, &[pod(3 * gibi * 1000, 0), pod(gibi * 1000, 0)], 4);
}

#[test]
fn pods_that_say_nothing_are_on_the_safe_side() {
    // Out: those not ready use nothing. 90 % over one is 45 % over two, which would turn the direction round.
    asks(HALF, 2, &[pod(900, 1000), unready(5000)], 2);
    asks(HALF, 2, &[pod(1800, 1000), unready(5000)], 4); // 90 % over two: ceil(1.8 x 2)
    asks(HALF, 3, &[pod(1800, 1000), pod(1800, 1000), missing()], 8); // 120 % over three: ceil(2.4 x 3)
    // In: those not ready do not count, those not known use all they request.
    asks(HALF, 3, &[pod(100, 1000), pod(100, 1000), unready(0)], 1); // ceil(0.2 x 2)
    asks(HALF, 3, &[pod(100, 1000), pod(100, 1000), missing()], 3); // 40 % over three: ceil(0.8 x 3)
    asks(HALF, 4, &[pod(100, 1000), pod(100, 1000), pod(100, 1000), missing()], 3); // 32.5 % is 32: ceil(0.64 x 4)
    // A target beyond what is requested: those not known use that much.
    asks(MetricTarget::Utilization(150.0), 2, &[pod(100, 1000), missing()], 2); // 80 %: ceil(0.53 x 2)
    // Whoever is going does not count at all.
    asks(HALF, 2, &[pod(500, 1000), ignored(9000)], 2);
    asks(HALF, 2, &[pod(1000, 1000), ignored(9000)], 2);
    // An average: missing ones use the whole target on the way in.
    asks(MetricTarget::ResourceAverage(0.5), 3, &[pod(100, 0), pod(100, 0), missing()], 2); // 233 of 500, over 3
}

#[test]
fn without_a_measurement_nothing_moves_and_the_record_says_why() {
    let said = |pods: &[PodUsage]| {
        let record = Ask::new(with_cpu(1, 0, HALF), 3).pods(pods).gives(3, Rule::MissingMetric);
        assert_eq!((record.result, record.readings[0].value), (Outcome::Held, None));
        record.readings[0].error.as_ref().unwrap().message.to_string()
    };
    assert!(said(&[]).contains("there is no pod"));
    assert!(said(&[unready(100), missing()]).contains("of no pod is known"));
    assert!(said(&[pod(1, 1), PodUsage { requested_milli: None, ..pod(1, 0) }]).contains("set resources.requests"));
}

#[test]
fn a_record_says_what_was_counted_and_assumed() {
    let record = Ask::new(with_cpu(1, 0, HALF), 3).pods(&[pod(1800, 1000), pod(1800, 1000), missing()]).record();
    let text = explain(&record);
    assert!(
        text.contains("180 % over 2 pods, 1 without a measurement (with those on the safe side 120 % over 3)"),
        "{text}"
    );
    assert!(text.contains("against 50 % of what the pods request; asks for 8"), "{text}");
    let memory = with_cpu(1, 0, MetricTarget::ResourceAverage(512.0 * 1024.0 * 1024.0));
    let text = explain(&Ask::new(memory, 1).pods(&[pod(1024 * 1024 * 1024 * 1000, 0)]).record());
    assert!(text.contains("1Gi over 1 pod") && text.contains("against 512Mi a pod"), "{text}");
}

#[test]
fn the_larger_of_metrics_and_resources_counts() {
    let ask = |value: f64, used: u64| Ask::new(with_cpu(1, 1, HALF), 2).value(value).pods(&[pod(used, 1000); 2]);
    ask(45.0, 500).gives(5, Rule::Metrics);
    ask(45.0, 2000).gives(8, Rule::Metrics);
    // A resource that is not known lets nothing scale in.
    let lost = |value: f64| Ask::new(with_cpu(1, 1, HALF), 2).value(value).error();
    lost(45.0).gives(5, Rule::Metrics);
    lost(5.0).gives(2, Rule::MissingMetric);
}

#[test]
fn resources_have_no_say_in_activity() {
    // Alone: always active, never to zero, and out of it at once.
    let long_ago = |history: &mut crate::SavedState| history.last_active = Some(ago(100_000));
    let alone = || with_cpu(0, 0, HALF);
    let record = Ask::new(alone(), 3).pods(&[pod(0, 1000); 3]).history(long_ago).gives(1, Rule::Min);
    assert!(record.active && record.last_active == Some(NOW));
    Ask::new(alone(), 3).error().history(long_ago).gives(3, Rule::MissingMetric);
    Ask::new(alone(), 0).pods(&[]).gives(1, Rule::Activation);
    // With others: they decide, whatever the pods use or whether that is known.
    let both = |current| Ask::new(with_cpu(0, 1, HALF), current).value(0.0).history(long_ago);
    both(3).pods(&[pod(5000, 1000); 3]).gives(0, Rule::Activation);
    both(3).error().gives(0, Rule::Activation);
    both(0).pods(&[]).gives(0, Rule::Activation);
    Ask::new(with_cpu(0, 1, HALF), 0).value(1.0).pods(&[]).gives(1, Rule::Activation);
    Ask::new(with_cpu(0, 1, HALF), 2).error().pods(&[pod(0, 1000); 2]).history(long_ago).gives(2, Rule::MissingMetric);
}

#[test]
fn no_fallback_stands_in_for_a_resource() {
    let mut policy = with_cpu(1, 0, HALF);
    policy.fallback = Some(Fallback { failure_threshold: 0, replicas: 9, behavior: FallbackBehavior::Static });
    policy.triggers[0].on_failure = FailurePolicy::Fallback;
    Ask::new(policy, 3).error().history(|history| history.failures = vec![50]).gives(3, Rule::MissingMetric);
}

#[test]
fn in_mode_hpa_the_autoscaler_reads_them_itself() {
    let hpa = |external| Policy { mode: Mode::Hpa, ..with_cpu(0, external, HALF) };
    let record = Ask::new(hpa(0), 3).unread().gives(3, Rule::LeftToHpa);
    assert_eq!((record.result, record.active, record.readings[0].error.clone()), (Outcome::Unchanged, true, None));
    assert!(explain(&record).contains("the HorizontalPodAutoscaler reads it; against 50 % of what the pods request"));
    // Only a rise is certain, since it takes the larger.
    Ask::new(hpa(1), 3).value(95.0).unread().gives(10, Rule::Metrics);
    Ask::new(hpa(1), 3).value(5.0).unread().gives(3, Rule::LeftToHpa);
    let long_ago = |history: &mut crate::SavedState| history.last_active = Some(ago(100_000));
    Ask::new(hpa(1), 3).value(0.0).unread().history(long_ago).gives(0, Rule::Activation);
    Ask::new(hpa(1), 0).value(1.0).unread().gives(1, Rule::Activation);
    Ask::new(hpa(0), 0).unread().gives(1, Rule::Activation);
}

#[test]
fn what_counts_as_a_pods_state() {
    let minute = Duration::from_secs(60);
    let at = |before: u64| NOW - seconds(before);
    let sampled = |before: u64| Some((at(before), minute));
    let check = |what: &str, facts: PodFacts, cpu: PodState, memory: PodState| {
        assert_eq!((facts.state(Resource::Cpu, NOW), facts.state(Resource::Memory, NOW)), (cpu, memory), "{what}");
    };
    let old = PodFacts {
        started: Some(at(10_000)),
        ready: Some((true, at(9_990))),
        sampled: sampled(5),
        ..PodFacts::default()
    };
    use PodState::{Counted, Ignored, Unready};
    check("ready for long", old, Counted, Counted);
    check("going", PodFacts { deleted: true, ..old }, Ignored, Ignored);
    check("failed", PodFacts { failed: true, pending: true, ..old }, Ignored, Ignored);
    check("pending", PodFacts { pending: true, ..old }, Unready, Unready);
    check("without a measurement", PodFacts { sampled: None, ready: None, ..old }, Counted, Counted);
    check("without a condition", PodFacts { ready: None, ..old }, Unready, Counted);
    check("without a start", PodFacts { started: None, ..old }, Unready, Counted);
    check("not ready, but it once was", PodFacts { ready: Some((false, at(100))), ..old }, Counted, Counted);
    check("never ready", PodFacts { ready: Some((false, at(9_980))), ..old }, Unready, Counted);
    let young = |ready: bool, changed: u64, sampled_before: u64| PodFacts {
        started: Some(at(200)),
        ready: Some((ready, at(changed))),
        sampled: sampled(sampled_before),
        ..PodFacts::default()
    };
    check("young and not ready", young(false, 100, 5), Unready, Counted);
    check("young, measured before it was ready", young(true, 60, 5), Unready, Counted);
    check("young, measured after a whole window", young(true, 65, 5), Counted, Counted);
    let edge = PodFacts { started: Some(at(300)), ..young(false, 250, 5) };
    check("five minutes old", edge, Counted, Counted);
    let other = edge.state_with(Resource::Cpu, seconds(301), Duration::ZERO, NOW);
    assert_eq!(other, Unready, "with a longer period it is young");
}

#[test]
fn a_reading_of_a_resource_without_pods_is_no_number() {
    let record = Ask::new(with_cpu(1, 0, HALF), 3).value(5.0).gives(3, Rule::MissingMetric);
    assert!(record.readings[0].error.is_some() && record.readings[0].value.is_none());
    let _: Timestamp = record.at;
}
