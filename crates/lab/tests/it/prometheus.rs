//! Remote write into a real Prometheus.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidegate_engine::{Reading, TargetId, Timestamp};
use tidegate_lab::LabError;
use tidegate_lab::remote_write::{self, Client, Series};
use tidegate_lab::report::Collector;
use tidegate_lab::scenario::RemoteWriteSpec;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, free_port};

/// A Prometheus that ends with the test.
struct Prometheus {
    process: Child,
    base: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn prometheus(receives: bool) -> Prometheus {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("prometheus.yml"), "scrape_configs: []\n").unwrap();
    let base = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={base}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if receives {
        command.arg("--web.enable-remote-write-receiver");
    }
    let process = command.spawn().unwrap_or_else(|error| {
        panic!("prometheus cannot be started ({error}): install it (cargo xtask setup says how) and run the test again")
    });
    let server = Prometheus { process, base: format!("http://{base}"), _folder: folder };
    let deadline = std::time::Instant::now() + PATIENCE;
    while get(&format!("{}/-/ready", server.base)).await.is_none() {
        assert!(std::time::Instant::now() < deadline, "prometheus is not ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server
}

async fn get(url: &str) -> Option<String> {
    let answer = plain_client().get(url).send().await.ok()?;
    if answer.status().is_success() { answer.text().await.ok() } else { None }
}

fn plain_client() -> reqwest::Client {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap()
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

async fn query(server: &Prometheus, expression: &str) -> serde_json::Value {
    let text = get(&format!("{}/api/v1/query?query={expression}", server.base)).await.unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["data"]["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_takes_the_samples_of_a_run() {
    let server = prometheus(true).await;
    let collector = Collector::default();
    let target = TargetId::new("shop", "orders");
    let start = now();
    for second in 0..5 {
        let at = start - Duration::from_secs(5 - second);
        collector.reading(&target, 0, "s0", &Ok(Reading::of(second as f64 * 10.0, at)), at);
    }
    let url = format!("{}/api/v1/write", server.base);
    let spec = RemoteWriteSpec { url, interval: Duration::from_secs(3600) };
    let stop = CancellationToken::new();
    stop.cancel();
    remote_write::run(&spec, &collector, stop).await.unwrap();
    let result = query(&server, "tidegate_lab_lag").await;
    assert_eq!(result[0]["metric"]["target"], "shop/orders", "{result}");
    assert_eq!(result[0]["value"][1], "40", "{result}");
    let counted = query(&server, "count_over_time(tidegate_lab_lag[1m])").await;
    assert_eq!(counted[0]["value"][1], "5", "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_refuses_is_said_with_its_reason() {
    let server = prometheus(false).await;
    let client = Client::new(&format!("{}/api/v1/write", server.base), PATIENCE).unwrap();
    let series = [Series { name: "up".to_owned(), labels: vec![], samples: vec![(now(), 1.0)] }];
    let error = client.push(&series).await.unwrap_err();
    assert!(error.to_string().contains("--web.enable-remote-write-receiver"), "{error}");
    assert!(matches!(error, LabError::RemoteWrite { retry: false, .. }));

    let nobody = Client::new(&format!("http://127.0.0.1:{}/api/v1/write", free_port()), PATIENCE).unwrap();
    let error = nobody.push(&series).await.unwrap_err();
    assert!(matches!(error, LabError::RemoteWrite { retry: true, .. }), "{error}");
}
