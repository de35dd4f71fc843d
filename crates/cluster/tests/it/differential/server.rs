//! The two metrics APIs that the controller asks.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tidegate_cluster::KeyPair;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::object::Object;

type Objects = Arc<HashMap<String, Arc<Object>>>;

/// Serves until the process ends; gives the port.
pub(crate) async fn start(certificate: &KeyPair, objects: &[Arc<Object>]) -> u16 {
    let objects: HashMap<String, Arc<Object>> =
        objects.iter().map(|object| (object.name.clone(), Arc::clone(object))).collect();
    let router = Router::new()
        .route("/apis/{group}/v1beta1", get(discovery))
        .route("/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}", get(external))
        .route("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", get(resource))
        .with_state(Arc::new(objects));
    let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate.certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&certificate.key).unwrap();
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    port
}

async fn discovery(Path(group): Path<String>) -> Json<Value> {
    let pods =
        json!({"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]});
    let resources = if group == "metrics.k8s.io" { vec![pods] } else { vec![] };
    let version = format!("{group}/v1beta1");
    Json(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}))
}

async fn external(State(objects): State<Objects>, Path((_, metric)): Path<(String, String)>) -> Response {
    let Some((name, index)) = metric.rsplit_once('-') else { return refused("there is no such metric") };
    let Some(object) = objects.get(name) else { return refused("there is no such object") };
    let Some(milli) = object.asked(index.parse().unwrap()).await.value else { return refused("the source is down") };
    let item = json!({"metricName": metric, "metricLabels": {}, "timestamp": now(), "value": format!("{milli}m")});
    let version = "external.metrics.k8s.io/v1beta1";
    Json(json!({"kind": "ExternalMetricValueList", "apiVersion": version, "metadata": {}, "items": [item]}))
        .into_response()
}

async fn resource(
    State(objects): State<Objects>,
    Path(namespace): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let selector = query.get("labelSelector").cloned().unwrap_or_default();
    let name = selector.strip_prefix("app=").unwrap_or_default();
    let Some(object) = objects.get(name) else { return refused("there is no such object") };
    let index = object.resource_index();
    let pods = object.asked(index).await.pods;
    let items: Vec<Value> = pods.iter().filter_map(|pod| pod.metrics(&namespace)).collect();
    let version = "metrics.k8s.io/v1beta1";
    Json(json!({"kind": "PodMetricsList", "apiVersion": version, "metadata": {}, "items": items})).into_response()
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn refused(message: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "ServiceUnavailable", "message": message, "code": 500,
    });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(status)).into_response()
}
