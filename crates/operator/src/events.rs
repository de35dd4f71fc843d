//! Kubernetes events about the objects that we serve, in `events.k8s.io/v1`.
//!
//! [`Recorder::emit`] never waits: it queues, and one task writes, not too fast. What repeats becomes a series of one event
//! instead of many events; each object has a budget of its own, so that one that flaps cannot drown the others.

mod budget;
mod pace;
mod queue;
pub mod reasons;
mod series;
mod wire;
mod writer;

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;

use crate::lane::Lane;
use queue::Queue;

/// Whether an event is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// All is well.
    Normal,
    /// Something should be looked at.
    Warning,
}

impl Kind {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Normal => "Normal",
            Kind::Warning => "Warning",
        }
    }
}

/// Writes events. Cheap to clone; clones share one queue. The writer ends with the last of them.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    queue: Arc<Queue>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Recorder {
    /// A recorder with its writer, which needs a running tokio runtime. `controller` is told as `reportingController`,
    /// `identity` (which replica) as `reportingInstance`.
    #[must_use]
    pub fn start(client: Client, controller: &str, identity: &str) -> Recorder {
        Recorder::start_behind(Lane::default(), client, controller, identity)
    }

    /// The same, writing only while no replica count is being changed.
    pub(crate) fn start_behind(lane: Lane, client: Client, controller: &str, identity: &str) -> Recorder {
        let queue = Arc::new(Queue::default());
        let reporter = wire::Reporter::new(controller, identity);
        tokio::spawn(writer::run(client, lane, Arc::clone(&queue), reporter));
        Recorder { shared: Some(Arc::new(Shared { queue })) }
    }

    /// One that says nothing.
    #[must_use]
    pub fn disabled() -> Recorder {
        Recorder { shared: None }
    }

    /// Says that something happened to `about`, which needs at least kind, API version and name; its UID makes that
    /// `kubectl describe` shows the event. Never waits: with a full queue the oldest event is dropped and counted.
    pub fn emit(&self, about: ObjectReference, kind: Kind, reason: &'static str, action: &'static str, note: String) {
        if let Some(shared) = &self.shared {
            let at = jiff::Timestamp::now();
            shared.queue.push(queue::Told { about, kind, reason, action, note, at });
        }
    }

    /// How many events were dropped since the start: by a full queue, by an object's budget, or because the API server
    /// took none.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.queue.dropped())
    }

    /// Waits until all that was told so far is written or dropped, which goes faster from now on.
    pub async fn flush(&self) {
        if let Some(shared) = &self.shared {
            shared.queue.hurry();
            shared.queue.idle().await;
        }
    }
}

#[cfg(test)]
mod tests;
