//! Clients shared between triggers: a connection for each server and identity, not for each trigger.

/// All shared clients of a process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clients {}

impl Clients {
    /// No connection is made before the first read.
    #[must_use]
    pub fn new() -> Self {
        Clients::default()
    }
}
