//! All objects together: what is wrong, and the parts that can be used.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_crds::{
    BROKER_ADDRESS_KEY, BROKER_CONFIG_MAP, Configs, Located, Object, Problem, Severity, cross_check_all,
};

use super::deployments::{self, DeploymentParts};
use super::files::Files;
use super::scenario::{self, ScenarioParts};
use super::targets::{self, TargetParts};

/// Stands for the broker's address before the broker has been started.
const SOME_ADDRESS: &str = "127.0.0.1:9092";

/// What a set of manifests came to.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// Targets without an error.
    pub(crate) targets: Vec<TargetParts>,
    /// Deployments without an error.
    pub(crate) deployments: Vec<DeploymentParts>,
    pub(crate) scenario: Option<ScenarioParts>,
    /// Everything wrong or suspicious, the files' own problems first.
    pub(crate) problems: Vec<Problem>,
    /// Every object that is there, with errors or without, as `Kind namespace/name`.
    pub(crate) present: HashSet<String>,
    /// For looking up what else is given.
    pub(crate) objects: Vec<Located<Object>>,
    pub(crate) configs: Arc<Configs>,
}

impl Examined {
    /// Whether there is an object of this kind and `namespace/name`, with errors or without.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        self.present.contains(&format!("{kind} {name}"))
    }

    /// Everything that stops the manifests from being used.
    pub(crate) fn errors(&self) -> Vec<&Problem> {
        self.problems.iter().filter(|problem| problem.is_error()).collect()
    }
}

/// Whether any Scenario wants the embedded broker.
fn wants_broker(objects: &[Located<Object>]) -> bool {
    objects.iter().any(|object| match &object.value {
        Object::Scenario(scenario) => scenario.spec.get("bootstrapServers").is_none(),
        _ => false,
    })
}

/// Examines what `files` hold. `broker` is the embedded broker's address once it runs.
pub(crate) fn examine(files: &Files, broker: Option<&str>) -> Examined {
    let objects = files.objects();
    let mut configs = Configs::new(&objects);
    if broker.is_some() || wants_broker(&objects) {
        configs.provide(BROKER_CONFIG_MAP, [(BROKER_ADDRESS_KEY, broker.unwrap_or(SOME_ADDRESS))]);
    }
    let configs = Arc::new(configs);
    let mut examined = Examined { problems: files.problems(), configs: Arc::clone(&configs), ..Examined::default() };
    examined.present = objects.iter().map(|object| object.value.title()).collect();
    let found = cross_check_all(&objects, &files.broken(), &examined.problems);
    let wrong: HashSet<String> =
        found.iter().filter(|problem| problem.is_error()).filter_map(|problem| problem.object.clone()).collect();
    examined.problems.extend(found);
    for object in &objects {
        let sound = !wrong.contains(&object.value.title());
        if let Some(scaled_object) = object.scaled_object() {
            match targets::build(&objects, &scaled_object, &configs) {
                Ok((parts, warnings)) => {
                    examined.problems.extend(warnings);
                    examined.targets.extend(sound.then_some(parts));
                }
                Err(problems) => examined.problems.extend(problems),
            }
        } else if let Some(deployment) = object.deployment() {
            let (parts, problems) = deployments::build(&deployment, &configs);
            examined.problems.extend(problems);
            examined.deployments.extend(parts.filter(|_| sound));
        }
    }
    let (scenario, problems) = scenario::build(&objects);
    examined.problems.extend(problems);
    examined.scenario = scenario;
    if objects.is_empty() && examined.problems.is_empty() {
        examined.problems.push(nothing(files));
    }
    let mut seen = HashSet::new();
    examined.problems.retain(|problem| seen.insert(problem.to_string()));
    examined.objects = objects;
    examined
}

fn nothing(files: &Files) -> Problem {
    let message = match files.count() {
        0 => "there is no manifest (*.yaml, *.yml or *.json)".to_owned(),
        count => format!("the {count} manifests hold no object"),
    };
    Problem {
        severity: Severity::Error,
        file: files.place().into(),
        line: 0,
        column: 0,
        object: None,
        field: String::new(),
        found: String::new(),
        expected: String::new(),
        message,
    }
}

/// Everything that is wrong with, or suspicious about, the manifests below `paths`; nothing is started or asked.
#[must_use]
pub fn validate(paths: &[PathBuf]) -> Vec<Problem> {
    examine(&Files::read(paths), None).problems
}
