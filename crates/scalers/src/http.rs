//! The HTTP client that all triggers share: a pool of connections for each set of TLS settings, so that many triggers on
//! one server need a few connections; identical requests at the same time are sent once; credentials go to the host
//! that was named and to no other.

pub(crate) mod authentication;
mod dial;
mod fault;
pub(crate) mod oauth;
mod request;
mod single_flight;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use tidegate_engine::{ReadError, ReadErrorKind};

use crate::egress::Egress;
use crate::kafka::TlsSettings;
use crate::wrap::Telemetry;
use single_flight::SingleFlight;

pub(crate) use dial::Resolver;
pub(crate) use request::{Answer, Request, shown};

/// An idle connection is kept this long. KEDA's default.
const IDLE: Duration = Duration::from_secs(90);

/// Requests to one server at the same time, and so connections to it: more would not be answered sooner, and thousands
/// of triggers that are read at once would open thousands of connections.
const AT_ONCE: usize = 32;

/// All pools of a process. A pool lives as long as a trigger uses it, so rotated certificates leave nothing behind.
#[derive(Default)]
pub(crate) struct Http {
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl Http {
    /// The pool for these settings. Does no I/O.
    pub(crate) fn pool(&self, tls: TlsSettings, egress: &Egress) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) =
            pools.iter().filter_map(Weak::upgrade).find(|pool| pool.tls == tls && pool.egress == *egress)
        {
            return pool;
        }
        pools.retain(|pool| pool.strong_count() > 0);
        let pool = Arc::new(Pool {
            tls,
            egress: egress.clone(),
            client: OnceLock::new(),
            flights: SingleFlight::default(),
            servers: Mutex::default(),
        });
        pools.push(Arc::downgrade(&pool));
        pool
    }
}

/// Connections with the same TLS settings, of triggers that may go to the same hosts.
pub(crate) struct Pool {
    tls: TlsSettings,
    egress: Egress,
    client: OnceLock<Result<reqwest::Client, ReadError>>,
    flights: SingleFlight<Result<Answer, ReadError>>,
    /// Turns for each server.
    servers: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Pool {
    /// Sends a request and reads the answer in whole. Who asks the same at the same time shares the answer.
    pub(crate) async fn send(self: &Arc<Self>, request: Request) -> Result<Answer, ReadError> {
        self.send_told(request, &Telemetry::default()).await
    }

    /// The same; `telemetry` is told how it ended, also when who asked gives up waiting.
    pub(crate) async fn send_told(
        self: &Arc<Self>,
        request: Request,
        telemetry: &Telemetry,
    ) -> Result<Answer, ReadError> {
        let call = Call { telemetry, begin: Instant::now(), status: None };
        let answer = self.shared(request).await;
        call.ended(&answer);
        answer
    }

    async fn shared(self: &Arc<Self>, request: Request) -> Result<Answer, ReadError> {
        let (pool, key) = (Arc::clone(self), request.digest());
        let turns = self.turns(&request);
        let work = async move {
            // The semaphore is never closed. Whoever gives up waiting leaves the queue.
            let _turn = turns.acquire().await;
            request.run(pool.client()?, pool.tls.client.is_some(), &pool.egress).await
        };
        self.flights.run(key, work).await
    }

    fn turns(&self, request: &Request) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = servers.entry(request.url.origin().ascii_serialization());
        Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
    }

    /// Made at the first request, since it reads the system's certificates.
    fn client(&self) -> Result<&reqwest::Client, ReadError> {
        self.client.get_or_init(|| build(&self.tls, &self.egress)).as_ref().map_err(Clone::clone)
    }
}

/// A request under way. Told of when it ends; one that is given up has no status.
struct Call<'a> {
    telemetry: &'a Telemetry,
    begin: Instant,
    status: Option<u16>,
}

impl Call<'_> {
    fn ended(mut self, answer: &Result<Answer, ReadError>) {
        self.status = answer.as_ref().ok().map(|answer| answer.status.as_u16());
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.telemetry.http(self.status, self.begin);
    }
}

fn build(tls: &TlsSettings, egress: &Egress) -> Result<reqwest::Client, ReadError> {
    // HTTP/1.1 only: with HTTP/2 the client does not pass on why a server ended a connection, as for want of a client
    // certificate, and its one connection saves little where a server gets no more than a few.
    let config = crate::kafka::tls::config(tls, egress.authorities()).map_err(|(parameter, message)| {
        let message = format!("setting up TLS with the parameter \"{parameter}\": {message}");
        ReadError::new(ReadErrorKind::Configuration, message)
    })?;
    reqwest::Client::builder()
        // A proxy would dial for us, where no policy is asked; the environment must not name one.
        .no_proxy()
        .tls_backend_preconfigured(config)
        .dns_resolver(Resolver(egress.clone()))
        // Redirects are followed by hand: where credentials may go depends on the request.
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| {
            let message = format!("setting up the HTTP client: {}", fault::cause(&error));
            ReadError::new(ReadErrorKind::Internal, message)
        })
}
