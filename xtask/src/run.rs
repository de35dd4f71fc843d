//! Running other programs and talking to the person at the terminal.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints one line to standard error; that standard error is closed is no reason to stop.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A program of cargo's that the machine has, or that is installed below `target/tools`; `takes` says how long that is.
pub(crate) fn cargo_tool(name: &str, takes: &str) -> Result<String, String> {
    if exists(name) {
        return Ok(name.to_owned());
    }
    let tools = root().join("target/tools");
    let installed = tools.join("bin").join(name).display().to_string();
    if !exists(&installed) {
        say(&format!("installing {name} ({takes}, once)"));
        let tools = tools.display().to_string();
        // Not optimised: they run for seconds.
        run(&root(), "cargo", &["install", name, "--debug", "--locked", "--root", &tools])?;
    }
    Ok(installed)
}

/// Runs a program in `folder` with its output on the terminal.
pub(crate) fn run<S: AsRef<OsStr>>(folder: &Path, program: &str, args: &[S]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    run_command(&mut command)
}

/// Runs a prepared command with its output on the terminal.
pub(crate) fn run_command(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    say(&format!("$ {shown}"));
    // What cargo has told this program about itself is not for another cargo: some build scripts (ring's) would see a change in it,
    // and half of the dependencies be built again whenever a chore and a plain `cargo test` take turns.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name == "CARGO" || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
            command.env_remove(name.as_ref());
        }
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("`{shown}` could not be started: {error}")),
    }
}

/// Runs a program and gives what it printed.
pub(crate) fn output<S: AsRef<OsStr>>(folder: &Path, program: &str, args: &[S]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    let shown = shown(&command);
    let output = command.output().map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{shown}` ended with {}: {}", output.status, errors.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program can be started.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}
