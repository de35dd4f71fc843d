//! Label selectors as text, by the rules of Kubernetes: `app=shop,tier in (web, api),!debug`.

use std::collections::BTreeMap;
use std::fmt;

/// A label selector: all requirements must hold. An empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rule {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Understands a selector.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens { rest: text };
        let mut requirements = Vec::new();
        if tokens.peek().is_none() {
            return Ok(LabelSelector::default());
        }
        loop {
            requirements.push(requirement(&mut tokens)?);
            match tokens.next() {
                None => return Ok(LabelSelector { requirements }),
                Some(",") => {}
                Some(other) => return Err(format!("a comma between requirements where \"{other}\" is")),
            }
        }
    }

    /// Whether an object with these labels is meant.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let number = value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.rule {
                Rule::In(values) => value.is_some_and(|value| values.contains(value)),
                Rule::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Rule::Exists => value.is_some(),
                Rule::Absent => value.is_none(),
                Rule::Above(limit) => number.is_some_and(|number| number > *limit),
                Rule::Below(limit) => number.is_some_and(|number| number < *limit),
            }
        })
    }
}

/// The form that the API server understands.
impl fmt::Display for LabelSelector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Requirement { key, rule }) in self.requirements.iter().enumerate() {
            if place > 0 {
                out.write_str(",")?;
            }
            match rule {
                Rule::In(values) => write!(out, "{key} in ({})", values.join(","))?,
                Rule::NotIn(values) => write!(out, "{key} notin ({})", values.join(","))?,
                Rule::Exists => out.write_str(key)?,
                Rule::Absent => write!(out, "!{key}")?,
                Rule::Above(limit) => write!(out, "{key}>{limit}")?,
                Rule::Below(limit) => write!(out, "{key}<{limit}")?,
            }
        }
        Ok(())
    }
}

/// Words and signs, apart by white space or by each other.
struct Tokens<'a> {
    rest: &'a str,
}

/// Longer signs first.
const SIGNS: [&str; 9] = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"];

impl<'a> Tokens<'a> {
    fn peek(&self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            return rest.get(..sign.len());
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=!,()<>".contains(c)).unwrap_or(rest.len());
        rest.get(..end).filter(|word| !word.is_empty())
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.peek()?;
        self.rest = self.rest.trim_start().get(token.len()..).unwrap_or_default();
        Some(token)
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, String> {
    let absent = tokens.peek() == Some("!");
    if absent {
        tokens.next();
    }
    let key = key(tokens.next())?;
    if absent {
        return Ok(Requirement { key, rule: Rule::Absent });
    }
    let rule = match tokens.peek() {
        None | Some(",") => Rule::Exists,
        Some(operator) => {
            tokens.next();
            match operator {
                "=" | "==" => Rule::In(vec![value(tokens)?]),
                "!=" => Rule::NotIn(vec![value(tokens)?]),
                "in" => Rule::In(values(tokens)?),
                "notin" => Rule::NotIn(values(tokens)?),
                ">" => Rule::Above(number(tokens)?),
                "<" => Rule::Below(number(tokens)?),
                other => return Err(format!("one of = == != in notin > < where \"{other}\" is")),
            }
        }
    };
    Ok(Requirement { key, rule })
}

/// A label's name, with a domain before a slash or without one.
fn key(token: Option<&str>) -> Result<String, String> {
    let Some(key) = token else { return Err("a label's name at the end".to_owned()) };
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let domain = |text: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        !text.is_empty() && text.len() <= 253 && text.chars().all(allowed)
    };
    if name.is_empty() || !is_value(name) || prefix.is_some_and(|prefix| !domain(prefix)) {
        return Err(format!("a label's name where \"{key}\" is"));
    }
    Ok(key.to_owned())
}

/// At most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; may be empty.
fn is_value(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(allowed) && end(text.chars().next()) && end(text.chars().next_back())
}

/// A value; none at all is the empty one.
fn value(tokens: &mut Tokens<'_>) -> Result<String, String> {
    match tokens.peek() {
        None | Some(",") => Ok(String::new()),
        Some(text) if is_value(text) => {
            tokens.next();
            Ok(text.to_owned())
        }
        Some(other) => Err(format!("a label's value where \"{other}\" is")),
    }
}

fn number(tokens: &mut Tokens<'_>) -> Result<i64, String> {
    let text = value(tokens)?;
    text.parse().map_err(|_| format!("a whole number after < or > where \"{text}\" is"))
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    if tokens.next() != Some("(") {
        return Err("a list in parentheses after in or notin".to_owned());
    }
    let mut values = Vec::new();
    loop {
        match tokens.peek() {
            None => return Err("a closing parenthesis".to_owned()),
            Some(",") => {
                tokens.next();
                values.push(String::new());
            }
            Some(")") => {
                tokens.next();
                values.push(String::new());
                break;
            }
            Some(_) => {
                values.push(value(tokens)?);
                match tokens.next() {
                    Some(",") => {}
                    Some(")") => break,
                    _ => return Err("a comma or a closing parenthesis in a list".to_owned()),
                }
            }
        }
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::LabelSelector;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels: BTreeMap<_, _> = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let parsed = LabelSelector::parse(selector).unwrap();
        let again = LabelSelector::parse(&parsed.to_string()).unwrap();
        assert_eq!(again, parsed, "{selector} is written as {parsed}");
        parsed.matches(&labels)
    }

    #[test]
    fn selects_as_kubernetes_does() {
        let labels = [("app", "shop"), ("tier", "web"), ("shop.example/build", "17"), ("blank", "")];
        for (selector, expected) in [
            ("", true),
            ("app=shop", true),
            ("app == shop", true),
            ("app=shop,tier=api", false),
            ("app=shop, tier in (web, api)", true),
            ("tier notin (web,api)", false),
            ("other notin (web)", true),
            ("app!=bar", true),
            ("other != bar", true),
            ("app", true),
            ("!app", false),
            ("! other", true),
            ("shop.example/build>16", true),
            ("shop.example/build<17", false),
            ("app>1", false),
            ("blank=", true),
            ("blank=,app=shop", true),
            ("blank in (,x)", true),
            ("in in (in)", false),
        ] {
            assert_eq!(matches(selector, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (selector, part) in [
            ("app=shop,", "label's name at the end"),
            ("app=shop tier=web", "comma between"),
            ("app in shop", "list in parentheses"),
            ("app in (shop", "closing parenthesis"),
            ("app in (shop web)", "comma or a closing"),
            ("app ~ shop", "one of ="),
            ("=shop", "label's name where"),
            ("-app=shop", "label's name where"),
            ("app=sh@p", "label's value where"),
            ("app>x", "whole number"),
            ("Shop_Example/app", "label's name where"),
        ] {
            let said = LabelSelector::parse(selector).unwrap_err();
            assert!(said.contains(part), "{selector}: {said}");
        }
    }
}
