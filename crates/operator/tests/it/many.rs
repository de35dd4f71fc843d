//! Many objects at once.

use futures::StreamExt;
use futures::stream;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use tidegate_crds::ScaledObject;

use crate::faulty::{Asked, client};
use crate::stage::{Stage, until};

const OBJECTS: usize = 200;

/// What one object may cost until it is served and all is said of it: its label, its HorizontalPodAutoscaler, events, and its
/// status as often as there is news.
const WRITES_EACH: usize = 20;

/// How often the API server was asked to write something.
fn writes(asked: &Asked) -> usize {
    let count = |line: &String| line.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok()).unwrap();
    asked.lines().iter().filter(|line| !line.starts_with("GET ")).map(count).sum()
}

/// PAIN-6: two hundred objects at once: all have their HorizontalPodAutoscaler for a few requests each, and then polls of
/// all of them ask nothing of the API server
#[tokio::test]
async fn many_objects_cost_a_few_requests_each_and_then_none() {
    let mut stage = Stage::without_operator("many").await;
    let asked = Asked::default();
    let own = client(stage.cluster, &asked, |_| false).await;
    stage.start_with(own, stage.options()).await;
    let stage = &stage;
    let make = |number: usize| async move {
        let name = format!("web-{number}");
        stage.deployment(&name, 0).await;
        stage.scaled_object(&name, json!({})).await;
    };
    stream::iter(0..OBJECTS).map(make).buffer_unordered(16).collect::<Vec<()>>().await;
    let hpas: Api<HorizontalPodAutoscaler> = stage.api();
    until("there are all HPAs", async || hpas.list(&ListParams::default()).await.unwrap().items.len() == OBJECTS).await;
    let objects: Api<ScaledObject> = stage.api();
    until("all is said of all of them", async || {
        let all = objects.list(&ListParams::default()).await.unwrap().items;
        all.iter().all(|object| {
            let conditions = object.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let said = |kind: &str, reason: &str| {
                conditions.clone().any(|one| one.kind == kind && one.reason.as_deref() == Some(reason))
            };
            said("Active", "ScalerNotActive") && said("HPAActive", "ScalingDisabled")
        })
    })
    .await;
    // What is on its way when all of this can be seen, events and the last statuses, arrives some time.
    until("four polls of all of them cost no request", async || {
        let before = asked.lines();
        stage.polls(4).await;
        asked.lines() == before
    })
    .await;
    let written = writes(&asked);
    assert!((2 * OBJECTS..=WRITES_EACH * OBJECTS).contains(&written), "{written} writes: {:?}", asked.lines());
}
