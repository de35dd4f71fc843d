//! The lab against brokers: the embedded one always, a real Apache Kafka where a test says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod embedded;
mod kafka;
#[path = "../../../cluster/src/ports.rs"]
mod ports;
mod prometheus;
mod support;
