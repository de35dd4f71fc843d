//! From burst to relief: what passed between the record that made more replicas necessary and the first record that a
//! new one consumed, step by step.

use std::time::Duration;

use serde::Serialize;
use tidegate_engine::{ReadingRecord, Record, Timestamp};

use super::collector::{ProcessWhat, State, TargetData};
use super::grid::loads_of;
use crate::consume::{ConsumerEvent, ConsumerEventKind};

/// One scale-out, step by step. A step that is not known is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reaction {
    /// The decision's number in `records.jsonl`.
    pub(super) sequence: u64,
    pub(super) from: u32,
    pub(super) to: u32,
    /// The record was produced whose waiting first called for more than `from` replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) produced_at: Option<Timestamp>,
    /// The source was read and the lag seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seen_at: Option<Timestamp>,
    pub(super) decided_at: Timestamp,
    /// The first of the new processes was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<Timestamp>,
    /// The first of them got its first record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consumed_at: Option<Timestamp>,
    /// After that, the lag was down to what the decided replicas are meant to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) relieved_at: Option<Timestamp>,
    pub(super) produced_to_seen_ms: Option<u64>,
    pub(super) seen_to_decided_ms: Option<u64>,
    pub(super) decided_to_started_ms: Option<u64>,
    pub(super) started_to_consumed_ms: Option<u64>,
    /// From the first known step to the first record consumed.
    pub(super) produced_to_consumed_ms: Option<u64>,
    pub(super) produced_to_relieved_ms: Option<u64>,
}

/// A pod's events as its consumer wrote them.
pub(super) type PodEvents = Vec<(String, Vec<ConsumerEvent>)>;

/// Every scale-out of `target`, oldest first.
pub(super) fn reactions(state: &State, target: &TargetData, events: &PodEvents) -> Vec<Reaction> {
    let outs: Vec<&Record> =
        target.actions.iter().map(AsRef::as_ref).filter(|record| record.desired_replicas > before(record)).collect();
    let next = |at: usize| outs.get(at + 1).map(|record| record.at);
    outs.iter().enumerate().map(|(at, record)| reaction(state, target, events, record, next(at))).collect()
}

fn before(record: &Record) -> u32 {
    record.workload.map_or(0, |workload| workload.replicas)
}

fn reaction(
    state: &State,
    target: &TargetData,
    events: &PodEvents,
    record: &Record,
    next: Option<Timestamp>,
) -> Reaction {
    let deciding = record.readings.iter().filter(|reading| reading.value.is_some()).max_by_key(|read| read.wanted);
    let started: Vec<(&str, Timestamp)> = target
        .processes
        .iter()
        .filter(|event| event.what == ProcessWhat::Started && event.at >= record.at)
        .filter(|event| next.is_none_or(|next| event.at < next))
        .take((record.desired_replicas - before(record)) as usize)
        .map(|event| (event.pod.as_str(), event.at))
        .collect();
    let started_at = started.iter().map(|(_, at)| *at).min();
    let consumed_at = started.iter().filter_map(|(pod, since)| first_record(events, pod, *since)).min();
    let produced_at = deciding.and_then(|reading| produced_at(state, target, record, reading));
    let seen_at = deciding.and_then(|reading| reading.at);
    let relieved_at =
        deciding.and_then(|reading| relieved_at(target, record, reading, consumed_at.unwrap_or(record.at)));
    let first = produced_at.or(seen_at).unwrap_or(record.at);
    let span = |from: Option<Timestamp>, to: Option<Timestamp>| Some(millis(to?.since(from?)));
    Reaction {
        sequence: record.sequence,
        from: before(record),
        to: record.desired_replicas,
        produced_at,
        seen_at,
        decided_at: record.at,
        started_at,
        consumed_at,
        relieved_at,
        produced_to_seen_ms: span(produced_at, seen_at),
        seen_to_decided_ms: span(seen_at, Some(record.at)),
        decided_to_started_ms: span(Some(record.at), started_at),
        started_to_consumed_ms: span(started_at, consumed_at),
        produced_to_consumed_ms: span(Some(first), consumed_at),
        produced_to_relieved_ms: span(Some(first), relieved_at),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn first_record(events: &PodEvents, pod: &str, since: Timestamp) -> Option<Timestamp> {
    let of_pod = events.iter().filter(|(name, _)| name == pod).flat_map(|(_, events)| events);
    let firsts = of_pod.filter(|event| matches!(event.what, ConsumerEventKind::FirstRecord { .. }));
    firsts.map(|event| event.at).filter(|at| *at >= since).min()
}

/// When the record was produced whose waiting first called for more than the replicas there were: with `from` replicas
/// the lag may reach `from` × target (from none: the activation), so it is the record of which that many and one were
/// not consumed. Its number follows from the totals that came with the reading; its time from the loads' own counts.
fn produced_at(state: &State, target: &TargetData, record: &Record, reading: &ReadingRecord) -> Option<Timestamp> {
    let figures = reading.figures.as_deref()?;
    let (produced, consumed) = (figures.produced_total? as f64, figures.consumed_total? as f64);
    let from = before(record);
    let allowed = if from == 0 { reading.activation.max(0.0) } else { f64::from(from) * reading.target.amount() };
    let number = (consumed + allowed.floor() + 1.0).min(produced);
    let loads = loads_of(state, target);
    let [load] = loads.as_slice() else {
        // Several loads: no single count to look the record up in; the readings' own totals are coarser.
        return target.produced.reached(number).filter(|at| *at <= record.at);
    };
    // Records that were there before the load began.
    let (first_read, total) = *target.produced.points().first()?;
    let already = total - load.interpolated(first_read).unwrap_or(0.0);
    load.reached((number - already).max(0.5)).filter(|at| *at <= record.at)
}

/// When the lag was first down to what the decided replicas are meant to take, from `since` on.
fn relieved_at(target: &TargetData, record: &Record, reading: &ReadingRecord, since: Timestamp) -> Option<Timestamp> {
    let meant = f64::from(record.desired_replicas) * reading.target.amount();
    let last = target.lag.points().last()?.0;
    let after = target.lag.between(since, last);
    after.iter().find(|(_, lag)| *lag <= meant).map(|(at, _)| *at)
}
