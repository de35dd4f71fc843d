//! `tidegate decide`: one decision from a case.

use tidegate_engine::Record;

use crate::exit::Failed;

/// The records of all cases in a text.
pub(crate) fn records(name: &str, _text: &str) -> Result<Vec<Record>, Failed> {
    Err(Failed::input(format!("{name}: found no records of decisions")))
}
