//! The real KEDA at work on many different objects, Tidegate in its place, and KEDA again: no replica moves because of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};
use tidegate_cluster::keda::{Keda, KedaOptions};
use tidegate_crds::ScalingPolicy;
use tidegate_operator::Options;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::stage::{Stage, until};
use crate::whole::{Replica, Seat, Track};

/// A source for each object, by its path; one that has no value fails.
struct Load {
    server: MockServer,
    values: Arc<Mutex<BTreeMap<String, u32>>>,
    /// How often each was asked.
    asked: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Load {
    async fn start() -> Load {
        let load = Load { server: MockServer::start().await, values: Arc::default(), asked: Arc::default() };
        let (values, asked) = (Arc::clone(&load.values), Arc::clone(&load.asked));
        let answer = move |request: &Request| {
            let path = request.url.path();
            *asked.lock().unwrap().entry(path.to_owned()).or_default() += 1;
            match values.lock().unwrap().get(path) {
                Some(value) => ResponseTemplate::new(200).set_body_json(json!({"value": value})),
                None => ResponseTemplate::new(503).set_body_string("out of order"),
            }
        };
        Mock::given(any()).respond_with(answer).mount(&load.server).await;
        load
    }

    fn says(&self, name: &str, value: u32) {
        self.values.lock().unwrap().insert(format!("/{name}"), value);
    }

    /// A trigger on the source `name` with a target of 10.
    fn trigger(&self, name: &str, metadata: Value, more: Value) -> Value {
        let mut all =
            json!({"url": format!("{}/{name}", self.server.uri()), "valueLocation": "value", "targetValue": "10"});
        all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        let mut trigger = json!({"type": "metrics-api", "metadata": all});
        trigger.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        trigger
    }

    /// Waits until each source was asked three times more, but those of paused objects.
    async fn rounds(&self) {
        self.asked.lock().unwrap().clear();
        let names: Vec<String> = self.values.lock().unwrap().keys().cloned().collect();
        until("every source was asked three times", async || {
            let asked = self.asked.lock().unwrap();
            let often = |name: &String| asked.get(name).is_some_and(|count| *count >= 3);
            names.iter().filter(|name| !name.starts_with("/paused")).all(often)
        })
        .await;
    }
}

/// One ScaledObject and what comes of it.
struct Case {
    name: &'static str,
    /// Replicas before anybody scales it.
    from: u32,
    /// Of its source; `None`: the source fails, or there is none.
    load: Option<u32>,
    triggers: Value,
    spec: Value,
    annotations: Value,
    /// Where it settles.
    settles: i32,
}

fn plain(load: &Load) -> Vec<Case> {
    let case = |name: &'static str, from, value, metadata: Value, more: Value, spec: Value, settles| Case {
        name,
        from,
        load: Some(value),
        triggers: json!([load.trigger(name, metadata, more)]),
        spec,
        annotations: json!({}),
        settles,
    };
    let none = || json!({});
    let formula = json!({"advanced": {"scalingModifiers": {"formula": "only * 2", "target": "10"}}});
    let behavior = json!({"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1}]}});
    let slow = json!({"advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}});
    let named = json!({"advanced": {"horizontalPodAutoscalerConfig": {"name": "my-own-name"}}});
    let given = json!({"advanced": {"horizontalPodAutoscalerConfig": {"name": "given-hpa"}}});
    let idle = || json!({"idleReplicaCount": 0, "minReplicaCount": 2});
    let restore = json!({"advanced": {"restoreToOriginalReplicaCount": true}});
    vec![
        case("plain", 1, 35, none(), none(), none(), 4),
        case("at-zero", 0, 0, none(), none(), none(), 0),
        case("at-min", 1, 0, none(), none(), json!({"minReplicaCount": 2}), 2),
        case("at-max", 1, 90, none(), none(), json!({"maxReplicaCount": 3}), 3),
        case("value", 2, 10, none(), json!({"metricType": "Value"}), json!({"minReplicaCount": 2}), 2),
        case("cached", 1, 25, none(), json!({"useCachedMetrics": true}), none(), 3),
        case("formula", 1, 15, none(), json!({"name": "only"}), formula, 3),
        case("idle", 2, 0, none(), none(), idle(), 0),
        case("not-idle", 0, 15, none(), none(), idle(), 2),
        case("named", 1, 15, none(), none(), named, 2),
        case("given", 1, 25, none(), none(), given, 3),
        case("quiet", 1, 30, json!({"activationTargetValue": "50"}), none(), none(), 0),
        case("slow", 1, 25, none(), none(), slow, 3),
        case("restored", 1, 15, none(), none(), restore, 2),
    ]
}

fn others(load: &Load) -> Vec<Case> {
    let api = |name: &str| load.trigger(name, json!({}), json!({}));
    let annotated = |name: &'static str, from, annotations: Value, settles| Case {
        name,
        from,
        load: Some(45),
        triggers: json!([api(name)]),
        spec: json!({}),
        annotations,
        settles,
    };
    let without = |name: &'static str, triggers: Value, spec: Value, settles| Case {
        name,
        from: 1,
        load: None,
        triggers,
        spec,
        annotations: json!({}),
        settles,
    };
    let cron = json!({"timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3"});
    let pods = json!({"podSelector": "app=at-max", "value": "1"});
    let two = json!([api("plain"), {"type": "cron", "metadata": cron}]);
    let cpu = json!([{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "50"}}]);
    vec![
        annotated("paused", 2, json!({"autoscaling.keda.sh/paused": "true"}), 2),
        annotated("paused-at", 2, json!({"autoscaling.keda.sh/paused-replicas": "3"}), 3),
        annotated("no-in", 1, json!({"autoscaling.keda.sh/paused-scale-in": "true"}), 5),
        without("cron", json!([{"type": "cron", "metadata": cron}]), json!({}), 3),
        without("pods", json!([{"type": "kubernetes-workload", "metadata": pods}]), json!({}), 3),
        without("two", two, json!({}), 4),
        without("fallback", json!([api("nobody")]), json!({"fallback": {"failureThreshold": 1, "replicas": 3}}), 3),
        without("cpu", cpu, json!({"minReplicaCount": 2, "maxReplicaCount": 4}), 2),
    ]
}

/// A Deployment whose pods use half of the CPU that they request.
async fn deployment(stage: &Stage, name: &str, replicas: u32) {
    let labels = json!({"app": name});
    let annotations = json!({"node.tidegate.dev/pretend": "true", "node.tidegate.dev/cpu": "50m"});
    let container = json!({"name": "main", "image": "none", "resources": {"requests": {"cpu": "100m"}}});
    let template = json!({
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    });
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": labels}, "template": template});
    let new: Deployment = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap();
    stage.api::<Deployment>().create(&PostParams::default(), &new).await.unwrap();
}

async fn create(stage: &Stage, load: &Load, cases: &[Case]) {
    // One that somebody made by hand, for its ScaledObject to take over.
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "given"});
    let own = json!({"metadata": {"name": "given-hpa"}, "spec": {"scaleTargetRef": target, "maxReplicas": 9}});
    let own: HorizontalPodAutoscaler = serde_json::from_value(own).unwrap();
    stage.api::<HorizontalPodAutoscaler>().create(&PostParams::default(), &own).await.unwrap();
    for case in cases {
        if let Some(value) = case.load {
            load.says(case.name, value);
        }
        deployment(stage, case.name, case.from).await;
        let mut spec = case.spec.clone();
        spec["triggers"] = case.triggers.clone();
        spec["pollingInterval"] = json!(2);
        let mut annotations = case.annotations.clone();
        if case.name == "given" {
            annotations["scaledobject.keda.sh/transfer-hpa-ownership"] = json!("true");
        }
        stage.annotated(case.name, annotations, spec).await;
    }
}

async fn uids(stage: &Stage) -> BTreeMap<String, String> {
    let hpas = stage.api::<HorizontalPodAutoscaler>().list(&ListParams::default()).await.unwrap().items;
    hpas.into_iter().map(|hpa| (hpa.metadata.name.unwrap(), hpa.metadata.uid.unwrap())).collect()
}

async fn settled(track: &Track, wanted: &BTreeMap<String, i32>) {
    let mut last = track.last();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(240);
    while last != *wanted {
        let off: Vec<_> = wanted.iter().filter(|(name, count)| last.get(*name) != Some(count)).collect();
        assert!(std::time::Instant::now() < deadline, "wanted {off:?}, found {last:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        last = track.last();
    }
}

/// Every count that each Deployment was asked to have, so that two moments can be compared.
fn history(track: &Track, cases: &[Case]) -> BTreeMap<&'static str, Vec<i32>> {
    cases.iter().map(|case| (case.name, track.of(case.name))).collect()
}

/// In mode shadow: what it would have is what KEDA's HPAs have, and it writes nothing.
async fn shadow(stage: &Stage, cases: &[Case], wanted: &BTreeMap<String, i32>) {
    for case in cases {
        stage.policy(case.name, "shadow").await;
    }
    let console = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { console, ..stage.options() };
    let beside = Replica::start(stage.cluster.admin().config().unwrap(), options).await;
    let console = beside.operator().running().console.unwrap();
    let decided = async |name: &str| -> Option<i64> {
        let url = format!("http://{console}/api/v1/targets/{}/{name}/records", stage.namespace);
        let text = reqwest::get(url).await.ok()?.text().await.ok()?;
        let found: Value = serde_json::from_str(&text).ok()?;
        let records = found.as_array().or_else(|| found["records"].as_array())?;
        records.first()?["desiredReplicas"].as_i64()
    };
    for (name, count) in wanted.iter().filter(|(name, _)| name.as_str() != "cpu") {
        until(&format!("the decision for {name} is {count}"), async || decided(name).await == Some(i64::from(*count)))
            .await;
    }
    assert_eq!(beside.writes.changes(), Vec::<String>::new(), "in mode shadow nothing is written");
    beside.stop().await;
    let policies = stage.api::<ScalingPolicy>();
    for case in cases {
        policies.delete(case.name, &DeleteParams::default()).await.unwrap();
    }
}

/// PAIN-25, OWN-03: shadow beside KEDA, in its place, and KEDA again, with twenty-two different objects under load
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs KEDA, ten minutes to build: `cargo xtask keda setup`, then `cargo xtask keda test`"]
async fn keda_then_tidegate_then_keda() {
    let stage = Stage::on_its_own_cluster("takeover").await;
    let keda = Keda::start(stage.cluster, &KedaOptions::default()).await.unwrap();
    let load = Load::start().await;
    let cases: Vec<Case> = plain(&load).into_iter().chain(others(&load)).collect();
    let mut wanted: BTreeMap<String, i32> = cases.iter().map(|case| (case.name.to_owned(), case.settles)).collect();
    let track = Track::start(&stage);
    create(&stage, &load, &cases).await;
    settled(&track, &wanted).await;
    load.rounds().await;
    let (before, hpas) = (history(&track, &cases), uids(&stage).await);
    shadow(&stage, &cases, &wanted).await;
    assert_eq!(history(&track, &cases), before, "nothing moved beside KEDA");

    keda.stop().await;
    let seat = Seat::new(&stage);
    let tidegate = seat.replica(&stage).await;
    seat.aggregate(&stage).await;
    load.rounds().await;
    assert_eq!(history(&track, &cases), before, "nothing moved because of the switch");
    assert_eq!(uids(&stage).await, hpas);
    change(
        &load,
        &mut wanted,
        [("plain", 55, 6), ("at-zero", 15, 2), ("cached", 15, 2), ("formula", 5, 1), ("idle", 25, 3)],
    );
    wanted.insert("two".to_owned(), 6);
    settled(&track, &wanted).await;
    let before = history(&track, &cases);
    tidegate.stop().await;

    let keda = Keda::start(stage.cluster, &KedaOptions::default()).await.unwrap();
    load.rounds().await;
    assert_eq!(history(&track, &cases), before, "nothing moved because of the way back");
    assert_eq!(uids(&stage).await, hpas);
    change(
        &load,
        &mut wanted,
        [("plain", 15, 2), ("at-zero", 0, 0), ("cached", 35, 4), ("formula", 15, 3), ("idle", 0, 0)],
    );
    wanted.insert("two".to_owned(), 3);
    settled(&track, &wanted).await;
    keda.stop().await;
}

fn change(load: &Load, wanted: &mut BTreeMap<String, i32>, to: [(&str, u32, i32); 5]) {
    for (name, value, count) in to {
        load.says(name, value);
        wanted.insert(name.to_owned(), count);
    }
}
