//! When the HPA controller (Kubernetes 1.36) makes a recommendation, what it is, and how long it counts. Facts of its
//! `reconcileAutoscaler`, `computeReplicasForMetrics` and `stabilizeRecommendationWithBehaviors`.

use crate::{Command, Engine, Event, Recommendation, ScaleEvent, ScalingRules, SelectPolicy};

use super::*;

/// What two metrics of 10 a replica say; `None`: the source is down.
type Said = [Option<f64>; 2];

fn rules(window: u64, limits: &[(u32, u64)]) -> ScalingRules {
    let pods = |&(value, period)| StepPolicy { kind: StepKind::Pods, value, period: seconds(period) };
    ScalingRules {
        stabilization: seconds(window),
        select: SelectPolicy::Max,
        policies: limits.iter().map(pods).collect(),
        tolerance: None,
    }
}

/// Both windows of 60 s, and as good as no limit of the rate.
fn both_windows() -> Behavior {
    Behavior { scale_up: rules(60, &[(1_000, 15)]), scale_down: rules(60, &[(1_000, 15)]) }
}

/// One look of an engine that is told all at once: the count it sets, and what it keeps.
fn look(behavior: Behavior, restored: Option<SavedState>, replicas: u32, said: Said) -> (u32, SavedState) {
    let policy = Policy { behavior: Some(behavior), mode: Mode::Direct, ..policy(1, 10, 2) };
    let target = TargetId::new("shop", "orders");
    let mut engine = Engine::new();
    let mut events = vec![
        Event::WorkloadObserved { target: target.clone(), workload: Ok(Workload::settled(replicas)) },
        Event::PolicyChanged { target: target.clone(), policy: Arc::new(policy), restored },
    ];
    let mut count = replicas;
    while let Some(event) = events.pop() {
        for command in engine.handle(event, NOW) {
            match command {
                Command::Read { trigger, read, .. } => {
                    let outcome = said[trigger].map(|value| Reading::of(value, NOW)).ok_or_else(outage);
                    events.push(Event::ReadingArrived { target: target.clone(), trigger, read, outcome });
                }
                Command::SetReplicas { target, replicas, change } => {
                    count = replicas;
                    events.push(Event::ScaleFinished { target, change, outcome: Ok(()) });
                }
                _ => {}
            }
        }
    }
    (count, engine.saved_state(&target).unwrap())
}

/// The recommendations that such a look at 4 replicas adds.
fn recommends(said: Said, expected: &[u32]) {
    let (_, state) = look(both_windows(), Some(SavedState::default()), 4, said);
    let made: Vec<u32> = state.recommendations.iter().map(|made| made.replicas).collect();
    assert_eq!(made, expected, "{said:?}");
}

#[test]
fn what_is_recommended_is_what_the_metrics_ask_for_before_any_window_or_limit() {
    recommends([Some(70.0), Some(20.0)], &[7]);
    // Nothing moves, and it counts all the same.
    recommends([Some(40.0), Some(20.0)], &[4]);
    recommends([Some(10.0), Some(20.0)], &[2]);
    // Beyond the most and below the fewest.
    recommends([Some(500.0), Some(20.0)], &[50]);
    recommends([Some(0.0), Some(0.0)], &[0]);
}

#[test]
fn with_a_metric_missing_only_what_is_no_less_than_the_count_is_recommended() {
    recommends([None, Some(70.0)], &[7]);
    recommends([Some(70.0), None], &[7]);
    recommends([None, Some(40.0)], &[4]);
    recommends([None, Some(20.0)], &[]);
    recommends([Some(20.0), None], &[]);
    recommends([None, None], &[]);
}

#[test]
fn the_count_found_first_is_recommended_even_where_no_metric_is_known() {
    let (count, state) = look(both_windows(), None, 4, [None, None]);
    assert_eq!((count, state.recommendations.as_slice()), (4, [Recommendation { at: NOW, replicas: 4 }].as_slice()));
    // It keeps the count from going out and in.
    assert_eq!(look(both_windows(), None, 4, [Some(70.0), Some(20.0)]).0, 4);
    assert_eq!(look(both_windows(), None, 4, [Some(20.0), Some(20.0)]).0, 4);
}

/// What is made of 4 replicas after one recommendation of so many, so many milliseconds ago.
fn after(recommended: u32, age_ms: u64, said: Said, expected: u32) {
    let past = Recommendation { at: NOW - Duration::from_millis(age_ms), replicas: recommended };
    let state = SavedState { recommendations: vec![past], ..SavedState::default() };
    let (count, _) = look(both_windows(), Some(state), 4, said);
    assert_eq!(count, expected, "{recommended} recommended {age_ms} ms ago, {said:?}");
}

#[test]
fn a_recommendation_counts_until_it_is_as_old_as_the_window() {
    let (more, less) = ([Some(70.0), Some(20.0)], [Some(20.0), Some(10.0)]);
    after(5, 59_999, more, 5);
    after(5, 60_000, more, 7);
    after(3, 59_999, less, 3);
    after(3, 60_000, less, 2);
    // On the wrong side of the count: it stays.
    after(2, 59_999, more, 4);
    after(9, 59_999, less, 4);
    // A metric that is missing changes nothing for what the others may bring.
    after(5, 59_999, [Some(70.0), None], 5);
    after(5, 60_000, [Some(70.0), None], 7);
    after(3, 59_999, [Some(20.0), None], 4);
}

#[test]
fn a_change_counts_in_a_period_until_it_is_as_old_as_that() {
    let check = |age_ms: u64, expected: u32| {
        let past = ScaleEvent { at: NOW - Duration::from_millis(age_ms), from: 3, to: 4 };
        let state = SavedState { scaled: vec![past], ..SavedState::default() };
        let behavior = Behavior { scale_up: rules(0, &[(2, 30)]), scale_down: rules(0, &[(2, 30)]) };
        assert_eq!(look(behavior, Some(state), 4, [Some(90.0), None]).0, expected, "changed {age_ms} ms ago");
    };
    check(29_999, 5);
    check(30_000, 6);
}
