//! What is said of objects, as a table.

use serde_json::{Value, json};

use super::super::report::{Report, Weight};
use super::super::{from_text, text};
use super::judge;

fn judged(items: Value) -> Report {
    judge(&from_text(&json!({"kind": "List", "items": items}).to_string()).unwrap())
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "keda.sh/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

fn scaled(name: &str, trigger: Value, more: Value) -> Value {
    let mut spec = json!({"scaleTargetRef": {"name": name}, "triggers": [trigger]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object("ScaledObject", name, spec)
}

fn cron() -> Value {
    let metadata = json!({"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "3"});
    json!({"type": "cron", "metadata": metadata})
}

fn prometheus(more: Value) -> Value {
    let mut metadata = json!({"serverAddress": "http://prometheus:9090", "query": "up", "threshold": "1"});
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"type": "prometheus", "metadata": metadata})
}

/// What it is, the object, how much it weighs, the field that is named, and words of the message.
type Case = (&'static str, Value, Weight, &'static str, &'static str);

fn plain_triggers() -> Vec<Case> {
    let fallback = json!({"fallback": {"failureThreshold": 3, "replicas": 0}});
    vec![
        ("cron alone", scaled("a", cron(), json!({})), Weight::Note, "", ""),
        (
            "not served yet",
            scaled("a", json!({"type": "mssql", "metadata": {}}), json!({})),
            Weight::Breaks,
            "spec.triggers[0].type",
            "mssql is not served yet",
        ),
        (
            "misspelt",
            scaled("a", json!({"type": "cronn", "metadata": {}}), json!({})),
            Weight::Breaks,
            "spec.triggers[0].type",
            "no trigger type",
        ),
        (
            "fallback to zero",
            scaled("a", prometheus(json!({})), fallback),
            Weight::Differs,
            "spec.fallback.replicas",
            "zero",
        ),
        (
            "files of the operator",
            scaled("a", prometheus(json!({"credentialsFromEnvFile": "X"})), json!({})),
            Weight::Breaks,
            "spec.triggers[0].metadata.credentialsFromEnvFile",
            "refused",
        ),
        (
            "loopback",
            scaled("a", prometheus(json!({"serverAddress": "http://127.0.0.1:9090"})), json!({})),
            Weight::Breaks,
            "spec.triggers[0].metadata.serverAddress",
            "--allow-address",
        ),
        (
            "metadata service",
            scaled("a", prometheus(json!({"serverAddress": "http://169.254.169.254/x"})), json!({})),
            Weight::Breaks,
            "spec.triggers[0].metadata.serverAddress",
            "169.254.169.254",
        ),
        (
            "empty results",
            scaled("a", prometheus(json!({})), json!({})),
            Weight::Note,
            "spec.triggers[0].metadata.ignoreNullValues",
            "counts as 0",
        ),
    ]
}

fn with_credentials() -> Vec<Case> {
    vec![
        (
            "kafka",
            scaled("a", json!({"type": "kafka", "metadata": {"topic": "t"}}), json!({})),
            Weight::Differs,
            "spec.triggers[0]",
            "never exceed the partitions",
        ),
        (
            "no such authentication",
            scaled(
                "a",
                json!({"type": "kafka", "metadata": {"topic": "t"},
            "authenticationRef": {"name": "absent"}}),
                json!({}),
            ),
            Weight::Breaks,
            "spec.triggers[0].authenticationRef",
            "without credentials",
        ),
        ("jobs", object("ScaledJob", "a", json!({})), Weight::Breaks, "", "not served yet"),
        (
            "vault",
            object(
                "TriggerAuthentication",
                "a",
                json!({"hashiCorpVault": {"address": "https://vault",
            "authentication": "token", "secrets": []}}),
            ),
            Weight::Breaks,
            "spec.hashiCorpVault",
            "not served yet",
        ),
        (
            "identity",
            object("TriggerAuthentication", "a", json!({"podIdentity": {"provider": "aws"}})),
            Weight::Breaks,
            "spec.podIdentity",
            "aws",
        ),
        (
            "secret",
            object(
                "TriggerAuthentication",
                "a",
                json!({"secretTargetRef": [{"parameter": "p", "name": "n",
            "key": "k"}]}),
            ),
            Weight::Note,
            "spec",
            "missing Secret",
        ),
    ]
}

/// PAIN-46: each object whose decisions would be otherwise is told with the field and the reason.
#[test]
fn every_difference_is_told_with_its_field_and_weight() {
    for (what, found, weight, field, words) in plain_triggers().into_iter().chain(with_credentials()) {
        let report = judged(json!([found]));
        let verdict = &report.objects[0];
        assert_eq!(verdict.weight, weight, "{what}: {:#?}", verdict.findings);
        let told = verdict
            .findings
            .iter()
            .any(|finding| finding.field == field && finding.message.contains(words) && finding.weight == weight);
        assert!(told || words.is_empty(), "{what}: {:#?}", verdict.findings);
        assert_eq!(report.breaks(), weight == Weight::Breaks, "{what}");
    }
}

#[test]
fn two_objects_on_one_workload_are_told_and_a_trigger_breaks_with_its_authentication() {
    let mut second = scaled("b", cron(), json!({}));
    second["spec"]["scaleTargetRef"]["name"] = "a".into();
    let report = judged(json!([scaled("a", cron(), json!({})), second]));
    assert!(report.objects.iter().all(|object| object.weight == Weight::Breaks), "{:#?}", report.objects);
    let vault = json!({"hashiCorpVault": {"address": "https://vault", "authentication": "token", "secrets": []}});
    let mut trigger = prometheus(json!({}));
    trigger["authenticationRef"] = json!({"name": "auth"});
    let report = judged(json!([scaled("c", trigger, json!({})), object("TriggerAuthentication", "auth", vault)]));
    assert_eq!(report.count(Weight::Breaks), 2);
}

#[test]
fn rights_that_the_manifests_do_not_give_are_printed_as_yaml() {
    let mut custom = scaled("a", cron(), json!({}));
    custom["spec"]["scaleTargetRef"] = json!({"apiVersion": "example.com/v1", "kind": "Widget", "name": "a"});
    let token = json!({"boundServiceAccountToken": [{"parameter": "t", "serviceAccountName": "reader"}]});
    let report = judged(json!([custom, object("TriggerAuthentication", "auth", token)]));
    assert_eq!(report.rights.len(), 2, "{:#?}", report.rights);
    for right in &report.rights {
        let documents = serde_saphyr::from_multiple::<Value>(right).unwrap();
        assert!(documents.iter().all(|document| document["apiVersion"] == "rbac.authorization.k8s.io/v1"), "{right}");
    }
    let all = report.rights.join("\n");
    assert!(all.contains("widgets/scale") && all.contains("[reader]"), "{all}");
}

#[test]
fn kedas_settings_are_read_as_our_own_command_line_takes_them() {
    let container = json!({"name": "keda-operator", "command": ["/keda"],
        "args": ["--leader-elect", "--zap-log-level=info", "--kube-api-qps=50", "--enable-cert-rotation=true"],
        "env": [{"name": "WATCH_NAMESPACE", "value": "shop"}, {"name": "KEDA_HTTP_DEFAULT_TIMEOUT", "value": "soon"}]});
    let deployment = json!({"kind": "Deployment", "metadata": {"name": "keda-operator"},
        "spec": {"template": {"spec": {"containers": [container]}}}});
    let report = judged(json!([deployment]));
    assert!(report.installation.iter().any(|finding| finding.message.contains("KEDA_HTTP_DEFAULT_TIMEOUT")));
    let foreign =
        json!({"kind": "APIService", "spec": {"service": {"namespace": "datadog", "name": "datadog-metrics"}}});
    assert!(judged(json!([foreign])).breaks());
}

#[test]
fn the_text_names_each_object_once_and_gives_the_steps() {
    let items = json!([
        scaled("orders", cron(), json!({})),
        scaled("bills", json!({"type": "mssql", "metadata": {}}), json!({}))
    ]);
    let text = text(&judged(items));
    assert!(
        text.starts_with(
            "2 objects looked at, nothing changed: 1 would break, 0 would differ on purpose, 1 would go on"
        )
    );
    assert_eq!(text.matches("ScaledObject shop/orders").count(), 1);
    for words in ["WOULD BREAK", "THERE\n  1. ", "BACK, at any time\n  1. ", "--replicas=0"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}
