//! A cluster for a person, started and ended by `cargo xtask cluster`. Its argument is a folder: `kubeconfig` appears in it
//! when the cluster is up; as long as there is a file `keda` in it, KEDA runs, and `keda.state` says how it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tidegate_cluster::keda::{Keda, KedaOptions};
use tidegate_cluster::{Cluster, ClusterOptions, Error};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Between two looks for the file `keda`.
const LOOK: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return failed("expected a folder; a person runs `cargo xtask cluster up`");
    };
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return failed("signals cannot be heard");
    };
    let started = tokio::select! {
        started = Cluster::start(ClusterOptions::default()) => started,
        () = either(&mut interrupt, &mut terminate) => return ExitCode::SUCCESS,
    };
    let cluster = match started {
        Ok(cluster) => cluster,
        Err(error) => return failed(&error.to_string()),
    };
    let shown = publish(&cluster, &folder);
    if shown.is_ok() {
        tokio::select! {
            () = attend_keda(&cluster, &folder) => {}
            () = either(&mut interrupt, &mut terminate) => {}
        }
    }
    cluster.stop().await;
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("writing into {}: {error}", folder.display())),
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Written elsewhere and moved, so that nobody reads half of it.
fn publish(cluster: &Cluster, folder: &Path) -> std::io::Result<()> {
    let new = folder.join("kubeconfig.new");
    fs::copy(cluster.kubeconfig(), &new)?;
    fs::rename(new, folder.join("kubeconfig"))
}

/// Starts and ends KEDA as the file asks for.
async fn attend_keda(cluster: &Cluster, folder: &Path) {
    let (wanted, state) = (folder.join("keda"), folder.join("keda.state"));
    let tell = |text: &str| {
        if let Err(error) = fs::write(&state, text) {
            failed(&format!("writing {}: {error}", state.display()));
        }
    };
    let mut running: Option<Result<Keda, Error>> = None;
    loop {
        match (&running, wanted.exists()) {
            (None, true) => {
                let started = Keda::start(cluster, &KedaOptions::default()).await;
                match &started {
                    Ok(_) => tell("up"),
                    Err(error) => tell(&format!("failed: {error}")),
                }
                running = Some(started);
            }
            (Some(started), false) => {
                if let Ok(keda) = started {
                    keda.uninstall().await;
                }
                running = None;
                tell("down");
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program's own output")]
fn failed(message: &str) -> ExitCode {
    eprintln!("test-cluster: {message}");
    ExitCode::FAILURE
}
