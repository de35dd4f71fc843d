//! Rules for ScaledJobs beyond their schema.

use super::{Refusal, Verdict, reason};
use crate::object::Located;
use crate::rules;
use crate::scaled_job::{JobStrategy, ScaledJob};

/// Triggers, bounds and settings of the strategy.
#[must_use]
pub fn check_scaled_job(object: &Located<&ScaledJob>) -> Verdict {
    let spec = &object.value.spec;
    let mut found = Vec::new();
    rules::check_triggers(&spec.triggers, &object.source, &mut found);
    for (index, trigger) in spec.triggers.iter().enumerate().filter(|(_, trigger)| trigger.kind == "external-push") {
        let field = format!("spec.triggers[{index}].type");
        let message =
            format!("a ScaledJob cannot be woken by a push, so {:?} has no effect; use external", trigger.kind);
        found.push(Refusal { reason: "", problem: object.source.warning(&field, message) });
    }
    let (min, max) = (spec.min_replica_count.unwrap_or(0), spec.max_replica_count.unwrap_or(rules::DEFAULT_MAX));
    if min > max {
        let message = format!("{min} is above maxReplicaCount, so that {max} Jobs run at least");
        found.push(Refusal { reason: "", problem: object.source.warning("spec.minReplicaCount", message) });
    }
    let strategy = spec.scaling_strategy.as_ref();
    let part = strategy.and_then(|strategy| strategy.custom_scaling_running_job_percentage.as_deref());
    if let Some(text) = part.filter(|text| !text.parse::<f64>().is_ok_and(f64::is_finite)) {
        let field = "spec.scalingStrategy.customScalingRunningJobPercentage";
        let problem = object.source.mismatch(field, format!("{text:?}"), "a number, in quotes, as \"0.5\"");
        found.push(Refusal { reason: reason::TRIGGERS, problem });
    }
    let custom = strategy.is_some_and(|strategy| strategy.strategy == Some(JobStrategy::Custom));
    let deducts = strategy.is_some_and(|strategy| strategy.custom_scaling_queue_length_deduction.is_some());
    if !custom && (part.is_some() || deducts) {
        let message = "settings for custom have no effect with another strategy";
        found.push(Refusal { reason: "", problem: object.source.warning("spec.scalingStrategy.strategy", message) });
    }
    Verdict::from(found)
}
