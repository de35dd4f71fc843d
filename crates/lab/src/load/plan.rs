//! How many iterations are due by when: the exact integral of a rate that goes in straight lines.
//!
//! A loop that adds up ticks drifts by whatever each tick rounds. Here the count due at a time is computed from the
//! start each time: the area under the rate, a sum of trapezia. It is pure, so it is tested in virtual time.

use std::time::Duration;

use crate::scenario::{Arrivals, Stage};

/// A number over time that goes in straight lines: a rate, or a count of loops.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    start: f64,
    stages: Vec<Stage>,
}

impl Plan {
    pub(crate) fn new(start: f64, stages: &[Stage]) -> Self {
        Plan { start, stages: stages.to_vec() }
    }

    pub(crate) fn of(arrivals: &Arrivals) -> Self {
        Plan::new(arrivals.start_rate, &arrivals.stages)
    }

    /// How long it goes on.
    pub(crate) fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// The value at `time`; after the end the last one.
    pub(crate) fn value_at(&self, time: Duration) -> f64 {
        let (mut from, mut rest) = (self.start, time.as_secs_f64());
        for stage in &self.stages {
            let length = stage.duration.as_secs_f64();
            if rest < length {
                return from + (stage.target - from) * rest / length;
            }
            rest -= length;
            from = stage.target;
        }
        from
    }

    /// The area under it from the start to `time`; it grows no more after the end.
    pub(crate) fn area(&self, time: Duration) -> f64 {
        let (mut from, mut rest, mut area) = (self.start, time.as_secs_f64(), 0.0);
        for stage in &self.stages {
            let length = stage.duration.as_secs_f64();
            if rest < length {
                let to = from + (stage.target - from) * rest / length;
                return area + (from + to) / 2.0 * rest;
            }
            area += (from + stage.target) / 2.0 * length;
            rest -= length;
            from = stage.target;
        }
        area
    }

    /// Iterations due from the start to `time`.
    pub(crate) fn due(&self, time: Duration) -> u64 {
        // A sum that should be whole may be a hair below; the cast saturates and takes the floor.
        (self.area(time) + 1e-6) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    fn stage(duration: f64, target: f64) -> Stage {
        Stage { duration: seconds(duration), target }
    }

    fn any_plan() -> impl Strategy<Value = Plan> {
        let stages = prop::collection::vec((0.0_f64..30.0, 0.0_f64..2000.0), 0..6);
        (0.0_f64..2000.0, stages).prop_map(|(start, stages)| {
            Plan::new(start, &stages.into_iter().map(|(length, target)| stage(length, target)).collect::<Vec<_>>())
        })
    }

    proptest! {
        /// However time is cut into ticks, the iterations started add up to the area: no drift.
        #[test]
        fn ticks_do_not_change_the_count(plan in any_plan(), tick_ms in 1_u64..977) {
            let end = plan.duration();
            let (mut started, mut now) = (0, Duration::ZERO);
            while now < end {
                now = (now + Duration::from_millis(tick_ms)).min(end);
                let due = plan.due(now);
                prop_assert!(due >= started, "the count went back at {now:?}");
                started = due;
            }
            prop_assert_eq!(started, plan.due(end));
            prop_assert!((plan.area(end) - started as f64) <= 1.0);
        }

        /// The area is what a fine sum of the values gives.
        #[test]
        fn the_area_is_the_integral_of_the_value(plan in any_plan()) {
            let end = plan.duration().as_secs_f64();
            let steps = 20_000;
            let step = end / f64::from(steps);
            let sum: f64 = (0..steps).map(|at| plan.value_at(seconds((f64::from(at) + 0.5) * step)) * step).sum();
            prop_assert!((sum - plan.area(plan.duration())).abs() <= 1.0 + sum * 1e-3, "{sum}");
        }

        /// Nothing is due outside of the plan's time.
        #[test]
        fn nothing_comes_due_after_the_end(plan in any_plan(), more in 0.0_f64..1e6) {
            let end = plan.duration();
            prop_assert_eq!(plan.due(end + seconds(more)), plan.due(end));
            prop_assert_eq!(plan.due(Duration::ZERO), 0);
        }
    }

    #[test]
    fn a_day_at_a_constant_rate_is_exact_to_the_record() {
        let plan = Plan::new(333.0, &[stage(86_400.0, 333.0)]);
        assert_eq!(plan.due(seconds(3600.0)), 333 * 3600);
        assert_eq!(plan.due(seconds(86_400.0)), 333 * 86_400);
    }

    #[test]
    fn a_ramp_from_nothing_is_half_its_end() {
        let plan = Plan::new(0.0, &[stage(20.0, 100.0), stage(0.0, 10.0), stage(10.0, 10.0)]);
        assert_eq!(plan.due(seconds(10.0)), 250);
        assert_eq!(plan.due(seconds(20.0)), 1000);
        assert_eq!(plan.due(seconds(30.0)), 1100);
        assert!((plan.value_at(seconds(20.0)) - 10.0).abs() < 1e-9, "a stage of no length is a jump");
    }
}
