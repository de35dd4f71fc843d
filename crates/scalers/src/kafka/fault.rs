//! What went wrong between us and a broker: address, step, cause, and what to do about it.

use std::fmt;
use std::sync::Arc;

use tidegate_engine::{ReadError, ReadErrorKind};

/// What was being done when it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Looking up the host's name.
    Resolve,
    /// Opening the TCP connection.
    Connect,
    /// Agreeing on encryption.
    TlsHandshake,
    /// Proving who we are, by this mechanism.
    Sasl(&'static str),
    /// Asking for a token at the token endpoint.
    Token,
    /// One of Kafka's requests, by its name.
    Request(&'static str),
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Resolve => out.write_str("resolving the name"),
            Step::Connect => out.write_str("connecting"),
            Step::TlsHandshake => out.write_str("TLS handshake"),
            Step::Sasl(mechanism) => write!(out, "SASL {mechanism}"),
            Step::Token => out.write_str("asking for a token"),
            Step::Request(name) => write!(out, "request {name}"),
        }
    }
}

/// A failure, cheap to clone since many triggers may share it. Never holds a credential.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ReadErrorKind,
    /// The broker or token endpoint, or the cluster as a whole.
    pub(crate) address: Arc<str>,
    pub(crate) step: Step,
    pub(crate) cause: Arc<str>,
    /// What to do about it.
    pub(crate) hint: Option<&'static str>,
    /// Whether asking again soon, perhaps somebody else, may help.
    pub(crate) passing: bool,
}

impl Fault {
    pub(crate) fn new(kind: ReadErrorKind, address: &str, step: Step, cause: impl Into<Arc<str>>) -> Self {
        Fault { kind, address: address.into(), step, cause: cause.into(), hint: None, passing: false }
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn passing(mut self) -> Self {
        self.passing = true;
        self
    }

    /// The deadline passed before an answer came.
    pub(crate) fn late(address: &str, step: Step) -> Self {
        Fault::new(ReadErrorKind::Timeout, address, step, "no answer before the deadline")
            .hint("look whether the broker is overloaded or hangs, and whether a firewall swallows packets")
    }

    /// The broker answered with an error code.
    pub(crate) fn code(address: &str, step: Step, what: &str, code: i16) -> Self {
        let name = error_name(code);
        let (kind, hint) = match code {
            3 | 100 => (ReadErrorKind::NotFound, Some("check the topic's name, and create the topic if it is missing")),
            29 => (ReadErrorKind::Unauthorized, Some("give the user the right to DESCRIBE the topic")),
            30 => (ReadErrorKind::Unauthorized, Some("give the user the right to DESCRIBE the group")),
            31 => (ReadErrorKind::Unauthorized, Some("give the user the right to DESCRIBE the cluster")),
            24 => (ReadErrorKind::Configuration, Some("check the consumer group's name")),
            17 => (ReadErrorKind::Configuration, Some("check the topic's name")),
            _ => (ReadErrorKind::Refused, None),
        };
        let cause =
            if what.is_empty() { format!("the broker says {name}") } else { format!("{what}: the broker says {name}") };
        let mut fault = Fault::new(kind, address, step, cause);
        fault.hint = hint;
        fault.passing = is_passing(code);
        fault
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "kafka {}: {}: {}", self.address, self.step, self.cause)?;
        self.hint.map_or(Ok(()), |hint| write!(out, "; {hint}"))
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> ReadError {
        ReadError::new(fault.kind, fault.to_string())
    }
}

/// The name that Kafka's documentation gives to an error code, as `NOT_LEADER_OR_FOLLOWER`.
fn error_name(code: i16) -> String {
    let name = match code {
        -1 => "UNKNOWN_SERVER_ERROR",
        1 => "OFFSET_OUT_OF_RANGE",
        3 => "UNKNOWN_TOPIC_OR_PARTITION",
        5 => "LEADER_NOT_AVAILABLE",
        6 => "NOT_LEADER_OR_FOLLOWER",
        7 => "REQUEST_TIMED_OUT",
        14 => "COORDINATOR_LOAD_IN_PROGRESS",
        15 => "COORDINATOR_NOT_AVAILABLE",
        16 => "NOT_COORDINATOR",
        17 => "INVALID_TOPIC_EXCEPTION",
        24 => "INVALID_GROUP_ID",
        29 => "TOPIC_AUTHORIZATION_FAILED",
        30 => "GROUP_AUTHORIZATION_FAILED",
        31 => "CLUSTER_AUTHORIZATION_FAILED",
        33 => "UNSUPPORTED_SASL_MECHANISM",
        34 => "ILLEGAL_SASL_STATE",
        35 => "UNSUPPORTED_VERSION",
        42 => "INVALID_REQUEST",
        58 => "SASL_AUTHENTICATION_FAILED",
        69 => "GROUP_ID_NOT_FOUND",
        _ => return format!("error code {code}"),
    };
    format!("{name} ({code})")
}

/// Codes that say "not now" or "not here": leaders and coordinators that move, load, or are not elected yet.
pub(crate) fn is_passing(code: i16) -> bool {
    matches!(code, 3 | 5 | 6 | 7 | 9 | 13 | 14 | 15 | 16 | 56 | 74 | 75 | 76 | 78 | 100)
}
