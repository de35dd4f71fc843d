//! Stand-ins for parameters that a case cannot know: those from an environment and from authentication.

use tidegate_scalers::catalog::{self, Row};
use tidegate_scalers::{Kind, MetricSpec, Parameter, Problem, Secret, Source, TriggerInput};

/// What the catalogue made of a trigger.
pub(super) struct Checked {
    /// What the decision needs, or everything that is wrong.
    pub(super) spec: Result<MetricSpec, Vec<Problem>>,
    /// What was suspicious, and which numbers are stand-ins.
    pub(super) warnings: Vec<Problem>,
}

/// Checks a trigger with stand-ins for each variable that its metadata names. `authenticated`: it has an
/// `authenticationRef`, so that what is missing may come from there.
pub(super) fn check(input: &mut TriggerInput, authenticated: bool) -> Checked {
    let row = catalog::find(&input.kind);
    let mut warnings = row.map(|row| variables(row, input)).unwrap_or_default();
    let mut spec = catalog::check(input);
    if let (Err(problems), Some(row), true) = (&spec, row, authenticated) {
        let missing: Vec<String> = problems.iter().map(|problem| problem.parameter.clone()).collect();
        if credentials(row, &missing, input) {
            spec = catalog::check(input);
        }
    }
    let spec = spec.map(|checked| {
        warnings.extend(checked.warnings);
        if checked.specs_from_source && !input.formula_in_use {
            warnings.push(own_target());
        }
        checked.spec
    });
    Checked { spec, warnings }
}

/// A case asks no source, so a target that only the source knows has a stand-in too.
fn own_target() -> Problem {
    let message = "its source names the target itself and a case asks nobody, so 1 stands in for it; give as the reading \
        the value divided by the target";
    Problem { parameter: String::new(), message: message.to_owned() }
}

/// Gives each variable that a `...FromEnv` names a value that its parameter accepts.
fn variables(row: &Row, input: &mut TriggerInput) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for parameter in &row.parameters {
        for name in std::iter::once(&parameter.name).chain(parameter.aliases) {
            let key = format!("{name}FromEnv");
            let Some(variable) = input.metadata.get(&key).map(|variable| variable.trim().to_owned()) else { continue };
            let value = value(parameter);
            if matches!(parameter.kind, Kind::Integer | Kind::Number) && !input.metadata.contains_key(*name) {
                let message = format!("a case has no environment, so {value} stands in for the variable {variable:?}");
                warnings.push(Problem { parameter: key, message });
            }
            input.env.insert(variable, Secret::new(value));
        }
    }
    warnings
}

/// Gives the missing parameters that can come from authentication a value; whether there was any.
fn credentials(row: &Row, missing: &[String], input: &mut TriggerInput) -> bool {
    let mut any = false;
    for parameter in row.parameters.iter().filter(|parameter| parameter.sources.contains(&Source::Auth)) {
        if missing.iter().any(|name| name == parameter.name) && !input.metadata.contains_key(parameter.name) {
            input.auth.insert(parameter.name.to_owned(), Secret::new(value(parameter)));
            any = true;
        }
    }
    any
}

/// A value that a parameter accepts.
fn value(parameter: &Parameter) -> &'static str {
    if let Some(value) = parameter.default.or(parameter.choices.first().copied()).filter(|value| !value.is_empty()) {
        return value;
    }
    match parameter.kind {
        Kind::Address => "http://stand-in:80",
        Kind::Integer | Kind::Number | Kind::Ranges => "1",
        Kind::Boolean => "false",
        Kind::Duration => "1s",
        Kind::Pairs => "stand=in",
        Kind::Text | Kind::Secret | Kind::List => "stand-in:9092",
    }
}
