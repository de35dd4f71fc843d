//! What an observer is told of a trigger's requests and empty answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tidegate_engine::Timestamp;
use tidegate_scalers::{Clients, HttpCall, ReadObserver, TriggerInput, TriggerName, catalog};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::fixtures::input;
use crate::server::nobody;

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl ReadObserver for Seen {
    fn http(&self, call: &HttpCall<'_>) {
        let TriggerName { namespace, scaled_object, kind, trigger, metric } = call.name;
        let line = format!("{namespace} {scaled_object} {kind} {trigger} {metric} {:?}", call.status);
        self.0.lock().unwrap().push(line);
    }

    fn empty_answer(&self, name: &TriggerName, ignored: bool) {
        self.0.lock().unwrap().push(format!("{} empty, ignored: {ignored}", name.metric));
    }
}

async fn told(input: TriggerInput) -> Vec<String> {
    let seen = Arc::new(Seen::default());
    let clients = Clients::new().observed_by(seen.clone());
    let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    let input = TriggerInput { name: Some("mine".to_owned()), ..input };
    let _ = catalog::check(&input).unwrap().connect(&clients).read(now, Duration::from_secs(30)).await;

    seen.0.lock().unwrap().clone()
}

#[tokio::test]
async fn requests_are_told_with_their_status() {
    let server = MockServer::start().await;
    Mock::given(path("/stats")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let metadata = |url: &str| input("metrics-api", &[("url", url), ("valueLocation", "a"), ("targetValue", "1")], &[]);
    let name = "shop orders metrics-api mine s0-metric-api-a";
    assert_eq!(told(metadata(&format!("{}/stats", server.uri()))).await, [format!("{name} Some(503)")]);
    assert_eq!(told(metadata(&format!("http://{}/", nobody().await))).await, [format!("{name} None")]);
}

#[tokio::test]
async fn empty_answers_are_told() {
    let server = MockServer::start().await;
    let body = json!({ "status": "success", "data": { "resultType": "vector", "result": [] } });
    Mock::given(path("/api/v1/query"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    for (ignore, ignored) in [("true", true), ("false", false)] {
        let address = server.uri();
        let metadata =
            [("serverAddress", &*address), ("query", "up"), ("threshold", "1"), ("ignoreNullValues", ignore)];
        let lines = told(input("prometheus", &metadata, &[])).await;
        let empty = format!("s0-prometheus empty, ignored: {ignored}");
        assert_eq!(lines, ["shop orders prometheus mine s0-prometheus Some(200)".to_owned(), empty]);
    }
}
