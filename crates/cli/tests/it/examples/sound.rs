//! Every example is what it should be: sound to `validate`, and taken by an API server with our definitions and webhook.

use std::fs;
use std::time::{Duration, Instant};

use tidegate_cluster::{Cluster, ClusterOptions};

use super::{Done, Ground, LOOK, kubectl, text_of};
use crate::support::{root, run};

fn examples() -> Vec<String> {
    let folders = fs::read_dir(root().join("examples")).unwrap().flatten().filter(|entry| entry.path().is_dir());
    let names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(names.len() >= 5, "{names:?}");
    names
}

#[test]
fn every_example_is_valid_and_has_a_page() {
    for name in examples() {
        let folder = root().join("examples").join(&name);
        run(&["validate", folder.to_str().unwrap()]).done();
        let page = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(page.starts_with("# "), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_taken_by_an_api_server_and_its_webhook() {
    let ground = Ground::prepare("examples").await;
    let dry = ["apply", "--dry-run=server", "-f", "-"];
    // First that the webhook is at work: it refuses what the definitions allow.
    let wrong = text_of("kafka-lag", &[("lagThreshold: \"20\"", "lagThreshold: \"many\"")]);
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        let ran = ground.kubectl(&dry, &wrong);
        if ran.err.contains("lagThreshold") {
            assert_ne!(ran.code, Some(0));
            break;
        }
        assert!(Instant::now() < give_up, "the webhook takes it: {}{}\n{}", ran.out, ran.err, ground.log());
        tokio::time::sleep(LOOK).await;
    }
    for name in examples() {
        ground.kubectl(&dry, &text_of(&name, &[])).done();
    }
}

/// On a cluster of its own, where nothing was installed before and no pod can be run.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_installed_by_one_kubectl_apply_which_may_be_repeated() {
    let cluster = Cluster::start(ClusterOptions { node: None, ..ClusterOptions::quick() }).await.unwrap();
    let deploy = root().join("deploy");
    let apply = ["apply", "-f", deploy.to_str().unwrap()];
    let first = kubectl(&cluster, &apply, "");
    // Kubernetes has rules of others to put in here; applying again leaves them.
    let rules = ["get", "clusterrole", "tidegate-targets", "-o", "jsonpath={.rules[*].resources}"];
    let give_up = Instant::now() + Duration::from_secs(90);
    while !kubectl(&cluster, &rules, "").out.contains("rollouts") {
        assert!(Instant::now() < give_up, "{:?}", kubectl(&cluster, &rules, ""));
        tokio::time::sleep(LOOK).await;
    }
    let version = ["get", "pdb", "-n", "keda", "tidegate-operator", "-o", "jsonpath={.metadata.resourceVersion}"];
    let before = kubectl(&cluster, &version, "").out;
    let second = kubectl(&cluster, &apply, "");
    let (after, kept) = (kubectl(&cluster, &version, "").out, kubectl(&cluster, &rules, "").out);
    cluster.stop().await;
    assert!(first.out.contains("deployment.apps/tidegate-operator created"), "{first:?}");
    first.done();
    let changed: Vec<&str> = second.out.lines().filter(|line| !line.ends_with(" unchanged")).collect();
    // kubectl always sends this one's selector, even where it is the same, and calls that configured.
    assert_eq!(changed, ["poddisruptionbudget.policy/tidegate-operator configured"]);
    assert!(after == before && kept.contains("rollouts"), "{before} {after} {kept}");
    second.done();
}
