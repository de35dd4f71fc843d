//! HorizontalPodAutoscalers move what runs here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{Patch, PatchParams};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tidegate_cluster::{ApiServiceName, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::bench::{Place, shell, until};

async fn autoscaler(place: &Place, metric: Value) {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "work"});
    let window = json!({"stabilizationWindowSeconds": 0});
    let spec = json!({
        "scaleTargetRef": target,
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [metric],
        "behavior": {"scaleDown": window},
    });
    place.create::<HorizontalPodAutoscaler>(json!({"metadata": {"name": "work"}, "spec": spec})).await;
}

#[tokio::test]
async fn on_cpu_by_what_the_node_measures_and_by_what_pods_pretend() {
    let place = Place::new("cpu").await;
    let mut container = json!({"name": "main", "image": "none"});
    container["resources"] = json!({"requests": {"cpu": "100m"}});
    place.deployment(1, container, json!({"node.tidegate.dev/cpu": "300m"})).await;
    let utilization = json!({"type": "Utilization", "averageUtilization": 100});
    autoscaler(&place, json!({"type": "Resource", "resource": {"name": "cpu", "target": utilization}})).await;
    // Each new pod says the same of itself, so that it goes to the limit.
    until("it is scaled to its limit", async || place.counts().await == (5, 5)).await;

    let place = Place::new("busy").await;
    let mut container = shell("while true; do :; done");
    container["resources"] = json!({"requests": {"cpu": "10m"}});
    place.deployment(1, container, json!({})).await;
    autoscaler(&place, json!({"type": "Resource", "resource": {"name": "cpu", "target": utilization}})).await;
    until("it is scaled up", async || place.counts().await.0 > 1).await;
    place.scale(0).await;
}

/// The value that the test's metrics API gives, in whole units.
type Value32 = Arc<AtomicU32>;

async fn metric(State(value): State<Value32>) -> Json<Value> {
    let item = json!({
        "metricName": "load",
        "metricLabels": {},
        "timestamp": "2026-01-01T00:00:00Z",
        "value": value.load(Ordering::Relaxed).to_string(),
    });
    Json(json!({
        "kind": "ExternalMetricValueList",
        "apiVersion": "external.metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [item],
    }))
}

async fn discovery() -> Json<Value> {
    let group = "external.metrics.k8s.io/v1beta1";
    Json(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": []}))
}

/// Serves external metrics over TLS.
async fn serve(certificate: &KeyPair, value: Value32) -> SocketAddr {
    let root = "/apis/external.metrics.k8s.io/v1beta1";
    let router = Router::new()
        .route(root, get(discovery))
        .route(&format!("{root}/namespaces/{{namespace}}/load"), get(metric))
        .with_state(value);
    let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate.certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn on_an_external_metric_that_this_process_serves() {
    let place = Place::new("external").await;
    let _turn = place.cluster.alone().await;
    let hosts = ["metrics.external-test.svc"];
    let certificate = place.cluster.authority().server("external-test", &hosts).unwrap();
    let value = Value32::new(AtomicU32::new(40));
    let address = serve(&certificate, Arc::clone(&value)).await;
    let service =
        ApiServiceName { namespace: "external-test".to_owned(), name: "metrics".to_owned(), port: address.port() };
    place.cluster.aggregate_external_metrics(&service, &place.cluster.authority().pem()).await;

    place.deployment(1, json!({"name": "main", "image": "none"}), json!({})).await;
    let target = json!({"type": "AverageValue", "averageValue": "10"});
    autoscaler(&place, json!({"type": "External", "external": {"metric": {"name": "load"}, "target": target}})).await;
    until("four run", async || place.counts().await == (4, 4)).await;
    value.store(15, Ordering::Relaxed);
    until("two run", async || place.counts().await == (2, 2)).await;
    let restricted = Patch::Merge(json!({"spec": {"maxReplicas": 3}}));
    place.api::<HorizontalPodAutoscaler>().patch("work", &PatchParams::default(), &restricted).await.unwrap();
    value.store(1000, Ordering::Relaxed);
    until("three run", async || place.counts().await == (3, 3)).await;
    place.cluster.disaggregate_external_metrics().await;
}
