//! What the rules of admission need to know of other objects, from what was found.

use std::collections::HashMap;

use serde_json::Value;
use tidegate_crds::admission::{Facts, ForeignHpa, TargetKey, hpa_name};
use tidegate_crds::{ScaledObject, Understood};

/// Names by namespace and what they share.
#[derive(Default)]
pub(super) struct Known {
    targets: HashMap<(String, TargetKey), Vec<String>>,
    autoscalers: HashMap<(String, String), Vec<String>>,
    hpas: HashMap<(String, TargetKey), Vec<Hpa>>,
}

/// A HorizontalPodAutoscaler.
struct Hpa {
    name: String,
    is_excluded: bool,
    /// The ScaledObject that owns it.
    owner: Option<String>,
}

impl Known {
    pub(super) fn new<'a>(
        scaled_objects: impl Iterator<Item = &'a Understood<ScaledObject>>,
        autoscalers: &[Value],
    ) -> Known {
        let mut known = Known::default();
        for object in scaled_objects.filter_map(|understood| understood.object.as_ref()).map(|object| &object.value) {
            let (namespace, name) = place(object);
            known.targets.entry((namespace.clone(), target(object))).or_default().push(name.clone());
            known.autoscalers.entry((namespace, hpa_name(object))).or_default().push(name);
        }
        for hpa in autoscalers {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (metadata, target) = (&hpa["metadata"], &hpa["spec"]["scaleTargetRef"]);
            let key = TargetKey::new(&text(&target["apiVersion"]), &text(&target["kind"]), &text(&target["name"]));
            let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
            let owner = owners.filter(|owner| owner["kind"] == "ScaledObject").map(|owner| text(&owner["name"])).next();
            let is_excluded = metadata["annotations"]["validations.keda.sh/hpa-ownership"] == "false";
            let found = Hpa { name: text(&metadata["name"]), is_excluded, owner };
            known.hpas.entry((text(&metadata["namespace"]), key)).or_default().push(found);
        }
        known
    }
}

fn place(object: &ScaledObject) -> (String, String) {
    let metadata = &object.metadata;
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

fn target(object: &ScaledObject) -> TargetKey {
    TargetKey::from(&object.spec.scale_target_ref)
}

fn without(names: Option<&Vec<String>>, own: &str) -> Vec<String> {
    names.into_iter().flatten().filter(|name| *name != own).cloned().collect()
}

impl Facts for Known {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        let (namespace, name) = place(object);
        without(self.targets.get(&(namespace, target(object))), &name)
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        let (namespace, name) = place(object);
        without(self.autoscalers.get(&(namespace, hpa.to_owned())), &name)
    }

    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa> {
        let (namespace, name) = place(object);
        let hpas = self.hpas.get(&(namespace, target(object))).into_iter().flatten();
        hpas.filter(|hpa| hpa.owner.as_deref() != Some(name.as_str()))
            .map(|hpa| ForeignHpa {
                name: hpa.name.clone(),
                is_excluded: hpa.is_excluded,
                of_scaled_object: hpa.owner.is_some(),
            })
            .collect()
    }
}
