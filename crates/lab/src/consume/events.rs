//! The events file: one JSON object a line, from which a run's report tells when a pod began to work.
//!
//! `{"at": "2026-01-01T00:00:00.000Z", "event": "started", "pid": 1}`, then `assigned` and `revoked` (`partitions`, and
//! `total` held now), `firstRecord` (`produced`: the record's timestamp; `topic`, `partition`, `offset`), `stopped`
//! (the summary). Read by [`crate::report`]; unknown events and fields are passed over.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tidegate_engine::Timestamp;

use crate::error::LabError;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: ConsumerEventKind,
}

/// What happened to a consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum ConsumerEventKind {
    /// The program runs and is about to join its group.
    Started {
        /// Its process.
        pid: u32,
    },
    /// Partitions were given to it.
    Assigned {
        /// Which, as `orders/3`.
        partitions: Vec<String>,
        /// How many it holds now.
        total: usize,
    },
    /// Partitions were taken from it.
    Revoked {
        /// Which.
        partitions: Vec<String>,
        /// How many it holds now.
        total: usize,
    },
    /// The first record came in.
    FirstRecord {
        /// When it was produced, by its Kafka timestamp.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        produced: Option<Timestamp>,
        /// From where.
        topic: String,
        /// From where.
        partition: i32,
        /// From where.
        offset: i64,
    },
    /// It has left its group.
    Stopped {
        /// Records worked through.
        processed: u64,
    },
    /// Something a later version writes.
    #[serde(other)]
    Unknown,
}

/// Appends to the events file, if there is one. A file that cannot be written to any more is given up with a warning:
/// consuming goes on.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    file: Mutex<Option<File>>,
}

impl EventLog {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, LabError> {
        let file = match path {
            Some(path) => Some(
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .map_err(|cause| LabError::file("open the events file", path, cause))?,
            ),
            None => None,
        };
        Ok(EventLog { file: Mutex::new(file) })
    }

    pub(crate) fn append(&self, what: ConsumerEventKind) {
        let Ok(mut file) = self.file.lock() else { return };
        let Some(open) = file.as_mut() else { return };
        let line = match serde_json::to_string(&ConsumerEvent { at: now(), what }) {
            Ok(line) => line + "\n",
            Err(error) => return tracing::warn!(%error, "an event could not be written as JSON"),
        };
        if let Err(error) = open.write_all(line.as_bytes()) {
            tracing::warn!(%error, "the events file cannot be written to any more; going on without it");
            *file = None;
        }
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |span| span.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let log = EventLog::open(Some(&path)).unwrap();
        let first = ConsumerEventKind::FirstRecord {
            produced: Some(Timestamp::from_millis(5)),
            topic: "orders".to_owned(),
            partition: 3,
            offset: 42,
        };
        log.append(first.clone());
        log.append(ConsumerEventKind::Stopped { processed: 7 });
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<ConsumerEvent> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0].what, first);
        assert_eq!(lines[1].what, ConsumerEventKind::Stopped { processed: 7 });
        assert!(text.contains(r#""event":"firstRecord","produced":"1970-01-01T00:00:00.005Z""#), "{text}");
    }

    #[test]
    fn events_of_a_later_version_are_passed_over() {
        let line = r#"{"at":"2026-01-01T00:00:00Z","event":"danced","with":"stars"}"#;
        let event: ConsumerEvent = serde_json::from_str(line).unwrap();
        assert_eq!(event.what, ConsumerEventKind::Unknown);
    }
}
