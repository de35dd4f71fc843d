//! A ScaledObject made into a target of the live loop.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tidegate_crds::{
    Configs, Located, Object, Problem, ScaledObject, SecretText, Trigger, TriggerMetricType, TriggerSources,
    TriggerTarget, find_scaling_policy, has_errors, policy, trigger_sources,
};
use tidegate_engine::{Mode, Policy, TargetId};
use tidegate_scalers::{AllowedHosts, Checked, MetricType, Secret, TriggerInput, catalog};

use crate::pods::DeploymentKey;

/// Everything that is needed to serve one ScaledObject.
#[derive(Debug)]
pub(crate) struct TargetParts {
    pub(crate) id: TargetId,
    pub(crate) policy: Arc<Policy>,
    /// One for each trigger.
    pub(crate) triggers: Vec<Checked>,
    pub(crate) deployment: DeploymentKey,
    /// Changes with the policy.
    pub(crate) policy_mark: u64,
    /// Changes with what the triggers are given, secrets included.
    pub(crate) input_mark: u64,
}

/// Makes the parts, with warnings.
///
/// # Errors
/// Everything that is wrong, with the warnings.
pub(crate) fn build(
    objects: &[Located<Object>],
    object: &Located<&ScaledObject>,
    configs: &Configs,
) -> Result<(TargetParts, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut marks = DefaultHasher::new();
    let (mut triggers, mut targets) = (Vec::new(), Vec::new());
    for (index, trigger) in object.value.spec.triggers.iter().enumerate() {
        let input = match trigger_sources(objects, object, index, configs) {
            Ok(sources) => input(object.value, index, trigger, sources),
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        mark(&input, &mut marks);
        match catalog::check(&input) {
            Ok(checked) => {
                problems.extend(checked.warnings.iter().map(|warning| locate(object, index, warning, false)));
                targets.push(target(&checked, index, &trigger.kind));
                triggers.push(checked);
            }
            Err(found) => problems.extend(found.iter().map(|error| locate(object, index, error, true))),
        }
    }
    if has_errors(&problems) {
        return Err(problems);
    }
    let scaling_policy = find_scaling_policy(objects, object);
    let (policy, found) = match policy(object, scaling_policy.as_ref(), &targets, Mode::Direct) {
        Ok(made) => made,
        Err(found) => {
            problems.extend(found);
            return Err(problems);
        }
    };
    problems.extend(found);
    let metadata = &object.value.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or("default");
    let mut policy_marks = DefaultHasher::new();
    // Everything in a policy shows in its Debug form.
    format!("{policy:?}").hash(&mut policy_marks);
    let parts = TargetParts {
        id: TargetId::new(namespace, metadata.name.as_deref().unwrap_or_default()),
        policy: Arc::new(policy),
        triggers,
        deployment: DeploymentKey::new(namespace, &object.value.spec.scale_target_ref.name),
        policy_mark: policy_marks.finish(),
        input_mark: marks.finish(),
    };
    Ok((parts, problems))
}

fn input(object: &ScaledObject, index: usize, trigger: &Trigger, sources: TriggerSources) -> TriggerInput {
    let secrets = |from: &mut dyn Iterator<Item = (String, SecretText)>| -> BTreeMap<String, Secret> {
        from.map(|(name, value)| (name, Secret::new(value.expose()))).collect()
    };
    let modifiers = object.spec.advanced.as_ref().and_then(|advanced| advanced.scaling_modifiers.as_ref());
    TriggerInput {
        kind: trigger.kind.clone(),
        index,
        name: trigger.name.clone(),
        namespace: object.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        scaled_object: object.metadata.name.clone().unwrap_or_default(),
        metadata: trigger.metadata.clone(),
        env: secrets(&mut sources.env.into_iter()),
        auth: secrets(&mut sources.auth.into_iter()),
        allowed_hosts: sources.allowed_hosts.map(only),
        pod_identity: sources.pod_identity.map(str::to_owned),
        metric_type: trigger.metric_type.map(|metric_type| match metric_type {
            TriggerMetricType::AverageValue => MetricType::AverageValue,
            TriggerMetricType::Value => MetricType::Value,
            TriggerMetricType::Utilization => MetricType::Utilization,
        }),
        formula_in_use: modifiers.is_some_and(|modifiers| !modifiers.formula.is_empty()),
    }
}

/// As the catalogue has it.
fn only(allowed: tidegate_crds::AllowedHosts) -> Arc<AllowedHosts> {
    let tidegate_crds::AllowedHosts { said_by, hosts } = allowed;
    Arc::new(AllowedHosts { said_by, hosts })
}

fn target(checked: &Checked, index: usize, kind: &str) -> TriggerTarget {
    let spec = &checked.spec;
    let kind = catalog::find(kind).and_then(|row| row.names.first().copied()).unwrap_or(kind);
    TriggerTarget {
        index,
        metric: spec.metric.as_str().into(),
        kind: kind.into(),
        target: spec.target,
        activation: spec.activation,
        source: spec.source,
        time_limit: spec.time_limit,
    }
}

fn mark(input: &TriggerInput, marks: &mut DefaultHasher) {
    (&input.kind, &input.name, &input.metadata, &input.pod_identity, input.formula_in_use).hash(marks);
    (input.metric_type, &input.allowed_hosts).hash(marks);
    for (name, value) in input.env.iter().chain(&input.auth) {
        (name, value.expose()).hash(marks);
    }
}

/// Finds the field that a parameter was given by.
fn locate(
    object: &Located<&ScaledObject>,
    index: usize,
    problem: &tidegate_scalers::Problem,
    is_error: bool,
) -> Problem {
    let base = format!("spec.triggers[{index}]");
    let parameter = problem.parameter.as_str();
    let given = |name: &str| object.value.spec.triggers[index].metadata.contains_key(name);
    let from_env = format!("{parameter}FromEnv");
    let field = if parameter.is_empty() {
        let unknown = catalog::find(&object.value.spec.triggers[index].kind).is_none();
        if unknown { format!("{base}.type") } else { base }
    } else if !given(parameter) && given(&from_env) {
        format!("{base}.metadata.{from_env}")
    } else {
        format!("{base}.metadata.{parameter}")
    };
    let (source, message) = (&object.source, problem.message.as_str());
    if is_error { source.error(&field, message) } else { source.warning(&field, message) }
}
