//! Builds the page with Node and puts its files into the binary.
//!
//! Works on a copy of `web/` under `OUT_DIR`; the source tree is never written to. Where Node is missing, or the packages
//! cannot be had, the crate is built all the same: it then shows a plain page that says so, and the next build tries
//! again. `TIDEGATE_PAGE=skip` leaves the page out on purpose.
#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the page is made from. `node_modules`, which a developer may have there too, is not among it.
const SOURCES: [&str; 7] =
    ["package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "index.html", "src"];

/// Longer than any install or build that goes well; a network that swallows packets must not hang the build for ever.
const LIMIT: Duration = Duration::from_secs(240);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TIDEGATE_PAGE");
    for source in SOURCES {
        println!("cargo:rerun-if-changed=web/{source}");
    }
    let (Some(root), Some(out)) = (folder("CARGO_MANIFEST_DIR"), folder("OUT_DIR")) else {
        println!("cargo:warning=the page is left out: cargo did not name its folders");
        return;
    };
    let table = match build(&root.join("web"), &out.join("web")) {
        Ok(files) => table_of(&files, ""),
        Err(reason) => {
            println!("cargo:warning=the page is left out: {reason}");
            // A file that does not exist makes cargo run this again next time.
            println!("cargo:rerun-if-changed={}", out.join("page-missing").display());
            table_of(
                &[],
                &format!(
                    "This binary was built without its full page: {reason}. Build again with Node 20.19 or newer and the npm registry in reach."
                ),
            )
        }
    };
    if let Err(error) = fs::write(out.join("page.rs"), table) {
        println!("cargo:warning=could not write the page's table: {error}");
    }
}

fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// Builds in `work` and gives the page's files.
fn build(web: &Path, work: &Path) -> Result<Vec<PathBuf>, String> {
    if std::env::var("TIDEGATE_PAGE").is_ok_and(|wish| wish == "skip") {
        return Err("TIDEGATE_PAGE=skip asked for it".to_owned());
    }
    let copied = |error: io::Error| format!("copying {} to {}: {error}", web.display(), work.display());
    fs::create_dir_all(work).map_err(copied)?;
    for source in SOURCES {
        copy(&web.join(source), &work.join(source)).map_err(copied)?;
    }
    install(work)?;
    let dist = work.join("dist");
    let _ = fs::remove_dir_all(&dist);
    run(Command::new("node").args(["node_modules/vite/bin/vite.js", "build"]).current_dir(work), work, "vite build")?;
    let mut files = Vec::new();
    collect(&dist, &mut files).map_err(|error| format!("reading {}: {error}", dist.display()))?;
    files.sort();
    if files.iter().any(|file| file.ends_with("index.html")) {
        Ok(files)
    } else {
        Err("vite made no index.html".into())
    }
}

/// Installs the packages that the lock file names, unless they are there from an earlier build.
fn install(work: &Path) -> Result<(), String> {
    let lock =
        fs::read(work.join("package-lock.json")).map_err(|error| format!("reading package-lock.json: {error}"))?;
    let done = work.join(".installed");
    if work.join("node_modules/vite/bin/vite.js").exists() && fs::read(&done).is_ok_and(|before| before == lock) {
        return Ok(());
    }
    let options =
        ["--omit=dev", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1"];
    run(Command::new(npm()).arg("ci").args(options).current_dir(work), work, "npm ci")?;
    fs::write(&done, lock).map_err(|error| format!("writing {}: {error}", done.display()))
}

fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

/// Runs a command to its end or its limit. What it prints goes to a file, whose last line tells what went wrong.
fn run(command: &mut Command, work: &Path, what: &str) -> Result<(), String> {
    let log = work.join("build.log");
    let output = |error: io::Error| format!("{what}: writing {}: {error}", log.display());
    let out = fs::File::create(&log).map_err(output)?;
    let err = out.try_clone().map_err(output)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|error| format!("{what}: cannot start {}: {error}", command.get_program().display()))?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{what} ended with {status}: {}", complaint(&log))),
            Ok(None) if start.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{what} was not done after {} s", LIMIT.as_secs()));
            }
            Err(error) => return Err(format!("{what}: {error}")),
        }
    }
}

/// The line of a log that most likely tells what went wrong.
fn complaint(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let told = text.lines().find(|line| line.to_lowercase().contains("error"));
    told.or(text.lines().last()).unwrap_or("no output").trim().to_owned()
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// Rust source with the files' names and contents.
fn table_of(files: &[PathBuf], note: &str) -> String {
    let mut table = String::from("/// The page's files.\npub(super) static FILES: &[(&str, &[u8])] = &[\n");
    for file in files {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        table.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", file.display().to_string()));
    }
    table.push_str("];\n/// Why there are none.\n");
    table.push_str(&format!("pub(super) static NOTE: &str = {note:?};\n"));
    table
}
