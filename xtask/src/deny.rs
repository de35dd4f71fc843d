//! cargo-deny: what may be linked in.

use std::path::PathBuf;

use crate::run::{exists, root, run, say};

/// Checks bans, licenses and sources; the advisory database is not among them, since it may be out of reach.
pub(crate) fn deny() -> Result<(), String> {
    let program = program()?;
    run(&root(), &program, &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
}

fn program() -> Result<String, String> {
    if exists("cargo-deny") {
        return Ok("cargo-deny".to_owned());
    }
    let tools: PathBuf = root().join("target/tools");
    let installed = tools.join("bin/cargo-deny").display().to_string();
    if !exists(&installed) {
        say("installing cargo-deny (some minutes, once)");
        let tools = tools.display().to_string();
        run(&root(), "cargo", &["install", "cargo-deny", "--locked", "--root", &tools])?;
    }
    Ok(installed)
}
