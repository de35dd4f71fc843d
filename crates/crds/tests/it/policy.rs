//! Manifests to the engine's policy, with every default of KEDA and of the API server.

use std::time::Duration;

use expect_test::expect;
use tidegate_crds::{Located, TriggerTarget, find_scaling_policy, policy};
use tidegate_engine::{
    Behavior, Compat, FailurePolicy, Fallback, FallbackBehavior, MetricTarget, Mode, Pause, Policy, ScalingRules,
    SelectPolicy, StepKind, StepPolicy, Timestamp,
};

use crate::{TRIGGER, objects, scaled_object, scaled_object_with};

fn target(index: usize) -> TriggerTarget {
    TriggerTarget {
        index,
        metric: format!("s{index}-kafka-orders").into(),
        kind: "kafka".into(),
        target: MetricTarget::AverageValue(10.0),
        activation: 2.0,
        source: 7,
        time_limit: None,
    }
}

fn of(text: &str) -> Policy {
    let objects = objects(text);
    let object = objects.iter().find_map(Located::scaled_object).unwrap();
    let targets: Vec<TriggerTarget> = (0..object.value.spec.triggers.len()).map(target).collect();
    let settings = find_scaling_policy(&objects, &object);
    policy(&object, settings.as_ref(), &targets, Mode::Direct).unwrap().0
}

fn with(spec: &str) -> Policy {
    of(&scaled_object(&format!("{spec}\n{TRIGGER}")))
}

#[test]
fn keda_s_defaults() {
    let policy = with("");
    assert_eq!((policy.min_replicas, policy.max_replicas, policy.idle_replicas), (0, 100, None));
    assert_eq!((policy.cooldown, policy.initial_cooldown), (Duration::from_secs(300), Duration::ZERO));
    assert_eq!(policy.tolerance, 0.1);
    assert_eq!(policy.created, None);
    assert!(policy.behavior.is_none() && policy.fallback.is_none() && policy.formula.is_none());
    assert!(!policy.force_activation && !policy.restore_original);
    assert_eq!((policy.pause, policy.compat, policy.mode), (Pause::default(), Compat::default(), Mode::Direct));
    let trigger = &policy.triggers[0];
    assert_eq!((trigger.name.as_deref(), &*trigger.kind, &*trigger.metric), (Some("lag"), "kafka", "s0-kafka-orders"));
    assert_eq!((trigger.target, trigger.activation, trigger.source), (MetricTarget::AverageValue(10.0), 2.0, 7));
    assert_eq!((trigger.polling_interval, trigger.on_failure), (Duration::from_secs(30), FailurePolicy::Default));
}

#[test]
fn what_is_given_is_taken() {
    let policy = with(
        "minReplicaCount: 2\nmaxReplicaCount: 40\nidleReplicaCount: 1\npollingInterval: 5\ncooldownPeriod: 60\ninitialCooldownPeriod: 10\n\
         fallback: {failureThreshold: 3, replicas: 6, behavior: currentReplicasIfLower}\nadvanced: {restoreToOriginalReplicaCount: true}",
    );
    assert_eq!((policy.min_replicas, policy.max_replicas, policy.idle_replicas), (2, 40, Some(1)));
    assert_eq!((policy.cooldown, policy.initial_cooldown), (Duration::from_secs(60), Duration::from_secs(10)));
    assert_eq!(policy.triggers[0].polling_interval, Duration::from_secs(5));
    let fallback = Fallback { failure_threshold: 3, replicas: 6, behavior: FallbackBehavior::CurrentReplicasIfLower };
    assert_eq!(policy.fallback, Some(fallback));
    assert!(policy.restore_original);
    assert_eq!(with("minReplicaCount: 0\nidleReplicaCount: 0").idle_replicas, None);
}

#[test]
fn a_creation_time_is_taken() {
    let policy = of(&scaled_object_with("creationTimestamp: '2026-01-01T00:00:00Z'", TRIGGER));
    assert_eq!(policy.created, Some("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap()));
}

fn behavior(text: &str) -> Option<Behavior> {
    with(&format!("advanced: {{horizontalPodAutoscalerConfig: {{{text}}}}}")).behavior
}

#[test]
fn a_behavior_given_in_part_gets_the_api_server_s_defaults() {
    let defaults = Behavior::api_server_defaults();
    assert_eq!(behavior("name: x"), None);
    assert_eq!(behavior("behavior: {}"), Some(defaults.clone()));
    assert_eq!(behavior("behavior: {scaleDown: {}}"), Some(defaults.clone()));
    let step = |kind, value, seconds| StepPolicy { kind, value, period: Duration::from_secs(seconds) };

    // Only one direction: the other has its defaults.
    let found = behavior("behavior: {scaleDown: {stabilizationWindowSeconds: 60}}").unwrap();
    assert_eq!(found.scale_up, defaults.scale_up);
    assert_eq!(
        found.scale_down,
        ScalingRules { stabilization: Duration::from_secs(60), ..defaults.scale_down.clone() }
    );

    // Policies without a window: in keeps its 300 s, out its 0 s; given policies replace the default ones.
    let found = behavior(
        "behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}, \
         scaleUp: {policies: [{type: Percent, value: 50, periodSeconds: 30}]}}",
    )
    .unwrap();
    assert_eq!(found.scale_down.policies, [step(StepKind::Pods, 1, 60)]);
    assert_eq!(found.scale_down.stabilization, Duration::from_secs(300));
    assert_eq!(found.scale_up.policies, [step(StepKind::Percent, 50, 30)]);
    assert_eq!(found.scale_up.stabilization, Duration::ZERO);
    assert_eq!((found.scale_up.select, found.scale_down.select), (SelectPolicy::Max, SelectPolicy::Max));

    // Only a selection: the default policies stay.
    let found = behavior("behavior: {scaleUp: {selectPolicy: Disabled}, scaleDown: {selectPolicy: Min}}").unwrap();
    assert_eq!(
        (found.scale_up.select, &found.scale_up.policies),
        (SelectPolicy::Disabled, &defaults.scale_up.policies)
    );
    assert_eq!(found.scale_down.select, SelectPolicy::Min);
    assert_eq!(found.scale_up.policies, [step(StepKind::Pods, 4, 15), step(StepKind::Percent, 100, 15)]);
    assert_eq!(found.scale_down.policies, [step(StepKind::Percent, 100, 15)]);

    // A tolerance of its own for one direction, in each form of a quantity.
    for (written, amount) in [("'0.05'", 0.05), ("50m", 0.05), ("0.2", 0.2), ("1", 1.0), ("0", 0.0)] {
        let found = behavior(&format!("behavior: {{scaleUp: {{tolerance: {written}}}}}")).unwrap();
        assert_eq!((found.scale_up.tolerance, found.scale_down.tolerance), (Some(amount), None), "{written}");
    }
}

#[test]
fn a_behavior_that_kubernetes_would_refuse_is_refused() {
    let said = |text: &str| {
        crate::all_problems(&scaled_object(&format!(
            "advanced: {{horizontalPodAutoscalerConfig: {{behavior: {{{text}}}}}}}\n{TRIGGER}"
        )))
    };
    let inputs = [
        "scaleUp: {policies: []}",
        "scaleUp: {tolerance: 5%}",
        "scaleDown: {tolerance: '-0.1'}",
        "scaleDown: {tolerance: much}",
    ];
    expect![[r#"
        scaleUp: {policies: []}
            test.yaml:19:67: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies: found an empty list, expected at least one policy; leave it out for the default
        scaleUp: {tolerance: 5%}
            test.yaml:19:67: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.tolerance: found "5%", expected a quantity of at least 0, as "0.05" for 5 %
        scaleDown: {tolerance: '-0.1'}
            test.yaml:19:69: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.tolerance: found "-0.1", expected a quantity of at least 0, as "0.05" for 5 %
        scaleDown: {tolerance: much}
            test.yaml:19:69: ScaledObject default/orders: spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.tolerance: found "much", expected a quantity of at least 0, as "0.05" for 5 %
    "#]].assert_eq(&crate::table(&inputs, said));
}

#[test]
fn pauses_and_force_come_from_annotations() {
    let annotated = |lines: &str| of(&scaled_object_with(&format!("annotations: {{{lines}}}"), TRIGGER));
    let pause = |lines: &str| annotated(lines).pause;
    let key = "autoscaling.keda.sh";
    assert_eq!(pause(&format!("{key}/paused: 'true'")), Pause { all: true, ..Pause::default() });
    assert_eq!(pause(&format!("{key}/paused: 'False'")), Pause::default());
    for other in ["''", "please", "'2'"] {
        assert!(pause(&format!("{key}/paused: {other}")).all, "{other} counts as true");
    }
    let both = format!("{key}/paused: 'false', {key}/paused-replicas: '5'");
    assert_eq!(pause(&both), Pause { at: Some(5), ..Pause::default() });
    let ways = format!("{key}/paused-scale-in: t, {key}/paused-scale-out: '1'");
    assert_eq!(pause(&ways), Pause { scale_in: true, scale_out: true, ..Pause::default() });
    assert!(annotated(&format!("{key}/force-activation: ''")).force_activation);
    assert!(!annotated(&format!("{key}/force-activation: f")).force_activation);
}

#[test]
fn formulas_have_a_target_of_their_own() {
    let formula = |modifiers: &str| {
        with(&format!("advanced: {{scalingModifiers: {modifiers}}}"))
            .formula
            .map(|f| (f.formula.text().to_string(), f.target, f.activation))
    };
    assert_eq!(
        formula("{formula: lag * 2, target: '2.5'}"),
        Some(("lag * 2".into(), MetricTarget::AverageValue(2.5), 0.0))
    );
    let value = formula("{formula: lag, target: '5', activationTarget: '1.5', metricType: Value}");
    assert_eq!(value, Some(("lag".into(), MetricTarget::Value(5.0), 1.5)));
    assert_eq!(formula("{}"), None);
}

#[test]
fn a_scaling_policy_adds_what_keda_cannot_say() {
    let settings = |spec: &str| {
        format!(
            "apiVersion: tidegate.dev/v1alpha1\nkind: ScalingPolicy\nmetadata: {{name: p}}\nspec: {{targetRef: {{name: orders}}, {spec}}}\n---\n"
        )
    };
    let triggers = "fallback: {failureThreshold: 1, replicas: 2}\ntriggers: [{type: kafka, name: a, metadata: {}}, {type: kafka, metadata: {}}]\n";
    let spec = "mode: shadow, compat: [fallback-zero-scales-to-zero], triggers: [{name: a, onFailure: hold, pollingInterval: 500ms}, {index: 1, onFailure: onlyUp}]";
    let policy = of(&format!("{}{}", settings(spec), scaled_object(triggers)));
    assert_eq!(policy.mode, Mode::Shadow);
    assert_eq!(policy.compat, Compat { fallback_zero_scales_to_zero: true, ..Compat::default() });
    let of_trigger = |index: usize| (policy.triggers[index].on_failure, policy.triggers[index].polling_interval);
    assert_eq!(of_trigger(0), (FailurePolicy::Hold, Duration::from_millis(500)));
    assert_eq!(of_trigger(1), (FailurePolicy::OnlyUp, Duration::from_secs(30)));
}

/// FB-01
#[test]
fn compatibility_switches_come_from_the_annotation_too() {
    let annotation =
        "annotations: {tidegate.dev/compat: 'partition-cap-rounds-down, fallback-needs-whole-formula-target'}";
    let spec = |target: &str| {
        format!(
            "fallback: {{failureThreshold: 1, replicas: 2}}\nadvanced: {{scalingModifiers: {{formula: lag, target: '{target}'}}}}\n{TRIGGER}"
        )
    };
    let policy = of(&scaled_object_with(annotation, &spec("2.5")));
    assert!(policy.compat.partition_cap_rounds_down && policy.compat.fallback_needs_whole_formula_target);
    assert_eq!(policy.fallback, None, "a target of 2.5 disables fallback with the switch");
    assert!(of(&scaled_object_with(annotation, &spec("2"))).fallback.is_some());
    assert!(
        of(&scaled_object_with("annotations: {}", &spec("2.5"))).fallback.is_some(),
        "without it any target will do"
    );
    assert!(of(&scaled_object(&spec("2.5"))).fallback.is_some(), "and does not without it");
}
