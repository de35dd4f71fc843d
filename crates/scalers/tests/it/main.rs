//! Triggers against servers, real and broken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod behaviour;
mod fixtures;
mod http;
mod keda;
mod pages;
mod prometheus;
mod real;
mod server;
mod watch;
