//! `tidegate decide`, on the golden cases that the engine's own tests use.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ran, folder, root, run, tidegate};

#[test]
fn every_golden_case_is_decided_as_expected() {
    let vectors = root().join("tests/vectors/decide");
    let mut files: Vec<_> = fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<Value> = serde_saphyr::from_multiple::<Value>(&text)
            .unwrap()
            .into_iter()
            .map(|case| case["expect"].clone())
            .collect();
        let ran = run(&["decide", file.to_str().unwrap(), "-o", "json"]);
        assert_eq!(ran.code, Some(0), "{}: {}", file.display(), ran.err);
        let decided: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(decided.len(), expected.len(), "{}", file.display());
        for (number, (decided, expected)) in decided.iter().zip(&expected).enumerate() {
            let place = format!("{} document {}", file.display(), number + 1);
            for key in ["desiredReplicas", "active", "boundBy"] {
                if !expected[key].is_null() {
                    assert_eq!(decided[key], expected[key], "{place}: {key} in {decided}");
                }
            }
            cases += 1;
        }
    }
    assert!(cases > 100, "only {cases} cases were found");
}

const CASE: &str = "\
now: 2026-01-01T00:10:00Z
policy:
  apiVersion: keda.sh/v1alpha1
  kind: ScaledObject
  metadata: {name: orders}
  spec:
    scaleTargetRef: {name: orders}
    triggers:
      - type: kafka
        metadata: {bootstrapServers: 'broker:9092', consumerGroup: orders, topic: orders, lagThreshold: '20'}
workload: {replicas: 3, readyReplicas: 3}
readings:
  s0: {value: 120, parallelism: 10}
";

#[test]
fn the_answer_has_the_documented_shape() {
    let mut child =
        tidegate().args(["decide", "-", "-o", "json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(CASE.as_bytes()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0));
    let decided: Value = serde_json::from_str(&ran.out).unwrap();
    let keys: Vec<&String> = decided.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["desiredReplicas", "active", "boundBy", "steps"]);
    assert_eq!(decided["desiredReplicas"], 6);
    assert_eq!(decided["active"], true);
    let step = decided["steps"][0].as_object().unwrap();
    assert_eq!(step.keys().collect::<Vec<_>>(), ["rule", "from", "to", "reason"]);
    assert_eq!(step["from"], 3);
}

#[test]
fn a_policy_may_stand_in_a_file_of_its_own() {
    let policy =
        CASE.lines().skip(2).take(8).map(|line| format!("{}\n", line.get(2..).unwrap_or(""))).collect::<String>();
    let rest = CASE.lines().skip(10).map(|line| format!("{line}\n")).collect::<String>();
    let case = format!("now: 2026-01-01T00:10:00Z\npolicyFile: policy.yaml\n{rest}");
    let folder = folder(&[("policy.yaml", &policy), ("case.yaml", &case)]);
    let ran = run(&["decide", folder.path().join("case.yaml").to_str().unwrap(), "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.starts_with("{\"desiredReplicas\":6,"), "{}", ran.out);
}

#[test]
fn a_bad_case_names_line_and_field() {
    let case = CASE.replace("value: 120", "valeu: 120");
    let folder = folder(&[("case.yaml", &case)]);
    let ran = run(&["decide", folder.path().join("case.yaml").to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("case.yaml:13") && ran.err.contains("valeu"), "{}", ran.err);
}
