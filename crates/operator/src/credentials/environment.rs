//! The environment of a target's container, for triggers that ask for it, and which objects it is made of.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tidegate_crds::env::{self, Environment};
use tidegate_crds::{ConfigKind, Configs, Located, Problem, ScaledObject, Source, Trigger};

use super::keys::ObjectKey;

/// The pod template of what a ScaledObject scales, as the pure code wants it: whatever the kind, as a Deployment's.
pub(super) struct Template {
    deployment: Deployment,
    source: Source,
    /// Variables that are left out since their Secrets may not be read: names, and Secrets given as a whole.
    withheld: Withheld,
}

#[derive(Default)]
struct Withheld {
    variables: BTreeMap<String, String>,
    whole: BTreeSet<String>,
}

impl Template {
    /// `secrets`: whether Secrets of this namespace may be read at all.
    pub(super) fn new(object: &ScaledObject, namespace: &str, template: &PodTemplateSpec, secrets: bool) -> Self {
        let target = &object.spec.scale_target_ref;
        let mut template = template.clone();
        let mut withheld = Withheld::default();
        if !secrets {
            for container in template.spec.iter_mut().flat_map(|spec| &mut spec.containers) {
                strip(container, &mut withheld);
            }
        }
        let title = format!("{} {namespace}/{}", target.kind(), target.name);
        Template {
            deployment: Deployment {
                metadata: ObjectMeta {
                    name: Some(target.name.clone()),
                    namespace: Some(namespace.to_owned()),
                    ..ObjectMeta::default()
                },
                spec: Some(DeploymentSpec { template, ..DeploymentSpec::default() }),
                status: None,
            },
            source: Source { object: title.into(), ..Source::default() },
            withheld,
        }
    }

    pub(super) fn located(&self) -> Located<&Deployment> {
        Located { value: &self.deployment, source: self.source.clone() }
    }

    /// The Secrets and ConfigMaps that a container's environment is made of.
    pub(super) fn references(&self, container: Option<&str>) -> Vec<ObjectKey> {
        let namespace = self.deployment.metadata.namespace.as_deref().unwrap_or_default();
        let containers = env::containers(&self.deployment);
        let container = match container.filter(|name| !name.is_empty()) {
            None => containers.first(),
            Some(name) => containers.iter().find(|container| container.name == name),
        };
        let key = |kind, name: &str| ObjectKey::new(kind, namespace, name);
        let mut keys = Vec::new();
        for from in container.iter().flat_map(|container| container.env_from.iter().flatten()) {
            keys.extend(from.config_map_ref.iter().map(|from| key(ConfigKind::ConfigMap, &from.name)));
            keys.extend(from.secret_ref.iter().map(|from| key(ConfigKind::Secret, &from.name)));
        }
        let variables = container.iter().flat_map(|container| container.env.iter().flatten());
        for from in variables.filter_map(|variable| variable.value_from.as_ref()) {
            keys.extend(from.config_map_key_ref.iter().map(|from| key(ConfigKind::ConfigMap, &from.name)));
            keys.extend(from.secret_key_ref.iter().map(|from| key(ConfigKind::Secret, &from.name)));
        }
        keys
    }

    /// The environment of a container.
    pub(super) fn environment(&self, container: Option<&str>, configs: &Configs) -> Result<Environment, Vec<Problem>> {
        env::for_triggers(&self.located(), container, configs)
    }

    /// Why a variable that is absent may be so, where that is because its Secret may not be read.
    pub(super) fn withheld(&self, variable: &str) -> Option<String> {
        let from = match self.withheld.variables.get(variable) {
            Some(secret) => format!("comes from Secret {secret}"),
            None => {
                let secret = self.withheld.whole.first()?;
                format!("is not set elsewhere and may come from Secret {secret}")
            }
        };
        Some(format!(
            "the variable {variable:?} {from}, and KEDA_RESTRICT_SECRET_ACCESS keeps the operator from reading Secrets of \
             this namespace; give the value by a ClusterTriggerAuthentication"
        ))
    }
}

/// The variables that a trigger's `...FromEnv` parameters name, with the parameter.
pub(super) fn wanted(trigger: &Trigger) -> impl Iterator<Item = (&str, &str)> {
    trigger.metadata.iter().filter_map(|(key, value)| {
        let variable = value.trim();
        (key.ends_with("FromEnv") && !variable.is_empty()).then_some((key.as_str(), variable))
    })
}

/// Takes the Secrets out of a container's environment.
fn strip(container: &mut Container, withheld: &mut Withheld) {
    if let Some(sources) = &mut container.env_from {
        for secret in sources.iter_mut().filter_map(|from| from.secret_ref.take()) {
            withheld.whole.insert(secret.name);
        }
    }
    if let Some(variables) = &mut container.env {
        variables.retain(|variable| {
            let secret = variable.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref());
            if let Some(secret) = secret {
                withheld.variables.insert(variable.name.clone(), secret.name.clone());
            }
            secret.is_none()
        });
    }
}
