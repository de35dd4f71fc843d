//! The operator: all parts put together, started and stopped in order.
//!
//! Nothing is global: several operators can run in one process, as tests do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tidegate_console::{Store, StoreOptions};
use tidegate_engine::TargetId;
use tidegate_runtime::{Clock, Handle, Options as LoopOptions, Ports, Runtime, WallClock};
use tidegate_scalers::Clients;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::admission::{self, AdmissionError};
use crate::board::Board;
use crate::certificates::{CertificateError, Certificates, publish};
use crate::controller::{AllFacts, Controller, Tools};
use crate::credentials::Credentials;
use crate::demand::{FreshReadings, ReadTimes};
use crate::egress;
use crate::events::Recorder;
use crate::lane::Lane;
use crate::leadership::{Leadership, Leading};
use crate::metrics_api::{self, MetricsApiError};
use crate::observed::{Registered, ToCalls};
use crate::options::Options;
use crate::scale::{Bindings, KubeWorkloads, Pods, PodsUse, Services, StatusStates};
use crate::serve::{self, MetricsPage, Readiness, ServeError, Serving};
use crate::sink::Told;
use crate::status::StatusWriter;
use crate::watches::{Index, Lists, Watches};

/// Who reports events, as KEDA's users know it.
const CONTROLLER: &str = "keda-operator";

/// The live loop that has not turned for so long is stuck.
const LOOP_TURNS: Duration = Duration::from_secs(30);

/// The operator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An option cannot be used.
    #[error("{0}")]
    Option(String),
    /// An address could not be had.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// There are no certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// The external metrics API.
    #[error("starting the external metrics API: {0}")]
    MetricsApi(#[from] MetricsApiError),
    /// The admission webhook.
    #[error("starting the admission webhook: {0}")]
    Admission(#[from] AdmissionError),
}

/// Where a running operator listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// The external metrics API.
    pub metrics_api: Option<SocketAddr>,
    /// The admission webhook.
    pub admission: Option<SocketAddr>,
    /// `/healthz` and `/readyz`.
    pub health: Option<SocketAddr>,
    /// `/metrics`.
    pub metrics: Option<SocketAddr>,
    /// Profiles.
    pub profiling: Option<SocketAddr>,
    /// The console.
    pub console: Option<SocketAddr>,
}

/// A running operator. [`Operator::stop`] ends it; so does the end of the runtime that it was started on, with what is under
/// way left undone.
pub struct Operator {
    running: Running,
    leading: Leading,
    index: Index,
    board: Board,
    console: Arc<Store>,
    readiness: Readiness,
    watches: Watches,
    controller: Controller,
    status: StatusWriter,
    runtime: Runtime,
    recorder: Recorder,
    leadership: Leadership,
    servings: Vec<Serving>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Operator").field("running", &self.running).finish_non_exhaustive()
    }
}

/// Starts an operator on the current tokio runtime. It needs not be able to reach the API server yet.
///
/// # Errors
/// When an address cannot be had, certificates cannot be, or an option cannot be used.
pub async fn start(client: Client, options: Options) -> Result<Operator, StartError> {
    start_by(Arc::new(WallClock::new()), client, options).await
}

/// The same by another clock, for tests of clocks that are wrong.
///
/// # Errors
/// As for [`start`].
pub async fn start_by(clock: Arc<dyn Clock>, client: Client, options: Options) -> Result<Operator, StartError> {
    let reachable = egress::reachable(&options)
        .map_err(|error| StartError::Option(format!("an address that triggers may reach: {error}")))?;
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    let readiness = Readiness::new();
    // Health comes first: the rest waits for the API server, and a process that waits is alive.
    let started = readiness.condition("started");
    let mut open = Open::default();
    if let Some(address) = options.health {
        let health = serve::health(address, readiness.clone(), &stop).await?;
        open.running.health = open.note(health);
    }
    let identity = options.lease.as_ref().map_or_else(|| "single".to_owned(), |lease| lease.identity.clone());
    let console = Store::new(StoreOptions { version: options.version.clone(), ..StoreOptions::default() });
    let leadership = Leadership::start(client.clone(), &options.own_namespace, options.lease.clone());
    let leading = leadership.leading.clone();
    let lane = Lane::default();
    let recorder = Recorder::start_behind(lane.clone(), client.clone(), CONTROLLER, &identity);
    let (changed, changes) = mpsc::unbounded_channel();
    let lists = Lists::default();
    let watches = Watches::start(client.clone(), &options, &lists, changed);
    let (inputs_changed, inputs) = mpsc::channel(1024);
    let credentials = Credentials::start(client.clone(), &options, inputs_changed);
    credentials.keep_authentications(recorder.clone(), leading.receiver());
    // Asked for while the lists are on their way.
    let egress = egress::policy(&client, &options, reachable, &stop).await;
    let clients = Clients::new().with_egress(egress);
    let clients = clients.observed_by(Arc::new(ToCalls(Arc::clone(&console))));
    let ground = Ground {
        client,
        options,
        readiness,
        clients,
        leading,
        recorder,
        lane,
        lists,
        watches,
        credentials,
        console,
        clock,
    };
    let (parts, tools) = ground.assemble();
    let demand = tools.demand.clone();
    let controller = Controller::start(tools, changes, inputs);
    let Parts { ground, board, runtime, status } = parts;
    ground.serve(&mut open, &board, demand, runtime.handle().clone(), &stop).await?;
    started.met();
    let Open { running, servings } = open;
    let Ground { readiness, leading, recorder, watches, console, .. } = ground;
    guard.disarm();
    Ok(Operator {
        running,
        leading,
        index: watches.index.clone(),
        board,
        console,
        readiness,
        watches,
        controller,
        status,
        runtime,
        recorder,
        leadership,
        servings,
        stop,
    })
}

/// What the other parts stand on.
struct Ground {
    client: Client,
    options: Options,
    readiness: Readiness,
    clients: Clients,
    leading: Leading,
    recorder: Recorder,
    lane: Lane,
    lists: Lists,
    watches: Watches,
    credentials: Credentials,
    console: Arc<Store>,
    clock: Arc<dyn Clock>,
}

/// What listens.
#[derive(Default)]
struct Open {
    running: Running,
    servings: Vec<Serving>,
}

impl Open {
    /// Keeps it; gives where it listens.
    fn note(&mut self, serving: Serving) -> Option<SocketAddr> {
        let address = serving.address;
        self.servings.push(serving);
        Some(address)
    }
}

struct Parts {
    ground: Ground,
    board: Board,
    runtime: Runtime,
    status: StatusWriter,
}

impl Ground {
    /// The live loop and what it works with.
    fn assemble(self) -> (Parts, Tools) {
        let Ground { client, leading, recorder, .. } = &self;
        let index = self.watches.index.clone();
        let clock = Arc::clone(&self.clock);
        let (board, bindings, pods) =
            (Board::new(), Bindings::default(), Pods::new(client.clone(), self.lists.clone()));
        let status = StatusWriter::start(client.clone(), index.clone(), leading.clone(), self.lane.clone());
        let port = KubeWorkloads {
            client: client.clone(),
            index: index.clone(),
            bindings: bindings.clone(),
            pods: pods.clone(),
            recorder: recorder.clone(),
            leading: leading.clone(),
            lane: self.lane.clone(),
        };
        let states = StatusStates {
            index: index.clone(),
            bindings: bindings.clone(),
            status: status.clone(),
            clock: Arc::clone(&clock),
        };
        let told = Told::new(
            board.clone(),
            status.clone(),
            Arc::clone(&self.console),
            recorder.clone(),
            index.clone(),
            leading.clone(),
        );
        let times = ReadTimes::default();
        let ports = Ports {
            workloads: Arc::new(port.clone()),
            states: Arc::new(states),
            sinks: vec![Arc::new(told), times.sink()],
            clock: Arc::clone(&clock),
        };
        let runtime = Runtime::start(ports, LoopOptions::default());
        let handle = runtime.handle().clone();
        let tools = Tools {
            client: client.clone(),
            index,
            workloads: self.watches.workloads.clone(),
            credentials: self.credentials.clone(),
            recorder: recorder.clone(),
            status: status.clone(),
            handle: handle.clone(),
            clients: self
                .clients
                .clone()
                .with_pods(Arc::new(pods))
                .with_endpoints(Arc::new(Services(client.clone())))
                .with_usage(Arc::new(PodsUse { client: client.clone(), workloads: port.clone() })),
            bindings,
            port,
            board: board.clone(),
            demand: FreshReadings::new(handle, Arc::clone(&clock), &times),
            console: Arc::clone(&self.console),
            leading: leading.clone(),
            version: self.options.version.clone(),
            clock,
        };
        (Parts { ground: self, board, runtime, status }, tools)
    }

    /// Everything that listens but health.
    async fn serve(
        &self,
        open: &mut Open,
        board: &Board,
        demand: FreshReadings,
        handle: Handle,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        let Ground { client, options, readiness, .. } = self;
        let registered =
            Registered::new(self.watches.index.clone(), self.credentials.clone(), Arc::clone(&self.console));
        let mut page = MetricsPage::new(Arc::clone(&self.console)).with(Arc::new(registered));
        self.watch_readiness(handle, stop);
        if options.external_metrics.is_some() || options.admission.is_some() {
            let certificates = Certificates::start(client, options, readiness, stop).await?;
            publish(client, options, &certificates, &self.leading.receiver(), stop);
            if let Some(api) = &options.external_metrics {
                let demand = Arc::new(demand);
                let api = metrics_api::serve(client, api, &certificates, board, demand, readiness, stop).await?;
                page = page.with(api.series);
                open.running.metrics_api = open.note(api.serving);
            }
            if let Some(webhook) = &options.admission {
                let facts = Arc::new(AllFacts(self.watches.index.clone()));
                let webhook = admission::serve(client, webhook, &certificates, facts, stop).await?;
                page = page.with(webhook.series);
                open.running.admission = open.note(webhook.serving);
            }
        }
        if let Some(address) = options.metrics {
            open.running.metrics = open.note(serve::metrics(address, page, stop).await?);
        }
        if let Some(address) = options.profiling {
            open.running.profiling = open.note(serve::profiling(address, stop).await?);
        }
        if let Some(address) = options.console {
            open.running.console = open.note(serve::console(address, Arc::clone(&self.console), stop).await?);
        }
        Ok(())
    }

    /// Ready once everything that there is has been seen, and while the live loop turns.
    fn watch_readiness(&self, handle: Handle, stop: &CancellationToken) {
        let heartbeat = self.readiness.heartbeat("runtime", LOOP_TURNS);
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            // It answers for what it does not know too.
            let nobody = TargetId::new("", "");
            while handle.remove(nobody.clone()).await.is_ok() {
                heartbeat.beat();
                tokio::time::sleep(LOOP_TURNS / 6).await;
            }
        }));
        let (condition, index) = (self.readiness.condition("watches"), self.watches.index.clone());
        condition.failed("the first lists of objects are not in yet");
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            while !index.synced() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            condition.met();
        }));
    }
}

impl Operator {
    /// Where it listens.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Whether this replica acts.
    #[must_use]
    pub fn leading(&self) -> bool {
        self.leading.now()
    }

    /// Leadership as it changes.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<bool> {
        self.leading.receiver()
    }

    /// What it knows of the cluster.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What the metrics API answers from.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What the console shows.
    #[must_use]
    pub fn console(&self) -> &Arc<Store> {
        &self.console
    }

    /// Whether it can do its work.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Stops deciding, lets changes under way finish, writes the last statuses, gives the lease back. Changes no replica
    /// count.
    pub async fn stop(mut self) {
        self.controller.stop().await;
        self.runtime.shutdown().await;
        self.status.stop().await;
        // An API server that is gone must not hold up the end.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.recorder.flush()).await;
        self.leadership.stop().await;
        self.stop.cancel();
        for serving in self.servings {
            let _ = serving.task.await;
        }
        self.watches.stop().await;
    }
}
