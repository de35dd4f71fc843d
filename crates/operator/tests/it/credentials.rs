//! What triggers are given, from the objects of a real API server.

use std::time::Duration;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tidegate_crds::{ScaledObject, TriggerSources};
use tidegate_engine::TargetId;
use tidegate_operator::{Credentials, Options, Recorder};
use tokio::sync::{mpsc, watch};

use crate::installed::{apply, cluster, keda, until};

/// A value that must not show up anywhere but where it is asked for.
const CANARY: &str = "canary-d41d8cd98f00";

struct Fixture {
    client: Client,
    namespace: String,
    credentials: Credentials,
    changed: mpsc::Receiver<TargetId>,
}

impl Fixture {
    async fn new(prefix: &str, adjust: impl FnOnce(&mut Options)) -> Fixture {
        let cluster = cluster().await;
        Self::with(cluster.client(), cluster.client(), cluster.namespace(prefix).await, adjust)
    }

    /// `own` is the operator's client, `client` the administrator's.
    fn with(client: Client, own: Client, namespace: String, adjust: impl FnOnce(&mut Options)) -> Fixture {
        let mut options = Options { cluster_object_namespace: Some(namespace.clone()), ..Options::default() };
        adjust(&mut options);
        let (sender, changed) = mpsc::channel(64);
        let credentials = Credentials::start(own, &options, sender);
        Fixture { client, namespace, credentials, changed }
    }

    fn id(&self) -> TargetId {
        TargetId::new(&self.namespace, "orders")
    }

    async fn put(&self, object: Value) {
        apply(&self.client, Some(&self.namespace), &object).await;
    }

    async fn secret(&self, name: &str, data: Value) {
        self.put(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})).await;
    }

    async fn authentication(&self, name: &str, spec: Value) {
        let kind = "TriggerAuthentication";
        let object = json!({"apiVersion": "keda.sh/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        self.put(object).await;
    }

    /// What the only trigger is given.
    async fn given(&self, trigger: Value, template: Option<&PodTemplateSpec>) -> (Result<TriggerSources, String>, u64) {
        let object = scaled_object(&self.namespace, &trigger);
        let given = self.credentials.resolve(&self.id(), &object, template).await;
        let first = given.triggers.into_iter().next().expect("a trigger");
        let told = first.map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("\n")
        });
        (told, given.mark)
    }

    /// Waits until the ScaledObject is said to need another look.
    async fn told(&mut self) {
        let told = tokio::time::timeout(Duration::from_secs(90), self.changed.recv()).await;
        assert_eq!(told.expect("a change is told of in time"), Some(self.id()));
    }

    /// Looks again, each time after being told to, until it is right.
    async fn given_in_the_end(&mut self, trigger: &Value, right: impl Fn(&Result<TriggerSources, String>) -> bool) {
        loop {
            let (given, _) = self.given(trigger.clone(), None).await;
            if right(&given) {
                return;
            }
            self.told().await;
        }
    }
}

fn scaled_object(namespace: &str, trigger: &Value) -> ScaledObject {
    let object = json!({
        "metadata": {"name": "orders", "namespace": namespace},
        "spec": {"scaleTargetRef": {"name": "orders"}, "triggers": [trigger]},
    });
    serde_json::from_value(object).expect("a ScaledObject")
}

fn kafka(authentication: &str) -> Value {
    json!({"type": "kafka", "metadata": {"topic": "orders"}, "authenticationRef": {"name": authentication}})
}

fn parameter<'a>(given: &'a Result<TriggerSources, String>, name: &str) -> Option<&'a str> {
    given.as_ref().ok().and_then(|given| given.auth.get(name)).map(|value| value.expose())
}

/// AUTH-11, PAIN-22: a rotated Secret is told of and used at the next look, and nothing else changes.
#[tokio::test]
async fn a_rotated_secret_is_used_at_the_next_look() {
    let mut fixture = Fixture::new("rotated", |_| {}).await;
    fixture.secret("login", json!({"user": "orders", "password": CANARY})).await;
    let references = json!([{"parameter": "username", "name": "login", "key": "user"},
        {"parameter": "password", "name": "login", "key": "password"}]);
    fixture.authentication("kafka", json!({ "secretTargetRef": references })).await;
    until("the authentication is known", async || fixture.given(kafka("kafka"), None).await.0.is_ok()).await;
    let (given, mark) = fixture.given(kafka("kafka"), None).await;
    assert_eq!(parameter(&given, "password"), Some(CANARY));
    assert_eq!(parameter(&given, "username"), Some("orders"));
    assert_eq!(fixture.given(kafka("kafka"), None).await.1, mark, "nothing changed, so the mark did not");
    fixture.secret("login", json!({"user": "orders", "password": "rotated"})).await;
    let rotated = |given: &_| parameter(given, "password") == Some("rotated");
    fixture.given_in_the_end(&kafka("kafka"), rotated).await;
    assert_ne!(fixture.given(kafka("kafka"), None).await.1, mark);
    assert!(!format!("{given:?}").contains(CANARY), "debug output shows a secret");
}

/// AUTH-04, AUTH-06: what is missing is an error that names it, and heals when it comes.
#[tokio::test]
async fn what_is_missing_is_named_and_used_once_it_is_there() {
    let mut fixture = Fixture::new("missing", |_| {}).await;
    let (given, _) = fixture.given(kafka("kafka"), None).await;
    let problem = given.expect_err("no such authentication");
    assert!(
        problem.contains("spec.triggers[0].authenticationRef.name: there is no TriggerAuthentication"),
        "{problem}"
    );
    let reference = json!([{"parameter": "password", "name": "login", "key": "password"}]);
    fixture.authentication("kafka", json!({ "secretTargetRef": reference })).await;
    let lacks = |what: &'static str| {
        move |given: &Result<TriggerSources, String>| given.as_ref().is_err_and(|problem| problem.contains(what))
    };
    fixture.given_in_the_end(&kafka("kafka"), lacks("there is no Secret named \"login\"")).await;
    fixture.secret("login", json!({"passwort": CANARY})).await;
    fixture.given_in_the_end(&kafka("kafka"), lacks("has no key \"password\"")).await;
    let (given, _) = fixture.given(kafka("kafka"), None).await;
    assert!(!given.expect_err("no such key").contains(CANARY));
    fixture.secret("login", json!({"password": CANARY})).await;
    fixture.given_in_the_end(&kafka("kafka"), |given| parameter(given, "password") == Some(CANARY)).await;
    let api: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    api.delete("login", &DeleteParams::default()).await.expect("deleted");
    fixture.given_in_the_end(&kafka("kafka"), lacks("there is no Secret")).await;
}

fn template(container: Value) -> PodTemplateSpec {
    serde_json::from_value(json!({"spec": {"containers": [container]}})).expect("a template")
}

/// AUTH-10: the container's environment, for triggers that ask for a variable.
#[tokio::test]
async fn the_environment_of_the_container_is_made_as_kubernetes_makes_it() {
    let fixture = Fixture::new("environment", |_| {}).await;
    fixture.secret("login", json!({"password": CANARY})).await;
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kafka"}, "data": {"HOST": "kafka"}});
    fixture.put(map).await;
    let template = template(json!({"name": "app",
        "envFrom": [{"configMapRef": {"name": "kafka"}, "prefix": "KAFKA_"}],
        "env": [{"name": "ADDRESS", "value": "$(KAFKA_HOST):9092"},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}));
    let trigger = json!({"type": "kafka", "metadata": {"bootstrapServersFromEnv": "ADDRESS"}});
    let (given, _) = fixture.given(trigger, Some(&template)).await;
    let given = given.expect("an environment");
    let value = |name: &str| given.env.get(name).map(|value| value.expose());
    assert_eq!(value("ADDRESS"), Some("kafka:9092"));
    assert_eq!(value("PASSWORD"), Some(CANARY));
    assert_eq!(value("POD"), None);
    let plain = json!({"type": "kafka", "metadata": {"topic": "orders"}});
    let (given, _) = fixture.given(plain, Some(&template)).await;
    assert!(given.expect("nothing is needed").env.is_empty(), "nobody asked for a variable");
}

/// AUTH-07, AUTH-09: with restricted access, Secrets come from the operator's namespace alone, and what is withheld is
/// an error that says so, not an empty credential.
#[tokio::test]
async fn restricted_access_leaves_the_secrets_of_other_namespaces_alone() {
    let own = cluster().await.namespace("own").await;
    let operators = own.clone();
    let fixture = Fixture::new("restricted", |options| {
        options.restrict_secret_access = true;
        options.cluster_object_namespace = Some(operators);
    })
    .await;
    fixture.secret("login", json!({"password": CANARY})).await;
    let reference = json!([{"parameter": "password", "name": "login", "key": "password"}]);
    fixture.authentication("kafka", json!({ "secretTargetRef": reference })).await;
    until("the authentication is known", async || {
        let (given, _) = fixture.given(kafka("kafka"), None).await;
        given.is_err_and(|problem| problem.contains("KEDA_RESTRICT_SECRET_ACCESS"))
    })
    .await;
    let template = template(json!({"name": "app", "env": [{"name": "HOST", "value": "kafka:9092"},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}}]}));
    let asks = |variable: &str| json!({"type": "kafka", "metadata": {"bootstrapServersFromEnv": variable}});
    assert!(fixture.given(asks("HOST"), Some(&template)).await.0.is_ok(), "what is no secret is given");
    let problem = fixture.given(asks("PASSWORD"), Some(&template)).await.0.expect_err("withheld");
    assert!(problem.contains("\"PASSWORD\" comes from Secret login") && !problem.contains(CANARY), "{problem}");

    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shared", "namespace": own},
        "stringData": {"password": CANARY}});
    fixture.put(secret).await;
    let name = format!("shared-{}", fixture.namespace);
    let spec = json!({"secretTargetRef": [{"parameter": "password", "name": "shared", "key": "password"}]});
    let kind = "ClusterTriggerAuthentication";
    let object = json!({"apiVersion": "keda.sh/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    apply(&fixture.client, None, &object).await;
    let trigger = json!({"type": "kafka", "metadata": {}, "authenticationRef": {"name": name, "kind": kind}});
    until("the cluster's authentication is used", async || {
        parameter(&fixture.given(trigger.clone(), None).await.0, "password") == Some(CANARY)
    })
    .await;
}

/// AUTH-12, PAIN-2: a token of the named account, and never the operator's own.
#[tokio::test]
async fn a_token_of_an_account_is_asked_for_and_the_operators_own_is_refused() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("tokens").await;
    for name in ["reader", "operator"] {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        apply(&cluster.client(), Some(&namespace), &account).await;
    }
    let rules = json!([{"apiGroups": ["keda.sh"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}]);
    allow(&cluster.client(), &namespace, &rules).await;
    let own = cluster.client_as(&namespace, "operator").await;
    let fixture = Fixture::with(cluster.client(), own, namespace.clone(), |_| {});
    let token = |account: &str| json!({"boundServiceAccountToken": [{"parameter": "bearerToken", "serviceAccountName": account}]});
    fixture.authentication("reader", token("reader")).await;
    fixture.authentication("operator", token("operator")).await;
    fixture.authentication("nobody", token("nobody")).await;
    until("a token is given", async || fixture.given(kafka("reader"), None).await.0.is_ok()).await;
    let (given, _) = fixture.given(kafka("reader"), None).await;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {},
        "spec": {"token": parameter(&given, "bearerToken").expect("a token")}});
    let review: k8s_openapi::api::authentication::v1::TokenReview = serde_json::from_value(review).expect("a review");
    let api: Api<k8s_openapi::api::authentication::v1::TokenReview> = Api::all(fixture.client.clone());
    let reviewed = api.create(&Default::default(), &review).await.expect("reviewed");
    let user = reviewed.status.and_then(|status| status.user).and_then(|user| user.username);
    assert_eq!(user, Some(format!("system:serviceaccount:{namespace}:reader")));
    for (name, expected) in
        [("operator", "the operator's own account"), ("nobody", "there is no service account \"nobody\"")]
    {
        let problem = fixture.given(kafka(name), None).await.0.expect_err(name);
        assert!(problem.contains(expected), "{problem}");
    }
}

/// Gives the account `operator` of a namespace these rights in the whole cluster.
async fn allow(client: &Client, namespace: &str, rules: &Value) {
    let name = format!("test-{namespace}");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": rules});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}]});
    apply(client, None, &role).await;
    apply(client, None, &binding).await;
}

/// PAIN-20: an account that may not read a Secret says which Role it lacks, and goes on by itself once it has it. The Role
/// names the one Secret; nothing wider is needed.
#[tokio::test]
async fn a_secret_that_may_not_be_read_names_the_role_that_is_missing() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("denied").await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}});
    apply(&cluster.client(), Some(&namespace), &account).await;
    let rules = json!([{"apiGroups": ["keda.sh"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]);
    allow(&cluster.client(), &namespace, &rules).await;
    let own = cluster.client_as(&namespace, "operator").await;
    let mut fixture = Fixture::with(cluster.client(), own, namespace.clone(), |_| {});
    fixture.secret("login", json!({"password": CANARY})).await;
    let reference = json!([{"parameter": "password", "name": "login", "key": "password"}]);
    fixture.authentication("kafka", json!({ "secretTargetRef": reference })).await;
    let denied = |given: &Result<TriggerSources, String>| {
        given.as_ref().is_err_and(|problem| {
            problem.contains(&format!("give it a Role in namespace {namespace}")) && problem.contains("[login]")
        })
    };
    until("the account's rights are known", async || denied(&fixture.given(kafka("kafka"), None).await.0)).await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "login"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["login"], "verbs": ["get", "list", "watch"]}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "login"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "login"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}]});
    fixture.put(role).await;
    fixture.put(binding).await;
    fixture.given_in_the_end(&kafka("kafka"), |given| parameter(given, "password") == Some(CANARY)).await;
}

/// AUTH-01, AUTH-02, EV-16, EV-17, EV-18, EV-20, PAIN-43: who uses an authentication object is in its status, its coming
/// and going is told of, and a finalizer that KEDA left behind holds nothing up.
#[tokio::test]
async fn a_leader_keeps_the_status_of_authentications_and_lets_them_go() {
    let fixture = Fixture::new("kept", |_| {}).await;
    let (_leading, leads) = watch::channel(true);
    fixture.credentials.keep_authentications(Recorder::start(fixture.client.clone(), "keda-operator", "test"), leads);
    let api: Api<DynamicObject> =
        Api::namespaced_with(fixture.client.clone(), &fixture.namespace, &keda("TriggerAuthentication"));
    fixture.authentication("kafka", json!({"env": []})).await;
    let finalizer = Patch::Merge(json!({"metadata": {"finalizers": ["finalizer.keda.sh"]}}));
    api.patch("kafka", &PatchParams::default(), &finalizer).await.expect("patched");
    until("the authentication is known", async || fixture.given(kafka("kafka"), None).await.0.is_ok()).await;
    let listed = async || {
        let object = api.get("kafka").await.expect("there");
        object.data["status"]["scaledobjects"].as_str().unwrap_or_default().to_owned()
    };
    until("the user is listed", async || listed().await == "orders").await;
    let other = TargetId::new(&fixture.namespace, "bills");
    let object = scaled_object(&fixture.namespace, &kafka("kafka"));
    fixture.credentials.resolve(&other, &object, None).await;
    until("both users are listed", async || listed().await == "orders,bills").await;
    fixture.credentials.forget(&fixture.id());
    until("one user is gone", async || listed().await == "bills").await;
    fixture.authentication("kafka", json!({"configMapTargetRef": [{"parameter": "a", "name": "b", "key": "c"}]})).await;
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let told = async |reason: &str| {
        let list = events.list(&Default::default()).await.expect("listed");
        list.items.iter().any(|event| event.reason.as_deref() == Some(reason))
    };
    until("its change is told of", async || told("ClusterTriggerAuthenticationUpdated").await).await;
    api.delete("kafka", &DeleteParams::default()).await.expect("deleted");
    until("it is gone in spite of KEDA's finalizer", async || api.get_opt("kafka").await.expect("asked").is_none())
        .await;
    for reason in ["TriggerAuthenticationAdded", "TriggerAuthenticationDeleted"] {
        until(reason, async || told(reason).await).await;
    }
    let one = events.list(&Default::default()).await.expect("listed").items.remove(0);
    assert_eq!(one.reporting_controller.as_deref(), Some("keda-operator"));
    assert!(one.name_any().starts_with("kafka."));
}
