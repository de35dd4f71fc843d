//! How many records a second arrive, at each moment.

use std::f64::consts::TAU;
use std::time::Duration;

/// The arrival rate over time: stages, and on top of them a tide and bursts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// One after the other, from the start of the run; the last one's rate stays.
    pub stages: Vec<Stage>,
    /// Comes and goes each period.
    pub tide: Option<Tide>,
    /// Added while they last.
    pub bursts: Vec<Burst>,
}

/// The rate moves evenly to a new one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long it takes.
    pub lasts: Duration,
    /// Records a second at its end.
    pub rate: f64,
}

/// A day's profile: lowest at the start of each period, highest in the middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tide {
    /// From low to low.
    pub period: Duration,
    /// Records a second at the lowest; may be below zero, which means a time without any.
    pub low: f64,
    /// Records a second at the highest.
    pub high: f64,
}

/// An additional rate for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// From the start of the run.
    pub after: Duration,
    /// How long it takes.
    pub lasts: Duration,
    /// Records a second on top.
    pub rate: f64,
}

impl Load {
    /// The same rate always.
    #[must_use]
    pub fn steady(rate: f64) -> Self {
        Load { stages: vec![Stage { lasts: Duration::ZERO, rate }], ..Load::default() }
    }

    /// Records a second `into` the run; never below zero.
    #[must_use]
    pub fn rate(&self, into: Duration) -> f64 {
        let tide = self.tide.map_or(0.0, |tide| {
            let phase = into.as_secs_f64() / tide.period.as_secs_f64();
            tide.low + (tide.high - tide.low) * (1.0 - (phase * TAU).cos()) / 2.0
        });
        let bursts: f64 = self
            .bursts
            .iter()
            .filter(|burst| into >= burst.after && into < burst.after + burst.lasts)
            .map(|burst| burst.rate)
            .sum();
        (self.staged(into) + tide + bursts).max(0.0)
    }

    fn staged(&self, into: Duration) -> f64 {
        let mut begins = Duration::ZERO;
        let mut rate = 0.0;
        for stage in &self.stages {
            let ends = begins + stage.lasts;
            if into < ends {
                let part = (into - begins).as_secs_f64() / stage.lasts.as_secs_f64();
                return rate + (stage.rate - rate) * part;
            }
            (begins, rate) = (ends, stage.rate);
        }
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_each_other_and_the_last_one_stays() {
        let seconds = Duration::from_secs;
        let load = Load {
            stages: vec![Stage { lasts: seconds(10), rate: 100.0 }, Stage { lasts: seconds(10), rate: 0.0 }],
            bursts: vec![Burst { after: seconds(12), lasts: seconds(2), rate: 5.0 }],
            tide: None,
        };
        let rates = [0, 5, 10, 12, 15, 20, 99].map(|at| load.rate(seconds(at)));
        assert_eq!(rates, [0.0, 50.0, 100.0, 85.0, 50.0, 0.0, 0.0]);
    }

    #[test]
    fn a_tide_is_low_at_the_start_and_high_in_the_middle() {
        let day = Duration::from_secs(86_400);
        let load = Load { tide: Some(Tide { period: day, low: -10.0, high: 90.0 }), ..Load::default() };
        assert!(load.rate(Duration::ZERO).abs() < 1e-9, "below zero is a time without records");
        assert!((load.rate(day / 2) - 90.0).abs() < 1e-9);
        assert!((load.rate(day / 4) - 40.0).abs() < 1e-9);
    }
}
