//! One load: an executor as k6 has them, and the messages it sends. One iteration is one record, from handing it to
//! the producer until the broker has acknowledged it.

use std::time::Duration;

/// One entry of `load`.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadSpec {
    /// Its name; unique in the Scenario.
    pub name: String,
    /// Where it produces to.
    pub topic: String,
    /// How iterations are started.
    pub executor: Executor,
    /// How long after the run's start it begins.
    pub start_time: Duration,
    /// How long unacknowledged records are waited for at the end.
    pub graceful_stop: Duration,
    /// What is sent.
    pub message: MessageSpec,
    /// Where the random numbers start. The same seed gives the same keys and sizes.
    pub seed: u64,
}

/// k6's executors.
#[derive(Clone, Debug, PartialEq)]
pub enum Executor {
    /// `constant-arrival-rate` and `ramping-arrival-rate`: iterations start by the clock, however slow the broker is
    /// (open model).
    Arrivals(Arrivals),
    /// `constant-vus`: this many loops for a time (closed model).
    ConstantVus {
        /// How many.
        vus: u32,
        /// For how long.
        duration: Duration,
        /// Between two iterations of one loop.
        pause: Duration,
    },
    /// `ramping-vus`.
    RampingVus {
        /// How many at the start.
        start_vus: u32,
        /// How many then; `target` counts loops.
        stages: Vec<Stage>,
        /// How long a loop that is ramped down may finish its iteration.
        graceful_ramp_down: Duration,
        /// Between two iterations of one loop.
        pause: Duration,
    },
    /// `shared-iterations`: so many in all, whoever gets to them.
    SharedIterations {
        /// How many loops.
        vus: u32,
        /// Iterations of all together.
        iterations: u64,
        /// The end, done or not.
        max_duration: Duration,
        /// Between two iterations of one loop.
        pause: Duration,
    },
    /// `per-vu-iterations`: so many for each.
    PerVuIterations {
        /// How many loops.
        vus: u32,
        /// Iterations of each.
        iterations: u64,
        /// The end, done or not.
        max_duration: Duration,
        /// Between two iterations of one loop.
        pause: Duration,
    },
}

/// An open model's rate over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// Iterations per second at the start (`startRate` or `rate` over `timeUnit`).
    pub start_rate: f64,
    /// Straight lines to further rates; targets are per second here.
    pub stages: Vec<Stage>,
    /// How many iterations may run at once.
    pub pool: VuPool,
}

/// `preAllocatedVUs` and `maxVUs`: how many records may be unacknowledged at once. What comes due beyond that is
/// dropped and counted, as k6 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VuPool {
    /// `preAllocatedVUs`.
    pub pre_allocated: u32,
    /// `maxVUs`.
    pub max: u32,
}

/// One stage: to `target`, in a straight line, in `duration`. A duration of zero is a jump.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long.
    pub duration: Duration,
    /// What is reached at its end.
    pub target: f64,
}

/// `message`.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageSpec {
    /// Of the value, in bytes.
    pub size: SizeSpec,
    /// Of the key.
    pub key: KeySpec,
}

/// How large values are, in bytes. Never above 1,000,000, what Kafka takes by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeSpec {
    /// All the same.
    Constant(u32),
    /// Anything from `min` to `max`.
    Uniform {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Around `mean`.
    Normal {
        /// In the middle.
        mean: f64,
        /// Standard deviation.
        std_dev: f64,
    },
    /// Many small, few large.
    Exponential {
        /// On average.
        mean: f64,
    },
}

/// Which key a record gets, and so which partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KeySpec {
    /// No key; partitions in turn.
    None,
    /// One of `keys` at random.
    Random {
        /// How many different ones.
        keys: u64,
    },
    /// A new one each time, counted up.
    Sequence,
    /// One key for `share` of the records, random ones for the rest: a hot partition.
    Hot {
        /// From 0 to 1.
        share: f64,
        /// How many different others.
        keys: u64,
    },
}

impl Executor {
    /// k6's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Executor::Arrivals(Arrivals { stages, start_rate, .. })
                if stages.iter().all(|stage| stage.target == *start_rate) =>
            {
                "constant-arrival-rate"
            }
            Executor::Arrivals(_) => "ramping-arrival-rate",
            Executor::ConstantVus { .. } => "constant-vus",
            Executor::RampingVus { .. } => "ramping-vus",
            Executor::SharedIterations { .. } => "shared-iterations",
            Executor::PerVuIterations { .. } => "per-vu-iterations",
        }
    }

    /// How long it starts iterations, by plan.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            Executor::Arrivals(Arrivals { stages, .. }) | Executor::RampingVus { stages, .. } => {
                stages.iter().map(|stage| stage.duration).sum()
            }
            Executor::ConstantVus { duration, .. } => *duration,
            Executor::SharedIterations { max_duration, .. } | Executor::PerVuIterations { max_duration, .. } => {
                *max_duration
            }
        }
    }
}

impl LoadSpec {
    /// When it is over by plan, counted from the run's start, without the graceful stop.
    #[must_use]
    pub fn planned_end(&self) -> Duration {
        self.start_time + self.executor.duration()
    }
}

impl KeySpec {
    /// How many different random keys there are where nothing is said.
    pub const DEFAULT_KEYS: u64 = 10_000;
    pub(crate) const EXPECTED: &'static str = "none, random, sequence or hot:SHARE with a share from 0 to 1";

    /// Reads `none`, `random`, `random:KEYS`, `sequence` or `hot:SHARE`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<KeySpec, String> {
        let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
        let key = match (word, rest) {
            ("none", None) => Some(KeySpec::None),
            ("sequence", None) => Some(KeySpec::Sequence),
            ("random", None) => Some(KeySpec::Random { keys: Self::DEFAULT_KEYS }),
            ("random", Some(keys)) => keys.parse().ok().filter(|keys| *keys > 0).map(|keys| KeySpec::Random { keys }),
            ("hot", Some(share)) => share
                .parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
                .map(|share| KeySpec::Hot { share, keys: Self::DEFAULT_KEYS }),
            _ => None,
        };
        key.ok_or_else(|| Self::EXPECTED.to_owned())
    }
}

impl Stage {
    /// Reads stages as the command line gives them: `30s:100,1m:500,30s:0`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse_list(text: &str) -> Result<Vec<Stage>, String> {
        let expected = || format!("stages such as 30s:100,1m:500,30s:0, not \"{text}\"");
        let parse = |stage: &str| {
            let (duration, target) = stage.trim().split_once(':').ok_or_else(expected)?;
            let duration = crate::units::parse_duration(duration).map_err(|_| expected())?;
            let target: f64 = target.trim().parse().map_err(|_| expected())?;
            if target.is_finite() && target >= 0.0 { Ok(Stage { duration, target }) } else { Err(expected()) }
        };
        text.split(',').map(parse).collect()
    }
}
