//! How fast events are written: what happened can be told a little later, and a start of thousands of objects, each with
//! something to tell, must not be what keeps the API server from everything else.

use std::time::Duration;

use tokio::time::Instant;

use crate::bucket::Bucket;

/// So many at once, as a change of many replicas tells of each.
const BURST: f64 = 100.0;

/// Then so many a second. Each takes an API server about a millisecond, so that this is a tenth of one of its cores.
const PER_SECOND: f64 = 100.0;

/// Whose turn it is to be written.
#[derive(Debug)]
pub(super) struct Pace(Bucket);

impl Pace {
    pub(super) fn new() -> Self {
        Pace(Bucket::new(BURST, PER_SECOND, Instant::now()))
    }

    /// How long the next one has to wait for its turn.
    pub(super) fn next(&mut self) -> Duration {
        self.0.take(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_start_of_a_thousand_objects_is_told_over_some_seconds() {
        let (mut pace, start) = (Pace::new(), Instant::now());
        for _ in 0..100 {
            assert_eq!(pace.next(), Duration::ZERO);
        }
        for _ in 100..1000 {
            tokio::time::sleep(pace.next()).await;
        }
        let took = start.elapsed();
        assert!((Duration::from_secs(9)..Duration::from_secs(11)).contains(&took), "{took:?} of virtual time");
    }
}
