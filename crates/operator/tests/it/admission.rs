//! The webhook behind a real API server: what is applied is refused, warned about or taken.

use std::sync::{Arc, Mutex};

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tidegate_cluster::Cluster;
use tidegate_crds::ScaledObject;
use tidegate_crds::admission::{Facts, ForeignHpa};
use tidegate_operator::{AdmissionOptions, Certificates, Options, Readiness, Series, publish, serve_admission};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::faulty::{Asked, client as counting};
use crate::served::{options, wait_for};

/// What the index would know: others by name, for whichever target and HorizontalPodAutoscaler is asked about.
#[derive(Default)]
struct Known {
    with_target: Mutex<Vec<String>>,
    with_hpa: Mutex<Vec<String>>,
    hpas: Mutex<Vec<ForeignHpa>>,
}

impl Facts for Known {
    fn others_with_target(&self, _: &ScaledObject) -> Vec<String> {
        self.with_target.lock().unwrap().clone()
    }

    fn others_with_hpa(&self, _: &ScaledObject, _: &str) -> Vec<String> {
        self.with_hpa.lock().unwrap().clone()
    }

    fn foreign_hpas(&self, _: &ScaledObject) -> Vec<ForeignHpa> {
        self.hpas.lock().unwrap().clone()
    }
}

/// A webhook for one namespace. It ends with this.
struct Hooked {
    namespace: String,
    known: Arc<Known>,
    /// What the webhook asked of the API server.
    asked: Asked,
    series: Arc<dyn Series>,
    client: kube::Client,
    stop: CancellationToken,
    _end: DropGuard,
}

fn api(client: &kube::Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", kind);
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

async fn install_kinds(client: &kube::Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for kind in ["ScaledObject", "ScaledJob", "TriggerAuthentication"] {
        let definition = tidegate_crds::crd::crd(kind).unwrap();
        let name = definition["metadata"]["name"].as_str().unwrap();
        let parameters = PatchParams::apply("tidegate-tests").force();
        definitions.patch(name, &parameters, &Patch::Apply(definition)).await.unwrap();
        wait_for("the kind is served", async || {
            let found = definitions.get(name).await.map_err(|error| error.to_string())?;
            let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
            let is_served = conditions.iter().any(|one| one.type_ == "Established" && one.status == "True");
            if is_served { Ok(()) } else { Err(format!("{conditions:?}")) }
        })
        .await;
    }
}

impl Hooked {
    async fn start(cluster: &Cluster) -> Hooked {
        let (client, namespace) = (cluster.client(), cluster.namespace("admission").await);
        install_kinds(&client).await;
        let (stop, name) = (CancellationToken::new(), format!("tidegate-{namespace}"));
        let admission = AdmissionOptions {
            bind: "127.0.0.1:0".parse().unwrap(),
            configuration: name.clone(),
            patch_configuration: true,
        };
        let options = Options { admission: Some(admission.clone()), external_metrics: None, ..options(&namespace) };
        let certificates = Certificates::start(&client, &options, &Readiness::new(), &stop).await.unwrap();
        let known = Arc::new(Known::default());
        let facts = Arc::clone(&known) as Arc<dyn Facts + Send + Sync>;
        let asked = Asked::default();
        let own = counting(cluster, &asked, |_| false).await;
        let served = serve_admission(&own, &admission, &certificates, facts, &stop).await.unwrap();
        let port = served.serving.address.port();
        let hook = |kind: &str| {
            let path = format!("/validate-keda-sh-v1alpha1-{kind}");
            json!({
                "name": format!("{kind}.keda.sh"),
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "clientConfig": { "url": format!("https://localhost:{port}{path}") },
                "rules": [{ "apiGroups": ["keda.sh"], "apiVersions": ["v1alpha1"],
                            "operations": ["CREATE", "UPDATE"], "resources": [format!("{kind}s")] }],
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
            })
        };
        let webhooks = ["scaledobject", "scaledjob", "triggerauthentication"].map(hook);
        let configuration: ValidatingWebhookConfiguration =
            serde_json::from_value(json!({ "metadata": { "name": name }, "webhooks": webhooks })).unwrap();
        let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        configurations.create(&PostParams::default(), &configuration).await.unwrap();
        publish(&client, &options, &certificates, &watch::channel(true).1, &stop);
        let hooked = Hooked {
            namespace,
            known,
            asked,
            series: served.series,
            client,
            stop: stop.clone(),
            _end: stop.drop_guard(),
        };
        let wrong = json!({ "minReplicaCount": 1, "idleReplicaCount": 1 });
        wait_for("the webhook is asked", async || match hooked.apply("probe", wrong.clone(), true).await {
            Err(text) if text.contains("idleReplicaCount: found 1") => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        hooked
    }

    fn object(&self, name: &str, change: Value) -> Value {
        let metadata = json!({ "bootstrapServers": "kafka:9092", "consumerGroup": "g", "topic": "t" });
        let mut spec = json!({
            "scaleTargetRef": { "name": "orders" },
            "triggers": [{ "type": "kafka", "metadata": metadata }],
        });
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": { "name": name, "namespace": self.namespace },
            "spec": spec,
        })
    }

    /// Applies an object; gives back what the API server said against it.
    async fn apply(&self, name: &str, change: Value, dry_run: bool) -> Result<(), String> {
        let mut parameters = PatchParams::apply("tests").force();
        parameters.dry_run = dry_run;
        let object = self.object(name, change);
        let (objects, object) = (api(&self.client, &self.namespace, "ScaledObject"), Patch::Apply(&object));
        match objects.patch(name, &parameters, &object).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(status.message.clone()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The warnings that come with a dry run.
    async fn warnings(&self, name: &str, change: Value) -> Vec<String> {
        let path = format!(
            "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects/{name}?dryRun=All&fieldManager=tests&force=true",
            self.namespace
        );
        let body = serde_json::to_vec(&self.object(name, change)).unwrap();
        let request = axum::http::Request::patch(path).header("content-type", "application/apply-patch+yaml");
        let response = self.client.send(request.body(body.into()).unwrap()).await.unwrap();
        let warnings = response.headers().get_all("warning").iter();
        warnings.map(|warning| warning.to_str().unwrap().to_owned()).collect()
    }

    fn counted(&self, line: &str) -> bool {
        let mut page = String::new();
        self.series.write(&mut page);
        page.lines().any(|found| found.starts_with(line))
    }
}

/// VAL-03, VAL-06, VAL-07, VAL-08, VAL-14, VAL-17, VAL-20; TEL-17, PAIN-29
#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_every_fault() {
    let cluster = Cluster::shared().await;
    let hooked = Hooked::start(cluster).await;
    assert_eq!(hooked.apply("orders", json!({}), false).await, Ok(()));

    let kafka = json!({ "bootstrapServers": "kafka:9092", "consumerGroup": "g", "topic": "t", "lagThreshold": "many" });
    let twice = json!([
        { "type": "kafka", "name": "one", "metadata": kafka },
        { "type": "cron", "name": "one", "useCachedMetrics": true, "metadata": {} },
    ]);
    let refused = hooked.apply("faults", json!({ "idleReplicaCount": 5, "triggers": twice }), false).await.unwrap_err();
    for words in [
        "denied the request",
        "spec.idleReplicaCount: found 5",
        "spec.triggers[1].name: found \"one\" a second time",
        "spec.triggers[1].useCachedMetrics",
        "spec.triggers[0].metadata.lagThreshold",
        "spec.triggers[1].metadata.timezone",
    ] {
        assert!(refused.contains(words), "{words} is not in\n{refused}");
    }
    *hooked.known.with_target.lock().unwrap() = vec!["first".to_owned()];
    let refused = hooked.apply("second", json!({}), false).await.unwrap_err();
    assert!(refused.contains("first") && refused.contains("orders"), "{refused}");
    hooked.known.with_target.lock().unwrap().clear();
    *hooked.known.hpas.lock().unwrap() = vec![ForeignHpa { name: "by-hand".to_owned(), ..ForeignHpa::default() }];
    let refused = hooked.apply("third", json!({}), false).await.unwrap_err();
    assert!(refused.contains("by-hand"), "{refused}");
    hooked.known.hpas.lock().unwrap().clear();

    assert_eq!(hooked.asked.lines(), [""; 0], "it answers from what the operator knows");

    let namespace = &hooked.namespace;
    for (reason, action) in [
        ("incorrect-replicas", "create"),
        ("incorrect-triggers", "create"),
        ("other-scaled-object", "create"),
        ("other-hpa", "create"),
    ] {
        let line = format!(
            "keda_webhook_scaled_object_validation_errors_total{{namespace=\"{namespace}\",action=\"{action}\",reason=\"{reason}\"}} "
        );
        assert!(hooked.counted(&line), "no {line}");
    }
    let line = format!("keda_webhook_scaled_object_validations_total{{namespace=\"{namespace}\",action=\"create\"}} ");
    assert!(hooked.counted(&line), "no {line}");
}

/// VAL-18, VAL-19
#[tokio::test]
async fn what_is_merely_suspicious_is_taken_with_a_warning() {
    let cluster = Cluster::shared().await;
    let hooked = Hooked::start(cluster).await;
    let change = json!({ "minReplicaCount": 1, "cooldownPeriod": 30, "pollingInterval": 5 });
    let warnings = hooked.warnings("suspicious", change).await;
    for words in ["spec.cooldownPeriod: has no effect", "spec.pollingInterval: has no effect"] {
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{words} is not in {warnings:#?}");
    }
    let misspelt = json!({ "bootstrapServers": "a:9092", "consumerGroup": "g", "topic": "t", "lagTreshold": "5" });
    let warnings =
        hooked.warnings("misspelt", json!({ "triggers": [{ "type": "kafka", "metadata": misspelt }] })).await;
    assert!(warnings.iter().any(|warning| warning.contains("lagTreshold")), "{warnings:#?}");
    assert_eq!(hooked.warnings("good", json!({})).await, Vec::<String>::new());
}

/// VAL-09, VAL-10, VAL-11, VAL-12
#[tokio::test]
async fn cpu_needs_a_target_whose_containers_request_it() {
    let cluster = Cluster::shared().await;
    let hooked = Hooked::start(cluster).await;
    let cpu = json!([{ "type": "cpu", "metricType": "Utilization", "metadata": { "value": "50" } }]);
    let change = |kind: &str| {
        json!({
            "minReplicaCount": 1,
            "triggers": cpu,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": kind, "name": "orders" },
        })
    };
    let missing = hooked.apply("cpu", change("Deployment"), false).await.unwrap_err();
    assert!(missing.contains("no Deployment named \"orders\""), "{missing}");
    assert_eq!(hooked.apply("cpu", change("Deployment"), true).await, Ok(()), "a dry run does not ask for the target");
    assert_eq!(hooked.apply("other-kind", change("ReplicaSet"), false).await, Ok(()));

    let deployments: Api<Deployment> = Api::namespaced(hooked.client.clone(), &hooked.namespace);
    let labels = json!({ "app": "orders" });
    let deployment = |resources: Value| {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "orders" },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [{ "name": "app", "image": "none", "resources": resources }] },
                },
            },
        })
    };
    let put = async |resources: Value| {
        let parameters = PatchParams::apply("tests").force();
        deployments.patch("orders", &parameters, &Patch::Apply(&deployment(resources))).await.unwrap();
    };
    put(json!({})).await;
    let missing = hooked.apply("cpu", change("Deployment"), false).await.unwrap_err();
    assert!(missing.contains("\"app\"") && missing.contains("cpu"), "{missing}");
    put(json!({ "limits": { "cpu": "1" } })).await;
    assert_eq!(hooked.apply("cpu", change("Deployment"), false).await, Ok(()));
    let zero = json!({ "minReplicaCount": 0, "triggers": cpu });
    let refused = hooked.apply("zero", zero, false).await.unwrap_err();
    assert!(refused.contains("spec.minReplicaCount: found 0"), "{refused}");
}

/// VAL-21
#[tokio::test]
async fn a_finalizer_can_be_taken_from_an_object_that_is_no_longer_valid() {
    let cluster = Cluster::shared().await;
    let hooked = Hooked::start(cluster).await;
    let objects = api(&hooked.client, &hooked.namespace, "ScaledObject");
    let mut object = hooked.object("old", json!({}));
    object["metadata"]["finalizers"] = json!(["finalizer.keda.sh"]);
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    objects.create(&PostParams::default(), &object).await.unwrap();
    // From now on another ScaledObject has the same target.
    *hooked.known.with_target.lock().unwrap() = vec!["first".to_owned()];
    let change = Patch::Merge(json!({ "spec": { "maxReplicaCount": 7 } }));
    let refused = objects.patch("old", &PatchParams::default(), &change).await.unwrap_err().to_string();
    assert!(refused.contains("first"), "{refused}");
    let removed = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    objects.patch("old", &PatchParams::default(), &removed).await.unwrap();
    hooked.stop.cancel();
}

/// VAL-24, and what a webhook is asked for other kinds.
#[tokio::test]
async fn other_kinds_have_their_rules() {
    let cluster = Cluster::shared().await;
    let hooked = Hooked::start(cluster).await;
    let authentication: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": { "name": "aws" },
        "spec": { "podIdentity": { "provider": "aws", "roleArn": "arn:aws:iam::1:role/a", "identityOwner": "workload" } },
    }))
    .unwrap();
    let authentications = api(&hooked.client, &hooked.namespace, "TriggerAuthentication");
    let refused = authentications.create(&PostParams::default(), &authentication).await.unwrap_err().to_string();
    assert!(refused.contains("denied the request") && refused.contains("roleArn"), "{refused}");
}
