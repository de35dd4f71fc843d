//! All triggers of a target weighed together: the most that any asks for, what is missing, whether anything is active.
//!
//! Wanted properties, tested below and in the crate's property tests:
//! - The count asked for is the highest over the metrics known, fallbacks included, so a fallback never takes away what a
//!   healthy trigger asks for.
//! - The useful parallelism is the highest over the triggers used; one without a limit lifts it.
//! - With a formula its result is the only metric; whatever it needs and is not known makes it unknown.

use std::sync::Arc;

use crate::event::Workload;
use crate::formula::Formula;
use crate::hpa::{self, Proposal, Tolerances};
use crate::knowledge::{self, Activity, Judged, Knowledge, Latest, Stance};
use crate::policy::{Compat, FormulaPolicy, MetricTarget, Policy};
use crate::reason::Reason;

/// The metric that asks for most, or activates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Trigger(usize),
    Formula,
}

/// A formula's result at a decision.
#[derive(Clone, Debug)]
pub(crate) struct Composite {
    pub(crate) value: Option<f64>,
    pub(crate) error: Option<Arc<str>>,
    pub(crate) fallback: bool,
    pub(crate) activity: Activity,
    pub(crate) proposal: Option<Proposal>,
}

/// What all metrics together come to.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// The highest count by the HPA's arithmetic alone.
    pub(crate) raw: Option<(u32, Source)>,
    /// The highest count that sources can keep busy, metric by metric.
    pub(crate) wanted: Option<u32>,
    /// Metrics that are not known, and the first of them.
    pub(crate) missing: u32,
    pub(crate) first_missing: Option<Source>,
    /// Metrics there are, less those ignored.
    pub(crate) metrics: u32,
    /// Those among them whose activity counts.
    told: u32,
    pub(crate) activity: Activity,
    /// Active without `force-activation`.
    pub(crate) active_by_itself: bool,
    /// What is active, or else of unknown activity.
    pub(crate) telling: Option<Source>,
    /// The most replicas that the triggers used can keep busy.
    pub(crate) useful: Option<u32>,
    /// A trigger whose failure forbids every move.
    pub(crate) holds: Option<usize>,
}

/// Weighs the triggers of `policy`; `composite` is its formula's result, where it has one.
pub(crate) fn weigh(policy: &Policy, judged: &[Judged], composite: Option<&Composite>) -> Demand {
    let mut demand = Demand {
        raw: None,
        wanted: None,
        missing: 0,
        first_missing: None,
        metrics: 0,
        told: 0,
        activity: Activity::Inactive,
        active_by_itself: false,
        telling: None,
        useful: Some(0),
        holds: None,
    };
    for (index, trigger) in judged.iter().enumerate() {
        demand.bound(trigger);
        if demand.holds.is_none() && trigger.stance == (Stance::Missing { holds: true }) {
            demand.holds = Some(index);
        }
        let used = !matches!(trigger.stance, Stance::Ignored | Stance::LeftToHpa);
        // A formula stands for all triggers but cpu and memory.
        if used && (composite.is_none() || !trigger.tells) {
            demand.add(Source::Trigger(index), trigger.proposal, trigger.activity, trigger.tells);
        }
    }
    if let Some(composite) = composite {
        demand.add(Source::Formula, composite.proposal, composite.activity, true);
        if composite.fallback {
            demand.useful = None;
        }
    }
    let any_used = judged.iter().any(|trigger| trigger.stance == Stance::Fresh && trigger.proposal.is_some());
    demand.useful = demand.useful.filter(|_| any_used);
    if demand.told == 0 {
        demand.activity = Activity::Unknown;
    }
    let unread = judged.iter().any(|trigger| trigger.unread);
    if demand.activity == Activity::Unknown && !unread && knowledge::zero_fallback_deactivates(policy) {
        demand.activity = Activity::Inactive;
    }
    demand.hear(policy, judged);
    demand.active_by_itself = demand.activity == Activity::Active;
    if policy.force_activation && !demand.active_by_itself {
        demand.activity = Activity::Active;
        demand.telling = None;
    }
    demand
}

impl Demand {
    /// What makes a workload active besides values: a source that pushes, or that there is no event source at all.
    fn hear(&mut self, policy: &Policy, judged: &[Judged]) {
        if self.activity == Activity::Active {
            return;
        }
        let pushed = judged.iter().position(|trigger| trigger.pushed);
        if pushed.is_some() || policy.only_resources() {
            self.activity = Activity::Active;
            self.telling = pushed.map(Source::Trigger);
        }
    }

    fn add(&mut self, source: Source, proposal: Option<Proposal>, activity: Activity, tells: bool) {
        self.metrics += 1;
        match proposal {
            Some(proposal) => {
                if self.raw.is_none_or(|(most, _)| proposal.raw > most) {
                    self.raw = Some((proposal.raw, source));
                }
                self.wanted = Some(self.wanted.map_or(proposal.replicas, |most| most.max(proposal.replicas)));
            }
            None => {
                self.missing += 1;
                self.first_missing = self.first_missing.or(Some(source));
            }
        }
        if !tells {
            return;
        }
        self.told += 1;
        let tells_more = match (self.activity, activity) {
            (Activity::Active, _) | (_, Activity::Inactive) => false,
            (Activity::Inactive, _) | (_, Activity::Active) => true,
            (Activity::Unknown, Activity::Unknown) => false,
        };
        if tells_more {
            self.activity = activity;
            self.telling = Some(source);
        }
    }

    /// Takes a trigger's parallelism into account.
    fn bound(&mut self, trigger: &Judged) {
        let limit = match trigger.stance {
            Stance::Fresh => trigger.proposal.map(|proposal| proposal.useful),
            Stance::Fallback(_) | Stance::LeftToHpa => Some(None),
            Stance::Ignored | Stance::Missing { .. } => None,
        };
        match limit {
            Some(Some(useful)) => self.useful = self.useful.map(|most| most.max(useful)),
            Some(None) => self.useful = None,
            None => {}
        }
    }
}

/// What the formula makes of the triggers.
pub(crate) fn compose(
    policy: &Policy,
    formula: &FormulaPolicy,
    judged: &[Judged],
    workload: &Workload,
    tolerances: Tolerances,
) -> Composite {
    let stand_in = |replicas: u32| {
        let activity = knowledge::fallback_activity(policy, replicas);
        if !knowledge::can_be_served(policy, formula.target, workload) {
            let error = Some(knowledge::NO_READY_POD.into());
            return Composite { value: None, error, fallback: true, activity, proposal: None };
        }
        Composite {
            value: Some(hpa::fallback_value(formula.target, replicas, workload)),
            error: None,
            fallback: true,
            activity,
            proposal: Some(hpa::propose_fallback(formula.target, replicas, workload, tolerances)),
        }
    };
    let unknown = |error: Arc<str>| Composite {
        value: None,
        error: Some(error),
        fallback: false,
        activity: Activity::Unknown,
        proposal: None,
    };
    // Only named triggers can be meant by a formula.
    let named = || {
        let triggers = policy.triggers.iter().zip(judged).filter(|(_, judged)| judged.tells);
        triggers.filter_map(|(trigger, judged)| trigger.name.as_deref().map(|name| (name, judged)))
    };
    for (_, judged) in named() {
        if let Stance::Fallback(replicas) = judged.stance {
            return stand_in(replicas);
        }
    }
    if let Some((name, _)) = named().find(|(_, judged)| matches!(judged.stance, Stance::Missing { .. })) {
        return unknown(format!("trigger {name} is not known").into());
    }
    // Nothing known at all is no knowledge, whatever a formula makes of it; except where that was asked for.
    let asked = knowledge::usable_fallback(policy).is_some();
    if !asked && !named().any(|(_, judged)| judged.stance == Stance::Fresh) {
        return unknown("no trigger of the formula is known".into());
    }
    match run(&formula.formula, named()) {
        Ok(Some(value)) => {
            let metric = hpa::carried(value.max(0.0));
            let proposal = hpa::propose(formula.target, metric, None, workload, tolerances, Compat::default());
            let active = value > formula.activation;
            Composite {
                value: Some(metric),
                error: proposal.err().map(|_| "there is no pod to measure it by".into()),
                fallback: false,
                activity: if active { Activity::Active } else { Activity::Inactive },
                proposal: proposal.ok(),
            }
        }
        Ok(None) => match knowledge::usable_fallback(policy) {
            Some(fallback) => stand_in(knowledge::fallback_replicas(fallback, workload.replicas)),
            None => unknown("the formula gives nil".into()),
        },
        Err(error) => unknown(error),
    }
}

fn run<'a>(formula: &Formula, named: impl Iterator<Item = (&'a str, &'a Judged)>) -> Result<Option<f64>, Arc<str>> {
    let values = named.map(|(name, judged)| (name, judged.value));
    formula.run(values).map_err(|error| error.to_string().into())
}

/// Who asks, in words.
pub(crate) fn label(source: Source, knowledge: &[Knowledge]) -> Arc<str> {
    match source {
        Source::Trigger(index) => knowledge.get(index).map_or_else(|| "?".into(), |known| known.label.clone()),
        Source::Formula => "formula".into(),
    }
}

/// Why the metric that asks for most asks for that.
pub(crate) fn wants(
    source: Source,
    policy: &Policy,
    knowledge: &[Knowledge],
    judged: &[Judged],
    composite: Option<&Composite>,
    workload: &Workload,
    tolerances: Tolerances,
) -> Reason {
    let trigger = label(source, knowledge);
    let (proposal, value, target, fallback, failures) = match source {
        Source::Trigger(index) => {
            let (judged, meant) = (&judged[index], &policy.triggers[index]);
            let fallback = matches!(judged.stance, Stance::Fallback(_));
            (judged.proposal, judged.value, meant.target, fallback, knowledge[index].failures)
        }
        Source::Formula => {
            let target = policy.formula.as_ref().map_or(MetricTarget::AverageValue(1.0), |formula| formula.target);
            let failures = knowledge.iter().map(|known| known.failures).max().unwrap_or(0);
            let fallback = composite.is_some_and(|composite| composite.fallback);
            let value = composite.and_then(|composite| composite.value);
            (composite.and_then(|composite| composite.proposal), value, target, fallback, failures)
        }
    };
    let (wanted, ratio, within) =
        proposal.map_or((0, 0.0, false), |proposal| (proposal.raw, proposal.ratio, proposal.within));
    if within {
        return Reason::WithinTolerance { trigger, ratio, low: 1.0 - tolerances.down, high: 1.0 + tolerances.up };
    }
    if fallback {
        return Reason::FallbackWants { trigger, failures, replicas: wanted };
    }
    Reason::Wants { trigger, value: value.unwrap_or(0.0), target, ready: workload.ready, wanted }
}

/// What an active trigger is judged by, as a reason to leave zero.
pub(crate) fn activated(
    source: Option<Source>,
    policy: &Policy,
    knowledge: &[Knowledge],
    judged: &[Judged],
    composite: Option<&Composite>,
) -> Reason {
    let Some(source) = source else {
        let only = policy.only_resources() && !policy.force_activation;
        return if only { Reason::OnlyResources } else { Reason::Forced };
    };
    let trigger = label(source, knowledge);
    match source {
        Source::Trigger(index) => match (&knowledge[index].latest, judged[index].stance) {
            (_, Stance::Fallback(replicas)) => {
                Reason::FallbackWants { trigger, failures: knowledge[index].failures, replicas }
            }
            _ if judged[index].pushed => Reason::SourceSays { trigger },
            (Latest::Known(reading, _), _) if reading.active.is_some() => Reason::SourceSays { trigger },
            (Latest::Known(reading, _), _) => Reason::Activated {
                trigger,
                value: reading.activation_value.unwrap_or(reading.value),
                activation: policy.triggers[index].activation,
            },
            _ => Reason::ActivityUnknown { trigger },
        },
        Source::Formula => Reason::Activated {
            trigger,
            value: composite.and_then(|composite| composite.value).unwrap_or(0.0),
            activation: policy.formula.as_ref().map_or(0.0, |formula| formula.activation),
        },
    }
}
