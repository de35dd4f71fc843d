//! What was said lately, so that the same said again becomes a count and not another event.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::queue::Told;

/// What is said again within this time belongs to the same series. client-go's choice.
const SERIES_ENDS_AFTER: Duration = Duration::from_secs(6 * 60);

/// A running series is written at most so often; what comes in between is counted.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// From so many series on, the ended ones are forgotten.
const SWEEP_ABOVE: usize = 4096;

/// What makes two events the same.
#[derive(Clone, Debug)]
pub(super) struct Key {
    object: String,
    /// Of all of it, with a key that is drawn at the start: whoever chooses the texts cannot find two with one digest. Among
    /// the few thousand series that run at once, two that are not the same share one with a chance of 1 in 10^12, and then
    /// a count goes to the wrong event.
    digest: u64,
}

impl Key {
    /// The object alone, for its budget.
    pub(super) fn object(&self) -> &str {
        &self.object
    }
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A new event.
    Create,
    /// The event of this name now stands for so many.
    Count {
        /// Its name.
        name: String,
        /// How often it happened so far.
        count: i32,
    },
    /// Nothing yet: it was counted.
    Wait,
}

#[derive(Debug)]
struct Entry {
    name: String,
    count: i32,
    last: Instant,
    written: Instant,
}

/// The running series.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// By their keys' digests: notes are long, and after a start there are some for each object.
    entries: HashMap<u64, Entry>,
    digests: RandomState,
}

impl Series {
    /// Under which key something said belongs here.
    pub(super) fn key(&self, told: &Told) -> Key {
        let about = &told.about;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let object =
            format!("{}/{}/{}/{}", part(&about.kind), part(&about.namespace), part(&about.name), part(&about.uid));
        let digest = self.digests.hash_one((&object, told.kind, told.reason, told.action, &told.note));
        Key { object, digest }
    }

    /// What to do about something said at `now`.
    pub(super) fn next(&mut self, key: &Key, now: Instant) -> Step {
        if self.entries.len() > SWEEP_ABOVE {
            self.entries.retain(|_, entry| now.saturating_duration_since(entry.last) < SERIES_ENDS_AFTER);
        }
        let Some(entry) = self.entries.get_mut(&key.digest) else { return Step::Create };
        if now.saturating_duration_since(entry.last) >= SERIES_ENDS_AFTER {
            self.entries.remove(&key.digest);
            return Step::Create;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        // The first repetition is written at once: it tells that this is no single event.
        if entry.count > 2 && now.saturating_duration_since(entry.written) < WRITE_EVERY {
            return Step::Wait;
        }
        entry.written = now;
        Step::Count { name: entry.name.clone(), count: entry.count }
    }

    /// Notes that an event was created under this name.
    pub(super) fn created(&mut self, key: &Key, name: String, now: Instant) {
        self.entries.insert(key.digest, Entry { name, count: 1, last: now, written: now });
    }

    /// The event is no longer there: the next one is a new event.
    pub(super) fn lost(&mut self, key: &Key) {
        self.entries.remove(&key.digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Kind;
    use k8s_openapi::api::core::v1::ObjectReference;

    fn told(note: &str) -> Told {
        let about = ObjectReference { name: Some("orders".into()), ..ObjectReference::default() };
        Told {
            about,
            kind: Kind::Warning,
            reason: "KEDAScalerFailed",
            action: "Reading",
            note: note.into(),
            at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_repetition_counts_and_is_written_at_most_once_a_minute() {
        let (mut series, start) = (Series::default(), Instant::now());
        let second = Duration::from_secs(1);
        let (refused, another) = (series.key(&told("refused")), series.key(&told("another")));
        assert_eq!(series.next(&refused, start), Step::Create);
        series.created(&refused, "orders.1".into(), start);
        let counted = |count| Step::Count { name: "orders.1".into(), count };
        for (at, expected) in [(1, counted(2)), (2, Step::Wait), (30, Step::Wait), (61, counted(5)), (62, Step::Wait)] {
            assert_eq!(series.next(&refused, start + second * at), expected, "after {at} s");
        }
        assert_eq!(series.next(&another, start + second * 63), Step::Create, "another note is another event");
        assert_eq!(series.next(&refused, start + second * (62 + 360)), Step::Create, "after six quiet minutes");
    }
}
