//! The binary `tidegate`: reads the command line, calls one library, gives back an exit code.

mod args;
mod commands;
mod decide;
mod exit;
mod live;
mod migrate;
mod operator;
mod output;
mod progress;

use std::process::ExitCode;

/// Gives memory back soon after a peak, and can tell who holds it (`/debug/pprof/heap`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    // A pod's guard comes before everything else: there are hundreds of them, and each should be small and quick.
    if args.nth(1).is_some_and(|command| command == "pod-guard") {
        return tidegate_local::guard::main(args.collect());
    }
    commands::run(std::env::args_os())
}
