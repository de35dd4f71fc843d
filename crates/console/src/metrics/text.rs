//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

/// A page of metrics under construction.
#[derive(Debug, Default)]
pub(crate) struct Text {
    out: String,
}

/// One family while its samples are added.
pub(crate) struct Family<'a> {
    text: &'a mut Text,
    name: &'static str,
}

impl Text {
    /// Starts a family; everything added to it has this name. A family without samples leaves its head only.
    pub(crate) fn family(&mut self, name: &'static str, kind: &'static str, help: &str) -> Family<'_> {
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: self, name }
    }

    /// The whole page.
    pub(crate) fn finish(self) -> String {
        self.out
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub(crate) fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        self.add_part("", labels, value);
    }

    /// Adds a sample of a histogram, whose name goes on after the family's.
    pub(crate) fn add_part(&mut self, part: &str, labels: &[(&str, &str)], value: f64) {
        let out = &mut self.text.out;
        out.push_str(self.name);
        out.push_str(part);
        for (index, (label, value)) in labels.iter().enumerate() {
            let _ = write!(out, "{}{label}=\"", if index == 0 { '{' } else { ',' });
            for letter in value.chars() {
                match letter {
                    '\\' => out.push_str("\\\\"),
                    '"' => out.push_str("\\\""),
                    '\n' => out.push_str("\\n"),
                    other => out.push(other),
                }
            }
            out.push('"');
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }

    /// Adds a sample where there is a value.
    pub(crate) fn add_known(&mut self, labels: &[(&str, &str)], value: Option<f64>) {
        if let Some(value) = value {
            self.add(labels, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let mut text = Text::default();
        text.family("up", "gauge", "Whether.").add(&[("a", "x\"y\\z\nw"), ("b", "ä")], 1.5);
        assert_eq!(text.finish(), "# HELP up Whether.\n# TYPE up gauge\nup{a=\"x\\\"y\\\\z\\nw\",b=\"ä\"} 1.5\n");
    }
}
