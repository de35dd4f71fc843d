//! Ctrl-C, SIGTERM and SIGHUP drain; a Ctrl-C after that ends at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How a run is told to end.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    /// Stop deciding, let the pods finish within their grace, write the report.
    pub drain: CancellationToken,
    /// Kill what still runs, now.
    pub kill: CancellationToken,
}

/// Ties both to SIGINT (Ctrl-C), SIGTERM and SIGHUP of this process, from now on.
///
/// # Errors
/// When a handler cannot be installed.
pub fn stop_on_signals() -> io::Result<Stops> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let stops = stop_on_interrupt()?;
    let drain = stops.drain.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = hang_up.recv() => drain.cancel(),
            () = drain.cancelled() => {}
        }
    });
    Ok(stops)
}

/// The same without SIGHUP, for commands that go on when their terminal is closed under `nohup`.
///
/// # Errors
/// When a handler cannot be installed.
pub fn stop_on_interrupt() -> io::Result<Stops> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stops = Stops::default();
    let theirs = stops.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            // By whatever else has begun to drain it, as SIGHUP.
            () = theirs.drain.cancelled() => {}
        }
        theirs.drain.cancel();
        // Only a person at a terminal is impatient. SIGTERM comes twice from whoever sends it to a process and to its
        // group, as `timeout` does.
        interrupt.recv().await;
        theirs.kill.cancel();
    });
    Ok(stops)
}
