//! Virtual time: whole days of load, consumers and failing sources in seconds, with the live engine deciding.
//!
//! [`run`] takes a [`Scenario`] and gives back a [`Trace`]. Nothing in it sleeps or looks at a clock; the only chance
//! comes from the scenario's seed, so that a seed and a commit reproduce a run to the last byte. The engine is the one
//! that also runs live, driven through [`Engine::handle`](tidegate_engine::Engine::handle), and every record that it
//! writes is examined by the [`checker`](tidegate_engine::checker).
//!
//! What is modelled, and no more: a source of records with stages, bursts and a daily tide ([`Load`]); a topic whose
//! partitions may be skewed and a group that shares them ([`Group`]); pods that take their time to start; readings that
//! are late, old, wrong or lost ([`Weather`]); and what an operator's day brings ([`Disturbance`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod agenda;
mod driver;
mod group;
mod load;
mod pods;
mod scenario;
mod score;
mod trace;
mod weather;
mod world;

pub use driver::run;
pub use group::Group;
pub use load::{Burst, Load, Stage, Tide};
pub use scenario::{Disturbance, Planned, Scenario, SourceModel};
pub use score::{Elasticity, Steps};
pub use trace::{Sample, Summary, Trace};
pub use weather::{Outage, Weather};
