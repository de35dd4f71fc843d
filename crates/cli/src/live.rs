//! What commands that run for a while share: an async runtime, signals, logging.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::exit::{Done, Failed};

/// Runs a future to its end. Two threads are enough: what Tidegate waits for is elsewhere.
pub(crate) fn block_on(work: impl Future<Output = Done>) -> Done {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failed::work(format!("starting the async runtime: {error}")))?
        .block_on(work)
}

/// Cancelled by the first SIGINT or SIGTERM; a SIGINT after that ends the process at once.
pub(crate) fn stop_on_signal() -> Result<CancellationToken, Failed> {
    let stops =
        tidegate_local::stop_on_interrupt().map_err(|error| Failed::work(format!("listening for signals: {error}")))?;
    tokio::spawn(async move {
        stops.kill.cancelled().await;
        std::process::exit(130);
    });
    Ok(stops.drain)
}

/// Logs go to standard error; nothing below a warning unless asked for.
pub(crate) fn log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info,rdkafka=warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("TIDEGATE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init();
}

/// Logs as an operator does: to standard error, at a level or by a filter, as text or as JSON.
///
/// # Errors
/// A level or filter that is not understood.
pub(crate) fn log_as_asked(level: &str, json: bool) -> Result<(), String> {
    // What zap calls a level beyond debug is a number; there is nothing beyond debug here.
    let level = if level.parse::<u8>().is_ok() { "debug" } else { level };
    let filter = match std::env::var("TIDEGATE_LOG") {
        Ok(filter) => filter,
        Err(_) if matches!(level, "error" | "warn" | "info" | "debug" | "trace") => {
            format!(
                "{level},rdkafka=warn,hyper=warn,h2=warn,tower=warn,rustls=warn,kube_client=warn,kube_runtime=error"
            )
        }
        Err(_) => level.to_owned(),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        format!("--zap-log-level: found {level:?}, expected error, info, debug or a filter: {error}")
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    let _ = if json { logs.json().flatten_event(true).try_init() } else { logs.try_init() };
    Ok(())
}
