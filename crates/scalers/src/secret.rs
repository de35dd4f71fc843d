//! Values that must not be shown.

use std::fmt;

use zeroize::Zeroizing;

/// A credential or anything that may hold one. It has no `Display`, its `Debug` shows nothing, and it is wiped when
/// dropped; only [`Secret::expose`] gives the text, so a search for that word finds every use.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[secret]")
    }
}
