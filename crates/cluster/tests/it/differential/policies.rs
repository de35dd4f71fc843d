//! What the objects ask for: as a policy of the engine, and as a HorizontalPodAutoscaler.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_engine::{
    Behavior, Compat, FailurePolicy, MetricTarget, Mode, Pause, Policy, ScalingRules, SelectPolicy, StepKind,
    StepPolicy, TriggerPolicy,
};

use super::random::Dice;

/// The controller's window for scaling in without a behaviour.
const DEFAULT_WINDOW: Duration = Duration::from_secs(300);

/// Windows and periods, in seconds. The multiples of the sync period keep away from them, but for 0.
const SPANS: [u64; 4] = [3, 6, 8, 13];

/// An object to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) policy: Policy,
    pub(crate) dice: Dice,
    pub(crate) replicas: u32,
}

impl Plan {
    /// Whether what it measures depends on its pods.
    pub(crate) fn has_pods(&self) -> bool {
        self.policy.triggers.iter().any(|trigger| !matches!(trigger.target, MetricTarget::AverageValue(_)))
    }
}

/// All objects: each kind of target, alone and in company, each with several behaviours.
pub(crate) fn all() -> Vec<Plan> {
    use MetricTarget::{AverageValue, ResourceAverage, Utilization, Value};
    const MEMORY: MetricTarget = ResourceAverage(64.0 * 1024.0 * 1024.0);
    let kinds: [(&[MetricTarget], usize); 9] = [
        (&[AverageValue(10.0)], 10),
        (&[AverageValue(0.75)], 3),
        (&[Value(100.0)], 6),
        (&[AverageValue(10.0), AverageValue(4.5)], 5),
        (&[AverageValue(10.0), Value(30.0)], 4),
        (&[Utilization(50.0)], 4),
        (&[ResourceAverage(0.25)], 3),
        (&[MEMORY], 2),
        (&[AverageValue(10.0), Utilization(120.0)], 3),
    ];
    let mut plans = Vec::new();
    for (targets, count) in kinds {
        for _ in 0..count {
            let mut dice = Dice::new(1_000 + plans.len() as u64);
            let policy = draw(targets, &mut dice);
            // Within the limits: outside of them the controller asks for no metric, and nobody sees that it looked.
            let most = policy.max_replicas.min(6);
            let replicas = u32::try_from(dice.between(policy.min_replicas.into(), most.into())).unwrap();
            plans.push(Plan { replicas, policy, dice });
        }
    }
    plans
}

fn draw(targets: &[MetricTarget], dice: &mut Dice) -> Policy {
    let plain = dice.percent(12);
    let behavior = (!plain).then(|| {
        let longest = dice.of(&SPANS);
        let other = if dice.percent(25) { dice.of(&SPANS) } else { longest };
        Behavior { scale_up: rules(longest, dice), scale_down: rules(other, dice) }
    });
    let min = u32::try_from(dice.between(1, 2)).unwrap();
    Policy {
        min_replicas: min,
        max_replicas: u32::try_from(dice.between(4, 14)).unwrap(),
        idle_replicas: None,
        cooldown: Duration::from_secs(300),
        initial_cooldown: Duration::ZERO,
        created: None,
        triggers: targets.iter().enumerate().map(|(index, target)| trigger(index, *target)).collect(),
        behavior,
        tolerance: 0.1,
        fallback: None,
        formula: None,
        pause: Pause::default(),
        force_activation: false,
        restore_original: false,
        mode: Mode::Direct,
        compat: Compat::default(),
    }
}

fn trigger(index: usize, target: MetricTarget) -> TriggerPolicy {
    TriggerPolicy {
        index,
        name: None,
        kind: if target.is_resource() { "resource" } else { "test" }.into(),
        metric: format!("s{index}").into(),
        target,
        activation: 0.0,
        // It is read when the controller looks, and only then.
        polling_interval: Duration::from_secs(3_600),
        source: index as u64,
        time_limit: None,
        on_failure: FailurePolicy::Default,
    }
}

/// Rules of one direction; one policy has the longest period.
fn rules(longest: u64, dice: &mut Dice) -> ScalingRules {
    let kinds = [StepKind::Pods, StepKind::Percent];
    let mut step = |period: u64| {
        let kind = dice.of(&kinds);
        let value = match kind {
            StepKind::Pods => dice.between(1, 4),
            StepKind::Percent => dice.of(&[10, 34, 50, 68, 100, 200]),
        };
        StepPolicy { kind, value: u32::try_from(value).unwrap(), period: Duration::from_secs(period) }
    };
    let mut policies = vec![step(longest)];
    policies.extend(SPANS.iter().filter(|span| **span < longest).take(1).map(|span| step(*span)));
    let select = dice.of(&[SelectPolicy::Max, SelectPolicy::Max, SelectPolicy::Min, SelectPolicy::Disabled]);
    // Nothing would move in the end.
    let select = if select == SelectPolicy::Disabled && dice.percent(80) { SelectPolicy::Min } else { select };
    ScalingRules {
        stabilization: Duration::from_secs(dice.of(&[0, 0, 3, 6, 8, 13])),
        select,
        policies,
        tolerance: dice.of(&[None, None, Some(0.0), Some(0.05), Some(0.25)]),
    }
}

/// The HorizontalPodAutoscaler that says the same.
pub(crate) fn autoscaler(name: &str, policy: &Policy) -> Value {
    let metrics: Vec<Value> = policy.triggers.iter().map(|trigger| metric(name, trigger)).collect();
    let mut spec = json!({
        "scaleTargetRef": {"apiVersion": format!("{}/v1", super::GROUP), "kind": "Toy", "name": name},
        "minReplicas": policy.min_replicas,
        "maxReplicas": policy.max_replicas,
        "metrics": metrics,
    });
    if let Some(behavior) = &policy.behavior {
        spec["behavior"] =
            json!({"scaleUp": direction(&behavior.scale_up), "scaleDown": direction(&behavior.scale_down)});
    }
    json!({"metadata": {"name": name}, "spec": spec})
}

fn metric(name: &str, trigger: &TriggerPolicy) -> Value {
    let milli = |amount: f64| format!("{}m", (amount * 1000.0).round());
    let external = |target: Value| {
        let metric = json!({"name": format!("{name}-{}", trigger.index)});
        json!({"type": "External", "external": {"metric": metric, "target": target}})
    };
    let resource =
        |name: &str, target: Value| json!({"type": "Resource", "resource": {"name": name, "target": target}});
    match trigger.target {
        MetricTarget::AverageValue(each) => external(json!({"type": "AverageValue", "averageValue": milli(each)})),
        MetricTarget::Value(all) => external(json!({"type": "Value", "value": milli(all)})),
        MetricTarget::Utilization(percent) => {
            resource("cpu", json!({"type": "Utilization", "averageUtilization": percent as i64}))
        }
        MetricTarget::ResourceAverage(each) => {
            let name = if is_memory(trigger.target) { "memory" } else { "cpu" };
            resource(name, json!({"type": "AverageValue", "averageValue": milli(each)}))
        }
    }
}

/// Whether a target of a resource is one of bytes.
pub(crate) fn is_memory(target: MetricTarget) -> bool {
    matches!(target, MetricTarget::ResourceAverage(each) if each > 1_000.0)
}

fn direction(rules: &ScalingRules) -> Value {
    let select = match rules.select {
        SelectPolicy::Max => "Max",
        SelectPolicy::Min => "Min",
        SelectPolicy::Disabled => "Disabled",
    };
    let step = |step: &StepPolicy| {
        let kind = match step.kind {
            StepKind::Pods => "Pods",
            StepKind::Percent => "Percent",
        };
        json!({"type": kind, "value": step.value, "periodSeconds": step.period.as_secs()})
    };
    let mut found = json!({
        "stabilizationWindowSeconds": rules.stabilization.as_secs(),
        "selectPolicy": select,
        "policies": rules.policies.iter().map(step).collect::<Vec<_>>(),
    });
    if let Some(tolerance) = rules.tolerance {
        found["tolerance"] = json!(tolerance.to_string());
    }
    found
}

/// The longest period of scale-out and of scale-in policies.
pub(crate) fn longest(policy: &Policy) -> [Duration; 2] {
    let of = |rules: &ScalingRules| rules.policies.iter().map(|step| step.period).max().unwrap_or_default();
    policy.behavior.as_ref().map_or([Duration::ZERO; 2], |both| [of(&both.scale_up), of(&both.scale_down)])
}

/// How far back recommendations may count.
pub(crate) fn windows(policy: &Policy) -> Vec<Duration> {
    let Some(behavior) = &policy.behavior else { return vec![DEFAULT_WINDOW] };
    [&behavior.scale_up, &behavior.scale_down].map(|rules| rules.stabilization).to_vec()
}

/// How far back changes may count.
pub(crate) fn periods(policy: &Policy) -> Vec<Duration> {
    let both = policy.behavior.iter().flat_map(|behavior| [&behavior.scale_up, &behavior.scale_down]);
    both.flat_map(|rules| rules.policies.iter().map(|step| step.period)).collect()
}
