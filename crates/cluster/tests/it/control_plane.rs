//! The control plane alone.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use tidegate_cluster::Cluster;

#[tokio::test]
async fn a_namespace_is_made_and_found() {
    let cluster = Cluster::shared().await;
    let name = cluster.namespace("found").await;
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    assert!(namespaces.get(&name).await.is_ok());
}
