//! One decision for each case of a text: what `tidegate decide` prints and `tidegate explain` puts into words.
//!
//! Nothing is connected to: a case brings its readings along. What a trigger would take from an environment or from a
//! Secret is not there, so that a stand-in takes its place; a warning says so where it is a number that counts.

mod stand_in;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tidegate_crds::case::{self, Case, CasePolicy};
use tidegate_crds::{Located, Problem, ScaledObject, ScalingPolicy, TriggerTarget, find_scaling_policy, has_errors};
use tidegate_engine::{Mode, Record, Rule, Step, TargetId};
use tidegate_scalers::{MetricType, TriggerInput};

/// A decision with what was suspicious about its case.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The decision.
    pub(crate) record: Record,
    /// Warnings.
    pub(crate) warnings: Vec<Problem>,
}

/// What `tidegate decide` prints of a decision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    desired_replicas: u32,
    active: bool,
    bound_by: Rule,
    steps: &'a [Step],
}

impl<'a> From<&'a Record> for Answer<'a> {
    fn from(record: &'a Record) -> Self {
        Answer {
            desired_replicas: record.desired_replicas,
            active: record.active,
            bound_by: record.bound_by,
            steps: &record.steps,
        }
    }
}

/// Decides every case of `text`. `name` is the text's name in problems, `folder` where a `policyFile` is looked for.
///
/// # Errors
/// Everything wrong with any of the cases; then nothing is decided.
pub(crate) fn all(name: &str, text: &str, folder: &Path) -> Result<Vec<Decided>, Vec<Problem>> {
    let (cases, mut problems) = case::parse(name, text);
    let mut decided = Vec::with_capacity(cases.len());
    for case in &cases {
        match one(case, folder) {
            Ok(decision) => decided.push(decision),
            Err(found) => problems.extend(found),
        }
    }
    if has_errors(&problems) {
        return Err(problems);
    }
    if let Some(first) = decided.first_mut() {
        first.warnings.splice(0..0, problems);
    }
    Ok(decided)
}

/// Decides one case.
fn one(case: &Located<Case>, folder: &Path) -> Result<Decided, Vec<Problem>> {
    match &case.value.policy {
        CasePolicy::Inline(object) => {
            let settings = case.value.scaling_policy.as_ref().map(|policy| policy.map(|policy| policy));
            decide(case, &object.map(|object| object), settings.as_ref(), Vec::new())
        }
        CasePolicy::File(path) => from_file(case, &folder.join(path)),
    }
}

fn from_file(case: &Located<Case>, path: &Path) -> Result<Decided, Vec<Problem>> {
    let problem = |message: String| vec![case.source.error("policyFile", message)];
    let text = fs::read_to_string(path).map_err(|error| problem(format!("reading {}: {error}", path.display())))?;
    let parsed = tidegate_crds::parse(&path.display().to_string(), &text);
    if has_errors(&parsed.problems) {
        return Err(parsed.problems);
    }
    let found: Vec<Located<&ScaledObject>> = parsed.objects.iter().filter_map(Located::scaled_object).collect();
    let [object] = found.as_slice() else {
        return Err(problem(format!("found {} ScaledObjects in {}, expected one", found.len(), path.display())));
    };
    let own = case.value.scaling_policy.as_ref().map(|policy| policy.map(|policy| policy));
    let settings = own.or_else(|| find_scaling_policy(&parsed.objects, object));
    decide(case, object, settings.as_ref(), parsed.problems)
}

fn decide(
    case: &Located<Case>,
    object: &Located<&ScaledObject>,
    settings: Option<&Located<&ScalingPolicy>>,
    mut warnings: Vec<Problem>,
) -> Result<Decided, Vec<Problem>> {
    let mut problems = Vec::new();
    let targets = targets(object, &mut problems);
    let resolved = case::resolve(case, object.value).map_err(|found| problems.extend(found)).ok();
    let policy = match targets {
        Some(targets) => tidegate_crds::policy(object, settings, &targets, Mode::Direct)
            .map(|(policy, found)| {
                warnings.extend(found);
                policy
            })
            .map_err(|found| problems.extend(found))
            .ok(),
        None => None,
    };
    let (Some(policy), Some(resolved), false) = (policy, resolved, has_errors(&problems)) else {
        return Err(problems);
    };
    warnings.extend(problems);
    let metadata = &object.value.metadata;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let question = tidegate_engine::Case {
        target: TargetId::new(&part(&metadata.namespace), &part(&metadata.name)),
        policy: Arc::new(policy),
        workload: Ok(case.value.workload),
        readings: resolved.readings,
        history: resolved.history,
    };
    Ok(Decided { record: tidegate_engine::decide(&question, case.value.now), warnings })
}

/// What the catalogue says of each trigger; `None` when one of them cannot be understood.
fn targets(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) -> Option<Vec<TriggerTarget>> {
    let spec = &object.value.spec;
    let formula_in_use = spec.advanced.as_ref().and_then(|advanced| advanced.scaling_modifiers.as_ref());
    let formula_in_use = formula_in_use.is_some_and(|modifiers| !modifiers.formula.trim().is_empty());
    let mut targets = Vec::with_capacity(spec.triggers.len());
    for (index, trigger) in spec.triggers.iter().enumerate() {
        let mut input = TriggerInput {
            kind: trigger.kind.clone(),
            index,
            name: trigger.name.clone(),
            namespace: object.value.metadata.namespace.clone().unwrap_or_default(),
            scaled_object: object.value.metadata.name.clone().unwrap_or_default(),
            metadata: trigger.metadata.clone(),
            metric_type: trigger.metric_type.map(|metric_type| match metric_type {
                tidegate_crds::TriggerMetricType::AverageValue => MetricType::AverageValue,
                tidegate_crds::TriggerMetricType::Value => MetricType::Value,
                tidegate_crds::TriggerMetricType::Utilization => MetricType::Utilization,
            }),
            formula_in_use,
            ..TriggerInput::default()
        };
        let checked = stand_in::check(&mut input, trigger.authentication_ref.is_some());
        for warning in checked.warnings {
            problems.push(object.source.warning(&field(index, &warning.parameter), warning.message));
        }
        match checked.spec {
            Ok(spec) => targets.push(TriggerTarget {
                index,
                metric: spec.metric.into(),
                kind: trigger.kind.as_str().into(),
                target: spec.target,
                activation: spec.activation,
                source: spec.source,
                time_limit: spec.time_limit,
            }),
            Err(found) => problems.extend(
                found.into_iter().map(|found| object.source.error(&field(index, &found.parameter), found.message)),
            ),
        }
    }
    (targets.len() == spec.triggers.len()).then_some(targets)
}

fn field(index: usize, parameter: &str) -> String {
    match parameter {
        "" => format!("spec.triggers[{index}].type"),
        parameter => format!("spec.triggers[{index}].metadata.{parameter}"),
    }
}

#[cfg(test)]
mod tests;
