//! The binary as people run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod basics;
/// The same real servers as those of the triggers' own tests.
#[path = "../../../scalers/tests/kafka/broker.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared; not all of it is needed here")]
mod broker;
#[path = "../../../scalers/tests/kafka/certificates.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared; not all of it is needed here")]
mod certificates;
mod crds;
mod decide;
mod examples;
mod explain;
mod operator;
#[path = "../../../cluster/src/ports.rs"]
mod ports;
#[path = "../../../scalers/tests/it/real.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared; not all of it is needed here")]
mod prometheus;
#[path = "../../../scalers/tests/kafka/raw.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared; not all of it is needed here")]
mod raw;
mod support;
mod unreachable;
mod up;
mod validate;
