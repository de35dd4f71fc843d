//! Whole runs of `tidegate up` on the embedded broker, with real consumers.

mod full_disk;
mod outage;
mod story;
mod stubborn;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidegate_engine::Record;

use crate::support::{tidegate, wait_for};

/// Longer than any machine takes for a run of some seconds; a run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A running `up`; killed when the test is over, whatever happened.
struct Up {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Up {
    fn start(folder: &Path, args: &[&str]) -> Up {
        let mut command = tidegate();
        command.arg("up").arg(folder).args(args);
        Up::of(&mut command)
    }

    fn of(command: &mut Command) -> Up {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Up { child, lines, seen: Vec::new() }
    }

    fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap())
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end and gives the exit code with everything printed.
    fn end(&mut self) -> (Option<i32>, String) {
        let status = wait_for("the end of up", LIMIT, || self.child.try_wait().unwrap());
        self.seen.extend(self.lines.iter());
        (status.code(), self.seen.join("\n"))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All records of decisions kept below a folder.
fn records(folder: &Path) -> Vec<Record> {
    let Ok(files) = fs::read_dir(folder.join(".tidegate/records")) else { return Vec::new() };
    let mut records = Vec::new();
    for file in files.map(|file| file.unwrap().path()) {
        let text = fs::read_to_string(file).unwrap();
        records.extend(text.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok()));
    }
    records
}

/// Processes on this machine whose environment names `folder`.
fn processes_of(folder: &Path) -> Vec<i32> {
    let needle = folder.to_str().unwrap().as_bytes().to_vec();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    processes
        .filter(|pid: &i32| *pid != i32::try_from(std::process::id()).unwrap())
        .filter(|pid| {
            ["environ", "cmdline"].iter().any(|file| {
                fs::read(format!("/proc/{pid}/{file}"))
                    .is_ok_and(|text| text.windows(needle.len()).any(|window| window == needle))
            })
        })
        .collect()
}
