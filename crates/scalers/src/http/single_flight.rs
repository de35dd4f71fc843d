//! Identical work at the same time is done once, and everybody who asked gets the result.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{Shared, WeakShared};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work under way, by the digest of what is asked. It goes on as long as one of those who asked still waits, whichever of
/// them began it, and is dropped with the last.
pub(super) struct SingleFlight<T: Clone> {
    flights: Mutex<HashMap<[u8; 32], WeakShared<Boxed<T>>>>,
}

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        SingleFlight { flights: Mutex::default() }
    }
}

impl<T: Clone> SingleFlight<T> {
    /// Joins the work under way for `key`, or begins `work`.
    pub(super) async fn run(&self, key: [u8; 32], work: impl Future<Output = T> + Send + 'static) -> T {
        self.join(key, work).await
    }

    fn join(&self, key: [u8; 32], work: impl Future<Output = T> + Send + 'static) -> Shared<Boxed<T>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // A result that is already there is an old one: only work that has not ended is joined.
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade)
            && flight.peek().is_none()
        {
            return flight;
        }
        flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        let work: Boxed<T> = Box::pin(work);
        let flight = work.shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::SingleFlight;

    const KEY: [u8; 32] = [7; 32];

    #[tokio::test]
    async fn work_under_way_is_joined_and_ended_work_is_not() {
        let flights = SingleFlight::default();
        let begun = Arc::new(AtomicUsize::new(0));
        let work = |value: u32, gate: oneshot::Receiver<()>| {
            let begun = Arc::clone(&begun);
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                gate.await.ok();
                value
            }
        };
        let (open, gate) = oneshot::channel();
        let (_open, never) = oneshot::channel();
        let opened = async { open.send(()).unwrap() };
        let (one, two, ()) = tokio::join!(flights.run(KEY, work(1, gate)), flights.run(KEY, work(2, never)), opened);
        assert_eq!((one, two, begun.load(Ordering::SeqCst)), (1, 1, 1));

        let (open, gate) = oneshot::channel();
        open.send(()).unwrap();
        assert_eq!(flights.run(KEY, work(3, gate)).await, 3);
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_joined_gets_the_result_though_the_first_gave_up() {
        let flights = SingleFlight::default();
        let (open, gate) = oneshot::channel::<()>();
        let mut first = Box::pin(flights.run(KEY, async {
            gate.await.ok();
            1
        }));
        assert!(futures::poll!(&mut first).is_pending());
        let mut second = Box::pin(flights.run(KEY, async { 2 }));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        open.send(()).unwrap();
        assert_eq!(second.await, 1);
    }
}
