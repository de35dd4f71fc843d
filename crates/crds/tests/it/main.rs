//! Manifests as users write them, good and bad.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod bad_manifests;
mod broken_text;
mod case;
mod definitions;
mod environment;
mod never_panics;
mod other_kinds;
mod policy;
mod references;
mod round_trip;
mod rules;

use tidegate_crds::{Located, Object, cross_check, parse};

/// The workload of most tests, with the mark before the next document.
pub(crate) const DEPLOYMENT: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      containers:
        - {name: main, command: [work]}
---
";

/// The objects of a text that must be without errors.
pub(crate) fn objects(text: &str) -> Vec<Located<Object>> {
    let parsed = parse("test.yaml", text);
    assert!(!tidegate_crds::has_errors(&parsed.problems), "{}", lines(&parsed.problems));
    parsed.objects
}

/// Everything that parsing says.
pub(crate) fn parse_problems(text: &str) -> String {
    lines(&parse("test.yaml", text).problems)
}

/// Everything that parsing and looking at all objects together say.
pub(crate) fn all_problems(text: &str) -> String {
    let parsed = parse("test.yaml", text);
    let mut problems = parsed.problems;
    problems.extend(cross_check(&parsed.objects));
    lines(&problems)
}

pub(crate) fn lines(problems: &[tidegate_crds::Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A Deployment `worker` and a ScaledObject `orders` with these lines under `spec`.
pub(crate) fn scaled_object(spec: &str) -> String {
    scaled_object_with("", spec)
}

/// The same with lines under `metadata` too.
pub(crate) fn scaled_object_with(metadata: &str, spec: &str) -> String {
    let indent = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    format!(
        "{DEPLOYMENT}apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata:\n  name: orders\n{}spec:\n  \
         scaleTargetRef: {{name: worker}}\n{}",
        indent(metadata),
        indent(spec)
    )
}

/// One trigger that has nothing wrong with it.
pub(crate) const TRIGGER: &str = "triggers: [{type: kafka, name: lag, metadata: {topic: orders}}]\n";

/// Each input with what is said of the text made of it, for one comparison.
pub(crate) fn table(inputs: &[&str], said: impl Fn(&str) -> String) -> String {
    let row = |input: &&str| {
        let said = said(input);
        let said = if said.is_empty() {
            "    fine\n".to_owned()
        } else {
            said.lines().map(|l| format!("    {l}\n")).collect()
        };
        format!("{}\n{said}", input.trim_end().replace('\n', "\\n").replace('\t', "\\t"))
    };
    inputs.iter().map(row).collect()
}
