//! What a file of the catalogue implements.

use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::Parameters;
use crate::given::Given;
use crate::input::TriggerInput;
use crate::scaler::MetricSpec;

/// A trigger type: understand, check, connect, read. The four never mix.
#[async_trait]
pub(crate) trait Trigger: Send + Sync + Sized + 'static {
    /// Its parameters, by [`crate::declare::parameters!`].
    type Config: Parameters + Send + Sync + 'static;

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
}
