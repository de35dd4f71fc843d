//! What can be said of triggers before their credentials are known.
//!
//! A parameter may come from an authentication object or from the target's environment, neither of which is read at
//! admission. So only what the manifest itself says wrongly is refused here; the rest is the controller's to find.

use std::collections::BTreeMap;

use tidegate_crds::{Problem, Severity, Trigger, TriggerMetricType};
use tidegate_scalers::{MetricType, TriggerInput, catalog};

/// Where triggers stand.
pub(super) struct Owner<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) formula_in_use: bool,
}

/// Checks each trigger with what the manifest says.
pub(super) fn check(triggers: &[Trigger], owner: &Owner<'_>) -> Vec<Problem> {
    let checked = triggers.iter().enumerate().map(|(index, trigger)| one(trigger, index, owner));
    checked.flatten().collect()
}

fn one(trigger: &Trigger, index: usize, owner: &Owner<'_>) -> Vec<Problem> {
    let input = TriggerInput {
        kind: trigger.kind.clone(),
        index,
        name: trigger.name.clone(),
        namespace: owner.namespace.to_owned(),
        scaled_object: owner.name.to_owned(),
        metadata: trigger.metadata.clone(),
        env: BTreeMap::new(),
        auth: BTreeMap::new(),
        allowed_hosts: None,
        pod_identity: None,
        metric_type: trigger.metric_type.map(|metric_type| match metric_type {
            TriggerMetricType::AverageValue => MetricType::AverageValue,
            TriggerMetricType::Value => MetricType::Value,
            TriggerMetricType::Utilization => MetricType::Utilization,
        }),
        formula_in_use: owner.formula_in_use,
    };
    let base = format!("spec.triggers[{index}]");
    let (severity, found) = match catalog::check(&input) {
        Ok(checked) => (Severity::Warning, checked.warnings),
        Err(errors) if catalog::find(&trigger.kind).is_none() => return vec![not_served(trigger, &base, &errors)],
        Err(errors) => (Severity::Error, errors),
    };
    let said = found.into_iter().filter(|fault| severity == Severity::Warning || is_said(trigger, &fault.parameter));
    said.map(|fault| {
        let place =
            if fault.parameter.is_empty() { base.clone() } else { format!("{base}.metadata.{}", fault.parameter) };
        problem(severity, place, fault.message)
    })
    .collect()
}

/// Whether the fault is of something that the manifest says: the parameter is there, and nothing else can give it
/// another value. Without an authentication and without the environment, what is missing is missing.
fn is_said(trigger: &Trigger, parameter: &str) -> bool {
    let elsewhere = trigger.authentication_ref.is_some() || trigger.metadata.keys().any(|key| key.ends_with("FromEnv"));
    if trigger.metadata.contains_key(parameter) { !parameter.ends_with("FromEnv") } else { !elsewhere }
}

/// A type of KEDA's that is not served yet gets a warning: the object is taken, as another operator may serve it, and its
/// condition says that it does nothing here. Any other name is a mistake.
fn not_served(trigger: &Trigger, base: &str, errors: &[tidegate_scalers::Problem]) -> Problem {
    let messages = errors.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ");
    let known = catalog::not_yet_served().any(|kind| kind == trigger.kind);
    problem(if known { Severity::Warning } else { Severity::Error }, format!("{base}.type"), messages)
}

fn problem(severity: Severity, field: String, message: String) -> Problem {
    Problem {
        severity,
        file: "".into(),
        line: 0,
        column: 0,
        object: None,
        field,
        found: String::new(),
        expected: String::new(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found(trigger: Value) -> Vec<String> {
        let trigger: Trigger = serde_json::from_value(trigger).unwrap();
        let owner = Owner { namespace: "shop", name: "orders", formula_in_use: false };
        let said = check(&[trigger], &owner);
        said.iter().map(|problem| format!("{:?} {}", problem.severity, problem.field)).collect()
    }

    #[test]
    fn only_what_the_manifest_says_is_refused() {
        let kafka = |change: Value| {
            let mut metadata = json!({ "bootstrapServers": "a:9092", "consumerGroup": "g", "topic": "t" });
            for (key, value) in change.as_object().unwrap() {
                match value {
                    Value::Null => metadata.as_object_mut().unwrap().remove(key),
                    value => metadata.as_object_mut().unwrap().insert(key.clone(), value.clone()),
                };
            }
            json!({ "type": "kafka", "metadata": metadata })
        };
        let with_reference = |mut trigger: Value| {
            trigger["authenticationRef"] = json!({ "name": "secret" });
            trigger
        };
        let none: [&str; 0] = [];
        assert_eq!(found(kafka(json!({}))), none);
        assert_eq!(found(kafka(json!({ "lagThreshold": "many" }))), ["Error spec.triggers[0].metadata.lagThreshold"]);
        assert_eq!(
            found(with_reference(kafka(json!({ "lagThreshold": "many" })))),
            ["Error spec.triggers[0].metadata.lagThreshold"]
        );
        assert!(!found(kafka(json!({ "bootstrapServers": null }))).is_empty(), "nothing else can give it");
        let from_env = json!({ "bootstrapServers": null, "bootstrapServersFromEnv": "SERVERS" });
        assert_eq!(found(kafka(from_env)), none);
        assert_eq!(found(with_reference(kafka(json!({ "sasl": "plaintext" })))), none, "its user is in the Secret");
        assert_eq!(
            found(kafka(json!({ "lagTreshold": "5" }))),
            ["Warning spec.triggers[0].metadata.lagTreshold"],
            "an unknown parameter"
        );
        assert_eq!(found(json!({ "type": "kafak", "metadata": {} })), ["Error spec.triggers[0].type"]);
        let unserved = catalog::not_yet_served().next().unwrap();
        assert_eq!(found(json!({ "type": unserved, "metadata": {} })), ["Warning spec.triggers[0].type"]);
    }
}
