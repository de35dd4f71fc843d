//! Whom the live loop tells of readings and decisions: the metrics API's board, the status, the console, and events.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_console::Store;
use tidegate_engine::{
    Cause, Finding, Mode, Policy, ReadError, Reading, ReadingRecord, Record, TargetId, Timestamp, Workload,
};
use tidegate_runtime::Sink;

use crate::board::{Board, BoardValue};
use crate::events::{Kind, Recorder, reasons};
use crate::hpa::COMPOSITE;
use crate::leadership::Leading;
use crate::status::{Findings, StatusWriter, is_resource};
use crate::tell::reference;
use crate::watches::Index;

/// Tells all of them. Nothing in here waits.
pub(crate) struct Told {
    pub(crate) board: Board,
    pub(crate) status: StatusWriter,
    pub(crate) console: Arc<Store>,
    pub(crate) recorder: Recorder,
    pub(crate) index: Index,
    pub(crate) leading: Leading,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Triggers whose last reading failed.
    failing: HashSet<(TargetId, usize)>,
    /// Whether a fallback stood in at the last decision.
    falling_back: HashMap<TargetId, bool>,
    /// Targets about which nothing may be written.
    silent: HashSet<TargetId>,
    /// Targets with a formula.
    formulas: HashSet<TargetId>,
}

impl Told {
    pub(crate) fn new(
        board: Board,
        status: StatusWriter,
        console: Arc<Store>,
        recorder: Recorder,
        index: Index,
        leading: Leading,
    ) -> Self {
        Told { board, status, console, recorder, index, leading, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, id: &TargetId, kind: Kind, reason: &'static str, action: &'static str, note: String) {
        if !self.leading.now() || self.state().silent.contains(id) {
            return;
        }
        if let Some(object) = self.index.scaled_object(id) {
            self.recorder.emit(reference(&object), kind, reason, action, note);
        }
    }

    fn tell_fallback(&self, id: &TargetId, now: bool) {
        let before = self.state().falling_back.insert(id.clone(), now);
        match (before.unwrap_or(false), now) {
            (false, true) => {
                let note = "triggers failed more often than the threshold allows; the fallback stands in for them";
                self.emit(id, Kind::Normal, reasons::SCALED_OBJECT_FALLBACK_ACTIVATED, "Fallback", note.to_owned());
            }
            (true, false) => {
                let note = "the fallback does not stand in for any trigger any more";
                self.emit(id, Kind::Normal, reasons::SCALED_OBJECT_FALLBACK_DEACTIVATED, "Fallback", note.to_owned());
            }
            _ => {}
        }
    }
}

/// What the metrics API may say after this decision.
fn values(record: &Record) -> Vec<BoardValue> {
    let of_trigger = |reading: &ReadingRecord| BoardValue {
        metric: Arc::clone(&reading.metric),
        value: reading.value.ok_or_else(|| match &reading.error {
            Some(error) => Arc::clone(&error.message),
            None => "it has not been read yet".into(),
        }),
        at: reading.at.filter(|_| !reading.fallback).unwrap_or(record.at),
        fallback: reading.fallback,
    };
    let external = record.readings.iter().filter(|reading| !is_resource(&reading.kind));
    let mut values: Vec<BoardValue> = external.map(of_trigger).collect();
    if let Some(formula) = &record.formula {
        let oldest = record.readings.iter().filter_map(|reading| reading.at).min();
        let failed = record.readings.iter().find_map(|reading| reading.error.as_ref());
        values.push(BoardValue {
            metric: COMPOSITE.into(),
            value: formula.value.ok_or_else(|| match (&formula.error, failed) {
                (Some(error), _) => Arc::clone(error),
                (None, Some(error)) => Arc::clone(&error.message),
                (None, None) => "the formula has no value".into(),
            }),
            at: oldest.filter(|_| !formula.fallback).unwrap_or(record.at),
            fallback: formula.fallback,
        });
    }
    values
}

impl Sink for Told {
    fn record(&self, record: &Arc<Record>) {
        self.console.record(record);
        if record.cause == Cause::Removed {
            return;
        }
        self.board.set(&record.target, values(record));
        let findings = Findings::of(record);
        self.tell_fallback(&record.target, findings.falls_back());
        self.status.found(&record.target, findings);
    }

    fn reading(
        &self,
        target: &TargetId,
        trigger: usize,
        metric: &str,
        outcome: &Result<Reading, ReadError>,
        at: Timestamp,
    ) {
        self.console.reading(target, trigger, metric, outcome, at);
        let key = (target.clone(), trigger);
        match outcome {
            Ok(_) => {
                self.state().failing.remove(&key);
            }
            Err(error) => {
                let (first, formula) = {
                    let mut state = self.state();
                    (state.failing.insert(key), state.formulas.contains(target))
                };
                if first {
                    let reason = if formula { reasons::METRIC_SOURCE_FAILED } else { reasons::SCALER_FAILED };
                    self.emit(target, Kind::Warning, reason, "Read", format!("{metric}: {error}"));
                }
            }
        }
    }

    fn late(&self, target: &TargetId, late: Duration) {
        self.console.lateness(target, late);
    }

    fn workload(&self, target: &TargetId, workload: &Workload, at: Timestamp) {
        self.console.workload(target, workload, at);
    }

    fn target(&self, target: &TargetId, policy: Option<&Policy>) {
        let mut state = self.state();
        state.failing.retain(|(id, _)| id != target);
        match policy {
            Some(policy) => {
                let put = |set: &mut HashSet<TargetId>, is: bool| {
                    if is {
                        set.insert(target.clone())
                    } else {
                        set.remove(target)
                    };
                };
                put(&mut state.silent, policy.mode == Mode::Shadow);
                put(&mut state.formulas, policy.formula.is_some());
            }
            None => {
                state.falling_back.remove(target);
                state.silent.remove(target);
                state.formulas.remove(target);
            }
        }
    }

    fn finding(&self, record: &Arc<Record>, finding: &Finding) {
        let Record { target, sequence, .. } = &**record;
        let (promise, message) = (finding.promise, &finding.message);
        self.console.problem(format!("decision {sequence} of {target} breaks promise {promise}: {message}"));
    }

    fn state_problem(&self, problem: Option<&str>) {
        self.console.set_problems("state", problem.map(str::to_owned).into_iter().collect());
    }
}
