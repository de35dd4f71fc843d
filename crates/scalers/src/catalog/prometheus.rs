//! Scales on the result of a PromQL query, asked of Prometheus or of anything that speaks its API: Thanos, Cortex, Mimir,
//! VictoriaMetrics.
//!
//! The query is asked as an instant query at the time of the read. Its result must be one number: a vector of one
//! element, or a scalar. Identical queries of several triggers at the same time are sent once.
//!
//! ```yaml
//! triggers:
//!   - type: prometheus
//!     metadata:
//!       serverAddress: http://prometheus.monitoring:9090
//!       query: sum(rate(http_requests_total{deployment="shop"}[2m]))
//!       threshold: "100"
//! ```
//!
//! ## When there is no number
//!
//! An answer that is no number is an error, and an error never scales: a status other than 2xx, an error that Prometheus
//! reports, several elements, a range vector, a string, anything that is no JSON of the expected form.
//!
//! An empty result, `null`, `NaN` and infinity follow `ignoreNullValues`. As in KEDA the default, `"true"`, takes them as
//! 0, so **a query whose series vanish scales in, to zero if that is allowed**; the record of the decision says so. With
//! `ignoreNullValues: "false"` they are errors, and the decision holds. A negative number counts as 0; activation is judged
//! by the number itself.
//!
//! ## Authentication
//!
//! `authModes` names what is used: `basic`, `bearer`, `custom` (any header), `apiKey`, `oauth` (client credentials) and `tls`
//! (a client certificate), also several of them. `ca` and `unsafeSsl` hold in every mode and without one. Requests that
//! carry credentials do not follow redirects to another host. Identities of clouds (`podIdentity`) are not available yet
//! and are refused.
//!
//! ## Where this differs from KEDA
//!
//! - `apiKey` and `oauth` are sent; a scalar result works; `ca` works without an auth mode and beside `unsafeSsl`.
//! - `namespace` is escaped; a slash at the end of `serverAddress` does no harm.
//! - An error that Prometheus reports with status 200, and a range vector, are errors and not an empty result.
//! - Nothing is signed for AWS unless it is asked for, and files of the machine that decides are not read as credentials.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use tidegate_engine::{Figures, ReadError, ReadErrorKind, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::{choices, parameters};
use crate::given::{Given, Metric, source_of};
use crate::http::authentication::{Address, Credentials, HttpAuthentication};
use crate::http::{Pool, Request, shown};
use crate::input::TriggerInput;
use crate::scaler::MetricSpec;
use crate::secret::Secret;
use crate::trigger::Trigger;
use crate::value::Pairs;
use crate::wrap::Telemetry;
use reply::Outcome;

choices! {
    /// Whose AWS identity signs.
    pub(super) enum IdentityOwner {
        Pod = "pod",
        Operator = "operator",
        Workload = "workload",
    }
}

parameters! {
    /// What is asked, where, and as whom.
    pub(super) struct Config {
        /// The server's address, as `http://prometheus.monitoring:9090`, with a path if its API is below one.
        server_address: Address = "serverAddress" from [Metadata];
        /// The query in PromQL. Its result must be one number.
        query: String = "query" from [Metadata];
        /// What one replica is meant to take. Also needed with a formula.
        threshold: f64 = "threshold" from [Metadata];
        /// Active above this.
        activation_threshold: f64 = "activationThreshold" from [Metadata] { default("0") };
        /// Sent as the parameter `namespace`, for Thanos and the like.
        namespace: Option<String> = "namespace" from [Metadata];
        /// Further parameters of the request's query.
        query_parameters: Option<Pairs> = "queryParameters" from [Metadata];
        /// Further headers, as `X-Scope-OrgID=tenant`.
        custom_headers: Option<Pairs> = "customHeaders" from [Metadata];
        /// Whether an empty result, `null`, `NaN` and infinity count as 0. With `false` they are errors.
        ignore_null_values: bool = "ignoreNullValues" from [Metadata] { default("true") };
        /// Accept any certificate of the server.
        unsafe_ssl: bool = "unsafeSsl" from [Metadata] { default("false") };
        /// How long a read may take. Absent or `0`: the limit of all triggers.
        timeout: Option<Duration> = "timeout" from [Metadata];
        /// Which credentials are sent.
        auth: HttpAuthentication = block;
        /// The region of Amazon Managed Prometheus. Not available yet.
        aws_region: Option<String> = "awsRegion" from [Metadata, Auth];
        /// Whose AWS identity signs requests. Only `pod`, which signs nothing by itself, is available yet.
        identity_owner: Option<IdentityOwner> = "identityOwner" from [Metadata];
        /// The Azure cloud, with `podIdentity` azure-workload. Not available yet.
        cloud: Option<String> = "cloud" from [Metadata];
        /// The audience of tokens in a private Azure cloud. Not available yet.
        azure_resource: Option<String> = "azureManagedPrometheusResourceURL" from [Metadata];
        /// A Google service account (JSON) in a variable of the container. Not available yet.
        google_variable: Option<Secret> = "credentials" from [Env];
        /// A file with a Google service account. Refused, since it would be read from the machine that decides.
        _google_file: Option<String> = "credentialsFromEnvFile" from [Metadata] {
            removed("files of the machine that decides are not read as credentials")
        };
        /// A Google service account (JSON). Not available yet.
        google: Option<Secret> = "GoogleApplicationCredentials" from [Auth];
        /// Ignored, as in KEDA since 2.12.
        _metric_name: Option<String> = "metricName" from [Metadata] {
            deprecated("it has had no effect since KEDA 2.12; leave it out")
        };
        /// Ignored, as in KEDA since 2.15.
        _cortex: Option<String> = "cortexOrgId" from [Metadata] {
            deprecated("it has had no effect since KEDA 2.15; use customHeaders with X-Scope-OrgID")
        };
    }
}

/// A query bound to the shared client.
pub(super) struct Prometheus {
    url: Url,
    parameters: Vec<(String, Secret)>,
    headers: Vec<(String, Secret)>,
    ignore_null_values: bool,
    timeout: Option<Duration>,
    pool: Arc<Pool>,
    credentials: Credentials,
    telemetry: Telemetry,
}

#[async_trait]
impl Trigger for Prometheus {
    type Config = Config;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        let Address(address) = &config.server_address;
        if address.query().is_some() || address.fragment().is_some() {
            given.problem("serverAddress", "found a query or a fragment, expected only host, port and path");
        }
        config.auth.check(config.unsafe_ssl, given);
        clouds(config, given);
        let source = (shown(address), config.auth.identity(), config.unsafe_ssl);
        let spec = given.spec(Metric {
            name: "prometheus",
            target: ("threshold", config.threshold),
            activation: config.activation_threshold,
            source: source_of(("prometheus", source)),
        })?;
        Some(MetricSpec { time_limit: config.timeout.filter(|timeout| !timeout.is_zero()), ..spec })
    }

    fn connect(config: Config, _input: &TriggerInput, clients: &Clients) -> Self {
        let (pool, credentials) = config.auth.connect(config.unsafe_ssl, clients);
        let url = url(&config);
        Prometheus {
            url,
            parameters: list(config.query_parameters),
            headers: list(config.custom_headers),
            ignore_null_values: config.ignore_null_values,
            timeout: config.timeout.filter(|timeout| !timeout.is_zero()),
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
        let asked = tokio::time::timeout(limit, self.ask(now)).await;
        let outcome = asked.unwrap_or_else(|_| {
            let message = format!("no answer within {} ms", limit.as_millis());
            Err(self.request(now).error(ReadErrorKind::Timeout, &message))
        })?;
        self.reading(outcome, now)
    }
}

impl Prometheus {
    fn request(&self, now: Timestamp) -> Request {
        let mut url = self.url.clone();
        // Whole seconds, as KEDA asks, so that triggers that are read together ask the same.
        let seconds = now.as_millis().div_euclid(1000).to_string();
        url.query_pairs_mut().append_pair("time", &seconds);
        Request::get("querying Prometheus", url)
    }

    async fn ask(&self, now: Timestamp) -> Result<Outcome, ReadError> {
        let (request, answer) = self.send(now).await?;
        let unauthorized = answer.status.as_u16() == 401;
        // An access token may have been revoked before its time: once, another one is tried.
        let (request, answer) =
            if unauthorized && self.credentials.renew().await { self.send(now).await? } else { (request, answer) };
        reply::understand(&request, &answer)
    }

    async fn send(&self, now: Timestamp) -> Result<(Request, crate::http::Answer), ReadError> {
        let mut request = self.request(now);
        for (name, value) in &self.parameters {
            request.secret_query(name, value);
        }
        for (name, value) in &self.headers {
            request.header(name, value)?;
        }
        self.credentials.apply(&mut request).await?;
        let answer = self.pool.send_told(request.clone(), &self.telemetry).await?;
        Ok((request, answer))
    }

    fn reading(&self, outcome: Outcome, now: Timestamp) -> Result<Reading, ReadError> {
        let Outcome { result, mut notes } = outcome;
        if result.is_err() {
            self.telemetry.empty_answer(self.ignore_null_values);
        }
        let (value, raw) = match result {
            Ok(number) if number < 0.0 => {
                notes.push(format!("the query gave {number}; a negative number counts as 0"));
                (0.0, Some(number))
            }
            Ok(number) => (number, None),
            Err(nothing) if self.ignore_null_values => {
                notes.push(format!("{nothing}; it counts as 0 because ignoreNullValues is true"));
                (0.0, None)
            }
            Err(nothing) => {
                let message = format!("{nothing}, and ignoreNullValues is false; check the query");
                return Err(self.request(now).error(ReadErrorKind::Invalid, &message));
            }
        };
        let figures = (!notes.is_empty()).then(|| Arc::new(Figures { notes, ..Figures::default() }));
        Ok(Reading { activation_value: raw, figures, ..Reading::of(value, now) })
    }
}

/// The address of the query without the time.
fn url(config: &Config) -> Url {
    let mut url = config.server_address.0.clone();
    let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
    url.set_path(&path);
    let mut pairs = url.query_pairs_mut();
    pairs.append_pair("query", &config.query);
    if let Some(namespace) = &config.namespace {
        pairs.append_pair("namespace", namespace);
    }
    drop(pairs);
    url
}

fn list(pairs: Option<Pairs>) -> Vec<(String, Secret)> {
    pairs.map(|pairs| pairs.0.into_iter().collect()).unwrap_or_default()
}

/// Identities of clouds: refused where they are asked for, and never taken without being asked for.
fn clouds(config: &Config, given: &mut Given<'_>) {
    let identity = given.input.pod_identity.clone();
    if let Some(identity) = &identity {
        let message = if config.auth.any() {
            format!("podIdentity \"{identity}\" and authModes exclude each other; leave one of them out")
        } else {
            format!("podIdentity \"{identity}\" is not available for Prometheus yet; use authModes")
        };
        given.problem("podIdentity", message);
    }
    let google = [("credentialsFromEnv", &config.google_variable), ("GoogleApplicationCredentials", &config.google)];
    for (name, _) in google.into_iter().filter(|(_, text)| text.is_some()) {
        given.problem(name, "Google Cloud's identities are not available for Prometheus yet; use authModes");
    }
    let operator = matches!(config.identity_owner, Some(IdentityOwner::Operator | IdentityOwner::Workload));
    if config.aws_region.is_some() || operator {
        let name = if operator { "identityOwner" } else { "awsRegion" };
        given.problem(name, "signing for Amazon Managed Prometheus is not available yet; use authModes");
    }
    if identity.is_none() {
        let azure = [("cloud", &config.cloud), ("azureManagedPrometheusResourceURL", &config.azure_resource)];
        for (name, _) in azure.into_iter().filter(|(_, text)| text.is_some()) {
            given.warn(name, "has no effect without podIdentity azure-workload");
        }
    }
}

#[cfg(test)]
mod tests;
