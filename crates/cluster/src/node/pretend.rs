//! A pod that only pretends to run.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::annotations::{Readiness, readiness};
use super::brief::Brief;
use super::kubelet::{Kubelet, Signals};
use super::state::PodState;

/// Says that a pod runs, and is ready or not, until it is deleted.
pub(crate) async fn run(kubelet: Arc<Kubelet>, mut brief: watch::Receiver<Brief>, signals: Signals) {
    let mut pod = brief.borrow_and_update().clone();
    let (began, mut state) = (Instant::now(), PodState::new(&pod.containers));
    state.started_all();
    let mut told = None;
    loop {
        kubelet.usage.pretend(&pod);
        let (ready, again) = match readiness(&pod.annotations) {
            Readiness::Never => (false, None),
            Readiness::After(delay) => (began.elapsed() >= delay, Some(began + delay)),
        };
        if told != Some(ready) {
            state.set_ready_all(ready);
            kubelet.writer.status(&pod, state.status()).await;
            told = Some(ready);
        }
        let due = async {
            match again {
                Some(at) if !ready => tokio::time::sleep_until(at).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signals.stop.cancelled() => break,
            () = kubelet.ending.cancelled() => break,
            changed = brief.changed() => match changed {
                Ok(()) => pod = brief.borrow_and_update().clone(),
                // Deleted, and told so a moment later.
                Err(_) => signals.stop.cancelled().await,
            },
            () = due => {}
        }
    }
    kubelet.usage.remove(&pod.uid);
    kubelet.writer.delete(&pod).await;
}
