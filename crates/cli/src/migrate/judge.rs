//! From what there is to what would be otherwise. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_crds::{
    ClusterTriggerAuthentication, ScaledObject, TriggerAuthentication, TriggerAuthenticationSpec, Understood, from_json,
};

use super::known::Known;
use super::report::{Finding, Report, Verdict, Weight};
use super::survey::Survey;
use super::{authentication, installation, object};

/// The authentication objects by kind (whether for the whole cluster), namespace and name.
pub(super) type Authentications = BTreeMap<(bool, String, String), TriggerAuthenticationSpec>;

/// Judges everything.
pub(crate) fn judge(survey: &Survey) -> Report {
    let authentications = authentications(&survey.objects);
    let scaled_objects: Vec<Option<Understood<ScaledObject>>> =
        survey.objects.iter().map(|found| (identity(found).0 == "ScaledObject").then(|| from_json(found))).collect();
    let known = Known::new(scaled_objects.iter().flatten(), &survey.autoscalers);
    let mut rights = BTreeSet::new();
    let mut objects: Vec<Verdict> = survey
        .objects
        .iter()
        .zip(&scaled_objects)
        .map(|(found, understood)| {
            let (kind, namespace, name) = identity(found);
            let findings = match (kind, understood) {
                (_, Some(understood)) => {
                    rights.extend(understood.object.iter().filter_map(|object| object::rights(&object.value)));
                    object::judge(understood, &known, &authentications)
                }
                ("ScaledJob", _) => vec![Finding::new(
                    Weight::Breaks,
                    "",
                    "ScaledJobs are not served yet: no jobs would be created; let KEDA go on with it, see the steps",
                )],
                ("TriggerAuthentication" | "ClusterTriggerAuthentication", _) => {
                    let cluster = kind == "ClusterTriggerAuthentication";
                    let key = (cluster, namespace.to_owned(), name.to_owned());
                    let spec = authentications.get(&key);
                    rights.extend(spec.into_iter().flat_map(|spec| authentication::rights(spec, namespace)));
                    spec.map(|spec| authentication::judge(spec, cluster)).unwrap_or_default()
                }
                _ => vec![Finding::new(Weight::Breaks, "", "CloudEvents are not sent yet; everything else goes on")],
            };
            Verdict::new(kind, namespace, name, findings)
        })
        .collect();
    objects.sort_by(|one, other| {
        (&one.namespace, &one.kind, &one.name).cmp(&(&other.namespace, &other.kind, &other.name))
    });
    let installation = installation::judge(survey);
    let jobs = objects.iter().any(|object| object.kind == "ScaledJob");
    Report {
        there: installation::there(jobs, !rights.is_empty()),
        back: installation::back(),
        objects,
        installation,
        rights: rights.into_iter().collect(),
        unknown: survey.unknown.clone(),
    }
}

/// Kind, namespace and name.
pub(super) fn identity(object: &Value) -> (&str, &str, &str) {
    (
        object["kind"].as_str().unwrap_or_default(),
        object["metadata"]["namespace"].as_str().unwrap_or_default(),
        object["metadata"]["name"].as_str().unwrap_or_default(),
    )
}

fn authentications(objects: &[Value]) -> Authentications {
    let mut found = Authentications::new();
    for object in objects {
        let (kind, namespace, name) = identity(object);
        let spec = match kind {
            "TriggerAuthentication" => from_json::<TriggerAuthentication>(object).object.map(|found| found.value.spec),
            "ClusterTriggerAuthentication" => {
                from_json::<ClusterTriggerAuthentication>(object).object.map(|found| found.value.spec)
            }
            _ => None,
        };
        let cluster = kind == "ClusterTriggerAuthentication";
        found.extend(spec.map(|spec| ((cluster, namespace.to_owned(), name.to_owned()), spec)));
    }
    found
}

#[cfg(test)]
mod tests;
