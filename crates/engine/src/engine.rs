//! The state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Command, Event, SavedState};
use crate::knowledge::Judged;
use crate::plan::{Due, Flight};
use crate::policy::{Policy, TargetId};
use crate::reading::{ReadError, ReadErrorKind, Reading};
use crate::record::Cause;
use crate::recorder::Names;
use crate::schedule::{self, Breaker, Pace, Source};
use crate::target::{Context, Target};
use crate::time::{ShiftBack, Timestamp};

/// From this on an earlier time means that the clock was set back.
const SET_BACK: Duration = Duration::from_secs(1);

/// Decides for any number of targets. See the crate's documentation.
#[derive(Debug, Default)]
pub struct Engine {
    targets: Vec<Option<Target>>,
    places: BTreeMap<TargetId, usize>,
    free: Vec<usize>,
    sources: BTreeMap<u64, Source>,
    /// Targets with reads that are due at once, since a source is back.
    resumed: BTreeSet<usize>,
    /// When each target has something to do.
    timers: BTreeSet<(Timestamp, usize)>,
    wakes: Vec<Option<Timestamp>>,
    /// The time of the latest event.
    last: Option<Timestamp>,
    /// What the driver was last told.
    told: Option<Timestamp>,
    judged: Vec<Judged>,
    /// Reads to be commanded once everything else of an event is done.
    reads: Vec<Command>,
    names: Names,
    pace: Pace,
}

impl Engine {
    /// An engine that knows no target.
    #[must_use]
    pub fn new() -> Self {
        Engine::default()
    }

    /// Takes one event at its time and says what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Command> {
        let mut commands = Vec::new();
        self.handle_into(event, now, &mut commands);
        commands
    }

    /// As [`Engine::handle`], with the commands appended to a list of the caller's.
    pub fn handle_into(&mut self, event: Event, now: Timestamp, commands: &mut Vec<Command>) {
        let now = self.steady(now);
        match event {
            Event::PolicyChanged { target, policy, restored } => self.put(target, policy, restored, now, commands),
            Event::TargetRemoved { target } => self.remove(&target, now, commands),
            Event::ReadingArrived { target, trigger, read, outcome } => {
                if let Some(&place) = self.places.get(&target) {
                    self.take_reading(place, trigger, read, outcome, now, commands);
                    self.settle(place, now, commands);
                }
            }
            Event::Activated { target, trigger } => self.hear(&target, trigger, now, commands),
            Event::ReadWanted { target, trigger, by } => {
                if let Some(&place) = self.places.get(&target) {
                    self.want(place, trigger, by, now);
                    self.start_reads(place, now, commands);
                    self.settle(place, now, commands);
                }
            }
            Event::WorkloadObserved { target, workload } => {
                self.with(&target, now, commands, |target, context| target.observe(workload, context));
            }
            Event::ScaleFinished { target, change, outcome } => {
                self.with(&target, now, commands, |target, context| target.finish_change(change, outcome, context));
            }
            Event::Tick => {
                self.told = None;
                self.tick(now, commands);
            }
        }
        while let Some(place) = self.resumed.pop_first() {
            self.start_reads(place, now, commands);
            self.settle(place, now, commands);
        }
        commands.append(&mut self.reads);
        self.tell_wake(commands);
    }

    /// What would have to be kept of a target across a restart as of now, for a driver that is shutting down.
    #[must_use]
    pub fn saved_state(&self, target: &TargetId) -> Option<SavedState> {
        let place = *self.places.get(target)?;
        self.targets[place].as_ref().map(Target::saved)
    }

    /// When the engine next has something to do by itself; what the latest [`Command::WakeAt`] said.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The time to go by. Events of several threads may be a little out of order; a clock that was really set back takes
    /// everything that is kept back with it, so that every age and every wait stays what it was.
    fn steady(&mut self, now: Timestamp) -> Timestamp {
        let back = self.last.map_or(Duration::ZERO, |last| last.since(now));
        if back.is_zero() {
            self.last = Some(now);
            return now;
        }
        if back < SET_BACK {
            return now + back;
        }
        self.last = Some(now);
        self.told = None;
        self.timers.clear();
        self.sources.values_mut().for_each(|source| source.shift_back(back));
        self.pace.shift_back(back);
        for place in 0..self.targets.len() {
            self.targets[place].shift_back(back);
            self.wakes[place] = None;
            self.set_timer(place);
        }
        now
    }

    fn put(
        &mut self,
        id: TargetId,
        policy: Arc<Policy>,
        restored: Option<SavedState>,
        now: Timestamp,
        commands: &mut Vec<Command>,
    ) {
        let crowded = self.places.len() > schedule::CROWD;
        if self.places.contains_key(&id) {
            let change = |target: &mut Target, context: &mut Context<'_>| {
                target.change_policy(policy, context);
            };
            self.with(&id, now, commands, change);
            if let Some(&place) = self.places.get(&id) {
                self.pace(place, crowded, now);
                self.start_reads(place, now, commands);
                self.settle(place, now, commands);
            }
            return;
        }
        let target = Target::new(id.clone(), policy, restored, now);
        let place = self.free.pop().unwrap_or(self.targets.len());
        if place == self.targets.len() {
            self.targets.push(None);
            self.wakes.push(None);
        }
        self.targets[place] = Some(target);
        self.places.insert(id, place);
        self.pace(place, crowded, now);
        self.start_reads(place, now, commands);
        self.settle(place, now, commands);
    }

    /// Spreads the first reads of a target, where there are many.
    fn pace(&mut self, place: usize, crowded: bool, now: Timestamp) {
        let Some(target) = self.targets.get_mut(place).and_then(Option::as_mut).filter(|_| crowded) else { return };
        for (trigger, plan) in target.policy.triggers.iter().zip(&mut target.plans) {
            if plan.next.is_some() {
                plan.pace(self.pace.first_slot(self.sources.entry(trigger.source).or_default(), now));
            }
        }
    }

    fn want(&mut self, place: usize, trigger: usize, by: Timestamp, now: Timestamp) {
        let target = self.targets.get_mut(place).and_then(Option::as_mut);
        if let Some(plan) = target.and_then(|target| target.plans.get_mut(trigger)) {
            plan.want(by, now);
        }
    }

    /// A source that pushes says that there is work.
    fn hear(&mut self, id: &TargetId, trigger: usize, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(&place) = self.places.get(id) else { return };
        self.at(place, now, commands, |target, context| target.hear(trigger, context));
        let target = self.targets.get_mut(place).and_then(Option::as_mut);
        if let Some(plan) = target.and_then(|target| target.plans.get_mut(trigger)) {
            plan.want_now(now);
        }
        self.start_reads(place, now, commands);
        self.settle(place, now, commands);
    }

    fn remove(&mut self, id: &TargetId, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(&place) = self.places.get(id) else { return };
        let mut gone = true;
        self.at(place, now, commands, |target, context| gone = target.leave(context));
        if gone {
            self.forget(place, id);
        } else {
            self.set_timer(place);
        }
    }

    fn forget(&mut self, place: usize, id: &TargetId) {
        if let Some(gone) = self.targets[place].take() {
            self.forget_sources(&gone);
        }
        self.places.remove(id);
        self.free.push(place);
        if let Some(at) = self.wakes[place].take() {
            self.timers.remove(&(at, place));
        }
    }

    /// Lets a target handle something, and then whatever follows from it.
    fn with(
        &mut self,
        id: &TargetId,
        now: Timestamp,
        commands: &mut Vec<Command>,
        work: impl FnOnce(&mut Target, &mut Context<'_>),
    ) {
        let Some(&place) = self.places.get(id) else { return };
        self.at(place, now, commands, work);
        self.settle(place, now, commands);
    }

    fn at(
        &mut self,
        place: usize,
        now: Timestamp,
        commands: &mut Vec<Command>,
        work: impl FnOnce(&mut Target, &mut Context<'_>),
    ) {
        let Some(target) = self.targets.get_mut(place).and_then(Option::as_mut) else { return };
        let mut context = Context { now, commands, judged: &mut self.judged, names: &self.names };
        work(target, &mut context);
    }

    /// Saves and sets the timer of a target after something happened to it.
    fn settle(&mut self, place: usize, now: Timestamp, commands: &mut Vec<Command>) {
        self.at(place, now, commands, Target::save_if_due);
        let Some(target) = self.targets.get_mut(place).and_then(Option::as_mut) else { return };
        if target.is_leaving() && !target.in_flight() {
            let id = target.id.clone();
            self.at(place, now, commands, |target, context| {
                target.leave(context);
            });
            return self.forget(place, &id);
        }
        self.set_timer(place);
    }

    fn set_timer(&mut self, place: usize) {
        let wake = self.targets.get(place).and_then(Option::as_ref).and_then(Target::wake);
        if wake != self.wakes[place] {
            if let Some(before) = self.wakes[place] {
                self.timers.remove(&(before, place));
            }
            if let Some(wake) = wake {
                self.timers.insert((wake, place));
            }
            self.wakes[place] = wake;
        }
    }

    fn tell_wake(&mut self, commands: &mut Vec<Command>) {
        let first = self.next_wake();
        if first != self.told {
            self.told = first;
            commands.extend(first.map(Command::WakeAt));
        }
    }

    fn tick(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        let due: Vec<usize> = self.timers.range(..=(now, usize::MAX)).map(|(_, place)| *place).collect();
        for place in due {
            let Some(target) = self.targets[place].as_ref() else { continue };
            let decided = target.decisions();
            if !target.is_leaving() {
                self.give_up_reads(place, now, commands);
                self.start_reads(place, now, commands);
            }
            self.at(place, now, commands, |target, context| target.run_timers(decided, context));
            self.settle(place, now, commands);
        }
    }

    /// Counts reads past their deadline as time-outs.
    fn give_up_reads(&mut self, place: usize, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(target) = self.targets[place].as_ref() else { return };
        for trigger in 0..target.plans.len() {
            let Some(target) = self.targets[place].as_ref() else { return };
            let flight = target.plans[trigger].flight.filter(|flight| flight.deadline <= now);
            if let Some(flight) = flight {
                let error = timed_out(target, trigger);
                self.take_reading(place, trigger, flight.read, Err(error), now, commands);
            }
        }
    }

    /// Asks for the reads that are due.
    fn start_reads(&mut self, place: usize, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(target) = self.targets[place].as_mut() else { return };
        let policy = target.policy.clone();
        let mut refused = Vec::new();
        for (index, trigger) in policy.triggers.iter().enumerate() {
            let Some(due) = target.plans[index].take_slot(trigger, now) else { continue };
            let deadline = target.deadline(index, now);
            let plan = &mut target.plans[index];
            let source = self.sources.get_mut(&trigger.source).and_then(|source| source.breaker.as_mut());
            let breakers = source.into_iter().chain(plan.breaker.as_mut());
            let mut refusal = None;
            for breaker in breakers {
                if refusal.is_none() && !breaker.lets_through(deadline, now) {
                    refusal = Some(breaker.refusal());
                }
            }
            if let Some(refusal) = refusal {
                if due == Due::Poll {
                    refused.push((index, refusal));
                }
                continue;
            }
            target.reads += 1;
            let read = target.reads;
            target.plans[index].begin(Flight { read, asked: now, due, deadline });
            self.reads.push(Command::Read { target: target.id.clone(), trigger: index, read, deadline });
        }
        for (index, error) in refused {
            // An interval in which the source is left alone is a failed read like any other.
            self.learn(place, index, Err(error), now, (now, commands));
        }
    }

    /// Takes an answer, if it is the one waited for.
    fn take_reading(
        &mut self,
        place: usize,
        trigger: usize,
        read: u64,
        outcome: Result<Reading, ReadError>,
        now: Timestamp,
        commands: &mut Vec<Command>,
    ) {
        let Some(target) = self.targets[place].as_mut() else { return };
        let Some(plan) = target.plans.get_mut(trigger) else { return };
        let Some(flight) = plan.flight.filter(|flight| flight.read == read) else { return };
        plan.end(now);
        let late = now > flight.deadline;
        let outcome = if late { Err(timed_out(target, trigger)) } else { outcome };
        if flight.due == Due::Extra && outcome.is_err() {
            // Failures are counted by polls; until the next one what was read before stands.
            return;
        }
        match &outcome {
            Ok(_) => self.source_answers(place, trigger, now),
            Err(error) => self.source_fails(place, trigger, &error.clone(), now),
        }
        self.learn(place, trigger, outcome, flight.asked, (now, commands));
    }

    /// Takes what a source said when it was `asked`, and decides.
    fn learn(
        &mut self,
        place: usize,
        trigger: usize,
        outcome: Result<Reading, ReadError>,
        asked: Timestamp,
        (now, commands): (Timestamp, &mut Vec<Command>),
    ) {
        self.at(place, now, commands, |target, context| {
            let before = target.knowledge[trigger].failures;
            target.knowledge[trigger].take(outcome, asked, now);
            if target.knowledge[trigger].failures != before {
                target.failures_changed();
            }
            target.decide(Cause::Reading { trigger }, context);
        });
    }

    fn source_fails(&mut self, place: usize, trigger: usize, error: &ReadError, now: Timestamp) {
        let Some(target) = self.targets[place].as_mut() else { return };
        let policy = &target.policy.triggers[trigger];
        let (source, interval) = (policy.source, policy.polling_interval);
        let failures = target.knowledge[trigger].failures.saturating_add(1);
        let plan = &mut target.plans[trigger];
        let known = self.sources.entry(source).or_default();
        let own = !schedule::concerns_source(error.kind) || known.answers(interval, now);
        let breaker = if own { &mut plan.breaker } else { &mut known.breaker };
        match breaker {
            Some(breaker) => breaker.failed(interval, source, error, now),
            None => *breaker = Breaker::opened(failures, interval, source, error, now),
        }
        if !schedule::concerns_source(error.kind) {
            // The source answers, only not what this trigger needs.
            self.reopen(source, (place, trigger), now);
        }
    }

    fn source_answers(&mut self, place: usize, trigger: usize, now: Timestamp) {
        let Some(target) = self.targets[place].as_mut() else { return };
        target.plans[trigger].breaker = None;
        let source = target.policy.triggers[trigger].source;
        self.reopen(source, (place, trigger), now);
    }

    /// A source that was left alone is back: all who ask it ask at once.
    fn reopen(&mut self, source: u64, answered: (usize, usize), now: Timestamp) {
        let known = self.sources.entry(source).or_default();
        known.answered = Some(now);
        if known.breaker.take().is_none() {
            return;
        }
        for (place, target) in self.targets.iter_mut().enumerate() {
            let Some(target) = target else { continue };
            for (index, trigger) in target.policy.triggers.iter().enumerate() {
                let waits = trigger.source == source && target.knowledge[index].failures > 0;
                let plan = &mut target.plans[index];
                if waits && (place, index) != answered && plan.flight.is_none() && plan.breaker.is_none() {
                    plan.next = plan.next.map(|next| next.min(now));
                    self.resumed.insert(place);
                }
            }
        }
    }

    /// Forgets sources that only a target that is gone has asked.
    fn forget_sources(&mut self, gone: &Target) {
        for trigger in &gone.policy.triggers {
            let asks = |target: &Target| target.policy.triggers.iter().any(|other| other.source == trigger.source);
            if !self.targets.iter().flatten().any(asks) {
                self.sources.remove(&trigger.source);
            }
        }
    }
}

fn timed_out(target: &Target, trigger: usize) -> ReadError {
    let label = &target.knowledge[trigger].label;
    let limit = crate::knowledge::read_timeout(&target.policy.triggers[trigger]);
    ReadError::new(ReadErrorKind::Timeout, format!("reading {label}: no answer within {} s", limit.as_secs_f64()))
}
