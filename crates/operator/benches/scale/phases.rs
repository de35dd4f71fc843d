//! What is measured, in order.

use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;

use crate::bursts::{burst, steps};
use crate::figures::{Figures, short, spread};
use crate::settings::{Phase, Settings};
use crate::side::{Kind, Side};
use crate::world::{NAMESPACE, World, replicas_of};

/// Nothing here takes longer, at any size that a bench is run with.
pub const AMPLE: Duration = Duration::from_secs(2400);

/// The controller finds within its sync of 15 s that an HPA is gone. One made again under the name before that would go on
/// with the recommendations of the first, which are to be kept for five minutes.
const HPA_FORGOTTEN: Duration = Duration::from_secs(20);

pub async fn run(world: &World, side: &mut Side, settings: &Settings, table: &mut Figures) {
    let name = side.kind.name();
    let mut note = |what: &str, figure: String| table.note(name, what, figure);
    let begun = Instant::now();
    world.scaled_objects(side.kind == Kind::Direct).await;
    note("creating the objects", short(begun.elapsed()));
    served(world, side).await;
    note("first manifest to every HPA there (direct: to every object ready)", short(begun.elapsed()));
    answered(world, side).await;
    if settings.wants(Phase::Rest) {
        rest(world, side, settings, "at rest", &mut note).await;
    }
    if settings.wants(Phase::Metric) && side.kind.serves_metrics() {
        note("external metric through the API server", spread(asked(world, settings.requests()).await));
    }
    if settings.wants(Phase::Burst) {
        let burst = burst(world, 200).await;
        note("burst to first change of replicas", spread(burst.to_first));
        note("burst to 10 replicas", spread(burst.to_ten));
        note("first change to 10 replicas, which the policies let take 30 s", spread(burst.from_first_to_ten));
        if settings.wants(Phase::Rest) {
            rest(world, side, settings, "with lag in every group", &mut note).await;
        }
    }
    if settings.wants(Phase::Stalled) && side.kind.serves_metrics() {
        stalled(world, settings, &mut note).await;
    }
    if settings.wants(Phase::Killed) {
        killed(world, side, &mut note).await;
    }
    if settings.wants(Phase::Lag) {
        world.clear(side.kind == Kind::Direct).await;
        if !settings.wants(Phase::Burst) {
            world.produce(200).await.unwrap();
        }
        let begun = Instant::now();
        world.scaled_objects(side.kind == Kind::Direct).await;
        served(world, side).await;
        note("the same with lag waiting in every group", short(begun.elapsed()));
        note("memory, after all of it", side.memory().to_string());
    }
    if settings.wants(Phase::Steps) {
        if settings.wants(Phase::Burst) || settings.wants(Phase::Lag) {
            make_anew(world, side).await;
        }
        note("one more replica's lag to the change, at six times", spread(steps(world).await));
    }
    // Last, for what a client once knows of topics it may go on knowing.
    if settings.wants(Phase::Topics) {
        topics(world, side, settings, &mut note).await;
    }
}

/// The objects as they were first made: without lag, with one replica each, and nobody who remembers more.
async fn make_anew(world: &World, side: &Side) {
    world.clear(side.kind == Kind::Direct).await;
    world.commit();
    world.reset().await;
    tokio::time::sleep(HPA_FORGOTTEN).await;
    world.scaled_objects(side.kind == Kind::Direct).await;
    served(world, side).await;
    answered(world, side).await;
}

/// Waits until every object is served: it has its HPA, or says that it is ready where none is wanted.
async fn served(world: &World, side: &Side) {
    let begun = Instant::now();
    loop {
        let there = match side.kind {
            Kind::Direct => ready(world).await,
            Kind::Hpa | Kind::Keda => world.count("autoscaling", "v2", "HorizontalPodAutoscaler").await,
        };
        if there >= world.objects {
            return;
        }
        assert!(begun.elapsed() < AMPLE, "{there} of {} objects are served; {}", world.objects, side.logs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn ready(world: &World) -> usize {
    let objects = world.api("keda.sh", "v1alpha1", "ScaledObject").list(&Default::default()).await.unwrap();
    let is_ready = |object: &&kube::api::DynamicObject| {
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    objects.items.iter().filter(is_ready).count()
}

/// Waits until the metric of every object is answered.
async fn answered(world: &World, side: &Side) -> Vec<Duration> {
    if !side.kind.serves_metrics() {
        return Vec::new();
    }
    let (begun, client) = (Instant::now(), world.client());
    let all = (0..world.objects).map(|index| {
        let client = client.clone();
        async move {
            while get(&client, index).await.is_err() {
                assert!(begun.elapsed() < AMPLE, "the metric of object {index} is not answered");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            begun.elapsed()
        }
    });
    // As the HorizontalPodAutoscaler controller and some more would; many askers would be what keeps the API server busy.
    futures::stream::iter(all).buffer_unordered(8).collect().await
}

async fn get(client: &kube::Client, index: usize) -> Result<Duration, String> {
    let path = format!(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/s0-kafka-load?labelSelector=scaledobject.keda.sh%2Fname%3Dworker-{index}"
    );
    let begun = Instant::now();
    let request = axum::http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    let list: serde_json::Value = client.request(request).await.map_err(|error| error.to_string())?;
    match list["items"].as_array().map(Vec::len) {
        Some(1) => Ok(begun.elapsed()),
        other => Err(format!("{other:?} values")),
    }
}

async fn asked(world: &World, requests: usize) -> Vec<Duration> {
    let client = world.client();
    let mut times = Vec::new();
    for request in 0..requests {
        // A prime stride visits all objects in no order that a cache would like.
        times.push(get(&client, request * 7919 % world.objects).await.expect("the metric is answered"));
    }
    times
}

/// Until what a start left over is done with.
async fn settle(settings: &Settings) {
    tokio::time::sleep(Duration::from_secs(if settings.quick { 20 } else { 35 })).await;
}

async fn rest(world: &World, side: &Side, settings: &Settings, when: &str, note: &mut impl FnMut(&str, String)) {
    settle(settings).await;
    let (cpu, writes, begun) = (side.cpu(), writes(world).await, Instant::now());
    tokio::time::sleep(Duration::from_secs(settings.rest_seconds())).await;
    let elapsed = begun.elapsed().as_secs_f64();
    let used = (side.cpu() - cpu).as_secs_f64() / elapsed * 100.0;
    note(&format!("CPU, {when}"), format!("{used:.1} % of a core"));
    let written = (self::writes(world).await - writes) / elapsed;
    note(&format!("API writes a second, {when}"), format!("{written:.2}"));
    note(&format!("memory, {when}"), side.memory().to_string());
    note(&format!("connections to the broker, {when}"), side.connections(world.broker_port()).to_string());
}

/// Writes to what the autoscaler writes: objects, HPAs (not their status), scales and events.
async fn writes(world: &World) -> f64 {
    let request = axum::http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = world.client().request_text(request).await.unwrap();
    let counts = |line: &&str| {
        let writes = ["POST", "PUT", "PATCH", "DELETE"].iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")));
        let ours = ["scaledobjects", "events"].iter().any(|what| line.contains(&format!("resource=\"{what}\"")))
            || line.contains("resource=\"horizontalpodautoscalers\"") && line.contains("subresource=\"\"")
            || line.contains("subresource=\"scale\"");
        writes && ours
    };
    let lines = text.lines().filter(|line| line.starts_with("apiserver_request_total{"));
    lines.filter(counts).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Topics that no trigger names.
async fn topics(world: &World, side: &Side, settings: &Settings, note: &mut impl FnMut(&str, String)) {
    settle(settings).await;
    let before = side.memory().resident_bytes;
    world.make_other_topics();
    // KEDA's client learns of them when it next fetches the cluster's metadata, which is every ten minutes.
    let wait = if settings.quick || side.kind != Kind::Keda { 60 } else { 660 };
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let (before, after) = (before / 1_000_000, side.memory().resident_bytes / 1_000_000);
    note("memory before and after 500 other topics of 10 partitions", format!("{before} MB, {after} MB"));
    world.delete_other_topics();
}

/// The broker accepts connections and answers nothing.
async fn stalled(world: &World, settings: &Settings, note: &mut impl FnMut(&str, String)) {
    world.broker.signal("-STOP");
    tokio::time::sleep(Duration::from_secs(if settings.quick { 5 } else { 35 })).await;
    let client = world.client();
    // One every 50 ms, as they come in life. None waits for the one before: where each takes a minute, one after the
    // other would take three quarters of an hour.
    let asked = (0..40).map(|request| {
        let (client, index) = (client.clone(), request * 7919 % world.objects);
        async move {
            tokio::time::sleep(Duration::from_millis(50) * request as u32).await;
            let begun = Instant::now();
            (get(&client, index).await.is_ok(), begun.elapsed())
        }
    });
    let answers: Vec<(bool, Duration)> = futures::future::join_all(asked).await;
    world.broker.signal("-CONT");
    let failed = answers.iter().filter(|(answered, _)| !answered).count();
    let times = answers.iter().map(|(_, time)| *time).collect();
    note("metric while the broker is stalled", format!("{}; {failed} of 40 failed", spread(times)));
}

async fn killed(world: &World, side: &mut Side, note: &mut impl FnMut(&str, String)) {
    let before = replicas(world).await;
    side.kill_and_start(world).await;
    let mut times = answered(world, side).await;
    times.sort();
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let figure = format!("{}, {}", short(*first), short(*last));
        note("killed and started: first and last metric answered", figure);
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let moved = replicas(world).await.iter().zip(&before).filter(|(now, before)| now != before).count();
    note("replica counts moved by the restart", moved.to_string());
}

async fn replicas(world: &World) -> Vec<i32> {
    let deployments: Api<Deployment> = Api::namespaced(world.client(), NAMESPACE);
    let all = deployments.list(&Default::default()).await.unwrap();
    all.items.iter().map(replicas_of).collect()
}
