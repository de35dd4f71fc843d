//! Whole runs of `up` with real processes: pods are `sh` and `sleep`, the source is a small HTTP server that answers as
//! Prometheus does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod edits;
mod kills;
mod runs;
mod triggers;
mod validation;
