//! The program as it is shipped: one static file, optimised as a whole.
//!
//! The linker throws out what nobody calls and the whole of it is optimised at once (profile `dist`), which takes less
//! memory than a release build and longer to make: so it is a chore of its own.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{output, root, run_command, say};

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
    command.env("RUSTFLAGS", "-C target-feature=+crt-static").env("OPENSSL_STATIC", "1").current_dir(root());
    run_command(&mut command)?;
    let program = root().join("target").join(host).join("dist/tidegate");
    // The kernel reads from the file itself whether something else has to load it.
    let file = std::fs::read(&program).map_err(|error| format!("reading {}: {error}", program.display()))?;
    match interpreter(&file) {
        None => Ok(program),
        Some(loader) => Err(format!(
            "{} is not static: it asks to be loaded by {loader}; is there a static library for each that is linked?",
            program.display()
        )),
    }
}

/// The loader that a 64-bit little-endian ELF file names (its segment `PT_INTERP`), if it names one.
fn interpreter(file: &[u8]) -> Option<String> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, width: usize| -> Option<u64> {
        let bytes = file.get(at..at.checked_add(width)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let place = |at: usize, width: usize| usize::try_from(number(at, width)?).ok();
    // Where the table of segments is, how long an entry is, and how many there are.
    let (table, length, count) = (place(0x20, 8)?, place(0x36, 2)?, place(0x38, 2)?);
    let segments = (0..count).map(|index| table + index * length);
    let segment = segments.into_iter().find(|at| number(*at, 4) == Some(PT_INTERP))?;
    let (from, bytes) = (place(segment + 0x08, 8)?, place(segment + 0x20, 8)?);
    let name = file.get(from..from.checked_add(bytes)?)?;
    Some(String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::interpreter;

    #[test]
    fn the_loader_of_a_dynamic_program_is_found() {
        let this_test = std::fs::read("/proc/self/exe").unwrap();
        let loader = interpreter(&this_test).unwrap();
        assert!(loader.starts_with('/') && loader.contains("ld"), "{loader}");
        assert_eq!(interpreter(b"#!/bin/sh"), None);
    }
}
