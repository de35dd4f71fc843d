//! The lag reader against a real Kafka, and against librdkafka's in-process one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod authentication;
mod broker;
mod certificates;
mod in_process;
mod movements;
mod offsets;
mod pair;
#[path = "../../../cluster/src/ports.rs"]
mod ports;
mod raw;
mod sharing;
mod tap;
mod thousands;
mod transactions;
