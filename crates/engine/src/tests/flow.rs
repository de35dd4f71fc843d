//! Events in, commands out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{NOW, outage, policy, seconds};
use crate::{
    Cause, Command, Engine, Event, Mode, Outcome, Policy, ReadError, ReadErrorKind, Reading, Record, Rule, SavedState,
    TargetId, Timestamp, Workload,
};

/// An engine with one target, driven by hand.
pub(super) struct Flow {
    pub(super) engine: Engine,
    pub(super) id: TargetId,
    pub(super) now: Timestamp,
    pub(super) commands: VecDeque<Command>,
    pub(super) wake: Option<Timestamp>,
    pub(super) records: Vec<Arc<Record>>,
    pub(super) saved: Option<SavedState>,
}

impl Flow {
    pub(super) fn new(policy: Policy, replicas: u32) -> Self {
        Flow::restored(policy, replicas, Some(SavedState::default()))
    }

    pub(super) fn restored(policy: Policy, replicas: u32, restored: Option<SavedState>) -> Self {
        let id = TargetId::new("shop", "orders");
        let mut flow = Flow {
            engine: Engine::new(),
            id: id.clone(),
            now: NOW,
            commands: VecDeque::new(),
            wake: None,
            records: Vec::new(),
            saved: None,
        };
        flow.send(Event::PolicyChanged { target: id, policy: Arc::new(policy), restored });
        flow.observe(replicas);
        flow
    }

    pub(super) fn send(&mut self, event: Event) {
        for command in self.engine.handle(event, self.now) {
            match command {
                Command::Emit(record) => {
                    assert_eq!(crate::check(&record), [], "{record:#?}");
                    self.records.push(record);
                }
                Command::Save { state, .. } => self.saved = Some(state),
                Command::WakeAt(at) => self.wake = Some(at),
                other => self.commands.push_back(other),
            }
        }
    }

    pub(super) fn observe(&mut self, replicas: u32) {
        let workload = Ok(Workload::settled(replicas));
        self.send(Event::WorkloadObserved { target: self.id.clone(), workload });
    }

    /// Lets time pass to the next wake-up.
    pub(super) fn wake(&mut self) {
        let wake = self.wake.take().expect("something is to come");
        self.now = self.now.max(wake);
        self.send(Event::Tick);
    }

    /// The read that was asked for: its trigger, number and deadline.
    pub(super) fn read(&mut self) -> (usize, u64, Timestamp) {
        match self.commands.pop_front() {
            Some(Command::Read { trigger, read, deadline, .. }) => (trigger, read, deadline),
            other => panic!("a read was expected, not {other:?}"),
        }
    }

    /// The change that was commanded: to how many, and its number.
    pub(super) fn change(&mut self) -> (u32, u64) {
        match self.commands.pop_front() {
            Some(Command::SetReplicas { replicas, change, .. }) => (replicas, change),
            other => panic!("a change was expected, not {other:?}"),
        }
    }

    pub(super) fn answer(&mut self, outcome: Result<f64, ReadError>) {
        let (trigger, read, _) = self.read();
        let outcome = outcome.map(|value| Reading::of(value, self.now));
        self.send(Event::ReadingArrived { target: self.id.clone(), trigger, read, outcome });
    }

    pub(super) fn finish(&mut self, change: u64, outcome: Result<(), ReadError>) {
        self.send(Event::ScaleFinished { target: self.id.clone(), change, outcome });
    }

    pub(super) fn last(&self) -> &Record {
        self.records.last().expect("a record was made")
    }

    pub(super) fn nothing_more(&self) {
        assert!(self.commands.is_empty(), "{:?}", self.commands);
    }
}

#[test]
fn from_the_reading_to_the_change_in_one_step() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    flow.answer(Ok(55.0));
    let (replicas, change) = flow.change();
    assert_eq!((replicas, change), (6, flow.last().sequence));
    assert_eq!((flow.last().result, &flow.last().cause), (Outcome::Scaled, &Cause::Reading { trigger: 0 }));
    flow.finish(change, Ok(()));
    flow.nothing_more();
    assert_eq!(flow.saved.as_ref().unwrap().scaled[0].to, 6);
}

#[test]
fn a_second_tick_changes_nothing() {
    let mut flow = Flow::new(policy(0, 100, 2), 3);
    flow.answer(Ok(55.0));
    flow.answer(Err(outage()));
    for _ in 0..20 {
        flow.wake();
        while !flow.commands.is_empty() {
            match flow.commands.front() {
                Some(Command::Read { .. }) => flow.answer(Ok(0.0)),
                _ => {
                    let (_, change) = flow.change();
                    flow.finish(change, Ok(()));
                }
            }
        }
        let again = flow.engine.handle(Event::Tick, flow.now);
        assert!(again.iter().all(|command| matches!(command, Command::WakeAt(_))), "{again:?}");
    }
}

#[test]
fn one_change_at_a_time_and_the_newest_wish_after_it() {
    let mut flow = Flow::new(Policy { behavior: Some(crate::Behavior::api_server_defaults()), ..policy(1, 100, 1) }, 3);
    flow.answer(Ok(55.0));
    let (_, change) = flow.change();
    flow.wake();
    flow.answer(Ok(70.0));
    assert_eq!((flow.last().result, flow.last().desired_replicas), (Outcome::Waiting, 7));
    flow.nothing_more();
    flow.finish(change, Ok(()));
    assert_eq!(flow.last().cause, Cause::ScaleFinished { error: None });
    assert_eq!(flow.change().0, 7);
}

#[test]
fn a_failed_change_is_recorded_and_tried_again_later() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    flow.answer(Ok(55.0));
    let (_, change) = flow.change();
    flow.finish(change, Err(outage()));
    assert_eq!((flow.last().result, flow.last().desired_replicas), (Outcome::Failed, 6));
    assert_eq!(&*flow.last().next.as_ref().unwrap().what, "the change that failed is tried again");
    flow.nothing_more();
    flow.wake();
    assert!(flow.now <= NOW + seconds(1));
    let (replicas, again) = flow.change();
    assert!(again > change);
    assert_eq!(replicas, 6);
    // The answer to the first comes late and means nothing.
    flow.finish(change, Ok(()));
    assert!(flow.saved.as_ref().unwrap().scaled.len() <= 1);
}

#[test]
fn a_change_without_an_answer_fails() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    flow.answer(Ok(55.0));
    let _ = flow.change();
    while flow.last().result != Outcome::Failed {
        flow.wake();
        while !flow.commands.is_empty() {
            flow.answer(Ok(55.0));
        }
    }
    assert!(flow.now >= NOW + seconds(60));
}

#[test]
fn a_read_without_an_answer_is_a_time_out_and_its_late_answer_nothing() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    let (trigger, read, deadline) = flow.read();
    assert_eq!(deadline, NOW + seconds(10));
    flow.wake();
    while flow.last().readings[0].error.is_none() {
        flow.wake();
    }
    assert_eq!(flow.last().readings[0].error.as_ref().unwrap().kind, ReadErrorKind::Timeout);
    assert_eq!(flow.last().readings[0].failures, 1);
    let records = flow.records.len();
    let outcome = Ok(Reading::of(500.0, flow.now));
    flow.send(Event::ReadingArrived { target: flow.id.clone(), trigger, read, outcome });
    assert_eq!(flow.records.len(), records);
}

#[test]
fn an_answer_to_an_older_policy_is_dropped() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    let (trigger, read, _) = flow.read();
    let newer = Event::PolicyChanged { target: flow.id.clone(), policy: Arc::new(policy(1, 50, 1)), restored: None };
    flow.send(newer);
    let records = flow.records.len();
    let outcome = Ok(Reading::of(500.0, flow.now));
    flow.send(Event::ReadingArrived { target: flow.id.clone(), trigger, read, outcome });
    assert_eq!(flow.records.len(), records);
    flow.answer(Ok(500.0));
    assert_eq!(flow.last().limits.max, 50);
}

#[test]
fn somebody_else_scaled_and_it_is_decided_again() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    flow.answer(Ok(30.0));
    let records = flow.records.len();
    flow.observe(3);
    assert_eq!(flow.records.len(), records, "nothing changed");
    flow.observe(1);
    assert_eq!(flow.last().cause, Cause::WorkloadObserved);
    assert_eq!(flow.change().0, 3);
}

#[test]
fn a_workload_out_of_sight_is_held_and_said_once() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    let records = flow.records.len();
    for _ in 0..3 {
        flow.send(Event::WorkloadObserved { target: flow.id.clone(), workload: Err(outage()) });
    }
    assert_eq!(flow.records.len(), records + 1);
    flow.answer(Ok(90.0));
    assert_eq!((flow.last().result, flow.last().desired_replicas), (Outcome::Held, 3));
    flow.nothing_more();
    flow.observe(3);
    assert_eq!(flow.change().0, 6);
}

#[test]
fn a_fresh_start_changes_nothing_before_the_window_has_passed() {
    let mut flow = Flow::restored(policy(1, 100, 1), 8, None);
    flow.answer(Ok(10.0));
    assert_eq!((flow.last().desired_replicas, flow.last().bound_by), (8, Rule::Stabilization));
    while flow.commands.is_empty() || matches!(flow.commands.front(), Some(Command::Read { .. })) {
        if flow.commands.is_empty() {
            flow.wake();
        } else {
            flow.answer(Ok(10.0));
        }
    }
    assert_eq!(flow.change().0, 1);
    assert_eq!(flow.now.since(NOW), Duration::from_millis(300_001));
}

#[test]
fn the_original_count_is_put_back_on_removal() {
    let restoring = Policy { restore_original: true, ..policy(1, 100, 1) };
    let mut flow = Flow::new(restoring, 2);
    flow.answer(Ok(40.0));
    let (_, change) = flow.change();
    flow.send(Event::TargetRemoved { target: flow.id.clone() });
    flow.nothing_more();
    flow.finish(change, Ok(()));
    assert_eq!(flow.change().0, 2);
    assert_eq!((flow.last().bound_by, &flow.last().cause), (Rule::RestoreOriginal, &Cause::Removed));
    assert_eq!(flow.engine.next_wake(), None);
    let mut plain = Flow::new(policy(1, 100, 1), 2);
    let _ = plain.read();
    plain.send(Event::TargetRemoved { target: plain.id.clone() });
    plain.nothing_more();
}

#[test]
fn a_failing_source_is_asked_less_often_and_its_failures_count_on() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    let mut reads = 0;
    while flow.now.since(NOW) < seconds(3600) {
        if flow.commands.is_empty() {
            flow.wake();
        } else {
            reads += 1;
            flow.answer(Err(outage()));
        }
    }
    let failures = flow.last().readings[0].failures;
    assert!((119..=122).contains(&failures), "{failures} failures in 120 intervals");
    assert!((50..=70).contains(&reads), "{reads} reads");
    assert!(flow.records.iter().all(|record| record.desired_replicas == 3));
}

#[test]
fn triggers_of_one_source_are_read_in_the_same_instant_and_resume_together() {
    let mut shared = policy(1, 100, 2);
    shared.triggers[1].source = shared.triggers[0].source;
    let mut flow = Flow::new(shared, 3);
    flow.answer(Err(outage()));
    flow.answer(Err(outage()));
    while flow.now.since(NOW) < seconds(600) {
        flow.wake();
        while !flow.commands.is_empty() {
            flow.answer(Err(outage()));
        }
    }
    while flow.commands.is_empty() {
        flow.wake();
    }
    assert_eq!(flow.commands.len(), 1, "one probes for both");
    flow.answer(Ok(40.0));
    assert_eq!(flow.commands.iter().filter(|command| matches!(command, Command::Read { .. })).count(), 1);
}

#[test]
fn a_clock_set_back_changes_no_wait() {
    let mut flow = Flow::new(policy(0, 100, 1), 3);
    flow.answer(Ok(30.0));
    let back = seconds(3600);
    flow.now = flow.now - back;
    flow.send(Event::Tick);
    let wake = flow.wake.expect("a wake-up");
    assert!(wake > flow.now && wake.since(flow.now) <= seconds(30), "{wake}");
    while flow.last().desired_replicas != 0 {
        if flow.commands.is_empty() {
            flow.wake();
        } else if matches!(flow.commands.front(), Some(Command::Read { .. })) {
            flow.answer(Ok(0.0));
        } else {
            let (_, change) = flow.change();
            flow.finish(change, Ok(()));
        }
    }
    let took = flow.now.since(NOW - back);
    assert!(took > seconds(299) && took < seconds(331), "{took:?}");
}

#[test]
fn in_shadow_nothing_is_commanded() {
    let mut flow = Flow::new(Policy { mode: Mode::Shadow, ..policy(1, 100, 1) }, 3);
    flow.answer(Ok(90.0));
    assert_eq!((flow.last().result, flow.last().desired_replicas), (Outcome::Advised, 6));
    flow.nothing_more();
    // The HPA beside us moves, and its move counts in the period.
    flow.observe(6);
    assert_eq!((flow.last().desired_replicas, flow.last().bound_by), (6, Rule::ScaleUpPolicy));
}

#[test]
fn saves_are_few_while_nothing_happens() {
    let mut flow = Flow::new(policy(1, 100, 1), 3);
    flow.answer(Ok(30.0));
    let mut saves = 0;
    while flow.now.since(NOW) < seconds(3600) {
        flow.saved = None;
        flow.wake();
        while !flow.commands.is_empty() {
            flow.answer(Ok(30.0));
        }
        saves += u32::from(flow.saved.is_some());
    }
    assert!(saves <= 121, "{saves} saves in an hour of readings every 30 s");
}

/// A replica that stood by knows what it read when it takes over; another manifest is another question.
#[test]
fn what_was_read_outlives_a_change_of_mode_alone() {
    let in_mode = |mode: Mode, max: u32| Arc::new(Policy { mode, ..policy(1, max, 1) });
    let mut flow = Flow::new(Policy::clone(&in_mode(Mode::Shadow, 100)), 3);
    flow.answer(Ok(55.0));
    flow.nothing_more();
    let change = |flow: &mut Flow, policy: Arc<Policy>| {
        flow.send(Event::PolicyChanged { target: flow.id.clone(), policy, restored: None });
    };
    change(&mut flow, in_mode(Mode::Direct, 100));
    let readings = &flow.last().readings;
    assert_eq!((flow.last().cause.clone(), readings[0].value), (Cause::PolicyChanged, Some(55.0)));
    change(&mut flow, in_mode(Mode::Shadow, 50));
    assert_eq!(flow.last().readings[0].value, None);
}
