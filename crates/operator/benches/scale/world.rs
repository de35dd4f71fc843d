//! What both sides find: a control plane, a broker, Deployments of one replica, groups without lag.

use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tidegate_cluster::{Cluster, ClusterOptions};
use tokio::task::JoinHandle;

use crate::broker::{self, Broker};
use crate::raw::Raw;
use crate::settings::Settings;

/// The one topic and its partitions.
pub const TOPIC: &str = "load";
pub const PARTITIONS: usize = 10;
/// Topics beside it for a while, of as many partitions.
const OTHER_TOPICS: usize = 500;
/// Where everything is.
pub const NAMESPACE: &str = "default";
/// Requests at once while objects are made.
const AT_ONCE: usize = 16;

pub struct World {
    pub cluster: Cluster,
    pub broker: &'static Broker,
    pub objects: usize,
    /// Over which the ScaledObjects are made.
    pub over: Duration,
}

impl World {
    pub async fn start(settings: &Settings) -> World {
        let (broker, _turn) = broker::shared().await;
        let options = ClusterOptions {
            node: None,
            client_qps: Some(1000),
            controller_manager_flags: vec![
                "--controllers=horizontal-pod-autoscaler-controller,garbage-collector-controller,namespace-controller,\
                 serviceaccount-controller,root-ca-certificate-publisher-controller"
                    .to_owned(),
            ],
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options).await.expect("the control plane starts");
        let world =
            World { cluster, broker, objects: settings.objects, over: Duration::from_secs(settings.over_seconds) };
        world.commit();
        world.deployments().await;
        world
    }

    pub async fn stop(self) {
        self.cluster.stop().await;
    }

    /// The port that clients connect to.
    pub fn broker_port(&self) -> u16 {
        self.broker.plain.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub fn client(&self) -> kube::Client {
        tidegate_operator::client(self.cluster.admin().config().unwrap()).unwrap()
    }

    /// Moves all groups to the end of the topic: no lag.
    pub fn commit(&self) {
        let mut raw = self.broker.raw();
        let servers = self.broker.plain.as_str();
        if self.produced() == 0 {
            raw.create_topic(TOPIC, PARTITIONS as i32);
            self.broker.produce(TOPIC, PARTITIONS as i32, 1);
            PRODUCED.store(1, std::sync::atomic::Ordering::SeqCst);
        }
        let offsets = vec![self.produced() as i64; PARTITIONS];
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let (offsets, objects) = (&offsets, self.objects);
                scope.spawn(move || {
                    let mut raw = Raw::connect(servers);
                    for group in (worker..objects).step_by(8) {
                        raw.commit(&format!("group-{group}"), TOPIC, offsets);
                    }
                });
            }
        });
    }

    /// Begins to write `each` records to each partition: as much lag in every group.
    pub fn produce(&self, each: usize) -> JoinHandle<()> {
        let broker = self.broker;
        tokio::task::spawn_blocking(move || {
            broker.produce(TOPIC, PARTITIONS as i32, each);
            PRODUCED.fetch_add(each, std::sync::atomic::Ordering::SeqCst);
        })
    }

    /// Topics that no trigger names.
    pub fn make_other_topics(&self) {
        let mut raw = self.broker.raw();
        for topic in 0..OTHER_TOPICS {
            raw.create_topic(&format!("other-{topic}"), PARTITIONS as i32);
        }
    }

    /// So that the next side does not find them.
    pub fn delete_other_topics(&self) {
        let mut raw = self.broker.raw();
        for topic in 0..OTHER_TOPICS {
            raw.delete_topic(&format!("other-{topic}"));
        }
    }

    fn produced(&self) -> usize {
        PRODUCED.load(std::sync::atomic::Ordering::SeqCst)
    }

    async fn deployments(&self) {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        let all = (0..self.objects).map(|index| {
            let deployments = deployments.clone();
            async move {
                let new = serde_json::from_value(deployment(index)).unwrap();
                deployments.create(&PostParams::default(), &new).await.unwrap();
            }
        });
        futures::stream::iter(all).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    /// Makes all objects, over the time that is asked for; returns when the last was accepted.
    pub async fn scaled_objects(&self, direct: bool) {
        if direct {
            let policies = self.api("tidegate.dev", "v1alpha1", "ScalingPolicy");
            self.create(&policies, Duration::ZERO, policy).await;
        }
        let interval = if direct { 1 } else { 30 };
        let objects = self.api("keda.sh", "v1alpha1", "ScaledObject");
        let servers = self.broker.plain.clone();
        self.create(&objects, self.over, move |index| scaled_object(index, interval, &servers)).await;
    }

    /// Evenly over this time, or as fast as the API server takes them.
    async fn create(&self, api: &Api<DynamicObject>, over: Duration, make: impl Fn(usize) -> Value) {
        let begun = tokio::time::Instant::now();
        let all = (0..self.objects).map(|index| {
            let (api, new) = (api.clone(), serde_json::from_value(make(index)).unwrap());
            let at = begun + over * index as u32 / self.objects as u32;
            async move {
                tokio::time::sleep_until(at).await;
                api.create(&PostParams::default(), &new).await.unwrap();
            }
        });
        futures::stream::iter(all).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    pub fn api(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client(), NAMESPACE, &resource)
    }

    /// Deletes all ScaledObjects and waits until their HPAs are collected.
    pub async fn clear(&self, direct: bool) {
        let objects = self.api("keda.sh", "v1alpha1", "ScaledObject");
        objects.delete_collection(&Default::default(), &ListParams::default()).await.unwrap();
        let begun = Instant::now();
        while self.count("autoscaling", "v2", "HorizontalPodAutoscaler").await > 0
            || self.count("keda.sh", "v1alpha1", "ScaledObject").await > 0
        {
            assert!(begun.elapsed() < Duration::from_secs(1800), "objects and HPAs stay behind");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        if direct {
            let policies = self.api("tidegate.dev", "v1alpha1", "ScalingPolicy");
            policies.delete_collection(&Default::default(), &ListParams::default()).await.unwrap();
        }
    }

    /// Sets every Deployment to one replica.
    pub async fn reset(&self) {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        let patch = kube::api::Patch::Merge(json!({"spec": {"replicas": 1}}));
        let all = (0..self.objects).map(|index| {
            let (deployments, patch) = (deployments.clone(), patch.clone());
            async move {
                deployments.patch(&format!("worker-{index}"), &Default::default(), &patch).await.unwrap();
            }
        });
        futures::stream::iter(all).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    /// How many there are, without fetching them all.
    pub async fn count(&self, group: &str, version: &str, kind: &str) -> usize {
        let list = self.api(group, version, kind).list_metadata(&ListParams::default().limit(1)).await.unwrap();
        list.items.len() + list.metadata.remaining_item_count.unwrap_or(0) as usize
    }
}

/// Records written to each partition so far, by all worlds: they share the broker.
static PRODUCED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// The replicas that a Deployment asks for; one where it says nothing.
pub fn replicas_of(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

fn deployment(index: usize) -> Value {
    let name = format!("worker-{index}");
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "worker", "image": "worker", "command": ["sleep", "inf"]}]},
            },
        },
    })
}

fn scaled_object(index: usize, interval: u32, servers: &str) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": format!("worker-{index}"), "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"name": format!("worker-{index}")},
            "pollingInterval": interval,
            "minReplicaCount": 1,
            "maxReplicaCount": 10,
            "triggers": [{"type": "kafka", "metadata": {
                "bootstrapServers": servers,
                "consumerGroup": format!("group-{index}"),
                "topic": TOPIC,
                "lagThreshold": "10",
            }}],
        },
    })
}

fn policy(index: usize) -> Value {
    json!({
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": format!("worker-{index}"), "namespace": NAMESPACE},
        "spec": {"targetRef": {"kind": "ScaledObject", "name": format!("worker-{index}")}, "mode": "direct"},
    })
}
