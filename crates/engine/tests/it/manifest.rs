//! The part of a ScaledObject that golden cases use, read into a [`Policy`].
//!
//! Crate `crds` reads whole manifests with all their errors; the engine must not need it, so its cases are read by
//! this reader of a few lines, which panics on anything it does not know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tidegate_engine::{
    Behavior, Compat, FailurePolicy, Fallback, FallbackBehavior, Formula, FormulaPolicy, MetricTarget, Mode, Pause,
    Policy, ScalingRules, SelectPolicy, StepKind, StepPolicy, TargetId, Timestamp, TriggerPolicy,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScaledObject {
    pub(crate) metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) namespace: String,
    creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(rename = "scaleTargetRef")]
    _target: BTreeMap<String, String>,
    min_replica_count: Option<u32>,
    max_replica_count: Option<u32>,
    idle_replica_count: Option<u32>,
    cooldown_period: Option<u64>,
    initial_cooldown_period: Option<u64>,
    polling_interval: Option<u64>,
    fallback: Option<FallbackSpec>,
    #[serde(default)]
    advanced: Advanced,
    triggers: Vec<Trigger>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FallbackSpec {
    failure_threshold: u32,
    replicas: u32,
    #[serde(default)]
    behavior: FallbackBehavior,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advanced {
    horizontal_pod_autoscaler_config: Option<HpaConfig>,
    scaling_modifiers: Option<Modifiers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HpaConfig {
    behavior: BehaviorSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BehaviorSpec {
    scale_up: Option<RulesSpec>,
    scale_down: Option<RulesSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RulesSpec {
    stabilization_window_seconds: Option<u64>,
    select_policy: Option<SelectPolicy>,
    policies: Option<Vec<StepSpec>>,
    tolerance: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StepSpec {
    #[serde(rename = "type")]
    kind: StepKind,
    value: u32,
    period_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Modifiers {
    formula: String,
    target: String,
    activation_target: Option<String>,
    metric_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trigger {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    metric_type: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// What a ScalingPolicy of the case says of failing triggers.
#[derive(Deserialize)]
pub(crate) struct ScalingPolicy {
    spec: ScalingPolicySpec,
}

#[derive(Deserialize)]
struct ScalingPolicySpec {
    triggers: Vec<OnFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OnFailure {
    name: String,
    on_failure: FailurePolicy,
}

impl ScaledObject {
    pub(crate) fn target(&self) -> TargetId {
        TargetId::new(&self.metadata.namespace, &self.metadata.name)
    }

    /// The triggers' positions by what a case calls them: their names, and `s0`, `s1`, ...
    pub(crate) fn index(&self, called: &str) -> usize {
        let named = self.spec.triggers.iter().position(|trigger| trigger.name.as_deref() == Some(called));
        named.or_else(|| called.strip_prefix('s').and_then(|digits| digits.parse().ok())).expect(called)
    }

    pub(crate) fn policy(&self, attached: Option<&ScalingPolicy>) -> Policy {
        let spec = &self.spec;
        Policy {
            min_replicas: spec.min_replica_count.unwrap_or(0),
            max_replicas: spec.max_replica_count.unwrap_or(100),
            idle_replicas: spec.idle_replica_count,
            cooldown: Duration::from_secs(spec.cooldown_period.unwrap_or(300)),
            initial_cooldown: Duration::from_secs(spec.initial_cooldown_period.unwrap_or(0)),
            created: self.metadata.creation_timestamp,
            triggers: (0..spec.triggers.len()).map(|index| self.trigger(index, attached)).collect(),
            behavior: spec.advanced.horizontal_pod_autoscaler_config.as_ref().map(|config| behavior(&config.behavior)),
            tolerance: 0.1,
            fallback: spec.fallback.as_ref().map(|fallback| Fallback {
                failure_threshold: fallback.failure_threshold,
                replicas: fallback.replicas,
                behavior: fallback.behavior,
            }),
            formula: spec.advanced.scaling_modifiers.as_ref().map(|modifiers| self.formula(modifiers)),
            pause: self.pause(),
            force_activation: self.flag("force-activation"),
            restore_original: false,
            mode: Mode::Direct,
            compat: Compat::default(),
        }
    }

    fn trigger(&self, index: usize, attached: Option<&ScalingPolicy>) -> TriggerPolicy {
        let trigger = &self.spec.triggers[index];
        let number = |key: &str| trigger.metadata.get(key).map(|text| text.parse::<f64>().expect(key));
        let (threshold, activation) = match trigger.kind.as_str() {
            "kafka" => (number("lagThreshold").unwrap_or(10.0), number("activationLagThreshold")),
            "prometheus" => (number("threshold").expect("threshold"), number("activationThreshold")),
            other => panic!("no golden case uses the trigger {other} yet"),
        };
        let named = |entry: &&OnFailure| Some(entry.name.as_str()) == trigger.name.as_deref();
        let on_failure = attached.and_then(|policy| policy.spec.triggers.iter().find(named));
        TriggerPolicy {
            index,
            name: trigger.name.as_deref().map(Arc::from),
            kind: trigger.kind.as_str().into(),
            metric: format!("s{index}-{}", trigger.kind).into(),
            target: metric_target(trigger.metric_type.as_deref(), threshold),
            activation: activation.unwrap_or(0.0),
            polling_interval: Duration::from_secs(self.spec.polling_interval.unwrap_or(30)),
            source: index as u64,
            time_limit: None,
            on_failure: on_failure.map_or(FailurePolicy::Default, |entry| entry.on_failure),
        }
    }

    fn formula(&self, modifiers: &Modifiers) -> FormulaPolicy {
        let names: Vec<&str> = self.spec.triggers.iter().filter_map(|trigger| trigger.name.as_deref()).collect();
        FormulaPolicy {
            formula: Formula::compile(&modifiers.formula, &names).expect(&modifiers.formula),
            target: metric_target(modifiers.metric_type.as_deref(), modifiers.target.parse().unwrap()),
            activation: modifiers.activation_target.as_deref().map_or(0.0, |text| text.parse().unwrap()),
        }
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(&format!("autoscaling.keda.sh/{name}")).map(String::as_str)
    }

    /// A value that is no boolean counts as true.
    fn flag(&self, name: &str) -> bool {
        self.annotation(name).is_some_and(|value| value != "false")
    }

    fn pause(&self) -> Pause {
        Pause {
            all: self.flag("paused"),
            at: self.annotation("paused-replicas").map(|count| count.parse().unwrap()),
            scale_in: self.flag("paused-scale-in"),
            scale_out: self.flag("paused-scale-out"),
        }
    }
}

fn metric_target(kind: Option<&str>, amount: f64) -> MetricTarget {
    match kind {
        None | Some("AverageValue") => MetricTarget::AverageValue(amount),
        Some("Value") => MetricTarget::Value(amount),
        Some(other) => panic!("metricType {other}"),
    }
}

fn behavior(spec: &BehaviorSpec) -> Behavior {
    let defaults = Behavior::api_server_defaults();
    Behavior {
        scale_up: rules(spec.scale_up.as_ref(), defaults.scale_up),
        scale_down: rules(spec.scale_down.as_ref(), defaults.scale_down),
    }
}

fn rules(spec: Option<&RulesSpec>, defaults: ScalingRules) -> ScalingRules {
    let Some(spec) = spec else { return defaults };
    let step = |step: &StepSpec| StepPolicy {
        kind: step.kind,
        value: step.value,
        period: Duration::from_secs(step.period_seconds),
    };
    ScalingRules {
        stabilization: spec.stabilization_window_seconds.map_or(defaults.stabilization, Duration::from_secs),
        select: spec.select_policy.unwrap_or(defaults.select),
        policies: spec.policies.as_ref().map_or(defaults.policies, |policies| policies.iter().map(step).collect()),
        tolerance: spec.tolerance.as_deref().map(|text| text.parse().unwrap()),
    }
}
