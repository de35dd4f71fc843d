//! Reads a Scenario's JSON with everything that is wrong, not only the first.

use serde_json::Value;

use super::Scenario;

/// Something wrong in a Scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Its path from the object's root, as `spec.load[0].stages[1].duration`.
    pub field: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl std::fmt::Display for FieldProblem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: found {}, expected {}", self.field, self.found, self.expected)
    }
}

pub(super) fn scenario(_spec: &Value) -> Result<Scenario, Vec<FieldProblem>> {
    Err(Vec::new())
}
