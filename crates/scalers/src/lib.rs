//! The catalogue of triggers, and the clients that they share.
//!
//! Building a trigger has three steps that never mix: [`catalog::check`] understands and validates the parameters (pure),
//! [`Checked::connect`] binds it to shared clients (no I/O before the first read), [`Scaler::read`] asks the source
//! (I/O, with a deadline).

pub mod catalog;
mod clients;
mod input;
pub mod kafka;
mod scaler;
mod secret;

pub use catalog::Checked;
pub use clients::Clients;
pub use input::{MetricType, Problem, TriggerInput};
pub use scaler::{MetricSpec, Scaler};
pub use secret::Secret;
