//! How long to wait before a stream is opened again: 2 s, doubling to 60 s, and 2 s again after one that worked.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// The waits of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { next: FIRST }
    }
}

impl Backoff {
    /// The stream worked: the next wait is the shortest.
    pub(crate) fn worked(&mut self) {
        self.next = FIRST;
    }

    /// The next wait, without chance.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }

    /// The wait with up to a fifth less, so that a restarted server is not called by everybody at once.
    pub(crate) fn spread(wait: Duration) -> Duration {
        // Each such state has keys of its own, which is chance enough for this.
        let thousandth = RandomState::new().build_hasher().finish() % 1000;
        wait - wait / 5 * u32::try_from(thousandth).unwrap_or_default() / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Duration};

    #[test]
    fn doubles_to_a_minute_and_starts_anew_after_what_worked() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.wait().as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        backoff.worked();
        assert_eq!(backoff.wait(), Duration::from_secs(2));
        let spread = Backoff::spread(Duration::from_secs(10));
        assert!(spread >= Duration::from_secs(8) && spread <= Duration::from_secs(10), "{spread:?}");
    }
}
