//! The case file as written.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tidegate_engine::{Recommendation, SavedState, ScaleEvent, Timestamp, Workload};

use crate::object::Source;
use crate::problem::Problem;

/// One document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCase {
    #[schemars(extend("format" = "date-time"))]
    pub(super) now: String,
    #[serde(default)]
    pub(super) policy: Value,
    pub(super) policy_file: Option<String>,
    #[serde(default, rename = "scalingPolicy")]
    _scaling_policy: Value,
    pub(super) workload: RawWorkload,
    #[serde(rename = "readings")]
    _readings: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) history: RawHistory,
    /// What a golden test expects; not looked at here.
    #[serde(default, rename = "expect")]
    _expect: Value,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawWorkload {
    replicas: u32,
    /// Default: `replicas`.
    current_replicas: Option<u32>,
    /// Default: `currentReplicas`.
    ready_replicas: Option<u32>,
    busy_replicas: Option<u32>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawHistory {
    recommendations: Vec<RawRecommendation>,
    scaled: Vec<RawScaleEvent>,
    #[schemars(extend("format" = "date-time"))]
    last_active: Option<String>,
    pub(super) failures: BTreeMap<String, u32>,
    original_replicas: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct RawRecommendation {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    replicas: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct RawScaleEvent {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    from: u32,
    to: u32,
}

/// The schema of a case.
pub(super) fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let settings = schemars::generate::SchemaSettings::draft2020_12();
        settings.into_generator().into_root_schema_for::<RawCase>().to_value()
    });
    &SCHEMA
}

impl RawWorkload {
    pub(super) fn counts(&self, source: &Source, problems: &mut Vec<Problem>) -> Workload {
        let current = self.current_replicas.unwrap_or(self.replicas);
        let ready = self.ready_replicas.unwrap_or(current);
        if ready > current {
            let expected = format!("at most {current}, the number of pods that exist");
            problems.push(source.mismatch("workload.readyReplicas", ready.to_string(), expected));
        }
        Workload { replicas: self.replicas, current, ready, busy: self.busy_replicas }
    }
}

impl RawHistory {
    /// The state as an earlier process would have saved it, oldest first. Failures are added once the triggers' places
    /// are known.
    pub(super) fn saved(&self, source: &Source, problems: &mut Vec<Problem>) -> Option<SavedState> {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let recommendations = self
            .recommendations
            .iter()
            .map(|entry| Some(Recommendation { at: time(&entry.at)?, replicas: entry.replicas }));
        let scaled =
            self.scaled.iter().map(|entry| Some(ScaleEvent { at: time(&entry.at)?, from: entry.from, to: entry.to }));
        let last_active = self.last_active.as_deref().map(time);
        let (Some(mut recommendations), Some(mut scaled), Some(last_active)) = (
            recommendations.collect::<Option<Vec<_>>>(),
            scaled.collect::<Option<Vec<_>>>(),
            last_active.map_or(Some(None), |time| time.map(Some)),
        ) else {
            problems.push(source.error("history", "a time is outside of the years that can be told"));
            return None;
        };
        recommendations.sort_by_key(|entry| entry.at);
        scaled.sort_by_key(|entry| entry.at);
        Some(SavedState {
            original_replicas: self.original_replicas,
            last_active,
            recommendations,
            scaled,
            ..SavedState::default()
        })
    }
}
