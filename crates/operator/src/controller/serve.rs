//! Putting a ScaledObject to work in the live loop, and taking it out of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::StreamExt;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::json;
use tidegate_console::TargetInfo;
use tidegate_crds::ScaledObject;
use tidegate_engine::{MetricTarget, Mode, Policy, TargetId};
use tidegate_runtime::TargetSetup;
use tidegate_scalers::{MetricSpec, Push, Scaler};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::build::Connected;
use super::reconcile::Fault;
use super::report::Look;
use super::target::Target;
use super::{Served, Shared};
use crate::call::call;
use crate::events::{Kind, reasons};
use crate::hpa::NAME_LABEL;
use crate::scale::Binding;
use crate::status::{FIELD_MANAGER, kind_text};
use crate::tell::reference;
use crate::watches::scaled_object_resource;

/// The finalizer that KEDA uses. It is there only while something has to be done at the end: one that nobody is at work
/// for would keep a namespace from going.
pub(super) const FINALIZER: &str = "finalizer.keda.sh";

/// The longest value of a label.
const LONGEST_LABEL: usize = 63;

/// What is to be put to work.
pub(super) struct Serving {
    /// In the mode that was asked for.
    pub(super) policy: Policy,
    pub(super) connected: Option<Connected>,
    /// One for each of the policy's triggers.
    pub(super) scalers: Vec<Arc<dyn Scaler>>,
    /// One for each of the policy's triggers.
    pub(super) metrics: Vec<MetricSpec>,
}

impl Serving {
    /// A policy without triggers.
    pub(super) fn bare(policy: Policy) -> Self {
        Serving { policy, connected: None, scalers: Vec::new(), metrics: Vec::new() }
    }
}

fn mark(policy: &Policy) -> u64 {
    let mut marks = DefaultHasher::new();
    // Everything in a policy shows in its Debug form.
    format!("{policy:?}").hash(&mut marks);
    marks.finish()
}

/// Whether decisions depend on which pods are ready: those by `Value` targets, and all of ours where no
/// HorizontalPodAutoscaler looks at them.
fn needs_ready(policy: &Policy) -> bool {
    let by_value = |target: MetricTarget| matches!(target, MetricTarget::Value(_));
    policy.mode == Mode::Direct
        || policy.triggers.iter().any(|trigger| by_value(trigger.target))
        || policy.formula.as_ref().is_some_and(|formula| by_value(formula.target))
}

/// The finalizers as they should be; `None` where they are.
fn finalizers(there: &[String], needed: bool) -> Option<Vec<&str>> {
    let others = there.iter().map(String::as_str).filter(|name| *name != FINALIZER);
    let has = there.iter().any(|name| name == FINALIZER);
    (has != needed).then(|| others.chain(needed.then_some(FINALIZER)).collect())
}

impl Shared {
    /// Puts it to work, or what changed of it.
    pub(super) async fn serve(
        &self,
        object: &ScaledObject,
        target: &Target,
        serving: Serving,
        look: &Look<'_>,
    ) -> Result<(), Fault> {
        let id = look.id;
        let Serving { policy, connected, scalers, metrics } = serving;
        let asked = Arc::new(policy);
        // Whoever does not lead decides all the same, and does nothing: windows and values are warm when its turn comes.
        let at_work = match self.tools.leading.now() {
            true => Arc::clone(&asked),
            false => Arc::new(Policy { mode: Mode::Shadow, ..Policy::clone(&asked) }),
        };
        let mark = mark(&at_work);
        let binding = Binding {
            key: target.key.clone(),
            resource: target.resource.clone(),
            kind_text: kind_text(&target.gvkr()).into(),
            needs_ready: needs_ready(&asked),
            metrics: asked.triggers.iter().map(|trigger| Arc::clone(&trigger.metric)).collect(),
            triggers: asked.triggers.iter().map(|trigger| trigger.index).collect(),
        };
        let moved = self.tools.bindings.get(id).is_some_and(|before| before.key != binding.key);
        if moved {
            // Another workload has other counts, windows and an original count of its own.
            self.stop_serving(id, false).await?;
        }
        let inputs = connected.as_ref().map(|connected| connected.mark);
        let before = self.served().get(id).map(|served| (served.mark, served.connected.as_ref().map(|c| c.mark)));
        self.tools.bindings.bind(id, binding);
        let listening = match before {
            Some((_, before)) if before == inputs => None,
            _ => connected.as_ref().and_then(|connected| self.listen_to(id, connected)),
        };
        self.remember(id, object, &asked, mark, connected, metrics, listening);
        if before == Some((mark, inputs)) {
            return Ok(());
        }
        let same_policy = before.is_some_and(|(before, _)| before == mark);
        self.tools.demand.set(id, self.fresh(object, &asked));
        if same_policy {
            tracing::info!(scaled_object = %id, "its triggers use what they are given now from the next read on");
            return self.tools.handle.replace_scalers(id.clone(), scalers).await.map_err(|_| Fault::Stopped);
        }
        self.tools.console.target(id, TargetInfo::of(&at_work, &target.key.kind, &target.key.name));
        self.put(id, &at_work, scalers).await?;
        if before.is_none_or(|(_, before)| before != inputs) && look.may_write(&self.tools) {
            self.tell_started(object, &asked);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one call, of what is made in one place")]
    fn remember(
        &self,
        id: &TargetId,
        object: &ScaledObject,
        policy: &Arc<Policy>,
        mark: u64,
        connected: Option<Connected>,
        metrics: Vec<MetricSpec>,
        listening: Option<DropGuard>,
    ) {
        let mut served = self.served();
        let before = served.remove(id);
        let same = before.as_ref().and_then(|before| before.connected.as_ref()).map(|c| c.mark)
            == connected.as_ref().map(|c| c.mark);
        let (hpa, kept) = before.map_or((None, None), |before| (before.hpa, before._listening));
        let now = Served {
            about: reference(object),
            connected,
            policy: Arc::clone(policy),
            mark,
            metrics,
            hpa,
            _listening: listening.or(kept.filter(|_| same)),
        };
        served.insert(id.clone(), Box::new(now));
    }

    /// Puts another policy over the same triggers and workload.
    pub(super) async fn change_policy(&self, look: &Look<'_>, policy: Policy) -> Result<(), Fault> {
        let id = look.id;
        let at_work = match self.tools.leading.now() {
            true => Arc::new(policy),
            false => Arc::new(Policy { mode: Mode::Shadow, ..policy }),
        };
        let mark = mark(&at_work);
        let connected = {
            let mut served = self.served();
            let Some(served) = served.get_mut(id).filter(|served| served.mark != mark) else { return Ok(()) };
            served.mark = mark;
            served.connected.clone().map(|connected| (connected, served.metrics.clone()))
        };
        let scalers = connected.map(|(connected, metrics)| {
            let of = at_work.triggers.iter().zip(&metrics);
            of.filter_map(|(trigger, spec)| {
                connected.scalers.get(trigger.index).map(|scaler| tidegate_scalers::metric_of(scaler, &spec.metric))
            })
            .collect()
        });
        if let Some(binding) = self.tools.bindings.get(id) {
            self.tools.console.target(id, TargetInfo::of(&at_work, &binding.key.kind, &binding.key.name));
        }
        self.put(id, &at_work, scalers.unwrap_or_default()).await
    }

    /// Hands it to the live loop. How old the object is goes by our own clock where we saw it come, and it is never made
    /// in the future: the API server's clock may be apart from ours by more than an initial cooldown lasts.
    async fn put(&self, id: &TargetId, policy: &Arc<Policy>, scalers: Vec<Arc<dyn Scaler>>) -> Result<(), Fault> {
        let (now, known) = (self.tools.clock.now(), self.tools.index.known(id));
        let created = match known.and_then(|known| known.came) {
            Some(came) => Some(now - came.elapsed()),
            None => policy.created.map(|created| created.min(now)),
        };
        let policy = Arc::new(Policy { created, ..Policy::clone(policy) });
        let setup = TargetSetup { id: id.clone(), policy, scalers };
        self.tools.handle.put(setup).await.map_err(|_| Fault::Stopped)
    }

    /// The metrics that are to be fresh when they are asked for.
    fn fresh(&self, object: &ScaledObject, policy: &Policy) -> Vec<(Arc<str>, usize)> {
        let cached = |index: usize| object.spec.triggers.get(index).is_some_and(|trigger| trigger.use_cached_metrics);
        let triggers = policy.triggers.iter().enumerate();
        let fresh = triggers.filter(|(_, trigger)| !cached(trigger.index) && policy.reads(trigger));
        fresh.map(|(place, trigger)| (Arc::clone(&trigger.metric), place)).collect()
    }

    /// Listens to those of the sources that push.
    fn listen_to(&self, id: &TargetId, connected: &Connected) -> Option<DropGuard> {
        let pushing: Vec<_> =
            connected.scalers.iter().enumerate().filter_map(|(index, one)| Some((index, one.pushes()?))).collect();
        if pushing.is_empty() {
            return None;
        }
        let stop = CancellationToken::new();
        for (index, mut pushes) in pushing {
            let (id, handle, queue) = (id.clone(), self.tools.handle.clone(), self.wake.clone());
            let bindings = self.tools.bindings.clone();
            tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
                while let Some(push) = pushes.next().await {
                    match push {
                        Push::Active => {
                            let Some(binding) = bindings.get(&id) else { continue };
                            for place in binding.places(index) {
                                if handle.activated(id.clone(), place).await.is_err() {
                                    return;
                                }
                            }
                        }
                        Push::Specs(_) => drop(queue.send(id.clone())),
                    }
                }
            }));
        }
        Some(stop.drop_guard())
    }

    fn tell_started(&self, object: &ScaledObject, policy: &Policy) {
        let mut told = Vec::new();
        for trigger in policy.triggers.iter() {
            if !told.contains(&trigger.index) {
                told.push(trigger.index);
                let note = format!("Scaler {} is built", trigger.kind);
                self.tools.recorder.emit(
                    reference(object),
                    Kind::Normal,
                    reasons::SCALERS_STARTED,
                    "ScalerBuilt",
                    note,
                );
            }
        }
        let note = "Started scalers watch".to_owned();
        self.tools.recorder.emit(
            reference(object),
            Kind::Normal,
            reasons::SCALERS_STARTED,
            "ScalersWatchStarted",
            note,
        );
    }

    /// Takes it out of work. With `restore` the original count is put back where that was asked for.
    pub(super) async fn stop_serving(&self, id: &TargetId, restore: bool) -> Result<(), Fault> {
        let Some(served) = self.served().remove(id) else { return Ok(()) };
        if !restore && served.policy.restore_original {
            let policy = Arc::new(Policy { restore_original: false, ..Policy::clone(&served.policy) });
            let setup = TargetSetup { id: id.clone(), policy, scalers: Vec::new() };
            self.tools.handle.put(setup).await.map_err(|_| Fault::Stopped)?;
        }
        let removed = self.tools.handle.remove(id.clone()).await;
        self.tools.bindings.unbind(id);
        self.tools.board.remove(id);
        self.tools.demand.remove(id);
        self.tools.console.remove_target(id);
        removed.map_err(|_| Fault::Stopped)
    }

    /// The label that KEDA sets on ScaledObjects, and the finalizer while there is something to do at the end.
    pub(super) async fn adorn(&self, id: &TargetId, object: &ScaledObject) -> Result<(), Fault> {
        let metadata = &object.metadata;
        let labelled =
            metadata.labels.as_ref().and_then(|labels| labels.get(NAME_LABEL)).is_some_and(|l| l == id.name());
        let restore = object.spec.advanced.as_ref().and_then(|a| a.restore_to_original_replica_count).unwrap_or(false);
        let finalizers = finalizers(metadata.finalizers.as_deref().unwrap_or_default(), restore);
        if (labelled || id.name().len() > LONGEST_LABEL) && finalizers.is_none() {
            return Ok(());
        }
        let mut patch = json!({ "metadata": {} });
        if !labelled && id.name().len() <= LONGEST_LABEL {
            patch["metadata"]["labels"] = json!({ NAME_LABEL: id.name() });
        }
        if let Some(finalizers) = finalizers {
            patch["metadata"]["finalizers"] = json!(finalizers);
            // Somebody else may be changing the list too.
            patch["metadata"]["resourceVersion"] = json!(metadata.resource_version);
        }
        let resource = scaled_object_resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.tools.client.clone(), id.namespace(), &resource);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match call(api.patch(id.name(), &params, &Patch::Merge(&patch))).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(Fault::Call(format!("setting label and finalizer of the ScaledObject {id}: {error}"))),
        }
    }
}
