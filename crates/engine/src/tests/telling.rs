//! Records as JSON and in words.

use super::{Ask, policy};
use crate::{Record, Rule, explain, headline};

#[test]
fn a_record_survives_being_written_and_read() {
    let record = Ask::new(policy(0, 100, 2), 3).partitions(96.0, 20).error().record();
    let line = serde_json::to_string(&record).unwrap();
    assert!(!line.contains('\n'));
    let back: Record = serde_json::from_str(&line).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), line);
    assert_eq!(explain(&back), explain(&record));
}

#[test]
fn headlines_say_what_and_why() {
    let check = |ask: Ask, expected: &str| assert_eq!(headline(&ask.record()), expected);
    check(Ask::new(policy(0, 100, 1), 3).value(55.0), "shop/orders: 3 → 6, s0 is 55, at 10 a replica that takes 6");
    check(
        Ask::new(policy(0, 8, 1), 6).value(255.0),
        "shop/orders: 6 → 8, s0 is 255, at 10 a replica that takes 26, maxReplicaCount is 8",
    );
    check(
        Ask::new(policy(0, 8, 1), 6).error(),
        "shop/orders: held at 6, the only metric is not known, so nothing moves",
    );
    check(Ask::new(policy(0, 8, 1), 0).value(0.0), "shop/orders: stays at 0, no trigger is active");
}

#[test]
fn an_explanation_answers_the_four_questions() {
    let record = Ask::new(policy(0, 100, 2), 3).partitions(255.0, 12).error().record();
    let text = explain(&record);
    for expected in [
        "shop/orders: 3 → 6",
        "Decision 1 of 2026-01-01T00:10:00.000Z",
        "3 replicas asked for, 3 exist, 3 ready",
        "s0 (kafka, s0-kafka-orders): 255, 0s old; against 10 a replica; active (above 0); asks for 12; can keep 12 busy",
        "s1 (kafka, s1-kafka-orders): not known",
        "failed once: connecting to broker:9092: connection refused",
        "the useful parallelism: the source can keep no more than 12 busy",
        "at most the larger of 4 and twice the 3 of 15s ago, so the limit is 6",
        "Bound by the scale-out policy",
        "Without news the next change could come at 2026-01-01T00:10:15.000Z (in 15s): scale-out policy allows more.",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
}

#[test]
fn every_bound_says_what_would_have_to_change() {
    let check = |ask: Ask, rule: Rule, expected: &str| {
        let record = ask.record();
        assert_eq!(record.bound_by, rule);
        let text = explain(&record);
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    };
    check(
        Ask::new(policy(0, 100, 1), 3).value(55.0),
        Rule::Metrics,
        "It takes another when s0 is above 60, and one less when it is 50 or lower.",
    );
    check(Ask::new(policy(0, 8, 1), 6).value(255.0), Rule::Max, "only with a higher maxReplicaCount");
    check(Ask::new(policy(0, 8, 2), 6).value(10.0).error(), Rule::MissingMetric, "when these are read again: s1.");
    check(Ask::new(policy(0, 8, 1), 0).value(0.0), Rule::Activation, "It wakes when s0 is above 0.");
}
