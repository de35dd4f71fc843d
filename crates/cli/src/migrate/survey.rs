//! What there is in the cluster.

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::Value;

/// Objects as the API server gives them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// ScaledObjects, ScaledJobs, authentication objects, CloudEventSources.
    pub(crate) objects: Vec<Value>,
    /// HorizontalPodAutoscalers.
    pub(crate) autoscalers: Vec<Value>,
    /// The Deployments of KEDA's namespace.
    pub(crate) deployments: Vec<Value>,
    /// The APIService of external metrics.
    pub(crate) api_service: Option<Value>,
    /// What could not be looked at, and why.
    pub(crate) unknown: Vec<String>,
}

/// The kinds that are judged.
const KINDS: [(&str, &str, bool); 6] = [
    ("keda.sh", "ScaledObject", true),
    ("keda.sh", "ScaledJob", true),
    ("keda.sh", "TriggerAuthentication", true),
    ("keda.sh", "ClusterTriggerAuthentication", false),
    ("eventing.keda.sh", "CloudEventSource", true),
    ("eventing.keda.sh", "ClusterCloudEventSource", false),
];

/// A page of a list, so that big clusters are not asked for everything at once.
const PAGE: u32 = 500;

/// Looks at a cluster. Reads only.
pub(crate) async fn read(client: &Client, namespace: Option<&str>, keda_namespace: &str) -> Survey {
    let mut survey = Survey::default();
    for (group, kind, namespaced) in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1alpha1", kind));
        let found = list(client, &resource, namespace.filter(|_| namespaced)).await;
        survey.objects.extend(survey_of(found, &resource, &mut survey.unknown));
    }
    let hpas = ApiResource::from_gvk(&GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler"));
    survey.autoscalers = survey_of(list(client, &hpas, namespace).await, &hpas, &mut survey.unknown);
    let deployments = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let found = list(client, &deployments, Some(keda_namespace)).await;
    survey.deployments = survey_of(found, &deployments, &mut survey.unknown);
    let services = ApiResource::from_gvk(&GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService"));
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &services);
    match api.get_opt("v1beta1.external.metrics.k8s.io").await {
        Ok(found) => survey.api_service = found.and_then(|object| serde_json::to_value(object).ok()),
        Err(error) => survey.unknown.push(format!("the APIService of external metrics: {error}")),
    }
    survey
}

fn survey_of(found: kube::Result<Vec<Value>>, resource: &ApiResource, unknown: &mut Vec<String>) -> Vec<Value> {
    match found {
        Ok(objects) => objects,
        // A cluster without the kind has none of them.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => {
            unknown.push(format!("{}: {error}", resource.plural));
            Vec::new()
        }
    }
}

async fn list(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> kube::Result<Vec<Value>> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let mut objects = Vec::new();
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&parameters).await?;
        for mut object in page.items {
            object.metadata.managed_fields = None;
            // Lists leave the type out of their items.
            object.types =
                Some(kube::core::TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
            objects.extend(serde_json::to_value(object).ok());
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

/// From a List in JSON, as kubectl prints it.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn from_text(text: &str) -> Result<Survey, String> {
    let list: Value = serde_json::from_str(text).map_err(|error| format!("found no JSON: {error}"))?;
    let items = match list.get("items").and_then(Value::as_array) {
        Some(items) => items.clone(),
        None if list.get("kind").is_some() => vec![list],
        None => return Err("found neither a List nor an object".to_owned()),
    };
    let mut survey = Survey::default();
    for item in items {
        match item["kind"].as_str().unwrap_or_default() {
            "HorizontalPodAutoscaler" => survey.autoscalers.push(item),
            "Deployment" => survey.deployments.push(item),
            "APIService" => survey.api_service = Some(item),
            kind if KINDS.iter().any(|(_, known, _)| *known == kind) => survey.objects.push(item),
            _ => {}
        }
    }
    Ok(survey)
}
