//! Samples to a Prometheus (or anything that takes its remote write 1.0) while a run goes on.
//!
//! [`run`] sends what a [`Collector`] heard since the last time. The series: `tidegate_lab_lag`,
//! `tidegate_lab_produced_total`, `tidegate_lab_consumed_total`, `tidegate_lab_replicas{state="desired"|"running"|
//! "ready"}` with the label `target`, and `tidegate_lab_load_produced_total`, `tidegate_lab_load_target_rate` with the
//! labels `load` and `topic`.

mod series;
mod wire;

use std::time::Duration;

use prost::Message;
use tidegate_engine::Timestamp;
use tokio_util::sync::CancellationToken;

use self::wire::{Label, Sample, TimeSeries, WriteRequest};
use crate::error::LabError;
use crate::report::Collector;
use crate::scenario::RemoteWriteSpec;

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a refusal is shown.
const LONGEST_ANSWER: usize = 300;

/// One series with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The metric's name.
    pub name: String,
    /// Further labels.
    pub labels: Vec<(String, String)>,
    /// Values in order of time.
    pub samples: Vec<(Timestamp, f64)>,
}

/// Sends series to one receiver.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: reqwest::Url,
}

impl Client {
    /// For a receiver's full URL, as `http://127.0.0.1:9090/api/v1/write`.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, LabError> {
        let wrong = |cause: String| LabError::RemoteWrite { url: hide_user(url), cause, retry: false };
        let parsed = reqwest::Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong(format!("found {}, expected http or https", parsed.scheme())));
        }
        let tls = tls().map_err(|error| wrong(error.to_string()))?;
        let builder = reqwest::Client::builder().timeout(timeout).tls_backend_preconfigured(tls);
        let http = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Client { http, url: parsed })
    }

    /// Sends `series`; does nothing when there is none.
    ///
    /// # Errors
    /// If the receiver cannot be reached or refuses; `retry` says whether another try may help.
    pub async fn push(&self, series: &[Series]) -> Result<(), LabError> {
        let request = WriteRequest { timeseries: series.iter().filter_map(encode).collect() };
        if request.timeseries.is_empty() {
            return Ok(());
        }
        let body = snap::raw::Encoder::new()
            .compress_vec(&request.encode_to_vec())
            .map_err(|error| self.failed(error.to_string(), false))?;
        let answer = self
            .http
            .post(self.url.clone())
            .header("Content-Type", "application/x-protobuf")
            .header("Content-Encoding", "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(body)
            .send()
            .await
            .map_err(|error| self.failed(chain(&error.without_url()), true))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = answer.text().await.unwrap_or_default();
        let text: String = text.trim().chars().take(LONGEST_ANSWER).collect();
        let hint = if status.as_u16() == 404 {
            "; a Prometheus takes samples only when started with --web.enable-remote-write-receiver"
        } else {
            ""
        };
        let retry = status.is_server_error() || status.as_u16() == 429;
        Err(self.failed(format!("answered {status}: {text}{hint}"), retry))
    }

    fn failed(&self, cause: String, retry: bool) -> LabError {
        LabError::RemoteWrite { url: hide_user(self.url.as_str()), cause, retry }
    }
}

/// Sends what `collector` heard, every `spec.interval` and once more after `stop`. A receiver that cannot be reached
/// is tried again with everything since it last took samples; refused samples are dropped with a warning.
///
/// # Errors
/// If the URL cannot be used.
pub async fn run(spec: &RemoteWriteSpec, collector: &Collector, stop: CancellationToken) -> Result<(), LabError> {
    let client = Client::new(&spec.url, TIMEOUT)?;
    let mut sent = Timestamp::EPOCH;
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(spec.interval) => false,
        };
        let (until, series) = series::since(&collector.snapshot(), sent);
        match client.push(&series).await {
            Ok(()) => sent = until,
            Err(error @ LabError::RemoteWrite { retry: true, .. }) => tracing::warn!("{error}; trying again"),
            Err(error) => {
                tracing::warn!("{error}; these samples are dropped");
                sent = until;
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// The public certificate authorities; no process-wide provider is needed.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Labels in the order that the protocol asks for. Values that are not numbers are left out.
fn encode(series: &Series) -> Option<TimeSeries> {
    let label = |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
    let mut labels = vec![label("__name__", &series.name)];
    labels.extend(series.labels.iter().map(|(name, value)| label(name, value)));
    labels.sort_by(|one, other| one.name.cmp(&other.name));
    let sample = |(at, value): &(Timestamp, f64)| Sample { value: *value, timestamp: at.as_millis() };
    let samples: Vec<Sample> = series.samples.iter().filter(|(_, value)| value.is_finite()).map(sample).collect();
    if samples.is_empty() { None } else { Some(TimeSeries { labels, samples }) }
}

/// An error with its causes, which is where the reason stands.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A URL without user and password.
fn hide_user(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        Err(_) => "an unreadable URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_in_the_protocols_order() {
        let series = Series {
            name: "up".to_owned(),
            labels: vec![("zone".to_owned(), "b".to_owned()), ("Zone".to_owned(), "a".to_owned())],
            samples: vec![(Timestamp::from_millis(5), 1.0), (Timestamp::from_millis(6), f64::NAN)],
        };
        let encoded = encode(&series).unwrap();
        let names: Vec<_> = encoded.labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["Zone", "__name__", "zone"]);
        assert_eq!(encoded.samples, [Sample { value: 1.0, timestamp: 5 }]);
        let bytes = WriteRequest { timeseries: vec![encoded.clone()] }.encode_to_vec();
        assert_eq!(WriteRequest::decode(bytes.as_slice()).unwrap().timeseries, [encoded]);
    }

    #[test]
    fn credentials_in_the_address_are_not_shown() {
        let error = Client::new("ftp://user:hunter2@example.org/", TIMEOUT).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("expected http or https"), "{error}");
    }
}
