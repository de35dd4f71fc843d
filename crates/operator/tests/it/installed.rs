//! What tests put into the shared cluster.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::Value;
use tidegate_cluster::Cluster;
use tokio::sync::OnceCell;

static CRDS: OnceCell<()> = OnceCell::const_new();

/// The cluster with our CRDs.
pub(crate) async fn cluster() -> &'static Cluster {
    let cluster = Cluster::shared().await;
    CRDS.get_or_init(|| async {
        for kind in tidegate_crds::crd::KINDS {
            apply(&cluster.client(), None, tidegate_crds::crd::crd(kind).expect("a definition")).await;
        }
        for kind in ["ScaledObject", "TriggerAuthentication", "ClusterTriggerAuthentication"] {
            let api: Api<DynamicObject> = Api::all_with(cluster.client(), &keda(kind));
            until(&format!("{kind} is served"), async || api.list(&Default::default()).await.is_ok()).await;
        }
    })
    .await;
    cluster
}

/// A kind of `keda.sh`.
pub(crate) fn keda(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", kind))
}

/// Makes an object, or changes it to this.
pub(crate) async fn apply(client: &Client, namespace: Option<&str>, object: &Value) {
    let text = |field: &Value| field.as_str().expect("a text").to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    // English has its own plural of this one.
    if kind == "NetworkPolicy" {
        resource.plural = "networkpolicies".into();
    }
    let own = object["metadata"]["namespace"].as_str();
    let api: Api<DynamicObject> = match own.or(namespace) {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = text(&object["metadata"]["name"]);
    let parameters = PatchParams::apply("tests").force();
    api.patch(&name, &parameters, &Patch::Apply(object)).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
