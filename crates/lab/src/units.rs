//! k6's way of writing durations (`1m30s`, `500ms`, `1.5h`) and rates (`20/s`).

use std::time::Duration;

/// Reads a duration as k6 and Go write it: a sequence of number and unit out of `h`, `m`, `s`, `ms`, `us`, `ns`
/// (`1m30s`, `0.5s`). A bare number is refused: nobody can tell which unit was meant.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "a duration such as 30s, 1m30s or 500ms";
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(|| EXPECTED.to_owned())?;
        let amount: f64 = rest[..digits].parse().map_err(|_| EXPECTED.to_owned())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += amount * unit_in_seconds(&rest[..end]).ok_or_else(|| EXPECTED.to_owned())?;
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{EXPECTED}, not longer than centuries"))
}

fn unit_in_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "d" => 86_400.0,
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// Writes a duration the way [`parse_duration`] reads it, to the millisecond.
#[must_use]
pub fn format_duration(span: Duration) -> String {
    let millis = span.as_millis();
    let (hours, minutes, seconds, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60, millis % 1000);
    let mut text = String::new();
    for (amount, unit) in [(hours, "h"), (minutes, "m"), (seconds, "s"), (rest, "ms")] {
        if amount > 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads a rate as records per second: `20/s`, `600/m`, `5000/h`, `10/500ms`, or a bare number per second.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    const EXPECTED: &str = "a rate above zero such as 20/s or 600/m";
    let (amount, unit) = text.trim().split_once('/').unwrap_or((text.trim(), "s"));
    let amount: f64 = amount.trim().parse().map_err(|_| EXPECTED.to_owned())?;
    let unit = unit.trim();
    let seconds = match unit_in_seconds(unit) {
        Some(seconds) => seconds,
        None => parse_duration(unit).map_err(|_| EXPECTED.to_owned())?.as_secs_f64(),
    };
    let rate = amount / seconds;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err(EXPECTED.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_k6_writes_them() {
        for (text, millis) in [
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("0s", 0),
            ("2h5m", 7_500_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1x", "1m30", "1..5s", "99999999999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["1m30s", "500ms", "0s", "2h5m", "1h1m1s1ms"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn rates_are_per_second() {
        for (text, rate) in
            [("20/s", 20.0), ("600/m", 10.0), ("3600/h", 1.0), ("10/500ms", 20.0), ("2.5", 2.5), ("1/10s", 0.1)]
        {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
        for text in ["", "/s", "0/s", "-1/s", "5/x", "5/0s", "inf/s", "NaN/s"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
