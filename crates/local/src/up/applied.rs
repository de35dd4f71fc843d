//! What of the manifests is in force, and how a change of them is put into force.
//!
//! An object with an error is passed over, so what was in force before stays. An object that is not there any more is
//! removed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_console::{Store, TargetInfo};
use tidegate_engine::{Policy, TargetId};
use tidegate_runtime::{Clock, Handle, Stopped, TargetSetup};
use tidegate_scalers::Clients;

use super::externals::{External, Followed};
use super::observed::ToCalls;
use super::pod_counter::LocalPods;
use super::pod_usage::LocalUsage;
use super::states::{FileStates, SavedReplicas};
use super::workloads::Bindings;
use crate::folder::{DeploymentParts, Examined, TargetParts};
use crate::pods::{DeploymentKey, Pods};

/// What is in force, and where to put changes.
pub(crate) struct Applied {
    handle: Handle,
    pods: Pods,
    clients: Clients,
    /// Targets with triggers whose source names its metrics.
    followed: HashMap<TargetId, Followed>,
    bindings: Arc<Bindings>,
    states: FileStates,
    console: Arc<Store>,
    targets: HashMap<TargetId, InForce>,
    /// With the replicas that their manifests name.
    deployments: HashMap<DeploymentKey, u32>,
    clock: Arc<dyn Clock>,
}

/// By which a changed target is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    policy: u64,
    input: u64,
}

/// A target that is served.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    marks: Marks,
    policy: Arc<Policy>,
}

/// What a HorizontalPodAutoscaler without a behavior looks back before it scales in.
const DEFAULT_STABILIZATION: Duration = Duration::from_secs(300);

impl Applied {
    /// Nothing is in force yet. `state` is the state folder.
    pub(crate) fn new(
        handle: Handle,
        pods: Pods,
        bindings: Arc<Bindings>,
        states: FileStates,
        console: Arc<Store>,
        clock: Arc<dyn Clock>,
        state: PathBuf,
    ) -> Self {
        let (targets, deployments) = (HashMap::new(), HashMap::new());
        let usage = Arc::new(LocalUsage::new(pods.clone(), Arc::clone(&bindings), state));
        let (observer, counter) = (Arc::new(ToCalls(Arc::clone(&console))), Arc::new(LocalPods(pods.clone())));
        let clients = Clients::new().observed_by(observer).with_pods(counter).with_usage(usage);
        let followed = HashMap::new();
        Applied { handle, pods, clients, followed, bindings, states, console, clock, targets, deployments }
    }

    /// How long the slowest target takes to come down when all is quiet: its window, then its cooldown.
    pub(crate) fn slowest_rest(&self) -> Duration {
        let of = |policy: &Policy| {
            let window =
                policy.behavior.as_ref().map_or(DEFAULT_STABILIZATION, |behavior| behavior.scale_down.stabilization);
            window + policy.cooldown + policy.initial_cooldown
        };
        self.targets.values().map(|target| of(&target.policy)).max().unwrap_or_default()
    }

    /// Puts everything sound in `examined` into force. Gives back what was done, a line each.
    ///
    /// # Errors
    /// When the live loop has stopped.
    pub(crate) async fn apply(&mut self, examined: &mut Examined) -> Result<Vec<String>, Stopped> {
        let mut done = Vec::new();
        let gone = self.targets.keys().filter(|id| !examined.has("ScaledObject", id.as_str()));
        for id in gone.cloned().collect::<Vec<_>>() {
            self.targets.remove(&id);
            self.unfollow(&id).await;
            self.handle.remove(id.clone()).await?;
            self.bindings.unbind(&id);
            self.console.remove_target(&id);
            done.push(format!("ScaledObject {id} was removed"));
        }
        let gone = self.deployments.keys().filter(|key| !examined.has("Deployment", &key.to_string()));
        for key in gone.cloned().collect::<Vec<_>>() {
            self.deployments.remove(&key);
            self.pods.remove(key.clone());
            done.push(format!("Deployment {key} was removed"));
        }
        for parts in std::mem::take(&mut examined.deployments) {
            self.put_deployment(parts, &mut done).await;
        }
        for parts in std::mem::take(&mut examined.targets) {
            self.put_target(parts, &mut done).await?;
        }
        Ok(done)
    }

    async fn put_deployment(&mut self, parts: DeploymentParts, done: &mut Vec<String>) {
        let key = parts.spec.key.clone();
        self.bindings.set_manifest_replicas(&key, parts.replicas);
        match self.deployments.insert(key.clone(), parts.replicas) {
            None => {
                let saved = self.states.load_replicas(&key).unwrap_or_else(|error| {
                    tracing::warn!(deployment = %key, %error, "starting with the manifest's replicas");
                    None
                });
                let saved = saved.filter(|saved| saved.manifest == parts.replicas);
                let replicas = saved.map_or(parts.replicas, |saved| saved.replicas);
                self.pods.put(parts.spec, replicas);
                done.push(format!("Deployment {key} starts with {replicas} replicas"));
            }
            Some(before) => {
                self.pods.put(parts.spec, parts.replicas);
                if before != parts.replicas {
                    // As `kubectl apply` would: a number that was changed by hand is meant.
                    self.pods.scale(key.clone(), parts.replicas).await;
                    let saved = SavedReplicas { replicas: parts.replicas, manifest: parts.replicas };
                    if let Err(error) = self.states.save_replicas(&key, saved) {
                        tracing::warn!(deployment = %key, %error, "a restart would not know this replica count");
                    }
                    done.push(format!("Deployment {key} has {} replicas by its manifest", parts.replicas));
                }
            }
        }
    }

    /// A manifest in a folder bears no time at which it was made; its initial cooldown counts from the first sight of it.
    fn dated(&self, id: &TargetId, policy: Arc<Policy>) -> Arc<Policy> {
        if policy.created.is_some() || policy.initial_cooldown.is_zero() {
            return policy;
        }
        let created = Some(self.states.first_seen(id, self.clock.now()));
        Arc::new(Policy { created, ..Policy::clone(&policy) })
    }

    async fn put_target(&mut self, parts: TargetParts, done: &mut Vec<String>) -> Result<(), Stopped> {
        let TargetParts { id, policy, triggers, deployment, policy_mark, input_mark } = parts;
        let policy = self.dated(&id, policy);
        let marks = Marks { policy: policy_mark, input: input_mark };
        let before = self.targets.insert(id.clone(), InForce { marks, policy: Arc::clone(&policy) });
        let before = before.map(|before| before.marks);
        let bound = self.bindings.deployment_of(&id);
        if before == Some(marks) && bound.as_ref() == Some(&deployment) {
            return Ok(());
        }
        let from_source: Vec<bool> = triggers.iter().map(|trigger| trigger.specs_from_source).collect();
        let scalers = triggers.into_iter().map(|trigger| trigger.connect(&self.clients)).collect();
        let external = from_source.contains(&true);
        self.unfollow(&id).await;
        if !external
            && before.is_some_and(|before| before.policy == marks.policy)
            && bound.as_ref() == Some(&deployment)
        {
            done.push(format!("ScaledObject {id}: its triggers use the new values from the next poll on"));
            return self.handle.replace_scalers(id, scalers).await;
        }
        if bound.as_ref().is_some_and(|bound| *bound != deployment) {
            // Another workload has other counts, windows and an original count of its own.
            self.handle.remove(id.clone()).await?;
        }
        self.bindings.bind(&id, &deployment);
        self.console.target(&id, TargetInfo::of(&policy, "Deployment", &deployment.name));
        done.push(format!("ScaledObject {id} {}", if before.is_some() { "was changed" } else { "is served" }));
        if !external {
            return self.handle.put(TargetSetup { id, policy, scalers }).await;
        }
        let (handle, console) = (self.handle.clone(), Arc::clone(&self.console));
        let (id, deployment) = (id.clone(), Arc::clone(&deployment.name));
        let target = External { id: id.clone(), policy, scalers, from_source, handle, console, deployment };
        let followed = Followed::start(target).await?;
        self.followed.insert(id, followed);
        Ok(())
    }

    async fn unfollow(&mut self, id: &TargetId) {
        if let Some(followed) = self.followed.remove(id) {
            followed.end().await;
        }
    }
}
