//! `tidegate completions`.

use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::{Done, Failed};
use crate::output::line;

/// Prints the completions of one shell.
pub(crate) fn run(shell: clap_complete::Shell) -> Done {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tidegate", &mut text);
    let text = String::from_utf8(text).map_err(|error| Failed::work(format!("making completions: {error}")))?;
    line(text.trim_end())
}
