//! What is to happen when, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Things to come, earliest first; those of the same moment in the order in which they were planned.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    queue: BinaryHeap<Reverse<Entry<T>>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: Duration,
    order: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Agenda { queue: BinaryHeap::new(), planned: 0 }
    }

    /// Plans `what` for `due` from the start of the run.
    pub(crate) fn plan(&mut self, due: Duration, what: T) {
        self.planned += 1;
        self.queue.push(Reverse(Entry { due, order: self.planned, what }));
    }

    /// The next thing before `end`.
    pub(crate) fn next_before(&mut self, end: Duration) -> Option<(Duration, T)> {
        if self.queue.peek()?.0.due >= end {
            return None;
        }
        self.queue.pop().map(|Reverse(entry)| (entry.due, entry.what))
    }
}
