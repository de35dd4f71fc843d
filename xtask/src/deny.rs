//! cargo-deny: what may be linked in.

use crate::run::{cargo_tool, root, run};

/// Checks bans, licenses and sources; the advisory database is not among them, since it may be out of reach.
pub(crate) fn deny() -> Result<(), String> {
    let program = cargo_tool("cargo-deny", "some minutes")?;
    run(&root(), &program, &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
}
