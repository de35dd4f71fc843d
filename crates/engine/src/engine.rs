//! The state machine.

use crate::event::{Command, Event, SavedState};
use crate::policy::TargetId;
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
        let mut commands = Vec::new();
        self.handle_into(event, now, &mut commands);
        commands
    }

    /// As [`Engine::handle`], with the commands appended to a list of the caller's.
    pub fn handle_into(&mut self, event: Event, now: Timestamp, commands: &mut Vec<Command>) {
        let _ = (event, now, commands);
    }

    /// What would have to be kept of a target across a restart as of now, for a driver that is shutting down.
    #[must_use]
    pub fn saved_state(&self, target: &TargetId) -> Option<SavedState> {
        let _ = target;
        None
    }
}
