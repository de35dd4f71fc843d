//! From flags and environment variables to the settings of an operator.

mod environment;
mod listen;
mod settings;

pub(crate) use settings::{Settings, settings};
