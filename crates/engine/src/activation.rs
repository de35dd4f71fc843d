//! Between zero, idle and work: what KEDA's executor does before the HPA is asked.
//!
//! Wanted properties, tested beside [`decide`](crate::decide) and in the crate's property tests:
//! - Activation lifts the count from zero (or idle) to the fewest, at least 1, in one move.
//! - Without activity the count goes to zero or idle in one move, past windows and policies, once the cooldown is over;
//!   strictly: not at its last millisecond.
//! - At idle, or at zero, nothing moves while nothing is known.
//! - A count at idle stays there without activity: the HPA's fewest do not count below it, so it does not flap.

use std::time::Duration;

use crate::behavior::SYNC_PERIOD;
use crate::decide::{Draft, Wait};
use crate::demand;
use crate::knowledge::Activity;
use crate::policy::{Mode, Policy};
use crate::reason::{Reason, Rule};
use crate::time::Timestamp;

/// How the executor left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executed {
    /// It moved the count.
    Done,
    /// It keeps the count; the HPA is not asked.
    Stay,
    /// The HPA decides; `cooling` is when the count may go to zero or idle.
    LeaveToHpa { cooling: Option<Timestamp> },
}

/// Whether a count is one from which activity wakes: zero, or below the fewest where there is an idle count.
pub(crate) fn at_rest(policy: &Policy, current: u32) -> bool {
    current == 0 || (policy.idle_replicas.is_some() && current < policy.min_replicas)
}

/// Looks at activity and adds the steps that follow from it.
pub(crate) fn execute(draft: &mut Draft<'_>) -> Executed {
    let policy = draft.situation.policy;
    let current = draft.situation.workload.replicas;
    let below = at_rest(policy, current);
    match draft.demand.activity {
        Activity::Active if below => activate(draft),
        // As KEDA: below the fewest, without an idle count, is put right whatever is known.
        _ if policy.idle_replicas.is_none() && current < policy.min_replicas => {
            let (fewest, _) = draft.range();
            draft.step(Rule::Min, fewest, Reason::Min { min: fewest });
            Executed::Done
        }
        Activity::Unknown if below => {
            let source = draft.demand.telling.or(draft.demand.first_missing);
            let trigger =
                source.map_or_else(|| "none".into(), |source| demand::label(source, draft.situation.knowledge));
            draft.verdict.held = true;
            draft.step(Rule::MissingMetric, current, Reason::ActivityUnknown { trigger });
            Executed::Stay
        }
        Activity::Inactive => deactivate(draft),
        Activity::Active | Activity::Unknown => Executed::LeaveToHpa { cooling: None },
    }
}

fn activate(draft: &mut Draft<'_>) -> Executed {
    let situation = draft.situation;
    let (fewest, _) = draft.range();
    let source = draft.demand.telling;
    let judged = draft.judged();
    let reason = demand::activated(source, situation.policy, situation.knowledge, judged, draft.composite());
    let rule = if matches!(reason, Reason::Forced) {
        // One step says it all.
        draft.verdict.steps.clear();
        Rule::ForceActivation
    } else {
        Rule::Activation
    };
    draft.step(rule, fewest, reason);
    if situation.policy.mode == Mode::Direct {
        // The HPA would look at its next sync; the next reading may come later than that.
        draft.wait(Some(situation.now + SYNC_PERIOD), Wait::HpaGoesOn);
    }
    Executed::Done
}

fn deactivate(draft: &mut Draft<'_>) -> Executed {
    let policy = draft.situation.policy;
    let current = draft.situation.workload.replicas;
    let rest = match policy.idle_replicas {
        Some(idle) => idle,
        None if policy.min_replicas == 0 => 0,
        // The fewest run always, and the HPA sees to them.
        None => return Executed::LeaveToHpa { cooling: None },
    };
    let rule = if policy.idle_replicas.is_some() { Rule::Idle } else { Rule::Activation };
    if current <= rest {
        draft.step(rule, rest, Reason::StaysInactive);
        return if current < rest { Executed::Done } else { Executed::Stay };
    }
    let until = cooldown_end(draft);
    if until.is_none_or(|until| draft.situation.now > until) {
        let last_active = draft.situation.last_active;
        draft.step(rule, rest, Reason::Inactive { last_active, cooldown: policy.cooldown });
        return Executed::Done;
    }
    let initial = draft.situation.last_active.is_none();
    let wait = if initial { Wait::InitialCooldownEnds } else { Wait::CooldownEnds };
    draft.wait(until.map(|until| until + Duration::from_millis(1)), wait);
    if policy.idle_replicas.is_some() && current < policy.min_replicas {
        // On the way down already; going up to the fewest first would flap.
        let rule = if initial { Rule::InitialCooldown } else { Rule::Cooldown };
        draft.step(rule, current, Reason::Cooling { until: until.unwrap_or(draft.situation.now) });
        return Executed::Stay;
    }
    Executed::LeaveToHpa { cooling: until }
}

/// When the count may go to zero or idle, counted from the last activity or, before any, from when the ScaledObject was
/// made. `None`: at any time.
fn cooldown_end(draft: &Draft<'_>) -> Option<Timestamp> {
    let policy = draft.situation.policy;
    match draft.situation.last_active {
        Some(at) => Some(at + policy.cooldown),
        None => policy.created.map(|created| created + policy.initial_cooldown),
    }
}
