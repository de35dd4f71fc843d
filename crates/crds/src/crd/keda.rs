//! Where a definition's structure says less, or more, than the types: KEDA leaves some checks to its webhook, and objects
//! that exist must stay valid. Our own check of manifests keeps to the types.

use serde_json::{Map, Value, json};

use crate::kinds::Known;

/// Fields of a ScaledObject's spec whose values KEDA's definition leaves open.
const OPEN_OF_SCALED_OBJECT: [&str; 11] = [
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.selectPolicy",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.stabilizationWindowSeconds",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[].type",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[].value",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[].periodSeconds",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.selectPolicy",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[].type",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[].value",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[].periodSeconds",
    "triggers[].metricType",
];

const LISTS_OF_SCALED_OBJECT: [&str; 2] = [
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies",
    "advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies",
];

/// Applies the differences of one kind.
pub(super) fn adjust(known: Known, whole: &mut Value) {
    // An empty object is not worth a definition that cannot be read; KEDA requires no spec of a ScaledJob.
    let required = if known == Known::ScaledJob { None } else { Some(json!(["spec"])) };
    set(Some(&mut *whole), "required", required);
    let Some(spec) = whole.get_mut("properties").and_then(|properties| properties.get_mut("spec")) else { return };
    match known {
        Known::ScaledObject => {
            OPEN_OF_SCALED_OBJECT.iter().for_each(|path| open(spec, path));
            for path in LISTS_OF_SCALED_OBJECT {
                set(field(spec, path), "x-kubernetes-list-type", Some("atomic".into()));
            }
            set(field(spec, "fallback.behavior"), "default", Some("static".into()));
            let rule = "!has(self.minReplicaCount) || self.minReplicaCount <= (has(self.maxReplicaCount) ? \
                        self.maxReplicaCount : 100)";
            let message = "minReplicaCount is above maxReplicaCount, which is 100 where it is not given";
            set(Some(spec), "x-kubernetes-validations", Some(json!([{"rule": rule, "message": message}])));
        }
        Known::ScaledJob => open(spec, "triggers[].metricType"),
        Known::TriggerAuthentication | Known::ClusterTriggerAuthentication => {
            set(field(spec, "oauth2.type"), "default", Some("clientCredentials".into()));
            let required = json!(["type", "clientId", "tokenUrl"]);
            set(field(spec, "oauth2"), "required", Some(required));
        }
        Known::ScalingPolicy => {
            let rule = "has(self.name) != has(self.index)";
            let message = "give either name or index";
            let entry = field(spec, "triggers[]");
            set(entry, "x-kubernetes-validations", Some(json!([{"rule": rule, "message": message}])));
            // Bounds what checking the rule can cost.
            set(field(spec, "triggers"), "maxItems", Some(100.into()));
        }
        _ => {}
    }
}

/// The schema of a field, as `triggers[].metricType`.
fn field<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(schema, |schema, part| {
        let plain = part.trim_end_matches("[]");
        let found = schema.get_mut("properties")?.get_mut(plain)?;
        if plain.len() < part.len() { found.get_mut("items") } else { Some(found) }
    })
}

/// Takes away which values a field may have.
fn open(spec: &mut Value, path: &str) {
    if let Some(schema) = field(spec, path).and_then(Value::as_object_mut) {
        for key in ["enum", "minimum", "maximum"] {
            schema.shift_remove(key);
        }
    }
}

fn set(schema: Option<&mut Value>, key: &str, value: Option<Value>) {
    let Some(schema): Option<&mut Map<String, Value>> = schema.and_then(Value::as_object_mut) else { return };
    match value {
        Some(value) => {
            schema.insert(key.to_owned(), value);
        }
        None => {
            schema.shift_remove(key);
        }
    }
}
