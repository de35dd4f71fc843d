//! The binary `tidegate`: reads the command line, calls one library, gives back an exit code.

mod args;
mod commands;
mod exit;
mod live;
mod output;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(std::env::args_os())
}
