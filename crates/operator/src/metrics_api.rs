//! The external metrics API, behind `v1beta1.external.metrics.k8s.io`.
//!
//! It answers from the [`Board`] only, never from a source. Who asks is found out and judged as an aggregated API server
//! must: the API server vouches for a user by its front-proxy certificate, others come with a token or a client
//! certificate, and every request is allowed or refused by the cluster's own authorization.

mod access;
mod answer;
mod answers;
mod authorities;
mod caller;
mod counters;
mod discovery;
mod handler;
mod openapi;
mod peer;
mod probe;
mod quantity;
mod refusal;
mod route;
mod selector;
mod tokens;

use std::sync::Arc;

use tidegate_engine::TargetId;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::certificates::{CertificateError, Certificates};
use crate::options::ExternalMetricsOptions;
use crate::serve::{self, Readiness, Series, ServeError, Serving};

/// The API's group.
pub(crate) const GROUP: &str = "external.metrics.k8s.io";
/// The API's version.
pub(crate) const VERSION: &str = "v1beta1";
/// Both, as objects' `apiVersion` and paths name them.
pub(crate) const GROUP_VERSION: &str = "external.metrics.k8s.io/v1beta1";
/// The one resource that discovery names; asked for by that name it lists all metrics.
pub(crate) const RESOURCE: &str = "externalmetrics";
/// The label whose value names the ScaledObject in every selector.
pub(crate) const LABEL: &str = "scaledobject.keda.sh/name";

/// Is told of each question for a metric, so that its value can be fresh when the next one comes. Must return at once.
pub trait Demand: Send + Sync {
    /// Somebody asks for `metric` of `target` now.
    fn asked(&self, target: &TargetId, metric: &str);
}

/// Nobody needs to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDemand;

impl Demand for NoDemand {
    fn asked(&self, _target: &TargetId, _metric: &str) {}
}

/// The API could not be started.
#[derive(Debug, thiserror::Error)]
pub enum MetricsApiError {
    /// Its address could not be had.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// It has no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The API at work.
pub struct MetricsApi {
    /// Where it listens.
    pub serving: Serving,
    /// Its own series for `/metrics`.
    pub series: Arc<dyn Series>,
}

impl std::fmt::Debug for MetricsApi {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MetricsApi").field("serving", &self.serving).finish_non_exhaustive()
    }
}

/// Serves the API until `stop`. Two conditions of `readiness` follow it: `front-proxy` (the authorities that the API
/// server vouches by are known) and `metrics-api` (it answers its own process through TLS).
///
/// # Errors
/// When the address cannot be had or TLS cannot be set up.
pub async fn serve(
    client: &kube::Client,
    options: &ExternalMetricsOptions,
    certificates: &Certificates,
    board: &Board,
    demand: Arc<dyn Demand>,
    readiness: &Readiness,
    stop: &CancellationToken,
) -> Result<MetricsApi, MetricsApiError> {
    let (listener, address) = serve::listen("the external metrics API", options.bind).await?;
    let config = certificates.server_config_with(Arc::new(peer::Collector::new()))?;
    let authorities = authorities::follow(client, readiness.condition("front-proxy"), stop);
    let handler = Arc::new(handler::Api::new(client, board.clone(), demand, authorities));
    let series = Arc::clone(&handler) as Arc<dyn Series>;
    let task = tokio::spawn(serve::tls::serve("metrics-api", listener, config, handler, stop.clone()));
    probe::start(address, certificates.clone(), readiness.condition("metrics-api"), stop);
    Ok(MetricsApi { serving: Serving { address, task }, series })
}

/// For the fuzz targets: what is answered from `board` to whoever may ask at this address; `None`: it asks for no metric.
#[cfg(fuzzing)]
#[must_use]
pub fn fuzzed_answer(board: &Board, address: &str) -> Option<Result<serde_json::Value, String>> {
    let route::Route::Metric(question) = route::route(&address.parse().ok()?) else { return None };
    let items = match answer::items(board, &question) {
        Ok(items) => items,
        Err(refusal) => return Some(Err(format!("{refusal:?}"))),
    };
    let _ = answer::table(&items, tidegate_engine::Timestamp::EPOCH);
    Some(serde_json::to_value(answer::list(&items)).map_err(|error| error.to_string()))
}
