//! The engine from outside: golden cases, and properties over generated cases and traces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod cases;
mod crowd;
mod golden;
mod manifest;
mod properties;
mod traces;
