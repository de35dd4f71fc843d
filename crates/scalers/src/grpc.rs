//! gRPC with servers that users run: one connection for each address and identity, closed with its last user; addresses as
//! gRPC writes them; what a failed call means.

mod address;
mod backoff;
mod connector;
mod fault;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use reqwest::Url;
use tidegate_engine::{ReadError, ReadErrorKind};
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::egress::Egress;
use crate::kafka::TlsSettings;

pub(crate) use address::GrpcAddress;
pub(crate) use backoff::Backoff;

/// How often a server is asked whether it is still there while a call or a stream is open. Servers written in Go hang up
/// on clients that ask more often than every five minutes; that the machine is there is checked below, by TCP.
const PING_EVERY: Duration = Duration::from_secs(360);
/// How long the answer to that may take.
const PING_WITHIN: Duration = Duration::from_secs(20);
/// The longest that opening one connection may take, handshakes included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// All gRPC connections of a process.
#[derive(Default)]
pub(crate) struct Connections {
    all: Mutex<Vec<Weak<Connection>>>,
}

impl Connections {
    /// The connection with these settings; closed when its last user has dropped it. Does no I/O.
    pub(crate) fn get(&self, address: &GrpcAddress, tls: Option<&TlsSettings>, egress: &Egress) -> Arc<Connection> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |known: &Arc<Connection>| known.address == *address && known.tls.as_ref() == tls && known.egress == *egress;
        if let Some(connection) = all.iter().filter_map(Weak::upgrade).find(same) {
            return connection;
        }
        all.retain(|connection| connection.strong_count() > 0);
        let connection = Arc::new(Connection {
            address: address.clone(),
            tls: tls.cloned(),
            egress: egress.clone(),
            state: Mutex::default(),
        });
        all.push(Arc::downgrade(&connection));
        connection
    }
}

/// A connection to one server as one identity; opened at the first call, and again after it broke.
pub(crate) struct Connection {
    pub(crate) address: GrpcAddress,
    tls: Option<TlsSettings>,
    egress: Egress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    channel: Option<Channel>,
    answered: Option<Instant>,
}

impl Connection {
    /// Makes one call, ended by `deadline` at the latest. `doing` is for errors, as `asking for a metric`.
    ///
    /// # Errors
    /// When there was no answer in time or it was an error.
    pub(crate) async fn call<T, F>(
        &self,
        doing: &str,
        deadline: Instant,
        make: impl FnOnce(Channel) -> F,
    ) -> Result<T, ReadError>
    where
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let begin = Instant::now();
        let channel = self.channel().map_err(|error| self.told(doing, &error))?;
        match tokio::time::timeout_at(deadline, make(channel)).await {
            Ok(Ok(answer)) => {
                self.state().answered = Some(Instant::now());
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => Err(self.told(doing, &fault::of(&status, self.tls.is_some()))),
            Err(_) => {
                self.suspect(begin);
                let waited = (deadline - begin).as_millis();
                let message = format!("no answer within {waited} ms; look whether the server is overloaded or hangs");
                Err(self.told(doing, &ReadError::new(ReadErrorKind::Timeout, message)))
            }
        }
    }

    /// What calls go over.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub(crate) fn channel(&self) -> Result<Channel, ReadError> {
        let mut state = self.state();
        if let Some(channel) = &state.channel {
            return Ok(channel.clone());
        }
        Ok(state.channel.insert(self.open()?).clone())
    }

    /// What is said about a call that failed.
    pub(crate) fn failed(&self, doing: &str, status: &tonic::Status) -> ReadError {
        self.told(doing, &fault::of(status, self.tls.is_some()))
    }

    /// An error with what was being done, and where.
    pub(crate) fn told(&self, doing: &str, error: &ReadError) -> ReadError {
        ReadError::new(error.kind, format!("{doing} at {}: {}", self.address, error.message))
    }

    fn open(&self) -> Result<Channel, ReadError> {
        let broken = |error: &dyn std::fmt::Display| {
            ReadError::new(ReadErrorKind::Configuration, format!("setting up the connection: {error}"))
        };
        let connector = connector::Connector::new(&self.address, self.tls.as_ref(), &self.egress, CONNECT_LIMIT)?;
        // TLS is the connector's part, so that the same certificates and rules hold as for all other triggers.
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let origin: Uri = format!("{scheme}://{}", self.address).parse().map_err(|error| broken(&error))?;
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).map_err(|error| broken(&error))?;
        let endpoint = endpoint
            .origin(origin)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| broken(&error))?
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .keep_alive_while_idle(false);
        Ok(endpoint.connect_with_connector_lazy(connector))
    }

    /// After a call without an answer: if nobody else had one meanwhile either, the next call goes over a new connection,
    /// since this one may lead nowhere. Calls under way keep it.
    fn suspect(&self, begin: Instant) {
        let mut state = self.state();
        if state.answered.is_none_or(|answered| answered < begin) {
            state.channel = None;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text is a host that a URL can hold.
fn is_host(host: &str) -> bool {
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Url::parse(&format!("http://{bracketed}/")).is_ok_and(|url| url.path() == "/" && url.username().is_empty())
}
