//! Scenarios drawn from a seed: any policy, any load, any weather.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use tidegate_engine::{
    Behavior, FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Mode, Policy, ReadErrorKind, ScalingRules,
    SelectPolicy, StepKind, StepPolicy, TriggerPolicy,
};
use tidegate_sim::{Burst, Disturbance, Group, Load, Outage, Planned, Scenario, SourceModel, Stage, Tide, Weather};

use crate::policies::{hours, policy, scenario, seconds, trigger};

/// The scenario of a seed.
pub(crate) fn draw(seed: u64) -> Scenario {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let dice = &mut Dice(&mut chance);
    let lasts = hours(dice.between(1, 12));
    let triggers = dice.between(1, 3) as usize;
    let mut drawn = scenario(dice.policy(triggers), dice.load(lasts), lasts);
    drawn.seed = seed;
    drawn.replicas = dice.count(0, 12);
    drawn.start_up = dice.millis(100, 60_000);
    drawn.scaling_takes = dice.millis(1, 5_000);
    drawn.group = Group {
        partitions: dice.count(1, 40),
        skew: if dice.one_in(3) { dice.part() * 2.0 } else { 0.0 },
        rate: 1.0 + dice.part() * 100.0,
        rebalance: dice.millis(0, 20_000),
    };
    drawn.sources = (0..triggers).map(|_| dice.source(lasts)).collect();
    drawn.disturbances = dice.disturbances(lasts, triggers);
    drawn
}

struct Dice<'a>(&'a mut ChaCha8Rng);

impl Dice<'_> {
    fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    fn count(&mut self, least: u32, most: u32) -> u32 {
        self.0.random_range(least..=most)
    }

    fn part(&mut self) -> f64 {
        self.0.random()
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.0.random_ratio(1, count)
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    fn span(&mut self, least: u64, most: u64) -> Duration {
        seconds(self.between(least, most))
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(self.0).unwrap()
    }

    fn policy(&mut self, triggers: usize) -> Policy {
        let min = if self.one_in(2) { 0 } else { self.count(1, 6) };
        let max = min.max(1) + self.count(0, 30);
        let mut drawn = policy(min, max, 10.0);
        drawn.idle_replicas = (min > 0 && self.one_in(3)).then(|| self.count(0, min - 1));
        drawn.cooldown = self.span(0, 600);
        drawn.initial_cooldown = if self.one_in(3) { self.span(0, 600) } else { Duration::ZERO };
        drawn.triggers = (0..triggers).map(|index| self.trigger(index)).collect();
        drawn.behavior = (!self.one_in(3)).then(|| Behavior { scale_up: self.rules(120), scale_down: self.rules(600) });
        drawn.fallback = self.one_in(3).then(|| self.fallback());
        drawn.pause.scale_in = self.one_in(12);
        drawn.pause.scale_out = self.one_in(12);
        drawn.pause.all = self.one_in(20);
        drawn.pause.at = self.one_in(20).then(|| self.count(0, 20));
        drawn.force_activation = self.one_in(12);
        drawn.mode = self.of(&[Mode::Direct, Mode::Direct, Mode::Direct, Mode::Direct, Mode::Hpa, Mode::Shadow]);
        drawn
    }

    fn trigger(&mut self, index: usize) -> TriggerPolicy {
        let amount = f64::from(self.count(1, 200));
        let target = if self.one_in(4) { MetricTarget::Value(amount) } else { MetricTarget::AverageValue(amount) };
        let mut drawn = trigger(index, "kafka", target, self.millis(1_000, 60_000));
        drawn.activation = if self.one_in(3) { f64::from(self.count(0, 100)) } else { 0.0 };
        drawn.source = self.between(0, 5);
        drawn.on_failure = self.of(&[
            FailurePolicy::Default,
            FailurePolicy::Default,
            FailurePolicy::Default,
            FailurePolicy::Hold,
            FailurePolicy::Ignore,
            FailurePolicy::Fallback,
            FailurePolicy::OnlyUp,
        ]);
        drawn
    }

    fn rules(&mut self, longest: u64) -> ScalingRules {
        let policies = (0..self.between(1, 2)).map(|_| StepPolicy {
            kind: self.of(&[StepKind::Pods, StepKind::Percent]),
            value: self.count(1, 100),
            period: self.span(1, 300),
        });
        let policies = policies.collect();
        ScalingRules {
            stabilization: if self.one_in(3) { Duration::ZERO } else { self.span(0, longest) },
            select: self.of(&[
                SelectPolicy::Max,
                SelectPolicy::Max,
                SelectPolicy::Max,
                SelectPolicy::Min,
                SelectPolicy::Disabled,
            ]),
            policies,
            tolerance: self.one_in(4).then(|| self.part() * 0.5),
        }
    }

    fn fallback(&mut self) -> Fallback {
        Fallback {
            failure_threshold: self.count(0, 5),
            replicas: self.count(0, 20),
            behavior: self.of(&[
                FallbackBehavior::Static,
                FallbackBehavior::CurrentReplicas,
                FallbackBehavior::CurrentReplicasIfHigher,
                FallbackBehavior::CurrentReplicasIfLower,
            ]),
        }
    }

    fn load(&mut self, lasts: Duration) -> Load {
        let stages = (0..self.between(0, 5)).map(|_| Stage { lasts: self.span(0, 3600), rate: self.part() * 200.0 });
        let stages = stages.collect();
        let longest = lasts.as_secs();
        let bursts = (0..self.between(0, 4)).map(|_| Burst {
            after: self.span(0, longest),
            lasts: self.span(1, 900),
            rate: self.part() * 1000.0,
        });
        let bursts = bursts.collect();
        let tide = self.one_in(2).then(|| Tide {
            period: self.span(600, longest.max(601)),
            low: self.part() * 100.0 - 80.0,
            high: self.part() * 300.0,
        });
        Load { stages, tide, bursts }
    }

    fn source(&mut self, lasts: Duration) -> (SourceModel, Weather) {
        let model = match self.between(0, 4) {
            0 => SourceModel::Rate,
            1 => SourceModel::Series(self.load(lasts)),
            2 => SourceModel::Lag { allow_idle: true },
            _ => SourceModel::Lag { allow_idle: false },
        };
        let bad = self.one_in(2);
        let rarely = |dice: &mut Self| if bad && dice.one_in(2) { dice.part() * 0.3 } else { 0.0 };
        let kinds = [ReadErrorKind::Unreachable, ReadErrorKind::Unauthorized, ReadErrorKind::Configuration];
        let longest = lasts.as_secs();
        let outages = (0..self.between(0, 3)).map(|_| Outage {
            after: self.span(0, longest),
            lasts: self.span(1, 3600),
            kind: self.of(&kinds),
        });
        let outages = outages.collect();
        let weather = Weather {
            latency: self.millis(1, 500),
            jitter: if bad { self.millis(0, 20_000) } else { Duration::ZERO },
            staleness: if bad && self.one_in(2) { self.millis(0, 400_000) } else { Duration::ZERO },
            failing: rarely(self),
            garbage: rarely(self),
            lost: rarely(self),
            repeated: rarely(self),
            outages,
        };
        (model, weather)
    }

    fn disturbances(&mut self, lasts: Duration, triggers: usize) -> Vec<Planned> {
        let longest = lasts.as_secs() * 1000;
        (0..self.between(0, 12))
            .map(|_| Planned { after: self.millis(0, longest), what: self.disturbance(triggers) })
            .collect()
    }

    fn disturbance(&mut self, triggers: usize) -> Disturbance {
        match self.between(0, 9) {
            0 => Disturbance::Restart,
            1 => Disturbance::Killed,
            2 => Disturbance::Amnesia,
            3 => Disturbance::ClockJump(i64::from(self.count(0, 7_200_000)) - 3_600_000),
            4 => Disturbance::ScaledByOther(self.count(0, 30)),
            5 => Disturbance::PolicyEdited(Arc::new(self.policy(triggers))),
            6 => Disturbance::Crash(self.count(1, 5)),
            7 => Disturbance::ScalingFails(self.span(1, 900)),
            8 => Disturbance::WorkloadUnknown(self.span(1, 900)),
            _ => Disturbance::Tick,
        }
    }
}
