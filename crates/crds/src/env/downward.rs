//! `fieldRef` and `resourceFieldRef`: what a pod knows about itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVarSource, ResourceFieldSelector};

use crate::quantity::quantity;

/// What a pod knows about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `status.podIP`.
    pub ip: String,
    /// `status.hostIP`.
    pub host_ip: String,
    /// `spec.nodeName`.
    pub node_name: String,
    /// `spec.serviceAccountName`.
    pub service_account: String,
    /// CPUs of the machine, for limits that are not given.
    pub machine_cpus: f64,
    /// Bytes of the machine's memory, for limits that are not given.
    pub machine_memory: f64,
}

/// A field that cannot be had: the rest of its path, and why.
type Refused = (&'static str, String);

/// The value of a `fieldRef` or `resourceFieldRef`.
pub(super) fn value(from: &EnvVarSource, pod: &PodFacts, container: &Container) -> Result<String, Refused> {
    if let Some(field) = &from.field_ref {
        return pod_field(&field.field_path, pod).map_err(|message| (".fieldRef.fieldPath", message));
    }
    match &from.resource_field_ref {
        Some(selector) => resource(selector, pod, container).map_err(|message| (".resourceFieldRef", message)),
        None => Err(("", "found none of configMapKeyRef, secretKeyRef, fieldRef and resourceFieldRef".into())),
    }
}

fn pod_field(path: &str, pod: &PodFacts) -> Result<String, String> {
    let entry = |prefix: &str, map: &BTreeMap<String, String>| {
        let key = path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")?;
        Some(map.get(key).cloned().unwrap_or_default())
    };
    Ok(match path {
        "metadata.name" => pod.name.clone(),
        "metadata.namespace" => pod.namespace.clone(),
        "metadata.uid" => pod.uid.clone(),
        "status.podIP" | "status.podIPs" => pod.ip.clone(),
        "status.hostIP" | "status.hostIPs" => pod.host_ip.clone(),
        "spec.nodeName" => pod.node_name.clone(),
        "spec.serviceAccountName" => pod.service_account.clone(),
        _ => entry("metadata.labels", &pod.labels)
            .or_else(|| entry("metadata.annotations", &pod.annotations))
            .ok_or_else(|| {
                format!(
                    "found {path:?}, expected metadata.name, metadata.namespace, metadata.uid, metadata.labels['KEY'], \
                     metadata.annotations['KEY'], spec.nodeName, spec.serviceAccountName, status.podIP or status.hostIP"
                )
            })?,
    })
}

/// A limit or request in whole units of the divisor, rounded up.
fn resource(selector: &ResourceFieldSelector, pod: &PodFacts, container: &Container) -> Result<String, String> {
    let name = selector.resource.as_str();
    let Some((kind @ ("limits" | "requests"), resource)) = name.split_once('.') else {
        return Err(format!("found {name:?}, expected limits.cpu, limits.memory, requests.cpu or requests.memory"));
    };
    let given = container.resources.as_ref().and_then(|resources| {
        let map = if kind == "limits" { &resources.limits } else { &resources.requests };
        map.as_ref()?.get(resource)
    });
    let amount = match (given, kind, resource) {
        (Some(text), _, _) => {
            quantity(&text.0).ok_or_else(|| format!("the container's {name} is {:?}, which is no quantity", text.0))?
        }
        (None, "limits", "cpu") if pod.machine_cpus > 0.0 => pod.machine_cpus,
        (None, "limits", "memory") if pod.machine_memory > 0.0 => pod.machine_memory,
        (None, "requests", _) => 0.0,
        _ => return Err(format!("the container has no {name}")),
    };
    let divisor = match selector.divisor.as_ref().map(|divisor| divisor.0.as_str()) {
        None | Some("" | "0") => 1.0,
        Some(text) => quantity(text)
            .filter(|amount| *amount > 0.0)
            .ok_or_else(|| format!("the divisor {text:?} is no quantity above 0"))?,
    };
    Ok(format!("{:.0}", (amount / divisor).ceil()))
}
