//! What a HorizontalPodAutoscaler is made to hold, field by field.

use serde_json::{Value, json};
use tidegate_scalers::Resource;

use super::*;

fn external(name: &str, target: MetricTarget) -> TriggerSpec {
    TriggerSpec { metric: name.to_owned(), target, activation: 0.0, source: 0, time_limit: None, resource: None }
}

fn of_pods(resource: Resource, container: Option<&str>, target: MetricTarget, value: &str) -> TriggerSpec {
    let metric = ResourceMetric { resource, container: container.map(str::to_owned), value: value.to_owned() };
    TriggerSpec { resource: Some(metric), ..external("", target) }
}

fn object(json: Value) -> ScaledObject {
    let mut whole = json!({
        "metadata": {"name": "orders", "namespace": "shop", "uid": "u-1"},
        "spec": {"scaleTargetRef": {"name": "worker"}, "triggers": []},
    });
    for part in ["metadata", "spec"] {
        for (key, value) in json.get(part).and_then(Value::as_object).into_iter().flatten() {
            whole[part][key] = value.clone();
        }
    }
    serde_json::from_value(whole).unwrap()
}

fn made(object: &ScaledObject, metrics: &[TriggerSpec], formula: Option<MetricTarget>, pause: Pause) -> Value {
    let wanted = Wanted { object, metrics, formula, pause, version: "1.0" };
    serde_json::to_value(build(&wanted).unwrap()).unwrap()
}

fn plain(json: Value, metrics: &[TriggerSpec]) -> Value {
    made(&object(json), metrics, None, Pause::default())
}

/// HPA-02
#[test]
fn replicas() {
    for (spec, min, max) in [
        (json!({}), 1, 100),
        (json!({"minReplicaCount": 0, "maxReplicaCount": 7}), 1, 7),
        (json!({"idleReplicaCount": 1, "minReplicaCount": 5, "maxReplicaCount": 10}), 5, 10),
    ] {
        let hpa = plain(json!({"spec": spec}), &[]);
        assert_eq!((&hpa["spec"]["minReplicas"], &hpa["spec"]["maxReplicas"]), (&json!(min), &json!(max)), "{spec}");
    }
}

/// HPA-03, HPA-04, HPA-05
#[test]
fn labels_and_annotations() {
    let long = "x".repeat(54) + "-" + &"y".repeat(20);
    let advanced = json!({"horizontalPodAutoscalerConfig": {"name": long}});
    let hpa = plain(json!({"spec": {"advanced": advanced}}), &[]);
    assert_eq!(hpa["metadata"]["labels"]["app.kubernetes.io/name"], json!("x".repeat(54) + "-" + &"y".repeat(8)));
    assert_eq!(label_value(&("x".repeat(62) + "-y")), "x".repeat(62), "cut, it must not end in a dash");
    let labels = json!({"a": "1", "b": "2", "app.kubernetes.io/part-of": "mine"});
    let annotations = json!({"scaledobject.keda.sh/hpa-excluded-labels": "a,c", "note": "n"});
    let hpa = plain(json!({"metadata": {"labels": labels, "annotations": annotations}}), &[]);
    let labels = hpa["metadata"]["labels"].as_object().unwrap();
    assert!(!labels.contains_key("a") && labels["b"] == "2");
    assert_eq!(labels["app.kubernetes.io/part-of"], "mine", "the ScaledObject's own go before ours");
    assert_eq!(hpa["metadata"]["annotations"], annotations);
}

/// HPA-12, HPA-13
#[test]
fn quantities_are_as_the_api_server_keeps_them() {
    for (amount, text) in [
        (5.0, "5"),
        (2.5, "2500m"),
        (10.0, "10"),
        (1000.0, "1k"),
        (1500.0, "1500"),
        (2_000_000.0, "2M"),
        (0.0001, "0"),
        (6.1114, "6111m"),
        (f64::NAN, "0"),
        (-3.0, "0"),
        (f64::INFINITY, "0"),
    ] {
        assert_eq!(quantity(amount), text, "{amount}");
    }
}

/// HPA-14, HPA-15, HPA-16
#[test]
fn metrics_are_sorted_by_type_and_keep_their_order_within() {
    let metrics = [
        external("s0-b", MetricTarget::AverageValue(5.0)),
        of_pods(Resource::Cpu, None, MetricTarget::Utilization(60.0), "60"),
        external("s2-a", MetricTarget::Value(2.5)),
        of_pods(Resource::Memory, Some("main"), MetricTarget::ResourceAverage(1e6), "1Mi"),
    ];
    let hpa = plain(json!({}), &metrics);
    let selector = json!({"matchLabels": {"scaledobject.keda.sh/name": "orders"}});
    assert_eq!(
        hpa["spec"]["metrics"],
        json!([
            {"type": "ContainerResource", "containerResource": {"name": "memory", "container": "main",
                "target": {"type": "AverageValue", "averageValue": "1Mi"}}},
            {"type": "External", "external": {"metric": {"name": "s0-b", "selector": selector},
                "target": {"type": "AverageValue", "averageValue": "5"}}},
            {"type": "External", "external": {"metric": {"name": "s2-a", "selector": selector},
                "target": {"type": "Value", "value": "2500m"}}},
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
        ])
    );
}

/// HPA-17
#[test]
fn a_metric_that_is_there_twice_is_refused() {
    let object = object(json!({}));
    let metrics = [external("s0-a", MetricTarget::Value(1.0)), external("s0-a", MetricTarget::Value(2.0))];
    let wanted = Wanted { object: &object, metrics: &metrics, formula: None, pause: Pause::default(), version: "1" };
    assert!(build(&wanted).unwrap_err().contains("more than once"));
}

/// HPA-18, HPA-19: what a formula does not replace stays, of single containers too
#[test]
fn a_formula_replaces_external_metrics() {
    let metrics = [
        external("s0-b", MetricTarget::AverageValue(5.0)),
        of_pods(Resource::Cpu, None, MetricTarget::Utilization(60.0), "60"),
        of_pods(Resource::Cpu, Some("main"), MetricTarget::Utilization(60.0), "60"),
    ];
    let hpa = made(&object(json!({})), &metrics, Some(MetricTarget::AverageValue(2.5)), Pause::default());
    let metrics = hpa["spec"]["metrics"].as_array().unwrap();
    let types: Vec<&str> = metrics.iter().map(|metric| metric["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["ContainerResource", "Resource", "External"]);
    assert_eq!(metrics[2]["external"]["metric"]["name"], COMPOSITE);
    assert_eq!(metrics[2]["external"]["target"], json!({"type": "AverageValue", "averageValue": "2500m"}));
}

/// HPA-07, HPA-08, HPA-09
#[test]
fn behaviour_is_taken_over_and_pauses_disable_a_direction() {
    assert_eq!(plain(json!({}), &[])["spec"].get("behavior"), None);
    let down =
        json!({"stabilizationWindowSeconds": 7, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 30}]});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": down}}});
    let object = object(json!({"spec": {"advanced": advanced}}));
    let free = made(&object, &[], None, Pause::default());
    assert_eq!(free["spec"]["behavior"], json!({"scaleDown": down}));
    let paused = made(&object, &[], None, Pause { scale_in: true, scale_out: true, ..Pause::default() });
    let mut with = down.clone();
    with["selectPolicy"] = json!("Disabled");
    assert_eq!(paused["spec"]["behavior"], json!({"scaleDown": with, "scaleUp": {"selectPolicy": "Disabled"}}));
}
