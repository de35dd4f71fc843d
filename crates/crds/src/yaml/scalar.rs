//! What a plain scalar means. As Kubernetes reads YAML, `yes`, `no`, `on` and `off` are booleans too.

use serde_json::Number;

use crate::node::Scalar;

/// The meaning of an unquoted scalar.
pub(crate) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Scalar::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Scalar::Bool(false),
        _ => number(text).map_or(Scalar::Text, Scalar::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(value) = integer(digits) {
        return match (negative, i64::try_from(value)) {
            (false, _) => Some(value.into()),
            (true, Ok(value)) => Some((-value).into()),
            (true, Err(_)) => None,
        };
    }
    let plain = digits.chars().all(|c| c.is_ascii_digit() || "+-.eE_".contains(c));
    if !plain || !digits.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.replace('_', "").parse().ok().and_then(Number::from_f64)
}

fn integer(digits: &str) -> Option<u64> {
    let digits = digits.replace('_', "");
    let radix = |prefix: &str, radix| digits.strip_prefix(prefix).map(|rest| u64::from_str_radix(rest, radix).ok());
    if let Some(value) = radix("0x", 16).or_else(|| radix("0b", 2)).or_else(|| radix("0o", 8)) {
        return value;
    }
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_words_mean_what_they_mean_in_kubernetes() {
        for (text, value) in [
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("+5", json!(5)),
            ("1_000", json!(1000)),
            ("010", json!(8)),
            ("0x1F", json!(31)),
            ("0.5", json!(0.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("yes", json!(true)),
            ("off", json!(false)),
            ("~", json!(null)),
        ] {
            let found = match resolve(text) {
                Scalar::Null => json!(null),
                Scalar::Bool(value) => json!(value),
                Scalar::Number(value) => json!(value),
                Scalar::Text => json!("text"),
            };
            assert_eq!(found, value, "{text}");
        }
        for text in ["5s", "1.2.3", "-", ".", "1-2", "0xZZ", "2026-01-01", ".nan", "-.inf", "truely", "08:00"] {
            assert_eq!(resolve(text), Scalar::Text, "{text}");
        }
    }
}
