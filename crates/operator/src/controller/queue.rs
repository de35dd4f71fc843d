//! Which ScaledObjects are to be looked at: each at most once at a time, now or later.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_engine::TargetId;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The queue. Any number of workers may take from it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<TargetId>,
    later: BinaryHeap<Reverse<(Instant, TargetId)>>,
    /// In `ready`.
    queued: HashSet<TargetId>,
    /// Taken and not done yet.
    working: HashSet<TargetId>,
    /// Asked for while being worked on.
    again: HashSet<TargetId>,
}

impl Inner {
    fn push(&mut self, id: TargetId) {
        if self.working.contains(&id) {
            self.again.insert(id);
        } else if self.queued.insert(id.clone()) {
            self.ready.push_back(id);
        }
    }

    /// Moves what is due, and says when the next is.
    fn ripen(&mut self, now: Instant) -> Option<Instant> {
        while let Some(Reverse((at, _))) = self.later.peek() {
            if *at > now {
                return Some(*at);
            }
            if let Some(Reverse((_, id))) = self.later.pop() {
                self.push(id);
            }
        }
        None
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As soon as a worker is free.
    pub(super) fn add(&self, id: TargetId) {
        self.lock().push(id);
        self.news.notify_one();
    }

    /// After a while.
    pub(super) fn add_after(&self, id: TargetId, pause: Duration) {
        self.lock().later.push(Reverse((Instant::now() + pause, id)));
        self.news.notify_one();
    }

    /// The next one; it has to be given back with [`Queue::done`].
    pub(super) async fn next(&self) -> TargetId {
        loop {
            let news = self.news.notified();
            let due = {
                let mut inner = self.lock();
                let due = inner.ripen(Instant::now());
                if let Some(id) = inner.ready.pop_front() {
                    inner.queued.remove(&id);
                    inner.working.insert(id.clone());
                    if !inner.ready.is_empty() {
                        self.news.notify_one();
                    }
                    return id;
                }
                due
            };
            match due {
                Some(at) => {
                    tokio::select! { () = news => {}, () = tokio::time::sleep_until(at) => {} }
                }
                None => news.await,
            }
        }
    }

    /// A worker is done with it.
    pub(super) fn done(&self, id: &TargetId) {
        let mut inner = self.lock();
        inner.working.remove(id);
        if inner.again.remove(id) {
            inner.push(id.clone());
            self.news.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> TargetId {
        TargetId::new("shop", name)
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_and_again_when_asked_for_meanwhile() {
        let queue = Queue::default();
        queue.add(id("a"));
        queue.add(id("a"));
        assert_eq!(queue.next().await, id("a"));
        queue.add(id("a"));
        queue.add(id("b"));
        assert_eq!(queue.next().await, id("b"), "a is being worked on");
        queue.done(&id("a"));
        assert_eq!(queue.next().await, id("a"));
        queue.done(&id("a"));
        let nothing = tokio::time::timeout(Duration::from_secs(60), queue.next()).await;
        assert!(nothing.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn later_means_later() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(id("late"), Duration::from_secs(9));
        queue.add_after(id("soon"), Duration::from_secs(3));
        assert_eq!(queue.next().await, id("soon"));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        assert_eq!(queue.next().await, id("late"));
        assert_eq!(start.elapsed(), Duration::from_secs(9));
    }
}
