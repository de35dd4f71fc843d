//! The repository's own rules, checked.
//!
//! Each rule is a function from what it looks at to a list of findings, so that it can be tried on made-up input.

mod edges;
mod links;
mod sources;

use std::fs;
use std::path::Path;

use crate::run::{output, root, say};

/// Manifests of whole workspaces, which have versions and lints of their own.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// One broken rule: where, and what to do.
pub(crate) type Finding = String;

/// Checks every rule and prints all findings.
pub(crate) fn tidy() -> Result<(), String> {
    let root = root();
    let mut findings = edges::check(&output(&root, "cargo", &["metadata", "--no-deps", "--format-version", "1"])?)?;
    let tracked = output(&root, "git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    for file in tracked.lines() {
        let Some(text) = read(&root.join(file)) else { continue };
        findings.extend(sources::check(file, &text));
        if file.ends_with(".md") {
            findings.extend(links::check(file, &text, |target| root.join(target).exists()));
        }
        if file.ends_with("Cargo.toml") && !WORKSPACES.contains(&file) {
            findings.extend(edges::check_manifest(file, &text));
        }
    }
    findings.extend(crate::conformance::check(&root)?);
    if findings.is_empty() {
        say("tidy: all rules hold");
        return Ok(());
    }
    for finding in &findings {
        say(finding);
    }
    Err(format!("{} findings", findings.len()))
}

/// A tracked file's text; nothing for a binary or a deleted one.
fn read(path: &Path) -> Option<String> {
    fs::read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}
