//! The binary as people run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod basics;
mod crds;
mod decide;
mod explain;
mod operator;
mod support;
mod up;
mod validate;
