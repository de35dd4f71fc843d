//! The environment of a container, as Kubernetes makes it from `envFrom` and `env`.

mod downward;
mod expand;

use indexmap::IndexMap;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar};

use crate::configs::{ConfigKind, Configs};
use crate::nearest::suggestion;
use crate::object::{Located, Source};
use crate::problem::Problem;
use crate::secret::SecretText;

pub use downward::PodFacts;
pub use expand::expand;

/// Variables in the order in which they were first set. Any of them may hold a secret.
pub type Environment = IndexMap<String, SecretText>;

/// The path of a Deployment's containers.
const CONTAINERS: &str = "spec.template.spec.containers";

/// The containers of a Deployment's pods.
#[must_use]
pub fn containers(deployment: &Deployment) -> &[Container] {
    deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).map_or(&[], |pod| &pod.containers)
}

/// The environment of the container with this index in one pod.
///
/// `$(NAME)` in values is replaced by what has been set before it; `$$` gives `$`.
///
/// # Errors
/// Every Secret, ConfigMap, key or downward field that is missing and not optional. Kubernetes would not start the
/// container.
pub fn resolve(
    deployment: &Located<&Deployment>,
    container: usize,
    pod: &PodFacts,
    configs: &Configs,
) -> Result<Environment, Vec<Problem>> {
    build(deployment, container, Some(pod), configs)
}

/// The environment behind `...FromEnv` parameters: of the container of this name, or of the first. Variables that
/// differ from pod to pod (`fieldRef`, `resourceFieldRef`) are absent, as in KEDA.
///
/// # Errors
/// A container that does not exist, or what [`resolve`] refuses.
pub fn for_triggers(
    deployment: &Located<&Deployment>,
    container: Option<&str>,
    configs: &Configs,
) -> Result<Environment, Vec<Problem>> {
    let all = containers(deployment.value);
    let index = match container.filter(|name| !name.is_empty()) {
        None => 0,
        Some(name) => match all.iter().position(|container| container.name == name) {
            Some(index) => index,
            None => {
                let known: Vec<&str> = all.iter().map(|container| container.name.as_str()).collect();
                let message = format!("there is no container named {name:?}; {}", suggestion(name, &known));
                return Err(vec![deployment.source.error(CONTAINERS, message)]);
            }
        },
    };
    if all.is_empty() {
        return Ok(Environment::new());
    }
    build(deployment, index, None, configs)
}

fn build(
    deployment: &Located<&Deployment>,
    index: usize,
    pod: Option<&PodFacts>,
    configs: &Configs,
) -> Result<Environment, Vec<Problem>> {
    let Some(container) = containers(deployment.value).get(index) else {
        return Err(vec![deployment.source.error(CONTAINERS, format!("there is no container {index}"))]);
    };
    let mut builder = Builder {
        namespace: deployment.value.metadata.namespace.as_deref().unwrap_or("default"),
        base: format!("{CONTAINERS}[{index}]"),
        source: &deployment.source,
        container,
        pod,
        configs,
        environment: Environment::new(),
        problems: Vec::new(),
    };
    for (index, from) in container.env_from.iter().flatten().enumerate() {
        builder.add_all(from, index);
    }
    for (index, variable) in container.env.iter().flatten().enumerate() {
        builder.add(variable, index);
    }
    if builder.problems.is_empty() { Ok(builder.environment) } else { Err(builder.problems) }
}

struct Builder<'a> {
    namespace: &'a str,
    base: String,
    source: &'a Source,
    container: &'a Container,
    pod: Option<&'a PodFacts>,
    configs: &'a Configs,
    environment: Environment,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn add_all(&mut self, from: &EnvFromSource, index: usize) {
        let field = format!("{}.envFrom[{index}]", self.base);
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let config_map = from.config_map_ref.as_ref().map(|r| (ConfigKind::ConfigMap, &r.name, r.optional));
        let secret = from.secret_ref.as_ref().map(|r| (ConfigKind::Secret, &r.name, r.optional));
        for (kind, name, optional) in config_map.into_iter().chain(secret) {
            let field = match kind {
                ConfigKind::ConfigMap => format!("{field}.configMapRef.name"),
                ConfigKind::Secret => format!("{field}.secretRef.name"),
            };
            match self.configs.get(kind, self.namespace, name) {
                Some(data) => {
                    let data = data.iter().map(|(key, value)| (format!("{prefix}{key}"), value.clone()));
                    self.environment.extend(data);
                }
                None if optional == Some(true) => {}
                None => {
                    self.problems.push(missing_object(self.source, &field, kind, self.namespace, name, self.configs))
                }
            }
        }
    }

    fn add(&mut self, variable: &EnvVar, index: usize) {
        let field = format!("{}.env[{index}]", self.base);
        let Some(from) = &variable.value_from else {
            let value = expand(variable.value.as_deref().unwrap_or_default(), &self.environment);
            self.environment.insert(variable.name.clone(), SecretText::new(value));
            return;
        };
        let config_map = from
            .config_map_key_ref
            .as_ref()
            .map(|r| (ConfigKind::ConfigMap, "configMapKeyRef", &r.name, &r.key, r.optional));
        let secret =
            from.secret_key_ref.as_ref().map(|r| (ConfigKind::Secret, "secretKeyRef", &r.name, &r.key, r.optional));
        if let Some((kind, word, name, key, optional)) = config_map.or(secret) {
            let field = format!("{field}.valueFrom.{word}");
            match self.configs.get(kind, self.namespace, name) {
                Some(data) => match data.get(key) {
                    Some(value) => {
                        self.environment.insert(variable.name.clone(), value.clone());
                    }
                    None if optional == Some(true) => {}
                    None => {
                        let known: Vec<&str> = data.keys().map(String::as_str).collect();
                        self.problems.push(missing_key(
                            self.source,
                            &format!("{field}.key"),
                            kind,
                            self.namespace,
                            name,
                            key,
                            &known,
                        ));
                    }
                },
                None if optional == Some(true) => {}
                None => {
                    let field = format!("{field}.name");
                    self.problems.push(missing_object(self.source, &field, kind, self.namespace, name, self.configs));
                }
            }
            return;
        }
        let Some(pod) = self.pod else { return };
        match downward::value(from, pod, self.container) {
            Ok(value) => {
                self.environment.insert(variable.name.clone(), SecretText::new(value));
            }
            Err((part, message)) => self.problems.push(self.source.error(&format!("{field}.valueFrom{part}"), message)),
        }
    }
}

/// A reference to a Secret or ConfigMap that is not there.
pub(crate) fn missing_object(
    source: &Source,
    field: &str,
    kind: ConfigKind,
    namespace: &str,
    name: &str,
    configs: &Configs,
) -> Problem {
    let kind_name = kind.name();
    if let Some(reason) = configs.withheld(kind, namespace, name) {
        return source.error(field, format!("the {kind_name} {namespace}/{name} cannot be read: {reason}"));
    }
    if configs.is_partial() {
        return source.error(field, format!("there is no {kind_name} named {name:?} in namespace {namespace:?}"));
    }
    let known = configs.names(kind, namespace);
    let advice = match known.is_empty() {
        true => "there is none at all".to_owned(),
        false => suggestion(name, &known),
    };
    source.error(
        field,
        format!("there is no {kind_name} named {name:?} in namespace {namespace:?}; {advice}").trim_end_matches("; "),
    )
}

/// A reference to a key that is not there. Only names of keys are shown.
pub(crate) fn missing_key(
    source: &Source,
    field: &str,
    kind: ConfigKind,
    namespace: &str,
    name: &str,
    key: &str,
    known: &[&str],
) -> Problem {
    let advice = if known.is_empty() { "it is empty".to_owned() } else { suggestion(key, known) };
    let message = format!("the {} {namespace}/{name} has no key {key:?}; {advice}", kind.name());
    source.error(field, message.trim_end_matches("; "))
}
