//! What one look at a ScaledObject found, for its status and its events.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tidegate_crds::{Gvkr, ScaledObject};
use tidegate_engine::{Mode, TargetId};

use super::build::Built;
use super::pause::Asked;
use super::reconcile::Fault;
use super::target::TargetError;
use super::{Shared, Tools};
use crate::events::{Kind, reasons};
use crate::status::{HpaPart, PausePart, ReconcilePart, find, is_resource};
use crate::tell::reference;
use crate::watches::KnownObject;

/// What is found out on the way.
pub(super) struct Look<'a> {
    pub(super) id: &'a TargetId,
    pub(super) mode: Mode,
    pub(super) pause: Asked,
    pub(super) target: Option<Gvkr>,
    pub(super) original: Option<i32>,
    pub(super) at_work: bool,
    pub(super) hpa: HpaPart,
    /// One for each of the policy's metrics: whether its source has said that it has it.
    pub(super) heard: Vec<bool>,
    pub(super) warnings: String,
    pub(super) ask_again: bool,
    external: Vec<String>,
    resources: Vec<String>,
    composite: bool,
    fallback_after: Option<u32>,
    types: String,
    authentications: String,
}

impl<'a> Look<'a> {
    pub(super) fn new(id: &'a TargetId, known: &KnownObject, pause: Asked) -> Self {
        let spec = &known.object.spec;
        Look {
            id,
            mode: Mode::Hpa,
            pause,
            target: None,
            original: None,
            at_work: false,
            hpa: HpaPart::Unknown,
            heard: Vec::new(),
            warnings: String::new(),
            ask_again: false,
            external: Vec::new(),
            resources: Vec::new(),
            composite: false,
            fallback_after: None,
            types: distinct(spec.triggers.iter().map(|trigger| trigger.kind.as_str())),
            authentications: distinct(
                spec.triggers
                    .iter()
                    .filter_map(|trigger| trigger.authentication_ref.as_ref())
                    .map(|one| one.name.as_str()),
            ),
        }
    }

    /// Whether anything may be written about this object.
    pub(super) fn may_write(&self, tools: &Tools) -> bool {
        self.mode != Mode::Shadow && tools.leading.now()
    }

    /// Notes what was understood.
    pub(super) fn take(&mut self, object: &ScaledObject, built: &Built) {
        let (resources, external): (Vec<_>, Vec<_>) =
            built.policy.triggers.iter().partition(|trigger| is_resource(&trigger.kind));
        self.external = external.iter().map(|trigger| trigger.metric.to_string()).collect();
        self.heard.clone_from(&built.heard);
        let of_pods = |index: usize| {
            object.spec.triggers.get(index).is_some_and(|trigger| !trigger.metadata.contains_key("containerName"))
        };
        let names = resources.iter().filter(|trigger| of_pods(trigger.index)).map(|trigger| trigger.kind.to_string());
        self.resources = names.collect();
        self.composite = built.policy.formula.is_some();
        let fallback = built.policy.fallback.as_ref();
        self.fallback_after = fallback.map(|fallback| fallback.failure_threshold);
        self.ask_again = !built.unheard.is_empty();
        self.mode = built.policy.mode;
    }
}

/// Each once, in order, with commas.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen.join(",")
}

impl Shared {
    /// Puts what was found into the status, and what changed into events.
    pub(super) fn report(&self, known: &KnownObject, look: Look<'_>, fault: Option<Fault>) {
        let id = look.id;
        let at_work = look.at_work || self.served().contains_key(id);
        let error: Option<Arc<str>> = fault.as_ref().map(|fault| fault.to_string().into());
        let silent = !look.may_write(&self.tools);
        if !silent {
            self.tell(known, &look, fault.as_ref(), error.as_ref());
        }
        let part = ReconcilePart {
            error,
            at_work,
            current: look.at_work,
            pause: PausePart { any: look.pause.any(), full: look.pause.is_full(), at: look.pause.pause.at },
            target: look.target,
            original: look.original,
            external_metrics: look.external,
            resource_metrics: look.resources,
            composite: look.composite,
            trigger_types: look.types,
            authentications: look.authentications,
            fallback_after: look.fallback_after,
            hpa: look.hpa,
        };
        // A replica that does not lead keeps what it found, for when it does.
        self.tools.status.reconciled(id, part, look.mode == Mode::Shadow);
    }

    fn tell(&self, known: &KnownObject, look: &Look<'_>, fault: Option<&Fault>, error: Option<&Arc<str>>) {
        let conditions = known.status.conditions.as_deref().unwrap_or_default();
        let was = |kind: &str| find(conditions, kind).is_some_and(|condition| condition.status == "True");
        let about = || reference(&known.object);
        let emit = |kind, reason, action, note: String| self.tools.recorder.emit(about(), kind, reason, action, note);
        let full = look.pause.any();
        let paused_before = self.said(look.id, |said| said.paused.replace(full)).unwrap_or_else(|| was("Paused"));
        match (paused_before, full) {
            (false, true) => {
                emit(Kind::Normal, reasons::SCALED_OBJECT_PAUSED, "Pause", "ScaledObject is paused".to_owned());
                if look.pause.is_full() {
                    emit(Kind::Normal, reasons::SCALERS_STOPPED, "Stop", "Stopped scalers watch".to_owned());
                }
            }
            (true, false) => {
                emit(Kind::Normal, reasons::SCALED_OBJECT_UNPAUSED, "Unpause", "ScaledObject is unpaused".to_owned());
            }
            _ => {}
        }
        let before = self.said(look.id, |said| {
            let before = (said.ready, said.error.take());
            (said.ready, said.error) = (error.is_none(), error.cloned());
            before
        });
        match error {
            None if !before.0 && (before.1.is_some() || !was("Ready")) => {
                let note = "ScaledObject is ready for scaling".to_owned();
                emit(Kind::Normal, reasons::SCALED_OBJECT_READY, "Check", note);
            }
            Some(error) if before.1.as_ref() != Some(error) => {
                match fault {
                    Some(Fault::Target(TargetError::UnknownKind { .. })) => {
                        emit(Kind::Warning, reasons::SCALED_OBJECT_UPDATE_FAILED, "Check", error.to_string());
                    }
                    Some(Fault::Target(_)) => {
                        // KEDA says it in two, and scripts wait for either.
                        emit(Kind::Warning, reasons::SCALED_OBJECT_CHECK_FAILED, "Check", error.to_string());
                    }
                    Some(Fault::Manifest(_)) if error.contains("spec.triggers") => {
                        emit(Kind::Warning, reasons::SCALER_FAILED, "Check", error.to_string());
                    }
                    _ => {}
                }
                let note = match fault {
                    Some(Fault::Target(_)) => format!("scaleTargetRef spec is not correct: {error}"),
                    _ => error.to_string(),
                };
                emit(Kind::Warning, reasons::SCALED_OBJECT_CHECK_FAILED, "Check", note);
            }
            _ => {}
        }
        let mut hasher = DefaultHasher::new();
        look.warnings.hash(&mut hasher);
        let warned = hasher.finish();
        let news = self.said(look.id, |said| std::mem::replace(&mut said.warned, warned) != warned);
        if news && !look.warnings.is_empty() {
            emit(Kind::Warning, reasons::SCALER_INFO, "Check", look.warnings.clone());
        }
    }
}
