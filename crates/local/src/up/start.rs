//! Starts the parts of a run, in the order in which they need each other.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tidegate_console::{Store, StoreOptions};
use tidegate_lab::broker::EmbeddedBroker;
use tidegate_lab::kafka::KafkaSettings;
use tidegate_lab::report::{Collector, CollectorOptions};
use tidegate_runtime::{Clock, Options, Ports, Runtime, Sink, WallClock};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::applied::Applied;
use super::pod_watch::{Counts, PodWatch};
use super::records::RecordFiles;
use super::run::{Page, Run, start_load};
use super::sending::Sending;
use super::sinks::{Tally, ToConsole, ToReport, ToTerminal};
use super::states::FileStates;
use super::workloads::{Bindings, LocalWorkloads};
use super::{UpError, UpOptions, UpSummary, load};
use crate::folder::{Examined, Files, ScenarioParts, examine};
use crate::guard::{self, GuardLink};
use crate::logs::{LogOptions, Logs};
use crate::pods::{PodOptions, Pods, RestartDelays};
use crate::progress::{Progress, ProgressKind};
use crate::running::{self, Up};
use crate::signals::Stops;
use crate::state_dir::{Lock, StateDir};

/// What pods that an earlier run left behind get to end, since their own grace is not known any more.
const ORPHANS_GRACE: Duration = Duration::from_secs(10);

/// All of a run.
pub(super) async fn run(options: UpOptions, stops: Stops) -> Result<UpSummary, UpError> {
    let ground = prepare(options, stops).await?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock::new());
    let (scenario, settings) = (ground.scenario.clone(), ground.settings.clone());
    let (mut run, examined) = assemble(ground, Arc::clone(&clock)).await?;
    announce(&run, &*clock);
    run.apply_first(examined).await;
    let load = scenario.zip(settings).map(|(scenario, settings)| start_load(&run, scenario, settings));
    let ended_early = run.watch(load).await;
    Ok(run.finish(ended_early).await)
}

/// What must be there before any part is started.
struct Ground {
    options: UpOptions,
    stops: Stops,
    folder: PathBuf,
    dir: StateDir,
    lock: Lock,
    bin: PathBuf,
    files: Files,
    examined: Examined,
    scenario: Option<ScenarioParts>,
    broker: Option<EmbeddedBroker>,
    settings: Option<KafkaSettings>,
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> UpError {
    move |error| UpError::Start(format!("{what}: {error}"))
}

/// Checks the manifests, takes the folder, clears away what an earlier run left, starts the broker.
async fn prepare(options: UpOptions, stops: Stops) -> Result<Ground, UpError> {
    let folder = options.folder.canonicalize().unwrap_or_else(|_| options.folder.clone());
    // Problems name the files as the person did.
    let files = Files::read(std::slice::from_ref(&options.folder));
    let examined = examine(&files, None);
    refuse_errors(&examined, &*options.progress)?;
    let dir = StateDir::of(&folder);
    let lock = dir.lock()?;
    raise_file_limit();
    end_orphans(&dir, &*options.progress).await;
    let bin = program_folder(&dir).map_err(failed("preparing the state folder"))?;
    let scenario = examined.scenario.clone();
    let broker = match &scenario {
        Some(scenario) => load::start_broker(scenario).await.map_err(UpError::Start)?,
        None => None,
    };
    if let Some(broker) = &broker {
        options.progress.tell(ProgressKind::Notice, &format!("broker: {}", broker.bootstrap_servers()));
    }
    // Again, since now the broker's address is known.
    let examined = examine(&files, broker.as_ref().map(EmbeddedBroker::bootstrap_servers));
    let settings = match &scenario {
        Some(scenario) => Some(load::settings(scenario, broker.as_ref(), &examined).map_err(UpError::Start)?),
        None => None,
    };
    Ok(Ground { options, stops, folder, dir, lock, bin, files, examined, scenario, broker, settings })
}

/// Starts the parts; no manifest is in force yet.
async fn assemble(ground: Ground, clock: Arc<dyn Clock>) -> Result<(Run, Examined), UpError> {
    let Ground { options, stops, folder, dir, lock, bin, files, examined, scenario, broker, settings: _ } = ground;
    let console = Store::new(StoreOptions::default());
    let lag_target = scenario.as_ref().and_then(|scenario| scenario.spec.lag_target);
    let collector = Arc::new(Collector::new(CollectorOptions { lag_target }));
    let tally = Arc::new(Tally::default());
    let records = start_records(&dir, &options, &console).map_err(failed("starting to write records"))?;
    let guard =
        GuardLink::start(options.guard.clone(), dir.root()).map_err(failed("starting the guard of the pods"))?;
    let logs = Logs::start(LogOptions::new(dir.logs())).map_err(failed("starting to write logs"))?;
    let (bindings, counts) = (Arc::new(Bindings::default()), Arc::new(Counts::default()));
    let observer = PodWatch {
        counts: Arc::clone(&counts),
        bindings: Arc::clone(&bindings),
        collector: Arc::clone(&collector),
        progress: Arc::clone(&options.progress),
        clock: Arc::clone(&clock),
        pods: dir.pods(),
    };
    let pods = Pods::start(pod_options(&folder, &dir, bin), Arc::clone(&guard), logs.clone(), Arc::new(observer));

    let mut sinks: Vec<Arc<dyn Sink>> = vec![
        Arc::<RecordFiles>::clone(&records),
        Arc::<Tally>::clone(&tally),
        Arc::new(ToTerminal::new(Arc::clone(&options.progress))),
    ];
    if !options.headless {
        sinks.push(Arc::new(ToConsole(Arc::clone(&console))));
    }
    if scenario.is_some() || options.report.is_some() {
        sinks.push(Arc::new(ToReport(Arc::clone(&collector))));
    }
    let states = FileStates::new(dir.state());
    let workloads = LocalWorkloads { pods: pods.clone(), bindings: Arc::clone(&bindings), states: states.clone() };
    let ports =
        Ports { workloads: Arc::new(workloads), states: Arc::new(states.clone()), sinks, clock: Arc::clone(&clock) };
    let runtime = Runtime::start(ports, Options::default());
    let handle = runtime.handle().clone();
    tokio::spawn(counts.forward(Arc::clone(&bindings), handle.clone()));
    let applied =
        Applied::new(handle, pods.clone(), bindings, states, Arc::clone(&console), clock, dir.root().to_owned());
    let page = serve_page(&options, &console).await?;
    let began = Instant::now();
    let problems = Vec::new();
    let remote_write = scenario.as_ref().and_then(|scenario| scenario.spec.remote_write.clone());
    let sending = remote_write.map(|spec| Sending::start(spec, Arc::clone(&collector)));
    let run = Run {
        options,
        stops,
        dir,
        lock,
        files,
        broker,
        scenario,
        guard,
        logs,
        pods,
        runtime,
        records,
        tally,
        applied,
        page,
        collector,
        sending,
        console,
        began,
        problems,
    };
    Ok((run, examined))
}

fn refuse_errors(examined: &Examined, progress: &dyn Progress) -> Result<(), UpError> {
    let errors: Vec<String> = examined.errors().iter().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(UpError::Manifests(errors.join("\n")));
    }
    for warning in &examined.problems {
        progress.tell(ProgressKind::Warning, &warning.to_string());
    }
    Ok(())
}

/// Each pod takes three descriptors, and the usual soft limit is 1024.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

async fn end_orphans(dir: &StateDir, progress: &dyn Progress) {
    let (root, pods) = (dir.root().to_owned(), dir.pods());
    let ended = tokio::task::spawn_blocking(move || {
        let ended = guard::end_orphans(&root, ORPHANS_GRACE);
        // Their files are of no use any more.
        let _ = fs::remove_dir_all(&pods);
        let _ = fs::create_dir_all(&pods);
        ended
    });
    if let Ok(count @ 1..) = ended.await {
        progress.tell(ProgressKind::Warning, &format!("ended {count} processes that an earlier run had left behind"));
    }
}

/// A folder that holds this program under the name `tidegate`, for the pods' `PATH`.
fn program_folder(dir: &StateDir) -> io::Result<PathBuf> {
    let bin = dir.root().join("bin");
    fs::create_dir_all(&bin)?;
    let link = bin.join("tidegate");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(std::env::current_exe()?, link)?;
    Ok(bin)
}

fn pod_options(folder: &Path, dir: &StateDir, bin: PathBuf) -> PodOptions {
    let folder = if folder.is_file() { folder.parent().unwrap_or(folder) } else { folder };
    PodOptions {
        folder: folder.to_owned(),
        state: dir.root().to_owned(),
        pods: dir.pods(),
        program: bin.join("tidegate"),
        bin,
        restart_delays: RestartDelays::default(),
    }
}

fn start_records(dir: &StateDir, options: &UpOptions, store: &Arc<Store>) -> io::Result<Arc<RecordFiles>> {
    let (progress, store) = (Arc::clone(&options.progress), Arc::clone(store));
    let on_problem = move |problem: Option<&str>| {
        store.set_problems("records", problem.map(str::to_owned).into_iter().collect());
        match problem {
            Some(problem) => progress.tell(ProgressKind::Error, problem),
            None => progress.tell(ProgressKind::Step, "records of decisions are written again; none was lost"),
        }
    };
    RecordFiles::start(dir.records(), Box::new(on_problem)).map(Arc::new)
}

async fn serve_page(options: &UpOptions, store: &Arc<Store>) -> Result<Option<Page>, UpError> {
    if options.headless {
        return Ok(None);
    }
    let wanted = options.console.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
    let refused = |error: io::Error| {
        UpError::Start(format!("serving the page on {wanted}: {error}; choose another address with --console"))
    };
    let listener = TcpListener::bind(wanted).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let (store, stop) = (Arc::clone(store), CancellationToken::new());
    let stopped = stop.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        if let Err(error) = tidegate_console::serve(listener, store, stopped).await {
            tracing::error!(%error, "the page is not served any more");
        }
    });
    Ok(Some(Page { address, stop, server }))
}

/// Says where the page is, to the person and to `explain`.
fn announce(run: &Run, clock: &dyn Clock) {
    let address = run.page.as_ref().map(|page| page.address);
    if let Some(address) = address {
        run.tell(ProgressKind::Notice, &format!("page: http://{address}/"));
    }
    let pid = std::process::id();
    let start_ticks = guard::start_ticks(pid).unwrap_or_default();
    let up = Up { pid, start_ticks, address, started: clock.now() };
    if let Err(error) = running::write(&run.dir, &up) {
        run.tell(ProgressKind::Warning, &format!("`tidegate explain` will not find this run: {error}"));
    }
}
