//! The live loop in paused time, with scripted triggers and workloads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bench;
mod clock;
mod isolation;
mod pushes;
mod scaling;
mod states;
