//! The label selector of a question: which ScaledObjects are meant.

use std::fmt;

use super::LABEL;

/// The longest selector that is looked at. A ScaledObject's name has 63 characters.
const LONGEST: usize = 16 * 1024;

/// Whom a selector means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// These, in the order given and each once.
    Named(Vec<String>),
    /// The selector does not say.
    Everyone,
}

/// Why a selector cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadSelector(String);

impl fmt::Display for BadSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "labelSelector: {}; expected {LABEL}=NAME", self.0)
    }
}

/// Reads `a=b`, `a==b` and `a in (b, c)`, apart by commas. Labels other than the one that names the ScaledObject have no
/// meaning, as in KEDA.
///
/// # Errors
/// For everything else that selectors can say, since metrics carry no labels that it could be held against.
pub(super) fn wanted(selector: &str) -> Result<Wanted, BadSelector> {
    if selector.len() > LONGEST {
        return Err(BadSelector(format!("found {} characters", selector.len())));
    }
    let mut named: Option<Vec<String>> = None;
    for requirement in requirements(selector).map(str::trim).filter(|requirement| !requirement.is_empty()) {
        let (label, values) = read(requirement)?;
        if label != LABEL {
            continue;
        }
        named = Some(match named {
            // Requirements hold together.
            Some(before) => before.into_iter().filter(|name| values.contains(name)).collect(),
            None => values,
        });
    }
    Ok(named.map_or(Wanted::Everyone, Wanted::Named))
}

/// The parts between commas that are not within brackets.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    selector.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth <= 0
    })
}

fn read(requirement: &str) -> Result<(&str, Vec<String>), BadSelector> {
    let refused = || BadSelector(format!("found {requirement:?}"));
    if let Some((label, value)) = requirement.split_once('=') {
        if label.ends_with('!') || value.contains(['=', '(', ')', '!']) && !value.starts_with('=') {
            return Err(refused());
        }
        let value = value.strip_prefix('=').unwrap_or(value).trim();
        return if is_label(label.trim()) && is_value(value) {
            Ok((label.trim(), vec![value.to_owned()]))
        } else {
            Err(refused())
        };
    }
    let (label, rest) = requirement.split_once(char::is_whitespace).ok_or_else(refused)?;
    let list = rest.trim().strip_prefix("in").map(str::trim_start).ok_or_else(refused)?;
    let list = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(refused)?;
    let mut values: Vec<String> = Vec::new();
    for value in list.split(',').map(str::trim) {
        if !is_value(value) {
            return Err(refused());
        }
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }
    if is_label(label) { Ok((label, values)) } else { Err(refused()) }
}

fn is_label(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').unwrap_or(("", text));
    is_value(name)
        && !name.is_empty()
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

fn is_value(text: &str) -> bool {
    text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(names: &[&str]) -> Result<Wanted, BadSelector> {
        Ok(Wanted::Named(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    /// API-01, API-02, API-03
    #[test]
    fn the_scaled_object_is_found_by_its_label() {
        for (selector, names) in [
            ("scaledobject.keda.sh/name=orders", &["orders"][..]),
            ("scaledobject.keda.sh/name==orders", &["orders"]),
            (" scaledobject.keda.sh/name = orders ,app=x", &["orders"]),
            ("scaledobject.keda.sh/name in (orders, mail,orders)", &["orders", "mail"]),
            ("scaledobject.keda.sh/name in(orders)", &["orders"]),
            ("scaledobject.keda.sh/name in (a,b),scaledobject.keda.sh/name=b", &["b"]),
            ("scaledobject.keda.sh/name=a,scaledobject.keda.sh/name=b", &[]),
            ("scaledobject.keda.sh/name=", &[""]),
        ] {
            assert_eq!(wanted(selector), named(names), "{selector}");
        }
        for selector in ["", "app=x", " , "] {
            assert_eq!(wanted(selector), Ok(Wanted::Everyone), "{selector:?}");
        }
    }

    #[test]
    fn what_metrics_cannot_be_held_against_is_refused() {
        for selector in [
            "scaledobject.keda.sh/name!=orders",
            "scaledobject.keda.sh/name notin (orders)",
            "scaledobject.keda.sh/name",
            "!scaledobject.keda.sh/name",
            "scaledobject.keda.sh/name>1",
            "scaledobject.keda.sh/name in orders",
            "scaledobject.keda.sh/name in (a",
            "a/b/c=d",
            "scaledobject.keda.sh/name=a=b",
            "scaledobject.keda.sh/name=../etc",
            "=orders",
        ] {
            let error = wanted(selector).unwrap_err().to_string();
            assert!(error.ends_with("expected scaledobject.keda.sh/name=NAME"), "{selector}: {error}");
        }
        assert!(wanted(&"a=b,".repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in ".{0,200}") {
            if let Ok(Wanted::Named(names)) = wanted(&text) {
                prop_assert!(names.iter().all(|name| is_value(name)), "{names:?}");
            }
        }

        #[test]
        fn any_name_is_found(name in "[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?") {
            prop_assert_eq!(wanted(&format!("{LABEL}={name}")), named(&[&name]));
        }
    }
}
