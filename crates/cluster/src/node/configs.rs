//! The Secrets and ConfigMaps that a pod's environment refers to.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use tidegate_crds::{Configs, Located, Object, env};

/// Gets them. Those that do not exist are left out; whoever needs one says so.
pub(crate) async fn of(client: &kube::Client, deployment: &Deployment, namespace: &str) -> kube::Result<Configs> {
    let (mut secrets, mut maps) = (BTreeSet::new(), BTreeSet::new());
    for container in env::containers(deployment) {
        for from in container.env_from.iter().flatten() {
            secrets.extend(from.secret_ref.as_ref().map(|reference| reference.name.as_str()));
            maps.extend(from.config_map_ref.as_ref().map(|reference| reference.name.as_str()));
        }
        for from in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            secrets.extend(from.secret_key_ref.as_ref().map(|reference| reference.name.as_str()));
            maps.extend(from.config_map_key_ref.as_ref().map(|reference| reference.name.as_str()));
        }
    }
    let mut objects = Vec::new();
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    for name in secrets {
        objects.extend(api.get_opt(name).await?.map(|secret| Object::Secret(Box::new(secret))));
    }
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    for name in maps {
        objects.extend(api.get_opt(name).await?.map(|map| Object::ConfigMap(Box::new(map))));
    }
    let objects: Vec<Located<Object>> = objects.into_iter().map(Located::unplaced).collect();
    Ok(Configs::new(&objects))
}
