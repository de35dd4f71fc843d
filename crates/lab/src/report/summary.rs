//! `summary.json`: a run in one object.
//!
//! `format` names the version. Times are RFC 3339, spans in seconds or (names ending in `Ms`) milliseconds. A figure that
//! is not known is left out or null, never zero.

use std::time::Duration;

use serde::Serialize;
use tidegate_engine::{Record, TargetId, Timestamp, headline};

use super::collector::{State, TargetData};
use super::grid::{self, Row};
use super::reaction::{PodEvents, Reaction, reactions};
use crate::consume::ConsumerEventKind;
use crate::load::LoadSummary;

/// Name and version of the format.
pub(super) const FORMAT: &str = "tidegate.report/1";
/// Assignments closer together than this belong to one rebalance.
const ONE_REBALANCE_MS: i64 = 1500;

/// The whole run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) format: &'static str,
    pub(super) title: String,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) duration_seconds: f64,
    /// Why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aborted: Option<String>,
    pub(super) lag_target: Option<u64>,
    pub(super) targets: Vec<TargetSummary>,
    pub(super) loads: Vec<LoadSummary>,
    /// What the reader should know before trusting the figures.
    pub(super) warnings: Vec<String>,
}

/// One target.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetSummary {
    pub(super) target: TargetId,
    pub(super) decisions: u64,
    pub(super) scaling_actions: u64,
    /// Decisions in which something needed was not known, so nothing was moved.
    pub(super) held: u64,
    pub(super) read_errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_read_error: Option<String>,
    pub(super) most_replicas: Option<u32>,
    /// The running replicas added up over time.
    pub(super) replica_hours: f64,
    /// The lag, weighted by how long it lasted.
    pub(super) lag: Option<LagFigures>,
    /// Records produced and consumed as far as the source's offsets tell.
    pub(super) produced: Option<f64>,
    pub(super) consumed: Option<f64>,
    /// Times that the group dealt out its partitions anew, by the consumers' own account.
    pub(super) rebalances: Option<u64>,
    pub(super) processes_started: u64,
    /// Percentiles over all scale-outs.
    pub(super) decided_to_started_ms: Option<Percentiles>,
    pub(super) produced_to_consumed_ms: Option<Percentiles>,
    pub(super) reactions: Vec<Reaction>,
    pub(super) actions: Vec<Action>,
}

/// One change of the replica count.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action {
    pub(super) at: Timestamp,
    pub(super) seconds: f64,
    pub(super) sequence: u64,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) bound_by: String,
    /// The engine's own sentence.
    pub(super) reason: String,
}

/// The lag over a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LagFigures {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
    /// How long it was above `lagTarget`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds_over_target: Option<f64>,
}

/// Of a few values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

/// A target's summary beside the grid that its pictures are drawn from.
pub(super) struct TargetView {
    pub(super) summary: TargetSummary,
    pub(super) rows: Vec<Row>,
}

/// Everything that the parts of a report are made from.
pub(super) fn target(
    state: &State,
    id: &TargetId,
    data: &TargetData,
    events: &PodEvents,
    lag_target: Option<u64>,
) -> TargetView {
    let rows = grid::rows(state, data);
    let reactions = reactions(state, data, events);
    let most = data.workload.points().iter().map(|(_, workload)| workload.current);
    let growth = |points: &[(Timestamp, f64)]| Some(points.last()?.1 - points.first()?.1);
    let of = |pick: fn(&Reaction) -> Option<u64>| percentiles(reactions.iter().filter_map(pick).collect());
    let started = |event: &&super::ProcessEvent| event.what == super::ProcessWhat::Started;
    let summary = TargetSummary {
        target: id.clone(),
        decisions: data.decisions,
        scaling_actions: data.actions_count,
        held: data.held,
        read_errors: data.read_errors,
        last_read_error: data.last_read_error.clone(),
        most_replicas: most.max(),
        replica_hours: replica_hours(state, data),
        lag: lag_figures(state, data, lag_target),
        produced: growth(data.produced.points()),
        consumed: growth(data.consumed.points()),
        rebalances: rebalances(events),
        processes_started: data.processes.iter().filter(started).count() as u64,
        decided_to_started_ms: of(|reaction| reaction.decided_to_started_ms),
        produced_to_consumed_ms: of(|reaction| reaction.produced_to_consumed_ms),
        actions: data.actions.iter().map(|record| action(state, record)).collect(),
        reactions,
    };
    TargetView { summary, rows }
}

fn action(state: &State, record: &Record) -> Action {
    Action {
        at: record.at,
        seconds: state.first.map_or(0.0, |first| record.at.since(first).as_secs_f64()),
        sequence: record.sequence,
        from: record.workload.map_or(0, |workload| workload.replicas),
        to: record.desired_replicas,
        bound_by: record.bound_by.to_string(),
        reason: without_target(record, headline(record)),
    }
}

/// The sentence without the target that it begins with: in a report it stands under that target's name.
fn without_target(record: &Record, sentence: String) -> String {
    let rest = sentence.strip_prefix(record.target.as_str()).and_then(|rest| rest.strip_prefix(": "));
    rest.map_or_else(|| sentence.clone(), str::to_owned)
}

/// Each point of a series with how long it held, up to the run's end.
fn held<T: Copy>(points: &[(Timestamp, T)], end: Option<Timestamp>) -> Vec<(T, f64)> {
    let ends = points.iter().skip(1).map(|(at, _)| *at).chain(end);
    points.iter().zip(ends).map(|((at, value), end)| (*value, end.since(*at).as_secs_f64())).collect()
}

fn replica_hours(state: &State, data: &TargetData) -> f64 {
    let held = held(data.workload.points(), state.last);
    held.iter().map(|(workload, seconds)| f64::from(workload.current) * seconds).sum::<f64>() / 3600.0
}

fn lag_figures(state: &State, data: &TargetData, lag_target: Option<u64>) -> Option<LagFigures> {
    let mut held = held(data.lag.points(), state.last);
    let all: f64 = held.iter().map(|(_, seconds)| seconds).sum();
    held.sort_by(|one, other| one.0.total_cmp(&other.0));
    let max = held.last()?.0;
    let percentile = |share: f64| {
        let mut passed = 0.0;
        let found = held.iter().find(|(_, seconds)| {
            passed += seconds;
            passed >= share * all
        });
        found.map_or(max, |(lag, _)| *lag)
    };
    let weighted: f64 = held.iter().map(|(lag, seconds)| lag * seconds).sum();
    let over = |target: u64| held.iter().filter(|(lag, _)| *lag > target as f64).map(|(_, seconds)| seconds).sum();
    Some(LagFigures {
        p50: percentile(0.5),
        p90: percentile(0.9),
        p99: percentile(0.99),
        max,
        mean: if all > 0.0 { weighted / all } else { max },
        seconds_over_target: lag_target.map(over),
    })
}

fn percentiles(mut values: Vec<u64>) -> Option<Percentiles> {
    values.sort_unstable();
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    };
    Some(Percentiles { p50: at(0.5)?, p99: at(0.99)?, max: *values.last()? })
}

fn rebalances(events: &PodEvents) -> Option<u64> {
    if events.is_empty() {
        return None;
    }
    let all = events.iter().flat_map(|(_, events)| events);
    let assigned = all.filter(|event| matches!(event.what, ConsumerEventKind::Assigned { .. }));
    let mut times: Vec<i64> = assigned.map(|event| event.at.as_millis()).collect();
    times.sort_unstable();
    let further = times.windows(2).filter(|pair| pair[1] - pair[0] > ONE_REBALANCE_MS).count();
    Some(if times.is_empty() { 0 } else { further as u64 + 1 })
}

/// A span as people say it.
pub(super) fn span_text(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::from_secs_f64(seconds.max(0.0).round());
    crate::units::format_duration(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(percentiles(vec![]), None);
        assert_eq!(percentiles(vec![7]), Some(Percentiles { p50: 7, p99: 7, max: 7 }));
        let many = percentiles((1..=100).collect()).unwrap();
        assert_eq!((many.p50, many.p99, many.max), (50, 99, 100));
    }
}
