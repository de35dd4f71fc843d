//! What must not get out: credentials of triggers into anything that is written or shown, the operator's own token, and
//! requests to where a tenant has no business.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use serde_json::{Value, json};
use tidegate_crds::{ScaledObject, TriggerAuthentication};
use tidegate_operator::Options;
use tokio::net::TcpListener;
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::installed::apply;
use crate::stage::{Stage, until};
use crate::whole::Replica;

/// Part of every secret below.
const CANARY: &str = "canary-5f2b";

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;
    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

impl Log {
    /// A runtime whose threads log here.
    fn runtime(&self) -> tokio::runtime::Runtime {
        let filter = tracing_subscriber::EnvFilter::new("debug,tidegate_operator=trace,tidegate_scalers=trace");
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(self.clone()).finish();
        let dispatch = Dispatch::new(subscriber);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // The thread's own, as long as it lives.
        builder.on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)));
        builder.worker_threads(2).enable_all().build().unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A source that tells back whatever it is told, and fails.
async fn echo() -> MockServer {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let body = format!("{} {headers:?} {}", request.url, String::from_utf8_lossy(&request.body));
        ResponseTemplate::new(401).set_body_string(body)
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// A trigger whose credentials come from the Secret `keys`: `parameters` names those that it uses.
struct Case {
    name: &'static str,
    trigger: Value,
    parameters: &'static [&'static str],
}

fn cases(echo: &str) -> Vec<Case> {
    let prometheus = |modes: &str| {
        let metadata = json!({"serverAddress": echo, "query": "q", "threshold": "5", "authModes": modes});
        json!({"type": "prometheus", "metadata": metadata})
    };
    let metrics_api = |more: Value| {
        let mut metadata = json!({"url": format!("{echo}/v"), "valueLocation": "value", "targetValue": "5"});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "metrics-api", "metadata": metadata})
    };
    let kafka = |host: &str, more: Value| {
        let mut metadata = json!({"bootstrapServers": host, "consumerGroup": "g", "topic": "t", "lagThreshold": "5"});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "kafka", "metadata": metadata})
    };
    let host = echo.trim_start_matches("http://");
    let query = metrics_api(json!({"authMode": "apiKey", "method": "query", "keyParamName": "k"}));
    let inline = format!("http://user:{CANARY}-url@{host}/v");
    let with_user =
        json!({"type": "metrics-api", "metadata": {"url": inline, "valueLocation": "value", "targetValue": "5"}});
    vec![
        Case { name: "basic", trigger: prometheus("basic"), parameters: &["username", "password"] },
        Case { name: "bearer", trigger: prometheus("bearer"), parameters: &["bearerToken"] },
        Case { name: "custom", trigger: prometheus("custom"), parameters: &["customAuthHeader", "customAuthValue"] },
        Case { name: "query", trigger: query, parameters: &["apiKey"] },
        Case {
            name: "oauth",
            trigger: prometheus("oauth"),
            parameters: &["oauthTokenURI", "clientID", "clientSecret"],
        },
        Case { name: "tls", trigger: prometheus("tls"), parameters: &["cert", "key"] },
        Case {
            name: "sasl",
            trigger: kafka(host, json!({"sasl": "plaintext"})),
            parameters: &["username", "password"],
        },
        Case {
            name: "scram",
            trigger: kafka("127.0.0.1:1", json!({"sasl": "scram_sha512"})),
            parameters: &["username", "password"],
        },
        Case { name: "inline", trigger: with_user, parameters: &[] },
        // A mistake: the value is no mechanism, and a secret.
        Case { name: "mistake", trigger: kafka(host, json!({})), parameters: &["sasl"] },
    ]
}

/// Everything of the namespace that others can read but Secrets.
async fn written(stage: &Stage) -> String {
    let all = ListParams::default();
    let objects = stage.api::<ScaledObject>().list(&all).await.unwrap().items;
    let mut text = String::new();
    for object in objects {
        // What a tenant wrote into the manifest itself is the tenant's.
        text += &serde_json::to_string(&object.status).unwrap();
    }
    text += &serde_json::to_string(&stage.api::<TriggerAuthentication>().list(&all).await.unwrap().items).unwrap();
    text += &serde_json::to_string(&stage.api::<Event>().list(&all).await.unwrap().items).unwrap();
    text + &serde_json::to_string(&stage.api::<HorizontalPodAutoscaler>().list(&all).await.unwrap().items).unwrap()
}

async fn get(address: SocketAddr, path: &str) -> String {
    reqwest::get(format!("http://{address}{path}")).await.unwrap().text().await.unwrap()
}

/// Every place where the canary is found, with what is around it.
fn leaks(place: &str, text: &str) -> Vec<String> {
    let found = text.match_indices(CANARY).map(|(at, _)| {
        let start = (0..=at.saturating_sub(200)).rev().find(|start| text.is_char_boundary(*start)).unwrap_or(0);
        let end = (at + 60..text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        format!("{place}: ...{}...", &text[start..end.max(at)])
    });
    found.take(3).collect()
}

/// PAIN-23: secrets of every kind, sources that refuse them and tell them back, all levels of logs
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_shows_up_anywhere() {
    let stage = Stage::without_operator("canary").await;
    let (echo, log) = (echo().await, Log::default());
    let any_port: Option<SocketAddr> = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { metrics: any_port, console: any_port, ..stage.options() };
    let replica = Replica::on(log.runtime(), stage.cluster.admin().config().unwrap(), options).await;
    let cases = cases(&echo.uri());
    for Case { name, trigger, parameters } in &cases {
        let value = |parameter: &str| match parameter {
            "oauthTokenURI" => format!("{}/token?x={CANARY}-token-uri", echo.uri()),
            "customAuthHeader" => "X-Custom".to_owned(),
            other => format!("{CANARY}-{other}"),
        };
        let data: serde_json::Map<String, Value> =
            parameters.iter().map(|parameter| ((*parameter).to_owned(), json!(value(parameter)))).collect();
        let keys: Vec<Value> = parameters
            .iter()
            .map(|parameter| json!({"parameter": parameter, "name": format!("keys-{name}"), "key": parameter}))
            .collect();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("keys-{name}")}, "stringData": data});
        apply(&stage.client, Some(&stage.namespace), &secret).await;
        let authentication = json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"name": name},
            "spec": {"secretTargetRef": keys},
        });
        let mut trigger = trigger.clone();
        if !parameters.is_empty() {
            apply(&stage.client, Some(&stage.namespace), &authentication).await;
            trigger["authenticationRef"] = json!({"name": name});
        }
        stage.deployment(name, 1).await;
        stage.scaled_object(name, json!({"triggers": [trigger]})).await;
    }
    for Case { name, .. } in &cases {
        // By its checks or by its reads: each fails.
        until(&format!("{name} fails"), async || {
            let ready = stage.condition(name, "Ready").await;
            ready.starts_with("False/") || ready.starts_with("Unknown/Trigger")
        })
        .await;
    }
    stage.until_event("KEDAScalerFailed").await;
    let seen = echo.received_requests().await.unwrap();
    let asked = seen.iter().map(|request| format!("{} {:?}", request.url, request.headers)).collect::<String>();
    assert!(asked.contains(&format!("{CANARY}-apiKey")) && asked.contains(&format!("{CANARY}-bearerToken")));
    let (metrics, console) =
        (replica.operator().running().metrics.unwrap(), replica.operator().running().console.unwrap());
    let mut found = leaks("objects", &written(&stage).await);
    found.extend(leaks("/metrics", &get(metrics, "/metrics").await));
    found.extend(leaks("targets", &get(console, "/api/v1/targets").await));
    for Case { name, .. } in &cases {
        let target = format!("/api/v1/targets/{}/{name}", stage.namespace);
        found.extend(leaks(name, &get(console, &target).await));
        found.extend(leaks(name, &get(console, &format!("{target}/records")).await));
    }
    replica.stop().await;
    let log = log.text();
    assert!(log.contains("DEBUG") && log.contains(&stage.namespace), "nothing was logged");
    found.extend(leaks("log", &log));
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

/// Counts who connects.
async fn trap(address: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let caught = Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            caught.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

/// PAIN-21: the operator's machine, clouds' metadata and the API server are out of a tenant's reach, by address, by name and
/// by whatever protocol
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_cannot_reach_the_operators_machine_or_the_api_server() {
    let stage = Stage::without_operator("egress").await;
    let (port, count) = trap("127.0.0.1:0").await;
    let (port6, count6) = trap("[::1]:0").await;
    let options = Options { allowed_addresses: Vec::new(), ..stage.options() };
    let replica = Replica::start(stage.cluster.admin().config().unwrap(), options).await;
    let services: kube::Api<k8s_openapi::api::core::v1::Service> =
        kube::Api::namespaced(stage.client.clone(), "default");
    let kubernetes = services.get("kubernetes").await.unwrap().spec.unwrap().cluster_ip.unwrap();
    let api_server = stage.cluster.url().trim_start_matches("https://").to_owned();
    let hosts = [
        ("four", format!("127.0.0.1:{port}")),
        ("short", format!("127.1:{port}")),
        ("number", format!("2130706433:{port}")),
        ("zero", format!("0.0.0.0:{port}")),
        ("mapped", format!("[::ffff:127.0.0.1]:{port}")),
        ("six", format!("[::1]:{port6}")),
        ("name", format!("localhost:{port}")),
        ("metadata", "169.254.169.254".to_owned()),
        ("service", format!("{kubernetes}:443")),
        ("server", api_server),
    ];
    let http = |host: &str| {
        let metadata = json!({"url": format!("http://{host}/"), "valueLocation": "v", "targetValue": "5"});
        json!([{"type": "metrics-api", "metadata": metadata}])
    };
    let kafka = |host: &str| {
        let metadata = json!({"bootstrapServers": host, "consumerGroup": "g", "topic": "t"});
        json!([{"type": "kafka", "metadata": metadata}])
    };
    let external = |host: &str| json!([{"type": "external", "metadata": {"scalerAddress": host}}]);
    let mut objects: Vec<(String, Value)> = hosts.iter().map(|(name, host)| ((*name).to_owned(), http(host))).collect();
    objects.push(("kafka".to_owned(), kafka(&hosts[0].1)));
    objects.push(("kafka-name".to_owned(), kafka(&hosts[6].1)));
    objects.push(("grpc".to_owned(), external(&hosts[0].1)));
    objects.push(("grpc-name".to_owned(), external(&hosts[6].1)));
    for (name, triggers) in &objects {
        stage.deployment(name, 1).await;
        stage.scaled_object(name, json!({"triggers": triggers})).await;
    }
    for (name, _) in &objects {
        until(&format!("{name} fails"), async || stage.condition(name, "Ready").await.starts_with("False/")).await;
        let id = tidegate_engine::TargetId::new(&stage.namespace, name);
        until(&format!("{name} says why"), async || {
            let told = replica.operator().board().all(&id);
            let told = told
                .iter()
                .flat_map(|values| values.iter())
                .any(|value| value.value.as_ref().is_err_and(|why| why.contains("where triggers may not go")));
            told || stage.message(name, "Ready").await.contains("where triggers may not go")
        })
        .await;
    }
    assert_eq!((count.load(Ordering::SeqCst), count6.load(Ordering::SeqCst)), (0, 0), "somebody was connected to");
    replica.stop().await;
    // Where the administrator allows it, it is reached.
    let options = Options { allowed_addresses: vec!["127.0.0.1".to_owned()], ..stage.options() };
    let replica = Replica::start(stage.cluster.admin().config().unwrap(), options).await;
    until("it is reached", async || count.load(Ordering::SeqCst) > 0).await;
    assert_eq!(count6.load(Ordering::SeqCst), 0);
    replica.stop().await;
}

/// PAIN-2: the operator's own token goes to nobody but the API server
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_token_stays_with_it() {
    let stage = Stage::without_operator("token").await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}});
    apply(&stage.client, Some(&stage.namespace), &account).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": stage.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": stage.namespace}],
    });
    apply(&stage.client, None, &binding).await;
    let access = stage.cluster.access_as(&stage.namespace, "operator").await;
    let replica = Replica::start(access.config().unwrap(), stage.options()).await;
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let url = server.uri();
    let prometheus = json!({"type": "prometheus", "metadata": {"serverAddress": url, "query": "q", "threshold": "5"}});
    let api = json!({"type": "metrics-api", "metadata": {"url": url, "valueLocation": "v", "targetValue": "5"}});
    stage.deployment("web", 1).await;
    stage.scaled_object("web", json!({"triggers": [prometheus, api]})).await;
    let (mut asked, mut tries) = (Vec::new(), 0);
    while asked.len() < 6 && tries < 900 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (asked, tries) = (server.received_requests().await.unwrap(), tries + 1);
    }
    assert!(asked.len() >= 6, "both were asked and asked again after being refused");
    for request in asked {
        let names: Vec<&str> = request.headers.keys().map(|name| name.as_str()).collect();
        assert!(request.headers.get("authorization").is_none(), "{names:?}");
        let text = format!("{:?} {}", request.headers, request.url);
        assert!(!text.contains("eyJ"), "something like a token is sent: {names:?}");
    }
    replica.stop().await;
}
