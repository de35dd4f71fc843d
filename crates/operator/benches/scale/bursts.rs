//! From lag to the change of replicas.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};

use crate::figures::spread;
use crate::phases::AMPLE;
use crate::world::{NAMESPACE, World, replicas_of};

/// Steps of lag, each for one more replica.
const STEPS: u32 = 6;
/// A HorizontalPodAutoscaler looks every 15 s, and may by its policies change as often what was just changed. Steps come a bit
/// more than that apart, so that each finds it elsewhere, and none as many whole seconds after the one before, for polls.
const BETWEEN_STEPS: Duration = Duration::from_millis(15_000 + 15_000 / STEPS as u64);
const ON_TOP_EACH: Duration = Duration::from_millis(1000 / STEPS as u64);

/// How long each Deployment took.
#[derive(Default)]
pub struct Burst {
    pub to_first: Vec<Duration>,
    pub to_ten: Vec<Duration>,
    pub from_first_to_ten: Vec<Duration>,
}

/// The replicas of all Deployments, as they change.
struct Replicas {
    changes: Pin<Box<dyn Stream<Item = watcher::Result<Deployment>> + Send>>,
    known: HashMap<String, i32>,
}

/// One Deployment's.
struct Change {
    name: String,
    from: i32,
    to: i32,
}

impl Replicas {
    async fn of(world: &World) -> Replicas {
        let deployments: Api<Deployment> = Api::namespaced(world.client(), NAMESPACE);
        let mut changes = watcher(deployments, watcher::Config::default()).applied_objects().boxed();
        let mut known = HashMap::new();
        while known.len() < world.objects {
            let found = changes.try_next().await.unwrap().unwrap();
            let replicas = replicas_of(&found);
            known.insert(found.metadata.name.unwrap(), replicas);
        }
        Replicas { changes, known }
    }

    /// `None`: nothing moves any more.
    async fn next(&mut self) -> Option<Change> {
        loop {
            let found = tokio::time::timeout(Duration::from_secs(300), self.changes.next()).await.ok()??;
            let Ok(found) = found else { continue };
            let to = replicas_of(&found);
            let name = found.metadata.name.unwrap();
            let from = self.known.insert(name.clone(), to).unwrap();
            if from != to {
                return Some(Change { name, from, to });
            }
        }
    }
}

/// Lag of `each` records a partition in all groups at once.
pub async fn burst(world: &World, each: usize) -> Burst {
    let mut replicas = Replicas::of(world).await;
    // From before the first record: the producer takes a while to end, when the records have long been seen.
    let (begun, mut burst, mut first) = (Instant::now(), Burst::default(), HashMap::new());
    let produced = world.produce(each);
    while burst.to_ten.len() < world.objects && begun.elapsed() < AMPLE {
        let Some(change) = replicas.next().await else { break };
        let elapsed = begun.elapsed();
        if change.from == 1 {
            first.insert(change.name.clone(), elapsed);
        }
        if change.from < 10 && change.to >= 10 {
            burst.to_ten.push(elapsed);
            burst.from_first_to_ten.push(elapsed - first[&change.name]);
        }
    }
    produced.await.unwrap();
    burst.to_first = first.into_values().collect();
    burst
}

/// Time after time a little lag in all groups at once, enough for one more replica: a burst is seen when the source is next
/// looked at, so that one alone tells of one moment.
pub async fn steps(world: &World) -> Vec<Duration> {
    // A record in each of the ten partitions is one replica's, which there is.
    world.produce(1).await.unwrap();
    let (mut replicas, mut times) = (Replicas::of(world).await, Vec::new());
    for step in 1..=STEPS {
        tokio::time::sleep(BETWEEN_STEPS + ON_TOP_EACH * step).await;
        let (begun, before) = (Instant::now(), times.len());
        let produced = world.produce(1);
        while times.len() < before + world.objects {
            replicas.next().await.expect("every Deployment gets one more replica");
            times.push(begun.elapsed());
        }
        produced.await.unwrap();
        println!("    step {step}: {}", spread(times[before..].to_vec()));
    }
    times
}
