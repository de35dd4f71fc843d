//! What was told and is not yet written.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::Notify;

use super::Kind;

/// Room for a start with thousands of objects that each say a few things, at some hundred bytes each.
const ROOM: usize = 8192;

/// Room that is kept while nothing is waiting.
const ROOM_AT_REST: usize = 64;

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) about: ObjectReference,
    pub(super) kind: Kind,
    pub(super) reason: &'static str,
    pub(super) action: &'static str,
    pub(super) note: String,
    /// When.
    pub(super) at: jiff::Timestamp,
}

/// A bounded queue whose writers never wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Told>,
    /// Whether one was taken out that is not dealt with yet.
    at_work: bool,
    closed: bool,
    hurried: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, told: Told) {
        let mut state = self.lock();
        if state.waiting.len() >= ROOM {
            state.waiting.pop_front();
            self.count_dropped();
        }
        state.waiting.push_back(told);
        drop(state);
        self.filled.notify_one();
    }

    /// The next one, or `None` when the queue is empty.
    pub(super) fn take(&self) -> Option<Told> {
        let mut state = self.lock();
        let told = state.waiting.pop_front();
        state.at_work = told.is_some();
        if told.is_none() {
            // The room that a start with thousands of objects took is not needed again.
            state.waiting.shrink_to(ROOM_AT_REST);
            self.emptied.notify_waiters();
        }
        told
    }

    /// Waits until something was pushed or the queue was closed.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Waits until nothing is waiting or at work.
    pub(super) async fn idle(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before the look, so that what happens in between is not missed.
            emptied.as_mut().enable();
            {
                let state = self.lock();
                if state.closed || (state.waiting.is_empty() && !state.at_work) {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// Somebody waits for the end of it.
    pub(super) fn hurry(&self) {
        self.lock().hurried = true;
    }

    /// Whether what is waiting should go out as fast as it can.
    pub(super) fn is_hurried(&self) -> bool {
        let state = self.lock();
        state.hurried || state.closed
    }

    /// Nobody can push any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
