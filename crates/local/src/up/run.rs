//! One run of `up`, from start to end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tidegate_console::Store;
use tidegate_lab::broker::EmbeddedBroker;
use tidegate_lab::report::{self, Collector, ReportOptions};
use tidegate_runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::applied::Applied;
use super::records::RecordFiles;
use super::sending::Sending;
use super::sinks::Tally;
use super::{UpOptions, UpSummary, load};
use crate::folder::{Examined, Files, ScenarioParts, Watch, examine};
use crate::guard::{self, GuardLink};
use crate::logs::Logs;
use crate::pods::Pods;
use crate::progress::ProgressKind;
use crate::signals::Stops;
use crate::state_dir::{Lock, StateDir};

/// Between two looks whether the workloads have come to rest; only once the scenario is over.
const REST_LOOK: Duration = Duration::from_millis(250);

/// Everything that runs.
pub(super) struct Run {
    pub(super) options: UpOptions,
    pub(super) stops: Stops,
    pub(super) dir: StateDir,
    pub(super) lock: Lock,
    pub(super) files: Files,
    pub(super) broker: Option<EmbeddedBroker>,
    pub(super) scenario: Option<ScenarioParts>,
    pub(super) guard: Arc<GuardLink>,
    pub(super) logs: Logs,
    pub(super) pods: Pods,
    pub(super) runtime: Runtime,
    pub(super) records: Arc<RecordFiles>,
    pub(super) console: Arc<Store>,
    pub(super) collector: Arc<Collector>,
    pub(super) sending: Option<Sending>,
    pub(super) tally: Arc<Tally>,
    pub(super) applied: Applied,
    pub(super) page: Option<Page>,
    pub(super) began: Instant,
    pub(super) problems: Vec<String>,
}

/// The page being served.
pub(super) struct Page {
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) server: JoinHandle<()>,
}

impl Run {
    pub(super) fn tell(&self, kind: ProgressKind, text: &str) {
        self.options.progress.tell(kind, text);
    }

    /// Puts the manifests into force for the first time.
    pub(super) async fn apply_first(&mut self, mut examined: Examined) {
        if let Ok(done) = self.applied.apply(&mut examined).await {
            // Hundreds of lines would hide the ones that matter.
            let (shown, rest) = done.split_at(done.len().min(20));
            shown.iter().for_each(|line| self.tell(ProgressKind::Step, line));
            if !rest.is_empty() {
                self.tell(ProgressKind::Step, &format!("... and {} more like these", rest.len()));
            }
        }
    }

    /// Until it is over. Gives back why it ended early, if it did.
    pub(super) async fn watch(&mut self, examined_load: Option<JoinHandle<Vec<String>>>) -> Option<String> {
        let mut watch = self.start_watching();
        let mut load = examined_load;
        let deadline = self.options.run_for.map(|span| self.began + span);
        let mut settled_by: Option<Instant> = None;
        loop {
            tokio::select! {
                () = self.stops.drain.cancelled() => return Some("stopped by hand".to_owned()),
                () = at(deadline) => return self.scenario.is_some().then(|| "its time was up".to_owned()),
                () = at(settled_by) => {
                    self.problem("the workloads did not come to rest after the scenario".to_owned());
                    return None;
                }
                () = changed(&mut watch) => self.reload(&mut watch).await,
                problems = joined(&mut load) => {
                    load = None;
                    self.problems.extend(problems);
                    let patience = self.patience();
                    settled_by = Some(Instant::now() + patience);
                    let text = format!("the scenario is over; waiting up to {} s for the workloads to come to rest", patience.as_secs());
                    self.tell(ProgressKind::Step, &text);
                }
                () = tokio::time::sleep(REST_LOOK), if settled_by.is_some() => {
                    if self.tally.at_rest() {
                        self.tell(ProgressKind::Step, "the workloads are at rest");
                        return None;
                    }
                }
            }
        }
    }

    /// How long the workloads may take to come to rest: by their cooldowns and windows, and some room.
    fn patience(&self) -> Duration {
        self.applied.slowest_rest() + self.options.settle
    }

    fn start_watching(&self) -> Option<Watch> {
        match Watch::new() {
            Ok(mut watch) => {
                for problem in watch.follow(self.files.folders()) {
                    self.tell(ProgressKind::Warning, &problem);
                }
                Some(watch)
            }
            Err(error) => {
                self.tell(ProgressKind::Warning, &format!("edits will not be seen: {error}"));
                None
            }
        }
    }

    /// After an edit: what is sound takes effect, what is not leaves the last good one in force.
    async fn reload(&mut self, watch: &mut Option<Watch>) {
        if !self.files.reread() {
            return;
        }
        if let Some(watch) = watch {
            for problem in watch.follow(self.files.folders()) {
                self.tell(ProgressKind::Warning, &problem);
            }
        }
        let mut examined = examine(&self.files, self.broker.as_ref().map(EmbeddedBroker::bootstrap_servers));
        let errors: Vec<String> = examined.errors().iter().map(ToString::to_string).collect();
        for error in &errors {
            tracing::error!(%error, "a manifest cannot be used");
            self.tell(ProgressKind::Error, &format!("{error} (what was in force before stays)"));
        }
        self.console.set_problems("manifests", errors);
        match self.applied.apply(&mut examined).await {
            Ok(done) => done.iter().for_each(|line| self.tell(ProgressKind::Step, line)),
            Err(stopped) => self.problem(stopped.to_string()),
        }
        let before = self.scenario.as_ref().map(|scenario| &scenario.spec);
        if examined.scenario.is_some() && examined.scenario.as_ref().map(|scenario| &scenario.spec) != before {
            self.tell(ProgressKind::Warning, "a changed Scenario takes effect at the next `tidegate up`");
        }
    }

    fn problem(&mut self, text: String) {
        self.tell(ProgressKind::Warning, &text);
        self.problems.push(text);
    }

    /// Stops everything in order: no more decisions, then the pods, then what tells of them.
    pub(super) async fn finish(mut self, ended_early: Option<String>) -> UpSummary {
        let ran = self.began.elapsed();
        if let Some(why) = &ended_early {
            self.tell(
                ProgressKind::Step,
                &format!("{why}; letting the pods finish (a second Ctrl-C ends them at once)"),
            );
        }
        let targets = self.tally.summaries();
        let (kill, pods) = (self.stops.kill.clone(), self.pods.clone());
        let killer = tokio::spawn(async move {
            kill.cancelled().await;
            pods.kill();
        });
        self.runtime.shutdown().await;
        self.pods.shutdown().await;
        killer.abort();
        // Daemons that left their pod's group: their pod is gone, so there is no grace left.
        let root = self.dir.root().to_owned();
        let _ = tokio::task::spawn_blocking(move || guard::end_orphans(&root, Duration::ZERO)).await;
        self.guard.close();
        self.logs.flush().await;
        let records = Arc::clone(&self.records);
        let unwritten = tokio::task::spawn_blocking(move || records.close()).await.unwrap_or(0);
        if unwritten > 0 {
            self.problems.push(format!("{unwritten} records of decisions could not be written: the disk is full"));
        }
        if self.logs.dropped() > 0 {
            self.problems.push(format!("{} pieces of the pods' output could not be kept", self.logs.dropped()));
        }
        if let Some(sending) = self.sending.take()
            && let Some(problem) = sending.end().await
        {
            self.problem(problem);
        }
        let report = if self.reports() { write_report(&self, ended_early).await } else { Ok(None) };
        let incomplete = unwritten > 0 || report.is_err();
        let report = report.unwrap_or_else(|problem| {
            self.options.progress.tell(ProgressKind::Error, &problem);
            self.problems.push(problem);
            None
        });
        if let Some(page) = self.page.take() {
            page.stop.cancel();
            let _ = page.server.await;
        }
        let _ = std::fs::remove_file(self.dir.up_file());
        drop(self.lock);
        UpSummary { ran, targets, report, records: self.dir.records(), problems: self.problems, incomplete }
    }

    fn reports(&self) -> bool {
        self.scenario.is_some() || self.options.report.is_some()
    }
}

async fn write_report(run: &Run, aborted: Option<String>) -> Result<Option<PathBuf>, String> {
    let folder = run.options.report.clone().unwrap_or_else(|| run.dir.report());
    let title = run.scenario.as_ref().map_or_else(|| "tidegate up".to_owned(), |scenario| scenario.name.clone());
    let options = ReportOptions { title, record_files: record_files(&run.dir.records()), aborted };
    let collector = Arc::clone(&run.collector);
    let written = tokio::task::spawn_blocking(move || report::write(&collector, &options, &folder)).await;
    match written {
        Ok(Ok(paths)) => Ok(Some(paths.html)),
        Ok(Err(error)) => Err(format!("the report could not be written: {error}")),
        Err(error) => Err(format!("the report could not be written: {error}; please report it")),
    }
}

fn record_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Runs the load of a scenario: until it is over, and for as long as the scenario says.
pub(super) fn start_load(
    run: &Run,
    scenario: ScenarioParts,
    settings: tidegate_lab::kafka::KafkaSettings,
) -> JoinHandle<Vec<String>> {
    let stop = run.stops.drain.child_token();
    let duration = scenario.spec.duration;
    let (collector, store, progress) =
        (Arc::clone(&run.collector), Arc::clone(&run.console), Arc::clone(&run.options.progress));
    tokio::spawn(async move {
        let began = Instant::now();
        let cut = stop.clone();
        let cutter = duration.map(|duration| {
            tokio::spawn(async move {
                tokio::time::sleep(duration).await;
                cut.cancel();
            })
        });
        let problems = load::run(scenario, settings, collector, store, progress, stop).await;
        if let Some(cutter) = cutter {
            cutter.abort();
        }
        if let Some(duration) = duration {
            tokio::time::sleep_until(began + duration).await;
        }
        problems
    })
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

async fn joined(load: &mut Option<JoinHandle<Vec<String>>>) -> Vec<String> {
    match load {
        Some(load) => load.await.unwrap_or_else(|error| vec![format!("the load broke off: {error}; please report it")]),
        None => std::future::pending().await,
    }
}
