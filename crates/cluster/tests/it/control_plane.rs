//! The control plane, and access to it.

use k8s_openapi::api::core::v1::{Namespace, Node, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use tidegate_cluster::{Cluster, ClusterOptions};

use crate::bench::{Place, until};

#[tokio::test]
async fn there_is_a_ready_node() {
    let nodes: Api<Node> = Api::all(Cluster::shared().await.client());
    until("it is ready", async || {
        let nodes = nodes.list(&ListParams::default()).await.unwrap().items;
        let conditions = nodes.iter().flat_map(|node| node.status.clone().unwrap().conditions.unwrap());
        nodes.len() == 1 && conditions.into_iter().any(|found| found.type_ == "Ready" && found.status == "True")
    })
    .await;
}

#[tokio::test]
async fn a_service_account_may_do_what_its_roles_say_and_nothing_else() {
    let place = Place::new("rbac").await;
    place.create::<ServiceAccount>(json!({"metadata": {"name": "someone"}})).await;
    place
        .create::<RoleBinding>(json!({
            "metadata": {"name": "someone"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "someone", "namespace": place.namespace}],
        }))
        .await;
    let client = place.cluster.client_as(&place.namespace, "someone").await;
    let own: Api<ServiceAccount> = Api::namespaced(client.clone(), &place.namespace);
    until("it may look at its namespace", async || own.get("someone").await.is_ok()).await;
    let other: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let refused = other.get("default").await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_servers_can_be_stopped_held_up_and_started_again() {
    let cluster = Cluster::start(ClusterOptions { node: None, ..ClusterOptions::quick() }).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let name = cluster.namespace("kept").await;
    let server = cluster.api_server();
    let before = server.pid().unwrap();
    assert!(server.usage().unwrap().resident_bytes > 10 << 20);
    server.stop().await;
    assert_eq!(server.pid(), None);
    assert!(namespaces.get(&name).await.is_err());
    server.start().await.unwrap();
    assert_ne!(server.pid().unwrap(), before);
    until("it answers again", async || namespaces.get(&name).await.is_ok()).await;
    server.pause();
    let asked = tokio::time::timeout(std::time::Duration::from_millis(500), namespaces.get(&name)).await;
    assert!(asked.is_err(), "a server that is held up does not answer");
    server.resume();
    until("it answers again", async || namespaces.get(&name).await.is_ok()).await;
    cluster.stop().await;
}
