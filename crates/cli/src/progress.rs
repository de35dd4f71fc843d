//! Progress on standard error: a line that moves on a terminal, nothing elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far something is that takes a known time.
pub(crate) struct Meter(ProgressBar);

impl Meter {
    /// For something that is called `name` and takes `whole`.
    pub(crate) fn new(name: &'static str, whole: Duration) -> Self {
        let bar = ProgressBar::new(whole.as_secs().max(1));
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {elapsed} of {len}s  {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name);
        Meter(bar)
    }

    /// Shows where it stands.
    pub(crate) fn show(&self, message: &str) {
        self.0.set_position(self.0.elapsed().as_secs());
        self.0.set_message(message.to_owned());
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
