//! Ends what descends from pods that are gone: daemons that left their pod's process group.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use tidegate_local::processes;
use tokio::sync::Notify;

use super::kubelet::Kubelet;

/// Many pods often go together.
const DELAY: Duration = Duration::from_millis(200);

/// Tells pods from the cluster's own servers.
const PREFIX: &str = "pod-";

/// The mark of a pod's processes.
pub(crate) fn mark(uid: &str) -> String {
    format!("{PREFIX}{uid}")
}

/// Which pods have processes.
#[derive(Debug)]
pub(crate) struct Sweeps {
    state: PathBuf,
    alive: Mutex<HashSet<String>>,
    due: Notify,
}

impl Sweeps {
    pub(crate) fn new(state: PathBuf) -> Sweeps {
        Sweeps { state, alive: Mutex::default(), due: Notify::new() }
    }

    pub(crate) fn began(&self, uid: &str) {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).insert(mark(uid));
    }

    pub(crate) fn ended(&self, uid: &str) {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).remove(&mark(uid));
        self.due.notify_one();
    }

    fn sweep(&self) {
        let found = processes::of_run(&self.state);
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        for (process, mark) in found {
            if mark.starts_with(PREFIX) && !alive.contains(&mark) {
                process.signal(Signal::SIGKILL);
            }
        }
    }
}

/// Sweeps soon after pods have ended, for ever.
pub(crate) async fn run(kubelet: Arc<Kubelet>) {
    loop {
        kubelet.sweeps.due.notified().await;
        tokio::time::sleep(DELAY).await;
        let me = Arc::clone(&kubelet);
        let _ = tokio::task::spawn_blocking(move || me.sweeps.sweep()).await;
    }
}
