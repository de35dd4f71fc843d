//! What admission says, row by row, of objects as the API server sends them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, LimitRange};
use serde_json::{Value, json};
use tidegate_crds::admission::{
    ContainerResources, Containers, Facts, ForeignHpa, LimitDefaults, NoFacts, TargetKey, Verdict, check,
    needs_containers, review,
};
use tidegate_crds::{Located, Manifest, ScaledObject, ScalingPolicy, from_json, k8s_openapi};

/// A cluster with other objects in it.
#[derive(Default)]
struct Cluster {
    /// Names of ScaledObjects with their targets and HPAs.
    scaled_objects: Vec<(&'static str, TargetKey, &'static str)>,
    hpas: Vec<ForeignHpa>,
    containers: Containers,
    defaults: LimitDefaults,
    policy: Option<Arc<ScalingPolicy>>,
}

impl Facts for Cluster {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        let target = TargetKey::from(&object.spec.scale_target_ref);
        let own = object.metadata.name.as_deref();
        let others = self.scaled_objects.iter().filter(|(name, key, _)| Some(*name) != own && *key == target);
        others.map(|(name, ..)| (*name).to_owned()).collect()
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        let own = object.metadata.name.as_deref();
        let others = self.scaled_objects.iter().filter(|(name, _, other)| Some(*name) != own && *other == hpa);
        others.map(|(name, ..)| (*name).to_owned()).collect()
    }

    fn foreign_hpas(&self, _: &ScaledObject) -> Vec<ForeignHpa> {
        self.hpas.clone()
    }

    fn containers(&self, _: &ScaledObject) -> Containers {
        self.containers.clone()
    }

    fn limit_range_defaults(&self, _: &ScaledObject) -> LimitDefaults {
        self.defaults.clone()
    }

    fn scaling_policy(&self, _: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        self.policy.clone()
    }
}

/// A ScaledObject `shop/orders` with `changes` merged into it.
fn object(changes: Value) -> Value {
    let mut object = json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "orders", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"name": "worker"},
            "triggers": [{"type": "kafka", "name": "lag", "metadata": {"topic": "orders"}}],
        },
    });
    merge(&mut object, changes);
    object
}

fn spec(changes: Value) -> Value {
    object(json!({"spec": changes}))
}

pub(crate) fn merge(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(value), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(value.entry(key).or_insert(Value::Null), change);
            }
        }
        (value, change) => *value = change,
    }
}

/// `reason field: text` of each error, `warning field: text` of each warning.
pub(crate) fn said(verdict: &Verdict) -> Vec<String> {
    let errors = verdict.errors.iter().map(|e| format!("{} {}: {}", e.reason, e.problem.field, e.problem.text()));
    let warnings = verdict.warnings.iter().map(|problem| format!("warning {}: {}", problem.field, problem.text()));
    errors.chain(warnings).collect()
}

/// Checks that exactly one thing is said, which holds all `words`; none: that nothing is said.
#[track_caller]
pub(crate) fn says(verdict: &Verdict, words: &[&str]) {
    let said = said(verdict);
    if words.is_empty() {
        assert!(said.is_empty(), "{said:?}");
        return;
    }
    assert_eq!(said.len(), 1, "{said:?}");
    for word in words {
        assert!(said[0].contains(word), "no {word:?} in {said:?}");
    }
}

fn alone(object: &Value) -> Verdict {
    review(object, None, &NoFacts)
}

fn cpu(metadata: Value) -> Value {
    json!({"type": "cpu", "metricType": "Utilization", "metadata": metadata})
}

/// VAL-01, VAL-04: what the definitions refuse, the webhook would refuse as well, with the field.
#[test]
fn schema_faults_name_their_field() {
    for (changes, words) in [
        (json!({"triggers": []}), vec!["incorrect-schema spec.triggers", "at least one"]),
        (json!({"pollingInterval": 0}), vec!["spec.pollingInterval", "found 0", "at least 1"]),
        (json!({"cooldownPeriod": -1}), vec!["spec.cooldownPeriod", "found -1"]),
        (json!({"initialCooldownPeriod": -1}), vec!["spec.initialCooldownPeriod", "found -1"]),
        (json!({"minReplicaCount": -1}), vec!["spec.minReplicaCount", "found -1"]),
        (json!({"maxReplicaCount": 0}), vec!["spec.maxReplicaCount", "found 0"]),
        (json!({"triggers": [{"type": "", "metadata": {}}]}), vec!["spec.triggers[0].type", "not empty"]),
        (json!({"scaleTargetRef": {"name": ""}}), vec!["spec.scaleTargetRef.name", "not empty"]),
        (
            json!({"fallback": {"failureThreshold": 1, "replicas": 1, "behavior": "hope"}}),
            vec!["spec.fallback.behavior", "hope", "currentReplicas"],
        ),
        (
            json!({"advanced": {"scalingModifiers": {"formula": "lag", "target": "1", "metricType": "Utilization"}}}),
            vec!["spec.advanced.scalingModifiers.metricType", "AverageValue or Value"],
        ),
        (
            json!({"triggers": [{"type": "kafka", "metadata": {}, "authenticationRef": {"name": "a", "kind": "Secret"}}]}),
            vec!["spec.triggers[0].authenticationRef.kind", "ClusterTriggerAuthentication"],
        ),
    ] {
        says(&alone(&spec(changes)), &words);
    }
}

/// VAL-02, VAL-03, SO-03, PAIN-38
#[test]
fn replica_counts_fit_each_other() {
    for (changes, words) in [
        (json!({"minReplicaCount": 5, "maxReplicaCount": 3}), vec!["incorrect-replicas", "found 5", "is 3"]),
        (json!({"minReplicaCount": 101}), vec!["incorrect-replicas", "found 101", "100 (its default)"]),
        (json!({"idleReplicaCount": 2, "minReplicaCount": 2}), vec!["incorrect-replicas", "spec.idleReplicaCount"]),
        (json!({"idleReplicaCount": 0}), vec!["incorrect-replicas", "give both"]),
        (json!({"idleReplicaCount": 0, "minReplicaCount": 0}), vec![]),
        (json!({"idleReplicaCount": 0, "minReplicaCount": 1}), vec![]),
    ] {
        says(&alone(&spec(changes)), &words);
    }
    let object: Located<ScaledObject> = from_json(&spec(json!({}))).usable().unwrap().0;
    let key = TargetKey::from(&object.value.spec.scale_target_ref);
    assert_eq!(key, TargetKey::new("apps/v1", "Deployment", "worker"));
}

/// VAL-05
#[test]
fn a_window_of_more_than_an_hour_is_refused() {
    let window = |seconds| {
        spec(json!({"advanced": {"horizontalPodAutoscalerConfig": {"behavior": {
            "scaleDown": {"stabilizationWindowSeconds": seconds}}}}}))
    };
    says(&alone(&window(3601)), &["scaleDown.stabilizationWindowSeconds", "found 3601", "3600"]);
    says(&alone(&window(3600)), &[]);
}

/// VAL-06, VAL-07
#[test]
fn a_workload_and_an_autoscaler_have_one_scaled_object() {
    let key = TargetKey::new("apps/v1", "Deployment", "worker");
    let cluster = Cluster { scaled_objects: vec![("bills", key, "keda-hpa-bills")], ..Cluster::default() };
    let words =
        ["other-scaled-object ", "spec.scaleTargetRef.name", "\"worker\" of type apps/v1.Deployment", "\"bills\""];
    says(&review(&spec(json!({})), None, &cluster), &words);
    let other_kind = json!({"scaleTargetRef": {"name": "worker", "kind": "StatefulSet"}});
    says(&review(&spec(other_kind.clone()), None, &cluster), &[]);
    let mut taken = spec(other_kind);
    merge(&mut taken, json!({"spec": {"advanced": {"horizontalPodAutoscalerConfig": {"name": "keda-hpa-bills"}}}}));
    says(&review(&taken, None, &cluster), &["other-scaled-object-hpa", "\"keda-hpa-bills\"", "\"bills\""]);
    // An object does not stand in its own way.
    says(&review(&object(json!({"metadata": {"name": "bills"}})), None, &cluster), &[]);
}

/// VAL-08, OWN-03, OWN-04, OWN-05
#[test]
fn a_foreign_autoscaler_is_refused_or_taken_over() {
    let foreign = |is_excluded| Cluster {
        hpas: vec![ForeignHpa { name: "hand-made".into(), is_excluded, of_scaled_object: false }],
        ..Cluster::default()
    };
    let words = ["other-hpa", "\"worker\" of type apps/v1.Deployment", "\"hand-made\"", "transfer-hpa-ownership"];
    says(&review(&spec(json!({})), None, &foreign(false)), &words);
    says(&review(&spec(json!({})), None, &foreign(true)), &[]);
    let transfer = |name: &str| {
        object(json!({
            "metadata": {"annotations": {"scaledobject.keda.sh/transfer-hpa-ownership": "true"}},
            "spec": {"advanced": {"horizontalPodAutoscalerConfig": {"name": name}}},
        }))
    };
    says(&review(&transfer("hand-made"), None, &foreign(false)), &[]);
    let words = ["transfer-ownership-missing-hpa-name", "horizontalPodAutoscalerConfig.name", "hand-made"];
    says(&review(&transfer("another"), None, &foreign(false)), &words);
    says(&review(&transfer(""), None, &foreign(false)), &words);
}

fn containers(list: Value) -> Containers {
    let containers: Vec<Container> = serde_json::from_value(list).unwrap();
    Containers::Known(containers.iter().map(ContainerResources::from).collect())
}

/// VAL-09, VAL-10, VAL-11
#[test]
fn what_is_measured_must_be_requested() {
    let scaled = |metadata| spec(json!({"minReplicaCount": 1, "triggers": [cpu(metadata)]}));
    let all = scaled(json!({"value": "50"}));
    let with = |list| Cluster { containers: containers(list), ..Cluster::default() };
    let requested = json!([{"name": "main", "resources": {"requests": {"cpu": "100m"}}}]);
    let limited = json!([{"name": "main", "resources": {"limits": {"cpu": "1"}}}]);
    let zero = json!([{"name": "main", "resources": {"requests": {"cpu": "0"}}}]);
    let beside = json!([{"name": "main", "resources": {"requests": {"cpu": "1"}}}, {"name": "proxy"}]);
    says(&review(&all, None, &with(requested)), &[]);
    says(&review(&all, None, &with(limited)), &[]);
    let words = ["missing-requests", "spec.triggers[0]", "container \"main\"", "cpu"];
    says(&review(&all, None, &with(zero.clone())), &words);
    says(&review(&all, None, &with(beside.clone())), &["missing-requests", "container \"proxy\"", "cpu"]);
    says(&review(&scaled(json!({"value": "50", "containerName": "main"})), None, &with(beside.clone())), &[]);
    let absent = scaled(json!({"value": "50", "containerName": "sidecar"}));
    says(&review(&absent, None, &with(beside)), &["warning spec.triggers[0].metadata.containerName", "sidecar"]);

    let range = |limits: Value| -> LimitDefaults {
        let range: LimitRange = serde_json::from_value(json!({"spec": {"limits": [limits]}})).unwrap();
        [&range].into_iter().collect()
    };
    for (limits, words) in [
        (json!({"type": "Container", "default": {"cpu": "1"}}), &[][..]),
        (json!({"type": "Container", "defaultRequest": {"cpu": "1"}}), &[][..]),
        (json!({"type": "Container", "default": {"memory": "1Gi"}}), &words[..]),
        (json!({"type": "Pod", "default": {"cpu": "1"}}), &words[..]),
    ] {
        let cluster = Cluster { defaults: range(limits), ..with(zero.clone()) };
        says(&review(&all, None, &cluster), words);
    }

    let missing = Cluster { containers: Containers::Missing, ..Cluster::default() };
    says(
        &review(&all, None, &missing),
        &["missing-requests", "spec.scaleTargetRef.name", "no Deployment", "\"worker\""],
    );
    // In a dry run nobody looks.
    says(&review(&all, None, &Cluster::default()), &[]);
    let mut rollout = all.clone();
    merge(&mut rollout, json!({"spec": {"scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}}}));
    says(&review(&rollout, None, &missing), &[]);
    let needs = |value: &Value| needs_containers(&from_json::<ScaledObject>(value).object.unwrap().value);
    assert_eq!((needs(&all), needs(&rollout), needs(&spec(json!({})))), (true, false, false));
}

/// VAL-12
#[test]
fn cpu_and_memory_alone_never_reach_zero() {
    let with = |min: Value, kind: &str| {
        spec(
            json!({"minReplicaCount": min, "scaleTargetRef": {"kind": kind}, "triggers": [cpu(json!({"value": "50"}))]}),
        )
    };
    let words = ["scale-to-zero-requirements-not-met", "spec.minReplicaCount", "at least 1"];
    says(&alone(&with(json!(0), "Deployment")), &words);
    says(&alone(&with(json!(0), "StatefulSet")), &words);
    says(&alone(&with(json!(1), "Deployment")), &[]);
    says(&alone(&with(json!(0), "Rollout")), &["warning spec.minReplicaCount", "no effect"]);
    let both = json!({"triggers": [cpu(json!({"value": "50"})), {"type": "kafka", "metadata": {}}]});
    says(&alone(&spec(both)), &[]);
}

/// VAL-13, VAL-16, FB-20
#[test]
fn fallback_needs_something_to_fall_back_from() {
    let fallback = json!({"failureThreshold": 3, "replicas": 3});
    let only_cpu = json!({"minReplicaCount": 1, "fallback": fallback, "triggers": [cpu(json!({"value": "50"}))]});
    says(&alone(&spec(only_cpu)), &["incorrect-fallback", "spec.fallback", "cpu and memory"]);
    says(&alone(&spec(json!({"fallback": fallback}))), &[]);
    says(
        &alone(&spec(json!({"fallback": {"failureThreshold": -1, "replicas": 3}}))),
        &["failureThreshold", "found -1"],
    );
    says(&alone(&spec(json!({"fallback": {"failureThreshold": 1, "replicas": -3}}))), &["replicas", "found -3"]);
    let by_formula = json!({"failureThreshold": 3, "replicas": 3, "behavior": "scalingModifiers"});
    let words = ["scaling-modifiers-fallback", "spec.fallback.behavior", "formula"];
    says(&alone(&spec(json!({"fallback": by_formula}))), &words);
    let formula =
        json!({"fallback": by_formula, "advanced": {"scalingModifiers": {"formula": "lag ?? 1", "target": "2"}}});
    says(&alone(&spec(formula)), &[]);
}

/// VAL-14
#[test]
fn trigger_names_differ_and_only_some_metrics_are_cached() {
    let twice = json!([{"type": "kafka", "name": "a", "metadata": {}}, {"type": "cron", "name": "a", "metadata": {}}]);
    says(&alone(&spec(json!({"triggers": twice}))), &["incorrect-triggers", "spec.triggers[1].name", "\"a\""]);
    for (kind, words) in [
        ("cpu", &["incorrect-triggers", "useCachedMetrics", "cpu"][..]),
        ("memory", &["incorrect-triggers", "useCachedMetrics", "memory"]),
        ("cron", &["incorrect-triggers", "useCachedMetrics", "cron"]),
        ("kafka", &[]),
    ] {
        let triggers =
            json!([{"type": kind, "useCachedMetrics": true, "metadata": {}}, {"type": "kafka", "metadata": {}}]);
        says(&alone(&spec(json!({"triggers": triggers}))), words);
    }
}

/// VAL-15, FML-02, FML-03, FML-12
#[test]
fn formulas_are_tried_before_they_are_taken() {
    let field = |name: &str| format!("scaling-modifiers spec.advanced.scalingModifiers.{name}");
    for (modifiers, words) in [
        (json!({"target": "2"}), vec![field("formula"), "found nothing".into()]),
        (json!({"formula": "lag"}), vec![field("target"), "found nothing".into()]),
        (json!({"formula": "lag", "target": "0"}), vec![field("target"), "above 0".into()]),
        (json!({"formula": "lag", "target": "many"}), vec![field("target"), "many".into()]),
        (
            json!({"formula": "lag + bills", "target": "2"}),
            vec![field("formula"), "bills".into(), "names are lag".into()],
        ),
        (json!({"formula": "lag +", "target": "2"}), vec![field("formula")]),
        (json!({"formula": "lag / 2 > 1 ? 5 : 0", "target": "2"}), vec![]),
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        says(&alone(&spec(json!({"advanced": {"scalingModifiers": modifiers}}))), &words);
    }
    let unnamed = json!({
        "advanced": {"scalingModifiers": {"formula": "lag", "target": "2"}},
        "triggers": [{"type": "kafka", "name": "lag", "metadata": {}}, {"type": "kafka", "metadata": {}}],
    });
    says(&alone(&spec(unnamed)), &[]);
}

/// VAL-17
#[test]
fn names_have_at_most_63_characters() {
    let named = |length: usize, hpa: Value| {
        let config = json!({"horizontalPodAutoscalerConfig": {"name": hpa}});
        object(json!({"metadata": {"name": "o".repeat(length)}, "spec": {"advanced": config}}))
    };
    says(&alone(&named(64, json!("short"))), &["name-too-long metadata.name", "64"]);
    says(&alone(&named(63, json!("short"))), &[]);
    let words = ["hpa-name-too-long", "horizontalPodAutoscalerConfig.name"];
    says(&alone(&named(55, json!(""))), &words);
    says(&alone(&named(54, json!(""))), &[]);
    says(&alone(&named(5, json!("h".repeat(64)))), &words);
    // Taking the short name away again is a change like any other.
    says(&review(&named(63, json!("")), Some(&named(63, json!("short"))), &NoFacts), &words);
}

/// VAL-18, VAL-19, EV-12
#[test]
fn settings_without_effect_are_warned_about() {
    for (changes, words) in [
        (json!({"pollingInterval": 5, "minReplicaCount": 1}), &["warning spec.pollingInterval", "no effect"][..]),
        (json!({"cooldownPeriod": 5, "minReplicaCount": 1}), &["warning spec.cooldownPeriod", "no effect"]),
        (json!({"pollingInterval": 5, "cooldownPeriod": 5}), &[]),
        (json!({"cooldownPeriod": 5, "minReplicaCount": 2, "idleReplicaCount": 0}), &[]),
        (
            json!({"pollingInterval": 5, "minReplicaCount": 1,
                "triggers": [{"type": "kafka", "useCachedMetrics": true, "metadata": {}}]}),
            &[],
        ),
    ] {
        let verdict = alone(&spec(changes));
        assert!(verdict.is_allowed());
        says(&verdict, words);
    }
    // In mode direct it is the polling that decides.
    let direct = json!({"metadata": {"name": "p"}, "spec": {"targetRef": {"name": "orders"}, "mode": "direct"}});
    let policy = from_json::<ScalingPolicy>(&direct).usable().unwrap().0;
    let cluster = Cluster { policy: Some(Arc::new(policy.value)), ..Cluster::default() };
    says(&review(&spec(json!({"pollingInterval": 5, "minReplicaCount": 1})), None, &cluster), &[]);
}

/// VAL-20: the same list each time; what is wrong by itself comes first, in the manifest's order.
#[test]
fn all_faults_are_told_at_once() {
    let bad = spec(json!({
        "pollingInterval": 0,
        "minReplicaCount": 5,
        "maxReplicaCount": 3,
        "triggers": [
            {"type": "kafka", "name": "a", "metadata": {}},
            {"type": "kafka", "name": "a", "metadata": {}, "useCachedMetrics": "often"},
        ],
        "advanced": {"scalingModifiers": {"formula": "b", "target": "2"}},
    }));
    let key = TargetKey::new("apps/v1", "Deployment", "worker");
    let cluster = Cluster { scaled_objects: vec![("bills", key, "x")], ..Cluster::default() };
    let verdict = review(&bad, None, &cluster);
    let fields: Vec<&str> = verdict.errors.iter().map(|refusal| refusal.problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.triggers[1].useCachedMetrics",
            "spec.pollingInterval",
            "spec.minReplicaCount",
            "spec.triggers[1].name",
            "spec.advanced.scalingModifiers.formula",
            "spec.scaleTargetRef.name",
        ]
    );
    assert_eq!(said(&verdict), said(&review(&bad, None, &cluster)));
}

/// VAL-21
#[test]
fn taking_finalizers_away_is_always_taken() {
    let bad = |finalizers: Value| {
        object(json!({"metadata": {"finalizers": finalizers}, "spec": {"minReplicaCount": 5, "maxReplicaCount": 3}}))
    };
    let (two, one, none) = (bad(json!(["a", "b"])), bad(json!(["b"])), bad(json!([])));
    says(&review(&none, Some(&two), &NoFacts), &[]);
    says(&review(&one, Some(&two), &NoFacts), &[]);
    assert!(!review(&two, None, &NoFacts).is_allowed());
    // Not when the spec changes as well.
    let mut worse = none.clone();
    merge(&mut worse, json!({"spec": {"minReplicaCount": 6}}));
    says(&review(&worse, Some(&two), &NoFacts), &["incorrect-replicas", "found 6"]);
}

/// A label on an object that has been wrong before must be possible: the controller writes one itself.
#[test]
fn what_was_wrong_before_is_a_warning_where_nothing_that_counts_was_changed() {
    let bad = |label: &str| {
        object(json!({"metadata": {"labels": {"team": label}}, "spec": {"minReplicaCount": 5, "maxReplicaCount": 3}}))
    };
    let verdict = review(&bad("b"), Some(&bad("a")), &NoFacts);
    assert!(verdict.is_allowed());
    says(&verdict, &["warning spec.minReplicaCount", "found 5"]);
}

/// PAU-09, ACT-30
#[test]
fn annotations_are_checked() {
    let with = |name: &str, value: &str| object(json!({"metadata": {"annotations": {name: value}}}));
    let words = ["incorrect-annotations", "paused-replicas", "found \"five\""];
    says(&alone(&with("autoscaling.keda.sh/paused-replicas", "five")), &words);
    says(&alone(&with("autoscaling.keda.sh/paused-replicas", "5")), &[]);
    for name in ["paused", "paused-scale-in", "paused-scale-out", "force-activation"] {
        let verdict = alone(&with(&format!("autoscaling.keda.sh/{name}"), "please"));
        assert!(verdict.is_allowed());
        says(&verdict, &["warning", name, "counts as true"]);
    }
    says(&alone(&with("autoscaling.keda.sh/pausd", "true")), &["warning", "did you mean"]);
}

#[test]
fn checks_can_run_on_objects_that_were_read_before() {
    let read =
        from_json::<ScaledObject>(&spec(json!({"minReplicaCount": 5, "maxReplicaCount": 3}))).usable().unwrap().0;
    says(&check(&read.map(|object| object), None, &NoFacts), &["incorrect-replicas"]);
    assert_eq!(read.value.to_json()["kind"], "ScaledObject");
    let sent = read.value.to_json();
    assert_eq!(from_json::<ScaledObject>(&sent).usable().unwrap().0.value, read.value);
}

/// What the API server adds to an object, and what a newer definition may have, is no error.
#[test]
fn objects_of_the_api_server_are_read_as_they_are() {
    let sent = object(json!({
        "metadata": {
            "uid": "1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl", "operation": "Apply", "apiVersion": "keda.sh/v1alpha1",
                "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {"fromTheFuture": true},
        "status": {"hpaName": "keda-hpa-orders", "lastActiveTime": "2026-01-01T00:00:00Z", "conditions":
            [{"type": "Ready", "status": "True"}], "health": {"s0-kafka": {"numberOfFailures": 0, "status": "Happy"}}},
    }));
    let (read, warnings) = from_json::<ScaledObject>(&sent).usable().unwrap();
    assert_eq!(warnings.iter().map(|w| w.field.as_str()).collect::<Vec<_>>(), ["spec.fromTheFuture"]);
    let status = read.value.status.unwrap();
    assert_eq!(status.hpa_name.as_deref(), Some("keda-hpa-orders"));
    assert_eq!(status.conditions.unwrap()[0].kind, "Ready");
    assert_eq!(read.source.object.as_ref(), "ScaledObject shop/orders");
    let odd = from_json::<ScaledObject>(&object(json!({"status": {"conditions": "many"}}))).usable().unwrap().0;
    assert_eq!(odd.value.status, None);
}
