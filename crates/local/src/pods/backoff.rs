//! How long a container that ended waits before it is started again: as the kubelet does.

use std::time::Duration;

/// The delays. The first restart comes at once, the next after `first`, then twice as long each time up to `most`; a
/// container that ran for twice `most` starts afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartDelays {
    /// Before the second restart.
    pub first: Duration,
    /// Never longer.
    pub most: Duration,
}

impl Default for RestartDelays {
    fn default() -> Self {
        RestartDelays { first: Duration::from_secs(10), most: Duration::from_secs(300) }
    }
}

/// The state of one container.
#[derive(Debug)]
pub(crate) struct Backoff {
    delays: RestartDelays,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(delays: RestartDelays) -> Self {
        Backoff { delays, next: Duration::ZERO }
    }

    /// The delay after it ran for so long.
    pub(crate) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= self.delays.most * 2 {
            self.next = Duration::ZERO;
        }
        let delay = self.next;
        self.next = if delay.is_zero() { self.delays.first } else { (delay * 2).min(self.delays.most) };
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_the_kubelets() {
        let mut backoff = Backoff::new(RestartDelays::default());
        let short = Duration::from_secs(1);
        let delays: Vec<u64> = (0..8).map(|_| backoff.after(short).as_secs()).collect();
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(backoff.after(Duration::from_secs(600)).as_secs(), 0, "ten minutes of running forgive");
        assert_eq!(backoff.after(short).as_secs(), 10);
    }
}
