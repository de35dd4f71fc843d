//! What can go wrong in the lab, in words a person can act on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// An error of the lab. Never holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The broker inside this process did what it should not.
    #[error("embedded broker: {doing}: {cause}")]
    Broker {
        /// What was being done.
        doing: String,
        /// What librdkafka said.
        cause: String,
    },
    /// A Kafka server or client refused.
    #[error("kafka at {address}: {doing}: {cause}")]
    Kafka {
        /// The bootstrap servers.
        address: String,
        /// What was being done.
        doing: String,
        /// What was found, and what to do next where that is known.
        cause: String,
    },
    /// A topic that a load or a consumer needs is not there.
    #[error("kafka at {address}: topic \"{topic}\" does not exist; create it, or name it under topics of the Scenario")]
    NoTopic {
        /// The bootstrap servers.
        address: String,
        /// The topic.
        topic: String,
    },
    /// A setting that cannot be used.
    #[error("{field}: found {found}, expected {expected}")]
    Setting {
        /// Its name.
        field: String,
        /// What it said.
        found: String,
        /// What it may say.
        expected: String,
    },
    /// An address could not be listened on.
    #[error("listen on {address}: {cause}; choose another address or port 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file or folder could not be read or written.
    #[error("{doing} {}: {cause}", path.display())]
    File {
        /// What was being done, as "write".
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The disk is full.
    #[error(
        "write the report to {}: the disk is full; nothing there was changed, free some space and write the report again",
        path.display()
    )]
    DiskFull {
        /// The folder that was to be written.
        path: PathBuf,
    },
    /// A picture could not be drawn.
    #[error("draw {what}: {cause}")]
    Picture {
        /// Which.
        what: String,
        /// Why not.
        cause: String,
    },
    /// Prometheus did not take the samples.
    #[error("remote write to {url}: {cause}")]
    RemoteWrite {
        /// Where to, without credentials.
        url: String,
        /// What it said.
        cause: String,
        /// Whether another try later may succeed.
        retry: bool,
    },
}

impl LabError {
    /// A [`LabError::File`].
    pub(crate) fn file(doing: &'static str, path: &Path, cause: std::io::Error) -> Self {
        LabError::File { doing, path: path.to_owned(), cause }
    }

    /// A [`LabError::Kafka`].
    pub(crate) fn kafka(address: &str, doing: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        LabError::Kafka { address: address.to_owned(), doing: doing.into(), cause: cause.to_string() }
    }
}
