//! Manifests with something wrong in them: each gets one line that says what, where and what to do.

use expect_test::expect;

use crate::{TRIGGER, parse_problems, scaled_object, scaled_object_with, table};

#[test]
fn kinds_and_versions() {
    let inputs = [
        "keda.sh/v1alpha1 ScaledObjekt",
        "apps/v1 deployment",
        "example.com/v1 Banana",
        "keda.sh/v1 ScaledObject",
        "extensions/v1beta1 Deployment",
        "v1 Service",
        "keda.sh/v1alpha1 ScaledJob",
        "apps/v1 StatefulSet",
    ];
    let said = table(&inputs, |input| {
        let (version, kind) = input.split_once(' ').unwrap();
        parse_problems(&format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n"))
    });
    expect![[r#"
        keda.sh/v1alpha1 ScaledObjekt
            test.yaml:2:1: ScaledObjekt default/a: kind: found "ScaledObjekt"; unknown kind; did you mean "ScaledObject"?
        apps/v1 deployment
            test.yaml:2:1: deployment default/a: kind: found "deployment"; unknown kind; did you mean "Deployment"?
        example.com/v1 Banana
            test.yaml:2:1: Banana default/a: kind: found "Banana"; unknown kind
        keda.sh/v1 ScaledObject
            test.yaml:1:1: ScaledObject default/a: apiVersion: found "keda.sh/v1", expected "keda.sh/v1alpha1"
        extensions/v1beta1 Deployment
            test.yaml:1:1: Deployment default/a: apiVersion: found "extensions/v1beta1", expected "apps/v1"
        v1 Service
            test.yaml:2:1: warning: Service default/a: kind: has no meaning on one machine, so this is ignored
        keda.sh/v1alpha1 ScaledJob
            test.yaml:1:1: ScaledJob default/a: spec: found nothing, expected a map
            test.yaml:2:1: warning: ScaledJob default/a: kind: ScaledJobs are not served yet, so this is ignored
        apps/v1 StatefulSet
            test.yaml:2:1: warning: StatefulSet default/a: kind: only a Deployment's pods are run on one machine, so this is ignored
    "#]].assert_eq(&said);
}

#[test]
fn names() {
    let inputs = [
        "metadata: {}",
        "metadata: {name: Orders_1}",
        "metadata: {generateName: orders-}",
        "metadata: {name: 5}",
        "metadata: {name: a, namespace: b.c}",
        "metadata: {name: a, labels: {x: 1}}",
        "metadata:",
    ];
    let said = table(&inputs, |metadata| parse_problems(&format!("apiVersion: v1\nkind: ConfigMap\n{metadata}\n")));
    expect![[r#"
        metadata: {}
            test.yaml:3:1: ConfigMap default/(no name): metadata.name: found nothing, expected a name
        metadata: {name: Orders_1}
            test.yaml:3:12: ConfigMap default/Orders_1: metadata.name: found "Orders_1", expected lower-case letters, digits, - and . only, with a letter or digit at both ends, at most 253 characters
        metadata: {generateName: orders-}
            test.yaml:3:12: ConfigMap default/(no name): metadata.generateName: names are not generated here; give metadata.name
        metadata: {name: 5}
            test.yaml:3:12: ConfigMap default/(no name): metadata.name: found 5, expected text; put it in quotes: "5"
        metadata: {name: a, namespace: b.c}
            test.yaml:3:21: ConfigMap b.c/a: metadata.namespace: found "b.c", expected lower-case letters, digits and - only, at most 63 characters
        metadata: {name: a, labels: {x: 1}}
            test.yaml:3:30: ConfigMap default/a: metadata.labels.x: found 1, expected text; put it in quotes: "1"
        metadata:
            test.yaml:3:1: warning: ConfigMap default/(no name): metadata: nothing is written after the colon, so it counts as not given
            test.yaml:3:1: ConfigMap default/(no name): metadata: found nothing, expected a map
    "#]].assert_eq(&said);
}

#[test]
fn unknown_fields_get_the_nearest_known_name_or_their_place() {
    let inputs = [
        "maxReplicas: 5",
        "cooldown: 5",
        "banana: 5",
        "scalingModifiers: {formula: lag}",
        "behavior: {}",
        "behavior: static",
        "metricType: Value",
    ];
    let said = table(&inputs, |field| parse_problems(&scaled_object(&format!("{field}\n{TRIGGER}"))));
    expect![[r#"
        maxReplicas: 5
            test.yaml:19:3: ScaledObject default/orders: spec.maxReplicas: unknown field; did you mean "maxReplicaCount"?
        cooldown: 5
            test.yaml:19:3: ScaledObject default/orders: spec.cooldown: unknown field; did you mean "cooldownPeriod"?
        banana: 5
            test.yaml:19:3: ScaledObject default/orders: spec.banana: unknown field; known are scaleTargetRef, pollingInterval, cooldownPeriod, initialCooldownPeriod, idleReplicaCount, minReplicaCount, maxReplicaCount, fallback, advanced, triggers
        scalingModifiers: {formula: lag}
            test.yaml:19:3: ScaledObject default/orders: spec.scalingModifiers: unknown field; its place is spec.advanced.scalingModifiers
        behavior: {}
            test.yaml:19:3: ScaledObject default/orders: spec.behavior: unknown field; its place is spec.advanced.horizontalPodAutoscalerConfig.behavior
        behavior: static
            test.yaml:19:3: ScaledObject default/orders: spec.behavior: unknown field; its place is spec.fallback.behavior
        metricType: Value
            test.yaml:19:3: ScaledObject default/orders: spec.metricType: unknown field; its place is spec.triggers[].metricType or spec.advanced.scalingModifiers.metricType
    "#]].assert_eq(&said);
    let said = parse_problems(&scaled_object_with("labls: {}", TRIGGER));
    expect![[r#"
        test.yaml:17:3: ScaledObject default/orders: metadata.labls: unknown field; did you mean "labels"?
    "#]]
    .assert_eq(&said);
}

#[test]
fn wrong_types_say_what_was_found_and_what_was_expected() {
    let inputs = [
        "minReplicaCount: two",
        "minReplicaCount: '2'",
        "minReplicaCount: -1",
        "minReplicaCount: 1.5",
        "minReplicaCount: 2.0",
        "maxReplicaCount: 0",
        "maxReplicaCount: 3000000000",
        "pollingInterval: 0",
        "pollingInterval: 30s",
        "cooldownPeriod:",
        "advanced: yes",
        "advanced: {restoreToOriginalReplicaCount: 'true'}",
        "fallback: {replicas: 3}",
        "fallback: {failureThreshold: 3, replicas: 3, behavior: statik}",
        "advanced: {scalingModifiers: {formula: lag, target: 5}}",
        "advanced: {scalingModifiers: {formula: lag, target: '5', metricType: Utilization}}",
    ];
    let said = table(&inputs, |field| parse_problems(&scaled_object(&format!("{field}\n{TRIGGER}"))));
    expect![[r#"
        minReplicaCount: two
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found "two", expected a whole number of at least 0
        minReplicaCount: '2'
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found "2", expected a whole number of at least 0; write it without quotes
        minReplicaCount: -1
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found -1, expected a whole number of at least 0
        minReplicaCount: 1.5
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found 1.5, expected a whole number of at least 0
        minReplicaCount: 2.0
            fine
        maxReplicaCount: 0
            test.yaml:19:3: ScaledObject default/orders: spec.maxReplicaCount: found 0, expected a whole number of at least 1
        maxReplicaCount: 3000000000
            test.yaml:19:3: ScaledObject default/orders: spec.maxReplicaCount: found 3000000000, expected a whole number of at most 2147483647
        pollingInterval: 0
            test.yaml:19:3: ScaledObject default/orders: spec.pollingInterval: found 0, expected a whole number of at least 1
        pollingInterval: 30s
            test.yaml:19:3: ScaledObject default/orders: spec.pollingInterval: found "30s", expected a whole number of at least 1
        cooldownPeriod:
            test.yaml:19:3: warning: ScaledObject default/orders: spec.cooldownPeriod: nothing is written after the colon, so it counts as not given
        advanced: yes
            test.yaml:19:3: ScaledObject default/orders: spec.advanced: found yes, expected a map
        advanced: {restoreToOriginalReplicaCount: 'true'}
            test.yaml:19:14: ScaledObject default/orders: spec.advanced.restoreToOriginalReplicaCount: found "true", expected true or false; write true without quotes
        fallback: {replicas: 3}
            test.yaml:19:3: ScaledObject default/orders: spec.fallback.failureThreshold: found nothing, expected a whole number of at least 0
        fallback: {failureThreshold: 3, replicas: 3, behavior: statik}
            test.yaml:19:48: ScaledObject default/orders: spec.fallback.behavior: found "statik", expected static, currentReplicas, currentReplicasIfHigher, currentReplicasIfLower or scalingModifiers; did you mean "static"?
        advanced: {scalingModifiers: {formula: lag, target: 5}}
            test.yaml:19:47: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found 5, expected text; put it in quotes: "5"
        advanced: {scalingModifiers: {formula: lag, target: '5', metricType: Utilization}}
            test.yaml:19:60: ScaledObject default/orders: spec.advanced.scalingModifiers.metricType: found "Utilization", expected AverageValue or Value
    "#]].assert_eq(&said);
}

#[test]
fn behavior_fields() {
    let inputs = [
        "scaleDown: {stabilizationWindowSeconds: 3601}",
        "scaleDown: {selectPolicy: max}",
        "scaleup: {}",
        "scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 15}]}",
        "scaleUp: {policies: [{type: Pod, value: 4, periodSeconds: 1801}]}",
        "scaleUp: {policies: [{type: Pods}]}",
        "scaleUp: {tolerance: [1]}",
    ];
    let said = table(&inputs, |behavior| {
        let config = format!("advanced: {{horizontalPodAutoscalerConfig: {{behavior: {{{behavior}}}}}}}\n{TRIGGER}");
        parse_problems(&scaled_object(&config))
    });
    expect![[r#"
        scaleDown: {stabilizationWindowSeconds: 3601}
            test.yaml:19:69: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds: found 3601, expected a whole number of at most 3600
        scaleDown: {selectPolicy: max}
            test.yaml:19:69: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.selectPolicy: found "max", expected Max, Min or Disabled; did you mean "Max"?
        scaleup: {}
            test.yaml:19:57: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleup: unknown field; did you mean "scaleUp"?
        scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 15}]}
            test.yaml:19:91: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].value: found 0, expected a whole number of at least 1
        scaleUp: {policies: [{type: Pod, value: 4, periodSeconds: 1801}]}
            test.yaml:19:79: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].type: found "Pod", expected Pods or Percent; did you mean "Pods"?
            test.yaml:19:100: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].periodSeconds: found 1801, expected a whole number of at most 1800
        scaleUp: {policies: [{type: Pods}]}
            test.yaml:19:78: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].value: found nothing, expected a whole number of at least 1
            test.yaml:19:78: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[0].periodSeconds: found nothing, expected a whole number from 1 to 1800
        scaleUp: {tolerance: [1]}
            test.yaml:19:67: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.tolerance: found a list, expected a number or text
    "#]].assert_eq(&said);
}

#[test]
fn triggers() {
    let inputs = [
        "triggers: []",
        "triggers:",
        "minReplicaCount: 0",
        "triggers: {type: kafka}",
        "triggers: [kafka]",
        "triggers: [{type: kafka}]",
        "triggers: [{metadata: {}}]",
        "triggers: [{type: '', metadata: {}}]",
        "triggers: [{type: kafka, metadatas: {}, metadata: {}}]",
        "triggers: [{type: kafka, metadata: {lagThreshold: 5, allowIdleConsumers: yes}}]",
        "triggers: [{type: kafka, metadata: {topic: [a, b]}}]",
        "triggers: [{type: kafka, metadata: {topic: }}]",
        "triggers: [{type: kafka, metadata: {}, metricType: average}]",
        "triggers: [{type: kafka, metadata: {}, authenticationRef: {name: a, kind: Secret}}]",
        "triggers: [{type: kafka, metadata: {}, authenticationRef: {}}]",
    ];
    let said = table(&inputs, |triggers| parse_problems(&scaled_object(triggers)));
    expect![[r#"
        triggers: []
            test.yaml:19:3: ScaledObject default/orders: spec.triggers: found an empty list, expected at least one entry
        triggers:
            test.yaml:19:3: warning: ScaledObject default/orders: spec.triggers: nothing is written after the colon, so it counts as not given
            test.yaml:19:3: ScaledObject default/orders: spec.triggers: found nothing, expected a list
        minReplicaCount: 0
            test.yaml:17:1: ScaledObject default/orders: spec.triggers: found nothing, expected a list
        triggers: {type: kafka}
            test.yaml:19:3: ScaledObject default/orders: spec.triggers: found a map, expected a list
        triggers: [kafka]
            test.yaml:19:14: ScaledObject default/orders: spec.triggers[0]: found "kafka", expected a map
        triggers: [{type: kafka}]
            test.yaml:19:14: ScaledObject default/orders: spec.triggers[0].metadata: found nothing, expected a map
        triggers: [{metadata: {}}]
            test.yaml:19:14: ScaledObject default/orders: spec.triggers[0].type: found nothing, expected text
        triggers: [{type: '', metadata: {}}]
            test.yaml:19:15: ScaledObject default/orders: spec.triggers[0].type: found "", expected text that is not empty
        triggers: [{type: kafka, metadatas: {}, metadata: {}}]
            test.yaml:19:28: ScaledObject default/orders: spec.triggers[0].metadatas: unknown field; did you mean "metadata"?
        triggers: [{type: kafka, metadata: {lagThreshold: 5, allowIdleConsumers: yes}}]
            test.yaml:19:39: warning: ScaledObject default/orders: spec.triggers[0].metadata.lagThreshold: Kubernetes takes only text here; put it in quotes: "5"
            test.yaml:19:56: warning: ScaledObject default/orders: spec.triggers[0].metadata.allowIdleConsumers: Kubernetes takes only text here; put it in quotes: "yes"
        triggers: [{type: kafka, metadata: {topic: [a, b]}}]
            test.yaml:19:39: ScaledObject default/orders: spec.triggers[0].metadata.topic: found a list, expected text
        triggers: [{type: kafka, metadata: {topic: }}]
            test.yaml:19:39: warning: ScaledObject default/orders: spec.triggers[0].metadata.topic: nothing is written after the colon, so it counts as not given
        triggers: [{type: kafka, metadata: {}, metricType: average}]
            test.yaml:19:42: ScaledObject default/orders: spec.triggers[0].metricType: found "average", expected AverageValue, Value or Utilization; did you mean "AverageValue"?
        triggers: [{type: kafka, metadata: {}, authenticationRef: {name: a, kind: Secret}}]
            test.yaml:19:71: ScaledObject default/orders: spec.triggers[0].authenticationRef.kind: found "Secret", expected TriggerAuthentication or ClusterTriggerAuthentication
        triggers: [{type: kafka, metadata: {}, authenticationRef: {}}]
            test.yaml:19:42: ScaledObject default/orders: spec.triggers[0].authenticationRef.name: found nothing, expected text
    "#]].assert_eq(&said);
}

#[test]
fn deployments_are_checked_against_the_real_fields_of_kubernetes() {
    let inputs = [
        "{name: main, comand: [x]}",
        "{name: main, env: [{name: A, value: 5}]}",
        "{name: main, env: [{name: A, valueFrom: {secretKeyReff: {}}}]}",
        "{name: main, readinessProbe: {httpGet: {port: [1]}}}",
        "{name: main, command: sleep 5}",
        "{name: main, resources: {limits: {cpu: 1, memory: 64Mi}}, readinessProbe: {httpGet: {port: 80}}}",
    ];
    let said = table(&inputs, |container| {
        parse_problems(&format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n  selector: {{matchLabels: {{a: b}}}}\n  \
             template:\n    metadata: {{labels: {{a: b}}}}\n    spec:\n      containers:\n        - {container}\n"
        ))
    });
    expect![[r#"
        {name: main, comand: [x]}
            test.yaml:10:24: Deployment default/a: spec.template.spec.containers[0].comand: unknown field; did you mean "command"?
        {name: main, env: [{name: A, value: 5}]}
            test.yaml:10:40: Deployment default/a: spec.template.spec.containers[0].env[0].value: found 5, expected text; put it in quotes: "5"
        {name: main, env: [{name: A, valueFrom: {secretKeyReff: {}}}]}
            test.yaml:10:52: Deployment default/a: spec.template.spec.containers[0].env[0].valueFrom.secretKeyReff: unknown field; did you mean "secretKeyRef"?
        {name: main, readinessProbe: {httpGet: {port: [1]}}}
            test.yaml:10:51: Deployment default/a: spec.template.spec.containers[0].readinessProbe.httpGet.port: found a list, expected a number or text
        {name: main, command: sleep 5}
            test.yaml:10:24: Deployment default/a: spec.template.spec.containers[0].command: found "sleep 5", expected a list
        {name: main, resources: {limits: {cpu: 1, memory: 64Mi}}, readinessProbe: {httpGet: {port: 80}}}
            fine
    "#]].assert_eq(&said);
    let said = parse_problems("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n");
    expect![[r#"
        test.yaml:4:1: Deployment default/a: spec.selector: found nothing, expected a map
        test.yaml:4:1: Deployment default/a: spec.template: found nothing, expected a map
    "#]]
    .assert_eq(&said);
}

#[test]
fn values_of_secrets_are_never_shown() {
    let inputs = [
        "data: {password: plain-hunter2!}",
        "stringData: {password: 20022002}",
        "data: hunter2",
        "stringData: {password: hunter2: hunter2}",
        "stringData:\n  password: hunter2: hunter2",
        "stringData:\n  password: [hunter2",
        "stringData:\n  password: \"hunter2",
        "stringData:\n  password: @hunter2",
    ];
    for input in inputs {
        let said = parse_problems(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{input}\n"));
        assert!(!said.contains("hunter2") && !said.contains("20022002") && !said.is_empty(), "{said}");
    }
    let said = table(&inputs, |rest| {
        parse_problems(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{rest}\n"))
    });
    expect![[r#"
        data: {password: plain-hunter2!}
            test.yaml:4:8: Secret default/a: data.password: found text (not shown), expected base64; plain text belongs under stringData (Secret) or data (ConfigMap)
        stringData: {password: 20022002}
            test.yaml:4:14: Secret default/a: stringData.password: found a number (not shown), expected text; put it in quotes
        data: hunter2
            test.yaml:4:1: Secret default/a: data: found text (not shown), expected a map
        stringData: {password: hunter2: hunter2}
            test.yaml:4:31: broken YAML: a comma or } is missing in a map in braces
        stringData:\n  password: hunter2: hunter2
            test.yaml:5:13: broken YAML: the value has a colon followed by a space in it; put it in quotes
        stringData:\n  password: [hunter2
            test.yaml:5:13: broken YAML: the [ is not closed
        stringData:\n  password: "hunter2
            test.yaml:5:13: broken YAML: the " is not closed
        stringData:\n  password: @hunter2
            test.yaml:5:13: broken YAML: a value cannot start with '@'; put it in quotes
    "#]].assert_eq(&said);
}

#[test]
fn policies_authentications_and_scenarios() {
    let inputs = [
        "ScalingPolicy {}",
        "ScalingPolicy {targetRef: {name: a, kind: ScaledJob}, mode: Direct}",
        "ScalingPolicy {targetRef: {name: a}, triggers: [{index: 0, onFailure: onlyup}], compat: [partition-cap]}",
        "TriggerAuthentication {secretTargetRef: [{parameter: password, name: a}]}",
        "TriggerAuthentication {secretRef: []}",
        "TriggerAuthentication {podIdentity: {provider: azure}}",
        "TriggerAuthentication {hashiCorpVault: {address: a, authentication: token, secrets: []}}",
        "ClusterTriggerAuthentication {}",
        "Scenario {anything: [goes, here]}",
        "Scenario",
    ];
    let said = table(&inputs, |input| {
        let (kind, spec) = input.split_once(' ').unwrap_or((input, ""));
        let group = if kind.contains("Authentication") { "keda.sh" } else { "tidegate.dev" };
        parse_problems(&format!(
            "apiVersion: {group}/v1alpha1\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: {spec}\n"
        ))
    });
    expect![[r#"
        ScalingPolicy {}
            test.yaml:4:1: ScalingPolicy b/a: spec.targetRef: found nothing, expected a map
        ScalingPolicy {targetRef: {name: a, kind: ScaledJob}, mode: Direct}
            test.yaml:4:29: ScalingPolicy b/a: spec.targetRef.kind: found "ScaledJob", expected ScaledObject
            test.yaml:4:47: ScalingPolicy b/a: spec.mode: found "Direct", expected direct, hpa or shadow; did you mean "direct"?
        ScalingPolicy {targetRef: {name: a}, triggers: [{index: 0, onFailure: onlyup}], compat: [partition-cap]}
            test.yaml:4:52: ScalingPolicy b/a: spec.triggers[0].onFailure: found "onlyup", expected default, hold, ignore, fallback or onlyUp; did you mean "onlyUp"?
            test.yaml:4:82: ScalingPolicy b/a: spec.compat[0]: found "partition-cap", expected partition-cap-rounds-down, partition-cap-before-tolerance, fallback-zero-scales-to-zero or fallback-needs-whole-formula-target; did you mean "partition-cap-rounds-down"?
        TriggerAuthentication {secretTargetRef: [{parameter: password, name: a}]}
            test.yaml:4:26: TriggerAuthentication b/a: spec.secretTargetRef[0].key: found nothing, expected text
        TriggerAuthentication {secretRef: []}
            test.yaml:4:8: TriggerAuthentication b/a: spec.secretRef: unknown field; did you mean "secretTargetRef"?
        TriggerAuthentication {podIdentity: {provider: azure}}
            test.yaml:4:22: TriggerAuthentication b/a: spec.podIdentity.provider: found "azure", expected none, azure-workload, gcp, aws or aws-eks; did you mean "azure-workload"?
        TriggerAuthentication {hashiCorpVault: {address: a, authentication: token, secrets: []}}
            test.yaml:4:60: TriggerAuthentication b/a: spec.hashiCorpVault.secrets: found an empty list, expected at least one entry
        ClusterTriggerAuthentication {}
            test.yaml:3:21: warning: ClusterTriggerAuthentication a: metadata.namespace: the kind has no namespace; this is ignored
        Scenario {anything: [goes, here]}
            fine
        Scenario
            test.yaml:4:1: Scenario b/a: spec: found nothing, expected a map
    "#]].assert_eq(&said);
}
