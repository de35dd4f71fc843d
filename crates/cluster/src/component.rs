//! One server of the cluster: a process that can be stopped, started again, held up, and measured.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate_local::guard::GuardLink;
use tidegate_local::processes;

use crate::error::Error;
use crate::folder::Folder;

/// On two busy cores an API server has taken 40 s.
const HEALTHY_WITHIN: Duration = Duration::from_secs(180);
/// After SIGTERM. An API server would wait a minute for those who watch.
const END_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);
/// The kernel's unit of CPU time in `/proc`, a constant of its interface.
const TICKS_PER_SECOND: u64 = 100;
/// What is shown of a log in an error.
const LAST_LINES: usize = 25;

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Answers with 200 when it works.
    pub(crate) health: Option<String>,
}

/// What a process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory that is its own or shared, and not swapped out.
    pub resident_bytes: u64,
    /// CPU time since its start.
    pub cpu: Duration,
}

/// One server. Cheap to clone.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    plan: Plan,
    log: PathBuf,
    mark: String,
    guard: Arc<GuardLink>,
    child: Mutex<Option<Child>>,
}

impl fmt::Debug for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Component").field("name", &self.0.plan.name).field("pid", &self.pid()).finish()
    }
}

impl Component {
    /// One that is not running yet.
    pub(crate) fn new(folder: &Folder, plan: Plan) -> Component {
        let log = folder.path.join("logs").join(format!("{}.log", plan.name));
        let mark = processes::owner(&folder.path, &plan.name);
        Component(Arc::new(Inner { plan, log, mark, guard: Arc::clone(&folder.guard), child: Mutex::new(None) }))
    }

    /// Its name, as `kube-apiserver`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.plan.name
    }

    /// Starts it, unless it runs, and returns when it is healthy.
    ///
    /// # Errors
    /// When it cannot be started, or ends, or does not become healthy.
    pub async fn start(&self) -> Result<(), Error> {
        self.spawn()?;
        self.healthy().await
    }

    /// Asks it to end (SIGTERM) and returns when it has; SIGKILL after a while.
    pub async fn stop(&self) {
        self.end(Signal::SIGTERM).await;
    }

    /// Kills it (SIGKILL) and returns when it is gone.
    pub async fn kill(&self) {
        self.end(Signal::SIGKILL).await;
    }

    /// Holds it up (SIGSTOP), and returns when it is: it accepts connections and never answers.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        let begun = Instant::now();
        // The signal is taken notice of a moment later.
        while self.pid().is_some_and(|pid| !held_up(pid)) && begun.elapsed() < END_WITHIN {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Its process. `None`: it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// What it takes now. `None`: it does not run.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        usage(self.pid()?)
    }

    /// The file with everything that it printed.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.0.log
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    pub(crate) fn spawn(&self) -> Result<(), Error> {
        let Inner { plan, log, mark, guard, .. } = &*self.0;
        let mut child = self.child();
        if child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None))) {
            return Ok(());
        }
        let output = File::options().create(true).append(true).open(log).map_err(Error::file("opening", log))?;
        let errors = output.try_clone().map_err(Error::file("opening", log))?;
        let mut command = Command::new(&plan.program);
        command.args(&plan.args).env(processes::OWNER, mark).process_group(0).current_dir("/");
        command.envs(plan.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let started = command.spawn().map_err(|cause| Error::Start { name: plan.name.clone(), cause })?;
        if let Ok(group) = i32::try_from(started.id()) {
            guard.started(group, Duration::ZERO);
        }
        *child = Some(started);
        Ok(())
    }

    /// Returns when it is healthy.
    pub(crate) async fn healthy(&self) -> Result<(), Error> {
        let Some(url) = &self.0.plan.health else { return Ok(()) };
        let client = health_client()?;
        let begun = Instant::now();
        loop {
            let found = match client.get(url).send().await {
                Ok(reply) if reply.status().is_success() => return Ok(()),
                Ok(reply) => format!("{url} answers {}", reply.status()),
                Err(error) => format!("{url}: {error}"),
            };
            if let Some(status) = self.ended() {
                return Err(self.unhealthy(format!("it ended with {status}")));
            }
            if begun.elapsed() > HEALTHY_WITHIN {
                return Err(self.unhealthy(found));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn unhealthy(&self, found: String) -> Error {
        let text = fs::read_to_string(&self.0.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let log = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        Error::Unhealthy { name: self.0.plan.name.clone(), found, log }
    }

    /// How it ended, if it has.
    fn ended(&self) -> Option<String> {
        match self.child().as_mut()?.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    async fn end(&self, signal: Signal) {
        let Some(group) = self.pid().and_then(|pid| i32::try_from(pid).ok()) else { return };
        self.signal(signal);
        // One that is held up hears nothing but SIGKILL.
        self.signal(Signal::SIGCONT);
        let begun = Instant::now();
        while self.ended().is_none() {
            if begun.elapsed() > END_WITHIN {
                self.signal(Signal::SIGKILL);
            }
            tokio::time::sleep(LOOK).await;
        }
        *self.child() = None;
        self.0.guard.gone(group);
    }
}

/// Whether every thread of a process is held up.
fn held_up(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let text = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        text.rsplit(") ").next().is_none_or(|rest| rest.starts_with(['T', 'Z', 'X']))
    })
}

/// What a process takes. `None`: there is none of this number.
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let (user, system): (u64, u64) = (fields.nth(11)?.parse().ok()?, fields.next()?.parse().ok()?);
    let pages: u64 = fields.nth(8)?.parse().ok()?;
    let page_bytes = 4096;
    let cpu = Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND);
    Some(Usage { resident_bytes: pages * page_bytes, cpu })
}

fn health_client() -> Result<reqwest::Client, Error> {
    install_crypto();
    // Each server makes a certificate of its own for this port.
    let built =
        reqwest::Client::builder().tls_danger_accept_invalid_certs(true).timeout(Duration::from_secs(5)).build();
    built.map_err(|error| Error::Other(format!("making an HTTP client: {error}")))
}

/// The one provider that this workspace links; that another part of the process was first is no trouble.
pub(crate) fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_a_process_is_read() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 1 << 20, "{usage:?}");
        assert!(super::usage(u32::MAX).is_none());
    }
}
