//! One machine in place of a cluster: a folder of manifests, and pods that are processes.
//!
//! [`up`] is what `tidegate up` does. [`validate`] says what is wrong with manifests before anything starts. [`logs`]
//! reads what pods printed, [`running`] finds a running `up` by its folder, and [`guard`] is the second process that
//! ends the pods when `up` itself was killed.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod files;
mod folder;
pub mod guard;
pub mod logs;
pub mod pods;
pub mod processes;
mod progress;
pub mod running;
mod signals;
mod state_dir;
mod up;

pub use folder::{pod_template, validate};
pub use guard::GuardCommand;
pub use progress::{Progress, ProgressKind, Silent};
pub use signals::{Stops, stop_on_interrupt, stop_on_signals};
pub use state_dir::StateDir;
pub use up::{TargetSummary, UpError, UpOptions, UpSummary, up};
