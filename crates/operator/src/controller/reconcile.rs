//! One look at one ScaledObject.

use std::sync::Arc;
use std::time::Duration;

use tidegate_crds::admission::{self, Verdict};
use tidegate_crds::{Located, Problem, ScaledObject};
use tidegate_engine::{Mode, Policy, TargetId};

use super::Shared;
use super::build::{Built, build, check_triggers};
use super::facts::Standing;
use super::pause::{self, Asked};
use super::report::Look;
use super::target::{Target, TargetError};
use crate::hpa::{HpaError, Wanted, build as build_hpa};
use crate::status::HpaPart;
use crate::watches::{KnownObject, Packed};

/// Sources that could not say which metrics they have are asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// A failure that may pass by itself is shown only when it has happened so often in a row.
const SHOWN_AFTER: u32 = 3;

/// Why an object could not be put to work as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The manifest, or what it needs, is not in order.
    #[error("{0}")]
    Manifest(String),
    /// What it scales cannot be scaled.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Its HorizontalPodAutoscaler could not be put right.
    #[error(transparent)]
    Hpa(#[from] HpaError),
    /// Something else at the API server failed.
    #[error("{0}")]
    Call(String),
    /// The live loop has ended; so will this process.
    #[error("the live loop has stopped")]
    Stopped,
}

impl Fault {
    fn is_passing(&self) -> bool {
        match self {
            Fault::Target(TargetError::Call { error, .. }) => error.is_passing(),
            Fault::Hpa(error) => error.is_passing(),
            Fault::Call(_) | Fault::Stopped => true,
            Fault::Manifest(_) | Fault::Target(_) => false,
        }
    }
}

impl From<Vec<Problem>> for Fault {
    fn from(problems: Vec<Problem>) -> Self {
        Fault::Manifest(lines(problems.iter().filter(|problem| problem.is_error())))
    }
}

/// Problems in one line, as a condition has it. Who looks for them in two ways finds some twice; they are said once.
fn lines<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    let mut said: Vec<String> = Vec::new();
    for problem in problems {
        let line = match problem.field.as_str() {
            "" => problem.text(),
            field => format!("{field}: {}", problem.text()),
        };
        if !said.contains(&line) {
            said.push(line);
        }
    }
    said.join("; ")
}

impl Shared {
    /// Puts the object to work as it is now. Says when to look again.
    pub(super) async fn reconcile(&self, id: &TargetId) -> Option<Duration> {
        let Some(known) = self.tools.index.known(id) else {
            self.vanished(id).await;
            return None;
        };
        if known.is_leaving() {
            return self.leave(id, &known.object).await;
        }
        if self.is_another(id, &known.object) {
            self.vanished(id).await;
        }
        let mut look = Look::new(id, &known, pause::asked(&known.object));
        let outcome = self.apply(&known, &mut look).await;
        let again = match &outcome {
            Ok(()) => look.ask_again.then_some(ASK_AGAIN),
            Err(fault) => {
                let pause = self.pause(id);
                let pause = if look.ask_again { pause.min(ASK_AGAIN) } else { pause };
                let hidden = fault.is_passing() && self.said(id, |said| said.failures) < SHOWN_AFTER;
                tracing::warn!(scaled_object = %id, error = %fault, hidden, "the ScaledObject could not be put to work");
                if hidden {
                    return Some(pause);
                }
                Some(pause)
            }
        };
        if outcome.is_ok() {
            self.said(id, |said| said.failures = 0);
        }
        self.report(&known, look, outcome.err());
        again
    }

    /// Whether an object of the same name was served before.
    fn is_another(&self, id: &TargetId, object: &ScaledObject) -> bool {
        self.served().get(id).is_some_and(|served| served.about.uid != object.metadata.uid)
    }

    async fn apply(&self, known: &KnownObject, look: &mut Look<'_>) -> Result<(), Fault> {
        let object = &known.object;
        if let Some(why) = &known.unreadable {
            return Err(Fault::Manifest(why.to_string()));
        }
        look.mode = self.asked_mode(look.id, object);
        if look.may_write(&self.tools) {
            self.adorn(look.id, object).await?;
        }
        let found = self.targets.find(look.id, object).await;
        if let Ok(target) = &found {
            look.target = Some(target.gvkr());
            look.original = i32::try_from(target.brief.replicas).ok();
            self.tools.status.counted(look.id, look.original);
        }
        let outcome = match found {
            Ok(target) => self.serve_whole(object, &target, look).await.map_err(|fault| (fault, Some(target))),
            Err(error) => Err((error.into(), None)),
        };
        let Err((fault, target)) = outcome else {
            return look.pause.error.clone().map_or(Ok(()), |e| Err(Fault::Manifest(e)));
        };
        if look.pause.is_full() {
            // Whatever else is wrong, a pause pauses.
            self.pause_only(object, target.as_ref(), look).await?;
            if target.is_none() && matches!(fault, Fault::Target(TargetError::Missing { .. })) {
                return Ok(());
            }
        }
        Err(fault)
    }

    /// The mode that was asked for, as far as it is known without understanding everything.
    fn asked_mode(&self, id: &TargetId, object: &ScaledObject) -> Mode {
        let _ = object;
        match self.tools.index.scaling_policy(id).and_then(|policy| policy.spec.mode) {
            Some(tidegate_crds::PolicyMode::Direct) => Mode::Direct,
            Some(tidegate_crds::PolicyMode::Shadow) => Mode::Shadow,
            Some(tidegate_crds::PolicyMode::Hpa) | None => Mode::Hpa,
        }
    }

    async fn serve_whole(&self, object: &Arc<ScaledObject>, target: &Target, look: &mut Look<'_>) -> Result<(), Fault> {
        let located = Located { value: object.as_ref(), source: tidegate_crds::Source::default() };
        let Verdict { errors, warnings } = admission::check(&located, None, &Standing(&self.tools.index));
        let refused: Vec<Problem> = errors.into_iter().map(|refusal| refusal.problem).collect();
        let mut problems: Vec<Problem> = refused.into_iter().filter(|problem| !about_pause(problem)).collect();
        let template = target.brief.template.as_ref().and_then(Packed::value);
        let given = self.tools.credentials.resolve(look.id, object, template.as_ref()).await;
        let triggers = match check_triggers(object, given) {
            Ok(triggers) if problems.is_empty() => triggers,
            Ok(_) => return Err(problems.into()),
            Err(found) => {
                problems.extend(found);
                return Err(problems.into());
            }
        };
        let attached = self.tools.index.scaling_policy(look.id);
        let before = self.served().get(look.id).and_then(|served| served.connected.clone());
        let lacking: Vec<Problem> = triggers.lacking.clone();
        if !lacking.is_empty() && before.as_ref().is_some_and(|before| !before.lacking) {
            // What was given at first goes on being used.
            return Err(lacking.into());
        }
        // What the annotations get wrong about pausing must not keep the rest from being understood.
        let plain = without_bad_pause(object, &look.pause);
        let mut built = build(&plain, attached.as_deref(), triggers, before.as_ref(), &self.tools.clients).await?;
        built.policy.pause = look.pause.pause;
        look.warnings = lines(warnings.iter().chain(&built.warnings));
        look.take(object, &built);
        if built.metrics.len() == built.unheard.len() && !built.unheard.is_empty() {
            return Err(Fault::Manifest(format!("no metric specs returned: {}", built.unheard.join("; "))));
        }
        self.serve(object, target, built.into_serving(), look).await?;
        look.at_work = true;
        self.keep_hpa(object, look).await?;
        if lacking.is_empty() { Ok(()) } else { Err(lacking.into()) }
    }

    /// Creates, changes or removes the HorizontalPodAutoscaler.
    async fn keep_hpa(&self, object: &ScaledObject, look: &mut Look<'_>) -> Result<(), Fault> {
        let id = look.id;
        if look.mode == Mode::Shadow || !self.tools.leading.now() {
            return Ok(());
        }
        if look.pause.is_full() || look.mode == Mode::Direct {
            self.hpas.remove(id).await?;
            look.hpa = if look.mode == Mode::Direct { HpaPart::None } else { HpaPart::Unknown };
            return Ok(());
        }
        let (metrics, policy, earlier) = {
            let served = self.served();
            let Some(served) = served.get(id) else { return Err(Fault::Stopped) };
            (served.metrics.clone(), Arc::clone(&served.policy), served.hpa.as_ref().and_then(Packed::value))
        };
        let known = metrics.into_iter().zip(&look.heard);
        let heard: Vec<_> = known.filter(|(_, heard)| **heard).map(|(metric, _)| metric).collect();
        let wanted = Wanted {
            object,
            metrics: &heard,
            formula: policy.formula.as_ref().map(|formula| formula.target),
            pause: policy.pause,
            version: &self.tools.version,
        };
        let wanted = build_hpa(&wanted).map_err(Fault::Manifest)?;
        self.hpas.put(id, &wanted, earlier.as_ref()).await?;
        look.hpa = HpaPart::Named(wanted.metadata.name.clone().unwrap_or_default());
        if let Some(served) = self.served().get_mut(id) {
            served.hpa = Packed::new(&wanted);
        }
        let owned = self.tools.index.hpas_owned_by(id);
        self.tools.status.hpa(id, owned.first().and_then(|hpa| hpa.scaling.clone()));
        Ok(())
    }

    /// A pause where the manifest is not in order: what was at work is paused, or, where nothing was, a policy without
    /// triggers.
    async fn pause_only(
        &self,
        object: &ScaledObject,
        target: Option<&Target>,
        look: &mut Look<'_>,
    ) -> Result<(), Fault> {
        if look.may_write(&self.tools) {
            self.hpas.remove(look.id).await?;
        }
        let before = self.served().get(look.id).map(|served| Policy::clone(&served.policy));
        match (before, target) {
            (Some(policy), _) => self.change_policy(look, Policy { pause: look.pause.pause, ..policy }).await,
            (None, Some(target)) => {
                let policy = pause::policy(object, look.pause.pause);
                self.serve(object, target, super::serve::Serving::bare(policy), look).await
            }
            (None, None) => Ok(()),
        }
    }
}

fn about_pause(problem: &Problem) -> bool {
    problem.field.contains("paused-replicas")
}

/// Without a count that is no number, which pauses all the same.
fn without_bad_pause(object: &Arc<ScaledObject>, asked: &Asked) -> Arc<ScaledObject> {
    if asked.error.is_none() {
        return Arc::clone(object);
    }
    let mut plain = ScaledObject::clone(object);
    if let Some(annotations) = plain.metadata.annotations.as_mut() {
        annotations.retain(|key, _| !key.ends_with("/paused-replicas"));
    }
    Arc::new(plain)
}

impl Built {
    fn into_serving(self) -> super::serve::Serving {
        super::serve::Serving {
            policy: self.policy,
            connected: Some(self.connected),
            scalers: self.scalers,
            metrics: self.metrics,
        }
    }
}
