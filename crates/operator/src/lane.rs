//! Changes of replica counts go before everything else that is written to the API server: what is told about them can
//! wait, the workload cannot.
//!
//! A burst in a thousand groups wants a thousand changes in one instant. Each would open a connection of its own, so they
//! take turns; and statuses and events keep away until those are done, but not for long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Changes made at the same time: enough to keep an API server busy that is some milliseconds away.
const AT_ONCE: usize = 16;

/// Statuses and events wait no longer than this for changes that do not end, as where the API server refuses them for long.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Who may write now. Cheap to clone; clones share.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    permits: Arc<Semaphore>,
    /// Changes that are made or wait for their turn.
    changes: Arc<watch::Sender<usize>>,
}

impl Default for Lane {
    fn default() -> Self {
        Lane { permits: Arc::new(Semaphore::new(AT_ONCE)), changes: Arc::new(watch::Sender::new(0)) }
    }
}

/// A change's turn; over when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
    _counted: Counted,
}

#[derive(Debug)]
struct Counted(Arc<watch::Sender<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|changes| *changes = changes.saturating_sub(1));
    }
}

impl Lane {
    /// Waits for the turn of a change.
    pub(crate) async fn change(&self) -> Turn {
        self.changes.send_modify(|changes| *changes += 1);
        let counted = Counted(Arc::clone(&self.changes));
        // The semaphore is never closed.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        Turn { _permit: permit, _counted: counted }
    }

    /// Waits until no change is under way, but only for so long.
    pub(crate) async fn calm(&self) {
        let mut changes = self.changes.subscribe();
        let _ = tokio::time::timeout(LONGEST_WAIT, changes.wait_for(|changes| *changes == 0)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn changes_take_turns() {
        let lane = Lane::default();
        let turns: Vec<Turn> = futures::future::join_all((0..AT_ONCE).map(|_| lane.change())).await;
        let mut next = Box::pin(lane.change());
        assert!(next.as_mut().now_or_never().is_none());
        drop(turns);
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_waits_for_changes_but_not_for_ever() {
        let (lane, start) = (Lane::default(), Instant::now());
        lane.calm().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        let turn = lane.change().await;
        let mut calm = Box::pin(lane.calm());
        assert!(calm.as_mut().now_or_never().is_none());
        drop(turn);
        calm.await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        let _stuck = lane.change().await;
        lane.calm().await;
        assert_eq!(start.elapsed(), LONGEST_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_is_given_up_while_it_waits_holds_nobody_up() {
        let lane = Lane::default();
        let turns: Vec<Turn> = futures::future::join_all((0..AT_ONCE).map(|_| lane.change())).await;
        let mut given_up = Box::pin(lane.change());
        assert!(given_up.as_mut().now_or_never().is_none());
        drop(given_up);
        drop(turns);
        assert!(lane.calm().now_or_never().is_some());
    }
}
