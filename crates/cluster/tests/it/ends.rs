//! What is left when a cluster ends, or its owner is killed: nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tidegate_cluster::{Cluster, ClusterOptions};

use crate::bench::{processes_with, shell, until};

/// Set in a process that is to own a cluster: the file into which it writes the cluster's folder.
const AS_OWNER: &str = "TIDEGATE_TEST_CLUSTER_OWNER";

/// In the environment of the pod.
const NAME: &str = "POD_NAME=outlived";

/// Owns a cluster with a pod, in a process of its own, until it is killed. Does nothing when run as a test.
#[test]
fn as_owner() {
    let Some(file) = std::env::var_os(AS_OWNER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::start(ClusterOptions::quick()).await.unwrap();
        let pods: Api<Pod> = Api::namespaced(cluster.client(), "default");
        let pod = json!({
            "metadata": {"name": "outlived"},
            "spec": {"containers": [shell("trap '' TERM; setsid sleep 600 & while true; do sleep 600; done")]},
        });
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        until("it runs", async || processes_with(NAME).len() == 3).await;
        fs::write(file, cluster.folder().display().to_string()).unwrap();
        std::future::pending::<()>().await;
    });
}

fn of_cluster(folder: &Path) -> usize {
    let found = Command::new("sh")
        .args(["-c", "grep -lzsF \"TIDEGATE_OWNER=$1#\" /proc/[0-9]*/environ | wc -l", "sh"])
        .arg(folder)
        .output()
        .unwrap();
    String::from_utf8(found.stdout).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn no_process_and_no_file_survives_the_kill_9_of_the_owner() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("folder");
    let args = ["ends::as_owner", "--exact", "--test-threads=1", "--nocapture"];
    let mut owner = Command::new(std::env::current_exe().unwrap());
    owner.args(args).env(AS_OWNER, &file).stdout(Stdio::null()).stderr(Stdio::null());
    let mut owner = owner.spawn().unwrap();
    until("the cluster is up with its pod", async || {
        assert!(owner.try_wait().unwrap().is_none(), "the owner ended by itself");
        fs::read_to_string(&file).is_ok_and(|text| !text.is_empty())
    })
    .await;
    let folder = PathBuf::from(fs::read_to_string(&file).unwrap());
    assert!(of_cluster(&folder) >= 7, "four servers and the pod's three processes");
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("nothing runs", async || of_cluster(&folder) == 0 && processes_with(NAME).is_empty()).await;
    until("no file is left", async || !folder.exists()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_stopped_leaves_nothing() {
    let cluster = Cluster::start(ClusterOptions::quick()).await.unwrap();
    let folder = cluster.folder().to_owned();
    assert!(of_cluster(&folder) >= 4);
    cluster.stop().await;
    assert_eq!(of_cluster(&folder), 0);
    assert!(!folder.exists());
}
