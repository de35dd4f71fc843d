//! What tests do with a cluster again and again. These functions panic where others would give an error: a test that
//! cannot make a namespace has failed.
#![expect(clippy::panic, reason = "only tests call these")]

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::MutexGuard;

use crate::access::Access;
use crate::cluster::{Cluster, account_of, until};
use crate::error::Error;

/// How long anything may take that the cluster itself does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The owner of what is applied here.
pub(crate) const MANAGER: &str = "tidegate-test-cluster";

/// The service behind an APIService or a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServiceName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The port at which our process listens on this machine.
    pub port: u16,
}

fn sure<T>(what: &str, result: Result<T, impl std::fmt::Display>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

impl Cluster {
    /// A new client as administrator. It belongs to the current Tokio runtime, so each test needs its own.
    ///
    /// # Panics
    /// When the cluster's certificates are gone.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        sure("making a client", self.admin().client())
    }

    /// Access with a token of a service account, for an hour.
    ///
    /// # Panics
    /// When there is no such account.
    pub async fn access_as(&self, namespace: &str, service_account: &str) -> Access {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() }),
            ..TokenRequest::default()
        };
        let what = format!("a token of {namespace}/{service_account}");
        let made = accounts.create_token_request(service_account, &PostParams::default(), &request).await;
        let token = sure(&what, made).status.and_then(|status| status.token).unwrap_or_default();
        self.admin().with_token(token)
    }

    /// A client as a service account.
    ///
    /// # Panics
    /// When there is no such account.
    pub async fn client_as(&self, namespace: &str, service_account: &str) -> kube::Client {
        sure("making a client", self.access_as(namespace, service_account).await.client())
    }

    /// A fresh namespace, ready for pods, whose name begins with `prefix`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn namespace(&self, prefix: &str) -> String {
        let namespaces: Api<Namespace> = Api::all(self.client());
        let metadata = ObjectMeta { generate_name: Some(format!("{prefix}-")), ..ObjectMeta::default() };
        let new = Namespace { metadata, ..Namespace::default() };
        let made: Namespace = sure("making a namespace", namespaces.create(&PostParams::default(), &new).await);
        let name = made.metadata.name.unwrap_or_default();
        sure("making a namespace", account_of(&self.client(), &name).await);
        name
    }

    /// For tests that change what all share: an APIService, a webhook, a stopped server. One at a time has the turn.
    pub async fn alone(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Makes a service that leads to this machine, and its namespace if there is none. A certificate for it is one for
    /// `NAME.NAMESPACE.svc`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn local_service(&self, service: &ApiServiceName) {
        sure("making a service", local_service(&self.client(), service).await);
    }

    /// Has the API server ask the process behind `service` for everything below
    /// `/apis/external.metrics.k8s.io/v1beta1`; returns when that answers. `authority` is PEM: who signed its certificate.
    ///
    /// # Panics
    /// When it does not become available.
    pub async fn aggregate_external_metrics(&self, service: &ApiServiceName, authority: &str) {
        sure("aggregating", self.aggregate("external.metrics.k8s.io", "v1beta1", service, authority).await);
    }

    /// Takes the external metrics API away again.
    pub async fn disaggregate_external_metrics(&self) {
        let services: Api<APIService> = Api::all(self.client());
        let _ = services.delete("v1beta1.external.metrics.k8s.io", &DeleteParams::default()).await;
    }

    /// As [`aggregate_external_metrics`](Self::aggregate_external_metrics) for any group and version.
    ///
    /// # Errors
    /// When it does not become available.
    pub async fn aggregate(
        &self,
        group: &str,
        version: &str,
        service: &ApiServiceName,
        authority: &str,
    ) -> Result<(), Error> {
        let client = self.admin().client()?;
        local_service(&client, service).await?;
        aggregate(client, group, version, service, authority).await
    }
}

/// Makes a service that leads to this machine, and its namespace if there is none.
pub(crate) async fn local_service(client: &kube::Client, service: &ApiServiceName) -> Result<(), Error> {
    let ApiServiceName { namespace, name, port } = service;
    let what = format!("making the service {namespace}/{name}");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let metadata = ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() };
    match namespaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => return Err(Error::api(what)(error)),
    }
    account_of(client, namespace).await?;
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let spec = json!({"type": "ExternalName", "externalName": "localhost", "ports": [{"name": "https", "port": port}]});
    let new = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
    let applied = services.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&new)).await;
    applied.map(drop).map_err(Error::api(what))
}

/// Writes an APIService and waits until it is available.
pub(crate) async fn aggregate(
    client: kube::Client,
    group: &str,
    version: &str,
    service: &ApiServiceName,
    authority: &str,
) -> Result<(), Error> {
    let services: Api<APIService> = Api::all(client);
    let name = format!("{version}.{group}");
    let bundle = k8s_openapi::ByteString(authority.as_bytes().to_vec());
    let new = json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": bundle,
            "service": {"namespace": service.namespace, "name": service.name, "port": service.port},
        },
    });
    let what = format!("aggregating {name}");
    let applied = services.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&new)).await;
    applied.map_err(Error::api(what.as_str()))?;
    let available = || {
        let (services, name) = (services.clone(), name.clone());
        async move {
            let found = services.get(&name).await.ok().and_then(|found| found.status);
            let conditions = found.and_then(|status| status.conditions).unwrap_or_default();
            conditions.iter().any(|condition| condition.type_ == "Available" && condition.status == "True")
        }
    };
    until(&format!("{name} is available"), PATIENCE, available).await
}
