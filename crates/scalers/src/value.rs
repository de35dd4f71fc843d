//! Conversions from a parameter's text, by the rules that KEDA's manifests rely on: what JSON takes as a number, what
//! Go takes as a boolean and as a duration, and lists, ranges and pairs apart by commas.

use std::time::Duration;

use indexmap::IndexMap;

use crate::parameter::Kind;
use crate::secret::Secret;

/// A type that a parameter's text can become. The text is trimmed and not empty.
pub(crate) trait Value: Sized {
    /// For the schema and the page.
    const KIND: Kind;
    /// Whether absence is fine.
    const OPTIONAL: bool = false;
    /// The only texts allowed.
    const CHOICES: &'static [&'static str] = &[];

    /// The value, or what was expected instead; never the text itself, which may be a secret.
    fn parse(text: &str) -> Result<Self, String>;

    /// What absence means, where it is fine.
    fn absent() -> Option<Self> {
        None
    }

    /// The number, where it is one, for the declared limits.
    fn number(&self) -> Option<f64> {
        None
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for Secret {
    const KIND: Kind = Kind::Secret;
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Secret::new(text))
    }
}

impl Value for i64 {
    const KIND: Kind = Kind::Integer;
    fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|_| "a whole number, as 10".to_owned())
    }
    #[allow(clippy::cast_precision_loss, reason = "limits are small numbers")]
    fn number(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl Value for f64 {
    const KIND: Kind = Kind::Number;
    fn parse(text: &str) -> Result<Self, String> {
        let number: Result<f64, _> = serde_json::from_str(text);
        number.ok().filter(|number| number.is_finite()).ok_or_else(|| "a number, as 0.5 or 10".to_owned())
    }
    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err("true or false".to_owned()),
        }
    }
}

impl Value for Duration {
    const KIND: Kind = Kind::Duration;
    fn parse(text: &str) -> Result<Self, String> {
        let millis = text.parse::<u64>().ok().map(Duration::from_millis);
        millis
            .or_else(|| go_duration(text))
            .ok_or_else(|| "a duration, as 30s, 1m30s, or 500 for milliseconds".to_owned())
    }
    fn number(&self) -> Option<f64> {
        Some(self.as_secs_f64())
    }
}

/// A list whose pieces are trimmed; a piece that its type refuses is refused with the list.
impl<T: Value> Value for Vec<T> {
    const KIND: Kind = Kind::List;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(|piece| T::parse(piece.trim())).collect::<Result<_, _>>().map_err(|expected| {
            if T::CHOICES.is_empty() { format!("a list of values apart by commas, each {expected}") } else { expected }
        })
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(Value::number)
    }
}

/// Whole numbers, written one by one or as ranges `a-b` with both ends included.
#[allow(dead_code, reason = "declared by triggers that select partitions or shards")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(pub(crate) Vec<i32>);

impl Value for Ranges {
    const KIND: Kind = Kind::Ranges;
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "whole numbers and ranges apart by commas, as 1,2,5-7".to_owned();
        let number = |text: &str| -> Result<i32, String> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or_else(expected)
        };
        let mut numbers = Vec::new();
        for piece in text.split(',').map(str::trim) {
            match piece.split_once('-') {
                None => numbers.push(number(piece)?),
                Some((first, last)) => {
                    let (first, last) = (number(first.trim())?, number(last.trim())?);
                    if first > last {
                        return Err("ranges whose first number is not above the last, as 5-7".to_owned());
                    }
                    if i64::from(last) - i64::from(first) > 100_000 {
                        return Err("ranges of at most 100000 numbers".to_owned());
                    }
                    numbers.extend(first..=last);
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Ranges(numbers))
    }
}

/// Pairs `key=value` in the order given; the last of equal keys wins. Values may be credentials, so they are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) IndexMap<String, Secret>);

impl Value for Pairs {
    const KIND: Kind = Kind::Pairs;
    fn parse(text: &str) -> Result<Self, String> {
        let mut pairs = IndexMap::new();
        for piece in text.split(',') {
            let (key, value) = piece
                .split_once('=')
                .filter(|(key, value)| !key.trim().is_empty() && !value.contains('='))
                .ok_or_else(|| "pairs key=value apart by commas, with exactly one = in each".to_owned())?;
            pairs.insert(key.trim().to_owned(), Secret::new(value.trim()));
        }
        Ok(Pairs(pairs))
    }
}

/// Go's duration syntax without a sign: numbers with units, as `1h15m30.918s`.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut nanos = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = &rest[..digits];
        let amount: f64 = Some(number).filter(|number| number.bytes().any(|b| b.is_ascii_digit()))?.parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        nanos += amount
            * match &rest[..unit] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(nanos / 1e9).ok()).flatten()
}

/// The words of an error for a text outside the few allowed.
pub(crate) fn one_of(choices: &[&str]) -> String {
    format!("one of {}", choices.join(", "))
}

#[cfg(test)]
mod tests;
