//! One sample of Prometheus's text format.

/// Which series counts: `orders_waiting{queue="north",tier!="test"}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    name: String,
    /// The label, its value, and whether it has to have it or must not.
    labels: Vec<(String, String, bool)>,
}

impl Series {
    /// Understands a selector.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let expected = || "a series as orders_waiting or orders_waiting{queue=\"north\"}".to_owned();
        let mut scanner = Scanner { rest: text.trim() };
        let name = scanner.name();
        let mut series = Series { name: name.to_owned(), labels: Vec::new() };
        scanner.blanks();
        if scanner.take("{") {
            loop {
                scanner.blanks();
                if scanner.take("}") {
                    break;
                }
                let label = scanner.name();
                scanner.blanks();
                if scanner.take("=~") || scanner.take("!~") {
                    return Err("labels compared by = or !=; regular expressions are not available".to_owned());
                }
                let equal = !scanner.take("!=");
                if label.is_empty() || (equal && !scanner.take("=")) {
                    return Err(expected());
                }
                scanner.blanks();
                let value = scanner.quoted().ok_or_else(expected)?;
                if label == "__name__" && equal && series.name.is_empty() {
                    series.name = value;
                } else {
                    series.labels.push((label.to_owned(), value, equal));
                }
                scanner.blanks();
                if !scanner.take(",") && !scanner.rest.starts_with('}') {
                    return Err(expected());
                }
            }
        }
        if series.name.is_empty() || !scanner.rest.trim().is_empty() { Err(expected()) } else { Ok(series) }
    }

    /// The value of the first sample that fits.
    ///
    /// # Errors
    /// When a line cannot be understood, or there is no such sample.
    pub(super) fn value(&self, text: &str) -> Result<f64, String> {
        let mut found = None;
        for (line, number) in text.lines().zip(1_usize..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let sample = Sample::parse(line).ok_or_else(|| {
                format!("line {number} is no sample of Prometheus's text format; check url and format")
            })?;
            if found.is_none() && self.fits(&sample) {
                found = Some(sample.value);
            }
        }
        found.ok_or_else(|| "the answer has no sample that fits valueLocation".to_owned())
    }

    /// A label that is absent has the empty text.
    fn fits(&self, sample: &Sample<'_>) -> bool {
        let value = |label: &str| sample.labels.iter().find(|(name, _)| *name == label).map_or("", |(_, value)| value);
        sample.name == self.name && self.labels.iter().all(|(label, wanted, equal)| (value(label) == wanted) == *equal)
    }
}

/// One line.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: f64,
}

impl<'a> Sample<'a> {
    /// A name, labels, a value, and perhaps a time and an exemplar.
    fn parse(line: &'a str) -> Option<Self> {
        let mut scanner = Scanner { rest: line };
        let name = Some(scanner.name()).filter(|name| !name.is_empty())?;
        scanner.blanks();
        let mut labels = Vec::new();
        if scanner.take("{") {
            loop {
                scanner.blanks();
                if scanner.take("}") {
                    break;
                }
                let label = Some(scanner.name()).filter(|label| !label.is_empty())?;
                scanner.blanks();
                if !scanner.take("=") {
                    return None;
                }
                scanner.blanks();
                labels.push((label, scanner.quoted()?));
                scanner.blanks();
                if !scanner.take(",") && !scanner.rest.starts_with('}') {
                    return None;
                }
            }
        }
        let rest = scanner.rest.split(" # ").next().unwrap_or_default();
        let mut words = rest.split_whitespace();
        let value = words.next()?.parse().ok()?;
        let time_is_sound = words.next().is_none_or(|time| time.parse::<f64>().is_ok());
        (time_is_sound && words.next().is_none()).then_some(Sample { name, labels, value })
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// A name of a metric or a label; empty when there is none.
    fn name(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        self.rest = rest;
        name
    }

    /// A text in quotes, with `\\`, `\"` and `\n` in it.
    fn quoted(&mut self) -> Option<String> {
        let mut letters = self.rest.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => text.push(match letters.next()? {
                    'n' => '\n',
                    letter => letter,
                }),
                letter => text.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Series;

    const TEXT: &str = "# HELP waiting What waits.\n# TYPE waiting gauge\r\nwaiting{queue=\"a\",tier=\"test\"} 1 1395066363000\n\
        waiting{queue=\"b\"}   2.5\nwaiting 3\n\
        path{dir=\"C:\\\\x\\n\\\"y\\\"\"} 4\nbytes 1.5e+03\nlatency_bucket{le=\"+Inf\"} 7 # {trace=\"x\"} 0.5\nlast 8";

    fn value(series: &str) -> Result<f64, String> {
        Series::parse(series).unwrap().value(TEXT)
    }

    #[test]
    fn the_first_sample_that_fits_counts() {
        for (series, expected) in [
            ("waiting", 1.0),
            ("waiting{}", 1.0),
            ("waiting{queue=\"b\"}", 2.5),
            ("waiting{ queue = \"b\" , }", 2.5),
            ("waiting{tier!=\"test\"}", 2.5),
            ("waiting{queue=\"\"}", 3.0),
            ("{__name__=\"waiting\",queue=\"b\"}", 2.5),
            ("path{dir=\"C:\\\\x\\n\\\"y\\\"\"}", 4.0),
            ("bytes", 1500.0),
            ("latency_bucket{le=\"+Inf\"}", 7.0),
            ("last", 8.0),
        ] {
            assert_eq!(value(series), Ok(expected), "{series}");
        }
        assert!(value("waiting{queue=\"c\"}").unwrap_err().contains("no sample"));
        assert!(value("waitin").unwrap_err().contains("no sample"));
    }

    #[test]
    fn what_is_no_series_or_no_text_is_refused() {
        for (series, part) in [
            ("", "a series"),
            ("a.b", "a series"),
            ("a{b}", "a series"),
            ("a{b=c}", "a series"),
            ("a{b=\"c\"", "a series"),
            ("a{b=\"c\" d=\"e\"}", "a series"),
            ("a b", "a series"),
            ("1a", "a series"),
            ("a{b=~\"c\"}", "regular expressions"),
            ("a{b!~\"c\"}", "regular expressions"),
        ] {
            let said = Series::parse(series).unwrap_err();
            assert!(said.contains(part), "{series}: {said}");
        }
        for text in ["<html>", "a", "a x", "a 1 x", "a 1 2 3", "a{b=\"c} 1", "a{b} 1"] {
            let said = Series::parse("a").unwrap().value(text).unwrap_err();
            assert!(said.contains("line 1 is no sample"), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(selector in r#"[a-z{}="~!,\\ ]{0,20}"#, text in r#"[a-z{}="\\,#0-9 .eE+\n-]{0,60}"#) {
            if let Ok(series) = Series::parse(&selector) {
                let _ = series.value(&text);
            }
        }

        #[test]
        fn what_is_written_is_read(value in any::<f64>().prop_filter("finite", |value| value.is_finite()), label in ".{0,8}") {
            let escaped = label.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            prop_assume!(!label.contains(['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']));
            let text = format!("other 1\nmetric{{label=\"{escaped}\"}} {value}\n");
            let series = Series::parse(&format!("metric{{label=\"{escaped}\"}}")).unwrap();
            prop_assert_eq!(series.value(&text), Ok(value));
        }
    }
}
