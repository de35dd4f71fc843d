//! Manifests with something wrong in them: each gets one line that says what, where and what to do.

use expect_test::{Expect, expect};

use crate::{TRIGGER, parse_problems, scaled_object, scaled_object_with};

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&parse_problems(text));
}

#[test]
fn kinds_and_versions() {
    let object = |version: &str, kind: &str| format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n");
    check(
        &object("keda.sh/v1alpha1", "ScaledObjekt"),
        &expect![[r#"
        test.yaml:2:1: ScaledObjekt default/a: kind: found "ScaledObjekt"; unknown kind; did you mean "ScaledObject"?
    "#]],
    );
    check(
        &object("apps/v1", "deployment"),
        &expect![[r#"
        test.yaml:2:1: deployment default/a: kind: found "deployment"; unknown kind; did you mean "Deployment"?
    "#]],
    );
    check(
        &object("example.com/v1", "Banana"),
        &expect![[r#"
        test.yaml:2:1: Banana default/a: kind: found "Banana"; unknown kind
    "#]],
    );
    check(
        &object("keda.sh/v1", "ScaledObject"),
        &expect![[r#"
        test.yaml:1:1: ScaledObject default/a: apiVersion: found "keda.sh/v1", expected "keda.sh/v1alpha1"
    "#]],
    );
    check(
        &object("extensions/v1beta1", "Deployment"),
        &expect![[r#"
        test.yaml:1:1: Deployment default/a: apiVersion: found "extensions/v1beta1", expected "apps/v1"
    "#]],
    );
    check(
        &object("v1", "Service"),
        &expect![[r#"
            test.yaml:2:1: warning: Service default/a: kind: has no meaning on one machine, so this is ignored
        "#]],
    );
    check(
        &object("keda.sh/v1alpha1", "ScaledJob"),
        &expect![[r#"
            test.yaml:2:1: warning: ScaledJob default/a: kind: ScaledJobs are not served yet, so this is ignored
        "#]],
    );
}

#[test]
fn names() {
    let object = |metadata: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n");
    check(
        &object("{}"),
        &expect![[r#"
        test.yaml:3:1: ConfigMap default/(no name): metadata.name: found nothing, expected a name
    "#]],
    );
    check(
        &object("{name: Orders_1}"),
        &expect![[r#"
        test.yaml:3:12: ConfigMap default/Orders_1: metadata.name: found "Orders_1", expected lower-case letters, digits, - and . only, with a letter or digit at both ends, at most 253 characters
    "#]],
    );
    check(
        &object("{generateName: orders-}"),
        &expect![[r#"
        test.yaml:3:12: ConfigMap default/(no name): metadata.generateName: names are not generated here; give metadata.name
    "#]],
    );
    check(
        &object("{name: 5}"),
        &expect![[r#"
        test.yaml:3:12: ConfigMap default/(no name): metadata.name: found 5, expected text; put it in quotes: "5"
    "#]],
    );
    check(
        &object("{name: a, namespace: b.c}"),
        &expect![[r#"
        test.yaml:3:21: ConfigMap b.c/a: metadata.namespace: found "b.c", expected lower-case letters, digits and - only, at most 63 characters
    "#]],
    );
    check(
        &object("{name: a, labels: {x: 1}}"),
        &expect![[r#"
        test.yaml:3:30: ConfigMap default/a: metadata.labels.x: found 1, expected text; put it in quotes: "1"
    "#]],
    );
    check(
        "apiVersion: v1\nkind: ConfigMap\n",
        &expect![[r#"
            test.yaml:1:1: ConfigMap default/(no name): metadata: found nothing, expected a map
        "#]],
    );
}

#[test]
fn unknown_fields_get_the_nearest_known_name_or_their_place() {
    check(
        &scaled_object(&format!("maxReplicas: 5\n{TRIGGER}")),
        &expect![[r#"
        test.yaml:19:3: ScaledObject default/orders: spec.maxReplicas: unknown field; did you mean "maxReplicaCount"?
    "#]],
    );
    check(
        &scaled_object(&format!("cooldown: 5\n{TRIGGER}")),
        &expect![[r#"
        test.yaml:19:3: ScaledObject default/orders: spec.cooldown: unknown field; did you mean "cooldownPeriod"?
    "#]],
    );
    check(
        &scaled_object(&format!("banana: 5\n{TRIGGER}")),
        &expect![[r#"
        test.yaml:19:3: ScaledObject default/orders: spec.banana: unknown field; known are scaleTargetRef, pollingInterval, cooldownPeriod, initialCooldownPeriod, idleReplicaCount, minReplicaCount, maxReplicaCount, fallback, advanced, triggers
    "#]],
    );
    check(
        &scaled_object(&format!("scalingModifiers: {{formula: lag}}\n{TRIGGER}")),
        &expect![[r#"
        test.yaml:19:3: ScaledObject default/orders: spec.scalingModifiers: unknown field; its place is spec.advanced.scalingModifiers
    "#]],
    );
    check(
        &scaled_object(&format!("behavior: {{}}\n{TRIGGER}")),
        &expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.behavior: unknown field; its place is spec.advanced.horizontalPodAutoscalerConfig.behavior
        "#]],
    );
    check(
        &scaled_object("triggers: [{type: kafka, metadatas: {}, metadata: {}}]\n"),
        &expect![[r#"
        test.yaml:19:28: ScaledObject default/orders: spec.triggers[0].metadatas: unknown field; did you mean "metadata"?
    "#]],
    );
    check(
        &scaled_object_with("labls: {}", TRIGGER),
        &expect![[r#"
        test.yaml:17:3: ScaledObject default/orders: metadata.labls: unknown field; did you mean "labels"?
    "#]],
    );
}

#[test]
fn wrong_types_say_what_was_found_and_what_was_expected() {
    for (spec, expected) in [
        (
            "minReplicaCount: two\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found "two", expected a whole number of at least 0
        "#]],
        ),
        (
            "minReplicaCount: '2'\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found "2", expected a whole number of at least 0; write it without quotes
        "#]],
        ),
        (
            "minReplicaCount: -1\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found -1, expected a whole number of at least 0
        "#]],
        ),
        (
            "minReplicaCount: 1.5\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found 1.5, expected a whole number of at least 0
        "#]],
        ),
        (
            "maxReplicaCount: 0\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.maxReplicaCount: found 0, expected a whole number of at least 1
        "#]],
        ),
        (
            "maxReplicaCount: 3000000000\n",
            expect![[r#"
                test.yaml:19:3: ScaledObject default/orders: spec.maxReplicaCount: found 3000000000, expected a whole number of at most 2147483647
            "#]],
        ),
        (
            "pollingInterval: 0\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.pollingInterval: found 0, expected a whole number of at least 1
        "#]],
        ),
        (
            "pollingInterval: 30s\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.pollingInterval: found "30s", expected a whole number of at least 1
        "#]],
        ),
        (
            "cooldownPeriod:\n",
            expect![[r#"
            test.yaml:19:3: warning: ScaledObject default/orders: spec.cooldownPeriod: nothing is written after the colon, so it counts as not given
        "#]],
        ),
        (
            "advanced: yes\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.advanced: found yes, expected a map
        "#]],
        ),
        (
            "advanced: {restoreToOriginalReplicaCount: 'true'}\n",
            expect![[r#"
            test.yaml:19:14: ScaledObject default/orders: spec.advanced.restoreToOriginalReplicaCount: found "true", expected true or false; write true without quotes
        "#]],
        ),
        (
            "fallback: {replicas: 3}\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.fallback.failureThreshold: found nothing, expected a whole number of at least 0
        "#]],
        ),
        (
            "fallback: {failureThreshold: 3, replicas: 3, behavior: statik}\n",
            expect![[r#"
                test.yaml:19:48: ScaledObject default/orders: spec.fallback.behavior: found "statik", expected static, currentReplicas, currentReplicasIfHigher, currentReplicasIfLower or scalingModifiers; did you mean "static"?
            "#]],
        ),
        (
            "advanced: {scalingModifiers: {formula: lag, target: 5}}\n",
            expect![[r#"
            test.yaml:19:47: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found 5, expected text; put it in quotes: "5"
        "#]],
        ),
        (
            "advanced: {scalingModifiers: {formula: lag, target: '5', metricType: Utilization}}\n",
            expect![[r#"
            test.yaml:19:60: ScaledObject default/orders: spec.advanced.scalingModifiers.metricType: found "Utilization", expected AverageValue or Value
        "#]],
        ),
    ] {
        check(&scaled_object(&format!("{spec}{TRIGGER}")), &expected);
    }
}

#[test]
fn behavior_fields() {
    for (behavior, expected) in [
        (
            "scaleDown: {stabilizationWindowSeconds: 3601}",
            expect![[r#"
                test.yaml:19:69: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds: found 3601, expected a whole number of at most 3600
            "#]],
        ),
        (
            "scaleDown: {selectPolicy: max}",
            expect![[r#"
                test.yaml:19:69: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.selectPolicy: found "max", expected Max, Min or Disabled; did you mean "Max"?
            "#]],
        ),
        (
            "scaleup: {}",
            expect![[r#"
            test.yaml:19:57: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleup: unknown field; did you mean "scaleUp"?
        "#]],
        ),
        (
            "scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 15}]}",
            expect![[r#"
            test.yaml:19:91: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].value: found 0, expected a whole number of at least 1
        "#]],
        ),
        (
            "scaleUp: {policies: [{type: Pod, value: 4, periodSeconds: 1801}]}",
            expect![[r#"
                test.yaml:19:79: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].type: found "Pod", expected Pods or Percent; did you mean "Pods"?
                test.yaml:19:100: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].periodSeconds: found 1801, expected a whole number of at most 1800
            "#]],
        ),
        (
            "scaleUp: {policies: [{type: Pods}]}",
            expect![[r#"
            test.yaml:19:78: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].value: found nothing, expected a whole number of at least 1
            test.yaml:19:78: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].periodSeconds: found nothing, expected a whole number from 1 to 1800
        "#]],
        ),
        (
            "scaleUp: {tolerance: [1]}",
            expect![[r#"
            test.yaml:19:67: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.tolerance: found a list, expected a number or text
        "#]],
        ),
    ] {
        let spec = format!("advanced: {{horizontalPodAutoscalerConfig: {{behavior: {{{behavior}}}}}}}\n{TRIGGER}");
        check(&scaled_object(&spec), &expected);
    }
}

#[test]
fn triggers() {
    for (triggers, expected) in [
        (
            "triggers: []\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.triggers: found an empty list, expected at least one entry
        "#]],
        ),
        (
            "triggers:\n",
            expect![[r#"
            test.yaml:19:3: warning: ScaledObject default/orders: spec.triggers: nothing is written after the colon, so it counts as not given
            test.yaml:19:3: ScaledObject default/orders: spec.triggers: found nothing, expected a list
        "#]],
        ),
        (
            "minReplicaCount: 0\n",
            expect![[r#"
            test.yaml:17:1: ScaledObject default/orders: spec.triggers: found nothing, expected a list
        "#]],
        ),
        (
            "triggers: {type: kafka}\n",
            expect![[r#"
            test.yaml:19:3: ScaledObject default/orders: spec.triggers: found a map, expected a list
        "#]],
        ),
        (
            "triggers: [kafka]\n",
            expect![[r#"
            test.yaml:19:14: ScaledObject default/orders: spec.triggers[0]: found "kafka", expected a map
        "#]],
        ),
        (
            "triggers: [{type: kafka}]\n",
            expect![[r#"
            test.yaml:19:14: ScaledObject default/orders: spec.triggers[0].metadata: found nothing, expected a map
        "#]],
        ),
        (
            "triggers: [{metadata: {}}]\n",
            expect![[r#"
            test.yaml:19:14: ScaledObject default/orders: spec.triggers[0].type: found nothing, expected text
        "#]],
        ),
        (
            "triggers: [{type: '', metadata: {}}]\n",
            expect![[r#"
            test.yaml:19:15: ScaledObject default/orders: spec.triggers[0].type: found "", expected text that is not empty
        "#]],
        ),
        (
            "triggers: [{type: kafka, metadata: {lagThreshold: 5, allowIdleConsumers: yes}}]\n",
            expect![[r#"
            test.yaml:19:39: warning: ScaledObject default/orders: spec.triggers[0].metadata.lagThreshold: Kubernetes takes only text here; put it in quotes: "5"
            test.yaml:19:56: warning: ScaledObject default/orders: spec.triggers[0].metadata.allowIdleConsumers: Kubernetes takes only text here; put it in quotes: "yes"
        "#]],
        ),
        (
            "triggers: [{type: kafka, metadata: {topic: [a, b]}}]\n",
            expect![[r#"
            test.yaml:19:39: ScaledObject default/orders: spec.triggers[0].metadata.topic: found a list, expected text
        "#]],
        ),
        (
            "triggers: [{type: kafka, metadata: {topic: }}]\n",
            expect![[r#"
            test.yaml:19:39: warning: ScaledObject default/orders: spec.triggers[0].metadata.topic: nothing is written after the colon, so it counts as not given
        "#]],
        ),
        (
            "triggers: [{type: kafka, metadata: {}, metricType: average}]\n",
            expect![[r#"
                test.yaml:19:42: ScaledObject default/orders: spec.triggers[0].metricType: found "average", expected AverageValue, Value or Utilization; did you mean "AverageValue"?
            "#]],
        ),
        (
            "triggers: [{type: kafka, metadata: {}, authenticationRef: {name: a, kind: Secret}}]\n",
            expect![[r#"
            test.yaml:19:71: ScaledObject default/orders: spec.triggers[0].authenticationRef.kind: found "Secret", expected TriggerAuthentication or ClusterTriggerAuthentication
        "#]],
        ),
        (
            "triggers: [{type: kafka, metadata: {}, authenticationRef: {}}]\n",
            expect![[r#"
            test.yaml:19:42: ScaledObject default/orders: spec.triggers[0].authenticationRef.name: found nothing, expected text
        "#]],
        ),
    ] {
        check(&scaled_object(triggers), &expected);
    }
}

#[test]
fn deployments_are_checked_against_the_real_fields_of_kubernetes() {
    let pod = |container: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  \
             template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n      containers:\n        - {container}\n"
        )
    };
    check(
        &pod("{name: main, comand: [x]}"),
        &expect![[r#"
        test.yaml:10:24: Deployment default/a: spec.template.spec.containers[0].comand: unknown field; did you mean "command"?
    "#]],
    );
    check(
        &pod("{name: main, env: [{name: A, value: 5}]}"),
        &expect![[r#"
        test.yaml:10:40: Deployment default/a: spec.template.spec.containers[0].env[0].value: found 5, expected text; put it in quotes: "5"
    "#]],
    );
    check(
        &pod("{name: main, env: [{name: A, valueFrom: {secretKeyReff: {}}}]}"),
        &expect![[r#"
        test.yaml:10:52: Deployment default/a: spec.template.spec.containers[0].env[0].valueFrom.secretKeyReff: unknown field; did you mean "secretKeyRef"?
    "#]],
    );
    check(
        &pod("{name: main, readinessProbe: {httpGet: {port: [1]}}}"),
        &expect![[r#"
        test.yaml:10:51: Deployment default/a: spec.template.spec.containers[0].readinessProbe.httpGet.port: found a list, expected a number or text
    "#]],
    );
    check(
        &pod("{name: main, command: sleep 5}"),
        &expect![[r#"
        test.yaml:10:24: Deployment default/a: spec.template.spec.containers[0].command: found "sleep 5", expected a list
    "#]],
    );
    check(&pod("{name: main, resources: {limits: {cpu: 1, memory: 64Mi}}}"), &expect![[""]]);
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n",
        &expect![[r#"
        test.yaml:4:1: Deployment default/a: spec.selector: found nothing, expected a map
        test.yaml:4:1: Deployment default/a: spec.template: found nothing, expected a map
    "#]],
    );
}

#[test]
fn values_of_secrets_are_never_shown() {
    let secret = |rest: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{rest}\n");
    for (rest, expected) in [
        (
            "data: {password: plain-hunter2!}",
            expect![[r#"
            test.yaml:4:8: Secret default/a: data.password: found text (not shown), expected base64; plain text belongs under stringData (Secret) or data (ConfigMap)
        "#]],
        ),
        (
            "stringData: {password: 20022002}",
            expect![[r#"
            test.yaml:4:14: Secret default/a: stringData.password: found a number (not shown), expected text; put it in quotes
        "#]],
        ),
        (
            "data: hunter2",
            expect![[r#"
            test.yaml:4:1: Secret default/a: data: found text (not shown), expected a map
        "#]],
        ),
        (
            "stringData: {password: hunter2: hunter2}",
            expect![[r#"
            test.yaml:4:31: broken YAML: a comma or } is missing in a map in braces
        "#]],
        ),
        (
            "stringData:\n  password: hunter2: hunter2",
            expect![[r#"
            test.yaml:5:13: broken YAML: the value has a colon followed by a space in it; put it in quotes
        "#]],
        ),
    ] {
        let text = parse_problems(&secret(rest));
        assert!(!text.contains("hunter2") && !text.contains("20022002"), "{text}");
        expected.assert_eq(&text);
    }
}

#[test]
fn policies_and_authentications() {
    let policy = |spec: &str| {
        format!("apiVersion: tidegate.dev/v1alpha1\nkind: ScalingPolicy\nmetadata: {{name: a}}\nspec: {spec}\n")
    };
    check(
        &policy("{}"),
        &expect![[r#"
        test.yaml:4:1: ScalingPolicy default/a: spec.targetRef: found nothing, expected a map
    "#]],
    );
    check(
        &policy("{targetRef: {name: a, kind: ScaledJob}, mode: Direct}"),
        &expect![[r#"
            test.yaml:4:29: ScalingPolicy default/a: spec.targetRef.kind: found "ScaledJob", expected ScaledObject
            test.yaml:4:47: ScalingPolicy default/a: spec.mode: found "Direct", expected direct, hpa or shadow; did you mean "direct"?
        "#]],
    );
    check(
        &policy("{targetRef: {name: a}, triggers: [{index: 0, onFailure: onlyup}], compat: [partition-cap]}"),
        &expect![[r#"
            test.yaml:4:52: ScalingPolicy default/a: spec.triggers[0].onFailure: found "onlyup", expected default, hold, ignore, fallback or onlyUp; did you mean "onlyUp"?
            test.yaml:4:82: ScalingPolicy default/a: spec.compat[0]: found "partition-cap", expected partition-cap-rounds-down, partition-cap-before-tolerance, fallback-zero-scales-to-zero or fallback-needs-whole-formula-target; did you mean "partition-cap-rounds-down"?
        "#]],
    );
    let authentication = |spec: &str| {
        format!("apiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication\nmetadata: {{name: a}}\nspec: {spec}\n")
    };
    check(
        &authentication("{secretTargetRef: [{parameter: password, name: a}]}"),
        &expect![[r#"
        test.yaml:4:26: TriggerAuthentication default/a: spec.secretTargetRef[0].key: found nothing, expected text
    "#]],
    );
    check(
        &authentication("{secretRef: []}"),
        &expect![[r#"
        test.yaml:4:8: TriggerAuthentication default/a: spec.secretRef: unknown field; did you mean "secretTargetRef"?
    "#]],
    );
    check(
        &authentication("{podIdentity: {provider: azure}}"),
        &expect![[r#"
            test.yaml:4:22: TriggerAuthentication default/a: spec.podIdentity.provider: found "azure", expected none, azure-workload, gcp, aws or aws-eks; did you mean "azure-workload"?
        "#]],
    );
    check(
        "apiVersion: tidegate.dev/v1alpha1\nkind: Scenario\nmetadata: {name: a}\nspek: {}\n",
        &expect![[r#"
        test.yaml:1:1: Scenario default/a: spec: found nothing, expected a map
        test.yaml:4:1: Scenario default/a: spek: unknown field; did you mean "spec"?
    "#]],
    );
    check(
        "apiVersion: keda.sh/v1alpha1\nkind: ClusterTriggerAuthentication\nmetadata: {name: a, namespace: b}\nspec: {}\n",
        &expect![[r#"
            test.yaml:3:21: warning: ClusterTriggerAuthentication a: metadata.namespace: the kind has no namespace; this is ignored
        "#]],
    );
}
