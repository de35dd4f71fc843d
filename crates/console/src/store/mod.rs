//! What the console remembers: a bounded past of every target.

mod decisions;
mod slope;
mod target;
mod track;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tidegate_engine::{Cause, ReadError, Reading, Record, TargetId, Timestamp, Workload};
use tokio::sync::mpsc;

use crate::hub::{Hub, Message};
use crate::info::{LoadPoint, TargetInfo};
use crate::metrics::Calls;
use crate::view;

use decisions::KeptRecords;
pub(crate) use decisions::{RecordFilter, is_action};
use target::{Keep, Room};
pub(crate) use target::{PartitionKey, TargetState, TriggerState};
pub(crate) use track::{Fold, Grid, Sample, Track};
use track::{RICH, SLIM, Shape, TINY};

/// How much a [`Store`] keeps and how it presents itself.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Version shown on the page and in `keda_build_info`.
    pub version: String,
    /// Commit shown in `keda_build_info`.
    pub git_commit: String,
    /// Host names accepted in a request's `Host` beside the loopback names. `*` accepts any.
    pub allowed_hosts: Vec<String>,
    /// Decision records kept in all, shared evenly by the targets.
    pub max_records: usize,
    /// Partitions with a series of their own, in all.
    pub max_partition_series: usize,
    /// Streams open at once.
    pub max_streams: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: "unknown".to_owned(),
            allowed_hosts: Vec::new(),
            max_records: 4_000,
            max_partition_series: 300,
            max_streams: 64,
        }
    }
}

/// Up to this many targets, series are kept at a higher resolution.
const FEW_TARGETS: usize = 40;
/// Up to this many, at a lower one; beyond, memory grows by little more than the latest of each.
const MANY_TARGETS: usize = 250;

/// How much a new series keeps where there are so many targets.
fn shape_among(targets: usize) -> &'static Shape {
    if targets <= FEW_TARGETS {
        &RICH
    } else if targets <= MANY_TARGETS {
        &SLIM
    } else {
        &TINY
    }
}

/// Notable records kept for one target: at least and at most. As many of any kind are kept, but among very many targets,
/// where the few that there is room for would all be the same "nothing to do".
const RECORDS_A_TARGET: (usize, usize) = (3, 1_000);

/// A bounded memory of every target's recent past. All methods return at once; none waits for a reader.
#[derive(Debug)]
pub struct Store {
    options: StoreOptions,
    state: Mutex<State>,
    hub: Hub,
    calls: Calls,
}

/// What is behind the lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Each in its own place: a state is kilobytes, and the map's nodes have room for more than are in them.
    pub(crate) targets: BTreeMap<TargetId, Box<TargetState>>,
    /// By where they were found.
    pub(crate) problems: BTreeMap<String, Vec<String>>,
    pub(crate) load: Option<LoadPoint>,
    pub(crate) load_track: Option<Track>,
    pub(crate) resources: BTreeMap<(String, String), usize>,
}

impl State {
    /// Everything that is wrong now.
    pub(crate) fn all_problems(&self) -> Vec<&str> {
        self.problems.values().flatten().map(String::as_str).collect()
    }

    fn partition_series(&self) -> usize {
        self.targets.values().map(|target| target.tracks.partitions.len()).sum()
    }
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Arc<Self> {
        Arc::new(Store { options, state: Mutex::default(), hub: Hub::default(), calls: Calls::default() })
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// A queue of what happens to one target, or to all. `None`: too many streams are open.
    pub(crate) fn subscribe(&self, target: Option<TargetId>) -> Option<mpsc::Receiver<Arc<Message>>> {
        self.hub.subscribe(target, self.options.max_streams)
    }

    /// A target was added or its manifest changed.
    pub fn target(&self, target: &TargetId, info: TargetInfo) {
        let mut state = self.lock();
        state.targets.entry(target.clone()).or_default().describe(info);
        let keep = self.kept_records(state.targets.len());
        for other in state.targets.values_mut() {
            other.decisions.shrink(keep);
        }
        self.announce_targets();
    }

    /// A target is gone; everything about it is forgotten, its metrics too.
    pub fn remove_target(&self, target: &TargetId) {
        self.lock().targets.remove(target);
        self.calls.forget(target.namespace(), target.name());
        self.announce_targets();
    }

    /// A decision was made.
    pub fn record(&self, record: &Arc<Record>) {
        let mut state = self.lock();
        let keep = Keep { records: self.kept_records(state.targets.len()), shape: shape_among(state.targets.len()) };
        if record.cause != Cause::Removed || state.targets.contains_key(&record.target) {
            state.targets.entry(record.target.clone()).or_default().decided(record, keep);
        }
        self.hub.publish("record", Some(&record.target), || view::RecordItem::of(record));
        self.publish_sample(&state, &record.target, record.at);
    }

    /// A trigger's source answered, or did not, at `at`. The metric's name is taken from the target's description.
    pub fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        let _ = metric;
        let mut state = self.lock();
        let shape = shape_among(state.targets.len());
        // Counting them for each reading of thousands of targets would cost more than they tell.
        let partitions = match state.targets.len() {
            0..=MANY_TARGETS => self.options.max_partition_series.saturating_sub(state.partition_series()),
            _ => 0,
        };
        let Some(found) = state.targets.get_mut(target) else { return };
        found.read(trigger, outcome, at, Room { shape, partitions });
        self.publish_sample(&state, target, at);
    }

    /// How long a trigger's source took to answer; call it after [`Store::reading`]. Without it, the time from the
    /// reading's own stamp to its arrival counts.
    pub fn reading_took(&self, target: &TargetId, trigger: usize, took: Duration) {
        let mut state = self.lock();
        if let Some(found) = state.targets.get_mut(target).and_then(|found| found.triggers.get_mut(trigger)) {
            found.took = Some(took);
        }
    }

    /// How late the loop came to a target that was due (`keda_internal_scale_loop_latency_seconds`).
    pub fn lateness(&self, target: &TargetId, late: Duration) {
        if let Some(found) = self.lock().targets.get_mut(target) {
            found.lateness = Some(late);
        }
    }

    /// A workload's counts, as they were seen at `at`.
    pub fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        let mut state = self.lock();
        let Some(found) = state.targets.get_mut(target) else { return };
        let before = found.workload.map(|(_, before)| before);
        found.counts(workload, at);
        if before != Some(*workload) {
            self.publish_sample(&state, target, at);
        }
    }

    /// What the load generator has done so far.
    pub fn load(&self, point: LoadPoint) {
        let mut state = self.lock();
        state.load_track.get_or_insert_with(|| Track::new(&RICH)).push(point.at, Some(point.target_rate));
        state.load = Some(point);
        self.hub.publish("load", None, || point);
    }

    /// Adds to what is wrong now, until [`Store::clear_problems`].
    pub fn problem(&self, text: impl Into<String>) {
        let text = text.into();
        self.change_problems(|problems| {
            let general = problems.entry(String::new()).or_default();
            if !general.contains(&text) {
                general.push(text);
            }
        });
    }

    /// Nothing is wrong any more.
    pub fn clear_problems(&self) {
        self.change_problems(BTreeMap::clear);
    }

    /// Replaces everything that `source` (as a file's name) had found wrong; an empty list clears it.
    pub fn set_problems(&self, source: &str, texts: Vec<String>) {
        self.change_problems(|problems| {
            if texts.is_empty() {
                problems.remove(source);
            } else {
                problems.insert(source.to_owned(), texts);
            }
        });
    }

    fn change_problems(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<String>>)) {
        let mut state = self.lock();
        let before = state.problems.clone();
        change(&mut state.problems);
        if state.problems != before {
            self.hub.publish("problems", None, || state.all_problems());
        }
    }

    /// How many objects of a kind (as `trigger_authentication`) a namespace has (`keda_resource_registered_total`).
    pub fn resources(&self, kind: &str, namespace: &str, count: usize) {
        let key = (kind.to_owned(), namespace.to_owned());
        let mut state = self.lock();
        if count == 0 {
            state.resources.remove(&key);
        } else {
            state.resources.insert(key, count);
        }
    }

    fn kept_records(&self, targets: usize) -> KeptRecords {
        let (least, most) = RECORDS_A_TARGET;
        let notable = (self.options.max_records / 2 / targets.max(1)).clamp(least, most);
        KeptRecords { latest: if targets > MANY_TARGETS { 1 } else { notable }, notable }
    }

    fn announce_targets(&self) {
        self.hub.publish("targets", None, || serde_json::json!({}));
    }

    fn publish_sample(&self, state: &State, target: &TargetId, at: Timestamp) {
        self.hub.publish("sample", Some(target), || view::SampleView::of(state, target, at));
    }
}
