//! `tidegate man`.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::Cli;
use crate::exit::{Done, Failed};
use crate::output::{line, note};

/// Prints the main page, or writes all pages into a folder.
pub(crate) fn run(out: Option<&Path>) -> Done {
    let mut root = Cli::command();
    root.build();
    let Some(folder) = out else { return line(page(root)?.trim_end()) };
    let problem =
        |error: std::io::Error| Failed::work(format!("writing manual pages to {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(problem)?;
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("tidegate-{}", command.get_name());
        let text = page(command.clone().name(name.clone()))?;
        fs::write(folder.join(format!("{name}.1")), text).map_err(problem)?;
    }
    fs::write(folder.join("tidegate.1"), page(root)?).map_err(problem)?;
    note(&format!("wrote the manual pages to {}", folder.display()));
    Ok(())
}

fn page(command: clap::Command) -> Result<String, Failed> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    Man::new(command)
        .render(&mut text)
        .map_err(|error| Failed::work(format!("making the manual page of {name}: {error}")))?;
    String::from_utf8(text).map_err(|error| Failed::work(format!("making the manual page of {name}: {error}")))
}
