//! When one trigger is read next, and what became of the read under way.

use std::time::Duration;

use crate::policy::{Policy, TriggerPolicy};
use crate::schedule::{self, Breaker};
use crate::time::{ShiftBack, Timestamp};

/// A read that is wanted between two polls is not made so soon before a poll, or after another read: what there is by
/// then is fresh enough.
const FRESH: Duration = Duration::from_secs(1);

/// Whoever wanted a reading and does not come for it is late: it is read again after so long, and then every quarter of
/// their delay. A HorizontalPodAutoscaler comes within half a second where nothing is busy, and many seconds later where its
/// controller's workers are.
const SHORTEST_REPEAT: Duration = Duration::from_millis(1500);

/// Repeats keep to this grid, so that those of one source still go together.
const REPEAT_GRID: Duration = Duration::from_millis(500);

/// Whoever is so late is not expected any more.
const LATEST: Duration = Duration::from_secs(60);

/// A read under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) read: u64,
    pub(crate) asked: Timestamp,
    pub(crate) due: Due,
    /// An answer after this is a time-out.
    pub(crate) deadline: Timestamp,
}

/// Why a read is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is one of the interval's.
    Poll,
    /// Somebody wants it between two polls.
    Extra,
}

/// The plan of one trigger.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The next poll. `None`: somebody else reads this trigger, or nobody while there is a pause.
    pub(crate) next: Option<Timestamp>,
    /// A read between two polls, since something happened at the source.
    wanted: Option<Timestamp>,
    /// A read between two polls for somebody who is expected to ask.
    expected: Option<Expected>,
    /// Another read is wanted as soon as the one under way is done, since that began too early.
    again: bool,
    /// When it was last asked.
    asked: Option<Timestamp>,
    pub(crate) flight: Option<Flight>,
    /// Open while this trigger fails by its own fault.
    pub(crate) breaker: Option<Breaker>,
    /// Its first read was put off, so the second is not to follow close on it.
    paced: bool,
}

impl Plan {
    /// Due at once, if it is ours to read.
    pub(crate) fn new(policy: &Policy, trigger: &TriggerPolicy, now: Timestamp) -> Self {
        let next = policy.polls(trigger).then_some(now);
        Plan {
            next,
            wanted: None,
            expected: None,
            again: false,
            asked: None,
            flight: None,
            breaker: None,
            paced: false,
        }
    }

    /// Puts the first read off to `slot`.
    pub(crate) fn pace(&mut self, slot: Timestamp) {
        if let Some(next) = &mut self.next {
            self.paced = true;
            *next = slot;
        }
    }

    /// When there is something to do: a read to be made, or one to be given up.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let deadline = self.flight.map(|flight| flight.deadline);
        let expected = self.expected.map(|expected| expected.at);
        self.next.into_iter().chain(self.wanted).chain(expected).chain(deadline).min()
    }

    /// Takes the slot that is due, if one is, and moves on to the next. A slot is lost while a read is under way.
    pub(crate) fn take_slot(&mut self, trigger: &TriggerPolicy, now: Timestamp) -> Option<Due> {
        let poll = self.next.is_some_and(|next| next <= now);
        let wanted = self.wanted.is_some_and(|wanted| wanted <= now);
        let expected = self.expected.filter(|expected| expected.at <= now);
        if poll {
            self.next = Some(self.slot_after(trigger, now));
        }
        if wanted {
            self.wanted = None;
        }
        if let Some(expected) = expected {
            self.expected = expected.repeated(now);
        }
        let extra = wanted || expected.is_some();
        if self.flight.is_some() {
            return None;
        }
        match (poll, extra) {
            (true, _) => Some(Due::Poll),
            (false, true) => Some(Due::Extra),
            (false, false) => None,
        }
    }

    fn slot_after(&mut self, trigger: &TriggerPolicy, now: Timestamp) -> Timestamp {
        let next = schedule::next_slot(trigger.source, trigger.polling_interval, now);
        let close = std::mem::take(&mut self.paced) && next.since(now) < trigger.polling_interval / 2;
        if close { next + trigger.polling_interval } else { next }
    }

    /// A read begins.
    pub(crate) fn begin(&mut self, flight: Flight) {
        self.asked = Some(flight.asked);
        self.flight = Some(flight);
    }

    /// The read under way is over.
    pub(crate) fn end(&mut self, now: Timestamp) {
        self.flight = None;
        if std::mem::take(&mut self.again) {
            self.wanted = Some(now);
        }
    }

    /// Somebody is expected to ask at `by`, and had by now what was read for them before.
    pub(crate) fn want(&mut self, by: Timestamp, now: Timestamp) {
        let at = by.max(now);
        let Some(next) = self.next else { return };
        let other = self.expected.filter(|other| other.since.is_none() && other.at <= at);
        let polled = next <= at && at.since(next) < FRESH;
        let read = self.asked.is_some_and(|asked| at.since(asked) < FRESH);
        self.expected = match (polled, read) {
            _ if other.is_some() => other,
            (_, true) => None,
            (true, false) => Expected::at(next).repeated(now),
            (false, false) => Some(Expected::at(at)),
        };
    }

    /// Something happened at the source: a read that began before does not show it.
    pub(crate) fn want_now(&mut self, now: Timestamp) {
        match self.flight {
            Some(_) => self.again = true,
            None if self.asked.is_some_and(|asked| now.since(asked) < FRESH) => {}
            None => self.wanted = self.next.map(|_| now),
        }
    }
}

/// Somebody who is expected to ask for the value.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// When it is read for them next.
    at: Timestamp,
    /// When it was first read for them.
    since: Option<Timestamp>,
}

impl Expected {
    fn at(at: Timestamp) -> Self {
        Expected { at, since: None }
    }

    /// After the read at `at`: the next one, if they do not come.
    fn repeated(self, now: Timestamp) -> Option<Self> {
        let since = self.since.unwrap_or(self.at);
        let late = self.at.since(since);
        let steps = (late / 4).max(SHORTEST_REPEAT).as_millis() / REPEAT_GRID.as_millis();
        let pause = REPEAT_GRID * u32::try_from(steps).unwrap_or(u32::MAX);
        let next = self.at + pause;
        let at = if next > now { next } else { now + pause };
        (late < LATEST).then_some(Expected { at, since: Some(since) })
    }
}

impl ShiftBack for Expected {
    fn shift_back(&mut self, by: Duration) {
        self.at.shift_back(by);
        self.since.shift_back(by);
    }
}

impl ShiftBack for Plan {
    fn shift_back(&mut self, by: Duration) {
        self.next.shift_back(by);
        self.wanted.shift_back(by);
        self.expected.shift_back(by);
        self.asked.shift_back(by);
        self.breaker.shift_back(by);
        if let Some(flight) = &mut self.flight {
            flight.asked.shift_back(by);
            flight.deadline.shift_back(by);
        }
    }
}
