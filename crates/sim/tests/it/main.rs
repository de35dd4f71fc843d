//! Runs in virtual time: known days with their figures, and many days that nobody has thought of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clock;
mod days;
mod policies;
mod random;
mod storms;
