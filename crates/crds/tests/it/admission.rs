//! The rules of KEDA's admission that need no cluster (VAL-01 to VAL-26 of its behaviour, as far as they apply here).

use expect_test::expect;

use crate::{TRIGGER, all_problems, parse_problems, scaled_object, scaled_object_with, table};

/// What is said of a ScaledObject with these lines and one trigger.
fn with_trigger(spec: &str) -> String {
    all_problems(&scaled_object(&format!("{spec}\n{TRIGGER}")))
}

#[test]
fn replica_bounds() {
    let inputs = [
        "minReplicaCount: 5\nmaxReplicaCount: 3",
        "minReplicaCount: 101",
        "minReplicaCount: 3\nmaxReplicaCount: 3",
        "idleReplicaCount: 2\nminReplicaCount: 2",
        "idleReplicaCount: 0",
        "idleReplicaCount: 0\nminReplicaCount: 0",
        "idleReplicaCount: 1\nminReplicaCount: 0",
        "idleReplicaCount: 1\nminReplicaCount: 2",
    ];
    expect![[r#"
        minReplicaCount: 5\nmaxReplicaCount: 3
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found 5, expected at most maxReplicaCount, which is 3
        minReplicaCount: 101
            test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found 101, expected at most maxReplicaCount, which is 100 (its default)
        minReplicaCount: 3\nmaxReplicaCount: 3
            fine
        idleReplicaCount: 2\nminReplicaCount: 2
            test.yaml:19:3: ScaledObject default/orders: spec.idleReplicaCount: found 2, expected less than minReplicaCount, which is 2
        idleReplicaCount: 0
            test.yaml:19:3: ScaledObject default/orders: spec.idleReplicaCount: found 0, expected less than minReplicaCount, which is not given and so 0; give both or leave this out
        idleReplicaCount: 0\nminReplicaCount: 0
            fine
        idleReplicaCount: 1\nminReplicaCount: 0
            test.yaml:19:3: ScaledObject default/orders: spec.idleReplicaCount: found 1, expected less than minReplicaCount, which is 0
        idleReplicaCount: 1\nminReplicaCount: 2
            fine
    "#]].assert_eq(&table(&inputs, with_trigger));
}

#[test]
fn trigger_names_and_cached_metrics() {
    let inputs = [
        "triggers: [{type: kafka, name: a, metadata: {}}, {type: cron, name: a, metadata: {}}]",
        "triggers: [{type: kafka, name: '', metadata: {}}, {type: cron, name: '', metadata: {}}]",
        "triggers: [{type: cron, useCachedMetrics: true, metadata: {}}, {type: kafka, useCachedMetrics: true, metadata: {}}]",
        "triggers: [{type: cpu, useCachedMetrics: true, metadata: {}}, {type: kafka, metadata: {}}]",
        "triggers: [{type: kafka, metricType: Utilization, metadata: {}}]",
        "triggers: [{type: cpu, metricType: Utilization, metadata: {value: '50'}}]",
        "minReplicaCount: 1\ntriggers: [{type: memory, metricType: Utilization, metadata: {value: '50'}}]",
    ];
    expect![[r#"
        triggers: [{type: kafka, name: a, metadata: {}}, {type: cron, name: a, metadata: {}}]
            test.yaml:19:65: ScaledObject default/orders: spec.triggers[1].name: found "a" a second time; spec.triggers[0] has the same name
        triggers: [{type: kafka, name: '', metadata: {}}, {type: cron, name: '', metadata: {}}]
            fine
        triggers: [{type: cron, useCachedMetrics: true, metadata: {}}, {type: kafka, useCachedMetrics: true, metadata: {}}]
            test.yaml:19:27: ScaledObject default/orders: spec.triggers[0].useCachedMetrics: a trigger of type cron has no cached metrics; remove this
        triggers: [{type: cpu, useCachedMetrics: true, metadata: {}}, {type: kafka, metadata: {}}]
            test.yaml:19:26: ScaledObject default/orders: spec.triggers[0].useCachedMetrics: a trigger of type cpu has no cached metrics; remove this
        triggers: [{type: kafka, metricType: Utilization, metadata: {}}]
            test.yaml:19:28: ScaledObject default/orders: spec.triggers[0].metricType: found "Utilization", expected AverageValue or Value; Utilization is only for cpu and memory
        triggers: [{type: cpu, metricType: Utilization, metadata: {value: '50'}}]
            test.yaml:17:1: ScaledObject default/orders: spec.minReplicaCount: found 0, expected at least 1: cpu and memory cannot be measured at zero replicas, so one other trigger is needed to scale to zero
        minReplicaCount: 1\ntriggers: [{type: memory, metricType: Utilization, metadata: {value: '50'}}]
            fine
    "#]].assert_eq(&table(&inputs, |spec| all_problems(&scaled_object(spec))));
}

#[test]
fn fallback() {
    let inputs = [
        "fallback: {failureThreshold: 0, replicas: 0}",
        "fallback: {failureThreshold: -1, replicas: 3}",
        "fallback: {failureThreshold: 3, replicas: 3, behavior: scalingModifiers}",
        "fallback: {failureThreshold: 3, replicas: 3, behavior: scalingModifiers}\nadvanced: {scalingModifiers: {formula: lag ?? 1, target: '2'}}",
    ];
    expect![[r#"
        fallback: {failureThreshold: 0, replicas: 0}
            fine
        fallback: {failureThreshold: -1, replicas: 3}
            test.yaml:19:14: ScaledObject default/orders: spec.fallback.failureThreshold: found -1, expected a whole number of at least 0
        fallback: {failureThreshold: 3, replicas: 3, behavior: scalingModifiers}
            test.yaml:19:48: ScaledObject default/orders: spec.fallback.behavior: scalingModifiers needs a formula in spec.advanced.scalingModifiers.formula
        fallback: {failureThreshold: 3, replicas: 3, behavior: scalingModifiers}\nadvanced: {scalingModifiers: {formula: lag ?? 1, target: '2'}}
            fine
    "#]].assert_eq(&table(&inputs, with_trigger));
    let only_cpu =
        "minReplicaCount: 1\nfallback: {failureThreshold: 3, replicas: 3}\ntriggers: [{type: cpu, metadata: {}}]\n";
    expect![[r#"
        test.yaml:20:3: ScaledObject default/orders: spec.fallback: cpu and memory triggers have no fallback; add another trigger or remove this
    "#]].assert_eq(&all_problems(&scaled_object(only_cpu)));
}

#[test]
fn formulas() {
    let inputs = [
        "{target: '5'}",
        "{formula: lag}",
        "{formula: lag, target: '0'}",
        "{formula: lag, target: many}",
        "{formula: lag, target: '2.5', activationTarget: x}",
        "{metricType: Value}",
        "{formula: '', target: ''}",
        "{formula: 'lag * 2', target: '5', activationTarget: '1'}",
    ];
    let said = table(&inputs, |modifiers| with_trigger(&format!("advanced: {{scalingModifiers: {modifiers}}}")));
    expect![[r#"
        {target: '5'}
            test.yaml:19:14: ScaledObject default/orders: spec.advanced.scalingModifiers.formula: found nothing, expected a formula over the names of triggers, as "(orders + invoices) / 2"
        {formula: lag}
            test.yaml:19:14: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found nothing, expected a number above 0, in quotes
        {formula: lag, target: '0'}
            test.yaml:19:47: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found "0", expected a number above 0, in quotes
        {formula: lag, target: many}
            test.yaml:19:47: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found "many", expected a number above 0, in quotes
        {formula: lag, target: '2.5', activationTarget: x}
            test.yaml:19:62: ScaledObject default/orders: spec.advanced.scalingModifiers.activationTarget: found "x", expected a number, in quotes
        {metricType: Value}
            test.yaml:19:14: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found nothing, expected a number above 0, in quotes
            test.yaml:19:14: ScaledObject default/orders: spec.advanced.scalingModifiers.formula: found nothing, expected a formula over the names of triggers, as "(orders + invoices) / 2"
        {formula: '', target: ''}
            fine
        {formula: 'lag * 2', target: '5', activationTarget: '1'}
            fine
    "#]].assert_eq(&said);
}

#[test]
fn names_of_objects_and_autoscalers() {
    let named = |length: usize, hpa: &str| {
        let text = scaled_object(&format!("{hpa}\n{TRIGGER}"))
            .replace("name: orders", &format!("name: {}", "o".repeat(length)));
        all_problems(&text)
    };
    expect![[r#"
        test.yaml:16:3: ScaledObject default/oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo: metadata.name: the name has 64 characters; a ScaledObject's may have 63
    "#]].assert_eq(&named(64, ""));
    expect![[r#"
        test.yaml:17:1: ScaledObject default/ooooooooooooooooooooooooooooooooooooooooooooooooooooooo: spec.advanced.horizontalPodAutoscalerConfig.name: the HorizontalPodAutoscaler's name "keda-hpa-ooooooooooooooooooooooooooooooooooooooooooooooooooooooo" has 64 characters and may have 63; give a shorter one here
    "#]].assert_eq(&named(55, ""));
    assert_eq!(named(54, ""), "");
    assert_eq!(named(63, "advanced: {horizontalPodAutoscalerConfig: {name: short}}"), "");
    let long = format!("advanced: {{horizontalPodAutoscalerConfig: {{name: {}}}}}", "h".repeat(64));
    expect![[r#"
        test.yaml:19:46: ScaledObject default/ooooo: spec.advanced.horizontalPodAutoscalerConfig.name: the HorizontalPodAutoscaler's name "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh" has 64 characters and may have 63; give a shorter one here
    "#]].assert_eq(&named(5, &long));
}

#[test]
fn settings_without_effect_are_warned_about() {
    let inputs = [
        "minReplicaCount: 1\ncooldownPeriod: 60",
        "minReplicaCount: 2\nidleReplicaCount: 0\ncooldownPeriod: 60",
        "cooldownPeriod: 60",
        "minReplicaCount: 1\npollingInterval: 10",
    ];
    expect![[r#"
        minReplicaCount: 1\ncooldownPeriod: 60
            test.yaml:20:3: warning: ScaledObject default/orders: spec.cooldownPeriod: has no effect: minReplicaCount is above 0 and there is no idleReplicaCount
        minReplicaCount: 2\nidleReplicaCount: 0\ncooldownPeriod: 60
            fine
        cooldownPeriod: 60
            fine
        minReplicaCount: 1\npollingInterval: 10
            fine
    "#]].assert_eq(&table(&inputs, with_trigger));
    let hpa = "apiVersion: tidegate.dev/v1alpha1\nkind: ScalingPolicy\nmetadata: {name: a}\nspec: {targetRef: {name: orders}, mode: hpa}\n---\n";
    let text = format!("{hpa}{}", scaled_object(&format!("minReplicaCount: 1\npollingInterval: 10\n{TRIGGER}")));
    expect![[r#"
        test.yaml:25:3: warning: ScaledObject default/orders: spec.pollingInterval: has no effect in mode hpa: minReplicaCount is above 0, there is no idleReplicaCount and no trigger has useCachedMetrics
    "#]].assert_eq(&all_problems(&text));
}

#[test]
fn annotations() {
    let inputs = [
        "autoscaling.keda.sh/paused: \"true\"",
        "autoscaling.keda.sh/paused: \"please\"",
        "autoscaling.keda.sh/paused: \"\"",
        "autoscaling.keda.sh/paused: true",
        "autoscaling.keda.sh/paused-replicas: \"five\"",
        "autoscaling.keda.sh/paused-replicas: \"-1\"",
        "autoscaling.keda.sh/paused-scale-inn: \"true\"",
        "tidegate.dev/compat: partition-cap-rounds-down, partition-cap",
        "example.com/anything: \"x\"",
    ];
    let said = table(&inputs, |line| all_problems(&scaled_object_with(&format!("annotations:\n  {line}"), TRIGGER)));
    expect![[r#"
        autoscaling.keda.sh/paused: "true"
            fine
        autoscaling.keda.sh/paused: "please"
            test.yaml:18:5: warning: ScaledObject default/orders: metadata.annotations["autoscaling.keda.sh/paused"]: found "please", which is neither "true" nor "false" and counts as true
        autoscaling.keda.sh/paused: ""
            test.yaml:18:5: warning: ScaledObject default/orders: metadata.annotations["autoscaling.keda.sh/paused"]: found "", which is neither "true" nor "false" and counts as true
        autoscaling.keda.sh/paused: true
            test.yaml:18:5: ScaledObject default/orders: metadata.annotations["autoscaling.keda.sh/paused"]: found true, expected text; put it in quotes: "true"
        autoscaling.keda.sh/paused-replicas: "five"
            test.yaml:18:5: ScaledObject default/orders: metadata.annotations["autoscaling.keda.sh/paused-replicas"]: found "five", expected a whole number of at least 0, in quotes
        autoscaling.keda.sh/paused-replicas: "-1"
            test.yaml:18:5: ScaledObject default/orders: metadata.annotations["autoscaling.keda.sh/paused-replicas"]: found "-1", expected a whole number of at least 0, in quotes
        autoscaling.keda.sh/paused-scale-inn: "true"
            test.yaml:18:5: warning: ScaledObject default/orders: metadata.annotations["autoscaling.keda.sh/paused-scale-inn"]: unknown annotation; did you mean "autoscaling.keda.sh/paused-scale-in"?
        tidegate.dev/compat: partition-cap-rounds-down, partition-cap
            test.yaml:18:5: ScaledObject default/orders: metadata.annotations["tidegate.dev/compat"]: unknown switch "partition-cap"; did you mean "partition-cap-rounds-down"?
        example.com/anything: "x"
            fine
    "#]].assert_eq(&said);
}

#[test]
fn identities_and_oauth() {
    let inputs = [
        "podIdentity: {provider: azure-workload}",
        "podIdentity: {provider: azure-workload, identityId: ''}",
        "podIdentity: {provider: azure-workload, identityId: a, identityTenantId: ''}",
        "podIdentity: {provider: azure-workload, identityAuthorityHost: a}",
        "podIdentity: {provider: aws, roleArn: a, identityOwner: workload}",
        "podIdentity: {provider: aws, externalID: a}",
        "oauth2: {clientId: '', tokenUrl: 'ftp://a'}",
        "oauth2: {type: password, clientId: a, tokenUrl: 'https://a'}",
        "filePath: a.json",
    ];
    let said = table(&inputs, |spec| {
        all_problems(&format!(
            "apiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication\nmetadata: {{name: a}}\nspec: {{{spec}}}\n"
        ))
    });
    expect![[r#"
        podIdentity: {provider: azure-workload}
            fine
        podIdentity: {provider: azure-workload, identityId: ''}
            test.yaml:4:48: TriggerAuthentication default/a: spec.podIdentity.identityId: found "", expected an id; leave it out for the default
        podIdentity: {provider: azure-workload, identityId: a, identityTenantId: ''}
            test.yaml:4:63: TriggerAuthentication default/a: spec.podIdentity.identityTenantId: found "", expected an id; leave it out for the default
        podIdentity: {provider: azure-workload, identityAuthorityHost: a}
            test.yaml:4:48: TriggerAuthentication default/a: spec.podIdentity.identityAuthorityHost: needs spec.podIdentity.identityTenantId beside it
        podIdentity: {provider: aws, roleArn: a, identityOwner: workload}
            test.yaml:4:37: TriggerAuthentication default/a: spec.podIdentity.roleArn: cannot be given together with identityOwner workload; give one of the two
        podIdentity: {provider: aws, externalID: a}
            test.yaml:4:37: TriggerAuthentication default/a: spec.podIdentity.externalID: needs spec.podIdentity.roleArn beside it
        oauth2: {clientId: '', tokenUrl: 'ftp://a'}
            test.yaml:4:17: TriggerAuthentication default/a: spec.oauth2.clientId: found "", expected text that is not empty
            test.yaml:4:31: TriggerAuthentication default/a: spec.oauth2.tokenUrl: found "ftp://a", expected a URL that starts with https:// or http://
        oauth2: {type: password, clientId: a, tokenUrl: 'https://a'}
            test.yaml:4:17: TriggerAuthentication default/a: spec.oauth2.type: found "password", expected clientCredentials
        filePath: a.json
            test.yaml:4:8: warning: TriggerAuthentication default/a: spec.filePath: only a ClusterTriggerAuthentication can name a file of the operator, so triggers that use this will fail; use secretTargetRef, or the other kind
    "#]].assert_eq(&said);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let spec = "minReplicaCount: 5\nmaxReplicaCount: 3\nidleReplicaCount: 9\nadvanced: {scalingModifiers: {formula: '', target: x}}\n\
                triggers: [{type: kafka, name: a, metadata: {}}, {type: cron, name: a, useCachedMetrics: true, metadata: {}}]\n";
    expect![[r#"
        test.yaml:19:3: ScaledObject default/orders: spec.minReplicaCount: found 5, expected at most maxReplicaCount, which is 3
        test.yaml:21:3: ScaledObject default/orders: spec.idleReplicaCount: found 9, expected less than minReplicaCount, which is 5
        test.yaml:23:65: ScaledObject default/orders: spec.triggers[1].name: found "a" a second time; spec.triggers[0] has the same name
        test.yaml:23:74: ScaledObject default/orders: spec.triggers[1].useCachedMetrics: a trigger of type cron has no cached metrics; remove this
        test.yaml:22:46: ScaledObject default/orders: spec.advanced.scalingModifiers.target: found "x", expected a number above 0, in quotes
        test.yaml:22:33: ScaledObject default/orders: spec.advanced.scalingModifiers.formula: found nothing, expected a formula over the names of triggers, as "(orders + invoices) / 2"
    "#]].assert_eq(&all_problems(&scaled_object(spec)));
    assert_eq!(parse_problems(&scaled_object(spec)), "");
}
