//! What is remembered of partitions between passes: where their logs start, and what lies at their ends.
//!
//! A transaction leaves a marker in the log that takes an offset and that no consumer ever receives, so the end offset
//! minus the committed offset stays above zero for a consumer that has caught up. Where a lag is small, the headers of
//! the last record batches tell markers and aborted records from records that will be received.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::kafka::pool::lock;
use crate::kafka::replies::fetch::Stretch;

/// Lags above this are taken as they are: markers matter where few records are left, and looking at many costs reading
/// them.
pub(crate) const TAIL_OFFSETS: i64 = 1_000;
/// How long it is believed that no transactions are written to a partition where none were found.
const PLAIN_FOR: Duration = Duration::from_secs(300);
/// How old a known log start may be.
const START_AGE: Duration = Duration::from_secs(60);
/// What nobody asked for in this time is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);

/// The memory of all partitions of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Tails(Mutex<HashMap<Arc<str>, HashMap<i32, Tail>>>);

#[derive(Debug)]
struct Tail {
    start: Option<(i64, Instant)>,
    /// The end that the last pass saw.
    last_end: Option<i64>,
    plain_until: Option<Instant>,
    /// What lies between the offsets `from` and `to`, in order, as far as transactions are written at all.
    stretches: Vec<Stretch>,
    from: i64,
    to: i64,
    used: Instant,
}

impl Tail {
    fn new() -> Self {
        let used = Instant::now();
        Tail { start: None, last_end: None, plain_until: None, stretches: Vec::new(), from: 0, to: 0, used }
    }

    fn covers(&self, committed: i64, end: i64) -> bool {
        self.from <= committed && end <= self.to
    }
}

impl Tails {
    fn with<T>(&self, topic: &str, partition: i32, act: impl FnOnce(&mut Tail) -> T) -> T {
        let mut tails = lock(&self.0);
        if !tails.contains_key(topic) {
            tails.insert(topic.into(), HashMap::new());
        }
        let mut fresh = Tail::new();
        let tail =
            tails.get_mut(topic).map(|topic| topic.entry(partition).or_insert_with(Tail::new)).unwrap_or(&mut fresh);
        tail.used = Instant::now();
        act(tail)
    }

    /// A partition's log start, if it was asked for lately.
    pub(crate) fn known_start(&self, topic: &str, partition: i32) -> Option<i64> {
        let tails = lock(&self.0);
        let (start, at) = tails.get(topic)?.get(&partition)?.start?;
        (at.elapsed() < START_AGE).then_some(start)
    }

    pub(crate) fn learn_start(&self, topic: &str, partition: i32, start: i64) {
        self.with(topic, partition, |tail| tail.start = Some((start, Instant::now())));
    }

    /// From which offset on the tail has to be looked at, so that what lies between `committed` and `end` is known.
    /// `None`: it is known already, or it is not worth it.
    pub(crate) fn look_from(&self, topic: &str, partition: i32, committed: i64, end: i64) -> Option<i64> {
        self.with(topic, partition, |tail| {
            let unchanged = tail.last_end.replace(end) == Some(end);
            if end < tail.to || committed < tail.from || committed > tail.to {
                // Truncated, made again, or a gap: begin anew.
                (tail.from, tail.to) = (committed, committed);
                tail.stretches.clear();
            }
            // A partition without transactions that is being written to is left alone; one that stands still just
            // above a committed offset is looked at once, since that is what a marker at the end looks like.
            let plain = tail.plain_until.is_some_and(|until| Instant::now() < until);
            (!tail.covers(committed, end) && (!plain || unchanged)).then_some(tail.to)
        })
    }

    /// Adds what was found from `from` on. Gives the offset to go on from.
    pub(crate) fn learn(&self, topic: &str, partition: i32, from: i64, end: i64, found: &[Stretch]) -> i64 {
        self.with(topic, partition, |tail| {
            if tail.to != from {
                return end;
            }
            let new = found.iter().filter(|stretch| stretch.next > from && stretch.base < end);
            for stretch in new {
                tail.stretches.push(*stretch);
                tail.to = tail.to.max(stretch.next);
            }
            if tail.to >= end {
                tail.settle();
            }
            tail.to
        })
    }

    /// The tail may not be read: count by offsets for a while.
    pub(crate) fn give_up(&self, topic: &str, partition: i32) {
        self.with(topic, partition, |tail| {
            tail.plain_until = Some(Instant::now() + PLAIN_FOR);
            tail.stretches.clear();
            tail.to = tail.from;
        });
    }

    /// How many records a read-committed consumer still receives between two offsets; `None` when that is their
    /// difference or not known.
    pub(crate) fn visible(&self, topic: &str, partition: i32, committed: i64, end: i64) -> Option<i64> {
        let tails = lock(&self.0);
        let tail = tails.get(topic)?.get(&partition)?;
        if committed >= end || !tail.covers(committed, end) {
            return None;
        }
        let ahead = || tail.stretches.iter().filter(|stretch| stretch.next > committed && stretch.base < end);
        ahead().any(|stretch| stretch.transactional).then(|| {
            ahead().map(|stretch| stretch.visible.min(stretch.next.min(end) - stretch.base.max(committed))).sum()
        })
    }

    /// Forgets partitions that nobody asked for lately.
    pub(crate) fn prune(&self) {
        let mut tails = lock(&self.0);
        tails.retain(|_, partitions| {
            partitions.retain(|_, tail| tail.used.elapsed() < FORGET_AFTER);
            !partitions.is_empty()
        });
    }
}

impl Tail {
    /// The end is reached: without transactions nothing needs to be kept but that there are none.
    fn settle(&mut self) {
        if self.stretches.iter().any(|stretch| stretch.transactional) {
            self.plain_until = None;
            let keep_from = self.to - 2 * TAIL_OFFSETS;
            self.stretches.retain(|stretch| stretch.next > keep_from);
            self.from = self.from.max(keep_from);
        } else {
            self.plain_until = Some(Instant::now() + PLAIN_FOR);
            self.stretches = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(base: i64, count: i64, transactional: bool) -> Stretch {
        Stretch { base, next: base + count, visible: count, transactional }
    }

    fn marker(base: i64) -> Stretch {
        Stretch { base, next: base + 1, visible: 0, transactional: true }
    }

    #[test]
    fn a_marker_at_the_end_is_no_record() {
        let tails = Tails::default();
        assert_eq!(tails.look_from("t", 0, 5, 11), Some(5));
        assert_eq!(tails.learn("t", 0, 5, 11, &[records(0, 10, true), marker(10)]), 11);
        assert_eq!(tails.look_from("t", 0, 5, 11), None, "remembered");
        assert_eq!(tails.visible("t", 0, 5, 11), Some(5));
        assert_eq!(tails.visible("t", 0, 10, 11), Some(0), "caught up");
        assert_eq!(tails.visible("t", 0, 11, 11), None);
        assert_eq!(tails.look_from("t", 0, 10, 14), Some(11), "goes on where it ended");
    }

    #[test]
    fn a_plain_partition_that_is_written_to_is_looked_at_once() {
        let tails = Tails::default();
        assert_eq!(tails.look_from("t", 0, 0, 10), Some(0));
        tails.learn("t", 0, 0, 10, &[records(0, 10, false)]);
        assert_eq!(tails.visible("t", 0, 0, 10), None, "offsets tell");
        assert_eq!(tails.look_from("t", 0, 8, 20), None, "busy");
        assert_eq!(tails.look_from("t", 0, 8, 20), Some(10), "stands still with a lag");
    }

    #[test]
    fn a_topic_made_again_is_looked_at_anew() {
        let tails = Tails::default();
        tails.look_from("t", 0, 0, 10);
        tails.learn("t", 0, 0, 10, &[records(0, 9, true), marker(9)]);
        assert_eq!(tails.look_from("t", 0, 0, 3), Some(0));
        assert_eq!(tails.visible("t", 0, 0, 3), None, "nothing is known of it yet");
    }

    #[test]
    fn a_stretch_cut_by_the_committed_offset_counts_in_part() {
        let tails = Tails::default();
        tails.look_from("t", 0, 4, 12);
        tails.learn(
            "t",
            0,
            4,
            12,
            &[records(0, 8, true), marker(8), Stretch { base: 9, next: 12, visible: 1, transactional: true }],
        );
        assert_eq!(tails.visible("t", 0, 4, 12), Some(4 + 1), "compaction left one of three");
        assert_eq!(tails.visible("t", 0, 4, 9), Some(4));
    }
}
