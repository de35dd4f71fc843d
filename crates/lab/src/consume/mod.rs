//! A consumer of known speed: the body of `tidegate consume`.
//!
//! What it commits it has done: a record's offset is stored when its work is over, and only stored offsets are
//! committed, at intervals, when partitions are taken away, and at the end. A crash repeats at most one interval.
//!
//! Partitions are assigned by the broker where it can (KIP-848). On the embedded broker that gives the first member its
//! partitions at once and a later one within some 3 s (its heartbeat), while the others work on; a member that was
//! killed is missed after 30 s. Where the members assign, the embedded broker stops everybody for the session time-out
//! less one second at each rebalance, and lets the first member wait for 3 s.

mod context;
mod events;
mod figures;
mod http;
mod options;
mod pace;
mod worker;

use tokio_util::sync::CancellationToken;

pub(crate) use events::now;
pub use events::{ConsumerEvent, ConsumerEventKind};
pub use options::{Assignment, ConsumeOptions, Distribution, Failing, FailureHandling, OffsetReset, Speed};
pub(crate) use pace::standard_normal;

use crate::error::LabError;

/// What a consumer did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumeSummary {
    /// Records worked through.
    pub processed: u64,
    /// Records passed over since they failed.
    pub skipped: u64,
    /// Times that a record was worked on again.
    pub retried: u64,
    /// Assignments received.
    pub rebalances: u64,
    /// Commits acknowledged.
    pub commits: u64,
    /// Bytes of values worked through.
    pub bytes: u64,
}

/// Consumes until `stop`, then finishes the record at hand, commits and leaves the group.
///
/// # Errors
/// If the settings cannot be used, or a credential or topic is refused for good. A broker that cannot be reached is
/// waited for.
pub async fn run(options: ConsumeOptions, stop: CancellationToken) -> Result<ConsumeSummary, LabError> {
    worker::run(options, stop).await
}
