//! Which differences are worth a write, and which the API server makes itself.

use serde_json::{Value, json};

use super::*;

/// As KEDA wrote it, with what the API server filled in.
fn stored() -> Value {
    json!({
        "metadata": {
            "name": "keda-hpa-orders", "namespace": "shop", "uid": "hpa-uid",
            "labels": {"app.kubernetes.io/managed-by": "keda-operator", "app.kubernetes.io/version": "2.21.0", "theirs": "x"},
            "annotations": {"theirs": "y"},
            "ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "orders", "uid": "u-1",
                "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
            "minReplicas": 1, "maxReplicas": 10,
            "metrics": [{"type": "External", "external": {"metric": {"name": "s0-a"},
                "target": {"type": "AverageValue", "averageValue": "1k"}}}],
            "behavior": {
                "scaleDown": {"stabilizationWindowSeconds": 5, "selectPolicy": "Max",
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
                "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                    {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]},
            },
        },
    })
}

/// As it is wanted of that.
fn wanted() -> Value {
    let mut wanted = stored();
    wanted["metadata"]["labels"] =
        json!({"app.kubernetes.io/managed-by": "keda-operator", "app.kubernetes.io/version": "1.0"});
    wanted["metadata"].as_object_mut().unwrap().remove("annotations");
    wanted["spec"]["behavior"] = json!({"scaleDown": {"stabilizationWindowSeconds": 5}});
    wanted["spec"]["metrics"][0]["external"]["target"]["averageValue"] = json!("1000");
    wanted
}

fn hpa(json: Value) -> HorizontalPodAutoscaler {
    serde_json::from_value(json).unwrap()
}

fn found(stored: Value, wanted: Value, earlier: Option<Value>) -> Option<&'static str> {
    differs(&HpaBrief::of(hpa(stored)), &hpa(wanted), earlier.map(hpa).as_ref())
}

/// HPA-20, HPA-22, HPA-23
#[test]
fn what_means_the_same_is_no_difference() {
    assert_eq!(found(stored(), wanted(), None), None);
}

/// HPA-20, HPA-21
#[test]
fn what_means_something_else_is_a_difference() {
    let changed = |path: &str, value: Value| {
        let mut changed = wanted();
        *changed.pointer_mut(path).unwrap() = value;
        changed
    };
    for (path, value, what) in [
        ("/spec/maxReplicas", json!(11), "replicas"),
        ("/spec/scaleTargetRef/name", json!("other"), "scaleTargetRef"),
        ("/spec/metrics/0/external/target/averageValue", json!("1001"), "metrics"),
        ("/spec/behavior/scaleDown/stabilizationWindowSeconds", json!(6), "behavior"),
        ("/metadata/ownerReferences/0/uid", json!("u-2"), "owner"),
        ("/metadata/labels", json!({"new": "1"}), "labels"),
    ] {
        assert_eq!(found(stored(), changed(path, value), None), Some(what), "{path}");
    }
    let mut bare = wanted();
    bare["spec"].as_object_mut().unwrap().remove("behavior");
    assert_eq!(found(stored(), bare, None), Some("behavior"), "a behaviour that was taken away");
}

#[test]
fn what_was_ours_and_is_not_wanted_any_more_goes_and_that_of_others_stays() {
    let mut earlier = wanted();
    earlier["metadata"]["annotations"] = json!({"theirs": "y"});
    assert_eq!(found(stored(), wanted(), Some(earlier)), Some("annotations"));
    assert_eq!(found(stored(), wanted(), Some(wanted())), None);
}

#[test]
fn one_of_somebody_else_is_not_ours_yet() {
    let mut foreign = stored();
    foreign["metadata"]["labels"] = json!({});
    foreign["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    assert_eq!(found(foreign, wanted(), None), Some("is not ours yet"));
}
