//! What a person at the terminal is told while `up` runs.

/// Receives the lines. Called from several threads; must return quickly.
pub trait Progress: Send + Sync {
    /// One thing that happened, without a time (the receiver may add one) and without a line break at its end.
    fn tell(&self, kind: ProgressKind, text: &str);
}

/// What a line is about; the terminal may colour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressKind {
    /// An address or a path worth knowing.
    Notice,
    /// Where the run has got to.
    Step,
    /// A scaling action with its reason.
    Scaling,
    /// Something suspicious, or a fault that is being retried.
    Warning,
    /// Something is wrong and needs a person.
    Error,
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _kind: ProgressKind, _text: &str) {}
}
