//! `/metrics` under KEDA's names.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::http::Console;
use crate::scene;

/// TEL-01, TEL-04, TEL-06, TEL-08
#[test]
fn keda_s_series_have_its_names_labels_and_our_values() {
    let console = Console::start(scene::store(scene::now()));
    let answer = console.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let scaler = |object: &str| {
        format!(
            "{{namespace=\"shop\",metric=\"s0-kafka-{object}\",scaledObject=\"{object}\",\
             scaler=\"kafkaScaler\",triggerIndex=\"0\",type=\"scaledobject\"}}"
        )
    };
    let object = |name: &str| format!("{{namespace=\"shop\",scaledObject=\"{name}\"}}");
    for line in [
        format!("keda_scaler_active{} 1", scaler("orders")),
        format!("keda_scaler_metrics_value{} 119", scaler("orders")),
        format!("keda_scaler_metrics_latency_seconds{} 0", scaler("orders")),
        format!("keda_scaler_detail_errors_total{} 0", scaler("orders")),
        format!("keda_scaler_detail_errors_total{} 2", scaler("mail")),
        format!("keda_scaled_object_errors_total{} 0", object("orders")),
        format!("keda_scaled_object_errors_total{} 2", object("mail")),
        format!("keda_scaled_object_paused{} 0", object("orders")),
        "keda_trigger_registered_total{type=\"kafka\"} 2".to_owned(),
        "keda_resource_registered_total{type=\"scaled_object\",namespace=\"shop\"} 2".to_owned(),
        format!("tidegate_desired_replicas{} 1", object("orders")),
        format!("tidegate_useful_replicas{} 4", object("orders")),
        format!("tidegate_lag_records{} 119", object("orders")),
        "tidegate_decisions_total{namespace=\"shop\",scaledObject=\"orders\",rule=\"metrics\"} 600".to_owned(),
        "tidegate_scale_events_total{namespace=\"shop\",scaledObject=\"orders\",direction=\"out\"} 5".to_owned(),
        "tidegate_scale_events_total{namespace=\"shop\",scaledObject=\"orders\",direction=\"in\"} 4".to_owned(),
        "tidegate_trigger_up{namespace=\"shop\",metric=\"s0-kafka-mail\",scaledObject=\"mail\",triggerIndex=\"0\"} 0"
            .to_owned(),
    ] {
        assert!(answer.body.lines().any(|found| found == line), "no line {line} in\n{}", answer.body);
    }
    assert!(answer.body.contains("keda_build_info{version=\"1.2.3\",git_commit=\"abc\",goversion="));
    assert!(!answer.body.contains("tidegate_lag_records{namespace=\"shop\",scaledObject=\"mail\"}"), "no lag is known");
}

/// TEL-09
#[test]
fn lateness_and_latency_are_those_reported() {
    let store = scene::store(scene::now());
    store.lateness(&scene::orders(), std::time::Duration::from_millis(15));
    store.reading_took(&scene::orders(), 0, std::time::Duration::from_millis(250));
    store.resources("trigger_authentication", "shop", 3);
    let body = Console::start(store).get("/metrics").body;
    assert!(body.contains(
        "keda_internal_scale_loop_latency_seconds{namespace=\"shop\",type=\"scaledobject\",resource=\"orders\"} 0.015"
    ));
    assert!(body.contains("triggerIndex=\"0\",type=\"scaledobject\"} 0.25"));
    assert!(body.contains("keda_resource_registered_total{type=\"trigger_authentication\",namespace=\"shop\"} 3"));
}

/// What promtool finds fault with and must stay: KEDA's camel-case labels, and its gauges that end in `_total`.
fn keda_s_way(line: &str) -> bool {
    line.ends_with("label names should be written in 'snake_case' not 'camelCase'")
        || line == "keda_trigger_registered_total non-counter metrics should not have \"_total\" suffix"
        || line == "keda_resource_registered_total non-counter metrics should not have \"_total\" suffix"
}

#[test]
fn promtool_finds_nothing_else_to_blame() {
    let body = Console::start(scene::store(scene::now())).get("/metrics").body;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed: run `cargo xtask setup`, or install Debian's package prometheus");
    promtool.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let faults: Vec<&str> = told.lines().filter(|line| !line.is_empty() && !keda_s_way(line)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(matches!(output.status.code(), Some(0 | 3)), "the text does not parse: {told}");
}
