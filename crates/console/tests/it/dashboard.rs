//! Every query of the Grafana dashboard, asked of a real Prometheus that scrapes the console.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::http::{Console, PATIENCE, eventually};
use crate::ports::free_ports;
use crate::scene;

struct Prometheus {
    process: Child,
    port: u16,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Prometheus {
    fn scrape(console: &Console, folder: &Path) -> Self {
        let config = folder.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n\
             - job_name: tidegate\n  static_configs: [{{targets: ['{}']}}]\n",
            console.address
        );
        std::fs::write(&config, text).unwrap();
        let [port] = free_ports().unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("prometheus.log")).unwrap())
            .spawn()
            .expect("prometheus is needed: run `cargo xtask setup`, or install Debian's package prometheus");
        Prometheus { process, port }
    }

    /// The answer of its API, or nothing while it starts.
    fn ask(&self, path: &str) -> Option<Value> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(socket, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).ok()?;
        let body = text.split_once("\r\n\r\n")?.1;
        serde_json::from_str(body).ok()
    }

    /// The result of a query: its series. Panics where Prometheus refuses it.
    fn query(&self, expression: &str) -> Vec<Value> {
        let Some(answer) = self.ask(&format!("/api/v1/query?query={}", encode(expression))) else { return Vec::new() };
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The expression as Grafana sends it.
fn filled(expression: &str) -> String {
    [
        ("$namespace", "shop"),
        ("$scaledObject", "orders"),
        ("$__rate_interval", "10s"),
        ("$__interval", "10s"),
        ("$__range", "15m"),
    ]
    .iter()
    .fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[test]
fn every_query_of_the_dashboard_gives_data() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/tidegate.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let console = Console::start(scene::store(scene::now()));
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::scrape(&console, folder.path());
    eventually("Prometheus has scraped the console a few times", || {
        let samples = prometheus.query("count_over_time(up{job=\"tidegate\"}[1m]) > 3");
        (!samples.is_empty()).then_some(())
    });
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = filled(target["expr"].as_str().unwrap());
            let series = eventually(&format!("{}: {expression}", panel["title"]), || {
                let series = prometheus.query(&expression);
                (!series.is_empty()).then_some(series)
            });
            for one in &series {
                let value: f64 = one["value"][1].as_str().unwrap().parse().unwrap();
                assert!(value.is_finite(), "{expression}: {one}");
            }
            asked += 1;
        }
    }
    assert!(asked >= 20, "only {asked} queries found");
    let annotation = filled(dashboard["annotations"]["list"][0]["expr"].as_str().unwrap());
    prometheus.query(&annotation);
    let lag =
        prometheus.query(&filled("tidegate_lag_records{namespace=\"$namespace\", scaledObject=\"$scaledObject\"}"));
    assert_eq!(lag[0]["value"][1], "119");
}

#[test]
fn the_variables_of_the_dashboard_find_the_targets() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/tidegate.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let console = Console::start(scene::store(scene::now()));
    let metrics = console.get("/metrics").body;
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let Some(definition) = variable["definition"].as_str() else { continue };
        let inner = definition.strip_prefix("label_values(").unwrap();
        let metric = inner.split(['{', ',']).next().unwrap();
        let label = inner.rsplit(", ").next().unwrap().trim_end_matches(')');
        let found = metrics.lines().any(|line| line.starts_with(metric) && line.contains(&format!("{label}=\"")));
        assert!(found, "{definition}: no series {metric} with label {label}");
    }
}
