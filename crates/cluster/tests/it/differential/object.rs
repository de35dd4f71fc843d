//! One toy with its HorizontalPodAutoscaler, its script, and what is told of it.

use std::sync::{Arc, Mutex, MutexGuard};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use tidegate_engine::{MetricTarget, Policy, ReadError, ReadErrorKind, Reading, Timestamp, Workload};

use super::SYNC;
use super::pods::PodModel;
use super::policies::{Plan, autoscaler, is_memory};
use super::random::Dice;
use super::seen::Marker;
use super::twin::{Look, Twin, Verdict};

/// What is true of an object until its script goes on.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// By trigger, in thousandths; `None`: its source is down.
    values: Vec<Option<u64>>,
    pub(crate) pods: Vec<PodModel>,
    existing: u32,
}

/// What a question is answered with.
pub(crate) struct Answer {
    pub(crate) value: Option<u64>,
    pub(crate) pods: Vec<PodModel>,
}

/// What came of the looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) compared: usize,
    pub(crate) moved: usize,
    pub(crate) either_way: usize,
    pub(crate) unclear: usize,
    /// Looks of which not all questions came here: nothing more can be said of the object.
    pub(crate) lost: usize,
    pub(crate) apart: Vec<String>,
}

impl Tally {
    pub(crate) fn and(mut self, other: Tally) -> Tally {
        self.compared += other.compared;
        self.moved += other.moved;
        self.either_way += other.either_way;
        self.unclear += other.unclear;
        self.lost += other.lost;
        self.apart.extend(other.apart);
        self
    }
}

struct State {
    scene: Scene,
    dice: Dice,
    /// When the HPA was made; the controller first looks a sync period later.
    made_at: Option<Timestamp>,
    twin: Option<Twin>,
    /// The look that is going on, or over and not compared yet.
    look: Option<Look>,
    /// How many of its questions are answered.
    answered: usize,
    marker: bool,
    made: usize,
    tally: Tally,
}

pub(crate) struct Object {
    pub(crate) name: String,
    policy: Arc<Policy>,
    has_pods: bool,
    start: u32,
    toys: Api<DynamicObject>,
    pods: Api<Pod>,
    hpas: Api<HorizontalPodAutoscaler>,
    marker: Marker,
    state: Mutex<State>,
}

impl Object {
    pub(crate) fn new(client: &Client, namespace: &str, number: usize, plan: Plan) -> Arc<Self> {
        let kind = ApiResource {
            group: super::GROUP.into(),
            version: "v1".into(),
            api_version: format!("{}/v1", super::GROUP),
            kind: "Toy".into(),
            plural: "toys".into(),
        };
        let has_pods = plan.has_pods();
        let values = vec![Some(0); plan.policy.triggers.len()];
        let mut state = State {
            scene: Scene { values, pods: Vec::new(), existing: plan.replicas },
            dice: plan.dice,
            made_at: None,
            twin: None,
            look: None,
            answered: 0,
            marker: true,
            made: 0,
            tally: Tally::default(),
        };
        let name = format!("toy-{number}");
        state.draw_values(&plan.policy, plan.replicas);
        if has_pods {
            state.draw_pods(&name, &plan.policy, plan.replicas);
        }
        Arc::new(Object {
            policy: Arc::new(plan.policy),
            has_pods,
            start: plan.replicas,
            toys: Api::namespaced_with(client.clone(), namespace, &kind),
            pods: Api::namespaced(client.clone(), namespace),
            hpas: Api::namespaced(client.clone(), namespace),
            marker: Marker::new(client, namespace, &name),
            name,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) async fn create(&self) {
        let kind = format!("{}/v1", super::GROUP);
        let toy = json!({"apiVersion": kind, "kind": "Toy", "metadata": {"name": self.name}, "spec": {"replicas": self.start}});
        let toy: DynamicObject = serde_json::from_value(toy).unwrap();
        self.toys.create(&PostParams::default(), &toy).await.unwrap();
        let scene = self.state().scene.clone();
        for pod in &scene.pods {
            pod.create(&self.pods, &self.name).await;
        }
        if self.has_pods {
            self.marker.create().await;
        }
        self.write_status(scene.existing).await;
        self.state().made_at = Some(now());
        let hpa = serde_json::from_value(autoscaler(&self.name, &self.policy)).unwrap();
        self.hpas.create(&PostParams::default(), &hpa).await.unwrap();
    }

    async fn write_status(&self, existing: u32) {
        let status = json!({"status": {"replicas": existing, "selector": format!("app={}", self.name)}});
        self.toys.patch_status(&self.name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    /// The controller asks for a metric. With the first of them a look begins, and what came of the one before is known.
    pub(crate) async fn asked(self: &Arc<Self>, index: usize) -> Answer {
        if index == 0 {
            let object = Arc::clone(self);
            // Goes on to the end even if nobody waits for the answer any more.
            tokio::spawn(async move { object.begin(now()).await }).await.unwrap();
        }
        let mut state = self.state();
        state.answer(&self.policy, index);
        Answer { value: state.scene.values[index], pods: state.scene.pods.clone() }
    }

    pub(crate) fn resource_index(&self) -> usize {
        self.policy.triggers.iter().position(|trigger| trigger.target.is_resource()).unwrap()
    }

    async fn replicas(&self) -> u32 {
        let toy = self.toys.get(&self.name).await.unwrap();
        u32::try_from(toy.data["spec"]["replicas"].as_u64().unwrap()).unwrap()
    }

    async fn begin(&self, asked: Timestamp) {
        let replicas = self.replicas().await;
        // The controller has read it already, so what the script writes is for its next look.
        let existing = {
            let mut state = self.state();
            state.end_look(&self.name, &self.policy, replicas, asked);
            state.scene.existing
        };
        self.go_on(replicas).await;
        let mut state = self.state();
        let pods = &state.scene.pods;
        let ready = pods.iter().filter(|pod| pod.is_ready()).count();
        let ready = if self.has_pods { u32::try_from(ready).unwrap() } else { existing };
        let workload = Workload { replicas, current: existing, ready, busy: None };
        state.look = Some(Look { workload, readings: Vec::new(), when: (asked, asked) });
        state.answered = 0;
    }

    /// The script: some of what is true changes.
    async fn go_on(&self, replicas: u32) {
        let (before, after, marker) = {
            let mut state = self.state();
            let before = state.scene.clone();
            let lags = state.dice.percent(20);
            state.draw_values(&self.policy, replicas);
            if self.has_pods && !lags {
                state.draw_pods(&self.name, &self.policy, replicas);
            }
            if !self.has_pods && !lags {
                state.scene.existing = replicas;
            }
            (before, state.scene.clone(), !state.marker)
        };
        let (gone, new) = (without(&before.pods, &after.pods), without(&after.pods, &before.pods));
        for pod in &gone {
            pod.delete(&self.pods).await;
        }
        for pod in &new {
            pod.create(&self.pods, &self.name).await;
        }
        if !(gone.is_empty() && new.is_empty()) {
            self.marker.pass(marker).await;
            self.state().marker = marker;
        }
        if before.existing != after.existing {
            self.write_status(after.existing).await;
        }
    }

    pub(crate) fn is_over(&self, syncs: usize) -> bool {
        let state = self.state();
        state.tally.compared >= syncs || state.tally.lost > 0
    }

    pub(crate) fn tally(&self) -> Tally {
        self.state().tally.clone()
    }
}

impl State {
    /// The controller gets an answer. With the last one it decides.
    fn answer(&mut self, policy: &Policy, index: usize) {
        let Some(look) = self.look.as_mut().filter(|_| index == self.answered) else {
            self.tally.lost += 1;
            return;
        };
        let now = now();
        self.answered += 1;
        look.when = (now, now);
        if self.answered == policy.triggers.len() {
            look.readings = (0..self.answered).map(|trigger| reading(policy, trigger, &self.scene, now)).collect();
        }
    }

    /// The next look begins, so the last one is over.
    fn end_look(&mut self, name: &str, policy: &Arc<Policy>, found: u32, asked: Timestamp) {
        let Some(mut look) = self.look.take() else {
            let first = self.made_at.map_or(asked, |at| at + SYNC).min(asked);
            self.twin = Some(Twin::new(Arc::clone(policy), found, (first, asked)));
            return;
        };
        if look.readings.is_empty() {
            self.tally.lost += 1;
        }
        let Some(twin) = self.twin.as_mut().filter(|_| self.tally.lost == 0) else { return };
        // A sync period before its question it was done with the look before.
        let done = asked - SYNC;
        look.when.1 = if done >= look.when.0 { done } else { asked };
        self.tally.compared += 1;
        self.tally.moved += usize::from(look.workload.replicas != found);
        match twin.compare(&look, found) {
            Verdict::Same => {}
            Verdict::SameEitherWay => self.tally.either_way += 1,
            Verdict::Unclear => self.tally.unclear += 1,
            Verdict::Apart(text) => self.tally.apart.push(format!("{name}: {text}")),
        }
        twin.forget(asked);
    }

    /// At most one trigger's value changes, around what the replicas are meant to take.
    fn draw_values(&mut self, policy: &Policy, replicas: u32) {
        let dice = &mut self.dice;
        if !dice.percent(60) {
            return;
        }
        let count = self.scene.values.len() as u64;
        let changed = usize::try_from(dice.below(count)).unwrap();
        let target = policy.triggers[changed].target;
        let whole = match target {
            MetricTarget::Value(all) => all,
            each => each.amount() * f64::from(replicas.max(1)),
        };
        let part =
            dice.of(&[0, 300, 500, 860, 899, 900, 905, 950, 1000, 1049, 1051, 1100, 1101, 1150, 1500, 2000, 4000]);
        let around = (whole * part as f64).round() as u64;
        let anything = dice.between(0, (whole * 3000.0) as u64 + 1);
        let value = if dice.percent(80) { around } else { anything };
        self.scene.values[changed] = (!dice.percent(10)).then_some(value);
    }

    /// Pods for so many replicas: some stay, some are new.
    fn draw_pods(&mut self, name: &str, policy: &Policy, replicas: u32) {
        let dice = &mut self.dice;
        let resource = policy.triggers.iter().map(|trigger| trigger.target).find(|target| target.is_resource());
        // Percent of what they request, around the target.
        let goal = match resource {
            Some(MetricTarget::Utilization(percent)) => percent as u64,
            _ => 100,
        };
        let busy = goal * dice.of(&[20_u64, 60, 90, 100, 110, 150, 250]) / 100;
        let stays = dice.percent(40);
        let pods = &mut self.scene.pods;
        if !stays {
            pods.retain(|_| dice.percent(50));
        }
        while pods.iter().filter(|pod| pod.counts()).count() > replicas as usize {
            pods.remove(0);
        }
        while pods.iter().filter(|pod| pod.counts()).count() < replicas as usize {
            self.made += 1;
            pods.push(PodModel::draw(format!("{name}-{}", self.made), busy, dice));
        }
        self.scene.existing = u32::try_from(pods.iter().filter(|pod| pod.counts()).count()).unwrap();
    }
}

/// The pods of `all` that are not among `others`.
fn without(all: &[PodModel], others: &[PodModel]) -> Vec<PodModel> {
    all.iter().filter(|pod| others.iter().all(|other| other.name != pod.name)).cloned().collect()
}

fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

fn reading(policy: &Policy, trigger: usize, scene: &Scene, now: Timestamp) -> Result<Reading, ReadError> {
    let target = policy.triggers[trigger].target;
    if target.is_resource() {
        let pods: Vec<_> = scene.pods.iter().map(|pod| pod.usage(is_memory(target), now)).collect();
        return Ok(Reading::of_pods(pods, now));
    }
    match scene.values[trigger] {
        Some(milli) => Ok(Reading::of(milli as f64 / 1000.0, now)),
        None => Err(ReadError::new(ReadErrorKind::Unreachable, "the source is down")),
    }
}
