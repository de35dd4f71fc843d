//! What is said about names that nobody knows: trigger types and parameters.

use std::collections::BTreeMap;

use super::{keda, rows};
use crate::input::{Problem, TriggerInput};
use crate::parameter::{Parameter, Source};

/// The error for a trigger type without a row.
pub(super) fn kind(kind: &str) -> Problem {
    let message = if keda::KEDA.contains(&kind) {
        let served: Vec<_> = rows().iter().flat_map(|row| row.names).copied().collect();
        format!(
            "trigger type \"{kind}\" is known to KEDA, not yet served by Tidegate; served are {}",
            served.join(", ")
        )
    } else {
        let known = keda::KEDA.iter().copied().chain(rows().iter().flat_map(|row| row.names).copied());
        match nearest(kind, known) {
            Some(near) => format!("unknown trigger type \"{kind}\"; did you mean \"{near}\"?"),
            None => format!("unknown trigger type \"{kind}\"; `tidegate scalers list` shows the known ones"),
        }
    };
    Problem { parameter: String::new(), message }
}

/// A warning for each key that no parameter reads, with its key.
pub(super) fn parameters(input: &TriggerInput, known: &[Parameter]) -> BTreeMap<String, String> {
    let mut warnings = BTreeMap::new();
    for (key, text) in &input.metadata {
        if let Some(message) = metadata(key, known) {
            warnings.insert(key.clone(), message);
        } else if let Some(message) = variable(key, text, input, known) {
            warnings.insert(key.clone(), message);
        }
    }
    for key in input.auth.keys() {
        if let Some(message) = authentication(key, known) {
            warnings.entry(key.clone()).or_insert(message);
        }
    }
    warnings
}

fn metadata(key: &str, known: &[Parameter]) -> Option<String> {
    let keys: Vec<(String, &Parameter)> = known.iter().flat_map(|parameter| keys(parameter)).collect();
    if keys.iter().any(|(known, _)| known == key) {
        return None;
    }
    let base = key.strip_suffix("FromEnv").unwrap_or(key);
    if let Some(parameter) = known.iter().find(|parameter| parameter.names().any(|name| name == base)) {
        let places = places(parameter, base);
        return Some(format!("is not read from here: \"{base}\" is expected in {}", places.join(" or ")));
    }
    let near = nearest(key, keys.iter().map(|(known, _)| known.as_str()));
    Some(match near {
        Some(near) => format!("unknown parameter; did you mean \"{near}\"?"),
        None => "unknown parameter; it has no effect".to_owned(),
    })
}

/// A `...FromEnv` whose variable the container does not have: KEDA takes it as absent, silently.
fn variable(key: &str, text: &str, input: &TriggerInput, known: &[Parameter]) -> Option<String> {
    let base = key.strip_suffix("FromEnv")?;
    let parameter = known.iter().find(|parameter| parameter.names().any(|name| name == base))?;
    let variable = text.trim();
    let absent = parameter.sources.contains(&Source::Env) && !input.env.contains_key(variable);
    absent.then(|| format!("the container has no variable \"{variable}\"; the parameter counts as absent"))
}

/// TriggerAuthentications are shared between triggers, so only what looks like a mistake is worth a word.
fn authentication(key: &str, known: &[Parameter]) -> Option<String> {
    let readable = || known.iter().filter(|parameter| parameter.sources.contains(&Source::Auth));
    if readable().any(|parameter| parameter.names().any(|name| name == key)) {
        return None;
    }
    if let Some(parameter) = known.iter().find(|parameter| parameter.names().any(|name| name == key)) {
        let places = places(parameter, key);
        return Some(format!("is not read from an authentication: expected in {}", places.join(" or ")));
    }
    let near = readable().flat_map(Parameter::names).find(|name| strsim::damerau_levenshtein(name, key) == 1)?;
    Some(format!("unknown authentication parameter; did you mean \"{near}\"?"))
}

/// Each metadata key that a parameter is read from.
fn keys(parameter: &Parameter) -> Vec<(String, &Parameter)> {
    let mut keys = Vec::new();
    for name in parameter.names() {
        if parameter.sources.contains(&Source::Metadata) {
            keys.push((name.to_owned(), parameter));
        }
        if parameter.sources.contains(&Source::Env) {
            keys.push((format!("{name}FromEnv"), parameter));
        }
    }
    keys
}

fn places(parameter: &Parameter, name: &str) -> Vec<String> {
    let place = |source: &Source| match source {
        Source::Metadata => format!("metadata \"{name}\""),
        Source::Env => format!("metadata \"{name}FromEnv\""),
        Source::Auth => format!("authentication parameter \"{name}\""),
    };
    parameter.sources.iter().map(place).collect()
}

/// The known name that is likest, if any is like enough for a misspelling.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let scored = known.map(|known| {
        let other = known.to_lowercase();
        // One slip of the finger counts for more than any likeness.
        let slip = if strsim::damerau_levenshtein(&lower, &other) <= 1 { 1.0 } else { 0.0 };
        (slip + strsim::jaro_winkler(&lower, &other), known)
    });
    // Ties go to the name that comes first in the alphabet, so that the message does not depend on the order of rows.
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    // 0.82 takes "treshold" and "bootstrapServer" and leaves names that merely share a beginning.
    (best.0 >= 0.82).then_some(best.1)
}
