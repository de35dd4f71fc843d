//! The latest decision records of a target.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tidegate_engine::{Outcome, Record};

/// Records of one target: the latest of any kind, and further back those that a person looks for.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    recent: VecDeque<Arc<Record>>,
    notable: VecDeque<Arc<Record>>,
    /// Decisions by the rule that bound them, since the target was added.
    pub(crate) by_rule: BTreeMap<String, u64>,
    /// Scaling actions out and in, since the target was added.
    pub(crate) scaled: [u64; 2],
}

/// How many records of one target stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptRecords {
    /// The latest, of any kind; at least one.
    pub(crate) latest: usize,
    /// Those that a person looks for.
    pub(crate) notable: usize,
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RecordFilter {
    /// All that are kept.
    #[default]
    All,
    /// Those that changed the number of replicas, tried to, or advised to.
    Actions,
}

/// Whether a record changed the number of replicas, tried to, or advised to.
pub(crate) fn is_action(record: &Record) -> bool {
    let differs = record.workload.is_some_and(|workload| workload.replicas != record.desired_replicas);
    match record.result {
        Outcome::Scaled | Outcome::Failed => true,
        Outcome::Advised => differs,
        Outcome::Unchanged | Outcome::Waiting | Outcome::Held | Outcome::Paused => false,
    }
}

/// Whether a person looking back would want to see it: an action, or something that is not as in the record before.
fn is_notable(record: &Record, before: Option<&Record>) -> bool {
    let Some(before) = before else { return true };
    let failing = |record: &Record| record.readings.iter().filter(|reading| reading.error.is_some()).count();
    is_action(record)
        || record.bound_by != before.bound_by
        || record.result != before.result
        || record.active != before.active
        || record.desired_replicas != before.desired_replicas
        || failing(record) != failing(before)
}

impl Decisions {
    /// Keeps a record, and of those before it as many as `keep` says.
    pub(crate) fn push(&mut self, record: &Arc<Record>, keep: KeptRecords) {
        *self.by_rule.entry(record.bound_by.to_string()).or_default() += 1;
        if record.result == Outcome::Scaled {
            let from = record.workload.map_or(0, |workload| workload.replicas);
            self.scaled[usize::from(record.desired_replicas < from)] += 1;
        }
        if self.latest().is_some_and(|latest| latest.sequence >= record.sequence) {
            self.recent.retain(|kept| kept.sequence < record.sequence);
            self.notable.retain(|kept| kept.sequence < record.sequence);
        }
        if is_notable(record, self.latest().map(Arc::as_ref)) {
            self.notable.push_back(record.clone());
        }
        self.recent.push_back(record.clone());
        self.shrink(keep);
    }

    /// Forgets the oldest.
    pub(crate) fn shrink(&mut self, keep: KeptRecords) {
        for (queue, keep) in [(&mut self.recent, keep.latest), (&mut self.notable, keep.notable)] {
            while queue.len() > keep {
                queue.pop_front();
            }
            if queue.capacity() > 2 * keep.max(8) {
                queue.shrink_to_fit();
            }
        }
    }

    /// The latest record.
    pub(crate) fn latest(&self) -> Option<&Arc<Record>> {
        self.recent.back()
    }

    /// The latest action.
    pub(crate) fn latest_action(&self) -> Option<&Arc<Record>> {
        self.newest_first().find(|record| is_action(record))
    }

    /// The record with this sequence number.
    pub(crate) fn get(&self, sequence: u64) -> Option<&Arc<Record>> {
        let in_queue = |queue: &'_ VecDeque<Arc<Record>>| queue.binary_search_by_key(&sequence, |kept| kept.sequence);
        in_queue(&self.recent)
            .ok()
            .and_then(|index| self.recent.get(index))
            .or_else(|| in_queue(&self.notable).ok().and_then(|index| self.notable.get(index)))
    }

    /// All that are kept, each once.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Arc<Record>> {
        let oldest = self.recent.front().map_or(u64::MAX, |record| record.sequence);
        let earlier = self.notable.iter().filter(move |record| record.sequence < oldest);
        self.recent.iter().rev().chain(earlier.rev())
    }
}
