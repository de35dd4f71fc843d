//! The lag as Prometheus metrics, under the common Kafka exporter's names, read when asked for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tidegate_scalers::kafka::{LagQuery, LagReader, LagReport};
use tokio_util::sync::CancellationToken;

use crate::exit::{Done, Failed};
use crate::output::note;

/// Serves `/metrics` and `/healthz` until told to stop.
pub(crate) async fn serve(
    address: SocketAddr,
    reader: LagReader,
    query: LagQuery,
    timeout: Duration,
    stop: CancellationToken,
) -> Done {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| Failed::work(format!("listening on {address}: {error}")))?;
    let address = listener.local_addr().unwrap_or(address);
    note(&format!("serving lag at http://{address}/metrics"));
    // Scrapes that come while one is under way wait for their turn: the cluster is asked once at a time.
    let reader = Arc::new(tokio::sync::Mutex::new((reader, query)));
    let metrics = move || {
        let reader = Arc::clone(&reader);
        async move {
            let reader = reader.lock().await;
            match reader.0.read(&reader.1, timeout).await {
                Ok(report) => text(&report),
                // No stale number: Prometheus marks the series as absent, which is the truth.
                Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
            }
        }
    };
    let router = Router::new().route("/metrics", get(metrics)).route("/healthz", get(|| async { "ok\n" }));
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .map_err(|error| Failed::work(format!("serving on {address}: {error}")))
}

fn text(report: &LagReport) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render(report)).into_response()
}

/// All series in Prometheus' text format, grouped by name.
pub(crate) fn render(report: &LagReport) -> String {
    let mut families = Families::default();
    let mut topics: BTreeMap<(&str, i32), (i64, Option<i64>)> = BTreeMap::new();
    for group in report.groups.iter().filter(|group| group.error.is_none()) {
        let consumer = format!("consumergroup=\"{}\"", escaped(&group.group));
        if let Some(members) = group.members {
            families.add("kafka_consumergroup_members", "Members of a consumer group", &consumer, i64::from(members));
        }
        let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for partition in &group.partitions {
            topics.insert((&partition.topic, partition.partition), (partition.end, partition.log_start));
            let labels =
                format!("{consumer},topic=\"{}\",partition=\"{}\"", escaped(&partition.topic), partition.partition);
            let sum = sums.entry(&partition.topic).or_default();
            if let Some(committed) = partition.committed {
                sum.0 += committed;
                families.add("kafka_consumergroup_current_offset", "Committed offset", &labels, committed);
            }
            if let Some(lag) = partition.lag {
                sum.1 += lag;
                families.add("kafka_consumergroup_lag", "Records waiting", &labels, lag);
            }
        }
        for (topic, (committed, lag)) in sums {
            let labels = format!("{consumer},topic=\"{}\"", escaped(topic));
            families.add("kafka_consumergroup_current_offset_sum", "Committed offsets of a topic", &labels, committed);
            families.add("kafka_consumergroup_lag_sum", "Records waiting in a topic", &labels, lag);
        }
    }
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for ((topic, partition), (end, log_start)) in topics {
        *counts.entry(topic).or_default() += 1;
        let labels = format!("topic=\"{}\",partition=\"{partition}\"", escaped(topic));
        families.add("kafka_topic_partition_current_offset", "End offset", &labels, end);
        if let Some(log_start) = log_start {
            families.add("kafka_topic_partition_oldest_offset", "First offset that is kept", &labels, log_start);
        }
    }
    for (topic, count) in counts {
        families.add("kafka_topic_partitions", "Partitions seen", &format!("topic=\"{}\"", escaped(topic)), count);
    }
    families.0.into_values().collect()
}

#[derive(Default)]
struct Families(BTreeMap<&'static str, String>);

impl Families {
    fn add(&mut self, name: &'static str, help: &str, labels: &str, value: i64) {
        let text = self.0.entry(name).or_insert_with(|| format!("# HELP {name} {help}.\n# TYPE {name} gauge\n"));
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

/// A label's value as the text format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use tidegate_engine::{ReadError, ReadErrorKind, Timestamp};
    use tidegate_scalers::kafka::{GroupLag, LagReport, PartitionLag};

    use super::render;

    fn partition(partition: i32, committed: Option<i64>, end: i64, lag: Option<i64>) -> PartitionLag {
        PartitionLag { topic: "or\"ders".into(), partition, committed, log_start: Some(1), end, lag }
    }

    fn group(name: &str, partitions: Vec<PartitionLag>, error: Option<ReadError>) -> GroupLag {
        GroupLag { group: name.into(), state: Some("Stable".into()), members: Some(2), partitions, error }
    }

    fn report() -> LagReport {
        let partitions = vec![partition(0, Some(40), 100, Some(60)), partition(1, None, 7, None)];
        let unread = Some(ReadError::new(ReadErrorKind::Timeout, "no answer"));
        let groups = vec![group("orders", partitions, None), group("unread", Vec::new(), unread)];
        LagReport { at: Timestamp::EPOCH, requests: 3, connections: 1, total_requests: 3, groups }
    }

    #[test]
    fn series_bear_the_common_exporter_s_names() {
        let text = render(&report());
        for line in [
            r#"kafka_consumergroup_lag{consumergroup="orders",topic="or\"ders",partition="0"} 60"#,
            r#"kafka_consumergroup_lag_sum{consumergroup="orders",topic="or\"ders"} 60"#,
            r#"kafka_consumergroup_current_offset{consumergroup="orders",topic="or\"ders",partition="0"} 40"#,
            r#"kafka_consumergroup_members{consumergroup="orders"} 2"#,
            r#"kafka_topic_partition_current_offset{topic="or\"ders",partition="1"} 7"#,
            r#"kafka_topic_partition_oldest_offset{topic="or\"ders",partition="0"} 1"#,
            r#"kafka_topic_partitions{topic="or\"ders"} 2"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        // What is not known has no series: no lag without a commit, nothing of a group that could not be read.
        assert!(!text.contains(r#"lag{consumergroup="orders",topic="or\"ders",partition="1"}"#), "{text}");
        assert!(!text.contains("unread"), "{text}");
    }

    #[test]
    fn prometheus_own_checker_finds_no_syntax_error() {
        let mut check = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is needed: run `cargo xtask setup`");
        std::io::Write::write_all(check.stdin.as_mut().unwrap(), render(&report()).as_bytes()).unwrap();
        let output = check.wait_with_output().unwrap();
        // 3 is advice about names, which are the common exporter's and not ours to change.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 3)) && !said.contains("error"), "{said}");
    }
}
