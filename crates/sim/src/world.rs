//! The world outside the engine: what arrives, who consumes it, and what sources say of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Figures, Reading, Timestamp, Workload};

use crate::group::Queue;
use crate::pods::Pods;
use crate::scenario::{Scenario, SourceModel};
use crate::score::Steps;
use crate::trace::Sample;

/// The longest stretch of time in which rates count as constant.
const STRIDE: Duration = Duration::from_secs(1);

pub(crate) struct World<'a> {
    scenario: &'a Scenario,
    queue: Queue,
    pods: Pods,
    now: Duration,
    /// The lag at past moments, as far back as a stale source may look.
    past: VecDeque<(Duration, f64)>,
    oldest: Duration,
    demand: Steps,
    supply: Steps,
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        let mut pods = Pods::default();
        pods.scale(scenario.replicas, Duration::ZERO, Duration::ZERO);
        let mut queue = Queue::new(&scenario.group);
        queue.set_members(scenario.replicas);
        let oldest = scenario.sources.iter().map(|(_, weather)| weather.staleness).max().unwrap_or_default();
        let mut world = World {
            scenario,
            queue,
            pods,
            now: Duration::ZERO,
            past: VecDeque::new(),
            oldest,
            demand: Steps::default(),
            supply: Steps::default(),
        };
        world.note();
        world
    }

    /// Lets time pass until `to`.
    pub(crate) fn advance(&mut self, to: Duration) {
        while self.now < to {
            let span = STRIDE.min(to - self.now);
            self.queue.advance(span, self.scenario.load.rate(self.now + span / 2));
            self.now += span;
            self.note();
        }
    }

    fn note(&mut self) {
        self.demand.set(self.now, self.queue.demand(self.scenario.load.rate(self.now)));
        self.supply.set(self.now, self.queue.members());
        if self.oldest > Duration::ZERO {
            self.past.push_back((self.now, self.queue.lag()));
            while self.past.get(1).is_some_and(|(at, _)| *at + self.oldest <= self.now) {
                self.past.pop_front();
            }
        }
    }

    /// Pods that have become ready join the group.
    pub(crate) fn pods_moved(&mut self, now: Duration) {
        self.queue.set_members(self.pods.ready(now));
        self.supply.set(now, self.queue.members());
    }

    pub(crate) fn scale(&mut self, replicas: u32, now: Duration) {
        self.pods.scale(replicas, now, self.scenario.start_up);
        self.pods_moved(now);
    }

    pub(crate) fn crash(&mut self, count: u32, now: Duration) {
        self.pods.crash(count, now, self.scenario.start_up);
        self.pods_moved(now);
    }

    pub(crate) fn observed(&self, now: Duration) -> Workload {
        self.pods.observed(now)
    }

    pub(crate) fn rebalances(&self) -> u32 {
        self.queue.rebalances()
    }

    /// Members needed, and members at work.
    pub(crate) fn curves(self) -> (Steps, Steps) {
        (self.demand, self.supply)
    }

    /// What a source says that looks `old` back; `clock` is the engine's time now.
    pub(crate) fn reading(&self, model: &SourceModel, now: Duration, old: Duration, clock: Timestamp) -> Reading {
        let then = now.saturating_sub(old);
        let at = clock - old;
        match model {
            SourceModel::Rate => Reading::of(self.scenario.load.rate(then), at),
            SourceModel::Series(series) => Reading::of(series.rate(then), at),
            SourceModel::Lag { allow_idle } => {
                let known = self.past.iter().rev().find(|(moment, _)| *moment <= then);
                let figures = Figures {
                    produced_total: Some(whole(self.queue.produced())),
                    consumed_total: Some(whole(self.queue.consumed())),
                    members: Some(self.queue.members()),
                    ..Figures::default()
                };
                Reading {
                    parallelism: (!allow_idle).then_some(self.scenario.group.partitions),
                    figures: Some(Arc::new(figures)),
                    ..Reading::of(known.map_or_else(|| self.queue.lag(), |(_, lag)| *lag), at)
                }
            }
        }
    }

    pub(crate) fn sample(&self, now: Duration) -> Sample {
        Sample {
            at: now,
            rate: self.scenario.load.rate(now),
            lag: self.queue.lag(),
            replicas: self.pods.replicas(),
            ready: self.pods.ready(now),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cast saturating")]
fn whole(count: f64) -> u64 {
    count as u64
}
