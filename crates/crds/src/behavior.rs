//! `behavior` of a HorizontalPodAutoscaler, completed as the API server completes it.

use std::time::Duration;

use tidegate_engine::{Behavior, ScalingRules, SelectPolicy, StepKind, StepPolicy};

use crate::object::Source;
use crate::path;
use crate::problem::Problem;
use crate::scaled_object::{HpaBehavior, HpaPolicyType, HpaScalingPolicy, HpaScalingRules, HpaSelectPolicy};

pub(crate) const PATH: &str = "spec.advanced.horizontalPodAutoscalerConfig.behavior";

/// Each direction and each of its fields that is not given gets the API server's default.
pub(crate) fn complete(given: &HpaBehavior, source: &Source, problems: &mut Vec<Problem>) -> Behavior {
    let mut behavior = Behavior::api_server_defaults();
    fill(&mut behavior.scale_up, given.scale_up.as_ref(), "scaleUp", source, problems);
    fill(&mut behavior.scale_down, given.scale_down.as_ref(), "scaleDown", source, problems);
    behavior
}

fn fill(
    rules: &mut ScalingRules,
    given: Option<&HpaScalingRules>,
    direction: &str,
    source: &Source,
    problems: &mut Vec<Problem>,
) {
    let Some(given) = given else { return };
    let base = path::join(PATH, direction);
    if let Some(seconds) = given.stabilization_window_seconds {
        rules.stabilization = Duration::from_secs(seconds.into());
    }
    if let Some(select) = given.select_policy {
        rules.select = match select {
            HpaSelectPolicy::Max => SelectPolicy::Max,
            HpaSelectPolicy::Min => SelectPolicy::Min,
            HpaSelectPolicy::Disabled => SelectPolicy::Disabled,
        };
    }
    if let Some(policies) = &given.policies {
        if policies.is_empty() {
            let field = path::join(&base, "policies");
            problems.push(source.mismatch(
                &field,
                "an empty list",
                "at least one policy; leave it out for the default",
            ));
        }
        rules.policies = policies.iter().map(step).collect();
    }
    if let Some(tolerance) = &given.tolerance {
        match tolerance.amount().filter(|amount| *amount >= 0.0) {
            Some(amount) => rules.tolerance = Some(amount),
            None => {
                let found = serde_json::to_string(tolerance).unwrap_or_default();
                let field = path::join(&base, "tolerance");
                problems.push(source.mismatch(&field, found, "a quantity of at least 0, as \"0.05\" for 5 %"));
            }
        }
    }
}

fn step(policy: &HpaScalingPolicy) -> StepPolicy {
    StepPolicy {
        kind: match policy.kind {
            HpaPolicyType::Pods => StepKind::Pods,
            HpaPolicyType::Percent => StepKind::Percent,
        },
        value: policy.value,
        period: Duration::from_secs(policy.period_seconds.into()),
    }
}
