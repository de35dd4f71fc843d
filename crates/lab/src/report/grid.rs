//! One target's run on an even grid of time: what the tables and pictures show.

use std::time::Duration;

use tidegate_engine::Timestamp;

use super::collector::{State, TargetData};
use super::thinned::Thinned;

/// Rates are slopes over at least this long, since commits and readings come about once a second.
const RATE_WINDOW: Duration = Duration::from_secs(3);
/// Rows at most; longer runs get wider steps.
const MOST_ROWS: u32 = 2_000;

/// One moment of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// Since the run's start.
    pub(super) seconds: f64,
    pub(super) at: Timestamp,
    /// The most within the step.
    pub(super) lag: Option<f64>,
    /// Records a second.
    pub(super) produced: Option<f64>,
    pub(super) consumed: Option<f64>,
    pub(super) desired: Option<u32>,
    pub(super) running: Option<u32>,
    pub(super) ready: Option<u32>,
    pub(super) min: Option<u32>,
    pub(super) max: Option<u32>,
    pub(super) useful: Option<u32>,
}

/// The grid of `target` over the whole run; empty when nothing was heard.
pub(super) fn rows(state: &State, target: &TargetData) -> Vec<Row> {
    let (Some(first), Some(last)) = (state.first, state.last) else { return Vec::new() };
    let span = last.since(first);
    let step = (span / MOST_ROWS).max(Duration::from_secs(1));
    let loads = loads_of(state, target);
    let steps = (span.as_secs_f64() / step.as_secs_f64()).ceil() as u32;
    (0..=steps)
        .map(|number| {
            let at = (first + step * number).min(last);
            row(first, at, step, target, &loads)
        })
        .collect()
}

fn row(first: Timestamp, at: Timestamp, step: Duration, target: &TargetData, loads: &[&Thinned<f64>]) -> Row {
    let before = at - step;
    let inside = target.lag.between(before, at).iter().map(|(_, lag)| *lag).reduce(f64::max);
    let decided = target.decided.held(at);
    let workload = target.workload.held(at);
    let window = RATE_WINDOW.max(step);
    let produced = if loads.is_empty() {
        slope(&target.produced, at, window)
    } else {
        Some(loads.iter().filter_map(|load| slope(load, at, window)).sum())
    };
    Row {
        seconds: at.since(first).as_secs_f64(),
        at,
        lag: inside.or_else(|| target.lag.held(at)),
        produced,
        consumed: slope(&target.consumed, at, window),
        desired: decided.map(|decided| decided.desired),
        running: workload.map(|workload| workload.current),
        ready: workload.map(|workload| workload.ready),
        min: decided.map(|decided| decided.min),
        max: decided.map(|decided| decided.max),
        useful: decided.and_then(|decided| decided.useful),
    }
}

/// Growth a second over the `window` up to `at`.
fn slope(series: &Thinned<f64>, at: Timestamp, window: Duration) -> Option<f64> {
    let from = at - window;
    let growth = series.interpolated(at)? - series.interpolated(from)?;
    Some((growth / window.as_secs_f64()).max(0.0))
}

/// The loads that produce to the target's topics; all of them when its topics are not known.
pub(super) fn loads_of<'a>(state: &'a State, target: &TargetData) -> Vec<&'a Thinned<f64>> {
    let mine = |topic| target.topics.is_empty() || target.topics.contains(topic);
    state.loads.values().filter(|load| mine(&load.topic)).map(|load| &load.produced).collect()
}
