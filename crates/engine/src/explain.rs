//! A record in words, for a tired person at night: what was read and when, what each rule made of it, what bound it, and
//! what would have to change. Nothing here looks at anything but the record, so a record read back from a file explains
//! itself as well as a live one.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::policy::{FailurePolicy, MetricTarget, Mode};
use crate::reason::Rule;
use crate::record::{Cause, FormulaRecord, Outcome, ReadingRecord, Record, Step};
use crate::words::{Count, Number, Span, Usage};

/// One line: what was done and the reason, as "shop/orders: 3 → 5, lag is 96, at 20 a replica that takes 5".
#[must_use]
pub fn headline(record: &Record) -> String {
    let mut line = format!("{}: ", record.target);
    // Writing to a string cannot fail.
    let _ = write_headline(record, &mut line);
    line
}

fn write_headline(record: &Record, out: &mut String) -> fmt::Result {
    let from = current(record);
    let to = record.desired_replicas;
    match record.result {
        Outcome::Scaled => write!(out, "{from} → {to}")?,
        Outcome::Advised => write!(out, "would go {from} → {to}")?,
        Outcome::Waiting => write!(out, "{from} → {to} waits for the change under way")?,
        Outcome::Failed => write!(out, "{from} → {to} failed")?,
        Outcome::Held => write!(out, "held at {to}")?,
        Outcome::Paused => write!(out, "paused at {to}")?,
        Outcome::Unchanged => write!(out, "stays at {to}")?,
    }
    if let Cause::ScaleFinished { error: Some(error) } = &record.cause {
        write!(out, ", {error}")?;
    }
    let binding = binding(record);
    let asked = record.steps.first().filter(|first| {
        matches!(first.rule, Rule::Metrics | Rule::Fallback)
            && binding.is_some_and(|binding| binding.rule != first.rule)
    });
    for step in asked.into_iter().chain(binding) {
        write!(out, ", {}", step.reason)?;
    }
    Ok(())
}

/// Sentences: what was read and when, what each rule made of it, what bound it, what would have to change.
#[must_use]
pub fn explain(record: &Record) -> String {
    let mut text = String::with_capacity(1024);
    let _ = write_all(record, &mut text);
    text
}

fn write_all(record: &Record, out: &mut String) -> fmt::Result {
    writeln!(out, "{}", headline(record))?;
    writeln!(out, "Decision {} of {}, {}{}.", record.sequence, record.at, cause(record), mode(record.mode))?;
    writeln!(out, "\nThe workload")?;
    match &record.workload {
        Some(workload) => {
            let (asked, ready) = (Count(workload.replicas, "replica"), workload.ready);
            write!(out, "  {asked} asked for, {} exist, {ready} ready", workload.current)?;
            match workload.busy {
                Some(busy) => writeln!(out, ", {busy} busy")?,
                None => writeln!(out)?,
            }
        }
        None => writeln!(out, "  its replicas are not known, so nothing is moved")?,
    }
    writeln!(out, "\nWhat was read")?;
    for reading in &record.readings {
        write_reading(reading, record, out)?;
    }
    if let Some(formula) = &record.formula {
        write_formula(formula, out)?;
    }
    let active = if record.active { "active" } else { "not active, as far as known" };
    writeln!(out, "  the workload is {active}")?;
    writeln!(out, "\nWhat the rules made of it")?;
    for step in &record.steps {
        writeln!(out, "  {:>9}  {}: {}", Move(step).to_string(), rule_name(step.rule), step.reason)?;
    }
    if record.steps.is_empty() {
        writeln!(out, "  no rule had anything to say")?;
    }
    writeln!(out, "\nWhat came of it")?;
    writeln!(out, "  {}", outcome(record))?;
    if let Some(binding) = binding(record) {
        writeln!(out, "  Bound by {}: {}.", rule_name(binding.rule), binding.reason)?;
        writeln!(out, "  {}", remedy(record, binding))?;
    }
    if let Some(next) = &record.next {
        let wait = Span(next.at.since(record.at));
        writeln!(out, "  Without news the next change could come at {} (in {wait}): {}.", next.at, next.what)?;
    }
    Ok(())
}

/// The step that bound the result, in the sense of `bound_by`.
fn binding(record: &Record) -> Option<&Step> {
    let mut steps = record.steps.iter().rev().filter(|step| step.rule == record.bound_by);
    let last = steps.clone().next();
    steps.find(|step| step.from != step.to).or(last)
}

fn current(record: &Record) -> u32 {
    let first = record.steps.first().map(|step| step.from);
    first.or(record.workload.map(|workload| workload.replicas)).unwrap_or(record.desired_replicas)
}

struct Move<'a>(&'a Step);

impl fmt::Display for Move<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { from, to, .. } = self.0;
        if from == to { write!(out, "{to}") } else { write!(out, "{from} → {to}") }
    }
}

fn cause(record: &Record) -> String {
    match &record.cause {
        Cause::Reading { trigger } => match record.readings.get(*trigger) {
            Some(reading) if reading.error.is_some() => format!("because reading {} failed", reading.trigger),
            Some(reading) => format!("because {} was read", reading.trigger),
            None => "because a trigger was read".into(),
        },
        Cause::Activated { trigger } => match record.readings.get(*trigger) {
            Some(reading) => format!("because the source of {} said that there is work", reading.trigger),
            None => "because a source said that there is work".into(),
        },
        Cause::PolicyChanged => "because the manifest changed".into(),
        Cause::WorkloadObserved => "because the workload's replicas were seen to change".into(),
        Cause::Timer => "because it was time to look again".into(),
        Cause::ScaleFinished { error: None } => "because the change before was done".into(),
        Cause::ScaleFinished { error: Some(_) } => "because the change before failed".into(),
        Cause::Removed => "because the ScaledObject was removed".into(),
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Direct => "",
        Mode::Hpa => ", in mode hpa (the HorizontalPodAutoscaler moves 1 and more)",
        Mode::Shadow => ", in mode shadow (nothing is moved)",
    }
}

fn write_reading(reading: &ReadingRecord, record: &Record, out: &mut String) -> fmt::Result {
    if reading.target.is_resource() {
        return write_resource(reading, record.mode, out);
    }
    let formula = record.formula.is_some();
    write!(out, "  {} ({}, {}): ", reading.trigger, reading.kind, reading.metric)?;
    match reading.value {
        Some(value) if reading.fallback => write!(out, "{} by fallback", Number(value))?,
        Some(value) => write!(out, "{}", Number(value))?,
        None => write!(out, "not known")?,
    }
    if let Some(age) = reading.age_ms {
        write!(out, ", {} old", Span(Duration::from_millis(age)))?;
    }
    if !formula {
        write!(out, "; against {}", against(reading.target))?;
    }
    if reading.value.is_some() {
        let active = if reading.active { "active" } else { "not active" };
        write!(out, "; {active} (above {})", Number(reading.activation))?;
    }
    if reading.pushed {
        write!(out, "; active, as its source said since")?;
    }
    if let Some(wanted) = reading.wanted.filter(|_| !formula) {
        write!(out, "; asks for {wanted}")?;
    }
    if let Some(parallelism) = reading.parallelism {
        write!(out, "; can keep {parallelism} busy")?;
    }
    writeln!(out)?;
    match &reading.error {
        Some(_) => write_failure(reading, out)?,
        None if reading.value.is_none() => writeln!(out, "    it was not read yet")?,
        None if reading.wanted.is_none() && matches!(reading.target, MetricTarget::Value(_)) && !formula => {
            writeln!(out, "    it is measured by ready pods, and there is no pod at all")?;
        }
        None => {}
    }
    for note in reading.figures.iter().flat_map(|figures| &figures.notes) {
        writeln!(out, "    {note}")?;
    }
    Ok(())
}

/// A trigger on what the pods use.
fn write_resource(reading: &ReadingRecord, mode: Mode, out: &mut String) -> fmt::Result {
    write!(out, "  {} ({}): ", reading.trigger, reading.kind)?;
    if mode == Mode::Hpa {
        return writeln!(out, "the HorizontalPodAutoscaler reads it; against {}", against(reading.target));
    }
    match reading.value {
        Some(value) => write!(out, "{}", Usage(reading.target, value))?,
        None => write!(out, "not known")?,
    }
    if let Some(pods) = &reading.pods {
        write!(out, " over {}", Count(pods.measured, "pod"))?;
        if pods.unready > 0 {
            write!(out, ", {} not ready", pods.unready)?;
        }
        if pods.missing > 0 {
            write!(out, ", {} without a measurement", pods.missing)?;
        }
        if let Some(assumed) = &pods.assumed {
            write!(
                out,
                " (with those on the safe side {} over {})",
                Usage(reading.target, assumed.value),
                assumed.over
            )?;
        }
    }
    if let Some(age) = reading.age_ms {
        write!(out, ", {} old", Span(Duration::from_millis(age)))?;
    }
    write!(out, "; against {}", against(reading.target))?;
    match reading.wanted {
        Some(wanted) => writeln!(out, "; asks for {wanted}")?,
        None => writeln!(out)?,
    }
    match &reading.error {
        Some(_) => write_failure(reading, out),
        None if reading.value.is_none() => writeln!(out, "    it was not read yet"),
        None => Ok(()),
    }
}

fn write_failure(reading: &ReadingRecord, out: &mut String) -> fmt::Result {
    let Some(error) = &reading.error else { return Ok(()) };
    writeln!(out, "    failed {}: {error}", Times(reading.failures))?;
    writeln!(out, "    {}", on_failure(reading.on_failure))
}

struct Times(u32);

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => out.write_str("in use"),
            1 => out.write_str("once"),
            times => write!(out, "{times} times in a row"),
        }
    }
}

fn against(target: MetricTarget) -> String {
    match target {
        MetricTarget::AverageValue(amount) => format!("{} a replica", Number(amount)),
        MetricTarget::Value(amount) => format!("{} in all", Number(amount)),
        MetricTarget::Utilization(_) => format!("{} of what the pods request", Usage(target, target.amount())),
        MetricTarget::ResourceAverage(_) => format!("{} a pod", Usage(target, target.amount())),
    }
}

fn on_failure(policy: FailurePolicy) -> &'static str {
    match policy {
        FailurePolicy::Default => {
            "while it fails, others may scale out and nothing scales in, unless a fallback is due"
        }
        FailurePolicy::Hold => "while it fails, nothing moves (onFailure: hold)",
        FailurePolicy::Ignore => "while it fails, it is left out (onFailure: ignore)",
        FailurePolicy::Fallback => "while it fails, the fallback stands in (onFailure: fallback)",
        FailurePolicy::OnlyUp => "while it fails, others may scale out and nothing scales in (onFailure: onlyUp)",
    }
}

fn write_formula(formula: &FormulaRecord, out: &mut String) -> fmt::Result {
    write!(out, "  formula {}: ", formula.formula)?;
    match formula.value {
        Some(value) if formula.fallback => write!(out, "{} by fallback", Number(value))?,
        Some(value) => write!(out, "{}", Number(value))?,
        None => write!(out, "not known")?,
    }
    write!(out, "; against {}; active above {}", against(formula.target), Number(formula.activation))?;
    if let Some(wanted) = formula.wanted {
        write!(out, "; asks for {wanted}")?;
    }
    if let Some(error) = &formula.error {
        write!(out, "; {error}")?;
    }
    writeln!(out)
}

fn outcome(record: &Record) -> String {
    let (from, to) = (current(record), Count(record.desired_replicas, "replica"));
    match record.result {
        Outcome::Unchanged => format!("{to}, as it is."),
        Outcome::Scaled => format!("From {from} to {to}; the change was commanded."),
        Outcome::Waiting => format!("From {from} to {to}, once the change under way is done."),
        Outcome::Held => format!("Held at {to}, since not enough is known."),
        Outcome::Advised => format!("From {from} to {to} is advised; we do not move it in this mode."),
        Outcome::Paused => format!("{to}, by a pause annotation."),
        Outcome::Failed => format!("From {from} to {to} is due, but the last try failed; it is tried again."),
    }
}

/// A rule's name as a person says it.
fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Metrics => "the metrics",
        Rule::Tolerance => "the tolerance",
        Rule::MissingMetric => "missing knowledge",
        Rule::Fallback => "the fallback",
        Rule::Activation => "activation",
        Rule::ForceActivation => "forced activation",
        Rule::Cooldown => "the cooldown",
        Rule::InitialCooldown => "the initial cooldown",
        Rule::Idle => "the idle count",
        Rule::Stabilization => "the stabilization window",
        Rule::ScaleUpPolicy => "the scale-out policy",
        Rule::ScaleDownPolicy => "the scale-in policy",
        Rule::Disabled => "selectPolicy Disabled",
        Rule::Min => "the minimum",
        Rule::Max => "the maximum",
        Rule::UsefulParallelism => "the useful parallelism",
        Rule::BusyPods => "busy pods",
        Rule::Paused => "a pause",
        Rule::UnknownWorkload => "the unknown workload",
        Rule::RestoreOriginal => "the original count",
        Rule::LeftToHpa => "the HorizontalPodAutoscaler",
        Rule::None => "nothing",
    }
}

/// What would have to change for another result.
fn remedy(record: &Record, binding: &Step) -> String {
    match binding.rule {
        Rule::Metrics | Rule::Fallback => thresholds(record, binding.to),
        Rule::Tolerance => "It moves when the value is further off its target, or behavior's tolerance smaller.".into(),
        Rule::MissingMetric => {
            let missing = record.readings.iter().filter(|reading| reading.value.is_none());
            let names: Vec<&str> = missing.map(|reading| &*reading.trigger).collect();
            match names.is_empty() {
                true => "It goes on when the missing metric is known.".into(),
                false => format!("It goes on when these are read again: {}.", names.join(", ")),
            }
        }
        Rule::Activation | Rule::ForceActivation | Rule::Idle if binding.to > binding.from => {
            "From here the metrics decide.".into()
        }
        Rule::Activation | Rule::ForceActivation | Rule::Idle => wakers(record),
        Rule::Cooldown => "It goes to zero or idle then, unless a trigger becomes active; cooldownPeriod says how long.".into(),
        Rule::InitialCooldown => "It goes to zero or idle then; initialCooldownPeriod says how long.".into(),
        Rule::Stabilization => "It moves when that recommendation is out of the window; stabilizationWindowSeconds says how far it looks back.".into(),
        Rule::ScaleUpPolicy => "It goes further in steps; behavior.scaleUp says how large.".into(),
        Rule::ScaleDownPolicy => "It goes further in steps; behavior.scaleDown says how large.".into(),
        Rule::Disabled => "It moves when behavior's selectPolicy allows this direction.".into(),
        Rule::Min => "It goes lower only with a lower minReplicaCount.".into(),
        Rule::Max => "It goes higher only with a higher maxReplicaCount.".into(),
        Rule::UsefulParallelism => "More replicas would be idle; it goes higher with more partitions, or where the manifest allows idle consumers.".into(),
        Rule::BusyPods => "It goes lower when pods have finished their work.".into(),
        Rule::Paused => "It moves when the annotation autoscaling.keda.sh/paused, paused-replicas, paused-scale-in or paused-scale-out is removed.".into(),
        Rule::UnknownWorkload => "It goes on when the workload's replicas can be seen again.".into(),
        Rule::RestoreOriginal => "Nothing looks after this workload from here on.".into(),
        Rule::LeftToHpa => "See the HorizontalPodAutoscaler's own conditions and events for what it makes of it.".into(),
        Rule::None => "Nothing stood against it.".into(),
    }
}

/// From which values on the metric that decided would ask for something else.
fn thresholds(record: &Record, wanted: u32) -> String {
    let (name, target) = match &record.formula {
        Some(formula) => ("the formula", formula.target),
        None => match record.readings.iter().find(|reading| reading.wanted == Some(wanted)) {
            Some(reading) => (&*reading.trigger, reading.target),
            None => return "It follows the metrics.".into(),
        },
    };
    let MetricTarget::AverageValue(amount) = target else {
        return format!("It follows {name}: as many ready pods as bring it to its target.");
    };
    let above = Number(amount * f64::from(wanted));
    if wanted == 0 {
        return format!("It takes a replica when {name} is above 0.");
    }
    let below = Number(amount * f64::from(wanted - 1));
    format!("It takes another when {name} is above {above}, and one less when it is {below} or lower.")
}

/// What would wake a workload that rests.
fn wakers(record: &Record) -> String {
    if let Some(formula) = &record.formula {
        return format!("It wakes when the formula gives more than {}.", Number(formula.activation));
    }
    let mut text = String::from("It wakes when ");
    for (index, reading) in record.readings.iter().enumerate() {
        let or = if index == 0 { "" } else { " or " };
        let _ = write!(text, "{or}{} is above {}", reading.trigger, Number(reading.activation));
    }
    text.push('.');
    text
}
