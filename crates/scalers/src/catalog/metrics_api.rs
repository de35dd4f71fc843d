//! Scales on a number that an HTTP endpoint answers, in JSON, YAML, XML or Prometheus's text format.
//!
//! The endpoint is asked by `GET`; only status 200 is an answer. `valueLocation` says where the number is.
//!
//! ```yaml
//! triggers:
//!   - type: metrics-api
//!     metadata:
//!       url: http://orders.shop:8080/stats
//!       valueLocation: queue.waiting
//!       targetValue: "100"
//! ```
//!
//! ## Where the number is
//!
//! | format | `valueLocation` |
//! |---|---|
//! | `json`, `yaml` | a path as `queue.waiting`; `\` escapes a character, `*` and `?` stand for any characters of a key, a number picks from a list |
//! | | `jobs.#` counts a list; `jobs.#(state=="new").size` picks the first element that fits, `jobs.#(state=="new")#` all; `\|` goes on with the result as a whole, so `jobs.#(state=="new")#\|#` counts those that fit. Comparisons: `==`, `!=`, `<`, `<=`, `>`, `>=`, `%` (with wildcards), `!%` |
//! | `xml` | the same path over elements, with or without the outermost one: `queue.waiting` in `<queue><waiting>3</waiting></queue>`; `-name` is an attribute; an element that stands alone counts as a list of one |
//! | `prometheus` | a series as `orders_waiting{queue="north"}`, with `=` and `!=`; the first sample that fits counts |
//!
//! A number counts as it is; a text has to be a Kubernetes quantity, as `10Mi` or `1k`. Everything else is an error, and an
//! error never scales: another status, no such place, `null`, true or false, a list, an object, `NaN`, infinity. A negative
//! number counts as 0; activation is judged by the number itself.
//!
//! ## Several endpoints
//!
//! With `aggregateFromKubeServiceEndpoints` the host of `url` names a Service and its namespace, as `orders.shop` or
//! `orders.shop.svc`. Each of its ready endpoints is asked, five at a time, and `aggregationType` makes one number of theirs. If
//! one of them fails, the read fails: a sum over the rest would be too small. The port is the pods' port; where the pods do
//! not listen on the one in `url`, that of the scheme or their only one is taken.
//!
//! ## Authentication
//!
//! `authModes` names what is used: `basic`, `bearer`, `custom` (any header), `apiKey`, `oauth` (client credentials) and `tls`
//! (a client certificate), also several of them. `ca` and `unsafeSsl` hold in every mode and without one. Requests that carry
//! credentials do not follow redirects to another host.
//!
//! ## Where this differs from KEDA
//!
//! - XML works; `custom` and `oauth` are sent; `ca` works without an auth mode.
//! - `orders.shop:8080`, IPv6 endpoints and the query of `url` work with several endpoints; one that fails is an error.
//! - An infinite value is an error, and so is a path that goes on below a number.
//! - In paths, modifiers (`@reverse`) and new objects or lists (`{..}`, `[..]`) are not available and are refused; regular
//!   expressions in a series too.

mod aggregate;
mod exposition;
mod path;
mod payload;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use reqwest::Url;
use tidegate_engine::{Figures, ReadError, ReadErrorKind, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::{choices, parameters};
use crate::egress::Egress;
use crate::given::{Given, Metric, source_of};
use crate::http::authentication::{Address, Credentials, HttpAuthentication};
use crate::http::{Answer, Pool, Request, shown};
use crate::input::TriggerInput;
use crate::ports::Endpoints;
use crate::scaler::MetricSpec;
use crate::trigger::Trigger;
use crate::wrap::Telemetry;
use aggregate::Aggregation;
use payload::Location;

choices! {
    /// How the answer is written.
    pub(super) enum Format {
        Json = "json",
        Yaml = "yaml",
        Xml = "xml",
        Prometheus = "prometheus",
    }
}

parameters! {
    /// What is asked, and where the number is in the answer.
    pub(super) struct Config {
        /// The address that is asked.
        url: Address = "url" from [Metadata];
        /// Where the number is in the answer.
        value_location: String = "valueLocation" from [Metadata];
        /// How the answer is written.
        format: Format = "format" from [Metadata] { default("json") };
        /// What one replica is meant to take. Required unless a formula is in use.
        target_value: Option<f64> = "targetValue" from [Metadata];
        /// Active above this.
        activation_target_value: f64 = "activationTargetValue" from [Metadata] { default("0") };
        /// Accept any certificate of the server.
        unsafe_ssl: bool = "unsafeSsl" from [Metadata] { default("false") };
        /// How long a read may take. Absent or `0`: the limit of all triggers.
        timeout: Option<Duration> = "timeout" from [Metadata];
        /// Whether each endpoint of the Service that `url` names is asked.
        aggregate: bool = "aggregateFromKubeServiceEndpoints" from [Metadata] { default("false") };
        /// What is made of the endpoints' numbers.
        aggregation_type: Aggregation = "aggregationType" from [Metadata] { default("average") };
        /// Which credentials are sent.
        auth: HttpAuthentication = block;
    }
}

/// Endpoints asked at the same time.
const AT_ONCE: usize = 5;

/// An endpoint bound to the shared client.
pub(super) struct MetricsApi {
    url: Url,
    location: Result<Location, ReadError>,
    timeout: Option<Duration>,
    /// The Service's name and namespace, and what is made of the numbers.
    service: Option<(String, String, Aggregation)>,
    endpoints: Option<Arc<dyn Endpoints>>,
    egress: Egress,
    pool: Arc<Pool>,
    credentials: Credentials,
    telemetry: Telemetry,
}

#[async_trait]
impl Trigger for MetricsApi {
    type Config = Config;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        let Address(url) = &config.url;
        if let Err(expected) = Location::parse(config.format, &config.value_location) {
            given.problem("valueLocation", format!("found {:?}, expected {expected}", config.value_location));
        }
        if config.aggregate {
            if let Err(expected) = aggregate::service(url) {
                given.problem("url", format!("with aggregateFromKubeServiceEndpoints, expected {expected}"));
            }
        } else if given.has("aggregationType") {
            given.warn("aggregationType", "has no effect without aggregateFromKubeServiceEndpoints");
        }
        if config.target_value.is_none() && !given.input.formula_in_use {
            given.problem("targetValue", "is required and absent: expected in metadata \"targetValue\"");
            return None;
        }
        config.auth.check(config.unsafe_ssl, given);
        let source = (shown(url), url.query().is_some(), config.auth.identity(), config.unsafe_ssl);
        let spec = given.spec(Metric {
            name: &format!("metric-api-{}", config.value_location),
            target: ("targetValue", config.target_value.unwrap_or_default()),
            activation: config.activation_target_value,
            source: source_of(("metrics-api", source)),
        })?;
        Some(MetricSpec { time_limit: config.time_limit(), ..spec })
    }

    fn connect(config: Config, _input: &TriggerInput, clients: &Clients) -> Self {
        let (pool, credentials) = config.auth.connect(config.unsafe_ssl, clients);
        let location = Location::parse(config.format, &config.value_location);
        let service = if config.aggregate { aggregate::service(&config.url.0).ok() } else { None };
        MetricsApi {
            timeout: config.time_limit(),
            url: config.url.0,
            location: location.map_err(|error| ReadError::new(ReadErrorKind::Configuration, error)),
            service: service.map(|(name, namespace)| (name, namespace, config.aggregation_type)),
            endpoints: clients.endpoints(),
            egress: clients.egress(),
            pool,
            credentials,
            telemetry: clients.telemetry(),
        }
    }

    fn time_limit(&self) -> Option<Duration> {
        self.timeout
    }

    async fn read(&self, now: Timestamp, timeout: Duration) -> Result<Reading, ReadError> {
        let limit = self.timeout.map_or(timeout, |own| own.min(timeout));
        let asked = tokio::time::timeout(limit, self.value()).await;
        let (value, mut notes) = asked.unwrap_or_else(|_| {
            let message = format!("no answer within {} ms", limit.as_millis());
            Err(request(self.url.clone()).error(ReadErrorKind::Timeout, &message))
        })?;
        let raw = (value < 0.0).then_some(value);
        if raw.is_some() {
            notes.push(format!("the endpoint gave {value}; a negative number counts as 0"));
        }
        let figures = (!notes.is_empty()).then(|| Arc::new(Figures { notes, ..Figures::default() }));
        // Adding zero makes 0 of -0, which would be shown as such.
        Ok(Reading { activation_value: raw, figures, ..Reading::of(value.max(0.0) + 0.0, now) })
    }
}

impl Config {
    fn time_limit(&self) -> Option<Duration> {
        self.timeout.filter(|timeout| !timeout.is_zero())
    }
}

impl MetricsApi {
    /// The number, and what there is to say about it.
    async fn value(&self) -> Result<(f64, Vec<String>), ReadError> {
        let Some((service, namespace, aggregation)) = &self.service else {
            return Ok((self.ask(self.url.clone()).await?, Vec::new()));
        };
        let failed = |kind, message: &str| request(self.url.clone()).error(kind, message);
        let Some(port) = &self.endpoints else {
            let message = "the endpoints of Services are not known here; leave aggregateFromKubeServiceEndpoints out";
            return Err(failed(ReadErrorKind::Configuration, message));
        };
        self.egress
            .judge_service(service, namespace, self.url.port_or_known_default().unwrap_or_default())
            .map_err(|barred| failed(ReadErrorKind::Configuration, &barred.to_string()))?;
        let groups = port.endpoints(namespace, service).await?;
        let urls = aggregate::urls(&self.url, &groups)
            .map_err(|message| failed(ReadErrorKind::NotFound, &format!("Service {namespace}/{service}: {message}")))?;
        let count = urls.len();
        let mut answers = futures::stream::iter(urls).map(|url| self.ask(url)).buffer_unordered(AT_ONCE);
        let mut values = Vec::with_capacity(count);
        while let Some(value) = answers.next().await {
            values.push(value?);
        }
        let value = aggregation.of(&values).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| failed(ReadErrorKind::Invalid, "the endpoints' numbers make no finite one"))?;
        Ok((value, vec![format!("{} of {count} endpoints", aggregation.words())]))
    }

    async fn ask(&self, url: Url) -> Result<f64, ReadError> {
        let location = self.location.as_ref().map_err(Clone::clone)?;
        let (request, answer) = self.send(url.clone()).await?;
        let unauthorized = answer.status.as_u16() == 401;
        // An access token may have been revoked before its time: once, another one is tried.
        let (request, answer) =
            if unauthorized && self.credentials.renew().await { self.send(url).await? } else { (request, answer) };
        if answer.status.as_u16() != 200 {
            return Err(request.refused(&answer, None));
        }
        location.value(&answer.body).map_err(|message| {
            let quote = request.quote(&answer.body);
            let found = if quote.is_empty() { "an empty answer".to_owned() } else { format!("\"{quote}\"") };
            request.error(ReadErrorKind::Invalid, &format!("{message}; found {found}"))
        })
    }

    async fn send(&self, url: Url) -> Result<(Request, Answer), ReadError> {
        let mut request = request(url);
        if self.service.is_some() {
            request.go_to_endpoint();
        }
        self.credentials.apply(&mut request).await?;
        let answer = self.pool.send_told(request.clone(), &self.telemetry).await?;
        Ok((request, answer))
    }
}

fn request(url: Url) -> Request {
    Request::get("asking the metrics endpoint", url)
}

#[cfg(test)]
mod tests;
