//! Time for the engine: as even as the machine's monotonic clock, as true as its wall clock.
//!
//! The wall clock jumps: it is set by hand, corrected by NTP after a boot with a flat battery, or a laptop sleeps. The
//! engine must see none of it as the passing of time, or a jump ahead would end every cooldown and empty every
//! stabilization window at once. So [`WallClock::now`] counts on from an anchor by monotonic time (which stands still
//! while the machine sleeps), and [`Clock::resync`] reports how far that has come apart from the wall clock; the loop
//! then moves everything it remembers by as much, so that no age changes, and forgets its readings until fresh ones
//! arrive.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_engine::Timestamp;
use tokio::time::Instant;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now. Never goes back between two calls without a [`resync`](Clock::resync) that says so.
    fn now(&self) -> Timestamp;

    /// When the wall clock has jumped: follows it, and says by how many milliseconds (negative: back).
    /// `None` almost always.
    fn resync(&self) -> Option<i64> {
        None
    }
}

/// How far the wall clock may be off before it counts as a jump. NTP slews what is smaller than 128 ms and the
/// monotonic clock with it, so anything of a second and more was a step or a sleep; two leave room for a busy machine.
const JUMP: Duration = Duration::from_secs(2);

/// The machine's clock.
pub struct WallClock {
    wall: Box<dyn Fn() -> Timestamp + Send + Sync>,
    anchor: Mutex<Anchor>,
}

#[derive(Clone, Copy)]
struct Anchor {
    at: Timestamp,
    monotonic: Instant,
}

impl Anchor {
    fn now(self) -> Timestamp {
        self.at + self.monotonic.elapsed()
    }
}

impl WallClock {
    /// Anchored at the system's time.
    #[must_use]
    pub fn new() -> Self {
        WallClock::over(|| Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()))
    }

    /// Over another wall clock, for tests that make it jump.
    pub fn over(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let anchor = Anchor { at: wall(), monotonic: Instant::now() };
        WallClock { wall: Box::new(wall), anchor: Mutex::new(anchor) }
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for WallClock {
    fn default() -> Self {
        WallClock::new()
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WallClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.anchor().now()
    }

    fn resync(&self) -> Option<i64> {
        let mut anchor = self.anchor();
        let (ours, wall) = (anchor.now(), (self.wall)());
        let apart = wall.as_millis().saturating_sub(ours.as_millis());
        if Duration::from_millis(apart.unsigned_abs()) < JUMP {
            return None;
        }
        *anchor = Anchor { at: wall, monotonic: Instant::now() };
        Some(apart)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A wall clock that runs with tokio's (paused) time, plus an offset that a test can change.
    fn jumping() -> (Arc<AtomicI64>, WallClock) {
        let offset = Arc::new(AtomicI64::new(1_000_000_000));
        let (started, moved) = (Instant::now(), Arc::clone(&offset));
        let wall = move || Timestamp::from_millis(moved.load(Ordering::Relaxed)) + started.elapsed();
        (offset, WallClock::over(wall))
    }

    #[tokio::test(start_paused = true)]
    async fn runs_evenly_and_reports_a_jump_once() {
        let (offset, clock) = jumping();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), Timestamp::from_millis(1_000_060_000));
        assert_eq!(clock.resync(), None);

        offset.fetch_add(3_600_000, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp::from_millis(1_000_060_000), "a jump is no passing of time");
        assert_eq!(clock.resync(), Some(3_600_000));
        assert_eq!(clock.now(), Timestamp::from_millis(1_003_660_000));
        assert_eq!(clock.resync(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn follows_a_clock_that_is_set_back() {
        let (offset, clock) = jumping();
        offset.fetch_sub(86_400_000, Ordering::Relaxed);
        assert_eq!(clock.resync(), Some(-86_400_000));
        assert_eq!(clock.now(), Timestamp::from_millis(1_000_000_000 - 86_400_000));
    }

    #[tokio::test(start_paused = true)]
    async fn takes_no_notice_of_less_than_a_jump() {
        let (offset, clock) = jumping();
        offset.fetch_add(1_500, Ordering::Relaxed);
        assert_eq!(clock.resync(), None);
        offset.fetch_add(1_500, Ordering::Relaxed);
        assert_eq!(clock.resync(), Some(3_000), "small steps add up until they count");
    }
}
