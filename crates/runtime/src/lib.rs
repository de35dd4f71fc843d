//! The live loop: carries out the engine's commands on a real clock.
//!
//! One task owns the [`Engine`](tidegate_engine::Engine). Everything slow happens beside it: reads and changes are tasks
//! of their own with a deadline, saving is a blocking thread, and their answers come back as events. What the loop needs
//! of the world it gets through ports: [`Workloads`] (counts and changes), [`StateStore`] (what survives a restart),
//! [`Sink`] (who wants to know) and [`Clock`] (what time it is). It knows neither Kubernetes nor processes.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod changes;
mod clock;
mod live;
mod permits;
mod ports;
mod reads;
mod runtime;
mod saver;
mod shift;
mod stats;

pub use clock::{Clock, WallClock};
pub use ports::{NoStates, Sink, StateError, StateStore, Workloads};
pub use runtime::{Handle, Options, Ports, Runtime, Stopped, TargetSetup, WantedReading};
pub use stats::{Stats, StatsSnapshot};
