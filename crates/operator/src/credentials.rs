//! What triggers are given: the environment of the target's container and the parameters of TriggerAuthentications, from
//! Secrets, ConfigMaps, files and tokens of service accounts.
//!
//! Only what is referenced is read, and what was read is watched: a change reaches [`Credentials::start`]'s channel, and
//! the next [`Credentials::resolve`] has the new value. What is missing or may not be read is an error that names it;
//! nothing is ever left out silently.

mod authentications;
mod dependents;
mod environment;
mod files;
mod keeper;
mod keys;
mod oauth2;
mod resolve;
mod scopes;
mod store;
mod tokens;
mod watches;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::Client;
use tidegate_crds::{Problem, ScaledObject, TriggerSources};
use tidegate_engine::TargetId;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Options;
use crate::events::Recorder;
use dependents::Dependents;
use keys::{Dependency, ObjectKey};
use scopes::Scope;

pub use keys::AuthenticationKey;

/// How long a trigger waits for the first list of authentication objects.
const FIRST_LIST_LIMIT: Duration = Duration::from_secs(20);

/// What the triggers of one ScaledObject are given.
#[derive(Clone, Debug)]
pub struct Given {
    /// One for each trigger, in order.
    pub triggers: Vec<Result<TriggerSources, Vec<Problem>>>,
    /// A hash of all values; differs when any of them differs. Not to be shown.
    pub mark: u64,
}

/// Finds what triggers are given, and tells when that may have changed. Cheap to clone; clones share. The watches end with
/// the last of them.
#[derive(Clone)]
pub struct Credentials {
    shared: Arc<Shared>,
    _guard: Arc<DropGuard>,
}

struct Settings {
    namespaces: Vec<String>,
    authentication_label_selector: Option<String>,
    cluster_objects: String,
    restrict_secret_access: bool,
    file_root: Option<PathBuf>,
}

/// What the tasks share.
struct Shared {
    client: Client,
    settings: Settings,
    changed: mpsc::Sender<TargetId>,
    stop: CancellationToken,
    authentications: authentications::Authentications,
    happened: mpsc::UnboundedSender<authentications::Happened>,
    unheard: Mutex<Option<mpsc::UnboundedReceiver<authentications::Happened>>>,
    listed: Vec<watch::Receiver<bool>>,
    dependents: Mutex<Dependents>,
    /// Authentication objects that had a user since the start.
    used: Mutex<HashSet<AuthenticationKey>>,
    store: store::Store,
    tokens: tokens::Tokens,
    looks: Arc<files::Looks>,
    /// The watches whose first list is in.
    live: Mutex<HashSet<Scope>>,
    /// The watches that the account may not have.
    refused: Mutex<HashSet<Scope>>,
    replan: Notify,
    relist: Notify,
}

impl Credentials {
    /// Starts the watches. `changed` is told which ScaledObjects should be resolved again. Needs a running tokio runtime.
    #[must_use]
    pub fn start(client: Client, options: &Options, changed: mpsc::Sender<TargetId>) -> Credentials {
        let stop = CancellationToken::new();
        let (happened, unheard) = mpsc::unbounded_channel();
        let settings = Settings {
            namespaces: options.namespaces.clone(),
            authentication_label_selector: options.authentication_label_selector.clone(),
            cluster_objects: options.cluster_objects().to_owned(),
            restrict_secret_access: options.restrict_secret_access,
            file_root: options.file_auth_root.clone(),
        };
        let mut shared = Shared {
            settings,
            changed,
            stop: stop.clone(),
            authentications: authentications::Authentications::default(),
            happened,
            unheard: Mutex::new(Some(unheard)),
            listed: Vec::new(),
            dependents: Mutex::default(),
            used: Mutex::default(),
            store: store::Store::new(client.clone()),
            tokens: tokens::Tokens::new(client.clone(), options.bound_token_lifetime),
            looks: Arc::default(),
            live: Mutex::default(),
            refused: Mutex::default(),
            replan: Notify::new(),
            relist: Notify::new(),
            client,
        };
        let watches: Vec<_> = authentications::watches(&shared)
            .into_iter()
            .map(|(cluster, api)| {
                let (listed, receiver) = watch::channel(false);
                shared.listed.push(receiver);
                (cluster, api, listed)
            })
            .collect();
        let shared = Arc::new(shared);
        for (cluster, api, listed) in watches {
            tokio::spawn(authentications::follow(Arc::clone(&shared), cluster, api, listed));
        }
        tokio::spawn(watches::run(Arc::clone(&shared)));
        tokio::spawn(watches::sweep(Arc::clone(&shared)));
        tokio::spawn(tokens::run(Arc::clone(&shared)));
        tokio::spawn(files::run(Arc::clone(&shared)));
        Credentials { shared, _guard: Arc::new(stop.drop_guard()) }
    }

    /// What the triggers of `object` are given now. `template` is the pod template of what it scales; `None`: it has none.
    ///
    /// The environment and its Secrets are only read for triggers that ask for a variable.
    pub async fn resolve(&self, id: &TargetId, object: &ScaledObject, template: Option<&PodTemplateSpec>) -> Given {
        resolve::resolve(&self.shared, id, object, template).await
    }

    /// Forgets a ScaledObject that is gone: what nobody else needs is wiped and no longer watched.
    pub fn forget(&self, id: &TargetId) {
        self.shared.depend(id, BTreeSet::new());
    }

    /// The authentication objects of the cluster.
    #[must_use]
    pub fn authentications(&self) -> Vec<AuthenticationKey> {
        self.shared.authentications.keys()
    }

    /// Keeps the status of authentication objects, tells of them in events, and frees those that are deleted, while this
    /// process leads. At most once for each of [`Credentials::start`].
    pub fn keep_authentications(&self, recorder: Recorder, leading: watch::Receiver<bool>) {
        let happened = self.shared.unheard.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(happened) = happened {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(keeper::Keeper { shared, recorder, leading, happened }.run());
        }
    }
}

impl Shared {
    fn dependents(&self) -> MutexGuard<'_, Dependents> {
        self.dependents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, HashSet<Scope>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, HashSet<Scope>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a change of this object would be told of.
    fn is_watched(&self, key: &ObjectKey) -> bool {
        self.live().iter().any(|scope| scope.covers(key))
    }

    /// Whether Secrets of this namespace may be read.
    fn may_read_secrets(&self, namespace: &str) -> bool {
        !self.settings.restrict_secret_access || namespace == self.settings.cluster_objects
    }

    /// Whether the objects that use this one are known, since one of them was seen.
    fn was_used(&self, key: &AuthenticationKey) -> bool {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Replaces what a ScaledObject depends on.
    fn depend(&self, id: &TargetId, dependencies: BTreeSet<Dependency>) {
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.extend(dependencies.iter().filter_map(|dependency| match dependency {
                Dependency::Authentication(key) => Some(key.clone()),
                _ => None,
            }));
        }
        let (orphans, new) = self.dependents().set(id, dependencies);
        for orphan in &orphans {
            match orphan {
                Dependency::Object(key) => self.store.forget(key),
                Dependency::Account(account) => self.tokens.forget(account),
                Dependency::File(_) | Dependency::Authentication(_) => {}
            }
        }
        if new || !orphans.is_empty() {
            self.replan.notify_one();
        }
        self.relist.notify_one();
    }

    /// A watch saw an object in this version; whoever depends on it is told if that is news.
    async fn saw(&self, key: &ObjectKey, version: Option<&str>) {
        if self.store.saw(key, version) {
            self.tell(&Dependency::Object(key.clone())).await;
        }
    }

    /// Tells that what depends on this should be resolved again.
    async fn tell(&self, dependency: &Dependency) {
        let dependents = self.dependents().on(dependency).to_vec();
        for id in dependents {
            if self.changed.send(id).await.is_err() {
                return;
            }
        }
    }

    /// Waits for the first lists of authentication objects.
    async fn wait_for_authentications(&self) -> Result<(), String> {
        let all = async {
            for listed in &self.listed {
                if listed.clone().wait_for(|listed| *listed).await.is_err() {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(FIRST_LIST_LIMIT, all).await;
        waited.map_err(|_| "the API server has not listed them yet".to_owned())
    }
}
