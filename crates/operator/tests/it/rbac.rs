//! What the account that deploy/ gives the operator may do, and what it may not.

use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client};
use serde_json::Value;

use crate::installed::{apply, cluster, until};

const MANIFESTS: &str = include_str!("../../../../deploy/tidegate.yaml");

/// verb, group, resource (with subresource), namespace (empty: all), name (empty: any), allowed
const TABLE: &[(&str, &str, &str, &str, &str, bool)] = &[
    // Its manifests: read them, tell about them, but neither make nor delete any.
    ("list", "keda.sh", "scaledobjects", "", "", true),
    ("watch", "keda.sh", "scaledobjects", "", "", true),
    ("patch", "keda.sh", "scaledobjects", "shop", "", true),
    ("patch", "keda.sh", "scaledobjects/status", "shop", "", true),
    ("patch", "keda.sh", "triggerauthentications/status", "shop", "", true),
    ("list", "keda.sh", "clustertriggerauthentications", "", "", true),
    ("list", "tidegate.dev", "scalingpolicies", "", "", true),
    ("create", "keda.sh", "scaledobjects", "shop", "", false),
    ("delete", "keda.sh", "scaledobjects", "shop", "", false),
    ("update", "tidegate.dev", "scalingpolicies", "shop", "", false),
    // Autoscalers are its own to make.
    ("create", "autoscaling", "horizontalpodautoscalers", "shop", "", true),
    ("delete", "autoscaling", "horizontalpodautoscalers", "shop", "", true),
    ("deletecollection", "autoscaling", "horizontalpodautoscalers", "shop", "", false),
    // Workloads: their replicas and nothing else.
    ("watch", "apps", "deployments", "", "", true),
    ("patch", "apps", "deployments/scale", "shop", "", true),
    ("patch", "apps", "statefulsets/scale", "shop", "", true),
    ("patch", "apps", "deployments", "shop", "", false),
    ("update", "apps", "deployments", "shop", "", false),
    ("create", "apps", "deployments", "shop", "", false),
    ("delete", "apps", "statefulsets", "shop", "", false),
    ("patch", "argoproj.io", "rollouts/scale", "shop", "", true),
    ("patch", "example.com", "widgets/scale", "shop", "", false),
    ("get", "example.com", "widgets", "shop", "", false),
    // Pods are looked at.
    ("list", "", "pods", "shop", "", true),
    ("delete", "", "pods", "shop", "", false),
    ("create", "", "pods", "shop", "", false),
    ("create", "", "pods/exec", "shop", "", false),
    ("create", "", "pods/eviction", "shop", "", false),
    // Credentials are read where they are referred to; none is written but its own certificates.
    ("get", "", "secrets", "shop", "", true),
    ("get", "", "configmaps", "shop", "", true),
    ("create", "", "secrets", "shop", "", false),
    ("update", "", "secrets", "shop", "", false),
    ("delete", "", "secrets", "keda", "tidegate-certs", false),
    ("update", "", "secrets", "keda", "tidegate-certs", true),
    ("update", "", "secrets", "keda", "another", false),
    ("create", "", "secrets", "keda", "", true),
    ("update", "", "configmaps", "keda", "", false),
    // Identities: no tokens, no impersonation, no rights to give away.
    ("create", "", "serviceaccounts/token", "shop", "", false),
    ("create", "", "serviceaccounts/token", "keda", "tidegate-operator", false),
    ("impersonate", "", "users", "", "", false),
    ("impersonate", "", "serviceaccounts", "shop", "", false),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", "", "", false),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles", "", "", false),
    ("bind", "rbac.authorization.k8s.io", "clusterroles", "", "", false),
    ("create", "authentication.k8s.io", "tokenreviews", "", "", true),
    ("create", "authorization.k8s.io", "subjectaccessreviews", "", "", true),
    // Its lease, and no other.
    ("update", "coordination.k8s.io", "leases", "keda", "operator.keda.sh", true),
    ("update", "coordination.k8s.io", "leases", "keda", "another", false),
    ("update", "coordination.k8s.io", "leases", "kube-system", "kube-scheduler", false),
    // Two caBundles.
    ("patch", "apiregistration.k8s.io", "apiservices", "", "v1beta1.external.metrics.k8s.io", true),
    ("patch", "apiregistration.k8s.io", "apiservices", "", "v1beta1.metrics.k8s.io", false),
    ("patch", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "keda-admission", true),
    ("patch", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "another", false),
    ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "", false),
    // The rest.
    ("create", "events.k8s.io", "events", "shop", "", true),
    ("patch", "events.k8s.io", "events", "shop", "", true),
    ("list", "", "limitranges", "shop", "", true),
    ("list", "discovery.k8s.io", "endpointslices", "shop", "", true),
    ("list", "metrics.k8s.io", "pods", "shop", "", true),
    ("list", "", "nodes", "", "", false),
    ("list", "", "namespaces", "", "", false),
    ("get", "", "configmaps", "kube-system", "extension-apiserver-authentication", true),
    ("delete", "", "namespaces", "", "", false),
    ("create", "apiextensions.k8s.io", "customresourcedefinitions", "", "", false),
];

fn documents() -> Vec<Value> {
    let documents = serde_saphyr::from_multiple::<Value>(MANIFESTS).expect("YAML");
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// Puts the rights and their subjects in place; the workloads and the switch stay out of the shared cluster.
async fn install(client: &Client, leave_out: &str) {
    let kinds = ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    for kind in kinds {
        let documents = documents();
        let wanted = documents.iter().filter(|document| {
            document["kind"] == kind && (kind != "ClusterRoleBinding" || document["metadata"]["name"] != leave_out)
        });
        for document in wanted {
            apply(client, None, document).await;
        }
    }
}

async fn may(client: &Client, row: &(&str, &str, &str, &str, &str, bool)) -> bool {
    let (verb, group, resource, namespace, name, _) = *row;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let attributes = ResourceAttributes {
        verb: some(verb),
        group: some(group),
        resource: some(resource),
        subresource: some(subresource),
        namespace: some(namespace),
        name: some(name),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    asked(client, spec).await
}

async fn asked(client: &Client, spec: SelfSubjectAccessReviewSpec) -> bool {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut review = serde_json::json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "metadata": {}, "spec": {}});
    review["spec"] = serde_json::to_value(spec).expect("JSON");
    let review: SelfSubjectAccessReview = serde_json::from_value(review).expect("a review");
    let reply = api.create(&Default::default(), &review).await.expect("reviewed");
    reply.status.is_some_and(|status| status.allowed)
}

/// PAIN-20: the account has exactly the rights of the table; and without the binding for the whole cluster, Secrets of
/// other namespaces are out of its reach until one is given for a namespace.
#[tokio::test]
async fn the_operators_account_may_do_what_the_table_says_and_nothing_beyond() {
    let cluster = cluster().await;
    let _turn = cluster.alone().await;
    let admin = cluster.client();
    install(&admin, "").await;
    let operator = cluster.client_as("keda", "tidegate-operator").await;
    let rollouts = ("patch", "argoproj.io", "rollouts/scale", "shop", "", true);
    until("the roles are put together", async || may(&operator, &rollouts).await).await;
    let mut wrong = Vec::new();
    for row in TABLE {
        if may(&operator, row).await != row.5 {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "these rights are not as the table says: {wrong:#?}");
    let paths = NonResourceAttributes { path: Some("/debug/pprof".into()), verb: Some("get".into()) };
    let spec = SelfSubjectAccessReviewSpec { non_resource_attributes: Some(paths), ..Default::default() };
    assert!(!asked(&operator, spec).await);

    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> = Api::all(admin.clone());
    bindings.delete("tidegate-credentials", &Default::default()).await.expect("deleted");
    let secrets = |namespace: &'static str| ("get", "", "secrets", namespace, "", true);
    until("Secrets are out of reach", async || !may(&operator, &secrets("shop")).await).await;
    assert!(may(&operator, &secrets("keda")).await, "those of its own namespace are not");
    let shop = cluster.namespace("shop").await;
    let text = include_str!("../../../../deploy/restricted/secrets-of-a-namespace.yaml");
    let binding: Value = serde_saphyr::from_str(text).expect("YAML");
    apply(&admin, Some(&shop), &binding).await;
    let shop: &'static str = shop.leak();
    until("Secrets of one namespace are in reach", async || may(&operator, &secrets(shop)).await).await;
    assert!(!may(&operator, &secrets("default")).await);
    install(&admin, "").await;
}

/// Everything in deploy/ is taken by the API server as it is.
#[tokio::test]
async fn all_manifests_are_taken_by_the_api_server() {
    let cluster = cluster().await;
    let _turn = cluster.alone().await;
    let restricted = [
        include_str!("../../../../deploy/restricted/secrets-of-a-namespace.yaml"),
        include_str!("../../../../deploy/restricted/named-secrets.yaml"),
        include_str!("../../../../deploy/restricted/tokens-of-an-account.yaml"),
    ];
    let namespace = cluster.namespace("restricted").await;
    for text in restricted {
        for document in serde_saphyr::from_multiple::<Value>(text).expect("YAML") {
            apply(&cluster.client(), Some(&namespace), &document).await;
        }
    }
    install(&cluster.client(), "").await;
    let switch = ["APIService", "ValidatingWebhookConfiguration"];
    for document in documents().iter().filter(|document| !switch.contains(&document["kind"].as_str().unwrap_or(""))) {
        apply(&cluster.client(), None, document).await;
    }
    // What would reach for an image is taken away again.
    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(cluster.client(), "keda");
    deployments.delete("tidegate-operator", &Default::default()).await.expect("deleted");
    for document in documents().iter().filter(|document| switch.contains(&document["kind"].as_str().unwrap_or(""))) {
        assert_eq!(document["metadata"]["labels"]["tidegate.dev/part"], "switch");
    }
}
