//! `/metrics` of a running operator, under KEDA's names.

use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tidegate_crds::TriggerAuthentication;
use tidegate_operator::Options;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::stage::{Source, Stage, until};

async fn staged(prefix: &str) -> Stage {
    let mut stage = Stage::without_operator(prefix).await;
    let options = Options { metrics: Some("127.0.0.1:0".parse().unwrap()), ..stage.options() };
    stage.start_with(stage.cluster.client(), options).await;
    stage
}

async fn page(stage: &Stage) -> String {
    let address = stage.operator().running().metrics.unwrap();
    reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap()
}

/// The value of a series. Labels are given as they are written.
async fn value(stage: &Stage, name: &str, labels: &str) -> Option<f64> {
    let page = page(stage).await;
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name}{{{labels}}} ")).map(str::to_owned));
    line.map(|value| value.parse().unwrap())
}

async fn shows(stage: &Stage, name: &str, labels: &str, right: impl Fn(Option<f64>) -> bool) {
    until(&format!("{name}{{{labels}}} is right"), async || right(value(stage, name, labels).await)).await;
}

fn labels(stage: &Stage, object: &str, metric: &str, scaler: &str, index: usize) -> String {
    let namespace = &stage.namespace;
    format!(
        "namespace=\"{namespace}\",metric=\"{metric}\",scaledObject=\"{object}\",scaler=\"{scaler}\",\
         triggerIndex=\"{index}\",type=\"scaledobject\""
    )
}

fn named(mut trigger: Value, name: &str) -> Value {
    trigger["name"] = json!(name);
    trigger
}

/// TEL-01, TEL-02, TEL-04, TEL-06, TEL-07, TEL-08, TEL-09, TEL-10, PAU-16: the series of an object from its first poll to its
/// end
#[tokio::test]
async fn the_series_of_an_object() {
    let stage = staged("series").await;
    let second = Source::new(0).await;
    stage.deployment("web", 1).await;
    stage.source.says(4);
    let triggers = json!([named(stage.source.trigger(10), "mine"), second.trigger(10)]);
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": triggers})).await;
    let mine = labels(&stage, "web", "s0-prometheus", "mine", 0);
    let plain = labels(&stage, "web", "s1-prometheus", "prometheusScaler", 1);
    shows(&stage, "keda_scaler_metrics_value", &mine, |value| value == Some(4.0)).await;
    shows(&stage, "keda_scaler_active", &mine, |value| value == Some(1.0)).await;
    shows(&stage, "keda_scaler_active", &plain, |value| value == Some(0.0)).await;
    shows(&stage, "keda_scaler_metrics_latency_seconds", &mine, |value| value.is_some_and(|took| took >= 0.0)).await;
    let object = format!("namespace=\"{}\",scaledObject=\"web\"", stage.namespace);
    let there = format!("type=\"scaled_object\",namespace=\"{}\"", stage.namespace);
    let lateness = format!("namespace=\"{}\",type=\"scaledobject\",resource=\"web\"", stage.namespace);
    assert_eq!(value(&stage, "keda_scaled_object_errors_total", &object).await, Some(0.0));
    assert_eq!(value(&stage, "keda_trigger_registered_total", "type=\"prometheus\"").await, Some(2.0));
    assert_eq!(value(&stage, "keda_resource_registered_total", &there).await, Some(1.0));
    assert_eq!(value(&stage, "keda_scaled_object_paused", &object).await, Some(0.0));
    shows(&stage, "keda_internal_scale_loop_latency_seconds", &lateness, |late| late.is_some()).await;
    second.breaks();
    shows(&stage, "keda_scaler_detail_errors_total", &plain, |errors| errors >= Some(2.0)).await;
    shows(&stage, "keda_scaled_object_errors_total", &object, |errors| errors >= Some(2.0)).await;
    assert_eq!(value(&stage, "keda_scaler_detail_errors_total", &mine).await, Some(0.0));
    let errors = value(&stage, "keda_scaled_object_errors_total", &object).await;
    for (annotation, on) in [("paused-scale-in", 1.0), ("paused", 1.0), ("none", 0.0)] {
        let every = ["paused-scale-in", "paused"].map(|key| {
            (format!("autoscaling.keda.sh/{key}"), if key == annotation { json!("true") } else { Value::Null })
        });
        stage.annotate("web", Value::Object(every.into_iter().collect())).await;
        shows(&stage, "keda_scaled_object_paused", &object, |paused| paused == Some(on)).await;
    }
    let kept = value(&stage, "keda_scaled_object_errors_total", &object).await;
    assert!(kept >= errors, "a pass starts no counter anew");
    stage.delete("web").await;
    until("nothing of it is left", async || {
        let page = page(&stage).await;
        !page.contains("scaledObject=\"web\"") && !page.contains("resource=\"web\"") && !page.contains(&there)
    })
    .await;
    assert_eq!(value(&stage, "keda_trigger_registered_total", "type=\"prometheus\"").await, None);
}

/// TEL-08: authentications, and objects that cannot be served, are counted too
#[tokio::test]
async fn everything_that_is_there_is_counted() {
    let stage = staged("count").await;
    let api: Api<TriggerAuthentication> = stage.api();
    for name in ["one", "two"] {
        let object = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"name": name},
            "spec": {"secretTargetRef": [{"parameter": "a", "name": "b", "key": "c"}]},
        });
        api.patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await.unwrap();
    }
    stage.scaled_object("web", json!({})).await;
    let of = |kind: &str| format!("type=\"{kind}\",namespace=\"{}\"", stage.namespace);
    shows(&stage, "keda_resource_registered_total", &of("trigger_authentication"), |n| n == Some(2.0)).await;
    shows(&stage, "keda_resource_registered_total", &of("scaled_object"), |n| n == Some(1.0)).await;
    api.delete("one", &DeleteParams::default()).await.unwrap();
    shows(&stage, "keda_resource_registered_total", &of("trigger_authentication"), |n| n == Some(1.0)).await;
    api.delete("two", &DeleteParams::default()).await.unwrap();
    shows(&stage, "keda_resource_registered_total", &of("trigger_authentication"), |n| n.is_none()).await;
}

/// TEL-12, TEL-13, TEL-14: what triggers ask over HTTP, and answers without a number
#[tokio::test]
async fn requests_and_empty_answers() {
    let stage = staged("http").await;
    let empty = MockServer::start().await;
    let nothing = json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(nothing)).mount(&empty).await;
    stage.deployment("web", 1).await;
    stage.source.breaks();
    let mut without = named(stage.source.trigger(10), "empty");
    without["metadata"]["serverAddress"] = json!(empty.uri());
    without["metadata"]["ignoreNullValues"] = json!("false");
    let triggers = json!([without, named(stage.source.trigger(10), "down")]);
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": triggers})).await;
    let namespace = &stage.namespace;
    let of = |name: &str, metric: &str, status: u16| {
        format!(
            "namespace=\"{namespace}\",scaled_resource=\"web\",scaler=\"prometheus\",trigger_name=\"{name}\",\
             metric_name=\"{metric}\",status_code=\"{status}\""
        )
    };
    let good = of("empty", "s0-prometheus", 200);
    shows(&stage, "keda_scaler_http_requests_total", &good, |count| count >= Some(1.0)).await;
    let bad = of("down", "s1-prometheus", 503);
    shows(&stage, "keda_scaler_http_requests_total", &bad, |count| count >= Some(1.0)).await;
    let took = "scaler=\"prometheus\",status_code=\"200\",le=\"10\"";
    shows(&stage, "keda_scaler_http_request_duration_seconds_bucket", took, |count| count >= Some(1.0)).await;
    let nothing = format!(
        "namespace=\"{namespace}\",scaledResource=\"web\",triggerName=\"empty\",metricName=\"s0-prometheus\",\
         resourceType=\"ScaledObject\",ignoreNullValues=\"false\""
    );
    shows(&stage, "keda_scaler_empty_upstream_responses_total", &nothing, |count| count >= Some(1.0)).await;
}

/// TEL-03: cpu counts as active, under the trigger's name
#[tokio::test]
async fn cpu_is_active() {
    let stage = staged("cpuseries").await;
    let container = json!({"name": "main", "image": "none", "resources": {"requests": {"cpu": "100m"}}});
    stage.deployment_of("web", 1, container, json!({})).await;
    let trigger = json!({"type": "cpu", "name": "mine", "metricType": "Utilization", "metadata": {"value": "100"}});
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": [trigger]})).await;
    let labels = labels(&stage, "web", "cpu", "mine", 0);
    shows(&stage, "keda_scaler_active", &labels, |active| active == Some(1.0)).await;
}

/// FML-11: the formula's value and activity have series of their own
#[tokio::test]
async fn the_series_of_a_formula() {
    let stage = staged("composite").await;
    stage.deployment("web", 1).await;
    stage.source.says(4);
    let modifiers = json!({"formula": "a * 2", "target": "10"});
    let triggers = json!([named(stage.source.trigger(10), "a")]);
    let advanced = json!({"scalingModifiers": modifiers});
    stage.scaled_object("web", json!({"minReplicaCount": 1, "triggers": triggers, "advanced": advanced})).await;
    let labels = labels(&stage, "web", "composite-metric", "composite-metric", 0);
    shows(&stage, "keda_scaler_metrics_value", &labels, |value| value == Some(8.0)).await;
    shows(&stage, "keda_scaler_active", &labels, |active| active == Some(1.0)).await;
}

/// TEL-22: what is not asked for is not served
#[tokio::test]
async fn without_an_address_there_is_no_page() {
    let stage = Stage::new("nopage").await;
    assert_eq!(stage.operator().running().metrics, None);
    let other = staged("onepage").await;
    assert!(page(&other).await.contains("keda_build_info{"));
}
