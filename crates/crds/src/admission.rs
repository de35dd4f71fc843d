//! Every rule that a manifest must meet to be taken, for the admission webhook, the controller and `tidegate validate`.
//!
//! Pure: what has to be known of the cluster comes in by [`Facts`]. All faults are found in one round, in the order of the
//! manifest, each with the field, what was found and what to do. KEDA's admission reports one fault at a time.

mod events;
mod facts;
mod identities;
mod jobs;
mod ownership;
mod resources;

use serde_json::Value;
use tidegate_engine::Mode;

use crate::annotations;
use crate::object::Located;
use crate::policy;
use crate::problem::{Problem, Severity};
use crate::resource::from_json;
use crate::rules;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::PolicyMode;

pub use events::check_cloud_events;
pub use facts::{ContainerResources, Containers, Facts, ForeignHpa, LimitDefaults, NoFacts, TargetKey};
pub use identities::check_authentication;
pub use jobs::check_scaled_job;
pub use resources::needs_containers;
pub use rules::hpa_name;

/// KEDA's words for why an object was refused, as in the label `reason` of
/// `keda_webhook_scaled_object_validation_errors_total`; those it has no word for are ours.
pub mod reason {
    /// Another ScaledObject scales the workload.
    pub const OTHER_SCALED_OBJECT: &str = "other-scaled-object";
    /// Another ScaledObject's HorizontalPodAutoscaler has the name.
    pub const OTHER_SCALED_OBJECT_HPA: &str = "other-scaled-object-hpa";
    /// A HorizontalPodAutoscaler that belongs to nobody here scales the workload.
    pub const OTHER_HPA: &str = "other-hpa";
    /// A HorizontalPodAutoscaler is to be taken over and is not named.
    pub const TRANSFER_WITHOUT_NAME: &str = "transfer-ownership-missing-hpa-name";
    /// A container has neither request nor limit of what is measured.
    pub const MISSING_REQUESTS: &str = "missing-requests";
    /// cpu and memory alone cannot bring a workload to zero and back.
    pub const SCALE_TO_ZERO: &str = "scale-to-zero-requirements-not-met";
    /// The replica counts contradict each other.
    pub const REPLICAS: &str = "incorrect-replicas";
    /// Fallback cannot work.
    pub const FALLBACK: &str = "incorrect-fallback";
    /// Something is wrong with a trigger.
    pub const TRIGGERS: &str = "incorrect-triggers";
    /// Something is wrong with the formula.
    pub const FORMULA: &str = "scaling-modifiers";
    /// The formula is to decide on failure, and there is none.
    pub const FORMULA_FALLBACK: &str = "scaling-modifiers-fallback";
    /// The name is too long.
    pub const NAME: &str = "name-too-long";
    /// The HorizontalPodAutoscaler's name is too long.
    pub const HPA_NAME: &str = "hpa-name-too-long";
    /// A behaviour that the API server would refuse. Our word.
    pub const BEHAVIOR: &str = "incorrect-behavior";
    /// An annotation's value cannot be understood. Our word.
    pub const ANNOTATIONS: &str = "incorrect-annotations";
    /// The object does not fit its kind's schema. Our word.
    pub const SCHEMA: &str = "incorrect-schema";
    /// Something is wrong with an authentication object. Our word.
    pub const AUTHENTICATION: &str = "incorrect-authentication";
    /// Something is wrong with a CloudEventSource. Our word.
    pub const EVENTS: &str = "incorrect-event-subscription";
}

/// Why an object is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of [`reason`].
    pub reason: &'static str,
    /// Field, what was found, what to do.
    pub problem: Problem,
}

/// What was found out about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why it cannot be taken. Empty: it can.
    pub errors: Vec<Refusal>,
    /// What is likely not meant so, and what has no effect.
    pub warnings: Vec<Problem>,
}

impl Verdict {
    /// Whether the object can be taken.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.errors.is_empty()
    }

    /// Errors and warnings together.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.errors.into_iter().map(|refusal| refusal.problem).chain(self.warnings).collect()
    }

    /// Adds problems of another check, as of a trigger's parameters; errors get `reason`.
    pub fn extend(&mut self, reason: &'static str, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            match problem.severity {
                Severity::Error => self.errors.push(Refusal { reason, problem }),
                Severity::Warning => self.warnings.push(problem),
            }
        }
    }

    /// Everything becomes a warning.
    fn soften(&mut self) {
        let errors = std::mem::take(&mut self.errors).into_iter();
        let softened = errors.map(|refusal| Problem { severity: Severity::Warning, ..refusal.problem });
        self.warnings = softened.chain(std::mem::take(&mut self.warnings)).collect();
    }
}

impl From<Vec<Refusal>> for Verdict {
    fn from(found: Vec<Refusal>) -> Self {
        let mut verdict = Verdict::default();
        for Refusal { reason, problem } in found {
            verdict.extend(reason, [problem]);
        }
        verdict
    }
}

/// All rules for one ScaledObject. `old` is what it was before, for an update.
///
/// An update that only takes finalizers away is taken whatever else is wrong, so that nothing keeps a broken object from
/// going. One that changes nothing which these rules look at (another label, say) gets warnings in place of errors.
#[must_use]
pub fn check(object: &Located<&ScaledObject>, old: Option<&ScaledObject>, facts: &dyn Facts) -> Verdict {
    if old.is_some_and(|old| only_removes_finalizers(object.value, old)) {
        return Verdict::default();
    }
    let mode = match facts.scaling_policy(object.value).and_then(|policy| policy.spec.mode) {
        Some(PolicyMode::Direct) => Mode::Direct,
        Some(PolicyMode::Shadow) => Mode::Shadow,
        Some(PolicyMode::Hpa) => Mode::Hpa,
        None => facts.default_mode(),
    };
    let mut found = Vec::new();
    rules::check(object, mode, &mut found);
    policy::check_formula(object, &mut found);
    policy::check_behavior(object, &mut found);
    annotations::check(object, &mut found);
    ownership::check(object, facts, &mut found);
    resources::check(object, facts, &mut found);
    let mut verdict = Verdict::from(found);
    if old.is_some_and(|old| is_alike(object.value, old)) {
        verdict.soften();
    }
    verdict
}

/// The same for an object as the API server sends it to a webhook, with what its schema says. `old` that cannot be
/// understood counts as none.
#[must_use]
pub fn review(object: &Value, old: Option<&Value>, facts: &dyn Facts) -> Verdict {
    let understood = from_json::<ScaledObject>(object);
    let old = old.and_then(|old| from_json::<ScaledObject>(old).object);
    let mut verdict = Verdict::default();
    let known = understood.problems.clone();
    verdict.extend(reason::SCHEMA, understood.problems);
    let Some(object) = understood.object else { return verdict };
    let further = check(&object.map(|object| object), old.as_ref().map(|old| &old.value), facts);
    if old.is_some_and(|old| only_removes_finalizers(&object.value, &old.value)) {
        return Verdict::default();
    }
    // What follows from a field that is wrong by itself is not told as well.
    let is_new = |problem: &Problem| !known.iter().any(|known| known.is_error() && known.concerns(problem));
    verdict.errors.extend(further.errors.into_iter().filter(|refusal| is_new(&refusal.problem)));
    verdict.warnings.extend(further.warnings.into_iter().filter(is_new));
    verdict
}

/// Whether an update does nothing but take finalizers away.
#[must_use]
pub fn only_removes_finalizers(new: &ScaledObject, old: &ScaledObject) -> bool {
    let before = old.metadata.finalizers.as_deref().unwrap_or_default();
    let after = new.metadata.finalizers.as_deref().unwrap_or_default();
    after.len() < before.len() && after.iter().all(|name| before.contains(name)) && new.spec == old.spec
}

/// Whether nothing was changed that a rule looks at.
fn is_alike(new: &ScaledObject, old: &ScaledObject) -> bool {
    new.spec == old.spec && new.metadata.annotations == old.metadata.annotations
}
