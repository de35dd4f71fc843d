//! Scales on what a server of your own says over gRPC; `external-push` also lets it call for replicas the moment that there
//! is work.
//!
//! The server implements the service `externalscaler.ExternalScaler`. It names the metrics with their targets
//! (`GetMetricSpec`), gives the value of each (`GetMetrics`), and says whether there is anything to do (`IsActive`). Only that
//! last answer decides on activity; the value plays no part in it. With `external-push` two streams stay open besides:
//! `StreamIsActive`, whose `true` activates at once (a `false` is left to the next poll), and `StreamMetricSpec`, by which
//! changed metrics or targets arrive without a poll; a server may leave the latter out.
//!
//! ```yaml
//! triggers:
//!   - type: external-push
//!     metadata:
//!       scalerAddress: orders-scaler.shop:6000
//!       warehouse: north
//! ```
//!
//! All metadata is sent to the server as it is written, `scalerAddress` too; a key that ends in `FromEnv` keeps its name and
//! carries the value of the container's variable, and is left out where that is empty. What comes from an authentication
//! is never sent.
//!
//! ## When there is no number
//!
//! An answer that is no number is an error, and an error never scales: a call that fails or takes too long, no value at
//! all, `NaN` or infinity. A negative value counts as 0. Several values of one metric are added up. A server that has named
//! its metrics before and cannot be asked now is taken at its last word, so nothing vanishes from an autoscaler while a
//! server restarts.
//!
//! ## TLS
//!
//! The connection is encrypted if `enableTLS` is true, or `caCert`, or `tlsClientCert` with `tlsClientKey` are given.
//! `unsafeSsl` alone does not switch TLS on.
//!
//! ## Where this differs from KEDA
//!
//! - Every call has a deadline. A server that accepts and never answers costs one poll.
//! - One connection for each address and identity, closed with its last trigger, to the first of the name's addresses that
//!   takes it; not one to each.
//! - After a stream that worked the first try is after 2 s again, however long the waits were before.
//! - A `tlsClientCert` without its key is an error. Sockets of the machine that decides (`unix:`) are refused.
//! - An infinite value is an error.

mod push;
mod reply;

#[cfg(fuzzing)]
pub use reply::fuzzed_reply;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tidegate_engine::{Figures, MetricTarget, ReadError, ReadErrorKind, Reading, Timestamp};
use tokio::time::Instant;

use crate::clients::Clients;
use crate::declare::parameters;
use crate::externalscaler::external_scaler_client::ExternalScalerClient;
use crate::externalscaler::{GetMetricsRequest, ScaledObjectRef};
use crate::given::{Given, source_of};
use crate::grpc::{Connection, Connections, GrpcAddress};
use crate::input::{MetricType, TriggerInput};
use crate::kafka::{ClientCertificate, TlsSettings};
use crate::scaler::{MetricSpec, Push};
use crate::secret::Secret;
use crate::trigger::Trigger;

parameters! {
    /// Which server, and how it is reached.
    pub(super) struct Config {
        /// The server as `host:port` or in another form of gRPC's, as `dns:///scaler.shop:6000`.
        scaler_address: GrpcAddress = "scalerAddress" from [Metadata];
        /// Whether the connection is encrypted.
        enable_tls: bool = "enableTLS" from [Metadata] { default("false") };
        /// Accept any certificate of the server, where the connection is encrypted for another reason.
        unsafe_ssl: bool = "unsafeSsl" from [Metadata] { default("false") };
        /// Certificates (PEM) of authorities to trust besides the system's.
        ca_cert: Option<String> = "caCert" from [Auth];
        /// The client's certificate chain (PEM).
        tls_client_cert: Option<String> = "tlsClientCert" from [Auth];
        /// The client's key (PEM).
        tls_client_key: Option<Secret> = "tlsClientKey" from [Auth];
        /// Ignored, as in KEDA since 2.17.
        _tls_cert_file: Option<String> = "tlsCertFile" from [Metadata] {
            deprecated("it has had no effect since KEDA 2.17; give caCert in an authentication")
        };
    }
}

/// A server, and which of its metrics is read.
#[derive(Clone)]
pub(super) struct External {
    asked: Arc<Asked>,
    /// As the server names it; `None`: its only one.
    metric: Option<Arc<str>>,
}

/// What all metrics of a trigger share.
struct Asked {
    connection: Arc<Connection>,
    name: String,
    namespace: String,
    metadata: BTreeMap<String, Secret>,
    /// Values of variables, which are not shown should the server quote them.
    hidden: Vec<Secret>,
    /// Before each metric's name, as `s0-`.
    prefix: String,
    whole: bool,
    pushes: bool,
    source: u64,
    /// The metrics that the server named last.
    last: Mutex<Option<Vec<MetricSpec>>>,
}

type Client = ExternalScalerClient<tonic::transport::Channel>;

#[async_trait]
impl Trigger for External {
    type Config = Config;
    const ANY_METADATA: bool = true;
    const SPECS_FROM_SOURCE: bool = true;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        let lone = match (&config.tls_client_cert, &config.tls_client_key) {
            (Some(_), None) => Some("tlsClientKey"),
            (None, Some(_)) => Some("tlsClientCert"),
            _ => None,
        };
        if let Some(name) = lone {
            given.problem(
                name,
                "is absent, and its other half is given: give tlsClientCert and tlsClientKey, or neither",
            );
        }
        match config.tls() {
            Some(tls) if given.sound() => {
                if let Err((parameter, message)) = crate::kafka::tls::check(&tls) {
                    given.problem(own_name(parameter), message);
                }
            }
            None if config.unsafe_ssl => given.warn("unsafeSsl", "has no effect: TLS is not enabled; see enableTLS"),
            _ => {}
        }
        let metric = format!("s{}-{}", given.input.index, given.input.kind);
        let target = given.target(1.0)?;
        let source = config.source();
        Some(MetricSpec { metric, target, activation: 0.0, source, time_limit: None, resource: None })
    }

    fn connect(config: Config, input: &TriggerInput, clients: &Clients) -> Self {
        let source = config.source();
        let connections = clients.shared::<Connections>();
        let (metadata, hidden) = metadata(input);
        let asked = Asked {
            connection: connections.get(&config.scaler_address, config.tls().as_ref(), &clients.egress()),
            name: input.scaled_object.clone(),
            namespace: input.namespace.clone(),
            metadata,
            hidden,
            prefix: format!("s{}-", input.index),
            whole: input.metric_type == Some(MetricType::Value),
            pushes: input.kind == "external-push",
            source,
            last: Mutex::default(),
        };
        External { asked: Arc::new(asked), metric: None }
    }

    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let deadline = Instant::now() + timeout;
        let metric = match &self.metric {
            Some(metric) => Arc::clone(metric),
            None => self.asked.only_metric(deadline).await?,
        };
        let (value, note) = self.asked.value(&metric, deadline).await?;
        let active = self.asked.is_active(deadline).await?;
        let figures = note.map(|note| Arc::new(Figures { notes: vec![note], ..Figures::default() }));
        Ok(Reading { active: Some(active), figures, ..Reading::of(value, now) })
    }

    async fn specs(&self, timeout: Duration) -> Result<Option<Vec<MetricSpec>>, ReadError> {
        self.asked.specs(Instant::now() + timeout).await.map(Some)
    }

    fn metric(&self, name: &str) -> Option<Self> {
        let metric = name.strip_prefix(&self.asked.prefix).unwrap_or(name);
        Some(External { asked: Arc::clone(&self.asked), metric: Some(metric.into()) })
    }

    fn pushes(&self) -> Option<BoxStream<'static, Push>> {
        self.asked.pushes.then(|| push::stream(&self.asked))
    }
}

impl Config {
    /// What the connection has to be like; `None`: not encrypted.
    fn tls(&self) -> Option<TlsSettings> {
        let client = self.tls_client_cert.clone().zip(self.tls_client_key.clone());
        let client = client.map(|(chain, key)| ClientCertificate { chain, key, key_password: None });
        let encrypted = self.enable_tls || client.is_some() || self.ca_cert.is_some();
        encrypted.then(|| TlsSettings { ca: self.ca_cert.clone(), client, skip_verify: self.unsafe_ssl })
    }

    fn source(&self) -> u64 {
        let tls = (self.enable_tls, self.unsafe_ssl, &self.ca_cert, &self.tls_client_cert);
        source_of(("external", self.scaler_address.to_string(), tls))
    }
}

/// The parameter's name here for the one that the TLS settings have it by.
fn own_name(parameter: &str) -> &'static str {
    match parameter {
        "ca" => "caCert",
        "cert" => "tlsClientCert",
        "key" | "keyPassword" => "tlsClientKey",
        _ => "enableTLS",
    }
}

/// What the server is told of the trigger, and which of it is from the container's environment.
fn metadata(input: &TriggerInput) -> (BTreeMap<String, Secret>, Vec<Secret>) {
    let (mut metadata, mut hidden) = (BTreeMap::new(), Vec::new());
    for (key, text) in &input.metadata {
        if !key.ends_with("FromEnv") {
            metadata.insert(key.clone(), Secret::new(text.as_str()));
        } else if let Some(value) = input.env.get(text.trim()).filter(|value| !value.expose().is_empty()) {
            metadata.insert(key.clone(), value.clone());
            hidden.push(value.clone());
        }
    }
    (metadata, hidden)
}

impl Asked {
    fn reference(&self) -> ScaledObjectRef {
        let metadata: HashMap<_, _> =
            self.metadata.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect();
        ScaledObjectRef { name: self.name.clone(), namespace: self.namespace.clone(), scaler_metadata: metadata }
    }

    async fn value(&self, metric: &str, deadline: Instant) -> Result<(f64, Option<String>), ReadError> {
        let doing = format!("asking for the metric \"{}\" by GetMetrics", metric.escape_debug());
        let request = GetMetricsRequest { scaled_object_ref: Some(self.reference()), metric_name: metric.to_owned() };
        let answer = self.connection.call(&doing, deadline, |channel| async move {
            Client::new(channel).get_metrics(timed(request, deadline)).await
        });
        let answer = answer.await.map_err(|error| self.hide(error))?;
        reply::value(&answer.metric_values).map_err(|message| self.invalid(&doing, &message))
    }

    async fn is_active(&self, deadline: Instant) -> Result<bool, ReadError> {
        let request = self.reference();
        let answer = self.connection.call("asking by IsActive", deadline, |channel| async move {
            Client::new(channel).is_active(timed(request, deadline)).await
        });
        Ok(answer.await.map_err(|error| self.hide(error))?.result)
    }

    /// The metrics by the server's word now, or by its last.
    async fn specs(&self, deadline: Instant) -> Result<Vec<MetricSpec>, ReadError> {
        let doing = "asking for the metrics by GetMetricSpec";
        let request = self.reference();
        let answer = self.connection.call(doing, deadline, |channel| async move {
            Client::new(channel).get_metric_spec(timed(request, deadline)).await
        });
        let specs = match answer.await {
            Ok(answer) => self.understand(&answer).map_err(|message| self.invalid(doing, &message)),
            Err(error) => Err(self.hide(error)),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (specs, &*last) {
            (Ok(specs), _) => Ok(last.insert(specs).clone()),
            (Err(error), Some(kept)) => {
                tracing::warn!(
                    namespace = %self.namespace,
                    scaled_object = %self.name,
                    %error,
                    "keeping the metrics that the external scaler named last"
                );
                Ok(kept.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    fn understand(&self, answer: &crate::externalscaler::GetMetricSpecResponse) -> Result<Vec<MetricSpec>, String> {
        let specs = reply::specs(&answer.metric_specs)?.into_iter().map(|(name, target)| MetricSpec {
            metric: format!("{}{name}", self.prefix),
            target: if self.whole { MetricTarget::Value(target) } else { MetricTarget::AverageValue(target) },
            activation: 0.0,
            source: self.source,
            time_limit: None,
            resource: None,
        });
        Ok(specs.collect())
    }

    async fn only_metric(&self, deadline: Instant) -> Result<Arc<str>, ReadError> {
        let specs = self.specs(deadline).await?;
        match specs.as_slice() {
            [only] => Ok(only.metric.strip_prefix(&self.prefix).unwrap_or(&only.metric).into()),
            several => {
                let message = format!("the server names {} metrics, and none of them was chosen", several.len());
                Err(self.invalid("reading the external scaler", &message))
            }
        }
    }

    fn invalid(&self, doing: &str, message: &str) -> ReadError {
        self.hide(self.connection.told(doing, &ReadError::new(ReadErrorKind::Invalid, message)))
    }

    /// Without values of variables, which a server may quote.
    fn hide(&self, error: ReadError) -> ReadError {
        let mut message = error.message.to_string();
        for secret in self.hidden.iter().filter(|secret| secret.expose().len() >= 4) {
            message = message.replace(secret.expose(), "[secret]");
        }
        ReadError::new(error.kind, message)
    }
}

/// A request that tells the server how long it has.
fn timed<T>(message: T, deadline: Instant) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    request
}
