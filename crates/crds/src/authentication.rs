//! What a trigger is given besides its metadata: the environment behind `...FromEnv` and the parameters of its
//! (Cluster)TriggerAuthentication.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::allowed_hosts::{AllowedHosts, allowed_hosts, allowed_hosts_field};
use crate::configs::{ConfigKind, Configs};
use crate::env::{self, Environment};
use crate::nearest::suggestion;
use crate::object::{Located, Object, Source};
use crate::problem::Problem;
use crate::scaled_object::{AuthenticationKind, ScaledObject};
use crate::secret::SecretText;
use crate::trigger_authentication::{KeyTargetRef, PodIdentityProvider, TriggerAuthenticationSpec};

/// What one trigger is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerSources {
    /// The environment of the target's container.
    pub env: Environment,
    /// Parameters from the authentication object.
    pub auth: BTreeMap<String, SecretText>,
    /// The only hosts that the authentication object lets the trigger go to.
    pub allowed_hosts: Option<AllowedHosts>,
    /// `podIdentity.provider`, where one other than `none` is asked for.
    pub pod_identity: Option<&'static str>,
}

/// Finds what the trigger with this index of `object` is given. `objects` are all objects of all manifests.
///
/// # Errors
/// A missing target, authentication object, Secret, ConfigMap or key, and providers that one machine does not have.
/// KEDA would connect without the credential instead; a missing secret is an error here.
pub fn trigger_sources(
    objects: &[Located<Object>],
    object: &Located<&ScaledObject>,
    trigger: usize,
    configs: &Configs,
) -> Result<TriggerSources, Vec<Problem>> {
    let target = &object.value.spec.scale_target_ref;
    let deployment = find_deployment(objects, object);
    let mut sources = TriggerSources::default();
    let mut problems = Vec::new();
    let container = target.env_source_container_name.as_deref().filter(|name| !name.is_empty());
    if let Some(deployment) = &deployment {
        let known: Vec<&str> =
            env::containers(deployment.value).iter().map(|container| container.name.as_str()).collect();
        if let Some(name) = container.filter(|name| !known.contains(name)) {
            let advice = suggestion(name, &known);
            let message = format!("{} has no container named {name:?}; {advice}", deployment.source.object);
            let field = "spec.scaleTargetRef.envSourceContainerName";
            return Err(vec![object.source.error(field, message.trim_end_matches("; "))]);
        }
        match env::for_triggers(deployment, container, configs) {
            Ok(env) => sources.env = env,
            Err(found) => problems.extend(found),
        }
    }
    let Some(reference) = object.value.spec.triggers.get(trigger).and_then(|t| t.authentication_ref.as_ref()) else {
        return if problems.is_empty() { Ok(sources) } else { Err(problems) };
    };
    let kind = reference.kind.unwrap_or_default();
    let namespace = object.value.metadata.namespace.as_deref().unwrap_or("default");
    match find(objects, kind, namespace, &reference.name) {
        Some((metadata, spec, source)) => {
            let namespace = match kind {
                AuthenticationKind::TriggerAuthentication => namespace,
                AuthenticationKind::ClusterTriggerAuthentication => configs.cluster_namespace.as_str(),
            };
            let mut reader =
                Reader { namespace, source, configs, deployment: deployment.as_ref(), problems: &mut problems };
            reader.refuse_providers(spec);
            sources.auth = reader.parameters(spec);
            sources.pod_identity = pod_identity(spec);
            match allowed_hosts(&source.object, metadata) {
                Ok(allowed) => sources.allowed_hosts = allowed,
                Err(message) => problems.push(source.error(&allowed_hosts_field(), message)),
            }
        }
        None => {
            let field = format!("spec.triggers[{trigger}].authenticationRef.name");
            problems.push(missing(objects, object, kind, namespace, &reference.name, &field));
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

/// The Deployment that a ScaledObject scales.
#[must_use]
pub fn find_deployment<'a>(
    objects: &'a [Located<Object>],
    object: &Located<&ScaledObject>,
) -> Option<Located<&'a Deployment>> {
    let target = &object.value.spec.scale_target_ref;
    let namespace = object.value.metadata.namespace.as_deref().unwrap_or("default");
    if target.kind() != "Deployment" {
        return None;
    }
    objects
        .iter()
        .filter(|candidate| candidate.value.name() == target.name && candidate.value.namespace() == namespace)
        .find_map(Located::deployment)
}

fn find<'a>(
    objects: &'a [Located<Object>],
    kind: AuthenticationKind,
    namespace: &str,
    name: &str,
) -> Option<(&'a ObjectMeta, &'a TriggerAuthenticationSpec, &'a Source)> {
    objects.iter().find_map(|object| match (&object.value, kind) {
        (Object::TriggerAuthentication(found), AuthenticationKind::TriggerAuthentication)
            if object.value.name() == name && object.value.namespace() == namespace =>
        {
            Some((&found.metadata, &found.spec, &object.source))
        }
        (Object::ClusterTriggerAuthentication(found), AuthenticationKind::ClusterTriggerAuthentication)
            if object.value.name() == name =>
        {
            Some((&found.metadata, &found.spec, &object.source))
        }
        _ => None,
    })
}

fn missing(
    objects: &[Located<Object>],
    object: &Located<&ScaledObject>,
    kind: AuthenticationKind,
    namespace: &str,
    name: &str,
    field: &str,
) -> Problem {
    let same_scope = |candidate: &&Located<Object>| {
        candidate.value.kind() == kind.as_str()
            && (kind == AuthenticationKind::ClusterTriggerAuthentication || candidate.value.namespace() == namespace)
    };
    let known: Vec<&str> = objects.iter().filter(same_scope).map(|candidate| candidate.value.name()).collect();
    let place = match kind {
        AuthenticationKind::TriggerAuthentication => format!(" in namespace {namespace:?}"),
        AuthenticationKind::ClusterTriggerAuthentication => String::new(),
    };
    let advice = if known.is_empty() { "there is none at all".to_owned() } else { suggestion(name, &known) };
    let message = format!("there is no {} named {name:?}{place}; {advice}", kind.as_str());
    object.source.error(field, message.trim_end_matches("; "))
}

struct Reader<'a> {
    namespace: &'a str,
    source: &'a Source,
    configs: &'a Configs,
    deployment: Option<&'a Located<&'a Deployment>>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// The parameters, in KEDA's order: what comes later replaces what came before.
    fn parameters(&mut self, spec: &TriggerAuthenticationSpec) -> BTreeMap<String, SecretText> {
        let mut found = BTreeMap::new();
        for (index, variable) in spec.env.iter().enumerate() {
            let Some(deployment) = self.deployment else { continue };
            // A container's own problems have been told already where it is the trigger's.
            let Ok(env) = env::for_triggers(deployment, variable.container_name.as_deref(), self.configs) else {
                let message = "the environment of this container cannot be found out; see the Deployment's problems";
                self.problems.push(self.source.error(&format!("spec.env[{index}]"), message));
                continue;
            };
            match env.get(&variable.name) {
                Some(value) => {
                    found.insert(variable.parameter.clone(), value.clone());
                }
                None => {
                    let known: Vec<&str> = env.keys().map(String::as_str).collect();
                    let advice = suggestion(&variable.name, &known);
                    let message = format!("the container has no variable {:?}; {advice}", variable.name);
                    self.problems
                        .push(self.source.error(&format!("spec.env[{index}].name"), message.trim_end_matches("; ")));
                }
            }
        }
        self.keys(&spec.config_map_target_ref, ConfigKind::ConfigMap, "configMapTargetRef", &mut found);
        self.keys(&spec.secret_target_ref, ConfigKind::Secret, "secretTargetRef", &mut found);
        found
    }

    fn keys(
        &mut self,
        references: &[KeyTargetRef],
        kind: ConfigKind,
        word: &str,
        found: &mut BTreeMap<String, SecretText>,
    ) {
        for (index, reference) in references.iter().enumerate() {
            let base = format!("spec.{word}[{index}]");
            let Some(data) = self.configs.get(kind, self.namespace, &reference.name) else {
                let field = format!("{base}.name");
                let mut problem =
                    env::missing_object(self.source, &field, kind, self.namespace, &reference.name, self.configs);
                if self.source.object.starts_with("Cluster") {
                    problem.message.push_str("; the kind for the whole cluster reads this namespace and no other");
                }
                self.problems.push(problem);
                continue;
            };
            match data.get(&reference.key) {
                Some(value) => {
                    found.insert(reference.parameter.clone(), value.clone());
                }
                None => {
                    let known: Vec<&str> = data.keys().map(String::as_str).collect();
                    let field = format!("{base}.key");
                    self.problems.push(env::missing_key(
                        self.source,
                        &field,
                        kind,
                        self.namespace,
                        &reference.name,
                        &reference.key,
                        &known,
                    ));
                }
            }
        }
    }

    fn refuse_providers(&mut self, spec: &TriggerAuthenticationSpec) {
        let given = [
            ("filePath", spec.file_path.is_some()),
            ("hashiCorpVault", spec.hashi_corp_vault.is_some()),
            ("azureKeyVault", spec.azure_key_vault.is_some()),
            ("gcpSecretManager", spec.gcp_secret_manager.is_some()),
            ("awsSecretManager", spec.aws_secret_manager.is_some()),
            ("boundServiceAccountToken", !spec.bound_service_account_token.is_empty()),
            ("oauth2", spec.oauth2.is_some()),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            let message =
                format!("{name} is not available on one machine; use secretTargetRef, configMapTargetRef or env");
            self.problems.push(self.source.error(&format!("spec.{name}"), message));
        }
    }
}

/// `podIdentity.provider`, where one other than `none` is asked for.
#[must_use]
pub fn pod_identity(spec: &TriggerAuthenticationSpec) -> Option<&'static str> {
    let provider = spec.pod_identity.as_ref()?.provider;
    (provider != PodIdentityProvider::None).then(|| provider.as_str())
}

/// The parameters that `env`, `configMapTargetRef` and `secretTargetRef` of an authentication object give, with what is
/// wrong. `namespace` is where its Secrets and ConfigMaps are, `deployment` has the containers for `env`. The other
/// providers are the caller's.
#[must_use]
pub fn authentication_parameters(
    authentication: &Located<&TriggerAuthenticationSpec>,
    namespace: &str,
    deployment: Option<&Located<&Deployment>>,
    configs: &Configs,
) -> (BTreeMap<String, SecretText>, Vec<Problem>) {
    let mut problems = Vec::new();
    let source = &authentication.source;
    let found =
        Reader { namespace, source, configs, deployment, problems: &mut problems }.parameters(authentication.value);
    (found, problems)
}
