//! Keeps the watches of Secrets and ConfigMaps as the plan has them. They carry metadata only: what changed is then read
//! by name, if somebody needs it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tidegate_crds::ConfigKind;
use tokio::task::JoinHandle;
use tracing::{debug, info};

use super::Shared;
use super::keys::{Dependency, ObjectKey};
use super::scopes::{Scope, plan};
use super::store::UNWATCHED_FOR;

/// After this long, what the account was refused is tried again: roles change.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// Runs until the credentials are stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut running: HashMap<Scope, JoinHandle<()>> = HashMap::new();
    let mut forgive = tokio::time::interval(REFUSED_FOR);
    forgive.tick().await;
    loop {
        let wanted = wanted(&shared);
        running.retain(|scope, task| {
            let keep = wanted.contains(scope) && !task.is_finished();
            if !keep {
                task.abort();
                shared.live().remove(scope);
            }
            keep
        });
        for scope in wanted {
            running.entry(scope.clone()).or_insert_with(|| {
                debug!(?scope, "watching what triggers refer to");
                tokio::spawn(watch(Arc::clone(&shared), scope))
            });
        }
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = shared.replan.notified() => {}
            _ = forgive.tick() => shared.refused().clear(),
        }
    }
    for task in running.into_values() {
        task.abort();
    }
}

fn wanted(shared: &Shared) -> BTreeSet<Scope> {
    let keys: BTreeSet<ObjectKey> = shared
        .dependents()
        .all()
        .filter_map(|dependency| match dependency {
            Dependency::Object(key) => Some(key.clone()),
            _ => None,
        })
        .collect();
    let refused: HashSet<Scope> = shared.refused().clone();
    plan(&keys, &refused, shared.settings.namespaces.is_empty())
}

async fn watch(shared: Arc<Shared>, scope: Scope) {
    match scope.kind() {
        ConfigKind::Secret => {
            let api = api::<PartialObjectMeta<Secret>>(shared.client.clone(), &scope);
            follow(shared, scope.clone(), watcher(api, config(&scope))).await;
        }
        ConfigKind::ConfigMap => {
            let api = api::<PartialObjectMeta<ConfigMap>>(shared.client.clone(), &scope);
            follow(shared, scope.clone(), watcher(api, config(&scope))).await;
        }
    }
}

fn api<K>(client: Client, scope: &Scope) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match scope {
        Scope::Object(key) => Api::namespaced(client, &key.namespace),
        Scope::Namespace(_, namespace) => Api::namespaced(client, namespace),
        Scope::Cluster(_) => Api::all(client),
    }
}

fn config(scope: &Scope) -> watcher::Config {
    match scope {
        Scope::Object(key) => watcher::Config::default().fields(&format!("metadata.name={}", key.name)),
        Scope::Namespace(..) | Scope::Cluster(_) => watcher::Config::default(),
    }
}

/// Tells the store what a watch sees, until the account is refused.
async fn follow<K>(
    shared: Arc<Shared>,
    scope: Scope,
    events: impl futures::Stream<Item = watcher::Result<Event<PartialObjectMeta<K>>>> + Send,
) where
    K: kube::Resource<DynamicType = ()>,
{
    let mut events = pin!(events.default_backoff());
    let mut listed: HashSet<ObjectKey> = HashSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                let key = key(scope.kind(), &object);
                shared.saw(&key, object.metadata.resource_version.as_deref()).await;
                if shared.store.holds(&key) {
                    listed.insert(key);
                }
            }
            Ok(Event::InitDone) => {
                for gone in shared.store.covered(|held| scope.covers(held) && !listed.contains(held)) {
                    shared.saw(&gone, None).await;
                }
                listed.clear();
                shared.live().insert(scope.clone());
            }
            Ok(Event::Apply(object)) => {
                shared.saw(&key(scope.kind(), &object), object.metadata.resource_version.as_deref()).await;
            }
            Ok(Event::Delete(object)) => shared.saw(&key(scope.kind(), &object), None).await,
            Err(error) if is_refused(&error) => {
                info!(
                    ?scope,
                    "the account may not watch this; narrower watches are tried, or it is read every {} s",
                    UNWATCHED_FOR.as_secs()
                );
                shared.live().remove(&scope);
                shared.refused().insert(scope);
                shared.replan.notify_one();
                return;
            }
            // The back-off of the stream goes on from here.
            Err(error) => debug!(?scope, %error, "a watch was interrupted"),
        }
    }
}

fn key<K>(kind: ConfigKind, object: &PartialObjectMeta<K>) -> ObjectKey
where
    K: kube::Resource<DynamicType = ()>,
{
    ObjectKey::new(kind, object.metadata.namespace.as_deref().unwrap_or_default(), &object.name_any())
}

/// Whether the API server said that this is not allowed.
pub(super) fn is_refused(error: &watcher::Error) -> bool {
    let code = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => match error {
            kube::Error::Api(status) => status.code,
            _ => return false,
        },
        watcher::Error::WatchError(status) => status.code,
        watcher::Error::NoResourceVersion => return false,
    };
    code == 403 || code == 401
}

/// Reads again, every now and then, what no watch covers.
pub(super) async fn sweep(shared: Arc<Shared>) {
    loop {
        // Spread, so that many replicas do not ask in step.
        let pause = UNWATCHED_FOR.mul_f64(crate::jitter::jitter(0.8..1.2));
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        for key in shared.store.doubtful(|key| shared.is_watched(key)) {
            if shared.store.read_again(&key).await {
                shared.tell(&Dependency::Object(key)).await;
            }
        }
    }
}
