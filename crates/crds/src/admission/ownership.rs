//! One workload, one ScaledObject, one HorizontalPodAutoscaler.

use super::facts::Facts;
use super::{Refusal, reason};
use crate::annotations::{TRANSFER_HPA, flag};
use crate::object::Located;
use crate::rules::hpa_name;
use crate::scaled_object::ScaledObject;

const TARGET: &str = "spec.scaleTargetRef.name";
const HPA_NAME: &str = "spec.advanced.horizontalPodAutoscalerConfig.name";
const EXCLUDED: &str = "validations.keda.sh/hpa-ownership: \"false\"";

pub(super) fn check(object: &Located<&ScaledObject>, facts: &dyn Facts, found: &mut Vec<Refusal>) {
    let mut refuse = |reason, field: &str, message: String| {
        found.push(Refusal { reason, problem: object.source.error(field, message) });
    };
    let target = &object.value.spec.scale_target_ref;
    let workload = format!("the workload {:?} of type {}.{}", target.name, target.api_version(), target.kind());
    let others = facts.others_with_target(object.value);
    if let Some(first) = others.first() {
        let message = format!("{workload} is already scaled by ScaledObject {first:?}; a workload can have only one");
        refuse(reason::OTHER_SCALED_OBJECT, TARGET, message);
    }
    let hpa = hpa_name(object.value);
    if let Some(first) = facts.others_with_hpa(object.value, &hpa).first()
        && !others.contains(first)
    {
        let message = format!(
            "the HorizontalPodAutoscaler's name {hpa:?} is already used by ScaledObject {first:?}; give another one here"
        );
        refuse(reason::OTHER_SCALED_OBJECT_HPA, HPA_NAME, message);
    }
    // A value that is no boolean is warned about with the other annotations.
    let transfers = flag(object, TRANSFER_HPA, &mut Vec::new());
    for foreign in facts.foreign_hpas(object.value) {
        let of_another = foreign.of_scaled_object && !others.is_empty();
        if foreign.is_excluded || of_another || (transfers && foreign.name == hpa) {
            continue;
        }
        let name = &foreign.name;
        if transfers {
            let message = format!(
                "{workload} is scaled by HorizontalPodAutoscaler {name:?}, which is to be taken over; give its name here"
            );
            refuse(reason::TRANSFER_WITHOUT_NAME, HPA_NAME, message);
        } else {
            let message = format!(
                "{workload} is already scaled by HorizontalPodAutoscaler {name:?}; remove that one, or take it over with \
                 the annotation {TRANSFER_HPA}: \"true\" and its name in {HPA_NAME}, or take it out of this check with \
                 the annotation {EXCLUDED} on it"
            );
            refuse(reason::OTHER_HPA, TARGET, message);
        }
    }
}
