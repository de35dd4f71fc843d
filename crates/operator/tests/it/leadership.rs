//! Several replicas, and an API server that goes and comes back.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::json;
use tidegate_operator::{LeaseOptions, Operator, Options};

use crate::stage::{Stage, until};

fn lease(identity: &str) -> LeaseOptions {
    LeaseOptions {
        name: "operator.keda.sh".to_owned(),
        identity: identity.to_owned(),
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_millis(500),
    }
}

async fn replica(stage: &Stage, identity: &str) -> Operator {
    let options = Options { lease: Some(lease(identity)), ..stage.options() };
    tidegate_operator::start(stage.cluster.client(), options).await.unwrap()
}

/// LE-01, LE-02, LE-03: one acts, the other is warm and takes over at once when the Lease is given back
#[tokio::test]
async fn one_of_two_acts_and_the_other_takes_over() {
    let stage = Stage::without_operator("lease").await;
    stage.deployment("web", 0).await;
    stage.source.says(0);
    let first = replica(&stage, "first").await;
    until("the first leads", async || first.leading()).await;
    let second = replica(&stage, "second").await;
    stage.scaled_object("web", json!({"cooldownPeriod": 3600})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    let id = tidegate_engine::TargetId::new(&stage.namespace, "web");
    until("the second knows values too", async || second.board().all(&id).is_some()).await;
    assert!(!second.leading());
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    let hpa = stage.until_hpa("keda-hpa-web").await;
    first.stop().await;
    until("the second leads", async || second.leading()).await;
    let holder = stage.api::<Lease>().get("operator.keda.sh").await.unwrap().spec.unwrap().holder_identity;
    assert_eq!(holder.as_deref(), Some("second"));
    stage.source.says(0);
    stage.polls(6).await;
    assert_eq!(stage.replicas("web").await, 1, "the cooldown goes on");
    assert_eq!(stage.hpa("keda-hpa-web").await.unwrap().metadata.uid, hpa.metadata.uid);
    second.stop().await;
}
