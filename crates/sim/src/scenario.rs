//! What a run is made of.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{Policy, TargetId, Timestamp};

use crate::group::Group;
use crate::load::Load;
use crate::weather::Weather;

/// One workload, its sources and its day.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The only source of chance.
    pub seed: u64,
    /// What the clock says at the start.
    pub start: Timestamp,
    /// How long the run is.
    pub lasts: Duration,
    /// How often a [`Sample`](crate::Sample) is taken.
    pub sample_every: Duration,
    /// Whose run it is.
    pub target: TargetId,
    /// What the manifest asks for.
    pub policy: Arc<Policy>,
    /// Replicas found at the start, all of them ready.
    pub replicas: u32,
    /// How long a pod takes from its start until it is ready.
    pub start_up: Duration,
    /// How long a change of the replicas takes to be done.
    pub scaling_takes: Duration,
    /// What arrives.
    pub load: Load,
    /// Who consumes it.
    pub group: Group,
    /// What each trigger reads, in the policy's order, and how well.
    pub sources: Vec<(SourceModel, Weather)>,
    /// What else happens.
    pub disturbances: Vec<Planned>,
}

/// What a trigger's source says when it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceModel {
    /// The group's lag, with the partitions as useful parallelism unless idle consumers are allowed.
    Lag {
        /// Report no useful parallelism.
        allow_idle: bool,
    },
    /// The arrival rate, in records a second.
    Rate,
    /// A value by stages of its own, as a schedule or somebody else's queue.
    Series(Load),
}

/// A disturbance and its time.
#[derive(Clone, Debug)]
pub struct Planned {
    /// From the start of the run.
    pub after: Duration,
    /// What happens.
    pub what: Disturbance,
}

/// What an operator's day brings.
#[derive(Clone, Debug)]
pub enum Disturbance {
    /// The process ends in order and starts anew with what it left behind; answers under way are lost.
    Restart,
    /// The process is killed and starts anew with what it saved last.
    Killed,
    /// The process ends and starts anew, and nothing was saved.
    Amnesia,
    /// The clock jumps by so many milliseconds, back when negative.
    ClockJump(i64),
    /// Somebody else sets the replicas.
    ScaledByOther(u32),
    /// The manifest is edited.
    PolicyEdited(Arc<Policy>),
    /// The oldest pods crash.
    Crash(u32),
    /// Changes of the replicas fail for so long.
    ScalingFails(Duration),
    /// The workload's counts cannot be read for so long.
    WorkloadUnknown(Duration),
    /// A tick that nobody asked for.
    Tick,
}
