//! What the commands do: each turns arguments into one call of a library and the result into text.

mod completions;
mod consume;
mod crds;
mod decide;
mod explain;
mod kafka;
mod lag;
mod logs;
mod man;
mod migrate;
mod operator;
mod produce;
mod scalers;
mod up;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::exit::{Done, Failure};
use crate::live;
use crate::output::note;

/// Reads the command line, does what it says, gives the exit code.
pub(crate) fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Failure::Input.into() } else { ExitCode::SUCCESS };
        }
    };
    // The operator has flags of its own for what it logs.
    if !matches!(cli.command, Command::Operator(_)) {
        live::log(cli.verbose);
    }
    match dispatch(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            note(&format!("tidegate: {}", failed.message));
            failed.kind.into()
        }
    }
}

fn dispatch(command: Command) -> Done {
    match command {
        Command::Completions { shell } => completions::run(shell),
        Command::Man { out } => man::run(out.as_deref()),
        Command::Crds(args) => crds::run(&args),
        Command::Scalers(args) => scalers::run(&args.command),
        Command::Produce(args) => produce::run(&args),
        Command::Consume(args) => consume::run(&args),
        Command::Up(args) => up::run(args),
        Command::Operator(args) => operator::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Lag(args) => lag::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Decide(args) => decide::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Logs(args) => logs::run(&args),
        // Taken care of before the command line is read.
        Command::PodGuard { .. } => Ok(()),
    }
}
