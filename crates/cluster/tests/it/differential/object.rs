//! One toy with its HorizontalPodAutoscaler, and its twin in the engine.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use tidegate_engine::{
    Command, Engine, Event, MetricTarget, Policy, ReadError, ReadErrorKind, Reading, Record, Rule, TargetId, Timestamp,
    Workload, explain,
};

use super::pods::PodModel;
use super::policies::{self, Plan, autoscaler, is_memory, spans};
use super::random::Dice;

/// After the controller's last question of a look until the script goes on: it has written what it decided by then.
const SETTLED: Duration = Duration::from_millis(600);

/// Ages so near to a window's end may count for one of the two and not for the other.
const BLURRED: Duration = Duration::from_millis(400);

/// What is true of an object until its script goes on.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// By trigger, in thousandths; `None`: its source is down.
    values: Vec<Option<u64>>,
    /// The trigger that changed last; the twin hears of it first, so that it never decides on half of the news.
    changed: usize,
    pub(crate) pods: Vec<PodModel>,
    existing: u32,
}

/// What a question is answered with.
pub(crate) struct Answer {
    pub(crate) value: Option<u64>,
    pub(crate) pods: Vec<PodModel>,
}

struct Twin {
    engine: Engine,
    replicas: u32,
    last: Option<Arc<Record>>,
    looks: Vec<Timestamp>,
    /// When the count went out (`true`) or in.
    changes: Vec<(Timestamp, bool)>,
}

struct State {
    scene: Scene,
    dice: Dice,
    twin: Option<Twin>,
    /// The script is changing the cluster.
    busy: bool,
    made: usize,
    compared: usize,
    moved: usize,
    apart: Vec<String>,
    given_up: Option<&'static str>,
}

pub(crate) struct Object {
    pub(crate) name: String,
    policy: Arc<Policy>,
    has_pods: bool,
    start: u32,
    client: Client,
    namespace: String,
    toys: Api<DynamicObject>,
    pods: Api<Pod>,
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
        let scene = Scene { values, changed: 0, pods: Vec::new(), existing: plan.replicas };
        let mut state = State {
            scene,
            dice: plan.dice,
            twin: None,
            busy: false,
            made: 0,
            compared: 0,
            moved: 0,
            apart: Vec::new(),
            given_up: None,
        };
        let name = format!("toy-{number}");
        state.draw_values(&plan.policy, plan.replicas);
        if has_pods {
            state.draw_pods(&name, &plan.policy, plan.replicas);
        }
        Arc::new(Object {
            name,
            policy: Arc::new(plan.policy),
            has_pods,
            start: plan.replicas,
            client: client.clone(),
            namespace: namespace.to_owned(),
            toys: Api::namespaced_with(client.clone(), namespace, &kind),
            pods: Api::namespaced(client.clone(), namespace),
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
        self.write_status(scene.existing).await;
        let hpas: Api<HorizontalPodAutoscaler> = Api::namespaced(self.client.clone(), &self.namespace);
        let hpa = serde_json::from_value(autoscaler(&self.name, &self.policy)).unwrap();
        hpas.create(&PostParams::default(), &hpa).await.unwrap();
    }

    async fn write_status(&self, existing: u32) {
        let status = json!({"status": {"replicas": existing, "selector": format!("app={}", self.name)}});
        self.toys.patch_status(&self.name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    /// The controller asks for a metric. With the first of them a look begins.
    pub(crate) async fn asked(self: &Arc<Self>, index: usize) -> Answer {
        if index == 0 {
            self.look().await;
        }
        let scene = self.state().scene.clone();
        if index + 1 == self.policy.triggers.len() {
            let object = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(SETTLED).await;
                object.go_on().await;
            });
        }
        Answer { value: scene.values[index], pods: scene.pods }
    }

    pub(crate) fn resource_index(&self) -> usize {
        self.policy.triggers.iter().position(|trigger| trigger.target.is_resource()).unwrap()
    }

    async fn replicas(&self) -> u32 {
        let toy = self.toys.get(&self.name).await.unwrap();
        u32::try_from(toy.data["spec"]["replicas"].as_u64().unwrap()).unwrap()
    }

    /// Compares what came of the look before, and lets the twin look too.
    async fn look(&self) {
        let replicas = self.replicas().await;
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let mut state = self.state();
        if state.given_up.is_some() {
            return;
        }
        if state.busy {
            state.given_up = Some("the script was not done when the controller looked");
            return;
        }
        state.compare(&self.name, &self.policy, replicas);
        state.twin_looks(&self.policy, replicas, now);
    }

    /// The script: some of what is true changes.
    async fn go_on(&self) {
        self.state().busy = true;
        let replicas = self.replicas().await;
        let (before, after) = {
            let mut state = self.state();
            let before = state.scene.clone();
            let lags = state.dice.percent(20);
            // Where both pods and values are measured, one of the two changes at a time.
            let mixed = self.policy.triggers.iter().position(|trigger| trigger.target.is_resource());
            let mixed = mixed.filter(|_| self.policy.triggers.len() > 1);
            if lags || mixed.is_none() {
                state.draw_values(&self.policy, replicas);
            }
            if self.has_pods && !lags {
                state.draw_pods(&self.name, &self.policy, replicas);
                state.scene.changed = mixed.unwrap_or(state.scene.changed);
            }
            if !self.has_pods && !lags {
                state.scene.existing = replicas;
            }
            (before, state.scene.clone())
        };
        let gone = before.pods.iter().filter(|pod| after.pods.iter().all(|other| other.name != pod.name));
        for pod in gone {
            pod.delete(&self.pods).await;
        }
        let new = after.pods.iter().filter(|pod| before.pods.iter().all(|other| other.name != pod.name));
        for pod in new {
            pod.create(&self.pods, &self.name).await;
        }
        if before.existing != after.existing {
            self.write_status(after.existing).await;
        }
        self.state().busy = false;
    }

    pub(crate) fn is_over(&self, syncs: usize) -> bool {
        let state = self.state();
        state.compared >= syncs || state.given_up.is_some()
    }

    pub(crate) fn compared(&self) -> usize {
        self.state().compared
    }

    pub(crate) fn moved(&self) -> usize {
        self.state().moved
    }

    pub(crate) fn apart(&self) -> Vec<String> {
        self.state().apart.clone()
    }

    pub(crate) fn given_up(&self) -> Option<String> {
        let state = self.state();
        state.given_up.map(|why| format!("{} after {} looks: {why}", self.name, state.compared))
    }
}

impl State {
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
        self.scene.changed = changed;
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

    fn compare(&mut self, name: &str, policy: &Policy, found: u32) {
        let Some(twin) = &self.twin else { return };
        self.compared += 1;
        let last = twin.last.as_ref().unwrap();
        if last.workload.is_some_and(|workload| workload.replicas != found) {
            self.moved += 1;
        }
        if twin.replicas == found {
            return;
        }
        if twin.is_blurred(policy) {
            self.given_up = Some("an age was too near to a window's end to tell");
            return;
        }
        if let Some(why) = twin.known_difference(policy, found) {
            self.given_up = Some(why);
            return;
        }
        let text = explain(last);
        self.apart
            .push(format!("{name}: the controller made it {found}, the engine {}\n{policy:#?}\n{text}", twin.replicas));
        self.given_up = Some("apart");
    }

    fn twin_looks(&mut self, policy: &Arc<Policy>, replicas: u32, now: Timestamp) {
        if self.given_up.is_some() {
            return;
        }
        let ready = if self.scene.pods.is_empty() {
            self.scene.existing
        } else {
            u32::try_from(self.scene.pods.iter().filter(|pod| pod.is_ready()).count()).unwrap()
        };
        let workload = Workload { replicas, current: self.scene.existing, ready, busy: None };
        let target = TargetId::new("differential", "toy");
        let twin = self.twin.get_or_insert_with(|| Twin::new(replicas));
        twin.looks.push(now);
        let mut reads = Vec::new();
        if twin.last.is_none() {
            // Its first reads are answered once the workload is known.
            let policy = Arc::clone(policy);
            reads = twin.tell(Event::PolicyChanged { target: target.clone(), policy, restored: None }, now);
        }
        twin.look(policy, &target, workload, reads, (&self.scene, now));
    }
}

impl Twin {
    fn new(replicas: u32) -> Self {
        Twin { engine: Engine::new(), replicas, last: None, looks: Vec::new(), changes: Vec::new() }
    }

    /// Whether at the last look an age was near to one of the policy's windows or periods.
    fn is_blurred(&self, policy: &Policy) -> bool {
        let Some((last, before)) = self.looks.split_last() else { return false };
        let spans = spans(policy);
        before.iter().any(|at| {
            let age = last.since(*at);
            spans.iter().any(|span| age.abs_diff(*span) < BLURRED)
        })
    }

    /// The differences that `docs/differences-from-hpa.md` names.
    fn known_difference(&self, policy: &Policy, found: u32) -> Option<&'static str> {
        if policy.behavior.is_none() {
            let bound = self.last.as_ref().is_some_and(|last| last.bound_by == Rule::ScaleUpPolicy);
            return (bound && found > self.replicas)
                .then_some("known: without a behaviour each sync may double the count");
        }
        // An event older than the longest period of its own direction makes room for the next of that direction, though
        // the other direction's policies still reach back to it.
        let [out, back] = policies::longest(policy);
        let now = *self.looks.last()?;
        let forgotten = self.changes.iter().enumerate().any(|(index, (at, is_out))| {
            let (own, other) = if *is_out { (out, back) } else { (back, out) };
            let replaced = |(later, same): &(Timestamp, bool)| same == is_out && later.since(*at) + BLURRED > own;
            now.since(*at) < other + BLURRED && self.changes[index + 1..].iter().any(replaced)
        });
        forgotten.then_some("known: the controller forgot an event that a longer period still counts")
    }

    /// Does what the engine commands; gives the reads that it asks for.
    fn tell(&mut self, event: Event, now: Timestamp) -> Vec<(usize, u64)> {
        let mut reads = Vec::new();
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for command in self.engine.handle(event, now) {
                match command {
                    Command::Read { trigger, read, .. } => reads.push((trigger, read)),
                    Command::SetReplicas { target, replicas, change } => {
                        self.changes.push((now, replicas > self.replicas));
                        self.replicas = replicas;
                        events.push(Event::ScaleFinished { target, change, outcome: Ok(()) });
                    }
                    Command::Emit(record) => {
                        assert_eq!(tidegate_engine::check(&record), [], "{}", explain(&record));
                        self.last = Some(record);
                    }
                    Command::Save { .. } | Command::WakeAt(_) => {}
                }
            }
        }
        reads
    }

    /// The engine is asked to read just now, and told what the controller is told.
    fn look(
        &mut self,
        policy: &Policy,
        target: &TargetId,
        workload: Workload,
        mut reads: Vec<(usize, u64)>,
        (scene, now): (&Scene, Timestamp),
    ) {
        self.replicas = workload.replicas;
        reads.extend(self.tell(Event::WorkloadObserved { target: target.clone(), workload: Ok(workload) }, now));
        for trigger in 0..policy.triggers.len() {
            reads.extend(self.tell(Event::ReadWanted { target: target.clone(), trigger, by: now }, now));
        }
        assert_eq!(reads.len(), policy.triggers.len(), "each is read at each look");
        reads.sort_by_key(|(trigger, _)| *trigger != scene.changed);
        for (trigger, read) in reads {
            let outcome = reading(policy, trigger, scene, now);
            self.tell(Event::ReadingArrived { target: target.clone(), trigger, read, outcome }, now);
        }
    }
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
