//! The samples of a run, sent on to a Prometheus while it goes.

use std::sync::Arc;
use std::time::Duration;

use tidegate_lab::remote_write;
use tidegate_lab::report::Collector;
use tidegate_lab::scenario::RemoteWriteSpec;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the last samples may take at the end; a receiver that is gone must not hold up the report.
const LAST: Duration = Duration::from_secs(5);

/// Sends until it is ended.
pub(super) struct Sending {
    stop: CancellationToken,
    task: JoinHandle<Result<(), String>>,
}

impl Sending {
    /// Starts to send what `collector` hears.
    pub(super) fn start(spec: RemoteWriteSpec, collector: Arc<Collector>) -> Sending {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            remote_write::run(&spec, &collector, stopping).await.map_err(|error| error.to_string())
        });
        Sending { stop, task }
    }

    /// Sends the rest. Gives back what went wrong.
    pub(super) async fn end(mut self) -> Option<String> {
        self.stop.cancel();
        match tokio::time::timeout(LAST, &mut self.task).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(problem))) => Some(problem),
            Ok(Err(error)) => Some(format!("sending samples broke off: {error}; please report it")),
            Err(_) => {
                self.task.abort();
                Some(format!("the last samples could not be sent within {} s", LAST.as_secs()))
            }
        }
    }
}
