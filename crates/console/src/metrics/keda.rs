//! The series that KEDA exports, under its names and labels.
//!
//! Two of its gauges end in `_total`, and its labels are in camel case; both stay as they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tidegate_engine::{Mode, Record};

use super::text::Text;
use crate::info::TriggerInfo;
use crate::store::{State, StoreOptions, TriggerState};

/// Label values of one trigger's series.
struct Labels<'a> {
    namespace: &'a str,
    metric: &'a str,
    object: &'a str,
    scaler: Cow<'a, str>,
    index: String,
    /// Whether it is the HorizontalPodAutoscaler's to measure: cpu and memory. KEDA shows such a trigger as active.
    of_hpa: bool,
}

impl Labels<'_> {
    fn pairs(&self) -> [(&str, &str); 6] {
        [
            ("namespace", self.namespace),
            ("metric", self.metric),
            ("scaledObject", self.object),
            ("scaler", &self.scaler),
            ("triggerIndex", &self.index),
            ("type", "scaledobject"),
        ]
    }
}

/// The value of the label `scaler`: the trigger's name, or KEDA's name of its scaler.
fn scaler_name(info: &TriggerInfo) -> Cow<'_, str> {
    if let Some(name) = info.name.as_deref().filter(|name| !name.is_empty()) {
        return Cow::Borrowed(name);
    }
    match &*info.kind {
        "cpu" | "memory" => return Cow::Borrowed("cpuMemoryScaler"),
        "metrics-api" => return Cow::Borrowed("metricsAPIScaler"),
        _ => {}
    }
    let mut parts = info.kind.split('-');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name.push_str("Scaler");
    Cow::Owned(name)
}

fn triggers(state: &State) -> Vec<(Labels<'_>, &TriggerState)> {
    let mut all = Vec::new();
    for (id, target) in &state.targets {
        for (index, (info, trigger)) in target.info.triggers.iter().zip(&target.triggers).enumerate() {
            let labels = Labels {
                namespace: id.namespace(),
                metric: &info.metric,
                object: id.name(),
                scaler: scaler_name(info),
                index: index.to_string(),
                of_hpa: matches!(&*info.kind, "cpu" | "memory") && target.info.mode != Mode::Direct,
            };
            all.push((labels, trigger));
        }
    }
    all
}

/// What formulas give, as if each were one trigger more.
fn composites(state: &State) -> Vec<(Labels<'_>, &Record)> {
    let with_formula = state.targets.iter().filter(|(_, target)| target.info.formula.is_some());
    let decided = with_formula.filter_map(|(id, target)| {
        let labels = Labels {
            namespace: id.namespace(),
            metric: "composite-metric",
            object: id.name(),
            scaler: Cow::Borrowed("composite-metric"),
            index: "0".to_owned(),
            of_hpa: false,
        };
        Some((labels, &**target.decisions.latest()?))
    });
    decided.collect()
}

/// All of them.
pub(super) fn write(text: &mut Text, state: &State, options: &StoreOptions) {
    build(text, options);
    scalers(text, state);
    objects(text, state);
    registered(text, state);
}

fn build(text: &mut Text, options: &StoreOptions) {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    text.family("keda_build_info", "gauge", "What answers here under KEDA's names; always 1.").add(
        &[
            ("version", &options.version),
            ("git_commit", &options.git_commit),
            ("goversion", "none"),
            ("goos", std::env::consts::OS),
            ("goarch", architecture),
        ],
        1.0,
    );
}

fn scalers(text: &mut Text, state: &State) {
    let all = triggers(state);
    let composites = composites(state);
    let mut family = text.family("keda_scaler_active", "gauge", "Whether the trigger is active (1) or not (0).");
    for (labels, trigger) in &all {
        let active = if labels.of_hpa { Some(true) } else { trigger.active };
        family.add_known(&labels.pairs(), active.map(|active| f64::from(u8::from(active))));
    }
    for (labels, record) in &composites {
        family.add(&labels.pairs(), f64::from(u8::from(record.active)));
    }
    let mut family = text.family(
        "keda_scaler_metrics_value",
        "gauge",
        "The metric's last good value; tidegate_trigger_up and tidegate_reading_age_seconds tell whether it is fresh.",
    );
    for (labels, trigger) in &all {
        family.add_known(&labels.pairs(), trigger.latest.as_ref().map(|reading| reading.value));
    }
    for (labels, record) in &composites {
        family.add_known(&labels.pairs(), record.formula.as_ref().and_then(|formula| formula.value));
    }
    let mut family = text.family("keda_scaler_metrics_latency_seconds", "gauge", "How long the last good read took.");
    for (labels, trigger) in &all {
        family.add_known(&labels.pairs(), trigger.took.map(|took| took.as_secs_f64()));
    }
    let mut family = text.family("keda_scaler_detail_errors_total", "counter", "Failed reads of the trigger.");
    for (labels, trigger) in &all {
        family.add(&labels.pairs(), count(trigger.errors));
    }
}

fn objects(text: &mut Text, state: &State) {
    let all: Vec<_> = state
        .targets
        .iter()
        .map(|(id, target)| ([("namespace", id.namespace()), ("scaledObject", id.name())], target))
        .collect();
    let mut family =
        text.family("keda_scaled_object_errors_total", "counter", "Failed reads of the object's triggers.");
    for (labels, target) in &all {
        family.add(labels, count(target.errors));
    }
    let mut family = text.family("keda_scaled_object_paused", "gauge", "Whether the object is paused (1) or not (0).");
    for (labels, target) in &all {
        family.add(labels, f64::from(u8::from(target.info.paused || target.info.held)));
    }
    let mut family =
        text.family("keda_internal_scale_loop_latency_seconds", "gauge", "How late the loop came to the object.");
    for (id, target) in &state.targets {
        let labels = [("namespace", id.namespace()), ("type", "scaledobject"), ("resource", id.name())];
        family.add_known(&labels, target.lateness.map(|late| late.as_secs_f64()));
    }
}

fn registered(text: &mut Text, state: &State) {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for trigger in state.targets.values().flat_map(|target| &target.info.triggers) {
        *kinds.entry(&trigger.kind).or_default() += 1;
    }
    let mut family = text.family("keda_trigger_registered_total", "gauge", "Triggers by their type.");
    for (kind, number) in kinds {
        family.add(&[("type", kind)], f64::from(number));
    }
    let mut resources: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for id in state.targets.keys() {
        *resources.entry(("scaled_object", id.namespace())).or_default() += 1;
    }
    for ((kind, namespace), number) in &state.resources {
        resources.insert((kind, namespace), u64::try_from(*number).unwrap_or(u64::MAX));
    }
    let mut family = text.family("keda_resource_registered_total", "gauge", "Objects by their type and namespace.");
    for ((kind, namespace), number) in resources {
        family.add(&[("type", kind), ("namespace", namespace)], count(number));
    }
}

/// A count as a sample's value.
#[allow(clippy::cast_precision_loss, reason = "the format knows no other numbers")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_engine::MetricTarget;

    /// TEL-02
    #[test]
    fn an_unnamed_trigger_is_called_as_in_keda() {
        let named = |kind: &str, name: Option<&str>| {
            let metric = "s0".into();
            let target = MetricTarget::Value(1.0);
            let info = TriggerInfo { name: name.map(Into::into), kind: kind.into(), metric, target, activation: 0.0 };
            scaler_name(&info).into_owned()
        };
        assert_eq!(named("kafka", None), "kafkaScaler");
        assert_eq!(named("apache-kafka", None), "apacheKafkaScaler");
        assert_eq!(named("prometheus", Some("")), "prometheusScaler");
        assert_eq!(named("cron", Some("nights")), "nights");
    }
}
