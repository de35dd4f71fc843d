//! Events, written to a real API server.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use tidegate_operator::Recorder;
use tidegate_operator::events::{Kind, reasons};

use crate::installed::cluster;

fn about(namespace: &str, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("keda.sh/v1alpha1".into()),
        kind: Some("ScaledObject".into()),
        namespace: Some(namespace.into()),
        name: Some(name.into()),
        ..ObjectReference::default()
    }
}

/// EV-21: a note may be longer than the action; both are within the API's limits, and what repeats is one event.
#[tokio::test]
async fn events_are_taken_by_the_api_server_whatever_their_length_and_repetitions_are_counted() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("events").await;
    let recorder = Recorder::start(cluster.client(), "keda-operator", "replica-1");
    let note = "the broker refused the connection ".repeat(60);
    for _ in 0..5 {
        recorder.emit(
            about(&namespace, "orders"),
            Kind::Warning,
            reasons::SCALER_FAILED,
            "an action that is far longer than the hundred and twenty-eight characters that the API of events allows it to \
             be, so that it has to be cut",
            note.clone(),
        );
    }
    recorder.emit(about(&namespace, "orders"), Kind::Normal, reasons::SCALED_OBJECT_READY, "", "served".into());
    recorder.flush().await;
    assert_eq!(recorder.dropped(), 0);
    let api: Api<Event> = Api::namespaced(cluster.client(), &namespace);
    let events = api.list(&Default::default()).await.expect("listed").items;
    assert_eq!(events.len(), 2, "{events:#?}");
    let failed = events.iter().find(|event| event.reason.as_deref() == Some("KEDAScalerFailed")).expect("told");
    assert_eq!(failed.series.as_ref().map(|series| series.count), Some(2), "the first repetition is written at once");
    assert_eq!(failed.type_.as_deref(), Some("Warning"));
    assert_eq!(failed.reporting_instance.as_deref(), Some("replica-1"));
    assert!(failed.note.as_ref().is_some_and(|note| note.len() <= 1024 && note.ends_with('…')));
}

/// An event about an object in a namespace that is gone is dropped, and holds nothing up.
#[tokio::test]
async fn an_event_for_a_namespace_that_is_gone_is_dropped() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("events").await;
    let recorder = Recorder::start(cluster.client(), "keda-operator", "replica-1");
    recorder.emit(about("never-was", "orders"), Kind::Normal, reasons::SCALED_OBJECT_READY, "Serve", "served".into());
    recorder.emit(about(&namespace, "orders"), Kind::Normal, reasons::SCALED_OBJECT_READY, "Serve", "served".into());
    recorder.flush().await;
    assert_eq!(recorder.dropped(), 1);
    let api: Api<Event> = Api::namespaced(cluster.client(), &namespace);
    assert_eq!(api.list(&Default::default()).await.expect("listed").items.len(), 1);
}
