//! A target's series on one time axis.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use tidegate_engine::{MetricTarget, TargetId, Timestamp};

use super::summary::ActionView;
use crate::store::{Fold, Grid, PartitionKey, Sample, State, TargetState, is_action};

/// All series of a target between two times.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeriesView {
    target: TargetId,
    from: Timestamp,
    to: Timestamp,
    /// Width of a bucket.
    step_ms: i64,
    /// Start of each bucket, in milliseconds since the Unix epoch.
    time: Vec<i64>,
    series: Vec<Series>,
    /// Scaling actions in the range, oldest first.
    actions: Vec<ActionView>,
}

/// One series.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    #[serde(flatten)]
    about: About,
    /// One value a bucket; `null` where nothing was known.
    values: Vec<Option<f32>>,
    /// Lowest and highest in each bucket, where a bucket holds more than the value tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<Vec<Option<f32>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<Vec<Option<f32>>>,
}

/// What a series is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    /// Stable name, as `lag` or `metric:0`.
    id: String,
    /// Name for people.
    label: String,
    /// Where it is drawn: `rates`, `lag`, `metric:<index>`, `formula` or `replicas`.
    panel: String,
    /// What its numbers count.
    unit: &'static str,
}

fn about(id: &str, label: &str, panel: &str, unit: &'static str) -> About {
    About { id: id.to_owned(), label: label.to_owned(), panel: panel.to_owned(), unit }
}

const RATE: &str = "records/s";
const RECORDS: &str = "records";
const REPLICAS: &str = "replicas";

/// Partitions drawn for one target at most; those with the most lag now.
const DRAWN_PARTITIONS: usize = 64;

/// A series, where its samples come from and its value now.
struct Source<'a> {
    about: About,
    fold: Fold,
    samples: Box<dyn Fn(i64) -> Vec<Sample> + 'a>,
    now: Option<f64>,
}

/// Every series of a target. Their ids are the keys of a sample's values, in the same order.
fn sources<'a>(state: &'a State, target: &'a TargetState) -> Vec<Source<'a>> {
    let tracks = &target.tracks;
    let mut sources = Vec::new();
    let mut mean = |about: About, track: Option<&'a crate::store::Track>, now: Option<f64>| {
        if let Some(track) = track {
            sources.push(Source { about, fold: Fold::Mean, samples: Box::new(|from| track.samples(from)), now });
        }
    };
    let wanted = state.load.map(|load| load.target_rate);
    mean(about("load", "asked for by the scenario", "rates", RATE), state.load_track.as_ref(), wanted);
    mean(about("produced", "produced", "rates", RATE), tracks.produced.as_ref(), target.rate(0));
    mean(about("consumed", "consumed", "rates", RATE), tracks.consumed.as_ref(), target.rate(1));
    #[allow(clippy::cast_precision_loss, reason = "lags are far below 2^52")]
    mean(about("lag", "lag in all", "lag", RECORDS), tracks.lag.as_ref(), target.lag().map(|lag| lag as f64));
    for (key, lag) in drawn_partitions(target) {
        mean(partition_about(key, target.triggers.len()), tracks.partitions.get(key), lag);
    }
    for (index, trigger) in target.triggers.iter().enumerate() {
        let known = trigger.latest.as_ref().filter(|_| trigger.error.is_none()).map(|reading| reading.value);
        mean(metric_about(target, index), trigger.value.as_ref(), known);
    }
    let formula = target.decisions.latest().and_then(|record| record.formula.as_ref());
    let result = formula.and_then(|formula| formula.value);
    mean(about("formula", "formula", "formula", ""), tracks.formula.as_ref(), result);
    for (index, described) in target.info.triggers.iter().enumerate() {
        sources.push(capacity(target, &format!("{index}"), described.target));
    }
    if let Some(formula) = formula {
        sources.push(capacity(target, "formula", formula.target));
    }
    let steps = [
        ("desired", "desired", &tracks.desired),
        ("running", "running", &tracks.running),
        ("ready", "ready", &tracks.ready),
        ("min", "min", &tracks.min),
        ("max", "max", &tracks.max),
        ("useful", "useful limit", &tracks.useful),
    ];
    for (id, label, steps) in steps {
        let samples = Box::new(|from| steps.samples(from));
        let about = about(id, label, "replicas", REPLICAS);
        sources.push(Source { about, fold: Fold::Last, samples, now: steps.last().map(f64::from) });
    }
    sources
}

fn metric_about(target: &TargetState, index: usize) -> About {
    let described = target.info.triggers.get(index);
    let label = described.map_or_else(|| format!("s{index}"), |trigger| trigger.metric.to_string());
    About { id: format!("metric:{index}"), label, panel: format!("metric:{index}"), unit: "" }
}

/// What the running replicas are meant to take of a metric: the line that the metric is measured against.
fn capacity<'a>(target: &'a TargetState, which: &str, metric: MetricTarget) -> Source<'a> {
    let panel = if which == "formula" { which.to_owned() } else { format!("metric:{which}") };
    let label = match metric {
        MetricTarget::AverageValue(each) => format!("target: {each} × replicas"),
        MetricTarget::Value(value) => format!("target: {value}"),
        MetricTarget::Utilization(percent) => format!("target: {percent} %"),
        MetricTarget::ResourceAverage(each) => format!("target: {each} a pod"),
    };
    let samples = move |from| {
        let scaled = |sample: Sample| match metric {
            #[allow(clippy::cast_possible_truncation, reason = "documented precision of the series")]
            // What pods use is an average already.
            MetricTarget::Value(value) | MetricTarget::Utilization(value) | MetricTarget::ResourceAverage(value) => {
                let value = value as f32;
                Sample { min: value, max: value, mean: value, ..sample }
            }
            #[allow(clippy::cast_possible_truncation, reason = "documented precision of the series")]
            MetricTarget::AverageValue(each) => {
                let value = (f64::from(sample.mean) * each) as f32;
                Sample { min: value, max: value, mean: value, ..sample }
            }
        };
        target.tracks.running.samples(from).into_iter().map(scaled).collect()
    };
    let about = About { id: format!("target:{which}"), label, panel, unit: "" };
    Source { about, fold: Fold::Last, samples: Box::new(samples), now: target.capacity(metric) }
}

/// The partitions with the most lag now, in order of trigger, topic and number, each with its lag.
fn drawn_partitions(target: &TargetState) -> Vec<(&PartitionKey, Option<f64>)> {
    let mut all: Vec<_> = target.tracks.partitions.keys().map(|key| (key, partition_lag(target, key))).collect();
    if all.len() > DRAWN_PARTITIONS {
        all.sort_by(|a, b| b.1.unwrap_or(0.0).total_cmp(&a.1.unwrap_or(0.0)));
        all.truncate(DRAWN_PARTITIONS);
        all.sort_by_key(|&(key, _)| key);
    }
    all
}

fn partition_lag(target: &TargetState, key: &PartitionKey) -> Option<f64> {
    let trigger = target.triggers.get(key.trigger).filter(|trigger| trigger.error.is_none())?;
    let partitions = &trigger.figures()?.partitions;
    let mine = partitions.iter().find(|one| one.partition == key.partition && one.topic == key.topic)?;
    #[allow(clippy::cast_precision_loss, reason = "lags are far below 2^52")]
    Some(mine.lag as f64)
}

fn partition_about(key: &PartitionKey, triggers: usize) -> About {
    let PartitionKey { trigger, topic, partition } = key;
    let prefix = if triggers > 1 { format!("s{trigger} ") } else { String::new() };
    let id = format!("partition:{trigger}:{topic}/{partition}");
    About { id, label: format!("{prefix}{topic}/{partition}"), panel: "lag".to_owned(), unit: RECORDS }
}

/// A target's series between two times, in at most `points` buckets. `None`: no such target.
pub(crate) fn series_view(
    state: &State,
    id: &TargetId,
    from: Timestamp,
    to: Timestamp,
    points: usize,
) -> Option<SeriesView> {
    let target = state.targets.get(id)?;
    let grid = Grid::over(from.as_millis(), to.as_millis(), points);
    let series = sources(state, target)
        .into_iter()
        .map(|source| {
            let column = grid.lay(&(source.samples)(grid.start), source.fold);
            let plain = source.fold == Fold::Last || (column.low == column.values && column.high == column.values);
            let (low, high) = if plain { (None, None) } else { (Some(column.low), Some(column.high)) };
            Series { about: source.about, values: column.values, low, high }
        })
        .collect();
    let inside = |at: Timestamp| at >= from && at <= to;
    let newest_first = target.decisions.newest_first().filter(|record| is_action(record) && inside(record.at));
    let mut actions: Vec<_> = newest_first.map(|record| ActionView::of(record)).collect();
    actions.reverse();
    Some(SeriesView { target: id.clone(), from, to, step_ms: grid.step, time: grid.times(), series, actions })
}

/// All values of a target at one moment: a message of the stream. Its keys are the ids of the series.
#[derive(Debug, Serialize)]
pub(crate) struct SampleView<'a> {
    target: &'a TargetId,
    at: Timestamp,
    values: Map<String, Value>,
    /// Triggers whose last read failed, with what was wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<(usize, Arc<str>)>,
}

impl<'a> SampleView<'a> {
    /// What is known of `target` at `at`.
    pub(crate) fn of(state: &State, target: &'a TargetId, at: Timestamp) -> Self {
        let Some(found) = state.targets.get(target) else {
            return SampleView { target, at, values: Map::new(), errors: Vec::new() };
        };
        let values = sources(state, found).into_iter().map(|source| (source.about.id, source.now.into())).collect();
        let failing = found.triggers.iter().enumerate();
        let errors = failing.filter_map(|(index, trigger)| Some((index, trigger.error.as_ref()?.message.clone())));
        SampleView { target, at, values, errors: errors.collect() }
    }
}
