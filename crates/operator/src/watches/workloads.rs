//! Watches of scaled workloads: one for each kind that a ScaledObject names, begun when the first one does.
//!
//! Deployments and StatefulSets tell their counts in the object itself. Of any other kind only metadata is watched, and
//! what changed is asked for its `/scale` then; where it may not be watched it is asked every [`LOOK_AGAIN`].

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::{Api, Client, Resource};
use tidegate_crds::admission::TargetKey;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::brief::WorkloadBrief;
use super::feed::{Lists, Step, follow};
use super::index::Index;
use super::packed::Packed;
use super::{Change, Tasks, Tools};
use crate::call::call;

/// Where a kind may not be watched, its workloads are asked for their counts this often.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// How many workloads of one kind are asked for `/scale` at the same time.
const ASKED_AT_ONCE: usize = 8;

/// The watches of kinds. Cheap to clone; clones share.
#[derive(Clone)]
pub(crate) struct Workloads {
    client: Client,
    namespaces: Vec<Option<String>>,
    lists: Lists,
    index: Index,
    changes: UnboundedSender<Change>,
    tasks: Weak<Tasks>,
    begun: Arc<Mutex<HashMap<ApiResource, watch::Receiver<usize>>>>,
}

impl std::fmt::Debug for Workloads {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Workloads").finish_non_exhaustive()
    }
}

impl Workloads {
    pub(super) fn new(
        client: Client,
        namespaces: Vec<Option<String>>,
        (lists, index, changes): Tools,
        tasks: Weak<Tasks>,
    ) -> Self {
        Workloads { client, namespaces, lists, index, changes, tasks, begun: Arc::default() }
    }

    /// Sees to it that a kind is watched. What is given back changes to 0 when its first lists are in.
    pub(crate) fn ensure(&self, resource: &ApiResource) -> watch::Receiver<usize> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = begun.get(resource) {
            return ready.clone();
        }
        let (waiting, ready) = watch::channel(self.namespaces.len());
        let Some(tasks) = self.tasks.upgrade() else { return ready };
        let waiting = Arc::new(waiting);
        for namespace in &self.namespaces {
            let watch = KindWatch {
                resource: resource.clone(),
                lists: self.lists.clone(),
                index: self.index.clone(),
                changes: self.changes.clone(),
                waiting: Arc::clone(&waiting),
            };
            let client = self.client.clone();
            match (resource.group.as_str(), resource.kind.as_str()) {
                ("apps", "Deployment") => {
                    tasks.spawn(watch.typed::<Deployment>(typed_api(client, namespace.as_deref())))
                }
                ("apps", "StatefulSet") => {
                    tasks.spawn(watch.typed::<StatefulSet>(typed_api(client, namespace.as_deref())))
                }
                _ => tasks.spawn(watch.by_scale(client, namespace.clone())),
            }
        }
        begun.insert(resource.clone(), ready.clone());
        ready
    }
}

fn typed_api<K>(client: Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    }
}

/// The watch of one kind in one namespace, or in all.
struct KindWatch {
    resource: ApiResource,
    lists: Lists,
    index: Index,
    changes: UnboundedSender<Change>,
    waiting: Arc<watch::Sender<usize>>,
}

/// Kinds that tell their counts themselves.
pub(crate) trait Counted {
    fn brief(self, with_template: bool) -> WorkloadBrief;
}

impl Counted for Deployment {
    fn brief(self, with_template: bool) -> WorkloadBrief {
        let spec = self.spec.unwrap_or_default();
        let status = self.status.unwrap_or_default();
        WorkloadBrief {
            replicas: count(spec.replicas, 1),
            current: count(status.replicas, 0),
            ready: Some(count(status.ready_replicas, 0)),
            selector: with_template.then(|| selector_text(&spec.selector).into()),
            template: if with_template { Packed::new(&slim(spec.template)) } else { None },
        }
    }
}

impl Counted for StatefulSet {
    fn brief(self, with_template: bool) -> WorkloadBrief {
        let spec = self.spec.unwrap_or_default();
        let status = self.status.unwrap_or_default();
        WorkloadBrief {
            replicas: count(spec.replicas, 1),
            current: count(Some(status.replicas), 0),
            ready: Some(count(status.ready_replicas, 0)),
            selector: with_template.then(|| selector_text(&spec.selector).into()),
            template: if with_template { Packed::new(&slim(spec.template)) } else { None },
        }
    }
}

fn count(given: Option<i32>, default: u32) -> u32 {
    given.map_or(default, |given| u32::try_from(given).unwrap_or(0))
}

/// A selector as a request has it.
fn selector_text(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let rules = selector.match_expressions.iter().flatten().map(|rule| {
        let values = rule.values.as_deref().unwrap_or_default().join(",");
        match rule.operator.as_str() {
            "In" => format!("{} in ({values})", rule.key),
            "NotIn" => format!("{} notin ({values})", rule.key),
            "Exists" => rule.key.clone(),
            _ => format!("!{}", rule.key),
        }
    });
    equal.chain(rules).collect::<Vec<_>>().join(",")
}

/// Only what environments and checks of requests need: containers' names, environments and resources.
pub(crate) fn slim(template: PodTemplateSpec) -> PodTemplateSpec {
    let spec = template.spec.unwrap_or_default();
    let keep = |container: Container| Container {
        name: container.name,
        env: container.env,
        env_from: container.env_from,
        resources: container.resources,
        ..Container::default()
    };
    let spec = PodSpec {
        containers: spec.containers.into_iter().map(keep).collect(),
        service_account_name: spec.service_account_name,
        ..PodSpec::default()
    };
    // The labels are what pods of this workload are counted by.
    let metadata = template.metadata.map(|metadata| k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        labels: metadata.labels,
        ..Default::default()
    });
    PodTemplateSpec { metadata, spec: Some(spec) }
}

/// A workload's counts by its `/scale`; `object` may tell of ready pods and the template in the usual places.
pub(crate) fn brief_of(scale: &Scale, object: Option<&DynamicObject>) -> WorkloadBrief {
    let status = scale.status.clone().unwrap_or_default();
    let at = |path: &str| object.and_then(|object| object.data.pointer(path));
    let template = at("/spec/template").and_then(|template| serde_json::from_value(template.clone()).ok());
    let ready = at("/status/readyReplicas").and_then(serde_json::Value::as_u64);
    let has_status = object.is_none_or(|object| object.data.pointer("/status/readyReplicas").is_some());
    let known_kind = object.and_then(|object| object.types.as_ref()).is_some_and(|types| types.kind == "ReplicaSet");
    WorkloadBrief {
        replicas: count(scale.spec.as_ref().and_then(|spec| spec.replicas), 0),
        current: count(Some(status.replicas), 0),
        // A ReplicaSet leaves the field out when it is zero; what another kind means by that is not known.
        ready: match ready {
            Some(ready) => Some(u32::try_from(ready).unwrap_or(u32::MAX)),
            None => (known_kind && !has_status || status.replicas == 0).then_some(0),
        },
        selector: status.selector.filter(|selector| !selector.is_empty()).map(Into::into),
        template: template.and_then(|template| Packed::new(&slim(template))),
    }
}

impl KindWatch {
    fn complete(&self) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }

    fn key(&self, name: &str) -> TargetKey {
        TargetKey { group: self.resource.group.clone(), kind: self.resource.kind.clone(), name: name.to_owned() }
    }

    async fn typed<K>(self, api: Api<K>)
    where
        K: Counted + Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    {
        let take = |step: Step<K>| match step {
            Step::Apply(object) => {
                let namespace = object.meta().namespace.clone().unwrap_or_default();
                let key = self.key(object.meta().name.as_deref().unwrap_or_default());
                let named = !self.index.scaled_objects_of(&namespace, &key).is_empty();
                self.put(&namespace, &key, object.brief(named));
            }
            Step::Gone(name) => self.gone(name.namespace(), &self.key(name.name())),
            Step::Complete => self.complete(),
        };
        follow(api, None, self.lists.clone(), take).await;
    }

    fn put(&self, namespace: &str, key: &TargetKey, brief: WorkloadBrief) {
        let before = self.index.put_workload(namespace, key, brief.clone());
        let ids = self.index.scaled_objects_of(namespace, key);
        for id in ids {
            let change = match &before {
                None => Change::Object(id),
                Some(before) if before.template.is_some() && before.template != brief.template => Change::Object(id),
                Some(before) if before.counts(None) != brief.counts(None) => Change::Counts(id),
                Some(_) => continue,
            };
            if matches!(change, Change::Object(_)) {
                // A workload that is there again has counts too.
                let id = match &change {
                    Change::Object(id) => id.clone(),
                    _ => continue,
                };
                let _ = self.changes.send(Change::Counts(id));
            }
            let _ = self.changes.send(change);
        }
    }

    fn gone(&self, namespace: &str, key: &TargetKey) {
        self.index.remove_workload(namespace, key);
        for id in self.index.scaled_objects_of(namespace, key) {
            let _ = self.changes.send(Change::Counts(id.clone()));
            let _ = self.changes.send(Change::Object(id));
        }
    }

    /// A kind of which only `/scale` is known.
    async fn by_scale(self, client: Client, namespace: Option<String>) {
        let namespace = namespace.as_deref();
        let api: Api<PartialObjectMeta<DynamicObject>> = match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        };
        let (asked, mut ask) = tokio::sync::mpsc::unbounded_channel();
        let watched = self.metadata(api, asked);
        let asking = async {
            let mut again = tokio::time::interval(LOOK_AGAIN);
            loop {
                let first = tokio::select! {
                    first = ask.recv() => first,
                    _ = again.tick() => None,
                };
                let mut keys: BTreeMap<(String, String), ()> = BTreeMap::new();
                keys.extend(first.map(|key| (key, ())));
                while let Ok(key) = ask.try_recv() {
                    keys.insert(key, ());
                }
                let keys = if keys.is_empty() { self.named(namespace) } else { keys.into_keys().collect() };
                let looks = keys.into_iter().map(|(namespace, name)| self.look(&client, namespace, name));
                stream::iter(looks).buffer_unordered(ASKED_AT_ONCE).collect::<()>().await;
            }
        };
        tokio::join!(watched, asking);
    }

    /// Those of this kind that ScaledObjects name.
    fn named(&self, namespace: Option<&str>) -> Vec<(String, String)> {
        let ids = self.index.ids();
        let here = ids.iter().filter(|id| namespace.is_none_or(|namespace| id.namespace() == namespace));
        let named = here.filter_map(|id| {
            let key = TargetKey::from(&self.index.scaled_object(id)?.spec.scale_target_ref);
            let ours = key.group == self.resource.group && key.kind == self.resource.kind;
            ours.then(|| (id.namespace().to_owned(), key.name))
        });
        named.collect()
    }

    async fn metadata(&self, api: Api<PartialObjectMeta<DynamicObject>>, asked: UnboundedSender<(String, String)>) {
        let take = |step: Step<PartialObjectMeta<DynamicObject>>| match step {
            Step::Apply(object) => {
                let namespace = object.metadata.namespace.unwrap_or_default();
                let name = object.metadata.name.unwrap_or_default();
                if !self.index.scaled_objects_of(&namespace, &self.key(&name)).is_empty() {
                    let _ = asked.send((namespace, name));
                }
            }
            Step::Gone(name) => self.gone(name.namespace(), &self.key(name.name())),
            Step::Complete => self.complete(),
        };
        follow(api, None, self.lists.clone(), take).await;
    }

    async fn look(&self, client: &Client, namespace: String, name: String) {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &self.resource);
        let key = self.key(&name);
        match call(api.get_scale(&name)).await {
            Ok(scale) => {
                let object = call(api.get(&name)).await.ok();
                self.put(&namespace, &key, brief_of(&scale, object.as_ref()));
            }
            Err(error) if error.is_not_found() => self.gone(&namespace, &key),
            Err(error) => tracing::warn!(kind = self.resource.kind, %namespace, name, %error, "cannot look at /scale"),
        }
    }
}
