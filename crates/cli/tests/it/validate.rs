//! `tidegate validate`: one clear message for each thing that can be wrong.

use crate::support::{folder, root, run};

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      containers:
        - name: consumer
          image: consumer:1
          command: [sleep, infinity]
";

const SCALED_OBJECT: &str = "\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: orders}
spec:
  scaleTargetRef: {name: orders}
  minReplicaCount: 0
  maxReplicaCount: 10
  triggers:
    - type: kafka
      metadata:
        bootstrapServers: localhost:9092
        consumerGroup: orders
        topic: orders
        lagThreshold: '20'
";

/// Validates the two manifests after a change to the second, and gives what was printed with the exit code.
fn after(from: &str, to: &str) -> (Option<i32>, String) {
    assert!(SCALED_OBJECT.contains(from), "{from}");
    let folder = folder(&[("deployment.yaml", DEPLOYMENT), ("scaledobject.yaml", &SCALED_OBJECT.replace(from, to))]);
    let ran = run(&["validate", folder.path().to_str().unwrap()]);
    (ran.code, format!("{}{}", ran.out, ran.err))
}

/// Checks that it is refused with exit code 2, one message holding each of `words`.
#[track_caller]
fn refused(from: &str, to: &str, words: &[&str]) {
    let (code, text) = after(from, to);
    assert_eq!(code, Some(2), "{text}");
    let found = text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "no line has all of {words:?}:\n{text}");
}

#[test]
fn sound_manifests_pass() {
    let (code, text) = after("orders", "orders");
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn the_example_passes_without_a_warning() {
    let ran = run(&["validate", root().join("examples/kafka-lag").to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(!format!("{}{}", ran.out, ran.err).contains("warning"), "{}{}", ran.out, ran.err);
}

#[test]
fn an_unknown_field_is_told_with_its_line_and_the_nearest_name() {
    let (code, text) = after("maxReplicaCount", "maxReplicas");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("scaledobject.yaml:7") && text.contains("maxReplicaCount"), "{text}");
}

#[test]
fn an_unknown_trigger_type_is_refused() {
    refused("type: kafka", "type: kafak", &["scaledobject.yaml:9", "kafak", "kafka"]);
}

#[test]
fn a_missing_parameter_is_refused() {
    refused("consumerGroup: orders", "group: orders", &["consumerGroup"]);
}

#[test]
fn an_unknown_parameter_is_a_warning_with_the_nearest_name() {
    let (code, text) = after("lagThreshold: '20'", "lagTreshold: '20'");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("lagTreshold") && text.contains("lagThreshold"), "{text}");
}

#[test]
fn min_above_max_is_refused() {
    refused("minReplicaCount: 0", "minReplicaCount: 11", &["minReplicaCount", "11", "10"]);
}

#[test]
fn a_missing_deployment_is_refused() {
    refused("scaleTargetRef: {name: orders}", "scaleTargetRef: {name: order}", &["order", "Deployment"]);
}

#[test]
fn broken_yaml_is_one_clear_message() {
    refused("spec:", "spec: [", &["scaledobject.yaml"]);
}

#[test]
fn a_wrong_type_is_told_with_what_was_found_and_expected() {
    refused("maxReplicaCount: 10", "maxReplicaCount: ten", &["scaledobject.yaml:7", "maxReplicaCount", "ten"]);
}

#[test]
fn two_scaled_objects_on_one_target_are_refused() {
    let other = SCALED_OBJECT.replace("metadata: {name: orders}", "metadata: {name: bills}");
    let folder = folder(&[("d.yaml", DEPLOYMENT), ("a.yaml", SCALED_OBJECT), ("b.yaml", &other)]);
    let ran = run(&["validate", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    let text = format!("{}{}", ran.out, ran.err);
    assert!(text.contains("bills") && text.contains("orders"), "{text}");
}

#[test]
fn a_folder_that_is_not_there_is_bad_input() {
    let ran = run(&["validate", "no/such/folder"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no/such/folder"), "{}", ran.err);
}

#[test]
fn problems_can_be_read_by_programs() {
    let folder = folder(&[("a.yaml", SCALED_OBJECT)]);
    let ran = run(&["validate", folder.path().to_str().unwrap(), "-o", "json"]);
    assert_eq!(ran.code, Some(2));
    let problems: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(problems[0]["severity"], "error");
    assert!(problems[0]["line"].as_u64().is_some(), "{problems}");
}

#[test]
fn an_object_with_errors_is_still_checked_as_far_as_it_is_understood() {
    let both = "maxReplicaCount: ten\n  idleReplicaCount: 5";
    refused("maxReplicaCount: 10", both, &["scaledobject.yaml:7", "maxReplicaCount", "ten"]);
    refused("maxReplicaCount: 10", both, &["scaledobject.yaml:8", "idleReplicaCount", "5"]);
    let (_, text) = after("maxReplicaCount: 10", both);
    assert_eq!(text.lines().filter(|line| line.contains("error") || line.contains("found")).count(), 3, "{text}");
}
