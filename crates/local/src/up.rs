//! `tidegate up`: everything together on one machine.

mod applied;
mod externals;
mod load;
mod observed;
mod pod_counter;
mod pod_usage;
mod pod_watch;
mod records;
mod run;
mod sending;
mod sinks;
mod start;
mod states;
mod summary;
mod workloads;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::TargetId;

use crate::guard::GuardCommand;
use crate::progress::Progress;
use crate::signals::Stops;
use crate::state_dir::LockError;

/// What to run and how.
#[derive(Clone)]
pub struct UpOptions {
    /// The folder of manifests, or one file.
    pub folder: PathBuf,
    /// Stop after this long. `None`: when the scenario is over and the workloads are at rest; without a scenario, never.
    pub run_for: Option<Duration>,
    /// No page.
    pub headless: bool,
    /// Where the report is written. `None`: into the state folder.
    pub report: Option<PathBuf>,
    /// Where the page is served. `None`: 127.0.0.1, a free port.
    pub console: Option<SocketAddr>,
    /// How long to wait, after the scenario and on top of cooldowns and windows, for the workloads to come to rest.
    pub settle: Duration,
    /// Who is told what happens.
    pub progress: Arc<dyn Progress>,
    /// How the guard is started; the CLI leaves the default.
    pub guard: GuardCommand,
}

impl UpOptions {
    /// The defaults for a folder.
    #[must_use]
    pub fn new(folder: PathBuf, progress: Arc<dyn Progress>) -> Self {
        UpOptions {
            folder,
            run_for: None,
            headless: false,
            report: None,
            console: None,
            settle: Duration::from_secs(60),
            progress,
            guard: GuardCommand::default(),
        }
    }
}

impl fmt::Debug for UpOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UpOptions").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What a run came to. `Display` is what is printed at its end.
#[derive(Clone, Debug, Default)]
pub struct UpSummary {
    /// How long it ran.
    pub ran: Duration,
    /// Each target.
    pub targets: Vec<TargetSummary>,
    /// `report.html`, when a report was written.
    pub report: Option<PathBuf>,
    /// The folder with the records of decisions.
    pub records: PathBuf,
    /// What went wrong without ending the run.
    pub problems: Vec<String>,
    /// Whether something that was to be left of the run could not be written: the report, or records of decisions.
    pub incomplete: bool,
}

/// One target's part of a run.
#[derive(Clone, Debug)]
pub struct TargetSummary {
    /// Which.
    pub id: TargetId,
    /// Decisions made.
    pub decisions: u64,
    /// Those that changed the count.
    pub changes: u64,
    /// The most replicas asked for.
    pub most: u32,
    /// Replicas at the end, before everything was stopped.
    pub last: u32,
    /// What the checker found; anything but 0 is a bug.
    pub findings: u64,
}

/// Why nothing was started, or the run broke off.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The manifests are wrong; nothing was started.
    #[error("{0}")]
    Manifests(String),
    /// Another `up` runs the folder, or it cannot be written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Something could not be started.
    #[error("{0}")]
    Start(String),
}

/// Runs a folder until its scenario is over, its time is up, or it is told to stop.
///
/// # Errors
/// When the manifests are wrong, the folder is taken, or a part could not be started. A fault while it runs is shown,
/// recorded and retried, and is no error of the whole.
pub async fn up(options: UpOptions, stops: Stops) -> Result<UpSummary, UpError> {
    start::run(options, stops).await
}
