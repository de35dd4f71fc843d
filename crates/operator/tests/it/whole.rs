//! Operators that can be killed: each on a runtime of its own, which ends as a process would, with its external metrics API
//! behind the cluster's, and with every request written down that may change something.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, Request};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::client::Body;
use kube::runtime::watcher;
use kube::{Client, Config};
use serde_json::Value;
use tidegate_cluster::ApiServiceName;
use tidegate_operator::{CertificateOptions, ExternalMetricsOptions, LeaseOptions, Operator, Options, ServiceName};
use tokio::runtime::{Builder, Runtime};

use crate::served::path;
use crate::stage::{Stage, until};

/// What a process may write although it leads nothing: the lease, its certificates, and questions that are POSTs.
const NO_CHANGES: [&str; 4] = ["/leases", "/secrets", "/tokenreviews", "/subjectaccessreviews"];

/// The requests of one operator that are no reads: `PATCH /apis/...`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes(Arc<Mutex<Vec<String>>>);

impl Writes {
    /// Those that change what others see.
    pub(crate) fn changes(&self) -> Vec<String> {
        let all = self.0.lock().unwrap().clone();
        all.into_iter().filter(|line| !NO_CHANGES.iter().any(|harmless| line.contains(harmless))).collect()
    }

    fn client(&self, inner: Client) -> Client {
        let writes = self.0.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            if request.method() != Method::GET {
                writes.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
            }
            let inner = inner.clone();
            async move { inner.send(request).await }
        });
        Client::new(service, "default")
    }
}

/// One process of Tidegate.
pub(crate) struct Replica {
    runtime: Option<Runtime>,
    operator: Option<Operator>,
    pub(crate) writes: Writes,
}

impl Replica {
    pub(crate) async fn start(config: Config, options: Options) -> Replica {
        let mut builder = Builder::new_multi_thread();
        Replica::on(builder.worker_threads(2).enable_all().build().unwrap(), config, options).await
    }

    pub(crate) async fn on(runtime: Runtime, config: Config, options: Options) -> Replica {
        let writes = Writes::default();
        let seen = writes.clone();
        let starting = runtime.spawn(async move {
            let client = seen.client(Client::try_from(config).unwrap());
            tidegate_operator::start(client, options).await.unwrap()
        });
        let operator = Some(starting.await.unwrap());
        Replica { runtime: Some(runtime), operator, writes }
    }

    pub(crate) fn operator(&self) -> &Operator {
        self.operator.as_ref().unwrap()
    }

    /// Ends it in the midst of whatever it does; nothing is given back or finished.
    pub(crate) async fn kill(mut self) {
        let (runtime, operator) = (self.runtime.take().unwrap(), self.operator.take());
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10))).await.unwrap();
        drop(operator);
    }

    /// Ends it as SIGTERM would.
    pub(crate) async fn stop(mut self) {
        let (runtime, operator) = (self.runtime.take().unwrap(), self.operator.take().unwrap());
        runtime.spawn(operator.stop()).await.unwrap();
        runtime.shutdown_background();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where the cluster's API server finds the operator, whoever sits there.
pub(crate) struct Seat {
    service: ServiceName,
    options: Options,
}

impl Seat {
    pub(crate) fn new(stage: &Stage) -> Seat {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let port = std::net::TcpListener::bind((local, 0)).unwrap().local_addr().unwrap().port();
        let service = ServiceName { namespace: stage.namespace.clone(), name: "metrics".to_owned(), port };
        let options = Options {
            external_metrics: Some(ExternalMetricsOptions {
                bind: SocketAddr::new(local, port),
                service: service.clone(),
                patch_api_service: false,
            }),
            certificates: CertificateOptions::Managed {
                secret: "certs".to_owned(),
                dns_names: vec![format!("metrics.{}.svc", stage.namespace)],
            },
            ..stage.options()
        };
        Seat { service, options }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Options)) -> Seat {
        change(&mut self.options);
        self
    }

    pub(crate) async fn replica(&self, stage: &Stage) -> Replica {
        Replica::start(stage.cluster.admin().config().unwrap(), self.options.clone()).await
    }

    /// Has the API server ask whoever sits here.
    pub(crate) async fn aggregate(&self, stage: &Stage) {
        let secret = stage.api::<Secret>().get("certs").await.unwrap();
        let authority = String::from_utf8(secret.data.unwrap()["ca.crt"].0.clone()).unwrap();
        let ServiceName { namespace, name, port } = self.service.clone();
        stage.cluster.aggregate_external_metrics(&ApiServiceName { namespace, name, port }, &authority).await;
    }
}

/// A lease that is lost fast.
pub(crate) fn lease(identity: &str) -> LeaseOptions {
    LeaseOptions {
        name: "operator.keda.sh".to_owned(),
        identity: identity.to_owned(),
        duration: Duration::from_secs(4),
        renew_deadline: Duration::from_secs(3),
        retry_period: Duration::from_millis(500),
    }
}

/// The value and the time of a metric, as a HorizontalPodAutoscaler is told them.
pub(crate) async fn ask(
    client: &Client,
    namespace: &str,
    metric: &str,
    name: &str,
) -> Result<(String, String), String> {
    let request = Request::get(path(namespace, metric, name)).body(Vec::new()).unwrap();
    let answer: Value = client.request(request).await.map_err(|error| error.to_string())?;
    let item = &answer["items"][0];
    let text = |field: &str| item[field].as_str().map(str::to_owned).ok_or_else(|| format!("no {field} in {answer}"));
    Ok((text("value")?, text("timestamp")?))
}

/// Every replica count that a Deployment was ever asked to have, in order, whoever asked.
pub(crate) struct Track {
    seen: Arc<Mutex<BTreeMap<String, Vec<i32>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Track {
    pub(crate) fn start(stage: &Stage) -> Track {
        let seen: Arc<Mutex<BTreeMap<String, Vec<i32>>>> = Arc::default();
        let (noted, deployments) = (Arc::clone(&seen), stage.api::<Deployment>());
        let task = tokio::spawn(async move {
            let mut events = std::pin::pin!(watcher(deployments, watcher::Config::default()));
            while let Some(event) = events.next().await {
                let (Ok(watcher::Event::Apply(found)) | Ok(watcher::Event::InitApply(found))) = event else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let count = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
                let mut noted = noted.lock().unwrap();
                let counts = noted.entry(found.metadata.name.unwrap()).or_default();
                if counts.last() != Some(&count) {
                    counts.push(count);
                }
            }
        });
        Track { seen, task }
    }

    pub(crate) fn of(&self, name: &str) -> Vec<i32> {
        self.seen.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    /// Where it stands, of all.
    pub(crate) fn last(&self) -> BTreeMap<String, i32> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter_map(|(name, counts)| Some((name.clone(), *counts.last()?))).collect()
    }

    pub(crate) async fn until(&self, name: &str, what: &str, holds: impl Fn(i32) -> bool) {
        until(&format!("{name} {what}; it went {:?}", self.of(name)), async || {
            self.of(name).last().is_some_and(|count| holds(*count))
        })
        .await;
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.task.abort();
    }
}
