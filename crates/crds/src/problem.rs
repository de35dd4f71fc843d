//! What is wrong with a manifest, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Whether a problem stops the manifest from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Allowed, but likely not what was meant.
    Warning,
    /// The manifest cannot be used.
    Error,
}

/// One thing wrong with, or suspicious about, a manifest.
///
/// `Display` gives one line: `file:line:column: Kind namespace/name: field: found X, expected Y; message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The file as it was named to [`parse`](crate::parse). Empty for an object that came from no file.
    pub file: Arc<str>,
    /// From 1. 0 where no line is known.
    pub line: u32,
    /// In characters, from 1. 0 where no column is known.
    pub column: u32,
    /// The object as `Kind namespace/name`, where it is known.
    pub object: Option<String>,
    /// The field's path, as `spec.triggers[0].metadata.lagThreshold`. Empty for the object or file as a whole.
    pub field: String,
    /// What was there. Empty where `message` says all.
    pub found: String,
    /// What should have been there. Empty where `message` says all.
    pub expected: String,
    /// What is wrong and what to do, beside `found` and `expected`.
    pub message: String,
}

impl Problem {
    /// Whether this stops the manifest from being used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Whether `other` is about the same field of the same object, a part of it, or what it is a part of.
    #[must_use]
    pub fn concerns(&self, other: &Problem) -> bool {
        let holds = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.object == other.object && (holds(&self.field, &other.field) || holds(&other.field, &self.field))
    }

    /// The problem without its place: `found X, expected Y; message`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        if !self.found.is_empty() {
            parts.push(format!("found {}", self.found));
        }
        if !self.expected.is_empty() {
            parts.push(format!("expected {}", self.expected));
        }
        let mut text = parts.join(", ");
        if !self.message.is_empty() {
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(&self.message);
        }
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(out, "{}:", self.file)?;
            if self.line > 0 {
                write!(out, "{}:{}:", self.line, self.column)?;
            }
            out.write_str(" ")?;
        }
        if self.severity == Severity::Warning {
            out.write_str("warning: ")?;
        }
        if let Some(object) = &self.object {
            write!(out, "{object}: ")?;
        }
        if !self.field.is_empty() {
            write!(out, "{}: ", self.field)?;
        }
        out.write_str(&self.text())
    }
}

/// Whether any of `problems` is an error.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(Problem::is_error)
}
