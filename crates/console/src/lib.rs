//! The console: the page that shows what every target does and why, the API behind it, and `/metrics`.
//!
//! A driver hands everything it sees to a [`Store`] (readings, workloads, decision records); [`serve`] shows it over
//! HTTP. The store is bounded: a day of each target at falling resolution, and the latest records.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod hub;
mod info;
mod metrics;
mod server;
mod store;
mod view;

pub use info::{LoadPoint, TargetInfo, TriggerInfo};
pub use metrics::CallOf;
pub use server::{page_is_built, serve};
pub use store::{Store, StoreOptions};
