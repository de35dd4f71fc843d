//! The chores that run many things in order.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{root, run, run_command, say};
use crate::servers;
use crate::{dist, go};

/// Sets the servers up and runs every test; `args` go to `cargo test`.
pub(crate) fn test(args: &[String]) -> Result<(), String> {
    servers::setup()?;
    let mut command = Command::new("cargo");
    command.arg("test");
    if !args.iter().any(|arg| arg == "-p" || arg.starts_with("--package")) {
        command.arg("--workspace");
    }
    command.args(args).current_dir(root());
    // A kubectl that was built here comes last: one that the machine has is preferred.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([go::kubectl_folder()]);
    let path = std::env::join_paths(folders).map_err(|error| format!("putting kubectl into PATH: {error}"))?;
    command.env("PATH", path);
    // Most tests wait most of the time, so there is room for twice as many at once as there are processors.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        command.env("RUST_TEST_THREADS", (2 * processors).to_string());
    }
    run_command(&mut command)
}

/// Everything that must hold before a change is merged.
pub(crate) fn ci() -> Result<(), String> {
    run(&root(), "bash", &[".ci/run"])
}

/// Every bench, one after the other; or with `scale` first, the one beside KEDA, which takes the rest of the arguments.
pub(crate) fn bench(args: &[String]) -> Result<(), String> {
    servers::setup()?;
    say("the figures are of this machine and this hour; compare ratios within one run");
    let Some((name, rest)) = args.split_first() else {
        return run(&root(), "cargo", &["bench", "--workspace", "--benches"]);
    };
    if name != "scale" {
        return Err(format!("unknown bench {name:?}; known: scale; without a name every other bench is run"));
    }
    // What is measured is the program as it is shipped, unless another build is to be looked into.
    let given = std::env::var_os("TIDEGATE_BENCH_PROGRAM").map(PathBuf::from);
    let program = given.map_or_else(dist::build, Ok)?;
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--bench", "scale", "--"]).args(rest).current_dir(root());
    run_command(command.env("TIDEGATE_BENCH_SCALE", "1").env("TIDEGATE_BENCH_PROGRAM", program))
}
