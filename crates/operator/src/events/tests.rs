//! The recorder against servers that answer as they are told to.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Config};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Kind, Recorder, reasons};

fn client(server: &MockServer) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(Config::new(server.uri().parse().expect("a URI"))).expect("a client")
}

fn about(name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("keda.sh/v1alpha1".into()),
        kind: Some("ScaledObject".into()),
        namespace: Some("shop".into()),
        name: Some(name.into()),
        uid: Some(format!("uid-of-{name}")),
        ..ObjectReference::default()
    }
}

fn failed(recorder: &Recorder, name: &str, note: &str) {
    recorder.emit(about(name), Kind::Warning, reasons::SCALER_FAILED, "ReadTrigger", note.to_owned());
}

async fn flushed(recorder: &Recorder) {
    tokio::time::timeout(Duration::from_secs(30), recorder.flush()).await.expect("all is written");
}

#[tokio::test]
async fn what_repeats_is_one_event_with_a_count() {
    let server = MockServer::start().await;
    let created = |request: &wiremock::Request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        ResponseTemplate::new(201).set_body_json(body)
    };
    let events = "/apis/events.k8s.io/v1/namespaces/shop/events";
    Mock::given(method("POST")).and(path(events)).respond_with(created).expect(2).mount(&server).await;
    Mock::given(method("PATCH"))
        .and(path_regex("^/apis/events.k8s.io/v1/namespaces/shop/events/orders\\..*"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(serde_json::json!({ "metadata": {}, "eventTime": null })),
        )
        .expect(1)
        .mount(&server)
        .await;
    let recorder = Recorder::start(client(&server), "keda-operator", "replica-1");
    for _ in 0..50 {
        failed(&recorder, "orders", "connection refused");
    }
    failed(&recorder, "orders", "no such topic");
    flushed(&recorder).await;
    assert_eq!(recorder.dropped(), 0);
    let requests = server.received_requests().await.expect("recorded");
    let first: serde_json::Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    assert_eq!(first["reportingController"], "keda-operator");
    assert_eq!(first["reportingInstance"], "replica-1");
    assert_eq!(first["regarding"]["uid"], "uid-of-orders");
    assert_eq!(first["type"], "Warning");
    assert_eq!(first["action"], "ReadTrigger");
}

#[tokio::test]
async fn an_event_that_the_server_refuses_is_dropped_and_the_next_is_written() {
    let server = MockServer::start().await;
    let refusal = serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "namespace is being terminated", "reason": "Forbidden", "code": 403 });
    let events = "/apis/events.k8s.io/v1/namespaces/shop/events";
    Mock::given(method("POST"))
        .and(path(events))
        .respond_with(ResponseTemplate::new(403).set_body_json(refusal))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let taken = ResponseTemplate::new(201).set_body_json(serde_json::json!({ "metadata": {}, "eventTime": null }));
    Mock::given(method("POST")).and(path(events)).respond_with(taken).expect(1).mount(&server).await;
    let recorder = Recorder::start(client(&server), "keda-operator", "");
    failed(&recorder, "orders", "first");
    failed(&recorder, "orders", "second");
    flushed(&recorder).await;
    assert_eq!(recorder.dropped(), 1);
}

#[tokio::test]
async fn a_disabled_recorder_says_nothing_and_waits_for_nothing() {
    let recorder = Recorder::disabled();
    failed(&recorder, "orders", "anything");
    recorder.flush().await;
    assert_eq!(recorder.dropped(), 0);
}
