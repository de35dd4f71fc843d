//! How a parameter is found: in its sources in their order, trimmed, a blank one counting as absent; and what is said
//! when it is missing, malformed, misspelt or in the wrong place.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use tidegate_engine::MetricTarget;

use crate::input::{MetricType, Problem, TriggerInput};
use crate::parameter::{Kind, Parameter, Source};
use crate::scaler::MetricSpec;
use crate::value::Value;

/// A trigger's input while it is being understood, with the problems found so far.
pub(crate) struct Given<'a> {
    /// What the trigger was given.
    pub(crate) input: &'a TriggerInput,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    present: BTreeSet<&'static str>,
    /// Texts that may be credentials, with what is said in their place, for messages that quote what they were given.
    hidden: Vec<(String, String)>,
}

/// A text and where it was found.
struct Found<'a> {
    text: &'a str,
    source: Source,
    key: String,
}

impl<'a> Given<'a> {
    pub(crate) fn new(input: &'a TriggerInput) -> Self {
        Given { input, problems: Vec::new(), warnings: Vec::new(), present: BTreeSet::new(), hidden: Vec::new() }
    }

    /// Notes what makes the trigger unusable.
    pub(crate) fn problem(&mut self, parameter: &str, message: impl Into<String>) {
        self.problems.push(Problem { parameter: parameter.to_owned(), message: message.into() });
    }

    /// Notes what is suspicious but allowed.
    pub(crate) fn warn(&mut self, parameter: &str, message: impl Into<String>) {
        self.warnings.push(Problem { parameter: parameter.to_owned(), message: message.into() });
    }

    /// Whether nothing made the trigger unusable so far.
    pub(crate) fn sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether a parameter of this name was given in any source (a default does not count). Only after it was read.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.present.contains(name)
    }

    /// The problems and the warnings.
    pub(crate) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        // The longest first: a piece of a text must not be all that is hidden of it.
        self.hidden.sort_unstable_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        for problem in self.problems.iter_mut().chain(&mut self.warnings) {
            for (text, instead) in &self.hidden {
                problem.message = problem.message.replace(text, instead);
            }
        }
        (self.problems, self.warnings)
    }

    /// Keeps a text from being quoted when it is from the environment or from an authentication, where it can be a
    /// credential, be it by a mix-up of names.
    fn hide(&mut self, parameter: &Parameter, found: &Found<'_>) {
        let plain = matches!(parameter.kind, Kind::Integer | Kind::Number | Kind::Boolean | Kind::Duration);
        if plain || !parameter.choices.is_empty() || (found.source == Source::Metadata && !secretive(parameter.kind)) {
            return;
        }
        let instead = format!("[text of {}]", found.key);
        for text in std::iter::once(found.text).chain(found.text.split(',').map(str::trim)) {
            // Shorter ones would hide ordinary words, and are no credentials.
            if text.len() >= 6 {
                self.hidden.push((text.to_owned(), instead.clone()));
                self.hidden.push((text.escape_debug().to_string(), instead.clone()));
            }
        }
    }

    /// The metric that the decision is told of: its name becomes `s<index>-<name>` with KEDA's replacements. Refuses a
    /// target that no HPA could use, unless a formula replaces it.
    pub(crate) fn spec(&mut self, metric: Metric<'_>) -> Option<MetricSpec> {
        let Metric { name, target: (parameter, target), activation, source } = metric;
        // An HPA is told targets with three decimals, so anything below half of the last one is zero to it.
        if !self.input.formula_in_use && target < 0.0005 {
            self.problem(parameter, format!("found {target}, expected a target above zero (0.001 at least)"));
            return None;
        }
        let target = self.target(target)?;
        let metric = format!("s{}-{}", self.input.index, normalized(name));
        Some(MetricSpec { metric, target, activation, source, time_limit: None, resource: None })
    }

    /// The target of an external metric in the form that `metricType` asks for.
    pub(crate) fn target(&mut self, target: f64) -> Option<MetricTarget> {
        match self.input.metric_type {
            None | Some(MetricType::AverageValue) => Some(MetricTarget::AverageValue(target)),
            Some(MetricType::Value) => Some(MetricTarget::Value(target)),
            Some(MetricType::Utilization) => {
                let kind = &self.input.kind;
                let message = format!(
                    "metricType Utilization is for cpu and memory only, and this is a {kind} trigger; use AverageValue or \
                     Value"
                );
                self.problem("", message);
                None
            }
        }
    }

    /// One parameter's value. `None` when it could not be had, which is noted.
    pub(crate) fn value<T: Value>(&mut self, parameter: &Parameter) -> Option<T> {
        let Some(found) = self.find(parameter) else {
            return match parameter.default {
                Some(text) => T::parse(text).ok(),
                None => T::absent().or_else(|| {
                    self.missing(parameter);
                    None
                }),
            };
        };
        self.present.insert(parameter.name);
        self.hide(parameter, &found);
        if let Some(advice) = parameter.removed {
            self.problem(parameter.name, format!("is not accepted: {advice}"));
            return T::absent();
        }
        if let Some(advice) = parameter.deprecated {
            self.warn(parameter.name, format!("is deprecated: {advice}"));
        }
        self.convert(parameter, &found)
    }

    fn convert<T: Value>(&mut self, parameter: &Parameter, found: &Found<'_>) -> Option<T> {
        match T::parse(found.text).and_then(|value| within(parameter, found.text, value)) {
            Ok(value) => Some(value),
            Err(expected) => {
                let shown = found.shown(parameter);
                self.problem(parameter.name, format!("found {shown}, expected {expected}"));
                None
            }
        }
    }

    fn find(&self, parameter: &Parameter) -> Option<Found<'a>> {
        parameter.sources.iter().find_map(|&source| {
            parameter.names().find_map(|name| {
                let (key, text) = self.look_up(source, name)?;
                let text = text.trim();
                (!text.is_empty()).then_some(Found { text, source, key })
            })
        })
    }

    fn look_up(&self, source: Source, name: &str) -> Option<(String, &'a str)> {
        let input = self.input;
        match source {
            Source::Metadata => Some((name.to_owned(), input.metadata.get(name)?.as_str())),
            Source::Env => {
                let key = format!("{name}FromEnv");
                let variable = input.metadata.get(&key)?.trim();
                Some((key, input.env.get(variable)?.expose()))
            }
            Source::Auth => Some((name.to_owned(), input.auth.get(name)?.expose())),
        }
    }

    /// Says that a required parameter is absent, naming each place where it could be.
    fn missing(&mut self, parameter: &Parameter) {
        let mut places = Vec::new();
        for source in parameter.sources {
            places.push(match source {
                Source::Metadata => format!("metadata \"{}\"", parameter.name),
                Source::Env => self.missing_variable(parameter.name),
                Source::Auth => format!("authentication parameter \"{}\"", parameter.name),
            });
        }
        self.problem(parameter.name, format!("is required and absent: expected in {}", places.join(" or ")));
    }

    fn missing_variable(&self, name: &str) -> String {
        match self.input.metadata.get(&format!("{name}FromEnv")).map(|variable| variable.trim()) {
            None | Some("") => format!("metadata \"{name}FromEnv\" (the name of a variable of the container)"),
            Some(variable) => {
                let state = if self.input.env.contains_key(variable) { "is empty" } else { "does not exist" };
                format!("variable \"{variable}\" of the container, as \"{name}FromEnv\" says, which {state} there")
            }
        }
    }
}

/// What a trigger tells of its metric, before KEDA's naming.
pub(crate) struct Metric<'a> {
    /// The part after `s<index>-`.
    pub(crate) name: &'a str,
    /// The parameter that holds the target, and its value.
    pub(crate) target: (&'a str, f64),
    /// Active above this.
    pub(crate) activation: f64,
    /// From [`source_of`].
    pub(crate) source: u64,
}

impl Found<'_> {
    /// The text, or where it is from when it could be a credential.
    fn shown(&self, parameter: &Parameter) -> String {
        match (self.source, parameter.kind) {
            (Source::Metadata, kind) if !secretive(kind) => format!("{:?}", self.text),
            (Source::Auth, _) => format!("another text in the authentication parameter \"{}\"", self.key),
            (Source::Env, _) => format!("another text in the variable that \"{}\" names", self.key),
            (Source::Metadata, _) => "another text".to_owned(),
        }
    }
}

/// Whether a text of this kind may hold a credential wherever it is from.
fn secretive(kind: Kind) -> bool {
    matches!(kind, Kind::Secret | Kind::Pairs | Kind::Address)
}

/// Checks the declared limits and sets.
fn within<T: Value>(parameter: &Parameter, text: &str, value: T) -> Result<T, String> {
    if let Some(number) = value.number() {
        match (parameter.min, parameter.max) {
            (Some(min), Some(max)) if number < min || number > max => return Err(format!("{min} to {max}")),
            (Some(min), None) if number < min => return Err(format!("{min} or more")),
            (None, Some(max)) if number > max => return Err(format!("{max} or less")),
            _ => {}
        }
    }
    let rivals = text.split(',').filter(|piece| parameter.exclusive.contains(&piece.trim())).count();
    if rivals > 1 {
        return Err(format!("at most one of {}", parameter.exclusive.join(", ")));
    }
    Ok(value)
}

/// KEDA's replacements in the name of a metric.
pub(crate) fn normalized(name: &str) -> String {
    name.replace(['/', '.', ':', '%', '(', ')'], "-")
}

/// A number that is equal for triggers that one request can serve together. Made from what is no secret: it is shown.
pub(crate) fn source_of(parts: impl Hash) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
