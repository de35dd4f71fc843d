//! When a record is done: exact over time, whatever the clock's granularity.
//!
//! A worker that sleeps `1/rate` after each record is always too slow, since each sleep wakes a little late. Here each
//! record's end is computed from the ideal end of the one before, so the error never adds up. Only a worker that was
//! idle starts from the present: nothing is caught up that was not there to be worked on.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::options::{Distribution, Speed};

/// A worker that asks for its next record at most this long after the end of the last one has been busy all along;
/// a sleep may wake this late on a loaded machine.
const SLACK: Duration = Duration::from_millis(100);

/// Says when each record is done. Times are counted from any fixed point.
#[derive(Debug)]
pub(crate) struct Pace {
    speed: Speed,
    random: SmallRng,
    /// Ideal end of the last record, in seconds.
    ended: f64,
}

impl Pace {
    pub(crate) fn new(speed: Speed, seed: u64) -> Self {
        Pace { speed, random: SmallRng::seed_from_u64(seed), ended: f64::NEG_INFINITY }
    }

    /// A record is there at `now`: when it is done.
    pub(crate) fn done_at(&mut self, now: Duration) -> Duration {
        let now = now.as_secs_f64();
        let start = if now - self.ended <= SLACK.as_secs_f64() { self.ended.min(now) } else { now };
        let takes = match self.speed {
            Speed::Unlimited => 0.0,
            Speed::Rate(rate) => 1.0 / rate,
            Speed::ServiceTime(distribution) => distribution.sample(&mut self.random),
        };
        self.ended = start + takes;
        Duration::try_from_secs_f64(self.ended).unwrap_or(Duration::ZERO)
    }

    /// Whether a record fails that does so with probability `share`.
    pub(crate) fn fails(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random::<f64>() < share
    }
}

impl Distribution {
    /// One time, in seconds, never negative.
    pub(crate) fn sample(self, random: &mut SmallRng) -> f64 {
        match self {
            Distribution::Constant(seconds) => seconds,
            // Inverse of the distribution function; 1 - u is never zero.
            Distribution::Exponential { mean } => -mean * (1.0 - random.random::<f64>()).ln(),
            Distribution::Normal { mean, std_dev } => (mean + std_dev * standard_normal(random)).max(0.0),
            Distribution::LogNormal { mean, std_dev } => {
                // Parameters of the logarithm from the distribution's own mean and deviation.
                let variance = (1.0 + (std_dev / mean).powi(2)).ln();
                (mean.ln() - variance / 2.0 + variance.sqrt() * standard_normal(random)).exp()
            }
        }
    }

    /// The mean, in seconds.
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Distribution::Constant(mean)
            | Distribution::Exponential { mean }
            | Distribution::Normal { mean, .. }
            | Distribution::LogNormal { mean, .. } => mean,
        }
    }
}

/// Box and Muller's way to a normal variate.
pub(crate) fn standard_normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * random.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A worker that wakes `late` after each record's end, always with more to do.
    fn busy(mut pace: Pace, records: u32, late: Duration) -> Duration {
        let mut now = millis(5000);
        for _ in 0..records {
            now = pace.done_at(now).max(now) + late;
        }
        now - late
    }

    proptest! {
        /// In any stretch of work the count is right to one record, however late each sleep wakes.
        #[test]
        fn the_rate_is_exact_over_time(rate in 1.0_f64..2000.0, late_us in 0_u64..3000, records in 1_u32..5000) {
            let late = Duration::from_micros(late_us).min(Duration::from_secs_f64(0.9 / rate));
            let took = (busy(Pace::new(Speed::Rate(rate), 1), records, late) - millis(5000)).as_secs_f64();
            let ideal = f64::from(records) / rate;
            // The end of each record is a whole number of nanoseconds.
            let rounded = f64::from(records) * 1e-9;
            prop_assert!(took >= ideal - rounded, "too fast: {took} < {ideal}");
            prop_assert!(took <= ideal + late.as_secs_f64() + rounded, "drifts: {took} > {ideal}");
        }

        /// No service time is negative or infinite.
        #[test]
        fn service_times_are_sound(mean in 1e-4_f64..10.0, spread in 0.0_f64..10.0, seed: u64) {
            let mut random = SmallRng::seed_from_u64(seed);
            for distribution in [
                Distribution::Exponential { mean },
                Distribution::Normal { mean, std_dev: spread },
                Distribution::LogNormal { mean, std_dev: spread },
            ] {
                let seconds = distribution.sample(&mut random);
                prop_assert!(seconds.is_finite() && seconds >= 0.0, "{distribution:?}: {seconds}");
            }
        }
    }

    #[test]
    fn idle_time_is_not_caught_up() {
        let mut pace = Pace::new(Speed::Rate(10.0), 1);
        assert_eq!(pace.done_at(millis(0)), millis(100));
        assert_eq!(pace.done_at(millis(9000)), millis(9100));
    }

    #[test]
    fn the_distributions_have_the_means_they_name() {
        let mut random = SmallRng::seed_from_u64(7);
        for distribution in [
            Distribution::Constant(0.05),
            Distribution::Exponential { mean: 0.05 },
            Distribution::Normal { mean: 0.05, std_dev: 0.01 },
            Distribution::LogNormal { mean: 0.05, std_dev: 0.05 },
        ] {
            let count = 200_000;
            let mean = (0..count).map(|_| distribution.sample(&mut random)).sum::<f64>() / f64::from(count);
            assert!((mean / distribution.mean() - 1.0).abs() < 0.02, "{distribution:?}: {mean}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let speed = Speed::ServiceTime(Distribution::Exponential { mean: 1.0 });
        let times = |seed| busy(Pace::new(speed, seed), 10, Duration::ZERO);
        assert_eq!(times(3), times(3));
        assert_ne!(times(3), times(4));
    }
}
