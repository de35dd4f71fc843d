//! Kubernetes quantities (`500m`, `0.05`, `1Gi`) and durations (`30s`, `1m30s`).

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A quantity as written: a number, or text such as `500m`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrText {
    /// `1` or `0.5`.
    Number(f64),
    /// `"500m"`.
    Text(String),
}

impl IntOrText {
    /// The amount. `None` if the text is no quantity.
    #[must_use]
    pub fn amount(&self) -> Option<f64> {
        match self {
            IntOrText::Number(amount) => Some(*amount),
            IntOrText::Text(text) => quantity(text),
        }
    }
}

impl JsonSchema for IntOrText {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true})
    }
}

/// The suffixes of quantities and what they multiply by.
const SUFFIXES: [(&str, f64); 16] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// Reads a Kubernetes quantity: a decimal number with an optional suffix (`n u m k M G T P E`, `Ki Mi Gi Ti Pi Ei`) or
/// exponent. `None` if it is not one.
#[must_use]
pub fn quantity(text: &str) -> Option<f64> {
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|number| (number, *factor)))
        .unwrap_or((text, 1.0));
    let plain = number.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    if !plain || !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let amount = number.parse::<f64>().ok()?;
    // Dividing keeps decimal fractions exact: 50m is 0.05 and not 0.05000000000000001.
    let amount = if factor < 1.0 { amount / factor.recip().round() } else { amount * factor };
    amount.is_finite().then_some(amount)
}

/// Reads a duration: Go's form (`1m30s`, `500ms`, `1.5h`), or a plain number of seconds. `None` if it is neither, or
/// negative.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = after;
    }
    // To whole microseconds, so that 0.1 s three times is 300 ms and not one nanosecond less.
    Duration::try_from_secs_f64((total * 1e6).round() / 1e6).ok()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, amount) in [
            ("0.05", 0.05),
            ("50m", 0.05),
            ("1", 1.0),
            (".5", 0.5),
            ("2k", 2000.0),
            ("1Ki", 1024.0),
            ("1e3", 1000.0),
            ("+3", 3.0),
        ] {
            assert_eq!(quantity(text), Some(amount), "{text}");
        }
        for text in ["", "m", "5%", "abc", "1 Gi", "NaN", "inf", "0x10", "--1"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, millis) in [("30", 30_000), ("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-5s", "5 s", "5x", "1m5", "1..5s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
