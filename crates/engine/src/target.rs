//! One target: what is known of it, what is under way, and what happens when.

mod changes;

use std::sync::Arc;
use std::time::Duration;

use crate::behavior;
use crate::event::{Command, SavedState, ScaleEvent, Workload};
use crate::hpa::Tolerances;
use crate::knowledge::{Judged, Knowledge, read_timeout};
use crate::plan::Plan;
use crate::policy::{Mode, Policy, TargetId};
use crate::reading::ReadError;
use crate::reason::{Reason, Rule};
use crate::record::{Cause, Limits, Outcome, Step};
use crate::recorder;
use crate::schedule;
use crate::stabilization::{History, Windows};
use crate::time::{ShiftBack, Timestamp};

/// A change that is not answered for this long counts as failed.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// State is saved no more often than this for changes that a restart could do without.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);

/// What handling an event needs besides the target.
pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) commands: &'a mut Vec<Command>,
    /// Reused between decisions.
    pub(crate) judged: &'a mut Vec<Judged>,
    pub(crate) names: &'a recorder::Names,
}

/// What is known of the workload.
#[derive(Clone, Debug)]
pub(crate) enum Observed {
    /// Nobody looked yet.
    Never,
    Known(Workload),
    /// It cannot be seen; the count last known, if any.
    Unknown(ReadError, Option<Workload>),
}

/// The change that was last commanded.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    None,
    InFlight {
        change: u64,
        from: u32,
        to: u32,
        at: Timestamp,
        executor: bool,
        /// A decision since then wanted something else.
        outdated: bool,
        /// Counts seen meanwhile.
        seen: Option<Workload>,
    },
    Failed {
        retry_at: Timestamp,
    },
}

/// One target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) id: TargetId,
    seed: u64,
    pub(crate) policy: Arc<Policy>,
    pub(crate) knowledge: Vec<Knowledge>,
    pub(crate) plans: Vec<Plan>,
    /// Numbers the reads.
    pub(crate) reads: u64,
    pub(crate) observed: Observed,
    original: Option<u32>,
    last_active: Option<Timestamp>,
    history: History,
    scaled: Vec<ScaleEvent>,
    sequence: u64,
    change: Change,
    change_failures: u32,
    /// When to decide again without any news.
    decide_at: Option<Timestamp>,
    stale_at: Option<Timestamp>,
    /// Nothing is known of its past.
    fresh: bool,
    /// Removed, but a change is still under way.
    leaving: bool,
    unsaved: bool,
    save_now: bool,
    saved_at: Option<Timestamp>,
    /// Decisions made, to see whether an event led to one.
    decisions: u64,
}

impl Target {
    pub(crate) fn new(id: TargetId, policy: Arc<Policy>, restored: Option<SavedState>, now: Timestamp) -> Self {
        let fresh = restored.is_none();
        let saved = restored.unwrap_or_default().not_after(now);
        let mut target = Target {
            seed: schedule::hash(id.as_str()),
            id,
            policy: policy.clone(),
            knowledge: Vec::new(),
            plans: Vec::new(),
            reads: 0,
            observed: Observed::Never,
            original: saved.original_replicas,
            last_active: saved.last_active,
            history: History::restored(saved.recommendations),
            scaled: saved.scaled,
            sequence: saved.sequence,
            change: Change::None,
            change_failures: 0,
            decide_at: None,
            stale_at: None,
            fresh,
            leaving: false,
            unsaved: false,
            save_now: false,
            saved_at: None,
            decisions: 0,
        };
        target.set_triggers(&saved.failures, now);
        target
    }

    fn set_triggers(&mut self, failures: &[u32], now: Timestamp) {
        let policy = self.policy.clone();
        let failed = |index: usize| failures.get(index).copied().unwrap_or(0);
        self.knowledge = (0..policy.triggers.len()).map(|i| Knowledge::unread(&policy, i, failed(i))).collect();
        self.plans = policy.triggers.iter().map(|trigger| Plan::new(&policy, trigger, now)).collect();
    }

    /// Takes a changed manifest. What was read before belongs to the old one, unless only who moves the replicas has
    /// changed, as when a replica that stood by takes over; failures are remembered by metric.
    pub(crate) fn change_policy(&mut self, policy: Arc<Policy>, context: &mut Context<'_>) {
        let before = std::mem::replace(&mut self.policy, policy.clone());
        let knew = std::mem::take(&mut self.knowledge);
        let failed = |metric: &str| {
            let mut known = before.triggers.iter().zip(&knew);
            known.find(|(trigger, _)| *trigger.metric == *metric).map_or(0, |(_, known)| known.failures)
        };
        let failures: Vec<u32> = policy.triggers.iter().map(|trigger| failed(&trigger.metric)).collect();
        self.leaving = false;
        self.set_triggers(&failures, context.now);
        if policy.differs_only_in_mode(&before) {
            self.knowledge = knew;
        }
        self.decide(Cause::PolicyChanged, context);
    }

    /// A source says by itself that there is work. Said again before the next reading, it only lasts longer.
    pub(crate) fn hear(&mut self, trigger: usize, context: &mut Context<'_>) {
        let policy = self.policy.clone();
        let Some(known) = self.knowledge.get_mut(trigger) else { return };
        if policy.triggers.get(trigger).is_none_or(|trigger| trigger.target.is_resource()) {
            return;
        }
        if known.pushed.replace(context.now).is_none() {
            self.decide(Cause::Activated { trigger }, context);
        }
    }

    /// Takes the workload's counts.
    pub(crate) fn observe(&mut self, workload: Result<Workload, ReadError>, context: &mut Context<'_>) {
        let workload = match workload {
            Ok(workload) => workload,
            Err(error) => {
                let same = matches!(&self.observed, Observed::Unknown(before, _) if *before == error);
                self.observed = Observed::Unknown(error, self.last_known());
                if !same {
                    self.decide(Cause::WorkloadObserved, context);
                }
                return;
            }
        };
        if let Change::InFlight { from, seen, .. } = &mut self.change {
            // Whether this was seen before or after the change took effect is not known; its answer will tell.
            *seen = Some(workload);
            self.observed = Observed::Known(Workload { replicas: *from, ..workload });
            return;
        }
        let before = std::mem::replace(&mut self.observed, Observed::Known(workload));
        match before {
            Observed::Never => {
                self.first_seen(workload, context.now);
                self.decide(Cause::WorkloadObserved, context);
            }
            Observed::Unknown(..) => self.decide(Cause::WorkloadObserved, context),
            Observed::Known(before) if before.replicas != workload.replicas => {
                self.changed_by_others(before.replicas, workload.replicas, context.now);
                self.decide(Cause::WorkloadObserved, context);
            }
            Observed::Known(_) => {}
        }
    }

    fn first_seen(&mut self, workload: Workload, now: Timestamp) {
        if self.original.is_none() {
            self.original = Some(workload.replicas);
            self.save_now = true;
        }
        if self.fresh && workload.replicas > 0 {
            // As the HPA: the count found first is a recommendation, so a fresh start changes nothing at once.
            self.history.begin(workload.replicas, now);
        }
    }

    /// Where somebody else moves the count, policies are counted from what they do.
    fn changed_by_others(&mut self, from: u32, to: u32, now: Timestamp) {
        self.change_failures = 0;
        self.change = Change::None;
        if self.policy.mode != Mode::Direct {
            self.remember_move(ScaleEvent { at: now, from, to });
        }
    }

    fn remember_move(&mut self, event: ScaleEvent) {
        if event.from > 0 && event.to > 0 {
            let cutoff = event.at - behavior::longest_period(&self.policy);
            self.scaled.retain(|past| past.at > cutoff);
            self.scaled.push(event);
        }
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving
    }

    pub(crate) fn in_flight(&self) -> bool {
        matches!(self.change, Change::InFlight { .. })
    }

    pub(crate) fn last_known(&self) -> Option<Workload> {
        match &self.observed {
            Observed::Never => None,
            Observed::Known(workload) => Some(*workload),
            Observed::Unknown(_, last) => *last,
        }
    }

    /// Does what is due without news. Reads are due in [`Plan`]s, which the engine looks at first.
    pub(crate) fn run_timers(&mut self, decided: u64, context: &mut Context<'_>) {
        let now = context.now;
        if let Change::InFlight { at, seen, .. } = &self.change
            && *at + CHANGE_TIMEOUT <= now
        {
            let seen = *seen;
            let message =
                format!("setting the replicas of {}: no answer within {} s", self.id, CHANGE_TIMEOUT.as_secs());
            let error = ReadError::new(crate::reading::ReadErrorKind::Timeout, message);
            self.change_failed(error, seen, context);
            return;
        }
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let retry = matches!(self.change, Change::Failed { retry_at } if retry_at <= now);
        if self.decisions == decided && (retry || due(self.decide_at) || due(self.stale_at)) {
            self.decide(Cause::Timer, context);
        }
    }

    pub(crate) fn decisions(&self) -> u64 {
        self.decisions
    }

    /// When the next of its timers is due.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        let change = match self.change {
            Change::None => None,
            Change::InFlight { at, .. } => Some(at + CHANGE_TIMEOUT),
            Change::Failed { retry_at } => Some(retry_at),
        };
        if self.leaving {
            return change;
        }
        let plans = self.plans.iter().filter_map(Plan::due);
        plans.chain(change).chain(self.decide_at).chain(self.stale_at).min()
    }

    /// Decides and does what follows.
    pub(crate) fn decide(&mut self, cause: Cause, context: &mut Context<'_>) {
        if self.leaving {
            return;
        }
        self.decisions += 1;
        if matches!(self.change, Change::Failed { retry_at } if retry_at <= context.now) {
            self.change = Change::None;
        }
        match &self.observed {
            Observed::Never => {}
            Observed::Known(workload) => self.decide_for(*workload, cause, context),
            Observed::Unknown(error, last) => self.hold_blind(&error.clone(), *last, cause, context),
        }
    }

    fn hold_blind(&mut self, error: &ReadError, last: Option<Workload>, cause: Cause, context: &mut Context<'_>) {
        self.sequence += 1;
        (self.decide_at, self.stale_at) = (None, None);
        let count = last.map_or(0, |workload| workload.replicas);
        let reason = Reason::WorkloadUnknown { error: error.message.clone() };
        let step = Step { rule: Rule::UnknownWorkload, from: count, to: count, reason };
        let record = recorder::bare(self, context, cause, vec![step], Outcome::Held);
        context.commands.push(Command::Emit(Arc::new(record)));
    }

    fn decide_for(&mut self, workload: Workload, cause: Cause, context: &mut Context<'_>) {
        let now = context.now;
        let policy = self.policy.clone();
        let situation = crate::decide::Situation {
            policy: &policy,
            workload,
            knowledge: &self.knowledge,
            last_active: self.last_active,
            history: &self.history,
            scaled: &self.scaled,
            now,
        };
        let mut verdict = crate::decide::decide(situation, context.judged);
        self.sequence += 1;
        let outcome = self.outcome(&verdict, workload.replicas, now);
        if outcome == Outcome::Failed
            && let Change::Failed { retry_at } = self.change
            && verdict.next.is_none_or(|(at, _)| retry_at < at)
        {
            verdict.next = Some((retry_at, crate::decide::Wait::Retry));
        }
        self.decide_at = verdict.next.map(|(at, _)| at);
        self.stale_at = verdict.stale_at;
        self.remember(&verdict, now);
        let record = recorder::full(self, context, &mut verdict, workload, cause, outcome);
        context.commands.push(Command::Emit(Arc::new(record)));
        if outcome == Outcome::Scaled {
            self.command(&verdict, workload.replicas, context);
        }
        if outcome != Outcome::Scaled
            && let Change::InFlight { to, outdated, .. } = &mut self.change
        {
            *outdated = verdict.desired != *to && !verdict.held;
        }
    }

    fn outcome(&self, verdict: &crate::decide::Verdict, current: u32, now: Timestamp) -> Outcome {
        let elsewhere = matches!(self.change, Change::InFlight { to, .. } if to != verdict.desired);
        if verdict.desired == current && (!elsewhere || verdict.held) {
            return match (verdict.paused, verdict.held) {
                (true, _) => Outcome::Paused,
                (false, true) => Outcome::Held,
                (false, false) => Outcome::Unchanged,
            };
        }
        match self.policy.mode {
            Mode::Shadow => return Outcome::Advised,
            Mode::Hpa if !verdict.executor => return Outcome::Advised,
            Mode::Hpa | Mode::Direct => {}
        }
        match self.change {
            Change::InFlight { .. } => Outcome::Waiting,
            Change::Failed { retry_at } if now < retry_at => Outcome::Failed,
            Change::Failed { .. } | Change::None => Outcome::Scaled,
        }
    }

    fn remember(&mut self, verdict: &crate::decide::Verdict, now: Timestamp) {
        if let Some(wanted) = verdict.recommendation {
            self.save_now |= self.history.ends_peak(wanted);
            self.history.add(Windows::of(&self.policy), wanted, now);
            self.unsaved = true;
        }
        if verdict.last_active != self.last_active {
            // The first sign of activity must not be lost; later ones only lengthen the cooldown.
            self.save_now |= self.last_active.is_none();
            self.last_active = verdict.last_active;
            self.unsaved = true;
        }
    }

    fn command(&mut self, verdict: &crate::decide::Verdict, from: u32, context: &mut Context<'_>) {
        let to = verdict.desired;
        self.change = Change::InFlight {
            change: self.sequence,
            from,
            to,
            at: context.now,
            executor: verdict.executor,
            outdated: false,
            seen: None,
        };
        // Saved first: what is commanded must not be forgotten by a crash right after it.
        self.save_now = true;
        self.save_if_due(context);
        let target = self.id.clone();
        context.commands.push(Command::SetReplicas { target, replicas: to, change: self.sequence });
    }

    /// Notes that the count of failures changed.
    pub(crate) fn failures_changed(&mut self) {
        self.unsaved = true;
    }

    /// Adds a `Save` if something changed that a restart would need.
    pub(crate) fn save_if_due(&mut self, context: &mut Context<'_>) {
        let interval = self.policy.triggers.iter().map(|trigger| trigger.polling_interval).min();
        let interval = interval.unwrap_or(SAVE_INTERVAL).max(SAVE_INTERVAL);
        let due = self.unsaved && self.saved_at.is_none_or(|at| context.now.since(at) >= interval);
        if self.leaving || !(self.save_now || due) {
            return;
        }
        (self.save_now, self.unsaved, self.saved_at) = (false, false, Some(context.now));
        context.commands.push(Command::Save { target: self.id.clone(), state: self.saved() });
    }

    pub(crate) fn saved(&self) -> SavedState {
        let mut scaled = self.scaled.clone();
        if let Change::InFlight { from, to, at, executor: false, .. } = self.change {
            // Whoever restores this will find the change done or not; counting it is the safe side.
            scaled.push(ScaleEvent { at, from, to });
        }
        SavedState {
            original_replicas: self.original,
            last_active: self.last_active,
            recommendations: self.history.as_slice().to_vec(),
            scaled,
            failures: self.knowledge.iter().map(|known| known.failures).collect(),
            sequence: self.sequence,
        }
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn limits(&self) -> Limits {
        let policy = &self.policy;
        Limits {
            min: policy.min_replicas,
            max: policy.max_replicas,
            idle: policy.idle_replicas,
            useful: None,
            tolerance: Tolerances::of(policy),
        }
    }

    pub(crate) fn last_active(&self) -> Option<Timestamp> {
        self.last_active
    }

    /// The deadline of a read of this trigger that is asked for now.
    pub(crate) fn deadline(&self, trigger: usize, now: Timestamp) -> Timestamp {
        now + read_timeout(&self.policy.triggers[trigger])
    }
}

impl ShiftBack for Target {
    fn shift_back(&mut self, by: Duration) {
        self.plans.shift_back(by);
        self.knowledge.shift_back(by);
        self.last_active.shift_back(by);
        self.history.shift_back(by);
        self.scaled.shift_back(by);
        self.decide_at.shift_back(by);
        self.stale_at.shift_back(by);
        self.saved_at.shift_back(by);
        match &mut self.change {
            Change::None => {}
            Change::InFlight { at, .. } => at.shift_back(by),
            Change::Failed { retry_at } => retry_at.shift_back(by),
        }
    }
}
