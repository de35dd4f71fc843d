//! What the controller holds against a manifest of what else is in the cluster. Less than admission does: what works is
//! never taken out of work by something that came later.

use std::sync::Arc;

use tidegate_crds::admission::{Facts, ForeignHpa, TargetKey};
use tidegate_crds::{ScaledObject, ScalingPolicy};
use tidegate_engine::TargetId;

use crate::watches::{HPA_OWNERSHIP, Index, id_of};

/// The facts for admission: whatever is there, however old.
pub(crate) struct AllFacts(pub(crate) Index);

impl AllFacts {
    fn others(&self, object: &ScaledObject, others: Vec<TargetId>) -> Vec<String> {
        let own = id_of(object);
        others.into_iter().filter(|id| *id != own).map(|id| id.name().to_owned()).collect()
    }
}

impl Facts for AllFacts {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        let target = TargetKey::from(&object.spec.scale_target_ref);
        self.others(object, self.0.scaled_objects_of(id_of(object).namespace(), &target))
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        self.others(object, self.0.scaled_objects_with_hpa(id_of(object).namespace(), hpa))
    }

    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa> {
        foreign(&self.0, object)
    }

    fn scaling_policy(&self, object: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        self.0.scaling_policy(&id_of(object))
    }
}

/// HorizontalPodAutoscalers on the workload that are not this ScaledObject's.
fn foreign(index: &Index, object: &ScaledObject) -> Vec<ForeignHpa> {
    let id = id_of(object);
    let hpas = index.hpas_of(id.namespace(), &TargetKey::from(&object.spec.scale_target_ref));
    let foreign = hpas.iter().filter(|hpa| !hpa.is_owned_by(id.name())).map(|hpa| ForeignHpa {
        name: hpa.name.clone(),
        is_excluded: hpa.annotations.get(HPA_OWNERSHIP).is_some_and(|value| value == "false"),
        of_scaled_object: hpa.owner.as_ref().is_some_and(|owner| owner.kind == "ScaledObject"),
    });
    foreign.collect()
}

/// The facts for the controller.
pub(super) struct Standing<'a>(pub(super) &'a Index);

impl Standing<'_> {
    /// Those that were there before.
    fn older(&self, object: &ScaledObject, others: Vec<TargetId>) -> Vec<String> {
        let age = |object: &ScaledObject| {
            let made = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
            (made, object.metadata.name.clone())
        };
        let ours = age(object);
        let older = others.into_iter().filter_map(|id| self.0.scaled_object(&id)).filter(|other| age(other) < ours);
        older.filter_map(|other| other.metadata.name.clone()).collect()
    }
}

impl Facts for Standing<'_> {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        let id = id_of(object);
        let target = TargetKey::from(&object.spec.scale_target_ref);
        self.older(object, self.0.scaled_objects_of(id.namespace(), &target))
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        self.older(object, self.0.scaled_objects_with_hpa(id_of(object).namespace(), hpa))
    }

    /// Only before there is one of ours: a second one that comes later is somebody else's mistake.
    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa> {
        let id = id_of(object);
        if !self.0.hpas_owned_by(&id).is_empty() {
            return Vec::new();
        }
        foreign(self.0, object)
    }

    fn scaling_policy(&self, object: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        self.0.scaling_policy(&id_of(object))
    }
}
