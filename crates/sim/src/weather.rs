//! What goes wrong between a source and its reading.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tidegate_engine::{ReadError, ReadErrorKind};

/// How well a source answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weather {
    /// The shortest time an answer takes.
    pub latency: Duration,
    /// By how much it may be longer.
    pub jitter: Duration,
    /// How old what it says may be already.
    pub staleness: Duration,
    /// Share of reads that fail, 0 to 1.
    pub failing: f64,
    /// Share of answers that are no number (NaN), which a careful scaler would have made an error.
    pub garbage: f64,
    /// Share of answers that never come.
    pub lost: f64,
    /// Share of answers that come twice.
    pub repeated: f64,
    /// Times at which nothing answers.
    pub outages: Vec<Outage>,
}

/// A time without answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From the start of the run.
    pub after: Duration,
    /// How long.
    pub lasts: Duration,
    /// How it shows.
    pub kind: ReadErrorKind,
}

/// What becomes of one read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// The true value, as it was this long ago.
    Answer { old: Duration },
    /// NaN.
    Garbage,
    /// An error.
    Error(ReadError),
    /// Nothing, ever.
    Lost,
}

impl Weather {
    /// The fate of a read `into` the run, after how long it is known, and whether it comes twice.
    pub(crate) fn fate(&self, into: Duration, chance: &mut ChaCha8Rng) -> (Fate, Duration, bool) {
        // All chances are drawn whatever comes of them, so that one kind of trouble more does not shift the others.
        let [part, failing, garbage, lost, repeated, old] = std::array::from_fn(|_| chance.random::<f64>());
        let delay = self.latency + self.jitter.mul_f64(part);
        let twice = repeated < self.repeated;
        let outage = self.outages.iter().find(|outage| into >= outage.after && into < outage.after + outage.lasts);
        if let Some(outage) = outage {
            return (Fate::Error(ReadError::new(outage.kind, "an outage of the simulation")), delay, twice);
        }
        let fate = if lost < self.lost {
            Fate::Lost
        } else if failing < self.failing {
            Fate::Error(ReadError::new(ReadErrorKind::Unreachable, "an error of the simulation"))
        } else if garbage < self.garbage {
            Fate::Garbage
        } else {
            Fate::Answer { old: self.staleness.mul_f64(old) }
        };
        (fate, delay, twice)
    }
}
