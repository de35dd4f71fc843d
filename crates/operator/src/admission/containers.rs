//! The containers of a workload that is about to be scaled by what it uses, and what its namespace gives them.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{LimitRange, PodSpec};
use kube::api::{Api, ListParams};
use tidegate_crds::admission::{ContainerResources, Containers, Facts, ForeignHpa, LimitDefaults};
use tidegate_crds::{ScaledObject, ScalingPolicy};
use tidegate_engine::Mode;

/// How long looking may take. The API server gives a webhook ten seconds and lets pass after that.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was found of one workload.
#[derive(Debug, Default)]
pub(super) struct Found {
    containers: Containers,
    defaults: LimitDefaults,
}

/// Looks for the containers of `object`'s target. What cannot be found out is unknown, and no rule applies to it.
pub(super) async fn look(client: &kube::Client, namespace: &str, object: &ScaledObject) -> Found {
    match tokio::time::timeout(PATIENCE, ask(client, namespace, object)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(%namespace, %error, "looking for the containers of a target; they are not checked");
            Found::default()
        }
        Err(_) => {
            tracing::warn!(%namespace, "looking for the containers of a target took too long; they are not checked");
            Found::default()
        }
    }
}

async fn ask(client: &kube::Client, namespace: &str, object: &ScaledObject) -> Result<Found, kube::Error> {
    let target = &object.spec.scale_target_ref;
    let template = match target.kind() {
        "StatefulSet" => {
            let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
            let found = api.get_opt(&target.name).await?;
            found.map(|found| found.spec.and_then(|spec| spec.template.spec))
        }
        _ => {
            let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            let found = api.get_opt(&target.name).await?;
            found.map(|found| found.spec.and_then(|spec| spec.template.spec))
        }
    };
    let Some(pods) = template else { return Ok(Found { containers: Containers::Missing, ..Found::default() }) };
    let containers = known(&pods.unwrap_or_default());
    let ranges: Api<LimitRange> = Api::namespaced(client.clone(), namespace);
    let ranges = ranges.list(&ListParams::default()).await?;
    Ok(Found { containers, defaults: ranges.items.iter().collect() })
}

fn known(pods: &PodSpec) -> Containers {
    Containers::Known(pods.containers.iter().map(ContainerResources::from).collect())
}

/// What is known from memory, with what was found.
pub(super) struct Together<'a> {
    pub(super) memory: &'a Arc<dyn Facts + Send + Sync>,
    pub(super) found: Found,
}

impl Facts for Together<'_> {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        self.memory.others_with_target(object)
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        self.memory.others_with_hpa(object, hpa)
    }

    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa> {
        self.memory.foreign_hpas(object)
    }

    fn containers(&self, _object: &ScaledObject) -> Containers {
        self.found.containers.clone()
    }

    fn limit_range_defaults(&self, _object: &ScaledObject) -> LimitDefaults {
        self.found.defaults.clone()
    }

    fn scaling_policy(&self, object: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        self.memory.scaling_policy(object)
    }

    fn default_mode(&self) -> Mode {
        self.memory.default_mode()
    }
}
