//! Pods that really run.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::LogParams;
use serde_json::json;

use crate::bench::{Place, shell, until};

fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn phase(pod: &Pod) -> String {
    pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_deployment_becomes_ready_and_scaling_it_down_ends_its_processes() {
    let place = Place::new("runs").await;
    place.deployment(3, shell("exec sleep 600"), json!({})).await;
    until("three are ready", async || place.counts().await == (3, 3)).await;
    assert_eq!(place.processes().len(), 3);
    place.scale(1).await;
    until("one is left", async || place.counts().await == (1, 1) && place.pods().await.len() == 1).await;
    assert_eq!(place.processes().len(), 1);
    place.scale(0).await;
    until("none is left", async || place.pods().await.is_empty()).await;
    assert_eq!(place.processes().len(), 0);
}

#[tokio::test]
async fn readiness_is_what_the_probe_finds() {
    let place = Place::new("probed").await;
    let flag = place.cluster.work_dir().unwrap().join(format!("{}-ready", place.namespace));
    let mut container = shell("exec sleep 600");
    container["readinessProbe"] = json!({"exec": {"command": ["test", "-e", flag]}, "periodSeconds": 1});
    place.deployment(1, container, json!({})).await;
    until("it runs", async || place.pods().await.iter().any(|pod| phase(pod) == "Running")).await;
    assert!(!ready(&place.pods().await[0]), "it runs and is not ready");
    std::fs::write(&flag, "").unwrap();
    until("it is ready", async || place.counts().await == (1, 1)).await;
    std::fs::remove_file(&flag).unwrap();
    until("it is not ready any more", async || place.counts().await == (1, 0)).await;
}

#[tokio::test]
async fn a_pods_environment_comes_from_its_config_and_its_output_can_be_read() {
    let place = Place::new("told").await;
    place.create::<Secret>(json!({"metadata": {"name": "login"}, "stringData": {"user": "alice"}})).await;
    let mut container = shell("echo $WHO at $PLACE in $POD; exec sleep 600");
    container["env"] = json!([
        {"name": "WHO", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user"}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]);
    container["envFrom"] = json!([{"configMapRef": {"name": "where"}}]);
    let pod = json!({"metadata": {"name": "one"}, "spec": {"containers": [container]}});
    place.create::<Pod>(pod).await;
    let waiting = |pod: &Pod| {
        let status = pod.status.as_ref()?.container_statuses.as_ref()?.first()?.clone();
        status.state?.waiting?.reason
    };
    until("it waits for its config", async || {
        waiting(&place.pods().await[0]).as_deref() == Some("CreateContainerConfigError")
    })
    .await;
    place.create::<ConfigMap>(json!({"metadata": {"name": "where"}, "data": {"PLACE": "home"}})).await;
    until("it is ready", async || ready(&place.pods().await[0])).await;
    until("it has spoken", async || {
        let logs = place.api::<Pod>().logs("one", &LogParams::default()).await;
        logs.is_ok_and(|text| text == "alice at home in one\n")
    })
    .await;
}

#[tokio::test]
async fn jobs_end_as_their_processes_do() {
    let place = Place::new("jobs").await;
    for (name, script) in [("good", "exit 0"), ("bad", "exit 3")] {
        let template = json!({"spec": {"restartPolicy": "Never", "containers": [shell(script)]}});
        let spec = json!({"backoffLimit": 0, "template": template});
        place.create::<Job>(json!({"metadata": {"name": name}, "spec": spec})).await;
    }
    let holds = async |name: &str, condition: &str| {
        let status = place.api::<Job>().get(name).await.unwrap().status.unwrap_or_default();
        status.conditions.unwrap_or_default().iter().any(|found| found.type_ == condition && found.status == "True")
    };
    until("the good one is complete", async || holds("good", "Complete").await).await;
    until("the bad one has failed", async || holds("bad", "Failed").await).await;
    let pods = place.pods().await;
    let bad = pods.iter().find(|pod| pod.metadata.name.as_ref().unwrap().starts_with("bad")).unwrap();
    let statuses = bad.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
    assert_eq!(statuses[0].state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 3);
}

#[tokio::test]
async fn what_ignores_sigterm_is_killed_after_its_grace_with_what_it_started() {
    let place = Place::new("stubborn").await;
    place.deployment(1, shell("trap '' TERM; setsid sleep 600 & while true; do sleep 600; done"), json!({})).await;
    until("it runs with its children", async || place.processes().len() == 3).await;
    place.scale(0).await;
    until("the pod is gone", async || place.pods().await.is_empty()).await;
    until("its daemon too", async || place.processes().is_empty()).await;
}

#[tokio::test]
async fn a_crashing_container_is_started_again() {
    let place = Place::new("crashes").await;
    place.deployment(1, shell("exit 1"), json!({})).await;
    until("it was restarted twice", async || {
        let pods = place.pods().await;
        let status = pods.first().and_then(|pod| pod.status.as_ref()?.container_statuses.clone());
        status.is_some_and(|statuses| statuses[0].restart_count >= 2 && statuses[0].last_state.is_some())
    })
    .await;
    until("the Deployment says that it is there and not ready", async || place.counts().await == (1, 0)).await;
}

#[tokio::test]
async fn pods_may_pretend() {
    let place = Place::new("pretends").await;
    place.deployment(200, json!({"name": "main", "image": "none"}), json!({})).await;
    until("all are ready", async || place.counts().await == (200, 200)).await;
    assert_eq!(place.processes().len(), 0);
    let pod = place.pods().await[0].metadata.name.clone().unwrap();
    let patch = json!({"metadata": {"annotations": {"node.tidegate.dev/ready": "false"}}});
    let (api, params) = (place.api::<Pod>(), kube::api::PatchParams::default());
    api.patch(&pod, &params, &kube::api::Patch::Merge(patch)).await.unwrap();
    until("one is not ready", async || place.counts().await == (200, 199)).await;
    place.scale(0).await;
    until("none is left", async || place.pods().await.is_empty()).await;
}
