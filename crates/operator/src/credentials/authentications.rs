//! The (Cluster)TriggerAuthentications of the cluster, as the watches see them.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tidegate_crds::{AllowedHosts, TriggerAuthenticationSpec, allowed_hosts};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::Shared;
use super::keys::{AuthenticationKey, Dependency};

/// One of them, stripped to what is used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Authentication {
    pub(super) key: AuthenticationKey,
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) created: Option<jiff::Timestamp>,
    /// What it says, or why it is not understood.
    pub(super) spec: Result<Arc<TriggerAuthenticationSpec>, String>,
    /// The hosts that its annotation lets its credentials go to, or why that is not understood.
    pub(super) allowed_hosts: Result<Option<AllowedHosts>, String>,
    /// `status.scaledobjects`.
    pub(super) listed: String,
    pub(super) deleting: bool,
    pub(super) finalizers: Vec<String>,
}

/// What happened to one.
#[derive(Clone, Debug)]
pub(super) enum Happened {
    /// It was there when the watch began.
    Found(Authentication),
    /// It came or changed.
    Changed(Authentication),
    /// It is gone.
    Gone(Authentication),
}

/// All of them.
#[derive(Default)]
pub(super) struct Authentications {
    known: Mutex<HashMap<AuthenticationKey, Authentication>>,
    /// Whether the account may not list them: of a namespace, of the whole cluster.
    refused: [AtomicBool; 2],
}

impl Authentications {
    fn lock(&self) -> MutexGuard<'_, HashMap<AuthenticationKey, Authentication>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &AuthenticationKey) -> Option<Authentication> {
        self.lock().get(key).cloned()
    }

    fn refuse(&self, cluster: bool, refused: bool) {
        self.refused[usize::from(cluster)].store(refused, Ordering::Relaxed);
    }

    /// What to say of one that is not known.
    pub(super) fn absent(&self, key: &AuthenticationKey) -> String {
        match self.refused[usize::from(key.cluster)].load(Ordering::Relaxed) {
            true => format!(
                "{key} cannot be read: the operator's account may not; it needs get, list and watch on {}",
                resource(key.cluster).plural
            ),
            false => format!("there is no {key}"),
        }
    }

    pub(super) fn keys(&self) -> Vec<AuthenticationKey> {
        self.lock().keys().cloned().collect()
    }
}

/// How a kind is asked for.
pub(super) fn resource(cluster: bool) -> ApiResource {
    let kind = if cluster { "ClusterTriggerAuthentication" } else { "TriggerAuthentication" };
    ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", kind))
}

/// The API of one object.
pub(super) fn api(client: Client, key: &AuthenticationKey) -> Api<DynamicObject> {
    match key.cluster {
        true => Api::all_with(client, &resource(true)),
        false => Api::namespaced_with(client, &key.namespace, &resource(false)),
    }
}

/// The watches that are needed: one for the kind of the whole cluster, and one for all namespaces or for each given one.
pub(super) fn watches(shared: &Shared) -> Vec<(bool, Api<DynamicObject>)> {
    let client = &shared.client;
    let mut watches = vec![(true, Api::all_with(client.clone(), &resource(true)))];
    match shared.settings.namespaces.as_slice() {
        [] => watches.push((false, Api::all_with(client.clone(), &resource(false)))),
        namespaces => watches.extend(
            namespaces
                .iter()
                .map(|namespace| (false, Api::namespaced_with(client.clone(), namespace, &resource(false)))),
        ),
    }
    watches
}

/// Follows one watch until the credentials are stopped. `listed` becomes true when its first list is in; it also does when
/// the account may not list, so that triggers without an authentication go on.
pub(super) async fn follow(shared: Arc<Shared>, cluster: bool, api: Api<DynamicObject>, listed: watch::Sender<bool>) {
    let mut config = watcher::Config::default();
    if let Some(selector) = &shared.settings.authentication_label_selector {
        config = config.labels(selector);
    }
    let namespace = api.namespace().map(str::to_owned);
    let mut events = pin!(watcher::watcher(api, config).default_backoff());
    let mut seen: HashSet<AuthenticationKey> = HashSet::new();
    let mut complained = false;
    while let Some(event) = tokio::select! {
        () = shared.stop.cancelled() => None,
        event = events.next() => event,
    } {
        match event {
            Ok(Event::Init) => seen.clear(),
            Ok(Event::InitApply(object)) => {
                let authentication = stripped(cluster, &object);
                seen.insert(authentication.key.clone());
                let first = !*listed.borrow();
                put(&shared, authentication, first).await;
            }
            Ok(Event::InitDone) => {
                let here = |key: &AuthenticationKey| {
                    key.cluster == cluster && namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
                };
                let keys = shared.authentications.keys();
                for gone in keys.into_iter().filter(|key| here(key) && !seen.contains(key)) {
                    remove(&shared, &gone).await;
                }
                complained = false;
                shared.authentications.refuse(cluster, false);
                listed.send_replace(true);
            }
            Ok(Event::Apply(object)) => put(&shared, stripped(cluster, &object), false).await,
            Ok(Event::Delete(object)) => remove(&shared, &stripped(cluster, &object).key).await,
            Err(error) => {
                let kind = resource(cluster).kind;
                if super::watches::is_refused(&error) {
                    shared.authentications.refuse(cluster, true);
                    listed.send_replace(true);
                }
                match std::mem::replace(&mut complained, true) {
                    false => warn!(kind, %error, "authentication objects cannot be watched; this is tried again"),
                    true => debug!(kind, %error, "authentication objects cannot be watched"),
                }
            }
        }
    }
}

fn stripped(cluster: bool, object: &DynamicObject) -> Authentication {
    let metadata = &object.metadata;
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    let listed =
        object.data.get("status").and_then(|status| status.get("scaledobjects")).and_then(|list| list.as_str());
    let key = AuthenticationKey {
        cluster,
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: object.name_any(),
    };
    Authentication {
        allowed_hosts: allowed_hosts(&key.to_string(), metadata),
        key,
        uid: metadata.uid.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        created: metadata.creation_timestamp.as_ref().map(|time| time.0),
        spec: serde_json::from_value(spec).map(Arc::new).map_err(|error| error.to_string()),
        listed: listed.unwrap_or_default().to_owned(),
        deleting: metadata.deletion_timestamp.is_some(),
        finalizers: metadata.finalizers.clone().unwrap_or_default(),
    }
}

async fn put(shared: &Shared, authentication: Authentication, first: bool) {
    let key = authentication.key.clone();
    let before = shared.authentications.lock().insert(key.clone(), authentication.clone());
    let changed = before.as_ref().is_none_or(|before| {
        (&before.spec, &before.allowed_hosts) != (&authentication.spec, &authentication.allowed_hosts)
    });
    let happened = match (&before, first) {
        (None, true) => Happened::Found(authentication),
        _ => Happened::Changed(authentication),
    };
    let _ = shared.happened.send(happened);
    if changed {
        shared.tell(&Dependency::Authentication(key)).await;
    }
}

async fn remove(shared: &Shared, key: &AuthenticationKey) {
    let gone = shared.authentications.lock().remove(key);
    if let Some(gone) = gone {
        let _ = shared.happened.send(Happened::Gone(gone));
        shared.tell(&Dependency::Authentication(key.clone())).await;
    }
}
