//! What pods printed: written with a size limit while they run, read by `tidegate logs`.
//!
//! Each pod has a folder with `current.log` and, when that grew too large, `previous.log`. A line is its time, a space,
//! and what was printed on standard output or standard error, in the order in which it was written.

mod read;
mod write;

pub use read::{LogError, LogInfo, LogLine, LogQuery, list, read};
pub(crate) use write::PodLog;
pub use write::{LogOptions, Logs};

/// The name of the file that is being written.
const CURRENT: &str = "current.log";
/// The name of the one before.
const PREVIOUS: &str = "previous.log";
