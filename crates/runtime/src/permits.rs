//! How many reads of one source may run at the same time.
//!
//! Each source has its own permits, so that one which hangs uses up only its own: whoever reads another never waits for
//! it. All in all there is at most one read a trigger.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::sync::Semaphore;

pub(crate) struct Permits {
    each: usize,
    by_source: HashMap<u64, Weak<Semaphore>>,
    /// With so many entries those that nobody uses are dropped.
    prune_at: usize,
}

impl Permits {
    /// `each` for every source.
    pub(crate) fn new(each: usize) -> Self {
        Permits { each: each.clamp(1, Semaphore::MAX_PERMITS), by_source: HashMap::new(), prune_at: 64 }
    }

    /// Those of one source; shared while anybody holds them.
    pub(crate) fn of(&mut self, source: u64) -> Arc<Semaphore> {
        if let Some(shared) = self.by_source.get(&source).and_then(Weak::upgrade) {
            return shared;
        }
        if self.by_source.len() >= self.prune_at {
            self.by_source.retain(|_, permits| permits.strong_count() > 0);
            self.prune_at = (self.by_source.len() * 2).max(64);
        }
        let fresh = Arc::new(Semaphore::new(self.each));
        self.by_source.insert(source, Arc::downgrade(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_shared_by_source_and_forgotten_with_their_last_user() {
        let mut permits = Permits::new(1);
        let held = permits.of(7);
        assert!(Arc::ptr_eq(&held, &permits.of(7)) && !Arc::ptr_eq(&held, &permits.of(8)));
        for source in 100..10_000 {
            drop(permits.of(source));
        }
        assert!(permits.by_source.len() <= 128, "{}", permits.by_source.len());
        assert!(Arc::ptr_eq(&held, &permits.of(7)), "what is in use stays");
    }
}
