//! The decision engine: events with their time in, commands out, and a record of each decision.
//!
//! [`Engine::handle`] is the whole product in one signature. It is synchronous, holds no clock, does no I/O and knows
//! neither Kubernetes nor Kafka. The live loop (`runtime`), virtual time (`sim`) and `tidegate decide` drive the same
//! code.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod activation;
mod behavior;
pub mod checker;
mod decide;
mod demand;
mod engine;
mod event;
mod explain;
mod formula;
mod hpa;
mod knowledge;
mod once;
mod plan;
mod policy;
mod reading;
mod reason;
mod record;
mod recorder;
mod resource;
mod schedule;
mod stabilization;
mod target;
#[cfg(test)]
mod tests;
mod time;
mod words;

pub use checker::{Finding, check};
pub use engine::Engine;
pub use event::{Command, Event, Recommendation, SavedState, ScaleEvent, Workload};
pub use explain::{explain, headline};
pub use formula::{Formula, FormulaError};
pub use once::{Case, decide};
pub use policy::{
    Behavior, Compat, FailurePolicy, Fallback, FallbackBehavior, FormulaPolicy, MetricTarget, Mode, Pause, Policy,
    ScalingRules, SelectPolicy, StepKind, StepPolicy, TargetId, TriggerPolicy,
};
pub use reading::{Figures, PartitionFigures, ReadError, ReadErrorKind, Reading};
pub use record::{
    Assumed, Cause, FORMAT, FormulaRecord, Limits, NextChange, Outcome, PodsRecord, ReadingRecord, Reason, Record,
    Rule, Step, Tolerance,
};
pub use resource::{CPU_INITIALIZATION, INITIAL_READINESS_DELAY, PodFacts, PodState, PodUsage, Resource};
pub use time::Timestamp;
