//! One watch: every object once, then every change, for as long as the process runs; through restarts of the API server,
//! expired versions and broken connections.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};

use super::brief::Named;

/// What a watch says.
pub(crate) enum Step<K> {
    /// An object is there, as this.
    Apply(K),
    /// An object is not there any more.
    Gone(Named),
    /// All objects that were there at the start have been told. Said once.
    Complete,
}

/// How the API server gives lists: as a stream, until one watch finds that it does not; the others need not try then. Cheap
/// to clone; clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    streams_refused: Arc<AtomicBool>,
}

impl Lists {
    fn strategy(&self) -> watcher::InitialListStrategy {
        match self.streams_refused.load(Ordering::Relaxed) {
            true => watcher::InitialListStrategy::ListWatch,
            false => watcher::InitialListStrategy::StreamingList,
        }
    }
}

/// Watches until the future is dropped.
pub(crate) async fn follow<K>(api: Api<K>, labels: Option<String>, lists: Lists, mut take: impl FnMut(Step<K>) + Send)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut config = watcher::Config { initial_list_strategy: lists.strategy(), ..watcher::Config::default() };
    config.label_selector = labels;
    let mut known: HashSet<Named> = HashSet::new();
    let mut complete = false;
    loop {
        let streaming = config.initial_list_strategy == watcher::InitialListStrategy::StreamingList;
        let mut stream = watcher(api.clone(), config.clone()).default_backoff().boxed();
        let mut seen: HashSet<Named> = HashSet::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => seen.clear(),
                Ok(Event::InitApply(object)) => {
                    let name = name_of(&object);
                    known.insert(name.clone());
                    seen.insert(name);
                    take(Step::Apply(object));
                }
                Ok(Event::InitDone) => {
                    for gone in known.difference(&seen).cloned().collect::<Vec<_>>() {
                        known.remove(&gone);
                        take(Step::Gone(gone));
                    }
                    seen = HashSet::new();
                    if !std::mem::replace(&mut complete, true) {
                        take(Step::Complete);
                    }
                }
                Ok(Event::Apply(object)) => {
                    known.insert(name_of(&object));
                    take(Step::Apply(object));
                }
                Ok(Event::Delete(object)) => {
                    let name = name_of(&object);
                    known.remove(&name);
                    take(Step::Gone(name));
                }
                Err(error) if streaming && refuses_streaming(&error) => {
                    tracing::debug!(url = api.resource_url(), "the API server does not stream lists; listing instead");
                    lists.streams_refused.store(true, Ordering::Relaxed);
                    config.initial_list_strategy = lists.strategy();
                    break;
                }
                Err(error) => {
                    tracing::warn!(url = api.resource_url(), %error, "a watch broke; it is begun again");
                }
            }
        }
    }
}

fn name_of<K: ResourceExt>(object: &K) -> Named {
    Named::new(
        object.meta().namespace.as_deref().unwrap_or_default(),
        object.meta().name.as_deref().unwrap_or_default(),
    )
}

/// Whether the API server does not know `sendInitialEvents`, has that feature turned off, or (as an internal error within
/// the watch) has an etcd that is too old for it. Being wrong about it costs nothing but lists.
fn refuses_streaming(error: &watcher::Error) -> bool {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status,
        watcher::Error::WatchError(status) => status,
        _ => return false,
    };
    matches!(status.code, 400 | 422 | 500) || status.reason == "InternalError"
}
