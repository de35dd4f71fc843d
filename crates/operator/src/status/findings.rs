//! What a decision says of a ScaledObject's state: pure, from its record.

use std::sync::Arc;

use tidegate_engine::{Record, Rule};

/// What the newest decision found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Every external metric, in the manifest's order.
    pub(crate) triggers: Vec<TriggerFinding>,
    /// Why the workload's counts are not known.
    pub(crate) blind: Option<Arc<str>>,
    /// Whether the workload counts as active.
    pub(crate) active: bool,
    /// Whether `force-activation` is what makes it so.
    pub(crate) forced: bool,
    /// Whether a cooldown is what keeps it from going down.
    pub(crate) cooling: bool,
    /// Whether a fallback stands in for the formula as a whole.
    pub(crate) formula_falls_back: bool,
}

/// What it found of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriggerFinding {
    pub(crate) metric: Arc<str>,
    pub(crate) active: bool,
    /// Why there is no fresh value.
    pub(crate) error: Option<Arc<str>>,
    /// Failed reads in a row.
    pub(crate) failures: u32,
    /// Whether its value stands in by fallback.
    pub(crate) fallback: bool,
    /// Nothing is known of it yet.
    pub(crate) unread: bool,
}

impl Findings {
    /// From a record.
    pub(crate) fn of(record: &Record) -> Findings {
        let blind = record.steps.iter().find(|step| step.rule == Rule::UnknownWorkload);
        let any = |rules: &[Rule]| record.steps.iter().any(|step| rules.contains(&step.rule));
        let external = record.readings.iter().filter(|reading| !is_resource(&reading.kind));
        Findings {
            triggers: external
                .map(|reading| TriggerFinding {
                    metric: Arc::clone(&reading.metric),
                    active: reading.active,
                    error: reading.error.as_ref().map(|error| Arc::clone(&error.message)),
                    failures: reading.failures,
                    fallback: reading.fallback,
                    unread: reading.at.is_none() && reading.error.is_none(),
                })
                .collect(),
            blind: blind.map(|step| step.reason.to_string().into()),
            active: record.active,
            forced: any(&[Rule::ForceActivation]),
            cooling: any(&[Rule::Cooldown, Rule::InitialCooldown]),
            formula_falls_back: record.formula.as_ref().is_some_and(|formula| formula.fallback),
        }
    }

    /// Triggers that fail and for which nothing stands in.
    pub(crate) fn failing(&self) -> impl Iterator<Item = &TriggerFinding> {
        let covered = self.formula_falls_back;
        self.triggers.iter().filter(move |trigger| trigger.error.is_some() && !trigger.fallback && !covered)
    }

    /// Whether any fallback stands in.
    pub(crate) fn falls_back(&self) -> bool {
        self.formula_falls_back || self.triggers.iter().any(|trigger| trigger.fallback)
    }

    /// Whether every trigger has been asked at least once, so that nothing is concluded from not knowing yet.
    pub(crate) fn complete(&self) -> bool {
        self.triggers.iter().all(|trigger| !trigger.unread)
    }
}

/// Whether the HorizontalPodAutoscaler measures this kind of trigger itself.
pub(crate) fn is_resource(kind: &str) -> bool {
    matches!(kind, "cpu" | "memory")
}
