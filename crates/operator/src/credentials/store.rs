//! The Secrets and ConfigMaps in use, as they were last read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use tidegate_crds::{ConfigKind, SecretText, config_map_data, secret_data};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::keys::ObjectKey;

/// So many reads run at once: a start with thousands of objects must not be a burst to the API server.
const AT_ONCE: usize = 16;

/// A read that takes longer has failed.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// How long a read counts where no watch tells of changes.
pub(super) const UNWATCHED_FOR: Duration = Duration::from_secs(30);

/// Keys and values.
pub(super) type Data = Arc<BTreeMap<String, SecretText>>;

/// What is known of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    /// It is there, in this version.
    Present(String, Data),
    /// It is not there.
    Missing,
    /// The account may not read it, or it could not be read; the reason.
    Refused(String),
}

#[derive(Debug, Default)]
struct Entry {
    held: Option<Held>,
    /// Whether something happened since it was read.
    stale: bool,
    read_at: Option<Instant>,
    /// Grows with each change that was told of, so that a read that began before it does not hide it.
    changes: u64,
}

/// The store.
pub(super) struct Store {
    client: Client,
    entries: Mutex<HashMap<ObjectKey, Entry>>,
    /// One lock a key, so that many who need the same read it once.
    turns: Mutex<HashMap<ObjectKey, Arc<tokio::sync::Mutex<()>>>>,
    limit: Semaphore,
}

impl Store {
    pub(super) fn new(client: Client) -> Self {
        Store { client, entries: Mutex::default(), turns: Mutex::default(), limit: Semaphore::new(AT_ONCE) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, read now if it is not known well. `watched`: whether a watch would have told of a change.
    pub(super) async fn get(&self, key: &ObjectKey, watched: bool) -> Held {
        if let Some(held) = self.known(key, watched) {
            return held;
        }
        let turn =
            Arc::clone(self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
        let _turn = turn.lock().await;
        match self.known(key, watched) {
            Some(held) => held,
            None => self.read(key).await,
        }
    }

    fn known(&self, key: &ObjectKey, watched: bool) -> Option<Held> {
        let entries = self.lock();
        let entry = entries.get(key)?;
        let young = entry.read_at.is_some_and(|at| at.elapsed() < UNWATCHED_FOR);
        let counts = match entry.held.as_ref()? {
            Held::Present(..) | Held::Missing => !entry.stale && (watched || young),
            // Another try soon, and not one for each trigger that wants it.
            Held::Refused(_) => entry.read_at.is_some_and(|at| at.elapsed() < UNWATCHED_FOR / 4),
        };
        counts.then(|| entry.held.clone()).flatten()
    }

    /// Reads it now. A read that fails for want of an API server leaves what was known: a token or password that was
    /// right a moment ago is better than none.
    pub(super) async fn read(&self, key: &ObjectKey) -> Held {
        let changes = self.lock().entry(key.clone()).or_default().changes;
        let found = self.fetch(key).await;
        let mut entries = self.lock();
        let entry = entries.entry(key.clone()).or_default();
        entry.read_at = Some(Instant::now());
        match (found, &entry.held) {
            (Ok(held), _) => {
                entry.stale = entry.changes != changes;
                entry.held = Some(held.clone());
                held
            }
            (Err(_), Some(known @ Held::Present(..))) => known.clone(),
            (Err(why), _) => {
                let held = Held::Refused(why);
                entry.held = Some(held.clone());
                held
            }
        }
    }

    async fn fetch(&self, key: &ObjectKey) -> Result<Held, String> {
        let _permit = self.limit.acquire().await;
        let found = tokio::time::timeout(READ_LIMIT, async {
            let (client, namespace) = (self.client.clone(), key.namespace.as_str());
            Ok(match key.kind {
                ConfigKind::Secret => Api::<Secret>::namespaced(client, namespace)
                    .get_opt(&key.name)
                    .await?
                    .map(|secret| (secret.metadata.resource_version.clone(), secret_data(&secret))),
                ConfigKind::ConfigMap => Api::<ConfigMap>::namespaced(client, namespace)
                    .get_opt(&key.name)
                    .await?
                    .map(|map| (map.metadata.resource_version.clone(), config_map_data(&map))),
            })
        });
        match found.await {
            Ok(Ok(Some((version, data)))) => Ok(Held::Present(version.unwrap_or_default(), Arc::new(data))),
            Ok(Ok(None)) => Ok(Held::Missing),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => Ok(Held::Refused(not_allowed(key))),
            Ok(Err(error)) => Err(format!("the API server could not be asked: {error}")),
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }

    /// A watch saw the object in this version (`None`: gone). Whether that is news.
    pub(super) fn saw(&self, key: &ObjectKey, version: Option<&str>) -> bool {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(key) else { return false };
        let same = match (&entry.held, version) {
            (Some(Held::Present(held, _)), Some(seen)) => held == seen,
            (Some(Held::Missing), None) => true,
            _ => false,
        };
        if !same {
            entry.stale = true;
            entry.changes += 1;
        }
        !same
    }

    /// Reads again what no watch covers and what could not be read. Whether it gave something else than before.
    pub(super) async fn read_again(&self, key: &ObjectKey) -> bool {
        let before = self.lock().get(key).and_then(|entry| entry.held.clone());
        before.is_some() && before != Some(self.read(key).await)
    }

    /// The objects that should be read again although no change was told: those that could not be read, and those that
    /// `watched` does not cover.
    pub(super) fn doubtful(&self, watched: impl Fn(&ObjectKey) -> bool) -> Vec<ObjectKey> {
        let entries = self.lock();
        let doubtful = |(key, entry): &(&ObjectKey, &Entry)| match &entry.held {
            None => false,
            Some(Held::Refused(_)) => true,
            Some(_) => entry.stale || !watched(key),
        };
        entries.iter().filter(doubtful).map(|(key, _)| key.clone()).collect()
    }

    /// Whether somebody asked for it.
    pub(super) fn holds(&self, key: &ObjectKey) -> bool {
        self.lock().contains_key(key)
    }

    /// The keys that are held and that a watch would have listed.
    pub(super) fn covered(&self, covers: impl Fn(&ObjectKey) -> bool) -> Vec<ObjectKey> {
        self.lock().keys().filter(|key| covers(key)).cloned().collect()
    }

    /// Nobody needs it any more; its values are wiped.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// What to do when the account may not read an object.
fn not_allowed(key: &ObjectKey) -> String {
    format!(
        "the operator's account may not; give it a Role in namespace {} that allows get, list and watch on {} \
         (resourceNames: [{}] is enough), or grant it for the whole cluster",
        key.namespace,
        key.resource(),
        key.name
    )
}
