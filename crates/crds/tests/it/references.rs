//! Objects that name others: the others must be there, and nothing may be claimed twice.

use expect_test::expect;

use crate::{DEPLOYMENT, TRIGGER, all_problems, scaled_object};

fn object(name: &str, namespace: &str, target: &str) -> String {
    format!(
        "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec:\n  scaleTargetRef: {target}\n  {TRIGGER}"
    )
}

fn with_deployment(more: &str) -> String {
    all_problems(&format!("{DEPLOYMENT}{more}"))
}

#[test]
fn a_target_must_be_there_and_be_a_deployment() {
    expect![[r#"
        test.yaml:18:20: ScaledObject default/a: spec.scaleTargetRef.name: there is no Deployment named "wroker" in namespace "default"; did you mean "worker"?
    "#]].assert_eq(&with_deployment(&object("a", "default", "{name: wroker}")));
    expect![[r#"
        test.yaml:18:20: ScaledObject shop/a: spec.scaleTargetRef.name: there is no Deployment named "worker" in namespace "shop"; there is one in namespace "default"; a ScaledObject scales its own namespace
    "#]].assert_eq(&with_deployment(&object("a", "shop", "{name: worker}")));
    expect![[r#"
        test.yaml:6:20: ScaledObject default/a: spec.scaleTargetRef.name: there is no Deployment named "worker" in namespace "default"; there is none at all
    "#]].assert_eq(&all_problems(&object("a", "default", "{name: worker}")));
    expect![[r#"
        test.yaml:18:34: ScaledObject default/a: spec.scaleTargetRef.kind: found "StatefulSet", expected "Deployment", the only kind that can be run on one machine
    "#]].assert_eq(&with_deployment(&object("a", "default", "{name: worker, kind: StatefulSet}")));
    expect![[r#"
        test.yaml:18:34: ScaledObject default/a: spec.scaleTargetRef.apiVersion: found "apps/v2", expected "apps/v1"
    "#]]
    .assert_eq(&with_deployment(&object("a", "default", "{name: worker, apiVersion: apps/v2}")));
    expect![[r#"
        test.yaml:18:34: ScaledObject default/a: spec.scaleTargetRef.envSourceContainerName: Deployment default/worker has no container named "man"; did you mean "main"?
    "#]].assert_eq(&with_deployment(&object("a", "default", "{name: worker, envSourceContainerName: man}")));
}

#[test]
fn nothing_is_scaled_or_given_twice() {
    let two = format!(
        "{}{}",
        object("a", "default", "{name: worker}"),
        object("b", "default", "{name: worker, kind: Deployment}")
    );
    expect![[r#"
        test.yaml:25:20: ScaledObject default/b: spec.scaleTargetRef.name: the workload "worker" of type apps/v1.Deployment is already scaled by ScaledObject default/a (test.yaml:14)
    "#]].assert_eq(&with_deployment(&two));
    let same = format!("{}{}", object("a", "default", "{name: worker}"), object("a", "default", "{name: worker}"));
    expect![[r#"
        test.yaml:23:12: ScaledObject default/a: metadata.name: given a second time; the first is ScaledObject default/a (test.yaml:14)
    "#]].assert_eq(&with_deployment(&same));
    let other = DEPLOYMENT.replace("name: worker}", "name: other}");
    let hpa_name = |name: &str, target: &str| {
        format!("{}  advanced: {{horizontalPodAutoscalerConfig: {{name: shared}}}}\n", object(name, "default", target))
    };
    let text = format!("{other}{}{}", hpa_name("a", "{name: worker}"), hpa_name("b", "{name: other}"));
    expect![[r#"
        test.yaml:40:46: ScaledObject default/b: spec.advanced.horizontalPodAutoscalerConfig.name: the HorizontalPodAutoscaler's name "shared" is already used by ScaledObject default/a (test.yaml:26)
    "#]].assert_eq(&with_deployment(&text));
}

#[test]
fn a_workload_with_an_autoscaler_of_its_own_is_refused_unless_taken_over() {
    let hpa = |annotations: &str| {
        format!(
            "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: old, annotations: {{{annotations}}}}}\n\
             spec: {{scaleTargetRef: {{kind: Deployment, name: worker}}}}\n"
        )
    };
    let plain = object("a", "default", "{name: worker}");
    expect![[r#"
        test.yaml:22:1: warning: HorizontalPodAutoscaler default/old: kind: has no meaning on one machine, so this is ignored
        test.yaml:18:20: ScaledObject default/a: spec.scaleTargetRef.name: the workload "worker" is already scaled by HorizontalPodAutoscaler default/old (test.yaml:21); remove it, or take it over with the annotation scaledobject.keda.sh/transfer-hpa-ownership: "true" and its name in spec.advanced.horizontalPodAutoscalerConfig.name
    "#]].assert_eq(&with_deployment(&format!("{plain}{}", hpa(""))));
    let excluded = with_deployment(&format!("{plain}{}", hpa("validations.keda.sh/hpa-ownership: 'false'")));
    assert!(!excluded.contains("already scaled"), "{excluded}");
    let taken = plain.replace(
        "namespace: default}",
        "namespace: default, annotations: {scaledobject.keda.sh/transfer-hpa-ownership: 'true'}}",
    ) + "  advanced: {horizontalPodAutoscalerConfig: {name: old}}\n";
    let taken = with_deployment(&format!("{taken}{}", hpa("")));
    assert!(!taken.contains("already scaled"), "{taken}");
}

#[test]
fn authentications_secrets_and_their_keys_must_be_there() {
    let trigger = "triggers: [{type: kafka, metadata: {}, authenticationRef: {name: auth}}]\n";
    let authentication = |spec: &str| {
        format!(
            "---\napiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication\nmetadata: {{name: auth}}\nspec: {spec}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: hunter2}}\n"
        )
    };
    let said = |spec: &str| all_problems(&format!("{}{}", scaled_object(trigger), authentication(spec)));
    expect![[r#"
        test.yaml:19:62: ScaledObject default/orders: spec.triggers[0].authenticationRef.name: there is no TriggerAuthentication named "auth" in namespace "default"; there is none at all
    "#]].assert_eq(&all_problems(&scaled_object(trigger)));
    expect![[r#"
        test.yaml:19:62: ScaledObject default/orders: spec.triggers[0].authenticationRef.name: there is no ClusterTriggerAuthentication named "auth"; there is none at all
    "#]].assert_eq(&all_problems(
        &scaled_object(trigger).replace("{name: auth}", "{name: auth, kind: ClusterTriggerAuthentication}"),
    ));
    assert_eq!(said("{secretTargetRef: [{parameter: password, name: login, key: password}]}"), "");
    expect![[r#"
        test.yaml:24:48: TriggerAuthentication default/auth: spec.secretTargetRef[0].name: there is no Secret named "logn" in namespace "default"; did you mean "login"?
    "#]].assert_eq(&said("{secretTargetRef: [{parameter: password, name: logn, key: password}]}"));
    expect![[r#"
        test.yaml:24:61: TriggerAuthentication default/auth: spec.secretTargetRef[0].key: the Secret default/login has no key "pasword"; did you mean "password"?
    "#]].assert_eq(&said("{secretTargetRef: [{parameter: password, name: login, key: pasword}]}"));
    expect![[r#"
        test.yaml:24:51: TriggerAuthentication default/auth: spec.configMapTargetRef[0].name: there is no ConfigMap named "login" in namespace "default"; there is none at all
    "#]].assert_eq(&said("{configMapTargetRef: [{parameter: password, name: login, key: password}]}"));
    expect![[r#"
        test.yaml:24:36: TriggerAuthentication default/auth: spec.env[0].name: the container has no variable "PASSWORD"
    "#]]
    .assert_eq(&said("{env: [{parameter: password, name: PASSWORD}]}"));
    expect![[r#"
        test.yaml:24:14: TriggerAuthentication default/auth: spec.env[0]: the environment of this container cannot be found out; see the Deployment's problems
    "#]].assert_eq(&said("{env: [{parameter: password, name: PASSWORD, containerName: side}]}"));
    expect![[r#"
        test.yaml:24:64: TriggerAuthentication default/auth: spec.filePath: filePath is not available on one machine; use secretTargetRef, configMapTargetRef or env
        test.yaml:24:8: TriggerAuthentication default/auth: spec.awsSecretManager: awsSecretManager is not available on one machine; use secretTargetRef, configMapTargetRef or env
    "#]].assert_eq(&said("{awsSecretManager: {secrets: [{parameter: a, name: b}]}, filePath: x}"));
}

#[test]
fn deployments_must_select_their_pods_and_find_their_environment() {
    let deployment = |from: &str, to: &str| all_problems(&DEPLOYMENT.replace(from, to));
    expect![[r#"
        test.yaml:6:3: Deployment default/worker: spec.selector: does not select the pods of spec.template.metadata.labels; the two must agree
    "#]].assert_eq(&deployment("matchLabels: {app: worker}", "matchLabels: {app: other}"));
    expect![[r#"
        test.yaml:6:3: Deployment default/worker: spec.selector: found an empty selector, expected the pods' labels, as matchLabels
    "#]].assert_eq(&deployment("matchLabels: {app: worker}", "matchLabels: {}"));
    let expression = "matchExpressions: [{key: app, operator: In, values: [worker]}, {key: x, operator: DoesNotExist}]";
    assert_eq!(deployment("matchLabels: {app: worker}", expression), "");
    let container = |rest: &str| deployment("command: [work]", &format!("command: [work], {rest}"));
    expect![[r#"
        test.yaml:11:84: Deployment default/worker: spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name: there is no Secret named "none" in namespace "default"; there is none at all
    "#]].assert_eq(&container("env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: a}}}]"));
    expect![[r#"
        test.yaml:11:67: Deployment default/worker: spec.template.spec.containers[0].envFrom[0].configMapRef.name: there is no ConfigMap named "none" in namespace "default"; there is none at all
    "#]]
        .assert_eq(&container("envFrom: [{configMapRef: {name: none}}, {secretRef: {name: none, optional: true}}]"));
    expect![[r#"
        test.yaml:11:80: Deployment default/worker: spec.template.spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: found "metadata.nam", expected metadata.name, metadata.namespace, metadata.uid, metadata.labels['KEY'], metadata.annotations['KEY'], spec.nodeName, spec.serviceAccountName, status.podIP or status.hostIP
    "#]].assert_eq(&container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.nam}}}]"));
    expect![[r#"
        test.yaml:11:69: Deployment default/worker: spec.template.spec.containers[0].env[0].valueFrom.resourceFieldRef: the container has no limits.gpu
    "#]].assert_eq(&container("env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.gpu}}}]"));
    expect![[r#"
        test.yaml:12:12: Deployment default/worker: spec.template.spec.containers[1].name: found "main" a second time; names of containers must differ
    "#]].assert_eq(&deployment("command: [work]}", "command: [work]}\n        - {name: main}"));
}

#[test]
fn the_embedded_broker_s_address_is_there_when_a_scenario_starts_it() {
    let broker = DEPLOYMENT.replace(
        "command: [work]",
        "env: [{name: KAFKA, valueFrom: {configMapKeyRef: {name: tidegate-broker, key: bootstrapServers}}}]",
    );
    let scenario = "apiVersion: tidegate.dev/v1alpha1\nkind: Scenario\nmetadata: {name: a}\nspec: {topics: []}\n";
    assert_eq!(all_problems(&format!("{broker}{scenario}")), "");
    expect![[r#"
        test.yaml:11:74: Deployment default/worker: spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.name: there is no ConfigMap named "tidegate-broker" in namespace "default"; there is none at all
    "#]].assert_eq(&all_problems(&broker));
    let own = scenario.replace("topics: []", "bootstrapServers: 'kafka:9092'");
    expect![[r#"
        test.yaml:11:74: Deployment default/worker: spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.name: there is no ConfigMap named "tidegate-broker" in namespace "default"; there is none at all
    "#]].assert_eq(&all_problems(&format!("{broker}{own}")));
}

#[test]
fn a_scaling_policy_must_fit_its_scaled_object() {
    let policy = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: tidegate.dev/v1alpha1\nkind: ScalingPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        )
    };
    let said = |spec: &str| all_problems(&format!("{}{}", scaled_object(TRIGGER), policy("p", spec)));
    assert_eq!(
        said("{targetRef: {name: orders}, triggers: [{name: lag, onFailure: hold, pollingInterval: 500ms}]}"),
        ""
    );
    expect![[r#"
        test.yaml:24:20: ScalingPolicy default/p: spec.targetRef.name: there is no ScaledObject named "order" in namespace "default"; did you mean "orders"?
    "#]].assert_eq(&said("{targetRef: {name: order}}"));
    expect![[r#"
        test.yaml:24:34: ScalingPolicy default/p: spec.targetRef.group: found "apps", expected "keda.sh"
    "#]]
    .assert_eq(&said("{targetRef: {name: orders, group: apps}}"));
    expect![[r#"
        test.yaml:24:47: ScalingPolicy default/p: spec.triggers[0].name: the ScaledObject has no trigger named "lags"; did you mean "lag"?
        test.yaml:24:61: ScalingPolicy default/p: spec.triggers[1].index: found 1, expected less than 1, the number of the ScaledObject's triggers
        test.yaml:24:72: ScalingPolicy default/p: spec.triggers[2]: found neither, expected either name or index
        test.yaml:24:76: ScalingPolicy default/p: spec.triggers[3]: found both, expected either name or index
    "#]].assert_eq(&said(
        "{targetRef: {name: orders}, triggers: [{name: lags}, {index: 1}, {}, {name: lag, index: 0}]}",
    ));
    expect![[r#"
        test.yaml:24:57: ScalingPolicy default/p: spec.triggers[0].onFailure: the ScaledObject has no spec.fallback to use; add one, or choose another onFailure
        test.yaml:24:78: ScalingPolicy default/p: spec.triggers[0].pollingInterval: found "5 s", expected a duration of at least 100ms, as 5s
    "#]].assert_eq(&said(
        "{targetRef: {name: orders}, triggers: [{index: 0, onFailure: fallback, pollingInterval: 5 s}]}",
    ));
    let two = format!("{}{}", policy("p", "{targetRef: {name: orders}}"), policy("q", "{targetRef: {name: orders}}"));
    expect![[r#"
        test.yaml:29:20: ScalingPolicy default/q: spec.targetRef.name: ScalingPolicy default/p (test.yaml:21) is attached to the same ScaledObject; only one can be
    "#]].assert_eq(&all_problems(&format!("{}{two}", scaled_object(TRIGGER))));
}
