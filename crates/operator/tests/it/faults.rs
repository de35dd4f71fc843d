//! What goes wrong around the operator moves no replica by itself and is made good.

use serde_json::json;

use crate::stage::{Stage, until};

/// FT-05, FT-09: the API server dies and comes back
#[tokio::test]
async fn an_api_server_that_restarts_is_waited_for() {
    let mut stage = Stage::on_its_own_cluster("restart").await;
    stage.deployment("web", 0).await;
    stage.start().await;
    stage.scaled_object("web", json!({"cooldownPeriod": 3600})).await;
    stage.until_condition("web", "Ready", "True/ScaledObjectReady").await;
    stage.until_hpa("keda-hpa-web").await;
    stage.cluster.api_server().kill().await;
    stage.source.says(5);
    stage.polls(3).await;
    stage.cluster.api_server().start().await.unwrap();
    // The clients of the test begin anew too.
    stage.client = stage.cluster.client();
    stage.until_replicas("web", 1).await;
    stage.until_condition("web", "Active", "True/ScalerActive").await;
    // What was created while watches were down is seen as well.
    stage.deployment("later", 0).await;
    stage.scaled_object("later", json!({})).await;
    stage.until_replicas("later", 1).await;
}

/// Many objects at once all get their HPAs and their status.
#[tokio::test]
async fn many_objects_at_once() {
    const MANY: usize = 300;
    let stage = Stage::new("many").await;
    let began = std::time::Instant::now();
    for group in (0..MANY).collect::<Vec<_>>().chunks(20) {
        let stage = &stage;
        futures::future::join_all(group.iter().map(|number| async move {
            let name = format!("w{number}");
            stage.deployment(&name, 0).await;
            stage.scaled_object(&name, json!({"pollingInterval": 30})).await;
        }))
        .await;
    }
    let created = began.elapsed();
    let api: kube::Api<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler> = stage.api();
    let all = kube::api::ListParams::default();
    until("all HPAs are there", async || api.list(&all).await.unwrap().items.len() == MANY).await;
    println!("{MANY} objects created in {created:?}, all HPAs there after {:?}", began.elapsed());
    let objects: kube::Api<tidegate_crds::ScaledObject> = stage.api();
    until("all are ready", async || {
        let objects = objects.list(&all).await.unwrap().items;
        objects.iter().all(|object| {
            let conditions = object.status.as_ref().and_then(|status| status.conditions.as_deref());
            conditions.into_iter().flatten().any(|one| one.kind == "Ready" && one.status == "True")
        })
    })
    .await;
    println!("all ready after {:?}", began.elapsed());
}
