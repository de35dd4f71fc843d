//! cargo-fuzz: the targets below `fuzz`, with the stable toolchain.

use std::fs;
use std::process::Command;

use crate::run::{cargo_tool, root, run_command};

/// How long each target runs where nothing else is said.
const SECONDS: u64 = 60;

/// No input that is worth trying is longer.
const LONGEST: usize = 4096;

/// Runs one target or all of them.
pub(crate) fn fuzz(args: &[String]) -> Result<(), String> {
    let (target, seconds) = understood(args)?;
    let known = targets()?;
    if let Some(unknown) = target.filter(|target| !known.iter().any(|known| known == target)) {
        return Err(format!("unknown target {unknown:?}; known: {}", known.join(", ")));
    }
    let program = cargo_tool("cargo-fuzz", "a minute")?;
    lock()?;
    for name in known.iter().filter(|name| target.is_none_or(|only| only == *name)) {
        one(&program, name, seconds)?;
    }
    Ok(())
}

fn understood(args: &[String]) -> Result<(Option<&str>, u64), String> {
    let (mut target, mut seconds) = (None, SECONDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let given = args.next().ok_or("--seconds: expected a number after it")?;
            seconds = given.parse().map_err(|_| format!("--seconds: found {given:?}, expected a whole number"))?;
        } else if arg.starts_with('-') || target.replace(arg.as_str()).is_some() {
            return Err(format!("found {arg:?}, expected fuzz [TARGET] [--seconds N]"));
        }
    }
    Ok((target, seconds))
}

/// Each has a folder of seeds.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/seeds");
    let entries = fs::read_dir(&folder).map_err(|error| format!("reading {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.contains('.'))
        .collect();
    names.sort();
    Ok(names)
}

/// The versions that are fuzzed are the product's; what fuzzing needs on top is added by cargo.
fn lock() -> Result<(), String> {
    let (from, to) = (root().join("Cargo.lock"), root().join("fuzz/Cargo.lock"));
    fs::copy(&from, &to).map(drop).map_err(|error| format!("copying {} to {}: {error}", from.display(), to.display()))
}

fn one(program: &str, name: &str, seconds: u64) -> Result<(), String> {
    let output = root().join("target/fuzz");
    let (corpus, artifacts) = (output.join("corpus").join(name), output.join("artifacts").join(name));
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| format!("making {}: {error}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.current_dir(root());
    // Coverage needs flags that the stable compiler takes only so; sanitizers would need the standard library's source.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.args(["run", "--fuzz-dir", "fuzz", "--dev", "--sanitizer", "none", "--target-dir"]).arg(&output).arg(name);
    command.arg(&corpus).arg(root().join("fuzz/seeds").join(name)).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={LONGEST}"));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    run_command(&mut command)
}

#[cfg(test)]
mod tests {
    use super::understood;

    fn said(args: &[&str]) -> Result<(Option<String>, u64), String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        understood(&args).map(|(target, seconds)| (target.map(str::to_owned), seconds))
    }

    #[test]
    fn arguments_are_understood() {
        assert_eq!(said(&[]), Ok((None, 60)));
        assert_eq!(said(&["manifests", "--seconds", "5"]), Ok((Some("manifests".to_owned()), 5)));
        for (wrong, part) in [(&["--seconds"][..], "a number"), (&["--seconds", "x"], "whole"), (&["a", "b"], "\"b\"")]
        {
            assert!(said(wrong).unwrap_err().contains(part), "{wrong:?}");
        }
    }
}
