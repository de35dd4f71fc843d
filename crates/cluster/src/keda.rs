//! The real KEDA beside us, for comparison: its three programs as processes, installed as its own manifests say.
//!
//! Built by `cargo xtask keda setup`, which also puts its CRDs and its webhook configuration below `target/servers/keda`.
//! It runs with an administrator's rights.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::cluster::{Cluster, until};
use crate::component::{Component, Plan};
use crate::error::Error;
use crate::ports::free_ports;
use crate::programs::{find, workspace_root};
use crate::testing::{ApiServiceName, MANAGER, PATIENCE, aggregate, local_service};

/// Where KEDA is installed.
const NAMESPACE: &str = "keda";
const ADAPTER_SERVICE: &str = "keda-metrics-apiserver";
const WEBHOOK_SERVICE: &str = "keda-admission-webhooks";
const WEBHOOKS: &str = "keda-admission";
const APISERVICE: &str = "v1beta1.external.metrics.k8s.io";
const REMEDY: &str = "cargo xtask keda setup";

/// Settings of KEDA; the default is KEDA's own.
#[derive(Clone, Debug, Default)]
pub struct KedaOptions {
    /// Further flags of the operator.
    pub operator_flags: Vec<String>,
    /// Further variables of the operator (`WATCH_NAMESPACE`, `KEDA_HTTP_DEFAULT_TIMEOUT`).
    pub operator_env: Vec<(String, String)>,
    /// Further flags of the metrics server.
    pub adapter_flags: Vec<String>,
    /// Without its admission webhooks.
    pub no_webhooks: bool,
}

/// A running KEDA.
pub struct Keda {
    client: kube::Client,
    /// `keda-operator`.
    pub operator: Component,
    /// `keda-metrics-apiserver`.
    pub adapter: Component,
    /// `keda-admission-webhooks`.
    pub webhooks: Option<Component>,
    /// Where the operator serves `/metrics`.
    pub operator_metrics_port: u16,
}

impl fmt::Debug for Keda {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Keda")
            .field("operator", &self.operator)
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

/// What the three programs share.
struct Ground<'a> {
    cluster: &'a Cluster,
    /// With ca.crt, tls.crt and tls.key.
    certificates: PathBuf,
    kubeconfig: String,
    ports: Ports,
}

/// Where they listen on 127.0.0.1.
struct Ports {
    operator_grpc: u16,
    operator_metrics: u16,
    operator_health: u16,
    adapter: u16,
    adapter_metrics: u16,
    webhooks: u16,
    webhooks_metrics: u16,
    webhooks_health: u16,
}

impl Ports {
    fn take() -> Result<Ports, Error> {
        let ports: [u16; 8] = free_ports().map_err(Error::ports("KEDA"))?;
        let [operator_grpc, operator_metrics, operator_health, adapter, adapter_metrics, rest @ ..] = ports;
        let [webhooks, webhooks_metrics, webhooks_health] = rest;
        Ok(Ports {
            operator_grpc,
            operator_metrics,
            operator_health,
            adapter,
            adapter_metrics,
            webhooks,
            webhooks_metrics,
            webhooks_health,
        })
    }
}

impl Keda {
    /// Installs KEDA and starts it; returns when it serves external metrics and admission.
    ///
    /// # Errors
    /// When it was not built (the message names the command), or does not come up.
    pub async fn start(cluster: &Cluster, options: &KedaOptions) -> Result<Keda, Error> {
        let client = cluster.admin().client()?;
        install(&client).await?;
        let ground = Ground {
            cluster,
            certificates: certificates(cluster)?,
            kubeconfig: cluster.kubeconfig().display().to_string(),
            ports: Ports::take()?,
        };
        let operator = ground.operator(options)?;
        let (adapter, service) = ground.adapter(options)?;
        let (webhooks, webhook_service) = match options.no_webhooks {
            true => (None, None),
            false => ground.webhooks().map(|(component, service)| (Some(component), Some(service)))?,
        };
        let operator_metrics_port = ground.ports.operator_metrics;
        let keda = Keda { client, operator, adapter, webhooks, operator_metrics_port };
        let authority = cluster.authority().pem();
        match keda.bring_up(&service, webhook_service.as_ref(), &authority).await {
            Ok(()) => Ok(keda),
            Err(error) => {
                keda.stop().await;
                Err(error)
            }
        }
    }

    async fn bring_up(
        &self,
        service: &ApiServiceName,
        webhook_service: Option<&ApiServiceName>,
        authority: &str,
    ) -> Result<(), Error> {
        local_service(&self.client, service).await?;
        self.operator.start().await?;
        self.adapter.start().await?;
        aggregate(self.client.clone(), "external.metrics.k8s.io", "v1beta1", service, authority).await?;
        if let (Some(component), Some(service)) = (&self.webhooks, webhook_service) {
            local_service(&self.client, service).await?;
            component.start().await?;
            configure_webhooks(&self.client, service, authority).await?;
        }
        Ok(())
    }

    /// Ends its processes, as scaling its Deployments to zero would. Its objects, CRDs and registrations stay.
    pub async fn stop(&self) {
        for component in [Some(&self.adapter), Some(&self.operator), self.webhooks.as_ref()].into_iter().flatten() {
            component.stop().await;
        }
    }

    /// Ends it and takes its registrations away. CRDs and objects stay.
    pub async fn uninstall(&self) {
        self.stop().await;
        let resource = api_service();
        let services: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let webhooks: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        // What is not there need not be removed.
        let _ = services.delete(APISERVICE, &DeleteParams::default()).await;
        let _ = webhooks.delete(WEBHOOKS, &DeleteParams::default()).await;
    }
}

fn api_service() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService"))
}

fn folder() -> PathBuf {
    workspace_root().join("target/servers/keda")
}

fn program(name: &str) -> Result<PathBuf, Error> {
    find(name, folder().join("bin"), REMEDY)
}

/// One certificate for all three, as KEDA's own rotation makes it.
fn certificates(cluster: &Cluster) -> Result<PathBuf, Error> {
    let certificates = cluster.folder().join("certificates/keda");
    fs::create_dir_all(&certificates).map_err(Error::file("making", &certificates))?;
    let names: Vec<String> = [ADAPTER_SERVICE, WEBHOOK_SERVICE, "keda-operator"]
        .iter()
        .map(|service| format!("{service}.{NAMESPACE}.svc"))
        .chain(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .collect();
    let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
    let pair = cluster.authority().peer("keda", &hosts)?;
    let files = [(&cluster.authority().certificate, "ca.crt"), (&pair.certificate, "tls.crt"), (&pair.key, "tls.key")];
    for (from, name) in files {
        fs::copy(from, certificates.join(name)).map_err(Error::file("copying", from))?;
    }
    Ok(certificates)
}

/// Applies the CRDs and waits until they can be used.
async fn install(client: &kube::Client) -> Result<(), Error> {
    let manifests = folder().join("manifests");
    let missing =
        |_| Error::Missing { program: "KEDA's CRDs".to_owned(), folder: manifests.clone(), remedy: REMEDY.to_owned() };
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut names = Vec::new();
    for entry in fs::read_dir(&manifests).map_err(missing)?.flatten() {
        // The webhook configuration ends with `.yml`.
        if entry.path().extension().is_some_and(|extension| extension == "yaml") {
            let crd = yaml(&entry.path())?;
            let name = crd["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let applied = crds.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&crd)).await;
            applied.map_err(Error::api(format!("applying the CRD {name}")))?;
            names.push(name);
        }
    }
    for name in names {
        let established = || {
            let (crds, name) = (crds.clone(), name.clone());
            async move {
                let status = crds.get(&name).await.ok().and_then(|crd| crd.status);
                let conditions = status.and_then(|status| status.conditions).unwrap_or_default();
                conditions.iter().any(|found| found.type_ == "Established" && found.status == "True")
            }
        };
        until(&format!("the CRD {name} is established"), PATIENCE, established).await?;
    }
    Ok(())
}

fn yaml(file: &Path) -> Result<Value, Error> {
    let text = fs::read_to_string(file).map_err(Error::file("reading", file))?;
    serde_saphyr::from_str(&text).map_err(|error| Error::Other(format!("reading {}: {error}", file.display())))
}

impl Ground<'_> {
    fn component(
        &self,
        name: &str,
        program: PathBuf,
        args: Vec<String>,
        env: &[(String, String)],
        health: &str,
    ) -> Component {
        let mut all = vec![
            ("KUBECONFIG".to_owned(), self.kubeconfig.clone()),
            ("POD_NAMESPACE".to_owned(), NAMESPACE.to_owned()),
            ("POD_NAME".to_owned(), format!("{name}-0")),
            // All namespaces; KEDA ends where it is not set at all.
            ("WATCH_NAMESPACE".to_owned(), String::new()),
            // In a pod it would read its own from a file.
            ("KEDA_CLUSTER_OBJECT_NAMESPACE".to_owned(), NAMESPACE.to_owned()),
        ];
        all.extend(env.iter().cloned());
        let plan = Plan { name: name.to_owned(), program, args, env: all, health: Some(health.to_owned()) };
        Component::new(&self.cluster.folder, plan)
    }

    fn operator(&self, options: &KedaOptions) -> Result<Component, Error> {
        let Ports { operator_grpc: grpc, operator_metrics: metrics, operator_health: health, .. } = self.ports;
        let mut args = vec![
            "--zap-log-level=info".to_owned(),
            format!("--metrics-bind-address=127.0.0.1:{metrics}"),
            format!("--health-probe-bind-address=127.0.0.1:{health}"),
            format!("--metrics-service-bind-address=127.0.0.1:{grpc}"),
            "--enable-cert-rotation=false".to_owned(),
            format!("--cert-dir={}", self.certificates.display()),
        ];
        args.extend(options.operator_flags.iter().cloned());
        let health = format!("http://127.0.0.1:{health}/readyz");
        Ok(self.component("keda-operator", program("operator")?, args, &options.operator_env, &health))
    }

    fn adapter(&self, options: &KedaOptions) -> Result<(Component, ApiServiceName), Error> {
        let Ports { operator_grpc: grpc, adapter: port, adapter_metrics: metrics, .. } = self.ports;
        let certificates = self.certificates.display();
        let mut args = vec![
            "--zap-log-level=error".to_owned(),
            format!("--secure-port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--port={metrics}"),
            format!("--metrics-service-address=127.0.0.1:{grpc}"),
            format!("--client-ca-file={certificates}/ca.crt"),
            format!("--tls-cert-file={certificates}/tls.crt"),
            format!("--tls-private-key-file={certificates}/tls.key"),
            format!("--cert-dir={certificates}"),
        ];
        for flag in ["lister-kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            args.push(format!("--{flag}={}", self.kubeconfig));
        }
        args.extend(options.adapter_flags.iter().cloned());
        let health = format!("https://127.0.0.1:{port}/readyz");
        let component = self.component("keda-metrics-apiserver", program("adapter")?, args, &[], &health);
        let (namespace, name) = (NAMESPACE.to_owned(), ADAPTER_SERVICE.to_owned());
        Ok((component, ApiServiceName { namespace, name, port }))
    }

    fn webhooks(&self) -> Result<(Component, ApiServiceName), Error> {
        let Ports { webhooks: port, webhooks_metrics: metrics, webhooks_health: health, .. } = self.ports;
        let args = vec![
            "--zap-log-level=info".to_owned(),
            format!("--port={port}"),
            format!("--metrics-bind-address=127.0.0.1:{metrics}"),
            format!("--health-probe-bind-address=127.0.0.1:{health}"),
            format!("--cert-dir={}", self.certificates.display()),
        ];
        let health = format!("http://127.0.0.1:{health}/readyz");
        let component = self.component("keda-admission-webhooks", program("webhooks")?, args, &[], &health);
        let (namespace, name) = (NAMESPACE.to_owned(), WEBHOOK_SERVICE.to_owned());
        Ok((component, ApiServiceName { namespace, name, port }))
    }
}

/// KEDA's own configuration, with our port and authority in it.
async fn configure_webhooks(client: &kube::Client, service: &ApiServiceName, authority: &str) -> Result<(), Error> {
    let mut configuration = yaml(&folder().join("manifests/webhooks.yml"))?;
    let bundle = json!(k8s_openapi::ByteString(authority.as_bytes().to_vec()));
    for webhook in configuration["webhooks"].as_array_mut().into_iter().flatten() {
        webhook["clientConfig"]["caBundle"] = bundle.clone();
        webhook["clientConfig"]["service"]["port"] = json!(service.port);
    }
    let webhooks: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let applied = webhooks.patch(WEBHOOKS, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&configuration)).await;
    applied.map(drop).map_err(Error::api("applying KEDA's webhook configuration"))
}
