//! A real cluster on this machine, from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod autoscaling;
mod bench;
mod control_plane;
mod differential;
mod ends;
mod keda;
mod pods;
