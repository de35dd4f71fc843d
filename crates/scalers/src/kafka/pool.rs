//! The connections of one identity: at most one for each broker.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kafka_protocol::messages::ApiVersionsRequest;
use rustls::ClientConfig;
use tidegate_engine::ReadErrorKind;
use tokio::time::Instant;

use crate::egress::Egress;
use crate::kafka::address::BrokerAddress;
use crate::kafka::connection::Connection;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::replies::session::api_versions;
use crate::kafka::sasl::{self, Tokens};
use crate::kafka::settings::ConnectionSettings;
use crate::kafka::stream;
use crate::kafka::versions::{API_VERSIONS, Versions};

/// The longest that opening one connection may take, handshakes included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long after one bootstrap server the next is tried too.
const STAGGER: Duration = Duration::from_millis(300);

/// Opens connections as one identity and keeps them.
pub(crate) struct Pool {
    settings: ConnectionSettings,
    egress: Egress,
    tls: Result<Option<Arc<ClientConfig>>, Fault>,
    tokens: Tokens,
    slots: Mutex<HashMap<BrokerAddress, Arc<Slot>>>,
    /// Addresses that the cluster itself gave; the rest are bootstrap servers.
    brokers: Mutex<BTreeSet<BrokerAddress>>,
    requests: Arc<AtomicU64>,
}

/// A broker's place: its connection, or how the last attempt failed.
#[derive(Default)]
struct Slot {
    open: tokio::sync::Mutex<Attempt>,
    /// A copy to look at without waiting.
    seen: Mutex<Option<Arc<Connection>>>,
}

#[derive(Default)]
struct Attempt {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, Fault)>,
}

impl Pool {
    pub(crate) fn new(settings: ConnectionSettings, egress: Egress) -> Self {
        let tls = settings.tls.as_ref().map(|tls| crate::kafka::tls::config(tls, egress.authorities())).transpose();
        let tls = tls.map(|config| config.map(Arc::new)).map_err(|(parameter, error)| {
            let cause = format!("parameter {parameter}: {error}");
            Fault::new(ReadErrorKind::Configuration, &bootstrap(&settings), Step::TlsHandshake, cause)
        });
        let tokens = Tokens::new(settings.tls.as_ref(), egress.clone());
        let (slots, brokers) = (Mutex::default(), Mutex::default());
        Pool { settings, egress, tls, tokens, slots, brokers, requests: Arc::default() }
    }

    /// The bootstrap servers as the manifest has them, for messages about the cluster as a whole.
    pub(crate) fn name(&self) -> String {
        bootstrap(&self.settings)
    }

    /// Requests sent so far over all connections.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> u64 {
        lock(&self.slots).values().filter(|slot| slot.usable().is_some()).count() as u64
    }

    /// Any broker: one that is connected already, else whichever answers first.
    pub(crate) async fn any(&self, deadline: Instant) -> Result<Arc<Connection>, Fault> {
        let open = lock(&self.slots).values().find_map(|slot| slot.usable());
        if let Some(connection) = open {
            return Ok(connection);
        }
        let known: Vec<BrokerAddress> = lock(&self.brokers).iter().cloned().collect();
        let mut candidates = self.settings.bootstrap_servers.clone();
        candidates.extend(known.into_iter().filter(|known| !self.settings.bootstrap_servers.contains(known)).take(4));
        let attempts: FuturesUnordered<_> = candidates
            .iter()
            .zip(0_u32..)
            .map(|(address, place)| async move {
                tokio::time::sleep(STAGGER * place).await;
                self.to(address, deadline).await
            })
            .collect();
        first_success(attempts).await.unwrap_or_else(|| {
            Err(Fault::new(ReadErrorKind::Configuration, &self.name(), Step::Connect, "no bootstrap server is given"))
        })
    }

    /// The connection to one broker; opened if need be. Many who want it at once cost one attempt.
    pub(crate) async fn to(&self, address: &BrokerAddress, deadline: Instant) -> Result<Arc<Connection>, Fault> {
        let slot = Arc::clone(lock(&self.slots).entry(address.clone()).or_default());
        if let Some(connection) = slot.usable() {
            return Ok(connection);
        }
        let came = Instant::now();
        let late = || Fault::late(&address.to_string(), Step::Connect);
        let mut attempt = tokio::time::timeout_at(deadline, slot.open.lock()).await.map_err(|_| late())?;
        if let Some(connection) = attempt.connection.as_ref().filter(|connection| connection.usable()) {
            return Ok(Arc::clone(connection));
        }
        // Whoever waited for an attempt that failed shares its failure instead of repeating it one by one.
        if let Some((at, fault)) = attempt.failed.as_ref().filter(|(at, _)| *at >= came) {
            tracing::debug!(%address, ?at, "sharing a failed attempt to connect");
            return Err(fault.clone());
        }
        let limit = deadline.min(Instant::now() + CONNECT_LIMIT);
        let opened = self.open(address, limit).await;
        match opened {
            Ok(connection) => {
                let connection = Arc::new(connection);
                attempt.connection = Some(Arc::clone(&connection));
                *lock(&slot.seen) = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(fault) => {
                attempt.connection = None;
                *lock(&slot.seen) = None;
                attempt.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    async fn open(&self, address: &BrokerAddress, deadline: Instant) -> Result<Connection, Fault> {
        let name = address.to_string();
        let tls = self.tls.as_ref().map_err(Clone::clone)?;
        let step = if tls.is_some() { Step::TlsHandshake } else { Step::Connect };
        let stream = tokio::time::timeout_at(deadline, stream::open(address, tls.as_ref(), &self.egress))
            .await
            .map_err(|_| Fault::late(&name, step))??;
        let connection = Connection::new(address, stream, Arc::clone(&self.requests));
        let body = connection.ask(API_VERSIONS, &ApiVersionsRequest::default(), deadline).await?;
        let (error, ranges) = api_versions(&body).map_err(|error| {
            Fault::new(ReadErrorKind::Invalid, &name, Step::Request(API_VERSIONS.name), error.to_string())
        })?;
        if error != 0 {
            return Err(Fault::code(&name, Step::Request(API_VERSIONS.name), "", error));
        }
        let connection = connection.with_versions(Versions::new(ranges));
        let lifetime = sasl::authenticate(&connection, &self.settings.sasl, &self.tokens, deadline).await?;
        // Renewed well before the broker ends the session.
        Ok(connection.with_lifetime(lifetime.map(|lifetime| lifetime.mul_f64(0.8))))
    }

    /// Learns the cluster's brokers and lets go of connections to addresses that are none of them: the bootstrap
    /// server under another name, and brokers that are gone.
    pub(crate) fn learn(&self, brokers: BTreeSet<BrokerAddress>) {
        lock(&self.slots).retain(|address, _| brokers.contains(address));
        *lock(&self.brokers) = brokers;
    }
}

impl Slot {
    fn usable(&self) -> Option<Arc<Connection>> {
        lock(&self.seen).as_ref().filter(|connection| connection.usable()).map(Arc::clone)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pool").field("servers", &self.name()).finish_non_exhaustive()
    }
}

fn bootstrap(settings: &ConnectionSettings) -> String {
    settings.bootstrap_servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The first that succeeds; if none does, the failure of the first that failed.
async fn first_success<T>(
    mut attempts: FuturesUnordered<impl Future<Output = Result<T, Fault>>>,
) -> Option<Result<T, Fault>> {
    let mut failure = None;
    while let Some(result) = attempts.next().await {
        match result {
            Ok(success) => return Some(Ok(success)),
            Err(fault) => failure = failure.or(Some(fault)),
        }
    }
    failure.map(Err)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
