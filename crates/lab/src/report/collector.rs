//! Listens to a run and keeps what the report needs, within bounds.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::{IndexMap, IndexSet};
use tidegate_engine::{Outcome, Policy, ReadError, Reading, Record, TargetId, Timestamp, Workload};

use super::thinned::Thinned;
use crate::load::{LoadPoint, LoadSummary};

/// Records kept in memory for a report that has no files of them. The oldest go first.
const MOST_RECORDS: usize = 20_000;
/// Scaling actions and process events kept for each target. The oldest go first.
const MOST_ACTIONS: usize = 20_000;

/// How a collector works.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectorOptions {
    /// Lag above this many records counts as late.
    pub lag_target: Option<u64>,
}

/// Something that happened to a pod's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessEvent {
    /// Whose pod.
    pub target: TargetId,
    /// The pod's name.
    pub pod: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: ProcessWhat,
}

/// What happened to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessWhat {
    /// It was started.
    Started,
    /// It became ready.
    Ready,
    /// It was asked to stop.
    Stopping,
    /// It ended, with its exit code if it had one.
    Exited {
        /// The code; `None` when a signal ended it.
        code: Option<i32>,
    },
}

/// Listens to a run. Cheap to share; every method takes the time from its caller.
#[derive(Debug)]
pub struct Collector {
    pub(super) options: CollectorOptions,
    state: Mutex<State>,
}

/// Everything heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    pub(crate) targets: IndexMap<TargetId, TargetData>,
    pub(crate) loads: IndexMap<Arc<str>, LoadData>,
    pub(crate) load_summaries: Vec<LoadSummary>,
    pub(crate) records: VecDeque<Arc<Record>>,
    pub(crate) records_left_out: u64,
}

/// What is known of one target.
#[derive(Clone, Debug)]
pub(crate) struct TargetData {
    /// Sum of the partitions' lag over all triggers, or else the triggers' values.
    pub(crate) lag: Thinned<f64>,
    lag_by_trigger: IndexMap<usize, f64>,
    pub(crate) produced: Thinned<f64>,
    pub(crate) consumed: Thinned<f64>,
    pub(crate) topics: IndexSet<Arc<str>>,
    pub(crate) workload: Thinned<Workload>,
    /// `desired`, `min`, `max`, `useful` as decided.
    pub(crate) decided: Thinned<Decided>,
    pub(crate) actions: VecDeque<Arc<Record>>,
    pub(crate) decisions: u64,
    pub(crate) actions_count: u64,
    pub(crate) held: u64,
    pub(crate) read_errors: u64,
    pub(crate) last_read_error: Option<String>,
    pub(crate) processes: VecDeque<ProcessEvent>,
    pub(crate) events_files: Vec<(String, PathBuf)>,
}

/// What a decision said, in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decided {
    pub(crate) desired: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) useful: Option<u32>,
}

/// What is known of one load.
#[derive(Clone, Debug)]
pub(crate) struct LoadData {
    pub(crate) topic: Arc<str>,
    pub(crate) produced: Thinned<f64>,
    pub(crate) target_rate: Thinned<f64>,
}

impl Default for TargetData {
    fn default() -> Self {
        TargetData {
            lag: Thinned::new(f64::max),
            lag_by_trigger: IndexMap::new(),
            produced: Thinned::new(|first, _| first),
            consumed: Thinned::new(|first, _| first),
            topics: IndexSet::new(),
            workload: Thinned::new(|one, other| if one.replicas >= other.replicas { one } else { other }),
            decided: Thinned::new(|one, other| if one.desired >= other.desired { one } else { other }),
            actions: VecDeque::new(),
            decisions: 0,
            actions_count: 0,
            held: 0,
            read_errors: 0,
            last_read_error: None,
            processes: VecDeque::new(),
            events_files: Vec::new(),
        }
    }
}

fn push_bounded<T>(list: &mut VecDeque<T>, item: T, most: usize) -> bool {
    let full = list.len() >= most;
    if full {
        list.pop_front();
    }
    list.push_back(item);
    full
}

impl State {
    fn seen(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }

    fn at(&mut self, target: &TargetId) -> &mut TargetData {
        self.targets.entry(target.clone()).or_default()
    }
}

impl Collector {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new(options: CollectorOptions) -> Self {
        Collector { options, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked with the lock held leaves at worst one sample out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> State {
        self.lock().clone()
    }

    /// A target appeared or changed (`Some`), or is gone (`None`). What was heard of it is kept.
    pub fn target(&self, target: &TargetId, policy: Option<&Policy>) {
        if policy.is_some() {
            self.lock().at(target);
        }
    }

    /// A decision was made.
    pub fn record(&self, record: &Arc<Record>) {
        let mut state = self.lock();
        state.seen(record.at);
        let data = state.at(&record.target);
        data.decisions += 1;
        data.held += u64::from(record.result == Outcome::Held);
        let limits = record.limits;
        let decided =
            Decided { desired: record.desired_replicas, min: limits.min, max: limits.max, useful: limits.useful };
        data.decided.push(record.at, decided);
        if record.result == Outcome::Scaled {
            data.actions_count += 1;
            push_bounded(&mut data.actions, Arc::clone(record), MOST_ACTIONS);
        }
        let left_out = push_bounded(&mut state.records, Arc::clone(record), MOST_RECORDS);
        state.records_left_out += u64::from(left_out);
    }

    /// A source was read.
    pub fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        let mut state = self.lock();
        state.seen(at);
        let data = state.at(target);
        match outcome {
            Ok(reading) => data.reading(trigger, reading, at),
            Err(error) => {
                data.read_errors += 1;
                data.last_read_error = Some(format!("{metric}: {error}"));
            }
        }
    }

    /// A workload was looked at.
    pub fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        let mut state = self.lock();
        state.seen(at);
        state.at(target).workload.push(at, *workload);
    }

    /// A load's counts.
    pub fn load(&self, point: &LoadPoint) {
        let mut state = self.lock();
        state.seen(point.at);
        let data = state.loads.entry(Arc::clone(&point.load)).or_insert_with(|| LoadData {
            topic: Arc::clone(&point.topic),
            produced: Thinned::new(|first, _| first),
            target_rate: Thinned::new(f64::max),
        });
        data.produced.push(point.at, point.produced_total as f64);
        data.target_rate.push(point.at, point.target_rate);
    }

    /// A load is over.
    pub fn load_finished(&self, summary: &LoadSummary) {
        self.lock().load_summaries.push(summary.clone());
    }

    /// Something happened to a pod's process.
    pub fn process(&self, event: ProcessEvent) {
        let mut state = self.lock();
        state.seen(event.at);
        let target = event.target.clone();
        push_bounded(&mut state.at(&target).processes, event, MOST_ACTIONS);
    }

    /// Where a pod's consumer writes its events (`TIDEGATE_EVENTS_FILE`); read when the report is written.
    pub fn consumer_events_file(&self, target: &TargetId, pod: &str, path: &Path) {
        self.lock().at(target).events_files.push((pod.to_owned(), path.to_owned()));
    }
}

impl Default for Collector {
    fn default() -> Self {
        Collector::new(CollectorOptions::default())
    }
}

impl TargetData {
    fn reading(&mut self, trigger: usize, reading: &Reading, at: Timestamp) {
        let figures = reading.figures.as_deref();
        let partitions = figures.map_or(&[][..], |figures| &figures.partitions);
        let lag = if partitions.is_empty() {
            reading.value
        } else {
            partitions.iter().map(|partition| partition.lag.max(0) as f64).sum()
        };
        for partition in partitions {
            if !self.topics.contains(&partition.topic) {
                self.topics.insert(Arc::clone(&partition.topic));
            }
        }
        self.lag_by_trigger.insert(trigger, lag);
        self.lag.push(at, self.lag_by_trigger.values().sum());
        // Totals of the first trigger that has any; several triggers may look at one topic.
        let first = self.lag_by_trigger.keys().min() == Some(&trigger);
        if let (Some(figures), true) = (figures, first) {
            if let Some(total) = figures.produced_total {
                self.produced.push(at, total as f64);
            }
            if let Some(total) = figures.consumed_total {
                self.consumed.push(at, total as f64);
            }
        }
    }
}
