//! When one trigger is read next, and what became of the read under way.

use std::time::Duration;

use crate::policy::TriggerPolicy;
use crate::schedule::{self, Breaker};
use crate::time::{ShiftBack, Timestamp};

/// A read under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) read: u64,
    /// An answer after this is a time-out.
    pub(crate) deadline: Timestamp,
}

/// The plan of one trigger.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) next: Timestamp,
    pub(crate) flight: Option<Flight>,
    /// Open while this trigger fails by its own fault.
    pub(crate) breaker: Option<Breaker>,
}

impl Plan {
    pub(crate) fn new(trigger: &TriggerPolicy, crowded: bool, now: Timestamp) -> Self {
        let next = schedule::first_slot(trigger.source, trigger.polling_interval, crowded, now);
        Plan { next, flight: None, breaker: None }
    }

    /// When there is something to do: a read to be made, or one to be given up.
    pub(crate) fn due(&self) -> Timestamp {
        self.flight.map_or(self.next, |flight| flight.deadline.min(self.next))
    }

    /// Takes the slot that is due, if one is, and moves on to the next. A slot is lost while a read is under way.
    pub(crate) fn take_slot(&mut self, trigger: &TriggerPolicy, now: Timestamp) -> bool {
        if now < self.next {
            return false;
        }
        self.next = schedule::next_slot(trigger.source, trigger.polling_interval, now);
        self.flight.is_none()
    }
}

impl ShiftBack for Plan {
    fn shift_back(&mut self, by: Duration) {
        self.next.shift_back(by);
        self.breaker.shift_back(by);
        if let Some(flight) = &mut self.flight {
            flight.deadline.shift_back(by);
        }
    }
}
