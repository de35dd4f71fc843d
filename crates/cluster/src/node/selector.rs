//! Label selectors as they stand in a query: `app=a,tier in (x, y),!canary`.

use std::collections::BTreeMap;

/// A parsed selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    /// Reads a selector. `None`: it is none.
    pub(crate) fn parse(text: &str) -> Option<Selector> {
        parts(text).into_iter().map(requirement).collect::<Option<Vec<_>>>().map(Selector)
    }

    /// Whether labels are selected.
    pub(crate) fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Missing(key) => !labels.contains_key(key),
        })
    }
}

/// Splits at commas outside parentheses.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn requirement(text: &str) -> Option<Requirement> {
    let set = |rest: &str| {
        let inner = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
    };
    let key = |text: &str| text.trim().to_owned();
    if let Some((left, right)) = text.split_once(" notin ") {
        return Some(Requirement::NotIn(key(left), set(right)?));
    }
    if let Some((left, right)) = text.split_once(" in ") {
        return Some(Requirement::In(key(left), set(right)?));
    }
    if let Some((left, right)) = text.split_once("!=") {
        return Some(Requirement::NotIn(key(left), vec![key(right)]));
    }
    if let Some((left, right)) = text.split_once('=') {
        return Some(Requirement::In(key(left), vec![key(right.trim_start_matches('='))]));
    }
    match text.strip_prefix('!') {
        Some(name) => Some(Requirement::Missing(key(name))),
        None => Some(Requirement::Exists(key(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_as_the_api_server_does() {
        let labels = BTreeMap::from([("app".to_owned(), "a".to_owned()), ("tier".to_owned(), "x".to_owned())]);
        for (text, selected) in [
            ("", true),
            ("app=a", true),
            ("app==b", false),
            ("app!=b", true),
            ("other!=b", true),
            ("app=a,tier in (x, y)", true),
            ("tier notin (x)", false),
            ("app,!canary", true),
            ("!app", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().selects(&labels), selected, "{text}");
        }
        assert_eq!(Selector::parse("tier in x"), None);
    }
}
