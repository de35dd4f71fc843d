//! The console: the page that shows what every target does and why, the API behind it, and `/metrics`.
//!
//! A driver hands everything it sees to a [`Store`] (readings, workloads, decision records); [`serve`] shows it over
//! HTTP. The store is bounded: a day of each target at falling resolution, and the latest records.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod info;
mod server;
mod store;

pub use info::{LoadPoint, TargetInfo, TriggerInfo};
pub use server::serve;
pub use store::{Store, StoreOptions};
