//! The program as it is shipped: one static file, optimised as a whole.
//!
//! The linker throws out what nobody calls and the whole of it is optimised at once (profile `dist`), which takes less
//! memory than a release build and longer to make: so it is a chore of its own.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{output, root, run_command, say};

/// Nothing to load at run time; and what the start has to put right in the program's tables is told in bits, not in 24 bytes for
/// each place, which would be two more megabytes to read and hold.
const FLAGS: &str = "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs";

/// Builds it and checks that it needs no loader; tells where it is.
pub(crate) fn dist() -> Result<(), String> {
    let program = build()?;
    say(&format!("built {}", program.display()));
    Ok(())
}

/// Builds it unless nothing changed. Gives the program.
pub(crate) fn build() -> Result<PathBuf, String> {
    let host = output(&root(), "rustc", &["--print", "host-tuple"])?;
    let host = host.trim();
    let mut command = Command::new("cargo");
    // With a target named, what runs while building (macros, build scripts) is not linked statically.
    command.args(["build", "--locked", "--profile", "dist", "--bin", "tidegate", "--target", host]);
    command.env("RUSTFLAGS", FLAGS).env("OPENSSL_STATIC", "1").current_dir(root());
    run_command(&mut command)?;
    let program = root().join("target").join(host).join("dist/tidegate");
    let segments = output(&root(), "readelf", &["--segments", "--wide", &program.display().to_string()])?;
    if needs_a_loader(&segments) {
        return Err(format!(
            "{} is not static: it asks for a program that loads it; is there a static library for each that is linked?",
            program.display()
        ));
    }
    Ok(program)
}

/// From what `readelf` tells of a program's segments; their types' names are the same in every language.
fn needs_a_loader(segments: &str) -> bool {
    segments.lines().any(|line| line.split_whitespace().next() == Some("INTERP"))
}

#[cfg(test)]
mod tests {
    use super::needs_a_loader;
    use crate::run::{output, root};

    #[test]
    fn a_dynamic_program_needs_a_loader() {
        let this_test = std::env::current_exe().unwrap().display().to_string();
        let segments = output(&root(), "readelf", &["--segments", "--wide", &this_test]).unwrap();
        assert!(needs_a_loader(&segments), "{segments}");
        assert!(!needs_a_loader("  Type           Offset\n  LOAD           0x000000\n"));
    }
}
