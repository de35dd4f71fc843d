//! How far one decision may move the count: the HPA's scaling policies, counted from past scale events.
//!
//! Wanted properties, tested below and in the crate's property tests:
//! - Within any policy's period the count moves by no more than the selected policy allows, counted from what it was at
//!   the period's start: changes in both directions since then are taken back first, as the HPA does it.
//! - A limit never forces a move: where it lies behind the current count, the current count is the limit.
//! - Without a behaviour scale-out is limited to the larger of 4 and twice the count of 15 seconds ago (the HPA syncs
//!   that often and we decide more often), and scale-in is not limited.
//! - Moves from and to zero are not the HPA's and count in no period.

use std::time::Duration;

use crate::event::ScaleEvent;
use crate::policy::{Policy, ScalingRules, SelectPolicy, StepKind, StepPolicy};
use crate::time::Timestamp;

/// The HPA's sync period, by which its behaviour without `behavior` is counted.
pub(crate) const SYNC_PERIOD: Duration = Duration::from_secs(15);

/// Which way the count is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// How far the count may go in a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    /// The furthest count allowed now.
    pub(crate) replicas: u32,
    /// The policy that set it. `None`: there is no behaviour.
    pub(crate) policy: Option<StepPolicy>,
    /// What the count was at the start of that policy's period.
    pub(crate) start: u32,
    /// `selectPolicy: Disabled`.
    pub(crate) disabled: bool,
}

/// The limit for a move in `direction`; `None` where there is none.
pub(crate) fn limit(
    policy: &Policy,
    direction: Direction,
    current: u32,
    scaled: &[ScaleEvent],
    now: Timestamp,
) -> Option<Limit> {
    let Some(behavior) = &policy.behavior else {
        return (direction == Direction::Up).then(|| doubling(current, scaled, now));
    };
    let rules = match direction {
        Direction::Up => &behavior.scale_up,
        Direction::Down => &behavior.scale_down,
    };
    if rules.select == SelectPolicy::Disabled {
        return Some(Limit { replicas: current, policy: None, start: current, disabled: true });
    }
    selected(rules, direction, current, scaled, now)
}

fn selected(
    rules: &ScalingRules,
    direction: Direction,
    current: u32,
    scaled: &[ScaleEvent],
    now: Timestamp,
) -> Option<Limit> {
    // The policy that allows the larger change has the higher limit going up and the lower one going down.
    let highest = (direction == Direction::Up) == (rules.select == SelectPolicy::Max);
    let mut best: Option<(i64, StepPolicy, i64)> = None;
    for policy in &rules.policies {
        let start = i64::from(current) - net_change(scaled, policy.period, now);
        let proposed = step(*policy, direction, start);
        let better = best.is_none_or(|(so_far, _, _)| if highest { proposed > so_far } else { proposed < so_far });
        if better {
            best = Some((proposed, *policy, start));
        }
    }
    best.map(|(proposed, policy, start)| {
        let current = i64::from(current);
        let limit = match direction {
            Direction::Up => proposed.max(current),
            Direction::Down => proposed.min(current),
        };
        Limit { replicas: clamp(limit), policy: Some(policy), start: clamp(start), disabled: false }
    })
}

/// How far `policy` lets a count that was `start` go.
fn step(policy: StepPolicy, direction: Direction, start: i64) -> i64 {
    let value = f64::from(policy.value);
    match (policy.kind, direction) {
        (StepKind::Pods, Direction::Up) => start + i64::from(policy.value),
        (StepKind::Pods, Direction::Down) => start - i64::from(policy.value),
        // Rounded up, or a small count could never grow; the conversion rounds to nearest zero as Go's does.
        (StepKind::Percent, Direction::Up) => ((start as f64) * (1.0 + value / 100.0)).ceil() as i64,
        (StepKind::Percent, Direction::Down) => ((start as f64) * (1.0 - value / 100.0)) as i64,
    }
}

/// The HPA's own limit where no behaviour is given.
fn doubling(current: u32, scaled: &[ScaleEvent], now: Timestamp) -> Limit {
    let start = clamp(i64::from(current) - net_change(scaled, SYNC_PERIOD, now));
    let replicas = start.saturating_mul(2).max(4).max(current);
    Limit { replicas, policy: None, start, disabled: false }
}

/// Replicas added less replicas removed within `period`.
fn net_change(scaled: &[ScaleEvent], period: Duration, now: Timestamp) -> i64 {
    within(scaled, period, now).map(|event| i64::from(event.to) - i64::from(event.from)).sum()
}

fn within(scaled: &[ScaleEvent], period: Duration, now: Timestamp) -> impl Iterator<Item = &ScaleEvent> {
    let cutoff = now - period;
    scaled.iter().filter(move |event| event.at > cutoff && event.from != 0 && event.to != 0)
}

/// When the limit of `direction` could next widen, if the count is also moved now (`moved`).
pub(crate) fn next_widening(
    policy: &Policy,
    direction: Direction,
    scaled: &[ScaleEvent],
    moved: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let periods = periods(policy, direction);
    let mut next: Option<Timestamp> = None;
    let mut consider = |at: Timestamp| {
        if next.is_none_or(|so_far| at < so_far) {
            next = Some(at);
        }
    };
    for period in periods {
        if moved {
            consider(now + period);
        }
        for event in within(scaled, period, now) {
            if (event.to > event.from) == (direction == Direction::Up) {
                consider(event.at + period);
            }
        }
    }
    next
}

fn periods(policy: &Policy, direction: Direction) -> impl Iterator<Item = Duration> {
    let policies = policy.behavior.as_ref().map(|behavior| match direction {
        Direction::Up => behavior.scale_up.policies.as_slice(),
        Direction::Down => behavior.scale_down.policies.as_slice(),
    });
    let without = policies.is_none().then_some(SYNC_PERIOD);
    policies.unwrap_or_default().iter().map(|policy| policy.period).chain(without)
}

/// How far back scale events matter.
pub(crate) fn longest_period(policy: &Policy) -> Duration {
    let Some(behavior) = &policy.behavior else { return SYNC_PERIOD };
    let all = behavior.scale_up.policies.iter().chain(&behavior.scale_down.policies);
    all.map(|policy| policy.period).max().unwrap_or(SYNC_PERIOD)
}

fn clamp(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}
