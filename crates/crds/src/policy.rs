//! A ScaledObject and its ScalingPolicy to what the engine decides by.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{
    Behavior, FailurePolicy, Fallback, FallbackBehavior, Formula, FormulaPolicy, MetricTarget, Mode, Policy, Timestamp,
    TriggerPolicy,
};

use crate::admission::{Refusal, reason};
use crate::annotations;
use crate::behavior;
use crate::nearest::suggestion;
use crate::object::{Located, Source};
use crate::problem::{Problem, has_errors};
use crate::quantity::duration;
use crate::rules;
use crate::scaled_object::{FallbackKind, FormulaMetricType, ScaledObject, ScalingModifiers};
use crate::scaling_policy::{OnFailure, PolicyMode, PolicyTrigger, ScalingPolicy};

/// KEDA's default for `pollingInterval`, in seconds.
const DEFAULT_POLLING_SECONDS: u32 = 30;

/// KEDA's default for `cooldownPeriod`, in seconds.
const DEFAULT_COOLDOWN_SECONDS: u32 = 300;

/// The HorizontalPodAutoscaler's tolerance where none is given.
const DEFAULT_TOLERANCE: f64 = 0.1;

/// The shortest polling interval that a ScalingPolicy may ask for.
const SHORTEST_POLLING: Duration = Duration::from_millis(100);

/// What the catalogue of triggers says of one trigger. Where it comes from is not this crate's concern.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerTarget {
    /// The trigger's place in `spec.triggers`, from 0. A trigger that gives several metrics has one target for each.
    pub index: usize,
    /// The external metric's name, as `s0-kafka-orders`.
    pub metric: Arc<str>,
    /// The type's main name, as `kafka`.
    pub kind: Arc<str>,
    /// What one replica is meant to take.
    pub target: MetricTarget,
    /// Active above this.
    pub activation: f64,
    /// Equal for triggers that one request can serve together.
    pub source: u64,
    /// How long a read may take, where the trigger says so.
    pub time_limit: Option<Duration>,
}

/// What the engine needs of `object`, and warnings. `targets` has at least one entry for each trigger, in the triggers'
/// order; settings of a trigger hold for all of its metrics.
/// `default_mode` counts where no ScalingPolicy names one (on one machine: [`Mode::Direct`]).
///
/// `created` is the manifest's `creationTimestamp`; where there is none the driver may set it to when it first saw
/// the object.
///
/// # Errors
/// Everything that is wrong, with the warnings. [`cross_check`](crate::cross_check) reports the same.
pub fn policy(
    object: &Located<&ScaledObject>,
    scaling_policy: Option<&Located<&ScalingPolicy>>,
    targets: &[TriggerTarget],
    default_mode: Mode,
) -> Result<(Policy, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let spec = &object.value.spec;
    let settings = scaling_policy.map(|policy| &policy.value.spec);
    let mode = settings.and_then(|settings| settings.mode).map_or(default_mode, engine_mode);
    let mut found = Vec::new();
    rules::check(object, mode, &mut found);
    problems.extend(found.into_iter().map(|finding| finding.problem));
    let mut annotations = annotations::read(object, &mut problems);
    for switch in settings.into_iter().flat_map(|settings| &settings.compat) {
        annotations::set(&mut annotations.compat, *switch);
    }
    for index in (0..spec.triggers.len()).filter(|index| targets.iter().all(|target| target.index != *index)) {
        let message = "gives no metric, so there is nothing to scale on";
        problems.push(object.source.error(&format!("spec.triggers[{index}]"), message));
    }
    let triggers = triggers(object, scaling_policy, targets, &mut problems);
    let formula = formula(object, &mut problems);
    let behavior = behavior_of(object, &mut problems);
    let min_replicas = spec.min_replica_count.unwrap_or(0);
    let policy = Policy {
        min_replicas,
        max_replicas: spec.max_replica_count.unwrap_or(rules::DEFAULT_MAX),
        idle_replicas: spec.idle_replica_count.filter(|idle| *idle < min_replicas),
        cooldown: seconds(spec.cooldown_period.unwrap_or(DEFAULT_COOLDOWN_SECONDS)),
        initial_cooldown: seconds(spec.initial_cooldown_period.unwrap_or(0)),
        created: created(object.value),
        triggers,
        behavior,
        tolerance: DEFAULT_TOLERANCE,
        fallback: fallback(object.value, formula.as_ref(), annotations.compat.fallback_needs_whole_formula_target),
        formula,
        pause: annotations.pause,
        force_activation: annotations.force_activation,
        restore_original: spec.advanced.as_ref().and_then(|a| a.restore_to_original_replica_count).unwrap_or(false),
        mode,
        compat: annotations.compat,
    };
    if has_errors(&problems) { Err(problems) } else { Ok((policy, problems)) }
}

/// What is wrong with the formula.
pub(crate) fn check_formula(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let mut problems = Vec::new();
    formula(object, &mut problems);
    found.extend(problems.into_iter().map(|problem| Refusal { reason: reason::FORMULA, problem }));
}

/// What is wrong with the behaviour.
pub(crate) fn check_behavior(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let mut problems = Vec::new();
    behavior_of(object, &mut problems);
    found.extend(problems.into_iter().map(|problem| Refusal { reason: reason::BEHAVIOR, problem }));
}

fn behavior_of(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) -> Option<Behavior> {
    let config = object.value.spec.advanced.as_ref()?.horizontal_pod_autoscaler_config.as_ref()?;
    config.behavior.as_ref().map(|given| behavior::complete(given, &object.source, problems))
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn created(object: &ScaledObject) -> Option<Timestamp> {
    object.metadata.creation_timestamp.as_ref().map(|time| Timestamp::from_millis(time.0.as_millisecond()))
}

fn engine_mode(mode: PolicyMode) -> Mode {
    match mode {
        PolicyMode::Direct => Mode::Direct,
        PolicyMode::Hpa => Mode::Hpa,
        PolicyMode::Shadow => Mode::Shadow,
    }
}

fn triggers(
    object: &Located<&ScaledObject>,
    scaling_policy: Option<&Located<&ScalingPolicy>>,
    targets: &[TriggerTarget],
    problems: &mut Vec<Problem>,
) -> Vec<TriggerPolicy> {
    let spec = &object.value.spec;
    let interval = seconds(spec.polling_interval.unwrap_or(DEFAULT_POLLING_SECONDS));
    let mut policies: Vec<TriggerPolicy> = targets
        .iter()
        .filter_map(|target| spec.triggers.get(target.index).map(|trigger| (trigger, target)))
        .map(|(trigger, target)| TriggerPolicy {
            index: target.index,
            name: trigger.name.as_deref().filter(|name| !name.is_empty()).map(Arc::from),
            kind: target.kind.clone(),
            metric: target.metric.clone(),
            target: target.target,
            activation: target.activation,
            polling_interval: interval,
            source: target.source,
            time_limit: target.time_limit,
            on_failure: FailurePolicy::Default,
        })
        .collect();
    let Some(settings) = scaling_policy else { return policies };
    for (index, setting) in settings.value.spec.triggers.iter().enumerate() {
        let base = format!("spec.triggers[{index}]");
        let chosen = which(object, setting, &base, &settings.source, problems);
        let Some(chosen) = chosen else { continue };
        if setting.on_failure == OnFailure::Fallback && spec.fallback.is_none() {
            let message = "the ScaledObject has no spec.fallback to use; add one, or choose another onFailure";
            problems.push(settings.source.error(&format!("{base}.onFailure"), message));
        }
        let own = setting.polling_interval.as_deref();
        let interval = own.and_then(duration).filter(|interval| *interval >= SHORTEST_POLLING);
        if let (Some(text), None) = (own, interval) {
            let expected = "a duration of at least 100ms, as 5s";
            problems.push(settings.source.mismatch(&format!("{base}.pollingInterval"), format!("{text:?}"), expected));
        }
        let chosen = targets.iter().map(|target| target.index == chosen);
        for policy in policies.iter_mut().zip(chosen).filter_map(|(policy, chosen)| chosen.then_some(policy)) {
            policy.on_failure = failure_policy(setting.on_failure);
            policy.polling_interval = interval.unwrap_or(policy.polling_interval);
        }
    }
    policies
}

/// The trigger that an entry of a ScalingPolicy is about.
fn which(
    object: &Located<&ScaledObject>,
    setting: &PolicyTrigger,
    base: &str,
    source: &Source,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    let triggers = &object.value.spec.triggers;
    match (&setting.name, setting.index) {
        (Some(name), None) => {
            let found = triggers.iter().position(|trigger| trigger.name.as_deref() == Some(name));
            if found.is_none() {
                let known: Vec<&str> = triggers.iter().filter_map(|trigger| trigger.name.as_deref()).collect();
                let advice = if known.is_empty() {
                    "its triggers have no names; use index".to_owned()
                } else {
                    suggestion(name, &known)
                };
                let message = format!("the ScaledObject has no trigger named {name:?}; {advice}");
                problems.push(source.error(&format!("{base}.name"), message));
            }
            found
        }
        (None, Some(index)) => {
            let found = usize::try_from(index).ok().filter(|index| *index < triggers.len());
            if found.is_none() {
                let expected = format!("less than {}, the number of the ScaledObject's triggers", triggers.len());
                problems.push(source.mismatch(&format!("{base}.index"), index.to_string(), expected));
            }
            found
        }
        (given, _) => {
            let found = if given.is_some() { "both" } else { "neither" };
            problems.push(source.mismatch(base, found, "either name or index"));
            None
        }
    }
}

fn failure_policy(on_failure: OnFailure) -> FailurePolicy {
    match on_failure {
        OnFailure::Default => FailurePolicy::Default,
        OnFailure::Hold => FailurePolicy::Hold,
        OnFailure::Ignore => FailurePolicy::Ignore,
        OnFailure::Fallback => FailurePolicy::Fallback,
        OnFailure::OnlyUp => FailurePolicy::OnlyUp,
    }
}

fn fallback(object: &ScaledObject, formula: Option<&FormulaPolicy>, needs_whole_target: bool) -> Option<Fallback> {
    let given = object.spec.fallback.as_ref()?;
    let whole = formula.is_none_or(|formula| formula.target.amount().fract() == 0.0);
    if needs_whole_target && !whole {
        return None;
    }
    Some(Fallback {
        failure_threshold: given.failure_threshold,
        replicas: given.replicas,
        behavior: match given.behavior {
            FallbackKind::Static => FallbackBehavior::Static,
            FallbackKind::CurrentReplicas => FallbackBehavior::CurrentReplicas,
            FallbackKind::CurrentReplicasIfHigher => FallbackBehavior::CurrentReplicasIfHigher,
            FallbackKind::CurrentReplicasIfLower => FallbackBehavior::CurrentReplicasIfLower,
            FallbackKind::ScalingModifiers => FallbackBehavior::ScalingModifiers,
        },
    })
}

fn formula(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) -> Option<FormulaPolicy> {
    let modifiers = object.value.spec.advanced.as_ref()?.scaling_modifiers.as_ref()?;
    if *modifiers == ScalingModifiers::default() {
        return None;
    }
    let base = "spec.advanced.scalingModifiers";
    let number = |field: &str, text: &str, problems: &mut Vec<Problem>, positive: bool| {
        let amount = text.trim().parse::<f64>().ok().filter(|amount| amount.is_finite());
        let amount = amount.filter(|amount| !positive || *amount > 0.0);
        if amount.is_none() {
            let found = if text.is_empty() { "nothing".to_owned() } else { format!("{text:?}") };
            let expected = if positive { "a number above 0, in quotes" } else { "a number, in quotes" };
            problems.push(object.source.mismatch(&format!("{base}.{field}"), found, expected));
        }
        amount
    };
    let target = number("target", &modifiers.target, problems, true);
    let activation = match modifiers.activation_target.as_str() {
        "" => Some(0.0),
        text => number("activationTarget", text, problems, false),
    };
    let formula = compile(object, modifiers, problems);
    let target = match modifiers.metric_type.unwrap_or_default() {
        FormulaMetricType::AverageValue => MetricTarget::AverageValue(target?),
        FormulaMetricType::Value => MetricTarget::Value(target?),
    };
    Some(FormulaPolicy { formula: formula?, target, activation: activation? })
}

fn compile(
    object: &Located<&ScaledObject>,
    modifiers: &ScalingModifiers,
    problems: &mut Vec<Problem>,
) -> Option<Formula> {
    let field = "spec.advanced.scalingModifiers.formula";
    if modifiers.formula.trim().is_empty() {
        let expected = "a formula over the names of triggers, as \"(orders + invoices) / 2\"";
        problems.push(object.source.mismatch(field, "nothing", expected));
        return None;
    }
    let triggers = object.value.spec.triggers.iter();
    let names: Vec<&str> = triggers
        .filter(|trigger| !rules::is_resource_trigger(&trigger.kind))
        .filter_map(|trigger| trigger.name.as_deref())
        .filter(|name| !name.is_empty())
        .collect();
    match Formula::compile(&modifiers.formula, &names) {
        Ok(formula) => Some(formula),
        Err(error) => {
            let known = if names.is_empty() {
                "no trigger has a name that it could use; give triggers a name".to_owned()
            } else {
                format!("the triggers' names are {}", names.join(", "))
            };
            problems
                .push(object.source.error(field, format!("{:?} cannot be used: {error}; {known}", modifiers.formula)));
            None
        }
    }
}
