//! Telling the API server whom to trust: the `caBundle` of the APIService and of the ValidatingWebhookConfiguration.
//!
//! Only the leader writes, only that one field, and only when it differs, so that tools that compare a cluster with a
//! repository see a field of another manager and no drift. Where cert-manager puts the bundle in, or the object does not
//! point to this operator (as KEDA's while it still runs), nothing is written.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Certificates;
use crate::admission::PATHS;
use crate::options::{Options, ServiceName};

/// The APIService of external metrics.
pub(crate) const API_SERVICE: &str = "v1beta1.external.metrics.k8s.io";
/// The owner of the field in the API server's eyes.
const FIELD_MANAGER: &str = "tidegate-certificates";
/// After a refused write.
const RETRY: Duration = Duration::from_secs(5);

/// Annotations by which cert-manager is asked to put the bundle in.
const INJECTED: [&str; 3] =
    ["cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret", "cert-manager.io/inject-apiserver-ca"];

/// Keeps the bundles right while this process leads, until `stop`.
pub fn publish(
    client: &kube::Client,
    options: &Options,
    certificates: &Certificates,
    leading: &watch::Receiver<bool>,
    stop: &CancellationToken,
) {
    if let Some(api) = options.external_metrics.as_ref().filter(|api| api.patch_api_service) {
        let service = api.service.clone();
        let patch = move |object: &APIService, bundle: &str| api_service_patch(object, &service, bundle);
        follow(Api::all(client.clone()), API_SERVICE, patch, certificates, leading, stop);
    }
    if let Some(admission) = options.admission.as_ref().filter(|admission| admission.patch_configuration) {
        let namespace = options.own_namespace.clone();
        let patch = move |object: &ValidatingWebhookConfiguration, bundle: &str| {
            configuration_patch(object, &namespace, bundle)
        };
        follow(Api::all(client.clone()), &admission.configuration, patch, certificates, leading, stop);
    }
}

/// Watches one object and writes what `patch` finds to write.
fn follow<K>(
    api: Api<K>,
    name: &str,
    patch: impl Fn(&K, &str) -> Option<Value> + Send + Sync + 'static,
    certificates: &Certificates,
    leading: &watch::Receiver<bool>,
    stop: &CancellationToken,
) where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    let (name, mut leading, mut authorities) = (name.to_owned(), leading.clone(), certificates.authorities());
    let stop = stop.clone();
    let work = async move {
        let watched = watcher::watch_object(api.clone(), &name).backoff(watcher::DefaultBackoff::default());
        let mut changes = watched.boxed();
        let mut object: Option<K> = None;
        loop {
            let bundle = authorities.borrow_and_update().clone();
            let leads = *leading.borrow_and_update();
            let wanted = object.as_ref().filter(|_| leads && !bundle.is_empty());
            let mut again = Duration::from_secs(24 * 3600);
            if let Some(body) = wanted.and_then(|object| patch(object, &bundle)) {
                let parameters = PatchParams::apply(FIELD_MANAGER).force();
                match api.patch(&name, &parameters, &Patch::Apply(&body)).await {
                    // What it became is told by the watch.
                    Ok(_) => tracing::info!(object = %name, "the authorities to trust were written"),
                    Err(error) => {
                        tracing::warn!(object = %name, %error, "writing the authorities to trust");
                        again = RETRY;
                    }
                }
            }
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(now)) => object = now,
                    Some(Err(error)) => tracing::warn!(object = %name, %error, "watching"),
                    None => return,
                },
                () = next(&mut authorities) => {}
                () = next(&mut leading) => {}
                () = tokio::time::sleep(again) => {}
            }
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    });
}

/// The next change. When nobody can change it any more, what was said last holds.
async fn next<T>(value: &mut watch::Receiver<T>) {
    if value.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn injected(metadata: &ObjectMeta) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations.is_some_and(|annotations| INJECTED.iter().any(|name| annotations.contains_key(*name)))
}

fn equal(found: Option<&ByteString>, bundle: &str) -> bool {
    found.is_some_and(|found| found.0 == bundle.as_bytes())
}

/// `None`: nothing to do.
fn api_service_patch(object: &APIService, ours: &ServiceName, bundle: &str) -> Option<Value> {
    let spec = object.spec.as_ref()?;
    let service = spec.service.as_ref()?;
    let points_here = service.namespace.as_ref() == Some(&ours.namespace) && service.name.as_ref() == Some(&ours.name);
    if !points_here || injected(&object.metadata) || spec.insecure_skip_tls_verify == Some(true) {
        return None;
    }
    (!equal(spec.ca_bundle.as_ref(), bundle)).then(|| {
        json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": object.metadata.name },
            "spec": { "caBundle": ByteString(bundle.as_bytes().to_vec()) },
        })
    })
}

/// `None`: nothing to do. Only webhooks that lead to this operator are touched.
fn configuration_patch(object: &ValidatingWebhookConfiguration, namespace: &str, bundle: &str) -> Option<Value> {
    if injected(&object.metadata) {
        return None;
    }
    let ours: Vec<_> = object
        .webhooks
        .iter()
        .flatten()
        .filter(|webhook| {
            let client = &webhook.client_config;
            match (&client.service, &client.url) {
                (Some(service), _) => {
                    service.namespace == namespace && service.path.as_deref().is_some_and(|path| PATHS.contains(&path))
                }
                (None, Some(url)) => PATHS.iter().any(|path| url.ends_with(path)),
                (None, None) => false,
            }
        })
        .collect();
    if ours.iter().all(|webhook| equal(webhook.client_config.ca_bundle.as_ref(), bundle)) {
        return None;
    }
    let webhooks: Vec<Value> = ours
        .iter()
        .map(|webhook| {
            json!({
                "name": webhook.name,
                "clientConfig": { "caBundle": ByteString(bundle.as_bytes().to_vec()) },
            })
        })
        .collect();
    Some(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": object.metadata.name },
        "webhooks": webhooks,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    fn ours() -> ServiceName {
        ServiceName { namespace: "keda".to_owned(), name: "tidegate".to_owned(), port: 443 }
    }

    fn api_service(change: Value) -> APIService {
        let mut object = json!({
            "metadata": { "name": API_SERVICE },
            "spec": { "service": { "namespace": "keda", "name": "tidegate" }, "groupPriorityMinimum": 100,
                      "versionPriority": 100 },
        });
        merge(&mut object, change);
        from_value(object).unwrap()
    }

    fn merge(into: &mut Value, change: Value) {
        match (into, change) {
            (Value::Object(into), Value::Object(change)) => {
                for (key, value) in change {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, change) => *into = change,
        }
    }

    #[test]
    fn the_api_service_is_written_only_when_it_is_ours_and_differs() {
        let written = |change| api_service_patch(&api_service(change), &ours(), "PEM").is_some();
        assert!(written(json!({})));
        assert!(written(json!({ "spec": { "caBundle": "b2xk" } })));
        assert!(!written(json!({ "spec": { "caBundle": "UEVN" } })), "equal");
        assert!(!written(json!({ "spec": { "service": { "name": "keda-operator-metrics-apiserver" } } })), "KEDA's");
        assert!(!written(json!({ "spec": { "insecureSkipTLSVerify": true } })));
        for name in INJECTED {
            assert!(!written(json!({ "metadata": { "annotations": { name: "keda/x" } } })), "{name}");
        }
    }

    #[test]
    fn only_webhooks_that_lead_here_are_touched() {
        let webhook = |name: &str, client: Value| json!({ "name": name, "clientConfig": client, "admissionReviewVersions": ["v1"], "sideEffects": "None" });
        let object = |bundle: &str| -> ValidatingWebhookConfiguration {
            let service = |namespace: &str, path: &str| json!({ "namespace": namespace, "name": "x", "path": path });
            from_value(json!({
                "metadata": { "name": "keda-admission" },
                "webhooks": [
                    webhook("a", json!({ "service": service("keda", PATHS[0]), "caBundle": bundle })),
                    webhook("b", json!({ "service": service("other", PATHS[0]) })),
                    webhook("c", json!({ "service": service("keda", "/validate-other") })),
                    webhook("d", json!({ "url": format!("https://localhost:9443{}", PATHS[1]), "caBundle": bundle })),
                ],
            }))
            .unwrap()
        };
        let patch = configuration_patch(&object("b2xk"), "keda", "PEM").unwrap();
        let names: Vec<_> = patch["webhooks"].as_array().unwrap().iter().map(|webhook| &webhook["name"]).collect();
        assert_eq!(names, ["a", "d"]);
        assert_eq!(patch["webhooks"][0]["clientConfig"]["caBundle"], "UEVN");
        assert_eq!(configuration_patch(&object("UEVN"), "keda", "PEM"), None);
    }
}
