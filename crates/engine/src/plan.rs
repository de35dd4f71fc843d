//! When one trigger is read next, and what became of the read under way.

use std::time::Duration;

use crate::policy::{Policy, TriggerPolicy};
use crate::schedule::{self, Breaker};
use crate::time::{ShiftBack, Timestamp};

/// A read that is wanted between two polls is not made so soon before a poll, or after another read: what there is by
/// then is fresh enough.
const FRESH: Duration = Duration::from_secs(1);

/// Whoever wanted a reading and does not come for it is late: it is read again after so long, then after twice as long,
/// and so on. A HorizontalPodAutoscaler comes within half a second where nothing is busy, and much later where its
/// controller's workers are.
const FIRST_REPEAT: Duration = Duration::from_millis(1500);

/// So often; then nobody is expected to come any more. The last repeat is 46.5 s after the first reading.
const REPEATS: u32 = 5;

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
    /// The next poll. `None`: somebody else reads this trigger.
    pub(crate) next: Option<Timestamp>,
    /// A read between two polls, since something happened at the source.
    wanted: Option<Timestamp>,
    /// A read between two polls for somebody who is expected to ask, and how many were made for them before.
    expected: Option<(Timestamp, u32)>,
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
        let next = policy.reads(trigger).then_some(now);
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
        let expected = self.expected.map(|(at, _)| at);
        self.next.into_iter().chain(self.wanted).chain(expected).chain(deadline).min()
    }

    /// Takes the slot that is due, if one is, and moves on to the next. A slot is lost while a read is under way.
    pub(crate) fn take_slot(&mut self, trigger: &TriggerPolicy, now: Timestamp) -> Option<Due> {
        let poll = self.next.is_some_and(|next| next <= now);
        let wanted = self.wanted.is_some_and(|wanted| wanted <= now);
        let expected = self.expected.filter(|(at, _)| *at <= now);
        if poll {
            self.next = Some(self.slot_after(trigger, now));
        }
        if wanted {
            self.wanted = None;
        }
        if let Some((_, before)) = expected {
            self.expected = repeat_after(now, before);
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
        let other = self.expected.filter(|(other, before)| *before == 0 && *other <= at);
        let polled = next <= at && at.since(next) < FRESH;
        let read = self.asked.is_some_and(|asked| at.since(asked) < FRESH);
        self.expected = match (polled, read) {
            _ if other.is_some() => other,
            (_, true) => None,
            (true, false) => repeat_after(next, 0),
            (false, false) => Some((at, 0)),
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

/// When a read that was made at `now` for somebody expected is to be repeated if they do not come; `before`: how many were
/// made before it.
fn repeat_after(now: Timestamp, before: u32) -> Option<(Timestamp, u32)> {
    (before < REPEATS).then(|| (now + FIRST_REPEAT * 2_u32.pow(before), before + 1))
}

impl ShiftBack for Plan {
    fn shift_back(&mut self, by: Duration) {
        self.next.shift_back(by);
        self.wanted.shift_back(by);
        if let Some((at, _)) = &mut self.expected {
            at.shift_back(by);
        }
        self.asked.shift_back(by);
        self.breaker.shift_back(by);
        if let Some(flight) = &mut self.flight {
            flight.asked.shift_back(by);
            flight.deadline.shift_back(by);
        }
    }
}
