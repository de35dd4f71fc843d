//! What a leader does for authentication objects: who uses them (`status.scaledobjects`), events, and KEDA's finalizer,
//! which is removed when one is deleted so that nothing is held up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Shared;
use super::authentications::{Authentication, Happened, api};
use super::keys::{AuthenticationKey, Dependency};
use crate::events::{Kind, Recorder, reasons};

/// The finalizer that KEDA sets.
const KEDA_FINALIZER: &str = "finalizer.keda.sh";

/// Changes of who uses what are gathered for so long before they are written.
const GATHER: Duration = Duration::from_secs(1);

/// For so long after the start, names that are listed and not known here are kept: their objects may not have been looked
/// at yet.
const SETTLED_AFTER: Duration = Duration::from_secs(300);

/// An object that is older than this when the watch first sees it was told of by whoever led before.
const NEWLY_CREATED: Duration = Duration::from_secs(60);

/// The keeper.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) recorder: Recorder,
    pub(super) leading: watch::Receiver<bool>,
    pub(super) happened: mpsc::UnboundedReceiver<Happened>,
}

impl Keeper {
    /// Runs until the credentials are stopped.
    pub(super) async fn run(mut self) {
        let started = Instant::now();
        let stop = self.shared.stop.clone();
        let mut generations: HashMap<AuthenticationKey, i64> = HashMap::new();
        let mut settled = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                happened = self.happened.recv() => match happened {
                    Some(happened) => self.hear(happened, &mut generations).await,
                    None => return,
                },
                () = self.shared.relist.notified() => {
                    tokio::time::sleep(GATHER).await;
                    self.list(settled).await;
                }
                changed = self.leading.changed() => match changed {
                    Ok(()) => self.list(settled).await,
                    Err(_) => return,
                },
                () = tokio::time::sleep_until(started + SETTLED_AFTER), if !settled => {
                    settled = true;
                    self.list(settled).await;
                }
            }
        }
    }

    fn leads(&self) -> bool {
        *self.leading.borrow()
    }

    async fn hear(&self, happened: Happened, generations: &mut HashMap<AuthenticationKey, i64>) {
        match happened {
            Happened::Found(found) => {
                generations.insert(found.key.clone(), found.generation);
                let age = found.created.map(|created| jiff::Timestamp::now().duration_since(created));
                if age.is_some_and(|age| age.unsigned_abs() < NEWLY_CREATED) {
                    self.tell_of(&found, "added");
                }
                self.release(&found).await;
            }
            Happened::Changed(changed) => {
                match generations.insert(changed.key.clone(), changed.generation) {
                    None => self.tell_of(&changed, "added"),
                    Some(before) if before != changed.generation && !changed.deleting => {
                        self.tell_of(&changed, "updated");
                    }
                    Some(_) => {}
                }
                self.release(&changed).await;
                self.shared.relist.notify_one();
            }
            Happened::Gone(gone) => {
                generations.remove(&gone.key);
                self.tell_of(&gone, "deleted");
            }
        }
    }

    fn tell_of(&self, about: &Authentication, what: &'static str) {
        if !self.leads() {
            return;
        }
        let reason = match (about.key.cluster, what) {
            (false, "added") => reasons::TRIGGER_AUTHENTICATION_ADDED,
            (true, "added") => reasons::CLUSTER_TRIGGER_AUTHENTICATION_ADDED,
            (false, "deleted") => reasons::TRIGGER_AUTHENTICATION_DELETED,
            (true, "deleted") => reasons::CLUSTER_TRIGGER_AUTHENTICATION_DELETED,
            _ => reasons::TRIGGER_AUTHENTICATION_UPDATED,
        };
        let reference = ObjectReference {
            api_version: Some("keda.sh/v1alpha1".to_owned()),
            kind: Some(about.key.kind().to_owned()),
            namespace: (!about.key.cluster).then(|| about.key.namespace.clone()),
            name: Some(about.key.name.clone()),
            uid: Some(about.uid.clone()),
            ..ObjectReference::default()
        };
        let note = format!("{} was {what}", about.key.kind());
        self.recorder.emit(reference, Kind::Normal, reason, reason, note);
    }

    /// Takes KEDA's finalizer from one that is being deleted.
    async fn release(&self, object: &Authentication) {
        let held = object.finalizers.iter().any(|finalizer| finalizer == KEDA_FINALIZER);
        if !self.leads() || !object.deleting || !held {
            return;
        }
        let rest: Vec<&String> = object.finalizers.iter().filter(|finalizer| *finalizer != KEDA_FINALIZER).collect();
        let patch = Patch::Merge(json!({ "metadata": { "finalizers": rest, "uid": object.uid } }));
        let api = api(self.shared.client.clone(), &object.key);
        for pause in [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)] {
            tokio::time::sleep(pause).await;
            match api.patch(&object.key.name, &PatchParams::default(), &patch).await {
                Ok(_) => return,
                Err(kube::Error::Api(status)) if status.code == 404 => return,
                Err(error) => warn!(object = %object.key, %error, "KEDA's finalizer could not be removed"),
            }
        }
    }

    /// Writes who uses each object, where that differs from what is there.
    async fn list(&self, settled: bool) {
        if !self.leads() {
            return;
        }
        for key in self.shared.authentications.keys() {
            let Some(object) = self.shared.authentications.get(&key).filter(|object| !object.deleting) else {
                continue;
            };
            let users: Vec<String> = {
                let dependents = self.shared.dependents();
                let users = dependents.on(&Dependency::Authentication(key.clone()));
                users.iter().map(|user| user.name().to_owned()).collect()
            };
            let wanted = listing(&object.listed, &users, settled || self.shared.was_used(&key));
            if wanted == object.listed {
                continue;
            }
            let patch = Patch::Merge(json!({ "status": { "scaledobjects": wanted } }));
            let api = api(self.shared.client.clone(), &key);
            match api.patch_status(&key.name, &PatchParams::default(), &patch).await {
                Ok(_) => debug!(object = %key, "wrote which ScaledObjects use it"),
                Err(error) => {
                    warn!(object = %key, %error, "which ScaledObjects use it could not be written");
                    self.shared.relist.notify_one();
                }
            }
        }
    }
}

/// The names in the order in which they came: those that were listed first. `all_known`: nobody uses it whose name is not
/// among `users`.
fn listing(listed: &str, users: &[String], all_known: bool) -> String {
    let mut names: Vec<&str> = Vec::new();
    let before = listed.split(',').filter(|name| !name.is_empty());
    let stay = before.filter(|name| !all_known || users.iter().any(|user| user == name));
    for name in stay.chain(users.iter().map(String::as_str)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::listing;

    /// AUTH-02, AUTH-03
    #[test]
    fn users_are_listed_once_each_in_the_order_in_which_they_came() {
        let users = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (listed, names, known, expected) in [
            ("", &["b", "a"][..], true, "b,a"),
            ("a,b", &["b", "a"], true, "a,b"),
            ("a,b", &["b"], true, "b"),
            ("a,b", &["b", "c"], false, "a,b,c"),
            ("a", &[], true, ""),
            ("", &["a", "a"], true, "a"),
        ] {
            assert_eq!(listing(listed, &users(names), known), expected, "{listed} with {names:?}");
        }
    }
}
