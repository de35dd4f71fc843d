//! Golden cases: `tests/vectors/decide/*.yaml`, each document one question and its answer.
//!
//! The files are what `tidegate decide` reads; here they go to the engine directly. Every record passes the checker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tidegate_engine::{
    Case, ReadError, ReadErrorKind, Reading, Recommendation, Record, Rule, SavedState, ScaleEvent, Timestamp, Workload,
    check, decide, explain,
};

use crate::manifest::{ScaledObject, ScalingPolicy};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    now: Timestamp,
    policy: ScaledObject,
    scaling_policy: Option<ScalingPolicy>,
    workload: Counts,
    readings: BTreeMap<String, Answer>,
    #[serde(default)]
    history: History,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counts {
    replicas: u32,
    ready_replicas: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Bare(f64),
    Failed { error: String },
    Value { value: f64, parallelism: Option<u32> },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct History {
    recommendations: Vec<Recommendation>,
    scaled: Vec<ScaleEvent>,
    last_active: Option<Timestamp>,
    failures: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    desired_replicas: u32,
    active: bool,
    bound_by: Option<Rule>,
}

impl Document {
    fn case(&self) -> Case {
        let policy = self.policy.policy(self.scaling_policy.as_ref());
        let mut readings = vec![None; policy.triggers.len()];
        for (called, answer) in &self.readings {
            readings[self.policy.index(called)] = Some(self.outcome(answer));
        }
        let mut failures = vec![0; policy.triggers.len()];
        for (called, count) in &self.history.failures {
            failures[self.policy.index(called)] = *count;
        }
        let Counts { replicas, ready_replicas } = self.workload;
        Case {
            target: self.policy.target(),
            policy: Arc::new(policy),
            workload: Ok(Workload { ready: ready_replicas, ..Workload::settled(replicas) }),
            readings,
            history: SavedState {
                last_active: self.history.last_active,
                recommendations: self.history.recommendations.clone(),
                scaled: self.history.scaled.clone(),
                failures,
                ..SavedState::default()
            },
        }
    }

    fn outcome(&self, answer: &Answer) -> Result<Reading, ReadError> {
        match answer {
            Answer::Bare(value) => Ok(Reading::of(*value, self.now)),
            Answer::Failed { error } => Err(ReadError::new(ReadErrorKind::Unreachable, error.as_str())),
            Answer::Value { value, parallelism } => {
                Ok(Reading { parallelism: *parallelism, ..Reading::of(*value, self.now) })
            }
        }
    }
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/decide")
}

/// Every case's name, its record, and what is wrong with it.
fn run(file: &Path) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(file).unwrap();
    let documents: Vec<Document> =
        serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    documents.iter().map(|document| (document.policy.metadata.name.clone(), judge(document))).collect()
}

fn judge(document: &Document) -> Vec<String> {
    let record = decide(&document.case(), document.now);
    let mut wrong = Vec::new();
    let mut compare = |what: &str, expected: String, got: String| {
        if expected != got {
            wrong.push(format!("{what}: expected {expected}, got {got}"));
        }
    };
    let expect = &document.expect;
    compare("desiredReplicas", expect.desired_replicas.to_string(), record.desired_replicas.to_string());
    compare("active", expect.active.to_string(), record.active.to_string());
    if let Some(rule) = expect.bound_by {
        compare("boundBy", rule.to_string(), record.bound_by.to_string());
    }
    wrong.extend(check(&record).iter().map(|finding| format!("checker: {finding}")));
    wrong.extend(round_trip(&record));
    if !wrong.is_empty() {
        wrong.push(format!("explained: {}", explain(&record)));
    }
    wrong
}

/// A record read back from a line of JSON says the same and is as sound.
fn round_trip(record: &Record) -> Option<String> {
    let line = serde_json::to_string(record).unwrap();
    let back: Record = serde_json::from_str(&line).unwrap();
    let again = serde_json::to_string(&back).unwrap();
    let sound = check(&back).len() == check(record).len();
    (line != again || !sound).then(|| format!("read back from JSON it is another record: {again}"))
}

#[test]
fn every_golden_case_decides_as_expected() {
    let mut failed = Vec::new();
    let mut count = 0;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "yaml")) {
        for (name, wrong) in run(file) {
            count += 1;
            if !wrong.is_empty() {
                let file = file.file_name().unwrap().to_string_lossy();
                failed.push(format!("{file}: {name}\n  {}", wrong.join("\n  ")));
            }
        }
    }
    assert!(count > 150, "only {count} cases were found in {}", folder().display());
    assert!(failed.is_empty(), "{} of {count} cases failed:\n{}", failed.len(), failed.join("\n"));
}
