//! What can go wrong with a cluster.

use std::path::PathBuf;

/// Why a cluster, or a part of it, did not come up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not on this machine.
    #[error("{program} is not in {folder}; put it there with `{remedy}`")]
    Missing {
        /// Which.
        program: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The command that helps.
        remedy: String,
    },
    /// A file or folder.
    #[error("{what} {path}: {cause}")]
    File {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A process could not be started.
    #[error("starting {name}: {cause}")]
    Start {
        /// Which.
        name: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A process ended, or does not answer.
    #[error("{name} did not become healthy: {found}; the end of its log:\n{log}")]
    Unhealthy {
        /// Which.
        name: String,
        /// What was found instead.
        found: String,
        /// Its last lines.
        log: String,
    },
    /// A certificate could not be made.
    #[error("making a certificate for {name}: {cause}")]
    Certificate {
        /// Its common name.
        name: String,
        /// Why.
        cause: rcgen::Error,
    },
    /// The API server refused, or could not be reached.
    #[error("{what}: {cause}")]
    Api {
        /// What was being done.
        what: String,
        /// Why it failed.
        cause: Box<kube::Error>,
    },
    /// No free ports.
    #[error("taking ports for {what}: {cause}")]
    Ports {
        /// For which servers.
        what: &'static str,
        /// What was found.
        cause: std::io::Error,
    },
    /// Something did not come about in time.
    #[error("waited {seconds} s in vain until {what}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// For `map_err` after a call to the API server.
    pub(crate) fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Error {
        move |cause| Error::Api { what: what.into(), cause: Box::new(cause) }
    }

    /// For `map_err` after looking for free ports.
    pub(crate) fn ports(what: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |cause| Error::Ports { what, cause }
    }

    /// For `map_err` after work on a file.
    pub(crate) fn file(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |cause| Error::File { what, path, cause }
    }
}
