//! Pods that take their time to start.

use std::time::Duration;

use tidegate_engine::Workload;

/// The pods of one workload, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pods {
    wanted: u32,
    /// When each is (or was) ready.
    ready_at: Vec<Duration>,
}

impl Pods {
    /// Starts or stops pods: new ones are ready after `start_up`, the newest go first.
    pub(crate) fn scale(&mut self, wanted: u32, now: Duration, start_up: Duration) {
        self.wanted = wanted;
        self.ready_at.resize(wanted as usize, now + start_up);
    }

    /// The `count` oldest pods crash and start anew.
    pub(crate) fn crash(&mut self, count: u32, now: Duration, start_up: Duration) {
        let crashed = self.ready_at.len().min(count as usize);
        self.ready_at.drain(..crashed);
        self.ready_at.resize(self.wanted as usize, now + start_up);
    }

    pub(crate) fn ready(&self, now: Duration) -> u32 {
        let ready = self.ready_at.iter().filter(|at| **at <= now).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.wanted
    }

    pub(crate) fn observed(&self, now: Duration) -> Workload {
        Workload { ready: self.ready(now), ..Workload::settled(self.wanted) }
    }
}
