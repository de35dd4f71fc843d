//! What a file of the catalogue implements.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::Parameters;
use crate::given::Given;
use crate::input::TriggerInput;
use crate::scaler::{MetricSpec, Push};

/// A trigger type: understand, check, connect, read. The four never mix.
#[async_trait]
pub(crate) trait Trigger: Send + Sync + Sized + 'static {
    /// Its parameters, by [`crate::declare::parameters!`].
    type Config: Parameters + Send + Sync + 'static;

    /// Whether every key of the metadata is the source's business, so that none is unknown.
    const ANY_METADATA: bool = false;
    /// Whether the source names its metrics itself, so that the spec of `check` only stands in for them.
    const SPECS_FROM_SOURCE: bool = false;

    /// Rules between parameters, and what the decision needs to know. Pure: no I/O, no clock. Every problem is noted in
    /// `given`; `None` only when no spec can be said.
    fn check(config: &Self::Config, given: &mut Given<'_>) -> Option<MetricSpec>;

    /// Binds to the shared clients. No I/O; nothing is spawned.
    fn connect(config: Self::Config, input: &TriggerInput, clients: &Clients) -> Self;

    /// How long a read may take, if the parameters say so.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Asks the source once. `now` is the time that the reading bears; `timeout` is also kept by a wrapper outside, so
    /// it is for telling a client or a server.
    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError>;

    /// The metrics that the source itself names; see [`Scaler::specs`](crate::Scaler::specs).
    async fn specs(&self, timeout: Duration) -> Result<Option<Vec<MetricSpec>>, ReadError> {
        let _ = timeout;
        Ok(None)
    }

    /// The same trigger, reading one of the metrics of `specs`.
    fn metric(&self, name: &str) -> Option<Self> {
        let _ = name;
        None
    }

    /// What the source tells unasked; see [`Scaler::pushes`](crate::Scaler::pushes).
    fn pushes(&self) -> Option<BoxStream<'static, Push>> {
        None
    }
}
