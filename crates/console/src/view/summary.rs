//! Targets as a list: what each is doing now.

use std::sync::Arc;

use serde::Serialize;
use tidegate_engine::{
    Limits, MetricTarget, Mode, NextChange, Outcome, ReadError, Rule, TargetId, Timestamp, Tolerance, Workload,
    headline,
};

use crate::info::LoadPoint;
use crate::store::{State, TargetState, TriggerState};

/// One page of targets, in order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetPage<'a> {
    version: &'a str,
    now: Timestamp,
    /// How many there are, whatever the search.
    total: usize,
    /// How many match the search.
    matching: usize,
    targets: Vec<TargetView<'a>>,
    /// `after` of the next page; `null` when there is none.
    next: Option<&'a TargetId>,
    problems: Vec<&'a str>,
    load: Option<LoadPoint>,
}

/// What one target is doing now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetView<'a> {
    id: &'a TargetId,
    namespace: &'a str,
    name: &'a str,
    kind: &'a str,
    workload: &'a str,
    mode: Mode,
    health: Health,
    active: bool,
    /// The limits of the latest decision, or the manifest's before there is one.
    limits: Limits,
    /// The latest decision's number.
    desired: Option<u32>,
    /// The workload's counts as they were last seen.
    counts: Option<Workload>,
    lag: Option<i64>,
    produced_per_second: Option<f64>,
    consumed_per_second: Option<f64>,
    /// The latest decision in a line.
    headline: Option<String>,
    sequence: Option<u64>,
    bound_by: Option<Rule>,
    next: Option<&'a NextChange>,
    last_action: Option<ActionView>,
    formula: Option<&'a str>,
    triggers: Vec<TriggerView<'a>>,
}

/// How a target is doing, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Health {
    /// A trigger's last read failed, or a change could not be made.
    Failing,
    /// The pause annotations forbid changes.
    Paused,
    /// Something is not known, so nothing is moved.
    Held,
    /// No decision yet.
    Starting,
    /// As it should be.
    Ok,
}

/// A scaling action in short.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionView {
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) from: Option<u32>,
    pub(crate) to: u32,
    pub(crate) bound_by: Rule,
    pub(crate) result: Outcome,
    pub(crate) headline: String,
}

impl ActionView {
    /// `record` in short.
    pub(crate) fn of(record: &tidegate_engine::Record) -> Self {
        ActionView {
            sequence: record.sequence,
            at: record.at,
            from: record.workload.map(|workload| workload.replicas),
            to: record.desired_replicas,
            bound_by: record.bound_by,
            result: record.result,
            headline: headline(record),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TriggerView<'a> {
    index: usize,
    name: Option<&'a str>,
    kind: &'a str,
    metric: &'a str,
    target: MetricTarget,
    activation: f64,
    active: Option<bool>,
    /// The last good value; see `error` and `ageMs` before trusting it.
    value: Option<f64>,
    parallelism: Option<u32>,
    at: Option<Timestamp>,
    age_ms: Option<u64>,
    error: Option<&'a ReadError>,
    failures: u32,
    members: Option<u32>,
    group_state: Option<&'a Arc<str>>,
    partitions: usize,
    notes: &'a [String],
}

impl<'a> TriggerView<'a> {
    fn of(index: usize, info: &'a TargetState, state: &'a TriggerState, now: Timestamp) -> Self {
        let described = info.info.triggers.get(index);
        let figures = state.figures().map(Arc::as_ref);
        let at = state.latest.as_ref().map(|reading| reading.at);
        TriggerView {
            index,
            name: described.and_then(|trigger| trigger.name.as_deref()),
            kind: described.map_or("", |trigger| &trigger.kind),
            metric: described.map_or("", |trigger| &trigger.metric),
            target: described.map_or(MetricTarget::Value(0.0), |trigger| trigger.target),
            activation: described.map_or(0.0, |trigger| trigger.activation),
            active: state.active,
            value: state.latest.as_ref().map(|reading| reading.value),
            parallelism: state.latest.as_ref().and_then(|reading| reading.parallelism),
            at,
            age_ms: at.map(|at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX)),
            error: state.error.as_ref(),
            failures: state.failures,
            members: figures.and_then(|figures| figures.members),
            group_state: figures.and_then(|figures| figures.group_state.as_ref()),
            partitions: figures.map_or(0, |figures| figures.partitions.len()),
            notes: figures.map_or(&[], |figures| &figures.notes),
        }
    }
}

/// What one target is doing at `now`. `None`: no such target.
pub(crate) fn target_view<'a>(state: &'a State, id: &TargetId, now: Timestamp) -> Option<TargetView<'a>> {
    let (id, target) = state.targets.get_key_value(id)?;
    Some(view_of(id, target, now))
}

fn view_of<'a>(id: &'a TargetId, target: &'a TargetState, now: Timestamp) -> TargetView<'a> {
    let latest = target.decisions.latest();
    let info = &target.info;
    let manifest =
        Limits { min: info.min, max: info.max, idle: info.idle, useful: None, tolerance: Tolerance::default() };
    TargetView {
        id,
        namespace: id.namespace(),
        name: id.name(),
        kind: &info.kind,
        workload: &info.workload,
        mode: info.mode,
        health: health(target),
        active: latest.is_some_and(|record| record.active),
        limits: target.limits.unwrap_or(manifest),
        desired: latest.map(|record| record.desired_replicas),
        counts: target.workload.map(|(_, counts)| counts),
        lag: target.lag(),
        produced_per_second: target.rate(0),
        consumed_per_second: target.rate(1),
        headline: latest.map(|record| headline(record)),
        sequence: latest.map(|record| record.sequence),
        bound_by: latest.map(|record| record.bound_by),
        next: latest.and_then(|record| record.next.as_ref()),
        last_action: target.decisions.latest_action().map(|record| ActionView::of(record)),
        formula: info.formula.as_deref(),
        triggers: target
            .triggers
            .iter()
            .enumerate()
            .map(|(index, trigger)| TriggerView::of(index, target, trigger, now))
            .collect(),
    }
}

fn health(target: &TargetState) -> Health {
    let result = target.decisions.latest().map(|record| record.result);
    if target.triggers.iter().any(|trigger| trigger.error.is_some()) || result == Some(Outcome::Failed) {
        Health::Failing
    } else if target.info.paused || result == Some(Outcome::Paused) {
        Health::Paused
    } else {
        match result {
            None => Health::Starting,
            Some(Outcome::Held) => Health::Held,
            Some(_) => Health::Ok,
        }
    }
}

/// At most `limit` targets after `after` whose name holds `search`, whatever the case of its letters.
pub(crate) fn target_page<'a>(
    state: &'a State,
    version: &'a str,
    now: Timestamp,
    search: &str,
    after: Option<&TargetId>,
    limit: usize,
) -> TargetPage<'a> {
    let search = search.to_lowercase();
    let matches = |id: &TargetId| search.is_empty() || id.as_str().to_lowercase().contains(&search);
    let matching = state.targets.keys().filter(|id| matches(id)).count();
    let mut rest = state.targets.iter().filter(|(id, _)| matches(id) && after.is_none_or(|after| *id > after));
    let targets: Vec<_> = rest.by_ref().take(limit).map(|(id, target)| view_of(id, target, now)).collect();
    let next = rest.next().and(targets.last()).map(|last| last.id);
    TargetPage {
        version,
        now,
        total: state.targets.len(),
        matching,
        targets,
        next,
        problems: state.all_problems(),
        load: state.load,
    }
}
