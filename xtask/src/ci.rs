//! The chores that run many things in order.

use std::process::Command;

use crate::run::{root, run, run_command, say};
use crate::servers;

/// Sets the servers up and runs every test; `args` go to `cargo test`.
pub(crate) fn test(args: &[String]) -> Result<(), String> {
    servers::setup()?;
    let mut command = Command::new("cargo");
    command.arg("test");
    if !args.iter().any(|arg| arg == "-p" || arg.starts_with("--package")) {
        command.arg("--workspace");
    }
    command.args(args).current_dir(root());
    run_command(&mut command)
}

/// Everything that must hold before a change is merged.
pub(crate) fn ci() -> Result<(), String> {
    run(&root(), "bash", &[".ci/run"])
}

/// Every bench, one after the other.
pub(crate) fn bench() -> Result<(), String> {
    servers::setup()?;
    say("the figures are of this machine and this hour; compare ratios within one run");
    run(&root(), "cargo", &["bench", "--workspace", "--benches"])
}
