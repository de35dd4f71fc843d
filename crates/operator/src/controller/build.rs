//! A ScaledObject made into what the live loop and the HorizontalPodAutoscaler need.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tidegate_crds::{
    Located, Problem, ScaledObject, ScalingPolicy, SecretText, Source, Trigger, TriggerMetricType, TriggerSources,
    TriggerTarget, has_errors, policy,
};
use tidegate_engine::{Mode, Policy};
use tidegate_scalers::{
    AllowedHosts, Checked, Clients, MetricSpec, MetricType, Scaler, Secret, TriggerInput, catalog, metric_of,
};

use super::lacking;
use crate::credentials::Given;

/// How long a source that names its own metrics is asked for them.
const SPECS_TIMEOUT: Duration = Duration::from_secs(3);

/// A manifest's triggers, connected.
#[derive(Clone)]
pub(super) struct Connected {
    /// One for each trigger of the manifest.
    pub(super) scalers: Vec<Arc<dyn Scaler>>,
    /// Changes with whatever the triggers are given, secrets included.
    pub(super) mark: u64,
    /// Whether some of them are not given what they need.
    pub(super) lacking: bool,
}

/// Everything that is needed to serve one ScaledObject.
pub(super) struct Built {
    /// In the mode that was asked for.
    pub(super) policy: Policy,
    pub(super) connected: Connected,
    /// One for each of the policy's triggers.
    pub(super) scalers: Vec<Arc<dyn Scaler>>,
    /// One for each of the policy's triggers.
    pub(super) metrics: Vec<MetricSpec>,
    /// One for each of the policy's triggers: whether its source has said that it has this metric.
    pub(super) heard: Vec<bool>,
    /// Triggers whose source has not yet said which metrics it has.
    pub(super) unheard: Vec<String>,
    pub(super) warnings: Vec<Problem>,
}

/// A manifest's triggers, understood.
pub(super) struct Understood {
    triggers: Vec<Kind>,
    mark: u64,
    warnings: Vec<Problem>,
    /// What keeps triggers from being given what they need, a Secret that is not there for one.
    pub(super) lacking: Vec<Problem>,
}

enum Kind {
    Whole(Box<Checked>),
    /// It is not given what it needs: it fails, and never asks its source.
    Lacking(MetricSpec, Arc<dyn Scaler>),
}

/// Understands the triggers. Pure.
pub(super) fn check_triggers(object: &ScaledObject, given: Given) -> Result<Understood, Vec<Problem>> {
    let (mut triggers, mut problems, mut marks) = (Vec::new(), Vec::new(), DefaultHasher::new());
    let mut all_lacking = Vec::new();
    given.mark.hash(&mut marks);
    for (index, (trigger, sources)) in object.spec.triggers.iter().zip(given.triggers).enumerate() {
        let (sources, lacking) = match sources {
            Ok(sources) => (sources, Vec::new()),
            Err(lacking) => (TriggerSources::default(), lacking),
        };
        let mut input = input(object, index, trigger, sources);
        mark(&input, &mut marks);
        if !lacking.is_empty() {
            let why = lacking.iter().map(Problem::text).collect::<Vec<_>>().join("; ");
            why.hash(&mut marks);
            match lacking::metric(&mut input) {
                Some(spec) => {
                    triggers.push(Kind::Lacking(spec, lacking::scaler(format!("spec.triggers[{index}]: {why}"))));
                    all_lacking.extend(lacking);
                }
                None => problems.extend(lacking),
            }
            continue;
        }
        match catalog::check(&input) {
            Ok(found) => {
                problems.extend(found.warnings.iter().map(|warning| locate(object, index, warning, false)));
                triggers.push(Kind::Whole(Box::new(found)));
            }
            Err(found) => problems.extend(found.iter().map(|error| locate(object, index, error, true))),
        }
    }
    if has_errors(&problems) {
        problems.extend(all_lacking);
        return Err(problems);
    }
    Ok(Understood { triggers, mark: marks.finish(), warnings: problems, lacking: all_lacking })
}

/// Connects the triggers, or goes on with what is connected if it is given the same. No I/O but that of sources that name
/// their own metrics.
pub(super) async fn build(
    object: &ScaledObject,
    scaling_policy: Option<&ScalingPolicy>,
    triggers: Understood,
    before: Option<&Connected>,
    clients: &Clients,
) -> Result<Built, Vec<Problem>> {
    let Understood { triggers, mark, mut warnings, lacking } = triggers;
    let asks: Vec<(MetricSpec, bool)> = triggers.iter().map(Kind::asks).collect();
    let connected = match before.filter(|before| before.mark == mark) {
        Some(before) => before.clone(),
        None => {
            let scalers = triggers.into_iter().map(|one| one.connect(clients)).collect();
            Connected { scalers, mark, lacking: !lacking.is_empty() }
        }
    };
    let (mut targets, mut metrics, mut scalers, mut unheard) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut heard = Vec::new();
    for (index, ((stand_in, from_source), scaler)) in asks.into_iter().zip(&connected.scalers).enumerate() {
        let kind = object.spec.triggers[index].kind.as_str();
        let named = if from_source { scaler.specs(SPECS_TIMEOUT).await } else { Ok(None) };
        let is_heard = matches!(&named, Ok(None)) || matches!(&named, Ok(Some(specs)) if !specs.is_empty());
        let specs = match named {
            Ok(Some(specs)) if specs.is_empty() => {
                unheard.push(format!("spec.triggers[{index}]: the source names no metric"));
                vec![stand_in]
            }
            Ok(specs) => specs.unwrap_or_else(|| vec![stand_in]),
            Err(error) => {
                unheard.push(format!("spec.triggers[{index}]: {error}"));
                vec![stand_in]
            }
        };
        for spec in specs {
            targets.push(target(index, &spec, kind));
            scalers.push(metric_of(scaler, &spec.metric));
            metrics.push(spec);
            heard.push(is_heard);
        }
    }
    let located = Located { value: object, source: Source::default() };
    let attached = scaling_policy.map(Located::unplaced);
    let (policy, found) = policy(&located, attached.as_ref(), &targets, Mode::Hpa)?;
    warnings.extend(found);
    Ok(Built { policy, connected, scalers, metrics, heard, unheard, warnings })
}

impl Kind {
    /// Its metric, and whether its source has the last word on that.
    fn asks(&self) -> (MetricSpec, bool) {
        match self {
            Kind::Whole(checked) => (checked.spec.clone(), checked.specs_from_source),
            Kind::Lacking(spec, _) => (spec.clone(), false),
        }
    }

    fn connect(self, clients: &Clients) -> Arc<dyn Scaler> {
        match self {
            Kind::Whole(checked) => checked.connect(clients),
            Kind::Lacking(_, scaler) => scaler,
        }
    }
}

fn input(object: &ScaledObject, index: usize, trigger: &Trigger, sources: TriggerSources) -> TriggerInput {
    let secrets = |from: &mut dyn Iterator<Item = (String, SecretText)>| -> BTreeMap<String, Secret> {
        from.map(|(name, value)| (name, Secret::new(value.expose()))).collect()
    };
    let modifiers = object.spec.advanced.as_ref().and_then(|advanced| advanced.scaling_modifiers.as_ref());
    TriggerInput {
        kind: trigger.kind.clone(),
        index,
        name: trigger.name.clone(),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        scaled_object: object.metadata.name.clone().unwrap_or_default(),
        metadata: trigger.metadata.clone(),
        env: secrets(&mut sources.env.into_iter()),
        auth: secrets(&mut sources.auth.into_iter()),
        allowed_hosts: sources.allowed_hosts.map(only),
        pod_identity: sources.pod_identity.map(str::to_owned),
        metric_type: trigger.metric_type.map(|given| match given {
            TriggerMetricType::AverageValue => MetricType::AverageValue,
            TriggerMetricType::Value => MetricType::Value,
            TriggerMetricType::Utilization => MetricType::Utilization,
        }),
        formula_in_use: modifiers.is_some_and(|modifiers| !modifiers.formula.is_empty()),
    }
}

/// As the catalogue has it.
fn only(allowed: tidegate_crds::AllowedHosts) -> Arc<AllowedHosts> {
    let tidegate_crds::AllowedHosts { said_by, hosts } = allowed;
    Arc::new(AllowedHosts { said_by, hosts })
}

fn target(index: usize, spec: &MetricSpec, kind: &str) -> TriggerTarget {
    let kind = catalog::find(kind).and_then(|row| row.names.first().copied()).unwrap_or(kind);
    TriggerTarget {
        index,
        metric: spec.metric.as_str().into(),
        kind: kind.into(),
        target: spec.target,
        activation: spec.activation,
        source: spec.source,
        time_limit: spec.time_limit,
    }
}

fn mark(input: &TriggerInput, marks: &mut DefaultHasher) {
    (&input.kind, &input.name, &input.metadata, &input.pod_identity, input.formula_in_use).hash(marks);
    (input.metric_type, &input.allowed_hosts).hash(marks);
    for (name, value) in input.env.iter().chain(&input.auth) {
        (name, value.expose()).hash(marks);
    }
}

/// Finds the field that a parameter was given by.
fn locate(object: &ScaledObject, index: usize, problem: &tidegate_scalers::Problem, is_error: bool) -> Problem {
    let base = format!("spec.triggers[{index}]");
    let trigger = &object.spec.triggers[index];
    let parameter = problem.parameter.as_str();
    let from_env = format!("{parameter}FromEnv");
    let field = if parameter.is_empty() {
        if catalog::find(&trigger.kind).is_none() { format!("{base}.type") } else { base }
    } else if !trigger.metadata.contains_key(parameter) && trigger.metadata.contains_key(&from_env) {
        format!("{base}.metadata.{from_env}")
    } else {
        format!("{base}.metadata.{parameter}")
    };
    let source = Source::default();
    let message = problem.message.as_str();
    if is_error { source.error(&field, message) } else { source.warning(&field, message) }
}
