//! What the rules of admission ask of the cluster, answered from the index: the cost of a verdict does not grow with the
//! number of objects.

use std::sync::Arc;

use tidegate_crds::admission::{Facts, ForeignHpa, TargetKey};
use tidegate_crds::{ScaledObject, ScalingPolicy};
use tidegate_engine::TargetId;

use crate::watches::{HPA_OWNERSHIP, Index, id_of};

/// The facts for admission: whatever is there already stands in the way of what comes.
#[derive(Clone, Debug)]
pub(crate) struct Known(pub(crate) Index);

fn names(others: Vec<TargetId>, own: &TargetId) -> Vec<String> {
    others.into_iter().filter(|other| other != own).map(|other| other.name().to_owned()).collect()
}

impl Facts for Known {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        let own = id_of(object);
        names(self.0.scaled_objects_of(own.namespace(), &TargetKey::from(&object.spec.scale_target_ref)), &own)
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        let own = id_of(object);
        names(self.0.scaled_objects_with_hpa(own.namespace(), hpa), &own)
    }

    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa> {
        let own = id_of(object);
        let hpas = self.0.hpas_of(own.namespace(), &TargetKey::from(&object.spec.scale_target_ref));
        let foreign = hpas.iter().filter(|hpa| !hpa.is_owned_by(own.name())).map(|hpa| ForeignHpa {
            name: hpa.name.clone(),
            is_excluded: hpa.annotations.get(HPA_OWNERSHIP).is_some_and(|value| value == "false"),
            of_scaled_object: hpa.owner.as_ref().is_some_and(|owner| owner.kind == "ScaledObject"),
        });
        foreign.collect()
    }

    fn scaling_policy(&self, object: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        self.0.scaling_policy(&id_of(object))
    }
}
