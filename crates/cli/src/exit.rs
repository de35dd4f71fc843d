//! Exit codes, the same for every command.

use std::process::ExitCode;

/// How a command failed; the number is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something went wrong while working: a server out of reach, a disk that is full.
    Work = 1,
    /// The input is wrong: a manifest, a case, an argument. Nothing was started.
    Input = 2,
}

/// A failure with the message for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Which exit code.
    pub(crate) kind: Failure,
    /// What was being done, to what, what was found, what to do next.
    pub(crate) message: String,
}

impl Failed {
    /// Wrong input.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Failed { kind: Failure::Input, message: message.into() }
    }

    /// Failed while working.
    pub(crate) fn work(message: impl Into<String>) -> Self {
        Failed { kind: Failure::Work, message: message.into() }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> ExitCode {
        ExitCode::from(failure as u8)
    }
}

/// What every command returns.
pub(crate) type Done = Result<(), Failed>;

/// Shown at the end of `tidegate --help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed while working (a server out of reach, a full disk); standard error says what and what to do
  2  bad input (a manifest, a case, an argument); nothing was started
";
