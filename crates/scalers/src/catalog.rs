//! The rows: one for each trigger type.

use std::sync::Arc;

use crate::clients::Clients;
use crate::input::{Problem, TriggerInput};
use crate::scaler::{MetricSpec, Scaler};

/// A trigger whose parameters are understood and sound.
pub struct Checked {
    /// What the decision needs to know of it.
    pub spec: MetricSpec,
    /// Suspicious but allowed, as unknown parameters with the nearest known name.
    pub warnings: Vec<Problem>,
    connect: Box<dyn FnOnce(&Clients) -> Arc<dyn Scaler> + Send>,
}

impl Checked {
    /// Binds it to the shared clients. Does no I/O.
    #[must_use]
    pub fn connect(self, clients: &Clients) -> Arc<dyn Scaler> {
        (self.connect)(clients)
    }
}

/// Understands and validates a trigger's parameters. Pure.
///
/// # Errors
/// Everything that is wrong, not only the first.
pub fn check(input: &TriggerInput) -> Result<Checked, Vec<Problem>> {
    Err(vec![Problem { parameter: String::new(), message: format!("unknown trigger type {:?}", input.kind) }])
}
