//! Whether the process can do its work, put together from what its parts say of themselves.
//!
//! `/readyz` is false as long as any part is not: watches that are not in yet, a loop that no longer turns, a metrics API
//! that does not answer its own process. A process that is merely alive and answers nothing would keep its place behind
//! the Service and leave every HorizontalPodAutoscaler blind.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// All conditions of a process. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    slots: Arc<Mutex<Vec<Arc<Slot>>>>,
}

#[derive(Debug)]
struct Slot {
    name: &'static str,
    /// For a heartbeat: how old the last one may be.
    longest: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Met(Instant),
    Failed(Arc<str>),
}

/// Something that must hold; not met at first.
#[derive(Clone, Debug)]
pub struct Condition(Arc<Slot>);

/// A loop that must turn; not met before its first beat.
#[derive(Clone, Debug)]
pub struct Heartbeat(Arc<Slot>);

/// The answer at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether all conditions are met.
    pub ready: bool,
    /// Each with what keeps it from being met.
    pub conditions: Vec<(&'static str, Result<(), String>)>,
}

impl Readiness {
    /// Without conditions: ready.
    #[must_use]
    pub fn new() -> Self {
        Readiness::default()
    }

    /// Adds a condition that somebody else will meet.
    #[must_use]
    pub fn condition(&self, name: &'static str) -> Condition {
        Condition(self.slot(name, None))
    }

    /// Adds a loop that must beat at least every `longest`.
    #[must_use]
    pub fn heartbeat(&self, name: &'static str, longest: Duration) -> Heartbeat {
        Heartbeat(self.slot(name, Some(longest)))
    }

    fn slot(&self, name: &'static str, longest: Option<Duration>) -> Arc<Slot> {
        let slot = Arc::new(Slot { name, longest, state: Mutex::new(State::Waiting) });
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|known| known.name != name);
        slots.push(Arc::clone(&slot));
        slot
    }

    /// How things stand now.
    #[must_use]
    pub fn report(&self) -> Report {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let conditions: Vec<_> = slots.iter().map(|slot| (slot.name, slot.verdict())).collect();
        Report { ready: conditions.iter().all(|(_, verdict)| verdict.is_ok()), conditions }
    }
}

impl Slot {
    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn verdict(&self) -> Result<(), String> {
        match (self.state.lock().unwrap_or_else(PoisonError::into_inner).clone(), self.longest) {
            (State::Waiting, _) => Err("not yet".to_owned()),
            (State::Failed(why), _) => Err(why.to_string()),
            (State::Met(at), Some(longest)) if at.elapsed() > longest => {
                Err(format!("no sign of life for {} s", at.elapsed().as_secs()))
            }
            (State::Met(_), _) => Ok(()),
        }
    }
}

impl Condition {
    /// It holds.
    pub fn met(&self) {
        self.0.set(State::Met(Instant::now()));
    }

    /// It does not hold; `why` is shown to whoever asks, so it must hold no secret.
    pub fn failed(&self, why: impl AsRef<str>) {
        self.0.set(State::Failed(why.as_ref().into()));
    }
}

impl Heartbeat {
    /// The loop turned.
    pub fn beat(&self) {
        self.0.set(State::Met(Instant::now()));
    }
}

impl Report {
    /// As the API server's health pages write it: a line for each condition.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, verdict) in &self.conditions {
            let _ = match verdict {
                Ok(()) => writeln!(text, "[+]{name} ok"),
                Err(why) => writeln!(text, "[-]{name} failed: {why}"),
            };
        }
        text.push_str(if self.ready { "ok\n" } else { "not ready\n" });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_condition_is_met() {
        let readiness = Readiness::new();
        assert!(readiness.report().ready);
        let (watches, api) = (readiness.condition("watches"), readiness.condition("metrics-api"));
        watches.met();
        assert_eq!(readiness.report().text(), "[+]watches ok\n[-]metrics-api failed: not yet\nnot ready\n");
        api.met();
        assert!(readiness.report().ready);
        api.failed("refused");
        assert_eq!(readiness.report().text(), "[+]watches ok\n[-]metrics-api failed: refused\nnot ready\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_no_longer_turns_is_told() {
        let readiness = Readiness::new();
        let beat = readiness.heartbeat("runtime", Duration::from_secs(10));
        assert!(!readiness.report().ready);
        beat.beat();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(readiness.report().ready);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(readiness.report().text(), "[-]runtime failed: no sign of life for 11 s\nnot ready\n");
        beat.beat();
        assert!(readiness.report().ready);
    }

    #[test]
    fn a_condition_that_is_added_again_starts_again() {
        let readiness = Readiness::new();
        readiness.condition("watches").met();
        let _again = readiness.condition("watches");
        assert!(!readiness.report().ready);
        assert_eq!(readiness.report().conditions.len(), 1);
    }
}
