//! `metrics.k8s.io`: what HPAs on CPU and memory ask for.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::kubelet::Kubelet;
use super::selector::Selector;
use super::usage::{ContainerUsage, PodUsage};

const GROUP_VERSION: &str = "metrics.k8s.io/v1beta1";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListQuery {
    label_selector: Option<String>,
}

/// Everything below `/apis/metrics.k8s.io`.
pub(crate) fn router(kubelet: Arc<Kubelet>) -> Router {
    Router::new()
        .route("/apis/metrics.k8s.io/v1beta1", get(discovery))
        .route("/apis/metrics.k8s.io/v1beta1/nodes", get(nodes))
        .route("/apis/metrics.k8s.io/v1beta1/pods", get(all))
        .route("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", get(of_namespace))
        .route("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{name}", get(one))
        .with_state(kubelet)
}

async fn discovery() -> Json<Value> {
    let verbs = ["get", "list"];
    Json(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": GROUP_VERSION,
        "resources": [
            {"name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": verbs},
            {"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": verbs},
        ],
    }))
}

async fn nodes(State(kubelet): State<Arc<Kubelet>>) -> Json<Value> {
    let pods = kubelet.usage.known(|_| true);
    let sum = |of: fn(&ContainerUsage) -> Option<f64>| {
        pods.iter().flat_map(|pod| &pod.containers).filter_map(of).sum::<f64>()
    };
    let usage = amounts(Some(sum(|container| container.cpu_cores)), Some(sum(|container| container.memory_bytes)));
    let (timestamp, window) = (jiff::Timestamp::now().to_string(), "1s");
    let node = json!({"metadata": {"name": kubelet.node}, "timestamp": timestamp, "window": window, "usage": usage});
    Json(json!({"kind": "NodeMetricsList", "apiVersion": GROUP_VERSION, "metadata": {}, "items": [node]}))
}

async fn all(State(kubelet): State<Arc<Kubelet>>, Query(query): Query<ListQuery>) -> Response {
    list(&kubelet, None, &query)
}

async fn of_namespace(
    State(kubelet): State<Arc<Kubelet>>,
    Path(namespace): Path<String>,
    Query(query): Query<ListQuery>,
) -> Response {
    list(&kubelet, Some(&namespace), &query)
}

fn list(kubelet: &Kubelet, namespace: Option<&str>, query: &ListQuery) -> Response {
    let Some(selector) = Selector::parse(query.label_selector.as_deref().unwrap_or_default()) else {
        return refused(StatusCode::BAD_REQUEST, "BadRequest", "the label selector cannot be read");
    };
    let wanted =
        |pod: &PodUsage| namespace.is_none_or(|namespace| pod.namespace == namespace) && selector.selects(&pod.labels);
    let items: Vec<Value> = kubelet.usage.known(wanted).iter().map(metrics).collect();
    let list = json!({"kind": "PodMetricsList", "apiVersion": GROUP_VERSION, "metadata": {}, "items": items});
    Json(list).into_response()
}

async fn one(State(kubelet): State<Arc<Kubelet>>, Path((namespace, name)): Path<(String, String)>) -> Response {
    let found = kubelet.usage.known(|pod| pod.namespace == namespace && pod.name == name);
    match found.first() {
        Some(pod) => Json(metrics(pod)).into_response(),
        None => refused(StatusCode::NOT_FOUND, "NotFound", &format!("no metrics known for pod \"{namespace}/{name}\"")),
    }
}

fn metrics(pod: &PodUsage) -> Value {
    let container = |container: &ContainerUsage| json!({"name": container.name, "usage": amounts(container.cpu_cores, container.memory_bytes)});
    json!({
        "kind": "PodMetrics",
        "apiVersion": GROUP_VERSION,
        "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": pod.labels},
        "timestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "window": "1s",
        "containers": pod.containers.iter().map(container).collect::<Vec<_>>(),
    })
}

/// As quantities: nanocores and bytes.
fn amounts(cpu_cores: Option<f64>, memory_bytes: Option<f64>) -> Value {
    let mut usage = serde_json::Map::new();
    if let Some(cores) = cpu_cores {
        usage.insert("cpu".to_owned(), json!(format!("{:.0}n", cores * 1e9)));
    }
    if let Some(bytes) = memory_bytes {
        usage.insert("memory".to_owned(), json!(format!("{bytes:.0}")));
    }
    Value::Object(usage)
}

fn refused(code: StatusCode, reason: &str, message: &str) -> Response {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code.as_u16(),
    });
    (code, Json(status)).into_response()
}
