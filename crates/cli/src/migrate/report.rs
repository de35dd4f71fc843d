//! The judgement, as it is printed and given to programs.

use serde::Serialize;

/// How much something matters. In order of weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Weight {
    /// Worth knowing; nothing has to be done.
    Note,
    /// It would behave otherwise, on purpose.
    Differs,
    /// It would not work, or not be scaled.
    Breaks,
}

/// One thing that would be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// How much it matters.
    pub(crate) weight: Weight,
    /// The field, or empty.
    pub(crate) field: String,
    /// What would be otherwise, why, and what to do.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(weight: Weight, field: impl Into<String>, message: impl Into<String>) -> Self {
        Finding { weight, field: field.into(), message: message.into() }
    }
}

/// The judgement of one object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    /// As `ScaledObject`.
    pub(crate) kind: String,
    /// Empty for the whole cluster.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// The heaviest of the findings.
    pub(crate) weight: Weight,
    /// All of them, heaviest first.
    pub(crate) findings: Vec<Finding>,
}

impl Verdict {
    pub(crate) fn new(kind: &str, namespace: &str, name: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        findings.dedup();
        let weight = findings.first().map_or(Weight::Note, |finding| finding.weight);
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Verdict { kind: kind.to_owned(), namespace, name, weight, findings }
    }

    /// `Kind namespace/name`.
    pub(crate) fn title(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{} {}", self.kind, self.name),
            namespace => format!("{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// The whole judgement.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// One for each object.
    pub(crate) objects: Vec<Verdict>,
    /// Of KEDA's own settings.
    pub(crate) installation: Vec<Finding>,
    /// Rights beyond those in deploy/tidegate.yaml, as YAML to apply.
    pub(crate) rights: Vec<String>,
    /// What to do, in order, to go there.
    pub(crate) there: Vec<String>,
    /// What to do, in order, to go back.
    pub(crate) back: Vec<String>,
    /// What could not be looked at.
    pub(crate) unknown: Vec<String>,
}

impl Report {
    /// Whether something would not work any more.
    pub(crate) fn breaks(&self) -> bool {
        self.count(Weight::Breaks) > 0 || self.installation.iter().any(|finding| finding.weight == Weight::Breaks)
    }

    /// How many objects have this verdict.
    pub(crate) fn count(&self, weight: Weight) -> usize {
        self.objects.iter().filter(|object| object.weight == weight).count()
    }
}
