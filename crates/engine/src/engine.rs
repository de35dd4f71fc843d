//! The state machine.

use crate::event::{Command, Event};
use crate::time::Timestamp;

/// Decides for any number of targets. See the crate's documentation.
#[derive(Debug, Default)]
pub struct Engine {}

impl Engine {
    /// An engine that knows no target.
    #[must_use]
    pub fn new() -> Self {
        Engine::default()
    }

    /// Takes one event at its time and says what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Command> {
        let _ = (event, now);
        Vec::new()
    }
}
