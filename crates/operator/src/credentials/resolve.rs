//! From a ScaledObject to what its triggers are given: first which objects are needed, then reading them, then putting it
//! together.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use tidegate_crds::env::Environment;
use tidegate_crds::{
    AllowedHosts, AuthenticationRef, ConfigKind, Configs, Located, Problem, ScaledObject, SecretText, Source, Trigger,
    TriggerAuthenticationSpec, TriggerSources, allowed_hosts_field, authentication_parameters, pod_identity,
};
use tidegate_engine::TargetId;

use super::environment::{self, Template};
use super::keys::{AccountKey, AuthenticationKey, Dependency, ObjectKey};
use super::store::Held;
use super::{Given, Shared, files};

/// Why Secrets outside the operator's namespace are not read.
const RESTRICTED: &str = "KEDA_RESTRICT_SECRET_ACCESS keeps the operator from reading Secrets of this namespace; use a \
    ClusterTriggerAuthentication, whose Secrets are in the operator's namespace";

/// One trigger's authentication, looked up.
struct Looked {
    key: AuthenticationKey,
    spec: Result<Arc<TriggerAuthenticationSpec>, String>,
    allowed_hosts: Result<Option<AllowedHosts>, String>,
    /// Where its Secrets, ConfigMaps and accounts are.
    namespace: String,
}

impl Looked {
    fn source(&self) -> Source {
        Source { object: self.key.to_string().into(), ..Source::default() }
    }
}

/// What was read.
struct Gathered {
    configs: Configs,
    tokens: BTreeMap<AccountKey, Result<SecretText, String>>,
    files: BTreeMap<PathBuf, Result<BTreeMap<String, SecretText>, String>>,
    environment: Option<Result<Environment, Vec<Problem>>>,
}

/// Finds what the triggers are given.
pub(super) async fn resolve(
    shared: &Shared,
    id: &TargetId,
    object: &ScaledObject,
    template: Option<&PodTemplateSpec>,
) -> Given {
    let references = object.spec.triggers.iter().map(|trigger| trigger.authentication_ref.as_ref());
    let keys: Vec<Option<AuthenticationKey>> =
        references.map(|reference| reference.map(|reference| key(id, reference))).collect();
    // Registered before they are looked at, so that no change falls between.
    shared.dependents().add(id, keys.iter().flatten().cloned().map(Dependency::Authentication).collect());
    let unlisted = match keys.iter().any(Option::is_some) {
        true => shared.wait_for_authentications().await.err(),
        false => None,
    };
    let looked: Vec<Option<Looked>> =
        keys.into_iter().map(|key| key.map(|key| look(shared, id, key, unlisted.as_deref()))).collect();
    let secrets = shared.may_read_secrets(id.namespace());
    let template = template.map(|template| Template::new(object, id.namespace(), template, secrets));
    let dependencies = dependencies(shared, object, &looked, template.as_ref());
    shared.depend(id, dependencies.clone());
    let gathered = gather(shared, object, &dependencies, &looked, template.as_ref()).await;
    let triggers: Vec<_> = object
        .spec
        .triggers
        .iter()
        .zip(&looked)
        .enumerate()
        .map(|(index, (trigger, looked))| {
            Assembly { id, object, index, trigger, template: template.as_ref(), gathered: &gathered }
                .sources(looked.as_ref())
        })
        .collect();
    let mark = mark(&triggers);
    Given { triggers, mark }
}

fn key(id: &TargetId, reference: &AuthenticationRef) -> AuthenticationKey {
    AuthenticationKey::new(reference.kind.unwrap_or_default(), id.namespace(), &reference.name)
}

fn look(shared: &Shared, id: &TargetId, key: AuthenticationKey, unlisted: Option<&str>) -> Looked {
    let namespace = if key.cluster { shared.settings.cluster_objects.clone() } else { id.namespace().to_owned() };
    let (spec, allowed_hosts) = match (shared.authentications.get(&key), unlisted) {
        (Some(found), _) => {
            (found.spec.map_err(|error| format!("{key} is not understood: {error}")), found.allowed_hosts)
        }
        (None, Some(why)) => (Err(format!("{key} is not known yet: {why}")), Ok(None)),
        (None, None) => (Err(shared.authentications.absent(&key)), Ok(None)),
    };
    Looked { key, spec, allowed_hosts, namespace }
}

fn dependencies(
    shared: &Shared,
    object: &ScaledObject,
    looked: &[Option<Looked>],
    template: Option<&Template>,
) -> BTreeSet<Dependency> {
    let mut found: BTreeSet<Dependency> = BTreeSet::new();
    let triggers = &object.spec.triggers;
    if let Some(template) = template.filter(|_| triggers.iter().any(|trigger| environment::wanted(trigger).count() > 0))
    {
        let container = object.spec.scale_target_ref.env_source_container_name.as_deref();
        found.extend(template.references(container).into_iter().map(Dependency::Object));
    }
    for looked in looked.iter().flatten() {
        found.insert(Dependency::Authentication(looked.key.clone()));
        let Ok(spec) = &looked.spec else { continue };
        let object = |kind, name: &str| Dependency::Object(ObjectKey::new(kind, &looked.namespace, name));
        if let Some(path) = spec.file_path.as_deref().filter(|_| looked.key.cluster) {
            found.insert(Dependency::File(path.into()));
            continue;
        }
        for variable in &spec.env {
            let references = template.map(|template| template.references(variable.container_name.as_deref()));
            found.extend(references.into_iter().flatten().map(Dependency::Object));
        }
        found.extend(spec.config_map_target_ref.iter().map(|from| object(ConfigKind::ConfigMap, &from.name)));
        let client_secret = spec.oauth2.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
        if shared.may_read_secrets(&looked.namespace) {
            found.extend(spec.secret_target_ref.iter().map(|from| object(ConfigKind::Secret, &from.name)));
            found
                .extend(client_secret.map(|secret| object(ConfigKind::Secret, &secret.value_from.secret_key_ref.name)));
        }
        found.extend(spec.bound_service_account_token.iter().map(|from| {
            let (namespace, name) = (looked.namespace.clone(), from.service_account_name.clone());
            Dependency::Account(AccountKey { namespace, name })
        }));
    }
    found
}

async fn gather(
    shared: &Shared,
    object: &ScaledObject,
    dependencies: &BTreeSet<Dependency>,
    looked: &[Option<Looked>],
    template: Option<&Template>,
) -> Gathered {
    let mut configs = Configs::partial(&shared.settings.cluster_objects);
    let objects = dependencies.iter().filter_map(|dependency| match dependency {
        Dependency::Object(key) => Some(async move { (key, shared.store.get(key, shared.is_watched(key)).await) }),
        _ => None,
    });
    for (key, held) in join_all(objects).await {
        match held {
            Held::Present(_, data) => configs.insert(key.kind, &key.namespace, &key.name, data.as_ref().clone()),
            Held::Refused(why) => configs.withhold(key.kind, &key.namespace, &key.name, why),
            Held::Missing => {}
        }
    }
    for looked in looked.iter().flatten().filter(|looked| !shared.may_read_secrets(&looked.namespace)) {
        for name in looked.spec.iter().flat_map(|spec| &spec.secret_target_ref).map(|from| &from.name) {
            configs.withhold(ConfigKind::Secret, &looked.namespace, name, RESTRICTED);
        }
    }
    let (mut tokens, mut from_files) = (BTreeMap::new(), BTreeMap::new());
    for dependency in dependencies {
        match dependency {
            Dependency::Account(account) => {
                tokens.insert(account.clone(), shared.tokens.get(account).await);
            }
            Dependency::File(path) => {
                let (root, file) = (shared.settings.file_root.clone(), path.clone());
                let read = tokio::task::spawn_blocking(move || files::read(root.as_deref(), &file)).await;
                from_files.insert(path.clone(), read.unwrap_or_else(|error| Err(format!("reading the file: {error}"))));
            }
            Dependency::Object(_) | Dependency::Authentication(_) => {}
        }
    }
    let container = object.spec.scale_target_ref.env_source_container_name.as_deref();
    let asked = object.spec.triggers.iter().any(|trigger| environment::wanted(trigger).count() > 0);
    let environment = template.filter(|_| asked).map(|template| template.environment(container, &configs));
    Gathered { configs, tokens, files: from_files, environment }
}

/// One trigger being put together.
struct Assembly<'a> {
    id: &'a TargetId,
    object: &'a ScaledObject,
    index: usize,
    trigger: &'a Trigger,
    template: Option<&'a Template>,
    gathered: &'a Gathered,
}

impl Assembly<'_> {
    fn sources(&self, looked: Option<&Looked>) -> Result<TriggerSources, Vec<Problem>> {
        let mut sources = TriggerSources::default();
        let mut problems = Vec::new();
        self.environment(&mut sources, &mut problems);
        if let Some(looked) = looked {
            match &looked.spec {
                Ok(spec) => {
                    sources.auth = self.parameters(looked, spec, &mut problems);
                    sources.pod_identity = pod_identity(spec);
                    match &looked.allowed_hosts {
                        Ok(allowed) => sources.allowed_hosts.clone_from(allowed),
                        Err(why) => problems.push(looked.source().error(&allowed_hosts_field(), why.as_str())),
                    }
                }
                Err(why) => problems.push(self.error("authenticationRef.name", why.clone())),
            }
        }
        if problems.is_empty() { Ok(sources) } else { Err(problems) }
    }

    /// An error of a field of this trigger.
    fn error(&self, field: &str, message: String) -> Problem {
        let title = format!("ScaledObject {}/{}", self.id.namespace(), self.id.name());
        let source = Source { object: title.into(), ..Source::default() };
        source.error(&format!("spec.triggers[{}].{field}", self.index), message)
    }

    fn environment(&self, sources: &mut TriggerSources, problems: &mut Vec<Problem>) {
        if environment::wanted(self.trigger).count() == 0 {
            return;
        }
        match &self.gathered.environment {
            Some(Ok(environment)) => sources.env = environment.clone(),
            Some(Err(found)) => problems.extend(found.iter().cloned()),
            None => {
                let target = &self.object.spec.scale_target_ref;
                let message = format!("{} {:?} has no pod template to take variables from", target.kind(), target.name);
                let (parameter, _) = environment::wanted(self.trigger).next().unwrap_or_default();
                problems.push(self.error(&format!("metadata.{parameter}"), message));
            }
        }
        let Some(template) = self.template else { return };
        for (parameter, variable) in environment::wanted(self.trigger) {
            if let Some(why) = template.withheld(variable).filter(|_| !sources.env.contains_key(variable)) {
                problems.push(self.error(&format!("metadata.{parameter}"), why));
            }
        }
    }

    fn parameters(
        &self,
        looked: &Looked,
        spec: &TriggerAuthenticationSpec,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, SecretText> {
        let source = looked.source();
        for (name, given) in unserved(spec) {
            if given {
                let message = "is not served yet; use secretTargetRef, configMapTargetRef, env, filePath, oauth2 or \
                    boundServiceAccountToken";
                problems.push(source.error(&format!("spec.{name}"), message));
            }
        }
        if let Some(path) = &spec.file_path {
            return self.file_parameters(looked, path, problems);
        }
        self.check_variables(&source, spec, problems);
        let deployment = self.template.map(Template::located);
        let located = Located { value: spec, source: source.clone() };
        let (mut found, wrong) =
            authentication_parameters(&located, &looked.namespace, deployment.as_ref(), &self.gathered.configs);
        problems.extend(wrong);
        for (index, from) in spec.bound_service_account_token.iter().enumerate() {
            let account = AccountKey { namespace: looked.namespace.clone(), name: from.service_account_name.clone() };
            match self.gathered.tokens.get(&account) {
                Some(Ok(token)) => {
                    found.insert(from.parameter.clone(), token.clone());
                }
                Some(Err(why)) => {
                    let field = format!("spec.boundServiceAccountToken[{index}]");
                    let message = format!("a token of {}/{} cannot be had: {why}", account.namespace, account.name);
                    problems.push(source.error(&field, message));
                }
                None => {}
            }
        }
        if let Some(oauth) = &spec.oauth2 {
            match super::oauth2::parameters(oauth, &looked.namespace, &self.gathered.configs, &source) {
                Ok(parameters) => found.extend(parameters),
                Err(problem) => problems.push(*problem),
            }
        }
        found
    }

    fn file_parameters(
        &self,
        looked: &Looked,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, SecretText> {
        let refused = match looked.key.cluster {
            false => "is only for a ClusterTriggerAuthentication: files are the operator's".to_owned(),
            true => match self.gathered.files.get(std::path::Path::new(path)) {
                Some(Ok(found)) => return found.clone(),
                Some(Err(why)) => why.clone(),
                None => "was not read".to_owned(),
            },
        };
        problems.push(looked.source().error("spec.filePath", refused));
        BTreeMap::new()
    }

    /// Says what the pure code cannot know of `env`: that there is no pod template, and that a Secret may not be read.
    fn check_variables(&self, source: &Source, spec: &TriggerAuthenticationSpec, problems: &mut Vec<Problem>) {
        for (index, variable) in spec.env.iter().enumerate() {
            let field = format!("spec.env[{index}].name");
            match self.template {
                None => {
                    problems.push(source.error(&field, "what is scaled has no pod template to take variables from"))
                }
                Some(template) => problems.extend(
                    template
                        .withheld(&variable.name)
                        .filter(|_| {
                            let environment =
                                template.environment(variable.container_name.as_deref(), &self.gathered.configs);
                            environment.is_ok_and(|environment| !environment.contains_key(&variable.name))
                        })
                        .map(|why| source.error(&field, why)),
                ),
            }
        }
    }
}

fn unserved(spec: &TriggerAuthenticationSpec) -> [(&'static str, bool); 4] {
    [
        ("hashiCorpVault", spec.hashi_corp_vault.is_some()),
        ("azureKeyVault", spec.azure_key_vault.is_some()),
        ("gcpSecretManager", spec.gcp_secret_manager.is_some()),
        ("awsSecretManager", spec.aws_secret_manager.is_some()),
    ]
}

/// A hash of everything in there.
fn mark(triggers: &[Result<TriggerSources, Vec<Problem>>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for trigger in triggers {
        match trigger {
            Ok(sources) => {
                for (name, value) in &sources.env {
                    ("env", name, value.expose()).hash(&mut hasher);
                }
                for (name, value) in &sources.auth {
                    ("auth", name, value.expose()).hash(&mut hasher);
                }
                (sources.pod_identity, &sources.allowed_hosts).hash(&mut hasher);
            }
            Err(problems) => {
                for problem in problems {
                    problem.to_string().hash(&mut hasher);
                }
            }
        }
        u8::MAX.hash(&mut hasher);
    }
    hasher.finish()
}
