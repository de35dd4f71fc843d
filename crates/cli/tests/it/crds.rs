//! `tidegate crds`: definitions that can be applied, and the file that is made of them.

use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect_file;
use tidegate_cluster::Cluster;

use crate::support::{root, run};

#[test]
fn the_definitions_in_deploy_are_those_of_the_binary() {
    let ran = run(&["crds"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    expect_file![root().join("deploy/crds.yaml")].assert_eq(&ran.out);
}

#[test]
fn single_kinds_are_found_by_any_of_their_names() {
    for name in ["ScaledObject", "scaledobject", "scaledobjects", "so"] {
        let ran = run(&["crds", name, "--output", "json"]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{name}");
        assert_eq!(list["items"][0]["metadata"]["name"], "scaledobjects.keda.sh", "{name}");
    }
}

#[test]
fn an_unknown_kind_is_refused_with_the_nearest_name() {
    let ran = run(&["crds", "ScaledObjekt"]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("ScaledObjekt") && ran.err.contains("did you mean ScaledObject?"), "{}", ran.err);
}

/// A control plane's kubectl, with what it said.
fn kubectl(cluster: &Cluster, args: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", cluster.kubeconfig()).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("kubectl starts");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

fn scaled_object(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: {name}}}\nspec:\n  scaleTargetRef: {{name: w}}\n  \
         triggers: [{{type: kafka, metadata: {{topic: orders}}}}]\n  {spec}\n"
    )
}

/// VAL-01, VAL-02, VAL-04, PAIN-44: on a real API server.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_can_be_applied_explained_and_applied_again() {
    let cluster = Cluster::shared().await;
    // Two `kubectl apply` of the same new object at once are a race between them.
    let _turn = cluster.alone().await;
    let namespace = cluster.namespace("crds").await;
    let definitions = run(&["crds"]).out;
    let (applied, said) = kubectl(cluster, &["apply", "-f", "-"], &definitions);
    assert!(applied, "{said}");
    let (established, said) = kubectl(
        cluster,
        &[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd/scaledobjects.keda.sh",
            "crd/scaledjobs.keda.sh",
        ],
        "",
    );
    assert!(established, "{said}");
    let (_, explained) = kubectl(cluster, &["explain", "scaledobject.spec.fallback"], "");
    assert!(explained.contains("keeps failing") && explained.contains("failureThreshold"), "{explained}");

    let apply = |text: &str| kubectl(cluster, &["--namespace", &namespace, "apply", "-f", "-"], text);
    let get = |path: &str| kubectl(cluster, &["--namespace", &namespace, "get", "so", "a", "-o", path], "").1;
    let (applied, said) = apply(&scaled_object("a", "fallback: {failureThreshold: 3, replicas: 2}"));
    assert!(applied, "{said}");
    assert_eq!(get("jsonpath={.spec.fallback.behavior}"), "static");
    for (spec, word) in [
        ("minReplicaCount: 101", "minReplicaCount"),
        ("minReplicaCount: 5\n  maxReplicaCount: 3", "minReplicaCount"),
        ("pollingInterval: 0", "spec.pollingInterval"),
        ("maxReplicaCount: 0", "spec.maxReplicaCount"),
        ("cooldownPeriod: -1", "spec.cooldownPeriod"),
        ("fallback: {failureThreshold: 1, replicas: 1, behavior: hope}", "spec.fallback.behavior"),
    ] {
        let (applied, said) = apply(&scaled_object("b", spec));
        assert!(!applied && said.contains(word), "{spec}: {said}");
    }
    let none = scaled_object("b", "pollingInterval: 5").replace("[{type: kafka, metadata: {topic: orders}}]", "[]");
    let (applied, said) = apply(&none);
    assert!(!applied && said.contains("spec.triggers"), "{said}");

    let before = get("jsonpath={.metadata.uid}");
    let (again, said) = kubectl(cluster, &["apply", "-f", "-"], &definitions);
    assert!(again && !said.contains("error"), "{said}");
    assert_eq!(get("jsonpath={.metadata.uid}"), before);
}
