//! What is remembered of one target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Figures, Limits, MetricTarget, ReadError, Reading, Record, Timestamp, Workload};

use super::decisions::{Decisions, KeptRecords};
use super::slope::Slope;
use super::track::{COARSE, Shape, Steps, Track};
use crate::info::{TargetInfo, TriggerInfo};

/// One target's state and past.
#[derive(Debug, Default)]
pub(crate) struct TargetState {
    pub(crate) info: TargetInfo,
    pub(crate) triggers: Vec<TriggerState>,
    pub(crate) workload: Option<(Timestamp, Workload)>,
    pub(crate) limits: Option<Limits>,
    pub(crate) decisions: Decisions,
    /// Failed readings since the target was added.
    pub(crate) errors: u64,
    pub(crate) lateness: Option<Duration>,
    pub(crate) tracks: Tracks,
}

/// A target's series.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    pub(crate) produced: Option<Track>,
    pub(crate) consumed: Option<Track>,
    pub(crate) lag: Option<Track>,
    pub(crate) formula: Option<Track>,
    pub(crate) partitions: BTreeMap<PartitionKey, Track>,
    pub(crate) desired: Steps,
    pub(crate) running: Steps,
    pub(crate) ready: Steps,
    pub(crate) min: Steps,
    pub(crate) max: Steps,
    pub(crate) useful: Steps,
}

/// A partition of one trigger's topics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    pub(crate) trigger: usize,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

/// What is remembered of one trigger.
#[derive(Debug, Default)]
pub(crate) struct TriggerState {
    pub(crate) value: Option<Track>,
    /// The last good reading. A failure leaves it; [`TriggerState::error`] and its age say that it is old.
    pub(crate) latest: Option<Reading>,
    /// What the last read failed with.
    pub(crate) error: Option<ReadError>,
    pub(crate) failures: u32,
    pub(crate) errors: u64,
    pub(crate) active: Option<bool>,
    /// How long the last read took.
    pub(crate) took: Option<Duration>,
    produced: Slope,
    consumed: Slope,
    rates: [Option<f64>; 2],
}

impl TriggerState {
    /// The source's figures beside the last good value.
    pub(crate) fn figures(&self) -> Option<&Arc<Figures>> {
        self.latest.as_ref().and_then(|reading| reading.figures.as_ref())
    }

    /// Records waiting in all partitions. `None`: the source has none, or the last read failed.
    pub(crate) fn lag(&self) -> Option<i64> {
        let figures = self.figures().filter(|_| self.error.is_none())?;
        (!figures.partitions.is_empty()).then(|| figures.partitions.iter().map(|partition| partition.lag).sum())
    }
}

/// What a reading may take up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// The shape of a new series.
    pub(crate) shape: &'static Shape,
    /// How many more partitions may get a series.
    pub(crate) partitions: usize,
}

/// What a record may take up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// How many records stay.
    pub(crate) records: KeptRecords,
    /// The shape of a new series.
    pub(crate) shape: &'static Shape,
}

impl TargetState {
    /// A changed manifest. A trigger whose metric is another one now starts afresh.
    pub(crate) fn describe(&mut self, info: TargetInfo) {
        let same = |index: usize| {
            let metric = |info: &TargetInfo| info.triggers.get(index).map(|trigger| trigger.metric.clone());
            metric(&self.info) == metric(&info)
        };
        let kept: Vec<bool> = (0..self.triggers.len()).map(same).collect();
        self.triggers.resize_with(info.triggers.len(), TriggerState::default);
        for (index, state) in self.triggers.iter_mut().enumerate() {
            if !kept.get(index).copied().unwrap_or(true) {
                *state = TriggerState::default();
                self.tracks.partitions.retain(|key, _| key.trigger != index);
            }
        }
        let count = self.triggers.len();
        self.tracks.partitions.retain(|key, _| key.trigger < count);
        self.info = info;
    }

    fn trigger(&mut self, index: usize) -> &mut TriggerState {
        if self.triggers.len() <= index {
            self.triggers.resize_with(index + 1, TriggerState::default);
        }
        &mut self.triggers[index]
    }

    /// An answer of a trigger's source.
    pub(crate) fn read(&mut self, index: usize, outcome: &Result<Reading, ReadError>, at: Timestamp, room: Room) {
        let trigger = self.trigger(index);
        // What pods use becomes a number in the decision.
        if outcome.as_ref().is_ok_and(|reading| reading.pods.is_none()) || outcome.is_err() {
            let value = outcome.as_ref().ok().map(|reading| reading.value);
            trigger.value.get_or_insert_with(|| Track::new(room.shape)).push(at, value);
        }
        match outcome {
            Ok(reading) => {
                trigger.take(reading, at);
                self.partitions(index, reading.figures.as_deref(), at, room.partitions);
            }
            Err(error) => {
                trigger.fail(error);
                self.errors += 1;
                let gone = self.tracks.partitions.iter_mut().filter(|(key, _)| key.trigger == index);
                gone.for_each(|(_, track)| track.push(at, None));
            }
        }
        let rates = [0, 1].map(|side| self.rate(side));
        let lag = self.lag();
        #[allow(clippy::cast_precision_loss, reason = "lags are far below 2^52")]
        for (track, value) in [
            (&mut self.tracks.produced, rates[0]),
            (&mut self.tracks.consumed, rates[1]),
            (&mut self.tracks.lag, lag.map(|lag| lag as f64)),
        ] {
            match track {
                Some(track) => track.push(at, value),
                None if value.is_some() => track.get_or_insert_with(|| Track::new(room.shape)).push(at, value),
                None => {}
            }
        }
    }

    fn partitions(&mut self, index: usize, figures: Option<&Figures>, at: Timestamp, mut room: usize) {
        for partition in figures.map_or(&[][..], |figures| &figures.partitions) {
            let key = PartitionKey { trigger: index, topic: partition.topic.clone(), partition: partition.partition };
            #[allow(clippy::cast_precision_loss, reason = "lags are far below 2^52")]
            let lag = Some(partition.lag as f64);
            match self.tracks.partitions.get_mut(&key) {
                Some(track) => track.push(at, lag),
                None if room > 0 => {
                    room -= 1;
                    self.tracks.partitions.entry(key).or_insert_with(|| Track::new(&COARSE)).push(at, lag);
                }
                None => {}
            }
        }
    }

    /// Records produced (`0`) or consumed (`1`) a second, over all triggers that know it.
    pub(crate) fn rate(&self, side: usize) -> Option<f64> {
        self.triggers.iter().filter_map(|trigger| trigger.rates.get(side).copied().flatten()).reduce(|a, b| a + b)
    }

    /// Records waiting, over all triggers that know it.
    pub(crate) fn lag(&self) -> Option<i64> {
        self.triggers.iter().filter_map(TriggerState::lag).reduce(|a, b| a + b)
    }

    /// The workload's counts.
    pub(crate) fn counts(&mut self, workload: &Workload, at: Timestamp) {
        if self.workload.is_some_and(|(earlier, _)| earlier > at + Duration::from_secs(1)) {
            self.workload = None;
        }
        self.tracks.running.set(at, Some(workload.current));
        self.tracks.ready.set(at, Some(workload.ready));
        self.workload = Some((at, *workload));
    }

    /// A decision.
    pub(crate) fn decided(&mut self, record: &Arc<Record>, keep: Keep) {
        let at = record.at;
        self.decisions.push(record, keep.records);
        self.limits = Some(record.limits);
        self.tracks.desired.set(at, Some(record.desired_replicas));
        self.tracks.min.set(at, Some(record.limits.min));
        self.tracks.max.set(at, Some(record.limits.max));
        self.tracks.useful.set(at, record.limits.useful);
        if let Some(workload) = record.workload.filter(|_| self.workload.is_none_or(|(seen, _)| seen <= at)) {
            self.counts(&workload, at);
        }
        for (index, reading) in record.readings.iter().enumerate() {
            let known = self.info.triggers.len() > index;
            let trigger = self.trigger(index);
            trigger.active = Some(reading.active);
            if let (true, Some(value)) = (reading.pods.is_some(), reading.value) {
                trigger.value.get_or_insert_with(|| Track::new(keep.shape)).push(at, Some(value));
                if let Some(latest) = &mut trigger.latest {
                    latest.value = value;
                }
            }
            if !known {
                self.info.triggers.push(TriggerInfo {
                    name: None,
                    kind: reading.kind.clone(),
                    metric: reading.metric.clone(),
                    target: reading.target,
                    activation: reading.activation,
                });
            }
        }
        if let Some(formula) = &record.formula {
            self.tracks.formula.get_or_insert_with(|| Track::new(keep.shape)).push(at, formula.value);
        }
    }

    /// What the workload is meant to take of a metric now: for an average, the target times the replicas.
    pub(crate) fn capacity(&self, target: MetricTarget) -> Option<f64> {
        match target {
            MetricTarget::Value(value) | MetricTarget::Utilization(value) | MetricTarget::ResourceAverage(value) => {
                Some(value)
            }
            MetricTarget::AverageValue(each) => self.tracks.running.last().map(|running| each * f64::from(running)),
        }
    }
}

impl TriggerState {
    fn take(&mut self, reading: &Reading, at: Timestamp) {
        self.error = None;
        self.failures = 0;
        self.took = Some(at.since(reading.at));
        let figures = reading.figures.as_deref();
        let slope = |slope: &mut Slope, total: Option<u64>| match total {
            Some(total) => slope.push(reading.at, total),
            None => {
                slope.reset();
                None
            }
        };
        self.rates = [
            slope(&mut self.produced, figures.and_then(|figures| figures.produced_total)),
            slope(&mut self.consumed, figures.and_then(|figures| figures.consumed_total)),
        ];
        self.latest = Some(reading.clone());
    }

    fn fail(&mut self, error: &ReadError) {
        self.error = Some(error.clone());
        self.failures = self.failures.saturating_add(1);
        self.errors += 1;
        self.rates = [None, None];
        self.produced.reset();
        self.consumed.reset();
    }
}
