//! From offsets to lag: how many records a group will still receive.

use crate::kafka::pass::PartitionOffsets;

/// Where a group begins that has no usable committed offset: its consumers' `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// With the oldest record there is.
    Earliest,
    /// With the records to come.
    Latest,
}

/// What a manifest says of partitions without a usable committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) reset: Reset,
    /// `scaleToZeroOnInvalidOffset`: such partitions have no lag.
    pub(crate) zero_on_invalid: bool,
}

/// Why a lag is not simply the end offset minus the committed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Special {
    /// The group has committed nothing.
    NoCommit,
    /// Retention has deleted what the committed offset points at.
    Expired,
    /// The committed offset lies beyond the log's end: the log was truncated, or the topic made again.
    Ahead,
    /// Some of the offsets hold transaction markers or aborted records.
    Markers,
}

/// The lag of one partition by the rules, never negative, and what is special about it.
///
/// Without a usable offset consumers begin where [`Reset`] says. By `latest` nothing waits for them, but they have to
/// run to find their place, which counts as one record.
pub(crate) fn lag(partition: &PartitionOffsets, rules: Rules) -> (i64, Option<Special>) {
    let start = partition.start.unwrap_or(0);
    let without_offset = match rules {
        Rules { zero_on_invalid: true, .. } => 0,
        Rules { reset: Reset::Earliest, .. } => (partition.end - start).max(0),
        Rules { reset: Reset::Latest, .. } => 1,
    };
    let Some(committed) = partition.committed else { return (without_offset, Some(Special::NoCommit)) };
    if committed > partition.high.unwrap_or(partition.end).max(partition.end) {
        return (without_offset, Some(Special::Ahead));
    }
    remaining(partition, committed)
}

/// The lag of one partition as it is, whatever a manifest says: `None` without a committed offset, 0 where it lies
/// beyond the end.
pub(crate) fn plain_lag(partition: &PartitionOffsets) -> Option<i64> {
    partition.committed.map(|committed| remaining(partition, committed).0)
}

fn remaining(partition: &PartitionOffsets, committed: i64) -> (i64, Option<Special>) {
    let between = (partition.end - committed).max(0);
    match (partition.start, partition.visible) {
        (Some(start), _) if committed < start => ((partition.end - start).max(0), Some(Special::Expired)),
        (_, Some(visible)) if visible < between => (visible.max(0), Some(Special::Markers)),
        _ => (between, None),
    }
}

/// The smallest lag that is `divisor × threshold` for a divisor of `partitions` and not below `lag`, so that each
/// replica gets equally many partitions. A lag that keeps more replicas busy than there are partitions stays.
pub(crate) fn even(lag: i64, threshold: i64, partitions: usize) -> i64 {
    let partitions = i64::try_from(partitions).unwrap_or(i64::MAX);
    if lag <= 0 {
        return lag;
    }
    let needed = lag.saturating_add(threshold - 1) / threshold;
    (needed..=partitions).find(|count| partitions % count == 0).map_or(lag, |count| count.saturating_mul(threshold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EARLIEST: Rules = Rules { reset: Reset::Earliest, zero_on_invalid: false };
    const LATEST: Rules = Rules { reset: Reset::Latest, zero_on_invalid: false };

    fn at(committed: Option<i64>, start: i64, end: i64) -> PartitionOffsets {
        PartitionOffsets { partition: 0, committed, start: Some(start), end, high: None, visible: None }
    }

    #[test]
    fn the_table_of_offsets_and_policies() {
        for (case, offsets, earliest, latest) in [
            ("usual", at(Some(40), 0, 100), 60, 60),
            ("caught up", at(Some(100), 0, 100), 0, 0),
            ("no commit", at(None, 30, 100), 70, 1),
            ("expired", at(Some(10), 30, 100), 70, 70),
            ("ahead", at(Some(200), 30, 100), 70, 1),
            ("empty", at(None, 100, 100), 0, 1),
        ] {
            assert_eq!(lag(&offsets, EARLIEST).0, earliest, "{case}, earliest");
            assert_eq!(lag(&offsets, LATEST).0, latest, "{case}, latest");
        }
    }

    #[test]
    fn invalid_offsets_count_nothing_when_asked_to() {
        for reset in [Reset::Earliest, Reset::Latest] {
            let rules = Rules { reset, zero_on_invalid: true };
            assert_eq!(lag(&at(None, 0, 100), rules).0, 0);
            assert_eq!(lag(&at(Some(200), 0, 100), rules).0, 0);
            assert_eq!(lag(&at(Some(40), 0, 100), rules).0, 60, "a valid one counts");
        }
    }

    #[test]
    fn beyond_the_stable_end_is_not_beyond_the_log() {
        let open_transaction = PartitionOffsets { high: Some(120), ..at(Some(110), 0, 100) };
        assert_eq!(lag(&open_transaction, EARLIEST), (0, None));
    }

    #[test]
    fn markers_do_not_count() {
        let caught_up = PartitionOffsets { visible: Some(0), ..at(Some(99), 0, 100) };
        assert_eq!(lag(&caught_up, LATEST), (0, Some(Special::Markers)));
        assert_eq!(plain_lag(&caught_up), Some(0));
    }

    #[test]
    fn even_distribution_takes_the_next_divisor() {
        for (lag, expected) in [(0, 0), (1, 10), (10, 10), (25, 30), (35, 60), (61, 61), (1000, 1000)] {
            assert_eq!(even(lag, 10, 6), expected, "lag {lag}");
        }
    }

    proptest! {
        /// A lag is never negative and never more than the log holds.
        #[test]
        fn is_between_nothing_and_the_whole_log(
            committed in proptest::option::of(0_i64..1000), start in 0_i64..500, length in 0_i64..500,
            beyond in proptest::option::of(0_i64..100), visible in proptest::option::of(0_i64..2000), earliest: bool, zero: bool
        ) {
            let end = start + length;
            let offsets = PartitionOffsets { high: beyond.map(|more| end + more), visible, ..at(committed, start, end) };
            let reset = if earliest { Reset::Earliest } else { Reset::Latest };
            let (lag, _) = lag(&offsets, Rules { reset, zero_on_invalid: zero });
            prop_assert!(lag >= 0);
            prop_assert!(lag <= length.max(1));
        }

        /// Evening out never asks for fewer replicas, nor for more than there are partitions unless the lag does.
        #[test]
        fn even_never_asks_for_less(lag in 0_i64..10_000, threshold in 1_i64..100, partitions in 1_usize..200) {
            let evened = even(lag, threshold, partitions);
            prop_assert!(evened >= lag);
            prop_assert!(evened == lag || evened <= partitions as i64 * threshold);
        }
    }
}
