//! `tidegate up`: a folder of manifests, run on this machine.

use std::io::IsTerminal;
use std::sync::Arc;

use tidegate_local::{Progress, ProgressKind, UpError, UpOptions, stop_on_signals};

use crate::args::UpArgs;
use crate::exit::{Done, Failed};
use crate::live;
use crate::output::{line, note};

/// Runs it.
pub(crate) fn run(args: UpArgs) -> Done {
    live::block_on(async {
        let stops = stop_on_signals().map_err(|error| Failed::work(format!("listening for signals: {error}")))?;
        let mut options = UpOptions::new(args.folder, Arc::new(Lines::new()));
        options.run_for = args.run_for;
        options.headless = args.headless;
        options.report = args.report;
        options.console = args.console;
        match tidegate_local::up(options, stops).await {
            Ok(summary) => {
                line(&format!("\n{summary}"))?;
                match summary.incomplete {
                    false => Ok(()),
                    true => Err(Failed::work("what was to be left of the run is not complete; see the problems above")),
                }
            }
            Err(UpError::Manifests(problems)) => Err(Failed::input(format!("nothing was started\n{problems}"))),
            Err(error) => Err(Failed::work(error.to_string())),
        }
    })
}

/// One line a thing that happened, with the time since the start. What a script may want to read (addresses, scaling
/// actions) goes to standard output, the rest to standard error.
struct Lines {
    start: std::time::Instant,
    colour: bool,
}

impl Lines {
    fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Lines { start: std::time::Instant::now(), colour }
    }

    fn painted(&self, kind: ProgressKind, text: &str) -> String {
        let code = match kind {
            ProgressKind::Scaling => "1;36",
            ProgressKind::Warning => "33",
            ProgressKind::Error => "1;31",
            ProgressKind::Notice => "1",
            ProgressKind::Step => "2",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl Progress for Lines {
    fn tell(&self, kind: ProgressKind, text: &str) {
        let word = match kind {
            ProgressKind::Warning => "warning: ",
            ProgressKind::Error => "error: ",
            _ => "",
        };
        let seconds = self.start.elapsed().as_secs();
        let text = self.painted(kind, &format!("{word}{text}"));
        let text = format!("{:>3}:{:02}  {text}", seconds / 60, seconds % 60);
        match kind {
            ProgressKind::Notice | ProgressKind::Scaling => {
                // A reader that has gone away must not end a run that has pods to drain.
                use std::io::Write;
                let _ = writeln!(std::io::stdout().lock(), "{text}");
            }
            _ => note(&text),
        }
    }
}
