//! Who is told of decisions and readings: the page, the report, the terminal, the summary.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_console::Store;
use tidegate_engine::{Finding, Outcome, Policy, ReadError, Reading, Record, TargetId, Timestamp, Workload, headline};
use tidegate_lab::report::Collector;
use tidegate_runtime::Sink;

use super::TargetSummary;
use crate::progress::{Progress, ProgressKind};

/// The page.
pub(crate) struct ToConsole(pub(crate) Arc<Store>);

impl Sink for ToConsole {
    fn record(&self, record: &Arc<Record>) {
        self.0.record(record);
    }

    fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        self.0.reading(target, trigger, metric, outcome, at);
    }

    fn late(&self, target: &TargetId, late: Duration) {
        self.0.lateness(target, late);
    }

    fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        self.0.workload(target, workload, at);
    }

    fn finding(&self, record: &Arc<Record>, finding: &Finding) {
        let Record { target, sequence, .. } = &**record;
        self.0.problem(format!(
            "decision {sequence} of {target} breaks promise {}: {}",
            finding.promise, finding.message
        ));
    }

    fn state_problem(&self, problem: Option<&str>) {
        self.0.set_problems("state", problem.map(str::to_owned).into_iter().collect());
    }
}

/// The report.
pub(crate) struct ToReport(pub(crate) Arc<Collector>);

impl Sink for ToReport {
    fn record(&self, record: &Arc<Record>) {
        self.0.record(record);
    }

    fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        self.0.reading(target, trigger, metric, outcome, at);
    }

    fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        self.0.workload(target, workload, at);
    }

    fn target(&self, target: &TargetId, policy: Option<&Policy>) {
        self.0.target(target, policy);
    }
}

/// The terminal: each scaling action with its reason; each trigger that begins to fail, or works again.
pub(crate) struct ToTerminal {
    progress: Arc<dyn Progress>,
    failing: Mutex<HashSet<(TargetId, usize)>>,
}

impl ToTerminal {
    pub(crate) fn new(progress: Arc<dyn Progress>) -> Self {
        ToTerminal { progress, failing: Mutex::default() }
    }
}

impl Sink for ToTerminal {
    fn record(&self, record: &Arc<Record>) {
        if record.result == Outcome::Scaled {
            self.progress.tell(ProgressKind::Scaling, &headline(record));
        }
    }

    fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        _at: Timestamp,
    ) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (target.clone(), trigger);
        match outcome {
            Ok(_) if failing.remove(&key) => {
                self.progress.tell(ProgressKind::Step, &format!("{target}: {metric} can be read again"));
            }
            Err(error) if failing.insert(key) => {
                self.progress.tell(ProgressKind::Warning, &format!("{target}: {metric} cannot be read: {error}"));
            }
            _ => {}
        }
    }

    fn finding(&self, record: &Arc<Record>, finding: &Finding) {
        let text = format!(
            "{}: decision {} breaks promise {}: {}; please report it",
            record.target, record.sequence, finding.promise, finding.message
        );
        self.progress.tell(ProgressKind::Error, &text);
    }

    fn state_problem(&self, problem: Option<&str>) {
        match problem {
            Some(problem) => self.progress.tell(ProgressKind::Error, &format!("{problem}; trying again each second")),
            None => self.progress.tell(ProgressKind::Step, "states are saved again"),
        }
    }
}

/// The summary at the end; also knows whether all targets are at rest.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<TargetId, Counted>>);

#[derive(Debug)]
struct Counted {
    summary: TargetSummary,
    /// The count that it goes down to when nothing is to be done.
    rest: u32,
    workload: Option<Workload>,
    gone: bool,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TargetId, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn summaries(&self) -> Vec<TargetSummary> {
        self.lock().values().map(|counted| counted.summary.clone()).collect()
    }

    /// Whether every target is down to its fewest replicas and none is on its way.
    pub(crate) fn at_rest(&self) -> bool {
        self.lock().values().filter(|counted| !counted.gone).all(|counted| {
            counted
                .workload
                .is_some_and(|workload| workload.replicas <= counted.rest && workload.current <= counted.rest)
        })
    }

    fn with(&self, target: &TargetId, change: impl FnOnce(&mut Counted)) {
        let mut all = self.lock();
        change(all.entry(target.clone()).or_insert_with(|| Counted {
            summary: TargetSummary { id: target.clone(), decisions: 0, changes: 0, most: 0, last: 0, findings: 0 },
            rest: 0,
            workload: None,
            gone: false,
        }));
    }
}

impl Sink for Tally {
    fn record(&self, record: &Arc<Record>) {
        self.with(&record.target, |counted| {
            counted.summary.decisions += 1;
            counted.summary.changes += u64::from(record.result == Outcome::Scaled);
        });
    }

    fn workload(&self, target: &TargetId, workload: &Workload, _at: Timestamp) {
        self.with(target, |counted| {
            counted.workload = Some(*workload);
            counted.summary.most = counted.summary.most.max(workload.replicas);
            counted.summary.last = workload.replicas;
        });
    }

    fn target(&self, target: &TargetId, policy: Option<&Policy>) {
        self.with(target, |counted| {
            counted.gone = policy.is_none();
            if let Some(policy) = policy {
                let fewest = policy.idle_replicas.unwrap_or(policy.min_replicas);
                // What a pause holds up never comes down.
                counted.rest = if policy.pause.is_full() { u32::MAX } else { fewest };
                counted.rest = if policy.force_activation { policy.min_replicas.max(1) } else { counted.rest };
            }
        });
    }

    fn finding(&self, record: &Arc<Record>, _finding: &Finding) {
        self.with(&record.target, |counted| counted.summary.findings += 1);
    }
}
