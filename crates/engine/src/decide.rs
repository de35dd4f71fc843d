//! One decision: the rules in the order in which they look at the number.
//!
//! Pure: everything it depends on is in [`Situation`]. The order is KEDA's executor first (pauses, 0↔1, idle, cooldown),
//! then the HPA's (limits where the count is outside of them, metrics, windows, policies, limits), then our own
//! (parallelism, busy pods, one-directional pauses).
//!
//! Wanted properties, tested beside this and in the crate's property tests:
//! - The steps are a chain from the current count to the result.
//! - Never above the most, below the fewest, outside a policy's step or above the useful parallelism, save where the
//!   manifest's fewest are more than that; pauses and busy pods may keep a count that is outside.
//! - Never to zero, and never in at all, on missing knowledge.

use crate::activation::{self, Executed};
use crate::behavior::{self, Direction};
use crate::demand::{self, Composite, Demand, Source};
use crate::event::{ScaleEvent, Workload};
use crate::hpa::Tolerances;
use crate::knowledge::{self, Activity, Judged, Knowledge, Latest, Stance};
use crate::policy::Policy;
use crate::reason::{Reason, Rule};
use crate::record::{Limits, Step};
use crate::stabilization::{History, Windows};
use crate::time::Timestamp;

/// What a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) workload: Workload,
    pub(crate) knowledge: &'a [Knowledge],
    pub(crate) last_active: Option<Timestamp>,
    pub(crate) history: &'a History,
    pub(crate) scaled: &'a [ScaleEvent],
    pub(crate) now: Timestamp,
}

/// Why the result could change of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    CooldownEnds,
    InitialCooldownEnds,
    ScaleInWindowEnds,
    ScaleOutWindowEnds,
    ScaleInPolicyAllows,
    ScaleOutPolicyAllows,
    HpaGoesOn,
    Retry,
}

/// What came out.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) steps: Vec<Step>,
    pub(crate) desired: u32,
    pub(crate) active: bool,
    /// When a trigger was last active, as of now.
    pub(crate) last_active: Option<Timestamp>,
    /// Missing knowledge kept something from moving.
    pub(crate) held: bool,
    /// A pause did.
    pub(crate) paused: bool,
    /// A move of KEDA's executor and not of the HPA.
    pub(crate) executor: bool,
    /// To be kept for the windows.
    pub(crate) recommendation: Option<u32>,
    pub(crate) limits: Limits,
    pub(crate) next: Option<(Timestamp, Wait)>,
    /// When a reading in use becomes too old.
    pub(crate) stale_at: Option<Timestamp>,
    pub(crate) composite: Option<Composite>,
}

impl Verdict {
    /// The rule that bound the result: the last that changed it, or else the last that looked.
    pub(crate) fn bound_by(&self) -> Rule {
        let changed = self.steps.iter().rev().find(|step| step.from != step.to);
        changed.or(self.steps.last()).map_or(Rule::None, |step| step.rule)
    }
}

/// The chain of steps while it is being made.
pub(crate) struct Draft<'a> {
    pub(crate) situation: Situation<'a>,
    pub(crate) demand: Demand,
    judged: &'a [Judged],
    tolerances: Tolerances,
    /// Where the chain is.
    pub(crate) count: u32,
    pub(crate) verdict: Verdict,
}

/// Decides. `judged` is filled with what was made of each trigger.
pub(crate) fn decide(situation: Situation<'_>, judged: &mut Vec<Judged>) -> Verdict {
    let Situation { policy, workload, knowledge, now, .. } = situation;
    let tolerances = Tolerances::of(policy);
    judged.clear();
    let pairs = policy.triggers.iter().zip(knowledge);
    judged.extend(pairs.map(|(trigger, known)| knowledge::judge(policy, trigger, known, &workload, tolerances, now)));
    let composite =
        policy.formula.as_ref().map(|formula| demand::compose(policy, formula, judged, &workload, tolerances));
    let demand = demand::weigh(policy, judged, composite.as_ref());
    let limits = Limits {
        min: policy.min_replicas,
        max: policy.max_replicas,
        idle: policy.idle_replicas,
        useful: demand.useful,
        tolerance: tolerances,
    };
    let mut draft = Draft {
        situation,
        judged,
        tolerances,
        count: workload.replicas,
        verdict: Verdict {
            steps: Vec::with_capacity(4),
            desired: workload.replicas,
            active: demand.activity == Activity::Active,
            last_active: last_active(&situation, &demand, judged),
            held: false,
            paused: false,
            executor: false,
            recommendation: None,
            limits,
            next: None,
            stale_at: stale_at(policy, knowledge, judged),
            composite,
        },
        demand,
    };
    draft.run();
    draft.verdict.desired = draft.count;
    draft.verdict
}

impl Draft<'_> {
    fn run(&mut self) {
        let Situation { policy, workload, .. } = self.situation;
        self.note_force();
        if let Some(replicas) = policy.pause.at {
            self.verdict.paused = true;
            self.verdict.executor = true;
            return self.step(Rule::Paused, replicas, Reason::PausedAt { replicas });
        }
        if policy.pause.all {
            self.verdict.paused = true;
            return self.step(Rule::Paused, workload.replicas, Reason::Paused);
        }
        if let Some(index) = self.demand.holds {
            self.verdict.held = true;
            let trigger = self.situation.knowledge[index].label.clone();
            return self.step(Rule::MissingMetric, workload.replicas, Reason::HoldsOnFailure { trigger });
        }
        match activation::execute(self) {
            Executed::Done => self.verdict.executor = true,
            Executed::Stay => {}
            Executed::LeaveToHpa { cooling } => {
                self.autoscale();
                self.cap_parallelism();
                if let Some(until) = cooling {
                    self.note_cooling(until);
                }
            }
        }
        self.protect_busy();
        self.gate_pauses();
    }

    /// Adds a step from where the chain is.
    pub(crate) fn step(&mut self, rule: Rule, to: u32, reason: Reason) {
        self.verdict.steps.push(Step { rule, from: self.count, to, reason });
        self.count = to;
    }

    /// Notes when the result could change; the earliest counts.
    pub(crate) fn wait(&mut self, at: Option<Timestamp>, wait: Wait) {
        let Some(at) = at else { return };
        if at > self.situation.now && self.verdict.next.is_none_or(|(so_far, _)| at < so_far) {
            self.verdict.next = Some((at, wait));
        }
    }

    pub(crate) fn composite(&self) -> Option<&Composite> {
        self.verdict.composite.as_ref()
    }

    pub(crate) fn judged(&self) -> &[Judged] {
        self.judged
    }

    /// The fewest and the most for the HPA, which never goes to zero.
    pub(crate) fn range(&self) -> (u32, u32) {
        let fewest = self.situation.policy.min_replicas.max(1);
        (fewest, self.situation.policy.max_replicas.max(fewest))
    }

    /// The HPA's part.
    fn autoscale(&mut self) {
        let current = self.situation.workload.replicas;
        let (fewest, most) = self.range();
        // The HPA does not look at metrics while the count is outside of its limits.
        if current > most {
            return self.step(Rule::Max, most, Reason::Max { max: most });
        }
        if current < fewest {
            return self.step(Rule::Min, fewest, Reason::Min { min: fewest });
        }
        let Some(wanted) = self.metrics() else { return };
        self.verdict.recommendation = Some(wanted);
        self.stabilize(wanted);
        self.limit_rate();
        if self.count > most {
            self.step(Rule::Max, most, Reason::Max { max: most });
        }
        if self.count < fewest {
            self.raise_to(fewest);
        }
    }

    /// What the metrics ask for; `None` if too little is known to go on.
    fn metrics(&mut self) -> Option<u32> {
        let Situation { policy, workload, knowledge, .. } = self.situation;
        let current = workload.replicas;
        let left = self.judged.iter().position(|judged| judged.stance == Stance::LeftToHpa);
        if let Some(left) = left.filter(|_| self.demand.wanted.is_none_or(|wanted| wanted <= current)) {
            // It takes the most that any metric asks for, so only a rise is certain.
            let trigger = knowledge[left].label.clone();
            self.step(Rule::LeftToHpa, current, Reason::LeftToHpa { trigger });
            return None;
        }
        let (Some((raw, source)), Some(wanted)) = (self.demand.raw, self.demand.wanted) else {
            self.verdict.held = true;
            self.step(Rule::MissingMetric, current, Reason::NothingKnown { of: self.demand.metrics });
            return None;
        };
        let composite = self.verdict.composite.as_ref();
        let reason = demand::wants(source, policy, knowledge, self.judged, composite, &workload, self.tolerances);
        let rule = match reason {
            Reason::WithinTolerance { .. } => Rule::Tolerance,
            Reason::FallbackWants { .. } => Rule::Fallback,
            _ => Rule::Metrics,
        };
        self.step(rule, raw, reason);
        if wanted < raw {
            let useful = self.own_parallelism(source).unwrap_or(wanted);
            self.step(Rule::UsefulParallelism, wanted, Reason::Parallelism { useful });
        }
        if self.demand.missing > 0 && wanted < current {
            self.verdict.held = true;
            let first = self.demand.first_missing.unwrap_or(source);
            let trigger = demand::label(first, knowledge);
            let reason = Reason::NoScaleInWhileMissing { trigger, missing: self.demand.missing };
            self.step(Rule::MissingMetric, current, reason);
            return None;
        }
        Some(wanted)
    }

    fn own_parallelism(&self, source: Source) -> Option<u32> {
        match source {
            Source::Trigger(index) => self.judged[index].proposal.and_then(|proposal| proposal.useful),
            Source::Formula => None,
        }
    }

    fn stabilize(&mut self, wanted: u32) {
        let Situation { policy, workload, history, now, .. } = self.situation;
        let stabilized = history.stabilize(Windows::of(policy), workload.replicas, wanted, now);
        let Some((bound, window)) = stabilized.bound_by else { return };
        let reason = Reason::Recommended { replicas: bound.replicas, at: bound.at, window };
        self.step(Rule::Stabilization, stabilized.replicas, reason);
        let (fewest, most) = self.range();
        if wanted.clamp(fewest, most) != stabilized.replicas.clamp(fewest, most) {
            let out = wanted > stabilized.replicas;
            self.wait(stabilized.until, if out { Wait::ScaleOutWindowEnds } else { Wait::ScaleInWindowEnds });
        }
    }

    fn limit_rate(&mut self) {
        let Situation { policy, workload, scaled, now, .. } = self.situation;
        let current = workload.replicas;
        let direction = match self.count.cmp(&current) {
            std::cmp::Ordering::Greater => Direction::Up,
            std::cmp::Ordering::Less => Direction::Down,
            std::cmp::Ordering::Equal => return,
        };
        let Some(limit) = behavior::limit(policy, direction, current, scaled, now) else { return };
        let (rule, wait, beyond) = match direction {
            Direction::Up => (Rule::ScaleUpPolicy, Wait::ScaleOutPolicyAllows, self.count > limit.replicas),
            Direction::Down => (Rule::ScaleDownPolicy, Wait::ScaleInPolicyAllows, self.count < limit.replicas),
        };
        if !beyond {
            return;
        }
        let (fewest, most) = self.range();
        let narrowed = self.count.clamp(fewest, most) != limit.replicas.clamp(fewest, most);
        if limit.disabled {
            return self.step(Rule::Disabled, limit.replicas, Reason::SelectDisabled);
        }
        let reason = match limit.policy {
            Some(by) => Reason::Policy {
                kind: by.kind,
                value: by.value,
                period: by.period,
                start: limit.start,
                limit: limit.replicas,
            },
            None => Reason::Doubling { start: limit.start, limit: limit.replicas },
        };
        self.step(rule, limit.replicas, reason);
        if narrowed {
            let moved = limit.replicas != current;
            self.wait(behavior::next_widening(policy, direction, scaled, moved, now), wait);
        }
    }

    /// The HPA's lower limit, named after what really keeps the count there.
    fn raise_to(&mut self, fewest: u32) {
        let (rule, reason) = if self.situation.policy.min_replicas >= 1 {
            (Rule::Min, Reason::Min { min: fewest })
        } else if self.demand.activity == Activity::Unknown {
            (Rule::MissingMetric, Reason::AtLeastOne)
        } else {
            (Rule::Min, Reason::AtLeastOne)
        };
        self.step(rule, fewest, reason);
    }

    /// Says that nothing but the annotation makes the workload active.
    fn note_force(&mut self) {
        if self.situation.policy.force_activation && !self.demand.active_by_itself {
            self.step(Rule::ForceActivation, self.count, Reason::Forced);
        }
    }

    /// Says what the cooldown keeps from happening.
    fn note_cooling(&mut self, until: Timestamp) {
        let initial = self.verdict.last_active.is_none();
        let rule = if initial { Rule::InitialCooldown } else { Rule::Cooldown };
        let reason = Reason::Cooling { until };
        let floor = matches!(self.verdict.steps.last(), Some(Step { rule: Rule::Min, from, to, .. }) if from < to);
        match self.verdict.steps.last_mut() {
            // The lowest count of the HPA holds only until then.
            Some(step) if floor => (step.rule, step.reason) = (rule, reason),
            _ => self.step(rule, self.count, reason),
        }
    }

    fn cap_parallelism(&mut self) {
        let Some(useful) = self.demand.useful else { return };
        let current = self.situation.workload.replicas;
        let (fewest, _) = self.range();
        // What is missing might keep more busy, so it may keep what is there.
        let cap = if self.demand.missing > 0 { useful.max(current) } else { useful };
        if self.count <= cap {
            return;
        }
        self.step(Rule::UsefulParallelism, cap, Reason::Parallelism { useful });
        if cap < fewest {
            self.step(Rule::Min, fewest, Reason::ParallelismBelowMin { useful, min: fewest });
        }
    }

    fn protect_busy(&mut self) {
        let Workload { replicas, busy: Some(busy), .. } = self.situation.workload else { return };
        let floor = busy.min(replicas);
        if self.count < floor {
            self.step(Rule::BusyPods, floor, Reason::Busy { busy });
        }
    }

    fn gate_pauses(&mut self) {
        let Situation { policy, workload, .. } = self.situation;
        let (current, pause) = (workload.replicas, policy.pause);
        let reason = if self.count < current && pause.scale_in {
            Reason::PausedScaleIn
        } else if self.count > current && pause.scale_out {
            Reason::PausedScaleOut
        } else {
            return;
        };
        self.verdict.paused = true;
        self.step(Rule::Paused, current, reason);
    }
}

/// Activity renews the time at which the reading arrived that showed it.
fn last_active(situation: &Situation<'_>, demand: &Demand, judged: &[Judged]) -> Option<Timestamp> {
    let policy = situation.policy;
    // What a pause keeps from waking has not been active.
    let kept_asleep = policy.pause.scale_out && activation::at_rest(policy, situation.workload.replicas);
    if demand.activity != Activity::Active || kept_asleep {
        return situation.last_active;
    }
    let by_reading = judged.iter().zip(situation.knowledge).filter_map(|(judged, known)| match &known.latest {
        _ if judged.pushed => known.pushed,
        Latest::Known(_, arrived) if judged.stance == Stance::Fresh && counts(situation, judged) => Some(*arrived),
        _ => None,
    });
    let latest = by_reading.max().unwrap_or(situation.now);
    let stands_in = judged.iter().any(|judged| matches!(judged.stance, Stance::Fallback(_)));
    let forced = policy.force_activation || policy.only_resources() || stands_in;
    let at = if forced { situation.now } else { latest };
    situation.last_active.max(Some(at))
}

/// Whether a trigger's own activity is what makes the workload active; with a formula any reading may be.
fn counts(situation: &Situation<'_>, judged: &Judged) -> bool {
    judged.tells && (situation.policy.formula.is_some() || judged.activity == Activity::Active)
}

fn stale_at(policy: &Policy, knowledge: &[Knowledge], judged: &[Judged]) -> Option<Timestamp> {
    let triggers = policy.triggers.iter().zip(knowledge).zip(judged);
    let fresh = triggers.filter_map(|((trigger, known), judged)| match &known.latest {
        Latest::Known(reading, _) if judged.stance == Stance::Fresh => {
            Some(reading.at + knowledge::freshness(trigger) + std::time::Duration::from_millis(1))
        }
        _ => None,
    });
    fresh.min()
}
