//! Paths into JSON, by the rules of the path language that KEDA's manifests use (GJSON), without what makes new values:
//! keys apart by dots, `\` escapes, `*` and `?`, places in lists, `#`, `#(query)`, `#(query)#`, `|`.

mod query;

use std::borrow::Cow;

use serde_json::{Map, Value};

use query::Query;

/// Longer paths are no paths of people.
const LONGEST: usize = 1024;
/// Paths inside queries inside paths: deeper ones are no paths of people either.
const DEEPEST: usize = 4;

/// A path that is understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    steps: Vec<Step>,
    /// Whether what stands alone counts as a list of one, as in XML, where nobody can tell.
    lists_of_one: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    kind: Kind,
    /// Goes on with the result as a whole, not with each element.
    piped: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Key(Pattern),
    Each,
    First(Query),
    All(Query),
}

/// A key, or a text with wildcards.
#[derive(Clone, Debug, PartialEq)]
struct Pattern(Vec<Letter>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Letter {
    One(char),
    Any,
    Many,
}

impl Path {
    /// Understands a path.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("a path of at most {LONGEST} characters"));
        }
        Ok(Path { steps: steps(text, 0)?, lists_of_one: false })
    }

    /// The same path, in whose values what stands alone counts as a list of one.
    pub(super) fn with_lists_of_one(mut self) -> Self {
        self.lists_of_one = true;
        self
    }

    /// What is at the path.
    pub(super) fn find<'a>(&self, value: &'a Value) -> Option<Cow<'a, Value>> {
        walk(Cow::Borrowed(value), &self.steps, self.lists_of_one)
    }
}

fn steps(text: &str, depth: usize) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut rest, mut piped) = (text, false);
    loop {
        let (kind, after) = step(rest, depth)?;
        steps.push(Step { kind, piped });
        let mut letters = after.chars();
        match letters.next() {
            None => return Ok(steps),
            Some(sign) => piped = sign == '|',
        }
        rest = letters.as_str();
        if rest.is_empty() {
            return Err("a key after the last . or |".to_owned());
        }
    }
}

/// One step, and what comes after it: nothing, or text that begins with a dot or a bar.
fn step(text: &str, depth: usize) -> Result<(Kind, &str), String> {
    match text.chars().next() {
        Some('@') => return Err("a path without modifiers (@...)".to_owned()),
        Some('{' | '[') => return Err("a path that makes no new objects or lists ({...}, [...])".to_owned()),
        Some('!') => return Err("a path without literals (!...)".to_owned()),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("#(").or_else(|| text.strip_prefix("#[")) {
        if depth >= DEEPEST {
            return Err(format!("queries in at most {DEEPEST} levels"));
        }
        let end = closing(rest).ok_or("a ) at the end of the query")?;
        let (inner, after) = rest.split_at(end);
        let after = after.get(1..).unwrap_or_default();
        let query = Query::parse(inner, depth)?;
        return match after.strip_prefix('#') {
            Some(after) => ended(Kind::All(query), after),
            None => ended(Kind::First(query), after),
        };
    }
    if let Some(after) = text.strip_prefix('#')
        && (after.is_empty() || after.starts_with(['.', '|']))
    {
        return Ok((Kind::Each, after));
    }
    let (pattern, after) = key(text)?;
    Ok((Kind::Key(pattern), after))
}

fn ended(kind: Kind, after: &str) -> Result<(Kind, &str), String> {
    if after.is_empty() || after.starts_with(['.', '|']) {
        Ok((kind, after))
    } else {
        Err("a . or | after the ) of a query".to_owned())
    }
}

/// Where the bracket that is open before `text` closes.
fn closing(text: &str) -> Option<usize> {
    let (mut open, mut quoted, mut escaped) = (1_u32, false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => open += 1,
            ')' | ']' if !quoted => {
                open -= 1;
                if open == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

fn key(text: &str) -> Result<(Pattern, &str), String> {
    let mut letters = Vec::new();
    let mut rest = text.char_indices();
    while let Some((place, letter)) = rest.next() {
        match letter {
            '.' | '|' if letters.is_empty() => break,
            '.' | '|' => return Ok((Pattern(letters), text.get(place..).unwrap_or_default())),
            '\\' => {
                let (_, letter) = rest.next().ok_or("a character after the last \\")?;
                letters.push(Letter::One(letter));
            }
            '*' => letters.push(Letter::Many),
            '?' => letters.push(Letter::Any),
            letter => letters.push(Letter::One(letter)),
        }
    }
    if letters.is_empty() { Err("a key between dots".to_owned()) } else { Ok((Pattern(letters), "")) }
}

impl Pattern {
    fn parse(text: &str) -> Self {
        Pattern(
            text.chars()
                .map(|letter| match letter {
                    '*' => Letter::Many,
                    '?' => Letter::Any,
                    letter => Letter::One(letter),
                })
                .collect(),
        )
    }

    fn plain(&self) -> Option<String> {
        let letter = |letter: &Letter| if let Letter::One(letter) = letter { Some(*letter) } else { None };
        self.0.iter().map(letter).collect()
    }

    /// Goes back to the last star only, so the time is bounded by the product of both lengths.
    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut place) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while place < text.len() {
            match self.0.get(at) {
                Some(Letter::Many) => {
                    star = Some((at, place));
                    at += 1;
                }
                Some(Letter::One(letter)) if text.get(place) == Some(letter) => (at, place) = (at + 1, place + 1),
                Some(Letter::Any) => (at, place) = (at + 1, place + 1),
                _ => match star {
                    Some((before, from)) => {
                        star = Some((before, from + 1));
                        (at, place) = (before + 1, from + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0.iter().skip(at).all(|letter| *letter == Letter::Many)
    }

    fn of_object<'a>(&self, object: &'a Map<String, Value>) -> Option<&'a Value> {
        match self.plain() {
            Some(key) => object.get(&key),
            None => object.iter().find(|(key, _)| self.matches(key)).map(|(_, value)| value),
        }
    }

    fn place(&self) -> Option<usize> {
        self.plain().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    }
}

/// Goes one step down without a copy where the value is borrowed.
fn down<'a>(value: Cow<'a, Value>, of: impl FnOnce(&Value) -> Option<&Value>) -> Option<Cow<'a, Value>>
where
{
    match value {
        Cow::Borrowed(value) => borrowed(value, of),
        Cow::Owned(value) => of(&value).cloned().map(Cow::Owned),
    }
}

fn borrowed<'a>(value: &'a Value, of: impl FnOnce(&Value) -> Option<&Value>) -> Option<Cow<'a, Value>> {
    of(value).map(Cow::Borrowed)
}

fn walk<'a>(value: Cow<'a, Value>, steps: &[Step], lists_of_one: bool) -> Option<Cow<'a, Value>> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match &step.kind {
        Kind::Key(pattern) => {
            let next = down(value, |value| match value {
                Value::Object(object) => pattern.of_object(object).or_else(|| {
                    // The only element of what might have been a list.
                    (lists_of_one && pattern.place() == Some(0)).then_some(value)
                }),
                Value::Array(list) => list.get(pattern.place()?),
                _ if lists_of_one && pattern.place() == Some(0) => Some(value),
                _ => None,
            })?;
            walk(next, rest, lists_of_one)
        }
        Kind::Each => {
            let list = list(&value, lists_of_one)?;
            if rest.is_empty() {
                return Some(Cow::Owned(Value::from(list.len())));
            }
            if rest.first().is_some_and(|next| next.piped) {
                return walk(Cow::Owned(Value::from(list.len())), rest, lists_of_one);
            }
            each(&list, rest, lists_of_one)
        }
        Kind::First(query) => {
            let list = list(&value, lists_of_one)?;
            let found = list.iter().find(|element| query.fits(element, lists_of_one))?;
            walk(Cow::Owned((*found).clone()), rest, lists_of_one)
        }
        Kind::All(query) => {
            let list = list(&value, lists_of_one)?;
            let found: Vec<&Value> = list.iter().copied().filter(|element| query.fits(element, lists_of_one)).collect();
            if rest.first().is_none_or(|next| next.piped) {
                return walk(Cow::Owned(found.into_iter().cloned().collect()), rest, lists_of_one);
            }
            each(&found, rest, lists_of_one)
        }
    }
}

fn list(value: &Value, lists_of_one: bool) -> Option<Vec<&Value>> {
    match value {
        Value::Array(list) => Some(list.iter().collect()),
        other if lists_of_one => Some(vec![other]),
        _ => None,
    }
}

/// The rest of the path in each element, up to the next bar, which takes all results together.
fn each<'a>(list: &[&Value], rest: &[Step], lists_of_one: bool) -> Option<Cow<'a, Value>> {
    let bar = rest.iter().skip(1).position(|step| step.piped).map_or(rest.len(), |place| place + 1);
    let (inner, after) = rest.split_at(bar);
    let found = list.iter().filter_map(|element| walk(Cow::Borrowed(element), inner, lists_of_one));
    let found: Value = found.map(Cow::into_owned).collect();
    walk(Cow::Owned(found), after, lists_of_one)
}

#[cfg(test)]
mod tests;
