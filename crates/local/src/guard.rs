//! The guard: a second, small process that ends the pods when `up` cannot do so any more.
//!
//! `up` is the parent of its pods. Killed with signal 9 it can do nothing for them, so one guard for all pods listens on
//! a pipe whose other end only `up` holds. `up` tells it which process groups there are; when the pipe closes without a
//! farewell, the guard ends every group and every process that bears the run's mark (see `processes`): SIGTERM, each
//! pod's grace, SIGKILL. It lives in a process group of its own, so that Ctrl-C and `kill -9 -<group>` spare it.
//!
//! One guard for all, and not one for each pod, since two hundred of them would cost more memory than `up` itself. Were
//! both killed, the next `up` of the folder ends what they left ([`end_orphans`]).

mod link;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

pub use link::GuardLink;

use crate::processes::{self, Process};

/// Between two looks at processes that were told to end. Only while that goes on.
const LOOK: Duration = Duration::from_millis(50);

/// How long after SIGKILL a process may still be seen (it may hang in the kernel) before the guard gives up.
const KILLED: Duration = Duration::from_secs(5);

/// How the guard is started: this very program with a hidden command, which calls [`main`].
#[derive(Clone, Debug)]
pub struct GuardCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; the state folder is appended.
    pub args: Vec<OsString>,
    /// Set in its environment.
    pub env: Vec<(OsString, OsString)>,
}

impl Default for GuardCommand {
    fn default() -> Self {
        // This name stays right when the binary is replaced while it runs.
        GuardCommand { program: "/proc/self/exe".into(), args: vec!["pod-guard".into()], env: Vec::new() }
    }
}

/// What `up` tells the guard, one line each on its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A process group was started; how long it may take to end.
    Started { group: i32, grace: Duration },
    /// All of it has ended.
    Gone { group: i32 },
    /// `up` has ended everything by itself.
    Farewell,
}

impl Message {
    fn line(self) -> String {
        match self {
            Message::Started { group, grace } => format!("+ {group} {}\n", grace.as_millis()),
            Message::Gone { group } => format!("- {group}\n"),
            Message::Farewell => "bye\n".to_owned(),
        }
    }

    fn parse(line: &str) -> Option<Message> {
        let mut words = line.split_ascii_whitespace();
        match words.next()? {
            "+" => {
                let group = words.next()?.parse().ok()?;
                Some(Message::Started { group, grace: Duration::from_millis(words.next()?.parse().ok()?) })
            }
            "-" => Some(Message::Gone { group: words.next()?.parse().ok()? }),
            "bye" => Some(Message::Farewell),
            _ => None,
        }
    }
}

/// The guard's whole program; its last argument is the state folder of the run.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let Some(state) = args.last() else { return ExitCode::from(2) };
    let mut graces = HashMap::new();
    for line in io::stdin().lock().lines() {
        // A line cut short by the death of `up` says nothing.
        let Ok(line) = line else { break };
        match Message::parse(&line) {
            Some(Message::Started { group, grace }) => {
                graces.insert(group, grace);
            }
            Some(Message::Gone { group }) => {
                graces.remove(&group);
            }
            Some(Message::Farewell) => return ExitCode::SUCCESS,
            None => {}
        }
    }
    end_all(Path::new(state), &graces);
    ExitCode::SUCCESS
}

/// Ends what an earlier run of the same folder left behind. Blocks until it is gone. Gives back how many there were.
pub fn end_orphans(state: &Path, grace: Duration) -> usize {
    let orphans = processes::of_run(state);
    if !orphans.is_empty() {
        let graces = orphans.iter().map(|(process, _)| (process.group, grace)).collect();
        end_all(state, &graces);
    }
    orphans.len()
}

/// SIGTERM to all, SIGKILL to each group when its grace is over, until nothing is left.
fn end_all(state: &Path, graces: &HashMap<i32, Duration>) {
    let begun = Instant::now();
    let longest = graces.values().max().copied().unwrap_or_default();
    let mut told: Vec<Process> = Vec::new();
    loop {
        let left = belonging(state, graces);
        if left.is_empty() || begun.elapsed() > longest + KILLED {
            return;
        }
        for process in left {
            let grace = graces.get(&process.group).copied().unwrap_or(longest);
            if begun.elapsed() >= grace {
                process.signal(Signal::SIGKILL);
            } else if !told.contains(&process) {
                process.signal(Signal::SIGTERM);
                told.push(process);
            }
        }
        std::thread::sleep(LOOK);
    }
}

fn belonging(state: &Path, graces: &HashMap<i32, Duration>) -> Vec<Process> {
    let mine = |process: &Process| graces.contains_key(&process.group) || processes::pod_of(*process, state).is_some();
    processes::all().into_iter().filter(mine).collect()
}

/// When a process that has not ended was started, in the kernel's ticks since boot: with its number, it names one process
/// for good. `None`: there is none of this number.
#[must_use]
pub fn start_ticks(pid: u32) -> Option<u64> {
    let process = processes::stat(i32::try_from(pid).ok()?)?;
    (!process.zombie).then_some(process.start_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_pipe() {
        let grace = Duration::from_millis(1500);
        for message in [Message::Started { group: 17, grace }, Message::Gone { group: 17 }, Message::Farewell] {
            assert_eq!(Message::parse(message.line().trim_end()), Some(message));
        }
        assert_eq!(Message::parse("+ 17"), None, "a line cut short");
    }
}
