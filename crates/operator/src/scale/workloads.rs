//! The live loop's port to scaled workloads.

use std::sync::Arc;

use async_trait::async_trait;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use tidegate_engine::{ReadError, ReadErrorKind, Record, Rule, TargetId, Workload, headline};
use tidegate_runtime::Workloads;

use super::bindings::{Binding, Bindings};
use super::pods::Pods;
use crate::call::{CallError, call};
use crate::events::{Kind, Recorder, reasons};
use crate::lane::Lane;
use crate::leadership::Leading;
use crate::status::FIELD_MANAGER;
use crate::tell::reference;
use crate::watches::{Index, WorkloadBrief, brief_of};

/// The longest note of an event that the API takes.
const LONGEST_NOTE: usize = 1024;

/// The port.
#[derive(Clone)]
pub(crate) struct KubeWorkloads {
    pub(crate) client: Client,
    pub(crate) index: Index,
    pub(crate) bindings: Bindings,
    pub(crate) pods: Pods,
    pub(crate) recorder: Recorder,
    pub(crate) leading: Leading,
    pub(crate) lane: Lane,
}

impl KubeWorkloads {
    fn binding(&self, id: &TargetId) -> Result<Arc<Binding>, ReadError> {
        self.bindings.get(id).ok_or_else(|| {
            ReadError::new(ReadErrorKind::Internal, format!("{id} is not served any more, so it scales nothing"))
        })
    }

    fn api(&self, id: &TargetId, binding: &Binding) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), id.namespace(), &binding.resource)
    }

    /// The counts that go with what the watch saw.
    async fn counts(&self, id: &TargetId, binding: &Binding, brief: &WorkloadBrief) -> Result<Workload, ReadError> {
        let ready = match (&brief.selector, brief.ready) {
            (Some(selector), None) if binding.needs_ready => Some(self.pods.ready(id.namespace(), selector).await?),
            _ => None,
        };
        Ok(brief.counts(ready))
    }

    async fn look(&self, id: &TargetId, binding: &Binding) -> Result<Arc<WorkloadBrief>, ReadError> {
        let api = self.api(id, binding);
        let scale =
            call(api.get_scale(&binding.key.name)).await.map_err(|error| said("looking at", id, binding, &error))?;
        let object = call(api.get(&binding.key.name)).await.ok();
        let brief = brief_of(&scale, object.as_ref());
        self.index.put_workload(id.namespace(), &binding.key, brief.clone());
        Ok(Arc::new(brief))
    }

    /// Selects the pods of what a ScaledObject scales.
    pub(crate) async fn selector(&self, id: &TargetId) -> Result<Arc<str>, ReadError> {
        let binding = self.binding(id)?;
        let known = self.index.workload(id.namespace(), &binding.key).and_then(|brief| brief.selector.clone());
        let selector = match known {
            Some(selector) => Some(selector),
            None => self.look(id, &binding).await?.selector.clone(),
        };
        selector.ok_or_else(|| {
            let (kind, name) = (&binding.key.kind, &binding.key.name);
            let message = format!("the scale of {kind} {}/{name} does not say which pods are its", id.namespace());
            ReadError::new(ReadErrorKind::Invalid, message)
        })
    }

    /// Says what was done and why.
    fn tell(&self, id: &TargetId, binding: &Binding, replicas: u32, record: &Record, error: Option<&ReadError>) {
        let Some(object) = self.index.scaled_object(id) else { return };
        let from = record.workload.map_or(0, |workload| workload.replicas);
        let executor = record.steps.iter().any(|step| {
            matches!(step.rule, Rule::Activation | Rule::ForceActivation | Rule::Idle) && step.from != step.to
        });
        let (kind, what) = (&binding.kind_text, format!("{}/{}", id.namespace(), binding.key.name));
        if executor {
            let up = replicas > from;
            let (reason, action) = match (up, error.is_some()) {
                (true, false) => (reasons::SCALE_TARGET_ACTIVATED, "Activate"),
                (false, false) => (reasons::SCALE_TARGET_DEACTIVATED, "Deactivate"),
                (true, true) => (reasons::SCALE_TARGET_ACTIVATION_FAILED, "Activate"),
                (false, true) => (reasons::SCALE_TARGET_DEACTIVATION_FAILED, "Deactivate"),
            };
            let note = match error {
                None => format!(
                    "Scaled {kind} {what} from {from} to {replicas}{}",
                    if up { because(record) } else { String::new() }
                ),
                Some(error) => format!("Failed to scale {kind} {what} from {from} to {replicas}: {error}"),
            };
            let severity = if error.is_some() { Kind::Warning } else { Kind::Normal };
            self.recorder.emit(reference(&object), severity, reason, action, cut(note));
        }
        let about = reference(&object);
        match error {
            None => {
                let note = cut(headline(record));
                self.recorder.emit(about, Kind::Normal, reasons::REPLICAS_CHANGED, "Scale", note);
            }
            Some(error) => {
                let note = cut(format!("{}; {error}", headline(record)));
                self.recorder.emit(about, Kind::Warning, reasons::REPLICAS_CHANGE_FAILED, "Scale", note);
            }
        }
    }
}

/// What made the workload active, as KEDA's event says it.
fn because(record: &Record) -> String {
    if record.steps.iter().any(|step| step.rule == Rule::ForceActivation) {
        return ", by the annotation force-activation".to_owned();
    }
    let names: Vec<&str> = if record.formula.is_some() {
        vec![crate::hpa::COMPOSITE]
    } else {
        record.readings.iter().filter(|reading| reading.active).map(|reading| &*reading.metric).collect()
    };
    format!(", triggered by {}", names.join(";"))
}

fn cut(mut note: String) -> String {
    if note.len() > LONGEST_NOTE {
        let end = (0..=LONGEST_NOTE).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
        note.truncate(end);
    }
    note
}

fn said(doing: &str, id: &TargetId, binding: &Binding, error: &CallError) -> ReadError {
    let kind = match error.code() {
        0 => ReadErrorKind::Unreachable,
        401 | 403 => ReadErrorKind::Unauthorized,
        404 => ReadErrorKind::NotFound,
        _ => ReadErrorKind::Refused,
    };
    let (what, name) = (&binding.key.kind, &binding.key.name);
    ReadError::new(kind, format!("{doing} the scale of {what} {}/{name}: {error}", id.namespace()))
}

#[async_trait]
impl Workloads for KubeWorkloads {
    async fn observe(&self, id: &TargetId) -> Result<Workload, ReadError> {
        let binding = self.binding(id)?;
        let brief = match self.index.workload(id.namespace(), &binding.key) {
            Some(brief) => brief,
            None => self.look(id, &binding).await?,
        };
        self.counts(id, &binding, &brief).await
    }

    async fn set_replicas(&self, id: &TargetId, replicas: u32, record: Option<&Arc<Record>>) -> Result<(), ReadError> {
        let binding = self.binding(id)?;
        if !self.leading.now() {
            let message = format!("{id} is another replica's to scale now");
            return Err(ReadError::new(ReadErrorKind::Refused, message));
        }
        let patch = Patch::Merge(serde_json::json!({ "spec": { "replicas": replicas } }));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let turn = self.lane.change().await;
        let done = call(self.api(id, &binding).patch_scale(&binding.key.name, &params, &patch)).await;
        drop(turn);
        let done = done.map(drop).map_err(|error| said("changing", id, &binding, &error));
        if let Some(record) = record {
            self.tell(id, &binding, replicas, record, done.as_ref().err());
        }
        done
    }
}
