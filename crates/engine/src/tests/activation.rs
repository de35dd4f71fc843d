//! Zero, idle, cooldown, forced activation.

use std::time::Duration;

use super::{Ask, NOW, ago, policy, seconds};
use crate::{Mode, Outcome, Pause, Policy, Rule, Timestamp};

fn resting(min: u32, idle: Option<u32>) -> Policy {
    Policy { idle_replicas: idle, ..policy(min, 10, 1) }
}

#[test]
fn activation_is_strict_and_jumps_to_the_minimum() {
    Ask::new(resting(0, None), 0).value(25.0).gives(1, Rule::Activation);
    Ask::new(resting(3, None), 0).value(25.0).gives(3, Rule::Activation);
    Ask::new(resting(3, Some(1)), 1).value(25.0).gives(3, Rule::Activation);
    let above_five = Policy { triggers: vec![], ..resting(0, None) };
    let mut trigger = resting(0, None).triggers.remove(0);
    trigger.activation = 5.0;
    let above_five = Policy { triggers: vec![trigger], ..above_five };
    Ask::new(above_five.clone(), 0).value(5.0).gives(0, Rule::Activation);
    Ask::new(above_five, 0).value(5.001).gives(1, Rule::Activation);
}

#[test]
fn any_active_trigger_counts() {
    Ask::new(policy(0, 10, 2), 0).value(0.0).value(1.0).gives(1, Rule::Activation);
    Ask::new(policy(0, 10, 2), 0).error().value(1.0).gives(1, Rule::Activation);
    let record = Ask::new(policy(0, 10, 2), 0).error().value(0.0).gives(0, Rule::MissingMetric);
    assert_eq!(record.result, Outcome::Held);
}

#[test]
fn after_activation_the_hpa_goes_on_within_its_sync_period() {
    let record = Ask::new(resting(0, None), 0).value(25.0).gives(1, Rule::Activation);
    assert_eq!(record.next.unwrap().at, NOW + seconds(15));
}

/// At `last_active` seconds ago, with a cooldown of 300 s.
fn cooling(current: u32, policy: Policy, last_active: Duration) -> Ask {
    Ask::new(policy, current).value(0.0).history(|history| history.last_active = Some(NOW - last_active))
}

/// ACT-27, PAIN-36.
#[test]
fn to_zero_in_one_move_when_the_cooldown_is_over_and_not_a_millisecond_earlier() {
    let record = cooling(1, resting(0, None), seconds(100)).gives(1, Rule::Cooldown);
    let next = record.next.unwrap();
    assert_eq!((next.at, &*next.what), (ago(100) + seconds(300) + Duration::from_millis(1), "cooldown ends"));
    cooling(1, resting(0, None), seconds(300)).gives(1, Rule::Cooldown);
    cooling(1, resting(0, None), Duration::from_millis(300_001)).gives(0, Rule::Activation);
    cooling(7, resting(0, None), seconds(301)).gives(0, Rule::Activation);
    cooling(7, resting(4, Some(2)), seconds(301)).gives(2, Rule::Idle);
}

#[test]
fn while_cooling_the_hpa_goes_down_to_one() {
    cooling(5, resting(0, None), seconds(100)).gives(1, Rule::Cooldown);
    cooling(5, resting(2, Some(0)), seconds(100)).gives(2, Rule::Cooldown);
}

#[test]
fn with_a_minimum_there_is_no_cooldown() {
    cooling(5, resting(2, None), seconds(1)).gives(2, Rule::Min);
    cooling(2, resting(2, None), seconds(10_000)).gives(2, Rule::Min);
}

/// ACT-25.
#[test]
fn the_initial_cooldown_counts_from_creation() {
    let ask = |created: Option<Timestamp>| {
        let policy = Policy { initial_cooldown: seconds(120), created, ..resting(0, None) };
        Ask::new(policy, 1).value(0.0)
    };
    ask(Some(ago(119))).gives(1, Rule::InitialCooldown);
    ask(Some(ago(120))).gives(1, Rule::InitialCooldown);
    ask(Some(ago(121))).gives(0, Rule::Activation);
    ask(None).gives(0, Rule::Activation);
}

#[test]
fn idle_does_not_flap() {
    cooling(1, resting(5, Some(1)), seconds(10_000)).gives(1, Rule::Idle);
    cooling(0, resting(5, Some(1)), seconds(10_000)).gives(1, Rule::Idle);
    cooling(3, resting(5, Some(1)), seconds(10)).gives(3, Rule::Cooldown);
    Ask::new(resting(5, Some(1)), 1).error().gives(1, Rule::MissingMetric);
    Ask::new(resting(5, Some(1)), 1).unread().gives(1, Rule::MissingMetric);
}

#[test]
fn never_to_zero_on_missing_knowledge() {
    let long_ago = |history: &mut crate::SavedState| history.last_active = Some(ago(100_000));
    for current in [1, 7] {
        Ask::new(policy(0, 10, 1), current).error().history(long_ago).gives(current, Rule::MissingMetric);
        Ask::new(policy(0, 10, 2), current).value(0.0).unread().history(long_ago).gives(current, Rule::MissingMetric);
    }
}

#[test]
fn forced_activation() {
    let forced = |min, idle| Policy { force_activation: true, ..resting(min, idle) };
    Ask::new(forced(0, None), 0).value(0.0).gives(1, Rule::ForceActivation);
    Ask::new(forced(2, Some(0)), 0).error().gives(2, Rule::ForceActivation);
    Ask::new(forced(0, None), 1).value(0.0).gives(1, Rule::Min);
    let paused = Policy { pause: Pause { scale_out: true, ..Pause::default() }, ..forced(0, None) };
    let record = Ask::new(paused, 0).value(0.0).gives(0, Rule::Paused);
    assert!(record.active);
}

#[test]
fn in_mode_hpa_only_the_executors_moves_are_commanded() {
    let hpa = || Policy { mode: Mode::Hpa, ..resting(0, None) };
    assert_eq!(Ask::new(hpa(), 0).value(25.0).gives(1, Rule::Activation).result, Outcome::Scaled);
    assert_eq!(Ask::new(hpa(), 1).value(25.0).gives(3, Rule::Metrics).result, Outcome::Advised);
    assert_eq!(cooling(2, hpa(), seconds(301)).gives(0, Rule::Activation).result, Outcome::Scaled);
    let shadow = Policy { mode: Mode::Shadow, ..resting(0, None) };
    assert_eq!(Ask::new(shadow, 0).value(25.0).gives(1, Rule::Activation).result, Outcome::Advised);
}
