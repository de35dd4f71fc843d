//! The places for open connections, a bounded number of them: when all are taken, a newcomer gets the place of whoever
//! has been silent for longest.
//!
//! Whoever reaches the port can open connections, and the API server must get one all the same. Connections over which
//! nothing was ever answered give way first: those that never finish a handshake or a request's head are among them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// All places of a listener. Cheap to clone; clones share.
#[derive(Clone, Debug)]
pub(super) struct Places {
    shared: Arc<Shared>,
    most: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when a place is free or its holder has fallen silent.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: HashMap<u64, Holder>,
    next: u64,
}

/// A connection, as far as giving way is concerned.
#[derive(Debug)]
struct Holder {
    /// `None`: a request is being answered.
    silent_since: Option<Instant>,
    was_answered: bool,
    give_way: CancellationToken,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    id: u64,
    give_way: CancellationToken,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What it guards is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, give_way: CancellationToken) -> u64 {
        let id = self.next;
        self.next += 1;
        self.taken.insert(id, Holder { silent_since: Some(Instant::now()), was_answered: false, give_way });
        id
    }

    /// Sends off whoever gives way first; whether there was somebody.
    fn make_room(&mut self) -> bool {
        let silent =
            self.taken.iter().filter_map(|(id, holder)| Some((holder.was_answered, holder.silent_since?, *id)));
        let first = silent.min().and_then(|(_, _, id)| self.taken.remove(&id));
        first.is_some_and(|holder| {
            holder.give_way.cancel();
            true
        })
    }
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Places { shared: Arc::default(), most }
    }

    /// A place; waits only while all are taken by connections that are being answered.
    pub(super) async fn take(&self) -> Place {
        loop {
            let changed = self.shared.changed.notified();
            if let Some(place) = self.try_take() {
                return place;
            }
            changed.await;
        }
    }

    fn try_take(&self) -> Option<Place> {
        let mut state = self.shared.lock();
        (state.taken.len() < self.most || state.make_room()).then(|| {
            let give_way = CancellationToken::new();
            Place { shared: Arc::clone(&self.shared), id: state.enter(give_way.clone()), give_way }
        })
    }
}

impl Place {
    /// A request has come; its answer is there when this is dropped.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        if let Some(holder) = self.shared.lock().taken.get_mut(&self.id) {
            holder.silent_since = None;
        }
        Answering { place: Arc::clone(self) }
    }

    /// Waits until the place is somebody else's.
    pub(super) async fn lost(&self) {
        self.give_way.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().taken.remove(&self.id);
        self.shared.changed.notify_one();
    }
}

/// While it is there, its connection keeps its place.
#[derive(Debug)]
pub(super) struct Answering {
    place: Arc<Place>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(holder) = self.place.shared.lock().taken.get_mut(&self.place.id) {
            holder.silent_since = Some(Instant::now());
            holder.was_answered = true;
        }
        self.place.shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn second() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// As many connections as there are places, a second apart.
    async fn full(most: usize) -> (Places, Vec<Arc<Place>>) {
        let (places, mut taken) = (Places::new(most), Vec::new());
        for _ in 0..most {
            taken.push(Arc::new(places.take().await));
            second().await;
        }
        (places, taken)
    }

    fn gone(taken: &[Arc<Place>]) -> Vec<bool> {
        taken.iter().map(|place| place.give_way.is_cancelled()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_silent_gives_way() {
        let (places, taken) = full(3).await;
        for place in &taken {
            drop(place.answering());
        }
        second().await;
        drop(taken[0].answering());
        let newcomer = places.take().await;
        assert_eq!(gone(&taken), [false, true, false]);
        assert!(!newcomer.give_way.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_never_answered_gives_way_before_who_was() {
        let (places, taken) = full(3).await;
        drop(taken[0].answering());
        let mut later = Vec::new();
        for _ in 0..10 {
            second().await;
            later.push(places.take().await);
        }
        assert_eq!(gone(&taken), [false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_being_answered_keeps_its_place() {
        let (places, taken) = full(2).await;
        let first = taken[0].answering();
        let _second = taken[1].answering();
        let waits = tokio::spawn({
            let places = places.clone();
            async move { places.take().await }
        });
        second().await;
        assert!(!waits.is_finished());
        drop(first);
        waits.await.unwrap();
        assert_eq!(gone(&taken), [true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_when_its_connection_ends() {
        let (places, mut taken) = full(2).await;
        drop(taken.remove(0));
        let _newcomer = places.take().await;
        assert_eq!(gone(&taken), [false]);
        // One that was sent off frees nothing a second time when it ends.
        let _another = places.take().await;
        assert_eq!(gone(&taken), [true]);
        drop(taken);
        assert_eq!(places.shared.lock().taken.len(), 2);
    }
}
