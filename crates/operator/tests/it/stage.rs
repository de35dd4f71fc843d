//! What the tests of ScaledObjects share: a namespace, an operator that sees only it, a source whose value a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tidegate_cluster::Cluster;
use tidegate_crds::{ScaledObject, ScaledObjectStatus, ScalingPolicy};
use tidegate_operator::{Operator, Options};
use tokio::sync::OnceCell;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Nothing that is waited for takes this long on a machine that works.
const PATIENCE: Duration = Duration::from_secs(90);

/// A source that fails.
const BROKEN: i64 = i64::MIN;

/// Looks until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < give_up, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The definitions of all kinds, once a test process.
pub(crate) async fn definitions(client: &Client) {
    static DONE: OnceCell<()> = OnceCell::const_new();
    DONE.get_or_init(|| define(client.clone())).await;
}

async fn define(client: Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client);
    for kind in tidegate_crds::crd::KINDS {
        let definition = tidegate_crds::crd::crd(kind).unwrap();
        let name = definition["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(definition)).await.unwrap();
        until(&format!("{name} is established"), async || {
            let found = api.get(name).await.unwrap().status.unwrap_or_default();
            let conditions = found.conditions.unwrap_or_default();
            conditions.iter().any(|one| one.type_ == "Established" && one.status == "True")
        })
        .await;
    }
}

/// A source of the `prometheus` kind that says what a test tells it to.
pub(crate) struct Source {
    server: MockServer,
    value: Arc<AtomicI64>,
}

impl Source {
    pub(crate) async fn new(value: i64) -> Source {
        let server = MockServer::start().await;
        let value = Arc::new(AtomicI64::new(value));
        let says = Arc::clone(&value);
        let answer = move |_: &Request| match says.load(Ordering::SeqCst) {
            BROKEN => ResponseTemplate::new(503).set_body_string("out of order"),
            value => {
                let result = json!([{"metric": {}, "value": [1, value.to_string()]}]);
                let data = json!({"resultType": "vector", "result": result});
                ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
            }
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Source { server, value }
    }

    pub(crate) fn says(&self, value: i64) {
        self.value.store(value, Ordering::SeqCst);
    }

    pub(crate) fn breaks(&self) {
        self.says(BROKEN);
    }

    /// How often it was asked.
    pub(crate) async fn asked(&self) -> usize {
        self.server.received_requests().await.unwrap_or_default().len()
    }

    /// Waits until it has been asked so many times more.
    pub(crate) async fn is_asked(&self, more: usize) {
        let first = self.asked().await;
        until("the source was asked again", async || self.asked().await >= first + more).await;
    }

    /// A trigger that reads it.
    pub(crate) fn trigger(&self, threshold: u32) -> Value {
        json!({"type": "prometheus", "metadata": {
            "serverAddress": self.server.uri(), "query": "q", "threshold": threshold.to_string(),
        }})
    }
}

/// A namespace with an operator.
pub(crate) struct Stage {
    pub(crate) cluster: &'static Cluster,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) source: Source,
    operator: Option<Operator>,
}

impl Stage {
    pub(crate) async fn new(prefix: &str) -> Stage {
        let mut stage = Stage::without_operator(prefix).await;
        stage.start().await;
        stage
    }

    pub(crate) async fn without_operator(prefix: &str) -> Stage {
        // With RUST_LOG set, what the operators log.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let cluster = Cluster::shared().await;
        definitions(&cluster.client()).await;
        Stage::on(cluster, prefix).await
    }

    /// On a cluster of the test's own, which it may break.
    pub(crate) async fn on_its_own_cluster(prefix: &str) -> Stage {
        let cluster = Cluster::start(tidegate_cluster::ClusterOptions::quick()).await.unwrap();
        // It ends with the process; tests are few.
        let cluster: &'static Cluster = Box::leak(Box::new(cluster));
        define(cluster.client()).await;
        Stage::on(cluster, prefix).await
    }

    async fn on(cluster: &'static Cluster, prefix: &str) -> Stage {
        let client = cluster.client();
        let namespace = cluster.namespace(prefix).await;
        Stage { cluster, client, namespace, source: Source::new(0).await, operator: None }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            namespaces: vec![self.namespace.clone()],
            own_namespace: self.namespace.clone(),
            allowed_addresses: vec!["127.0.0.0/8".to_owned()],
            version: "1.2.3".to_owned(),
            ..Options::default()
        }
    }

    pub(crate) async fn start(&mut self) {
        let operator = tidegate_operator::start(self.cluster.client(), self.options()).await.unwrap();
        self.operator = Some(operator);
    }

    /// With other options, a client of its own, or both.
    pub(crate) async fn start_with(&mut self, client: Client, options: Options) {
        self.operator = Some(tidegate_operator::start(client, options).await.unwrap());
    }

    /// As if the process died: nothing is finished, nothing given back.
    pub(crate) fn kill(&mut self) {
        drop(self.operator.take());
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.stop().await;
        }
    }

    pub(crate) fn operator(&self) -> &Operator {
        self.operator.as_ref().unwrap()
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A Deployment whose pods pretend to run.
    pub(crate) async fn deployment(&self, name: &str, replicas: u32) {
        self.deployment_of(name, replicas, json!({"name": "main", "image": "none"}), json!({})).await;
    }

    /// The same with a container and annotations of its pods.
    pub(crate) async fn deployment_of(&self, name: &str, replicas: u32, container: Value, annotations: Value) {
        let labels = json!({"app": name});
        let mut pretend = json!({"node.tidegate.dev/pretend": "true"});
        pretend.as_object_mut().unwrap().extend(annotations.as_object().unwrap().clone());
        let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 1});
        let deployment = json!({
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels, "annotations": pretend}, "spec": spec},
            },
        });
        let deployment: Deployment = serde_json::from_value(deployment).unwrap();
        self.api::<Deployment>().create(&PostParams::default(), &deployment).await.unwrap();
    }

    pub(crate) async fn replicas(&self, name: &str) -> i32 {
        self.api::<Deployment>().get(name).await.unwrap().spec.unwrap().replicas.unwrap()
    }

    /// A ScaledObject for the Deployment of the same name, with `spec` over the defaults: one trigger on the source, target
    /// 10, read each second.
    pub(crate) async fn scaled_object(&self, name: &str, spec: Value) -> ScaledObject {
        self.annotated(name, json!({}), spec).await
    }

    pub(crate) async fn annotated(&self, name: &str, annotations: Value, spec: Value) -> ScaledObject {
        let mut all = json!({
            "scaleTargetRef": {"name": name}, "pollingInterval": 1, "cooldownPeriod": 1, "triggers": [self.source.trigger(10)],
        });
        let (Value::Object(all_map), Value::Object(given)) = (&mut all, spec) else { panic!("a spec is a map") };
        all_map.extend(given);
        let object = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": name, "labels": {"team": "blue"}, "annotations": annotations}, "spec": all,
        });
        let params = PatchParams::apply("test").force();
        self.api::<ScaledObject>().patch(name, &params, &Patch::Apply(object)).await.unwrap()
    }

    pub(crate) async fn policy(&self, name: &str, mode: &str) {
        let object = json!({
            "apiVersion": "tidegate.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": {"name": name},
            "spec": {"targetRef": {"name": name}, "mode": mode},
        });
        let params = PatchParams::apply("test").force();
        self.api::<ScalingPolicy>().patch(name, &params, &Patch::Apply(object)).await.unwrap();
    }

    pub(crate) async fn annotate(&self, name: &str, annotations: Value) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        self.api::<ScaledObject>().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(crate) async fn change(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.api::<ScaledObject>().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.api::<ScaledObject>().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(crate) async fn object(&self, name: &str) -> Option<ScaledObject> {
        self.api::<ScaledObject>().get_opt(name).await.unwrap()
    }

    pub(crate) async fn status(&self, name: &str) -> ScaledObjectStatus {
        self.object(name).await.and_then(|object| object.status).unwrap_or_default()
    }

    /// `True/ScaledObjectReady`; empty where there is no such condition.
    pub(crate) async fn condition(&self, name: &str, kind: &str) -> String {
        let conditions = self.status(name).await.conditions.unwrap_or_default();
        let found = conditions.into_iter().find(|condition| condition.kind == kind);
        found.map_or(String::new(), |one| format!("{}/{}", one.status, one.reason.unwrap_or_default()))
    }

    pub(crate) async fn message(&self, name: &str, kind: &str) -> String {
        let conditions = self.status(name).await.conditions.unwrap_or_default();
        conditions.into_iter().find(|one| one.kind == kind).and_then(|one| one.message).unwrap_or_default()
    }

    pub(crate) async fn until_condition(&self, name: &str, kind: &str, wanted: &str) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let found = self.condition(name, kind).await;
            if found == wanted {
                return;
            }
            let message = self.message(name, kind).await;
            assert!(Instant::now() < give_up, "{kind} of {name} stays {found:?} ({message}), expected {wanted:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn until_replicas(&self, name: &str, wanted: i32) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let found = self.replicas(name).await;
            if found == wanted {
                return;
            }
            assert!(Instant::now() < give_up, "{name} stays at {found} replicas, expected {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn hpa(&self, name: &str) -> Option<HorizontalPodAutoscaler> {
        self.api::<HorizontalPodAutoscaler>().get_opt(name).await.unwrap()
    }

    pub(crate) async fn until_hpa(&self, name: &str) -> HorizontalPodAutoscaler {
        until(&format!("there is an HPA {name}"), async || self.hpa(name).await.is_some()).await;
        self.hpa(name).await.unwrap()
    }

    pub(crate) async fn until_no_hpa(&self, name: &str) {
        until(&format!("there is no HPA {name}"), async || self.hpa(name).await.is_none()).await;
    }

    /// Waits for an event with this reason; gives its note.
    pub(crate) async fn until_event(&self, reason: &str) -> String {
        let api: Api<Event> = self.api();
        let give_up = Instant::now() + PATIENCE;
        loop {
            let events = api.list(&ListParams::default()).await.unwrap().items;
            let found = events.iter().find(|event| event.reason.as_deref() == Some(reason));
            if let Some(event) = found {
                return event.note.clone().unwrap_or_default();
            }
            let seen: Vec<_> = events.iter().filter_map(|event| event.reason.clone()).collect();
            assert!(Instant::now() < give_up, "no event {reason}; there are {seen:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets a few polls pass; then whatever was going to happen has.
    pub(crate) async fn polls(&self, count: usize) {
        self.source.is_asked(count).await;
    }

    /// How many events have this reason.
    pub(crate) async fn events(&self, reason: &str) -> usize {
        let events = self.api::<Event>().list(&ListParams::default()).await.unwrap().items;
        events.iter().filter(|event| event.reason.as_deref() == Some(reason)).count()
    }

    /// What is known of a metric: its value, or why there is none.
    pub(crate) fn metric(&self, name: &str, metric: &str) -> Option<Result<f64, String>> {
        let id = tidegate_engine::TargetId::new(&self.namespace, name);
        match self.operator().board().get(&id, metric) {
            tidegate_operator::Lookup::Known(found) => Some(found.value.map_err(|error| error.to_string())),
            _ => None,
        }
    }

    /// The names of the metrics of a HorizontalPodAutoscaler, `Resource` ones by their resource, each with its target.
    pub(crate) async fn hpa_metrics(&self, name: &str) -> Vec<String> {
        let Some(hpa) = self.hpa(name).await else { return Vec::new() };
        let metrics = hpa.spec.metrics.unwrap_or_default().into_iter();
        let named = metrics.map(|metric| match (metric.external, metric.resource) {
            (Some(one), _) => {
                format!("{} {}", one.metric.name, one.target.average_value.or(one.target.value).unwrap().0)
            }
            (None, Some(one)) => one.name,
            (None, None) => metric.type_,
        });
        named.collect()
    }
}
