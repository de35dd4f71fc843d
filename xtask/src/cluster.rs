//! A cluster for a person: stays up in the background until it is taken down.
//!
//! The example `test-cluster` of crate `cluster` owns it. It says that it is ready by writing `target/cluster/kubeconfig`,
//! and runs KEDA as long as there is a file `target/cluster/keda`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{root, run, run_command, say};
use crate::{go, servers};

/// A cluster takes some seconds, on a busy machine a minute.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(100);

/// `cluster up` and `cluster down`.
pub(crate) fn cluster(args: &[String]) -> Result<(), String> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["up"] => up(),
        ["down"] => down(),
        _ => Err("expected `cluster up` or `cluster down`".to_owned()),
    }
}

/// `keda setup`, `keda up`, `keda down` and `keda test`.
pub(crate) fn keda(args: &[String]) -> Result<(), String> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["setup"] => go::keda(),
        ["up"] => {
            go::keda()?;
            up()?;
            fs::write(wanted(), "").map_err(|error| format!("asking for KEDA: {error}"))?;
            let failed = || keda_state().filter(|state| state.starts_with("failed"));
            until("KEDA is up", || keda_state().as_deref() == Some("up") || failed().is_some())?;
            if let Some(problem) = failed() {
                let _ = fs::remove_file(wanted());
                return Err(format!("starting KEDA: {problem}"));
            }
            say("KEDA is up: kubectl get apiservice v1beta1.external.metrics.k8s.io");
            Ok(())
        }
        ["down"] => {
            let _ = fs::remove_file(wanted());
            until("KEDA is down", || keda_state().as_deref() != Some("up"))?;
            say("KEDA is down; its objects are still there");
            Ok(())
        }
        ["test"] => {
            go::keda()?;
            run(&root(), "cargo", &["test", "--workspace", "--test", "it", "--", "--ignored", "keda"])
        }
        _ => Err("expected `keda setup`, `keda up`, `keda down` or `keda test`".to_owned()),
    }
}

fn folder() -> PathBuf {
    root().join("target/cluster")
}

fn kubeconfig() -> PathBuf {
    folder().join("kubeconfig")
}

fn wanted() -> PathBuf {
    folder().join("keda")
}

/// What the program says of KEDA.
fn keda_state() -> Option<String> {
    fs::read_to_string(folder().join("keda.state")).ok().map(|text| text.trim().to_owned())
}

/// The process that owns the cluster, if it runs.
fn owner() -> Option<u32> {
    let pid: u32 = fs::read_to_string(folder().join("pid")).ok()?.trim().parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    String::from_utf8_lossy(&command).contains("test-cluster").then_some(pid)
}

fn up() -> Result<(), String> {
    if owner().is_none() {
        servers::cluster()?;
        // As an example of the whole workspace, so that it shares what the tests have compiled.
        let cargo = ["build", "--quiet", "--workspace", "--example", "test-cluster"];
        run(&root(), "cargo", &cargo)?;
        let mut child = start()?;
        until("the cluster is up", || kubeconfig().exists() || ended(&mut child))?;
        if !kubeconfig().exists() {
            let log = fs::read_to_string(folder().join("log")).unwrap_or_default();
            return Err(format!("the cluster did not come up: {}", log.trim()));
        }
    }
    say("the cluster is up; to use it:");
    say(&format!("export KUBECONFIG={}", kubeconfig().display()));
    Ok(())
}

fn start() -> Result<Child, String> {
    let failed = |error: std::io::Error| format!("starting the cluster in {}: {error}", folder().display());
    // What an earlier one has left.
    let _ = fs::remove_dir_all(folder());
    fs::create_dir_all(folder()).map_err(failed)?;
    let log = File::create(folder().join("log")).map_err(failed)?;
    let mut command = Command::new(root().join("target/debug/examples/test-cluster"));
    command.arg(folder()).stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
    // Not in the way of whoever presses Ctrl-C here.
    let child = command.process_group(0).spawn().map_err(failed)?;
    fs::write(folder().join("pid"), child.id().to_string()).map_err(failed)?;
    Ok(child)
}

fn ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

fn down() -> Result<(), String> {
    let Some(pid) = owner() else {
        say("no cluster is up");
        return Ok(());
    };
    run_command(Command::new("kill").arg(pid.to_string()))?;
    until("the cluster is down", || owner().is_none())?;
    let _ = fs::remove_dir_all(folder());
    Ok(())
}

fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result<(), String> {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > PATIENCE {
            let log = folder().join("log");
            return Err(format!("waited {} s in vain until {what}; see {}", PATIENCE.as_secs(), log.display()));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
