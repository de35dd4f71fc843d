//! Readers of the live stream: each has a short queue, and one that does not keep up is cut off.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use tidegate_engine::TargetId;
use tokio::sync::mpsc;

/// Messages that may wait for one reader: at one target's few messages a second, half a minute and more.
const QUEUE: usize = 256;

/// One message of the stream.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its kind: the `event` field of server-sent events.
    pub(crate) event: &'static str,
    /// Its content, as JSON on one line.
    pub(crate) data: String,
}

#[derive(Debug)]
struct Reader {
    /// Only this target's messages, or all.
    target: Option<TargetId>,
    queue: mpsc::Sender<Arc<Message>>,
}

/// All readers.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    readers: Mutex<Vec<Reader>>,
    dropped: AtomicU64,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A new reader's queue; `None` when there are `most` already.
    pub(crate) fn subscribe(&self, target: Option<TargetId>, most: usize) -> Option<mpsc::Receiver<Arc<Message>>> {
        let mut readers = self.lock();
        readers.retain(|reader| !reader.queue.is_closed());
        if readers.len() >= most {
            return None;
        }
        let (queue, receiver) = mpsc::channel(QUEUE);
        readers.push(Reader { target, queue });
        Some(receiver)
    }

    /// Sends to every reader that wants to hear of `target` (all of them when it is `None`). `content` is made only if
    /// somebody listens. Never waits: a reader whose queue is full is cut off, and finds out when it has read it.
    pub(crate) fn publish<T: Serialize>(
        &self,
        event: &'static str,
        target: Option<&TargetId>,
        content: impl FnOnce() -> T,
    ) {
        let mut readers = self.lock();
        let wants = |reader: &Reader| match (target, &reader.target) {
            (Some(about), Some(wanted)) => about == wanted,
            _ => true,
        };
        if !readers.iter().any(wants) {
            return;
        }
        let Ok(data) = serde_json::to_string(&content()) else { return };
        let message = Arc::new(Message { event, data });
        readers.retain(|reader| {
            if !wants(reader) {
                return true;
            }
            let sent = reader.queue.try_send(message.clone());
            if matches!(sent, Err(mpsc::error::TrySendError::Full(_))) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            sent.is_ok()
        });
    }

    /// Ends every stream.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }

    /// Readers now.
    pub(crate) fn len(&self) -> usize {
        self.lock().iter().filter(|reader| !reader.queue.is_closed()).count()
    }

    /// Readers cut off so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_does_not_keep_up_is_cut_off() {
        let hub = Hub::default();
        let mut slow = hub.subscribe(None, 8).unwrap();
        for number in 0..QUEUE + 5 {
            hub.publish("sample", None, || number);
        }
        assert_eq!((hub.len(), hub.dropped()), (0, 1));
        let mut received = 0;
        while slow.try_recv().is_ok() {
            received += 1;
        }
        assert_eq!(received, QUEUE, "what was queued can still be read");
    }

    #[test]
    fn a_reader_of_one_target_hears_of_no_other() {
        let hub = Hub::default();
        let (mine, other) = (TargetId::new("shop", "orders"), TargetId::new("shop", "mail"));
        let mut reader = hub.subscribe(Some(mine.clone()), 8).unwrap();
        hub.publish("sample", Some(&other), || -> u32 { panic!("nobody listens, nothing to be made") });
        hub.publish("sample", Some(&mine), || 1);
        hub.publish("problems", None, || 2);
        let heard: Vec<String> = std::iter::from_fn(|| reader.try_recv().ok()).map(|sent| sent.data.clone()).collect();
        assert_eq!(heard, ["1", "2"]);
    }

    #[test]
    fn there_are_never_more_readers_than_allowed() {
        let hub = Hub::default();
        let first = hub.subscribe(None, 1);
        assert!(first.is_some() && hub.subscribe(None, 1).is_none());
        drop(first);
        assert!(hub.subscribe(None, 1).is_some(), "a reader that left makes room");
    }
}
