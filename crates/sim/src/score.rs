//! How well supply followed demand: the elasticity metrics of SPEC's research group.
//!
//! Definitions as in BUNGEE (`AbstractAreaDuration`, `UnderprovisionAccuracy`, `Jitter`): accuracy is the area between
//! the curves over the whole time, timeshare the part of the time with a gap, jitter how many more adaptations supply
//! made than demand, where a step of k replicas counts k times.

use std::time::Duration;

/// A count over time: constant until the next step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps(Vec<(Duration, u32)>);

impl Steps {
    /// Notes the count from `at` on. Times must not go back; an unchanged count is not a step.
    pub fn set(&mut self, at: Duration, count: u32) {
        if self.0.last().is_none_or(|(_, last)| *last != count) {
            self.0.push((at, count));
        }
    }

    fn at(&self, time: Duration) -> u32 {
        let later = self.0.partition_point(|(at, _)| *at <= time);
        later.checked_sub(1).map_or(0, |index| self.0[index].1)
    }

    fn adaptations(&self) -> u64 {
        self.0.windows(2).map(|pair| u64::from(pair[0].1.abs_diff(pair[1].1))).sum()
    }
}

/// The metrics of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Elasticity {
    /// Replicas too few, on average over the time.
    pub accuracy_under: f64,
    /// Replicas too many, on average over the time.
    pub accuracy_over: f64,
    /// Part of the time with too few, 0 to 1.
    pub timeshare_under: f64,
    /// Part of the time with too many, 0 to 1.
    pub timeshare_over: f64,
    /// Adaptations a minute that supply made beyond those of demand; below zero when it made fewer.
    pub jitter: f64,
}

impl Elasticity {
    /// Compares supply with demand from the start to `lasts`.
    #[must_use]
    pub fn of(demand: &Steps, supply: &Steps, lasts: Duration) -> Self {
        let mut times: Vec<Duration> =
            demand.0.iter().chain(&supply.0).map(|(at, _)| *at).filter(|at| *at < lasts).collect();
        times.extend([Duration::ZERO, lasts]);
        times.sort_unstable();
        times.dedup();
        let mut sums = Elasticity::default();
        for pair in times.windows(2) {
            let span = (pair[1] - pair[0]).as_secs_f64();
            let gap = f64::from(supply.at(pair[0])) - f64::from(demand.at(pair[0]));
            sums.accuracy_under += (-gap).max(0.0) * span;
            sums.accuracy_over += gap.max(0.0) * span;
            sums.timeshare_under += if gap < 0.0 { span } else { 0.0 };
            sums.timeshare_over += if gap > 0.0 { span } else { 0.0 };
        }
        let whole = lasts.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "adaptations of a run are far below 2^52")]
        let surplus = supply.adaptations() as f64 - demand.adaptations() as f64;
        Elasticity {
            accuracy_under: sums.accuracy_under / whole,
            accuracy_over: sums.accuracy_over / whole,
            timeshare_under: sums.timeshare_under / whole,
            timeshare_over: sums.timeshare_over / whole,
            jitter: surplus / (whole / 60.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(points: &[(u64, u32)]) -> Steps {
        let mut steps = Steps::default();
        for (at, count) in points {
            steps.set(Duration::from_secs(*at), *count);
        }
        steps
    }

    /// The curves and results of BUNGEE's own unit test of its metrics.
    #[test]
    fn agrees_with_bungee() {
        let demand = steps(&[(0, 1), (7, 5), (16, 3), (17, 2), (19, 4)]);
        let supply = steps(&[(0, 1), (2, 2), (3, 1), (5, 3), (9, 7), (11, 6), (12, 8), (14, 2)]);
        assert_eq!((supply.adaptations(), demand.adaptations()), (17, 9));
        let score = Elasticity::of(&demand, &supply, Duration::from_secs(20));
        let expected = Elasticity {
            accuracy_over: 16.0 / 20.0,
            accuracy_under: 13.0 / 20.0,
            timeshare_over: 8.0 / 20.0,
            timeshare_under: 6.0 / 20.0,
            jitter: 8.0 / (20.0 / 60.0),
        };
        let far = |a: f64, b: f64| (a - b).abs() > 1e-12;
        let wrong = far(score.accuracy_over, expected.accuracy_over)
            || far(score.accuracy_under, expected.accuracy_under)
            || far(score.timeshare_over, expected.timeshare_over)
            || far(score.timeshare_under, expected.timeshare_under)
            || far(score.jitter, expected.jitter);
        assert!(!wrong, "expected {expected:?}, got {score:?}");
    }

    #[test]
    fn supply_that_is_demand_is_perfect() {
        let curve = steps(&[(0, 1), (10, 4), (15, 0)]);
        assert_eq!(Elasticity::of(&curve, &curve, Duration::from_secs(20)), Elasticity::default());
    }
}
