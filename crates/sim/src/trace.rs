//! What came of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Finding, Outcome, Record};

use crate::score::{Elasticity, Steps};

/// Everything that a run left behind.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The seed that gives the same run again.
    pub seed: u64,
    /// How long it was.
    pub lasts: Duration,
    /// Taken at even intervals.
    pub samples: Vec<Sample>,
    /// Every decision, in order.
    pub records: Vec<Arc<Record>>,
    /// What the checker found, with the record's place in `records`.
    pub findings: Vec<(usize, Finding)>,
    /// Changes of the replicas, as (time into the run, from, to), by whomever.
    pub changes: Vec<(Duration, u32, u32)>,
    /// Things that should not have happened and are not in a record: a change nobody commanded, a tick that changed
    /// something the second time.
    pub faults: Vec<String>,
    /// Reads that were asked for.
    pub reads: u64,
    /// The longest time in which no source was asked although there was no pause.
    pub quiet: Duration,
    /// Events that the engine was given.
    pub events: u64,
    /// Times the group rebalanced.
    pub rebalances: u32,
    /// Members needed to keep up, over time.
    pub demand: Steps,
    /// Members that worked, over time.
    pub supply: Steps,
}

/// The state at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Time into the run.
    pub at: Duration,
    /// Records a second arriving.
    pub rate: f64,
    /// Records waiting.
    pub lag: f64,
    /// Replicas asked for.
    pub replicas: u32,
    /// Replicas ready.
    pub ready: u32,
}

impl Trace {
    /// The figures of the whole run.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut lags: Vec<f64> = self.samples.iter().map(|sample| sample.lag).collect();
        lags.sort_unstable_by(f64::total_cmp);
        let every = match self.samples.as_slice() {
            [first, second, ..] => second.at - first.at,
            _ => Duration::ZERO,
        };
        let replicas: f64 = self.samples.iter().map(|sample| f64::from(sample.replicas)).sum();
        Summary {
            seed: self.seed,
            lasts: self.lasts,
            records: self.records.len(),
            reads: self.reads,
            outs: self.changes.iter().filter(|(_, from, to)| to > from).count(),
            ins: self.changes.iter().filter(|(_, from, to)| to < from).count(),
            held: self.records.iter().filter(|record| record.result == Outcome::Held).count(),
            most: self.samples.iter().map(|sample| sample.replicas).max().unwrap_or(0),
            replica_hours: replicas * every.as_secs_f64() / 3600.0,
            lag_median: quantile(&lags, 0.5),
            lag_p99: quantile(&lags, 0.99),
            lag_most: quantile(&lags, 1.0),
            rebalances: self.rebalances,
            elasticity: Elasticity::of(&self.demand, &self.supply, self.lasts),
            findings: self.findings.len() + self.faults.len(),
        }
    }
}

/// The value that `part` of `sorted` do not exceed.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
    let index = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

/// The figures of a run, printed one a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The seed that gives the same run again.
    pub seed: u64,
    /// How long it was.
    pub lasts: Duration,
    /// Decisions.
    pub records: usize,
    /// Reads of sources.
    pub reads: u64,
    /// Times it scaled out.
    pub outs: usize,
    /// Times it scaled in.
    pub ins: usize,
    /// Decisions that were held for want of knowledge.
    pub held: usize,
    /// Most replicas asked for.
    pub most: u32,
    /// Replicas times hours.
    pub replica_hours: f64,
    /// Median of the lag.
    pub lag_median: f64,
    /// 99th percentile of the lag.
    pub lag_p99: f64,
    /// Highest lag.
    pub lag_most: f64,
    /// Times the group rebalanced.
    pub rebalances: u32,
    /// How well supply followed demand.
    pub elasticity: Elasticity,
    /// Broken promises; none in a good run.
    pub findings: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "seed {}, {:.1} h", self.seed, self.lasts.as_secs_f64() / 3600.0)?;
        writeln!(out, "decisions {} ({} held), reads {}", self.records, self.held, self.reads)?;
        writeln!(out, "scaled {} times out, {} in, {} rebalances", self.outs, self.ins, self.rebalances)?;
        writeln!(out, "replicas at most {}, {:.1} replica-hours", self.most, self.replica_hours)?;
        writeln!(out, "lag median {:.0}, p99 {:.0}, most {:.0}", self.lag_median, self.lag_p99, self.lag_most)?;
        let score = &self.elasticity;
        writeln!(
            out,
            "too few {:.2} replicas in {:.1} % of the time, too many {:.2} in {:.1} %, jitter {:.2}/min",
            score.accuracy_under,
            score.timeshare_under * 100.0,
            score.accuracy_over,
            score.timeshare_over * 100.0,
            score.jitter,
        )?;
        writeln!(out, "broken promises {}", self.findings)
    }
}
