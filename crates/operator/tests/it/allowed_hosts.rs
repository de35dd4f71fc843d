//! Where the credentials of an authentication object may go, by its annotation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tidegate_engine::TargetId;
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::installed::{apply, keda};
use crate::stage::{Stage, until};

const CANARY: &str = "canary-7d1e";

/// Answers as a metrics endpoint would.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"value": 7}));
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Whether a server has been sent the credential.
async fn has_it(server: &MockServer) -> bool {
    let requests = server.received_requests().await.unwrap();
    requests.iter().any(|request| format!("{:?}", request.headers).contains(CANARY))
}

/// A tenant's server for whatever is not HTTP; counts who connects.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, caught) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&caught);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, caught)
}

/// The cluster's authentication, with a bearer token and a login, for these hosts.
async fn authentication(stage: &Stage, hosts: &str) -> Value {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "prod"}, "stringData": {"word": CANARY}});
    apply(&stage.client, Some(&stage.namespace), &secret).await;
    let keys: Vec<Value> = ["bearerToken", "username", "password", "authToken"]
        .map(|parameter| json!({"parameter": parameter, "name": "prod", "key": "word"}))
        .into();
    let name = format!("prod-{}", stage.namespace);
    let object = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ClusterTriggerAuthentication",
        "metadata": {"name": name, "annotations": {"tidegate.dev/allowed-hosts": hosts}}, "spec": {"secretTargetRef": keys},
    });
    apply(&stage.client, None, &object).await;
    json!({"name": name, "kind": "ClusterTriggerAuthentication"})
}

async fn annotate(stage: &Stage, reference: &Value, hosts: &str) {
    let api: kube::Api<DynamicObject> =
        kube::Api::all_with(stage.client.clone(), &keda("ClusterTriggerAuthentication"));
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"tidegate.dev/allowed-hosts": hosts}}}));
    api.patch(reference["name"].as_str().unwrap(), &PatchParams::default(), &patch).await.unwrap();
}

fn metrics_api(url: &str, reference: &Value) -> Value {
    let metadata = json!({"url": url, "valueLocation": "value", "targetValue": "10", "authMode": "bearer"});
    json!([{"type": "metrics-api", "metadata": metadata, "authenticationRef": reference}])
}

/// What is said of an object by its condition and its metrics.
async fn said(stage: &Stage, name: &str) -> String {
    let values = stage.operator().board().all(&TargetId::new(&stage.namespace, name));
    let values = values.iter().flat_map(|values| values.iter()).filter_map(|value| value.value.as_ref().err());
    let told: Vec<String> = values.map(ToString::to_string).collect();
    format!("{} {}", stage.message(name, "Ready").await, told.join(" "))
}

/// PAIN-21: a tenant names a server of its own in a trigger with the cluster's credentials; they stay where they are for
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_cannot_have_the_clusters_credentials_sent_to_its_server() {
    let stage = Stage::new("pinned").await;
    let (prod, tenants, (address, caught)) = (server().await, server().await, trap().await);
    let hosts = format!("{}, *.prod.example.com", prod.address());
    let reference = authentication(&stage, &hosts).await;
    let kafka = json!({"bootstrapServers": address, "consumerGroup": "g", "topic": "t", "sasl": "plaintext"});
    for (name, triggers) in [
        ("honest", metrics_api(&prod.uri(), &reference)),
        ("http", metrics_api(&tenants.uri(), &reference)),
        ("kafka", json!([{"type": "kafka", "metadata": kafka, "authenticationRef": reference}])),
        ("grpc", json!([{"type": "external", "metadata": {"scalerAddress": address}, "authenticationRef": reference}])),
    ] {
        stage.deployment(name, 1).await;
        stage.scaled_object(name, json!({"triggers": triggers})).await;
    }
    until("the credentials are used where they are for", async || has_it(&prod).await).await;
    let expected = format!(
        "tidegate.dev/allowed-hosts of {} {}",
        "ClusterTriggerAuthentication",
        reference["name"].as_str().unwrap()
    );
    for name in ["http", "kafka", "grpc"] {
        until(&format!("{name} says why it is refused"), async || said(&stage, name).await.contains(&expected)).await;
    }
    assert_eq!(tenants.received_requests().await.unwrap().len(), 0, "the tenant's server was asked");
    assert_eq!(caught.load(Ordering::SeqCst), 0, "the tenant's server was connected to");

    // What cannot be understood allows nothing, and is seen.
    annotate(&stage, &reference, "https://prod").await;
    stage.deployment("late", 1).await;
    stage.scaled_object("late", json!({"triggers": metrics_api(&tenants.uri(), &reference)})).await;
    let expected = "expected hosts separated by commas";
    until("the annotation's mistake is told", async || said(&stage, "late").await.contains(expected)).await;
    assert_eq!(tenants.received_requests().await.unwrap().len(), 0, "the tenant's server was asked");

    // Whoever owns the credentials lets them go there, and they do, without an edit of any ScaledObject.
    annotate(&stage, &reference, &format!("{hosts} {}", tenants.address())).await;
    until("they are sent where the owner says", async || has_it(&tenants).await).await;
    assert_eq!(caught.load(Ordering::SeqCst), 0, "the tenant's other server was connected to");
    stage.until_condition("late", "Ready", "True/ScaledObjectReady").await;
}
