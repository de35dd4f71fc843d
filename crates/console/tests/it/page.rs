//! The page in headless Chromium. `web/test/page.mjs` looks at it; this starts the console and plays its part.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};

use tidegate_console::{Store, page_is_built};
use tidegate_engine::Workload;

use crate::http::Console;
use crate::scene;

/// A copy of `web/` with everything installed, so that the source tree stays clean.
///
/// Made once in a run: tests run side by side, and one that made it anew would take the files from under another.
fn workshop() -> &'static Path {
    static WORKSHOP: LazyLock<PathBuf> = LazyLock::new(make_workshop);
    &WORKSHOP
}

/// Copies the sources, and installs the packages when the lock file is another than the last time.
fn make_workshop() -> PathBuf {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("web");
    std::fs::create_dir_all(&work).unwrap();
    let lock = std::fs::read(web.join("package-lock.json")).unwrap();
    for file in ["package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts"] {
        std::fs::copy(web.join(file), work.join(file)).unwrap();
    }
    for folder in ["src", "test"] {
        let _ = std::fs::remove_dir_all(work.join(folder));
        std::fs::create_dir_all(work.join(folder)).unwrap();
        for entry in std::fs::read_dir(web.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, work.join(folder).join(path.file_name().unwrap())).unwrap();
        }
    }
    let done = work.join(".installed");
    if !std::fs::read(&done).is_ok_and(|before| before == lock) {
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"])
            .current_dir(&work)
            .output()
            .expect("npm is needed: install Node 20.19 or newer");
        assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(done, lock).unwrap();
    }
    work
}

#[test]
fn the_page_is_typed_without_a_fault() {
    let work = workshop();
    let output = Command::new(work.join("node_modules/.bin/tsc")).arg("--noEmit").current_dir(work).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What the script asks for between its looks.
fn play(step: &str, store: &Arc<Store>, console: &mut Option<Console>, address: &str) {
    let now = scene::now();
    match step {
        "act" => {
            store.reading(&scene::orders(), 0, "", &Ok(scene::reading(77, 13_100, now)), now);
            store.record(&scene::record(&scene::orders(), 601, now, 1, 4, 77.0));
            store.workload(&scene::orders(), &Workload { replicas: 4, current: 4, ready: 3, busy: None }, now);
        }
        "break" => {
            store.set_problems("orders.yaml", vec!["orders.yaml:7:3: spec.maxReplicas: <i>unknown</i> field".into()])
        }
        "mend" => store.set_problems("orders.yaml", Vec::new()),
        "stop" => drop(console.take()),
        "start" => *console = Some(Console::start_on(store.clone(), address)),
        "remove" => store.remove_target(&scene::orders()),
        other => panic!("the script asked for {other}"),
    }
}

#[test]
fn the_page_shows_what_the_records_say() {
    assert!(page_is_built(), "the page was not built: see the build's warning (Node and the packages are needed)");
    let work = workshop();
    let store = scene::store(scene::now());
    let first = Console::start(store.clone());
    let address = first.address.to_string();
    let mut console = Some(first);
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../console-shots");
    std::fs::create_dir_all(&shots).unwrap();
    let mut script = Command::new("node")
        .arg("test/page.mjs")
        .args([format!("http://{address}/"), shots.display().to_string()])
        .current_dir(work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed: install Node 20.19 or newer");
    let mut answers = script.stdin.take().unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(script.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(step) = line.strip_prefix("STEP ") {
            play(step, &store, &mut console, &address);
            writeln!(answers, "done").unwrap();
        }
        told.push(line);
    }
    let status = script.wait().unwrap();
    assert!(status.success(), "{}", told.join("\n"));
    assert!(told.iter().any(|line| line == "ALL SEEN"), "{}", told.join("\n"));
}
