//! The machine's processes, as `/proc` shows them: who belongs to which run, and who is still alive.
//!
//! A pod is found by two marks that its descendants inherit: its process group, and the variable [`OWNER`] in the
//! environment. A descendant that starts a session of its own leaves the group and keeps the variable.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// In the environment of every process of a pod: `<state folder>#<pod>`.
pub const OWNER: &str = "TIDEGATE_OWNER";

/// The value of [`OWNER`] for a pod.
#[must_use]
pub fn owner(state: &Path, pod: &str) -> String {
    format!("{}#{pod}", state.display())
}

/// A process and when it started; the number alone may be another's by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// The number of its process group.
    pub group: i32,
    /// In the kernel's ticks since boot.
    pub start_ticks: u64,
    /// Ended, and only waiting for its parent to notice.
    pub zombie: bool,
}

impl Process {
    /// Whether this very process is there and has not ended.
    #[must_use]
    pub fn alive(self) -> bool {
        stat(self.pid).is_some_and(|now| now.start_ticks == self.start_ticks && !now.zombie)
    }

    /// Sends a signal, unless the number belongs to another process by now.
    pub fn signal(self, signal: Signal) {
        if self.alive() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// Sends a signal to every process of a group.
pub fn signal_group(group: i32, signal: Signal) {
    // 0 and 1 would mean our own group and everybody.
    if group > 1 {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// One process. `None`: there is none of this number.
#[must_use]
pub fn stat(pid: i32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself hold anything.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let group = fields.nth(1)?.parse().ok()?;
    let start_ticks = fields.nth(16)?.parse().ok()?;
    Some(Process { pid, group, start_ticks, zombie })
}

/// All processes that can be seen, ended ones not.
#[must_use]
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(stat).filter(|process| !process.zombie).collect()
}

/// The pod that a process belongs to, if it is one of the run that keeps its state in `state`.
#[must_use]
pub fn pod_of(process: Process, state: &Path) -> Option<String> {
    let environment = fs::read(format!("/proc/{}/environ", process.pid)).ok()?;
    let prefix = format!("{OWNER}={}#", state.display());
    let mut variables = environment.split(|byte| *byte == 0);
    let owner = variables.find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
    Some(String::from_utf8_lossy(owner).into_owned())
}

/// Every process that belongs to a pod of the run that keeps its state in `state`, with its pod.
#[must_use]
pub fn of_run(state: &Path) -> Vec<(Process, String)> {
    all().into_iter().filter_map(|process| Some((process, pod_of(process, state)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn finds_a_process_by_its_owner_and_knows_when_it_has_ended() {
        let state = Path::new("/tmp/tidegate-processes-test");
        let mut child = Command::new("sleep").arg("60").env(OWNER, owner(state, "pod-1")).spawn().unwrap();
        // Until exec has happened, the child still shows our own environment.
        let found = loop {
            if let Some(found) = of_run(state).into_iter().find(|(process, _)| process.pid == child.id() as i32) {
                break found;
            }
        };
        assert_eq!(found.1, "pod-1");
        assert!(found.0.alive());
        assert_eq!(of_run(Path::new("/tmp/tidegate-processes")), [], "another run's folder has the same beginning");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!found.0.alive());
    }

    #[test]
    fn a_program_name_with_spaces_and_parentheses_is_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a) R (b");
        fs::copy("/bin/sleep", &program).unwrap();
        let mut child = Command::new(&program).arg("60").spawn().unwrap();
        let found = stat(child.id() as i32).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.start_ticks > 0 && !found.zombie);
    }
}
