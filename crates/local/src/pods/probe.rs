//! Readiness probes, with the kubelet's thresholds.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tidegate_crds::SecretText;
use tidegate_crds::env::Environment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::template::{Probe, ProbeAction};
use crate::processes::signal_group;

/// What a probe's command is run with: the container's own.
#[derive(Clone, Debug)]
pub(crate) struct ExecContext {
    pub(crate) env: Environment,
    pub(crate) folder: PathBuf,
}

/// Probes for ever and calls `told` with each change of readiness. Starts from not ready.
pub(crate) async fn watch(probe: &Probe, context: &ExecContext, mut told: impl FnMut(bool, &str)) {
    tokio::time::sleep(probe.initial_delay).await;
    let (mut ready, mut in_a_row, mut last) = (false, 0, false);
    loop {
        let outcome = once(probe, context).await;
        let passed = outcome.is_ok();
        in_a_row = if passed == last { in_a_row + 1 } else { 1 };
        last = passed;
        let enough = if passed { probe.success_threshold } else { probe.failure_threshold };
        if passed != ready && in_a_row >= enough {
            ready = passed;
            told(ready, outcome.as_ref().err().map_or("", String::as_str));
        }
        tokio::time::sleep(probe.period).await;
    }
}

/// Probes once; the error says what was found.
pub(crate) async fn once(probe: &Probe, context: &ExecContext) -> Result<(), String> {
    match &probe.action {
        ProbeAction::Exec(command) => exec(command, context, probe.timeout).await,
        ProbeAction::HttpGet { host, port, path, headers } => {
            let answer = tokio::time::timeout(probe.timeout, http_get(host, *port, path, headers)).await;
            answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", probe.timeout)))
        }
        ProbeAction::Tcp { host, port } => {
            let stream = tokio::time::timeout(probe.timeout, TcpStream::connect((host.as_str(), *port))).await;
            match stream {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no connection within {:?}", probe.timeout)),
            }
        }
    }
}

/// Runs a command of the container; also used for `preStop`.
pub(crate) async fn exec(command: &[String], context: &ExecContext, timeout: Duration) -> Result<(), String> {
    let path = context.env.get("PATH").map(SecretText::expose);
    let (name, args) = command.split_first().ok_or("the command is empty")?;
    let program = super::program::find(name, path, &context.folder)?;
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .envs(context.env.iter().map(|(name, value)| (name, value.expose())))
        .current_dir(&context.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok());
    match tokio::time::timeout(timeout, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            if let Some(group) = group {
                signal_group(group, Signal::SIGKILL);
            }
            Err(format!("did not end within {timeout:?}"))
        }
    }
}

async fn http_get(host: &str, port: u16, path: &str, headers: &[(String, String)]) -> Result<(), String> {
    let mut stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\nUser-Agent: tidegate-probe\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: {host}:{port}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    // "HTTP/1.1 200" is all that matters.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.map_err(|error| format!("the answer is no HTTP: {error}"))?;
    let status = std::str::from_utf8(&start).ok().and_then(|text| text.strip_prefix("HTTP/1."));
    let status: u16 = status
        .and_then(|text| text.get(2..)?.parse().ok())
        .ok_or_else(|| format!("the answer is no HTTP: it starts with {:?}", String::from_utf8_lossy(&start)))?;
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("status {status}")) }
}
