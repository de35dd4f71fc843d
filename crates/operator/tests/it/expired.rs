//! A login that ends: the operator's own towards the API server.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Config};
use serde_json::json;
use tidegate_engine::TargetId;
use tidegate_operator::{Lookup, Options};

use crate::installed::apply;
use crate::stage::{Stage, until};
use crate::whole::{Replica, Track, lease};

async fn account(stage: &Stage, name: &str) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    apply(&stage.client, Some(&stage.namespace), &account).await;
}

/// The operator's account, which may everything, and a file with a token of it.
async fn operators_token(stage: &Stage, folder: &tempfile::TempDir) -> Config {
    account(stage, "operator").await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": stage.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": stage.namespace}],
    });
    apply(&stage.client, None, &binding).await;
    let mut config = stage.cluster.access_as(&stage.namespace, "operator").await.config().unwrap();
    let file = folder.path().join("token");
    write_token(stage, folder).await;
    config.auth_info.token = None;
    config.auth_info.token_file = Some(file.to_str().unwrap().to_owned());
    config
}

/// A fresh token in the file, as a kubelet puts it there.
async fn write_token(stage: &Stage, folder: &tempfile::TempDir) {
    let client = &stage.client;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &stage.namespace);
    let request = serde_json::from_value(json!({"spec": {"audiences": [], "expirationSeconds": 3600}})).unwrap();
    let reply = accounts.create_token_request("operator", &PostParams::default(), &request).await.unwrap();
    let next = folder.path().join("next");
    std::fs::write(&next, reply.status.unwrap().token.unwrap()).unwrap();
    std::fs::rename(next, folder.path().join("token")).unwrap();
}

/// The API server answers 401 for a while; the file of the token changes, and all goes on
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_whose_token_ends_moves_nothing_and_goes_on_with_the_next() {
    let stage = Stage::without_operator("expired").await;
    let folder = tempfile::tempdir().unwrap();
    let config = operators_token(&stage, &folder).await;
    stage.deployment("web", 0).await;
    stage.policy("web", "direct").await;
    let track = Track::start(&stage);
    let options = Options { lease: Some(lease("only")), ..stage.options() };
    let replica = Replica::start(config, options).await;
    let operator = replica.operator();
    let (id, reads) = (TargetId::new(&stage.namespace, "web"), |found| match found {
        Lookup::Known(known) => known.value.ok(),
        _ => None,
    });
    stage.source.says(15);
    stage.scaled_object("web", json!({"cooldownPeriod": 3600})).await;
    track.until("web", "has as many as the load needs", |count| count == 2).await;
    let before = track.of("web");

    // Its account is another one from now on; tokens of the old one are refused.
    let accounts: Api<ServiceAccount> = stage.api();
    accounts.delete("operator", &DeleteParams::default()).await.unwrap();
    account(&stage, "operator").await;
    until("it does not lead without being able to renew", async || !operator.leading()).await;
    stage.source.says(35);
    until("values are read all the same", async || reads(operator.board().get(&id, "s0-prometheus")) == Some(35.0))
        .await;
    stage.polls(3).await;
    assert_eq!(track.of("web"), before, "nothing moves meanwhile");

    write_token(&stage, &folder).await;
    until("it leads again", async || operator.leading()).await;
    track.until("web", "follows what was read meanwhile", |count| count == 4).await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    stage.deployment("later", 0).await;
    stage.scaled_object("later", json!({})).await;
    stage.until_replicas("later", 1).await;
    replica.stop().await;
}
