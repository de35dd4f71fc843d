//! Lag that nobody works on: judged by the time since the last progress, not by how often one looks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::Timestamp;

/// A partition whose committed offset stands still for this long, while it has lag, has persistent lag. Longer than
/// slow consumers take between commits (a minute is usual), and six times KEDA's default polling interval.
pub(crate) const NO_PROGRESS_FOR: Duration = Duration::from_secs(180);

/// When each partition with lag last made progress.
#[derive(Debug, Default)]
pub(crate) struct Progress(HashMap<Arc<str>, HashMap<i32, Mark>>);

#[derive(Debug)]
struct Mark {
    committed: Option<i64>,
    since: Timestamp,
}

impl Progress {
    /// Notes what was seen, and whether this partition's lag is persistent. The clock of a partition starts when it is
    /// first seen with lag, and again with each commit, so records that just came to an idle partition are not taken
    /// for stuck ones.
    pub(crate) fn is_stuck(
        &mut self,
        topic: &Arc<str>,
        partition: i32,
        committed: Option<i64>,
        lag: i64,
        now: Timestamp,
    ) -> bool {
        let marks = self.0.entry(Arc::clone(topic)).or_default();
        if lag <= 0 {
            marks.remove(&partition);
            return false;
        }
        let mark = marks.entry(partition).or_insert(Mark { committed, since: now });
        if mark.committed != committed || now < mark.since {
            *mark = Mark { committed, since: now };
        }
        now.since(mark.since) >= NO_PROGRESS_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    /// PAIN-11
    #[test]
    fn a_slow_consumer_keeps_its_lag_and_a_stuck_one_loses_it() {
        let topic: Arc<str> = "t".into();
        let mut progress = Progress::default();
        for second in (0..3600).step_by(5) {
            let slow = second / 60;
            assert!(!progress.is_stuck(&topic, 0, Some(slow as i64), 50, at(second)), "commits each minute");
            let stuck = progress.is_stuck(&topic, 1, Some(7), 50, at(second));
            assert_eq!(stuck, second >= 180, "after {second} s");
        }
        assert!(!progress.is_stuck(&topic, 1, Some(8), 49, at(3600)), "it moved");
    }

    /// PAIN-11
    #[test]
    fn looking_often_changes_nothing() {
        let topic: Arc<str> = "t".into();
        let mut progress = Progress::default();
        for _ in 0..10_000 {
            assert!(!progress.is_stuck(&topic, 0, Some(7), 50, at(0)));
        }
    }

    /// PAIN-11
    #[test]
    fn idle_time_before_the_lag_does_not_count() {
        let topic: Arc<str> = "t".into();
        let mut progress = Progress::default();
        assert!(!progress.is_stuck(&topic, 0, Some(7), 0, at(0)));
        assert!(!progress.is_stuck(&topic, 0, Some(7), 3, at(86_400)), "the record has only just come");
    }

    #[test]
    fn a_clock_set_back_starts_anew() {
        let topic: Arc<str> = "t".into();
        let mut progress = Progress::default();
        assert!(!progress.is_stuck(&topic, 0, Some(7), 3, at(1000)));
        assert!(!progress.is_stuck(&topic, 0, Some(7), 3, at(0)));
        assert!(progress.is_stuck(&topic, 0, Some(7), 3, at(180)));
    }
}
