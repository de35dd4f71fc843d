//! Writes statuses: only what changed, a little after it changed so that several changes go together, no faster than the
//! API server likes, and only while this process leads.
//!
//! `lastActiveTime` would change with every reading of every active object. It goes with whatever else is written (going
//! inactive is such a change), and by itself at [`REFRESHES_PER_SECOND`] over all objects, the most outdated first. That
//! loses nothing at a restart: an object whose condition says that it is active is taken to have been active until then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt};
use tidegate_engine::{TargetId, Timestamp};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::desired::{Parts, desired};
use super::findings::Findings;
use super::{ReconcilePart, Status, patch};
use crate::bucket::Bucket;
use crate::call::call;
use crate::jitter::jitter;
use crate::lane::Lane;
use crate::leadership::Leading;
use crate::watches::{HpaScaling, Index, scaled_object_resource};

/// Who is named as the writer of fields.
pub(crate) const FIELD_MANAGER: &str = "tidegate";

/// What changes within this time goes together. A reconcile and the first reading after it usually do.
const GATHER: Duration = Duration::from_millis(300);
/// Writes at the same time.
const AT_ONCE: usize = 8;
/// A start with a thousand objects, and an outage of a source that all of them share.
const BURST: f64 = 400.0;
const WRITES_PER_SECOND: f64 = 50.0;
/// Of `lastActiveTime` alone, over all objects.
const REFRESHES_PER_SECOND: f64 = 0.5;
/// An object's `lastActiveTime` is left alone until it is so much behind.
const OUTDATED: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The way in. Cheap to clone; clones share.
#[derive(Clone)]
pub(crate) struct StatusWriter {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    index: Index,
    leading: Leading,
    lane: Lane,
    slots: Mutex<HashMap<TargetId, Slot>>,
    dirty: mpsc::UnboundedSender<TargetId>,
    bucket: Mutex<Bucket>,
    permits: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct Slot {
    parts: Parts,
    /// The workload's count before anything was done to it.
    first_count: Option<i32>,
    /// Nothing is to be written about this object.
    silent: bool,
    queued: bool,
    /// Held while it is written, so that an older status never overtakes a newer one.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for StatusWriter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("StatusWriter").finish_non_exhaustive()
    }
}

impl StatusWriter {
    /// Starts to write.
    pub(crate) fn start(client: Client, index: Index, leading: Leading, lane: Lane) -> StatusWriter {
        let (dirty, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            client,
            index,
            leading,
            lane,
            slots: Mutex::default(),
            dirty,
            bucket: Mutex::new(Bucket::new(BURST, WRITES_PER_SECOND, Instant::now())),
            permits: Semaphore::new(AT_ONCE),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let writer = StatusWriter { shared: Arc::clone(&shared) };
        shared.tasks.spawn(shared.stop.clone().run_until_cancelled_owned(writer.clone().take_turns(queue)));
        shared.tasks.spawn(shared.stop.clone().run_until_cancelled_owned(writer.clone().refresh()));
        writer
    }

    /// Writes what waits, then ends.
    pub(crate) async fn stop(&self) {
        let waiting: Vec<TargetId> = {
            let slots = self.slots();
            slots.iter().filter(|(_, slot)| slot.queued).map(|(id, _)| id.clone()).collect()
        };
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        let rest = futures::future::join_all(waiting.iter().map(|id| self.write(id, true)));
        let _ = tokio::time::timeout(Duration::from_secs(3), rest).await;
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<TargetId, Slot>> {
        self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the controller knows now.
    pub(crate) fn reconciled(&self, id: &TargetId, mut part: ReconcilePart, silent: bool) {
        let mut slots = self.slots();
        let slot = slots.entry(id.clone()).or_default();
        // By the time that a status is written the count may be another one.
        part.original = slot.first_count.or(part.original);
        let same = slot.parts.reconcile.as_deref() == Some(&part) && slot.silent == silent;
        slot.silent = silent;
        if !same {
            slot.parts.reconcile = Some(Arc::new(part));
        }
        // Even if nothing changed here, somebody may have changed the status.
        self.mark(id, slot);
    }

    /// The workload's count as it was found. Only the first counts.
    pub(crate) fn counted(&self, id: &TargetId, count: Option<i32>) {
        let mut slots = self.slots();
        let slot = slots.entry(id.clone()).or_default();
        slot.first_count = slot.first_count.or(count);
    }

    /// What the newest decision found. Called from the live loop, so it does as little as it can.
    pub(crate) fn found(&self, id: &TargetId, findings: Findings) {
        let mut slots = self.slots();
        // The first decision may come before the controller has said what it knows.
        let slot = slots.entry(id.clone()).or_default();
        if slot.parts.findings.as_deref() != Some(&findings) {
            slot.parts.findings = Some(Arc::new(findings));
            self.mark(id, slot);
        }
    }

    /// What the HorizontalPodAutoscaler says of itself.
    pub(crate) fn hpa(&self, id: &TargetId, scaling: Option<HpaScaling>) {
        let mut slots = self.slots();
        let slot = slots.entry(id.clone()).or_default();
        if slot.parts.hpa != scaling {
            slot.parts.hpa = scaling;
            self.mark(id, slot);
        }
    }

    /// When a trigger was last active.
    pub(crate) fn last_active(&self, id: &TargetId, at: Timestamp) {
        let mut slots = self.slots();
        let slot = slots.entry(id.clone()).or_default();
        slot.parts.last_active = slot.parts.last_active.max(Some(at));
    }

    /// An object is gone.
    pub(crate) fn forget(&self, id: &TargetId) {
        self.slots().remove(id);
    }

    /// Looks at every status again: this process leads now.
    pub(crate) fn look_at_all(&self) {
        for (id, slot) in self.slots().iter_mut() {
            self.mark(id, slot);
        }
    }

    fn mark(&self, id: &TargetId, slot: &mut Slot) {
        if !std::mem::replace(&mut slot.queued, true) {
            let _ = self.shared.dirty.send(id.clone());
        }
    }

    async fn take_turns(self, mut queue: mpsc::UnboundedReceiver<TargetId>) {
        while let Some(id) = queue.recv().await {
            let writer = self.clone();
            let work = async move { writer.write_in_time(id).await };
            self.shared.tasks.spawn(self.shared.stop.clone().run_until_cancelled_owned(work));
        }
    }

    async fn write_in_time(self, id: TargetId) {
        tokio::time::sleep(GATHER).await;
        self.shared.lane.calm().await;
        let mut pause = RETRY;
        while !self.write(&id, false).await {
            let jitter = jitter(0.5..1.5);
            tokio::time::sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Every so often, the time of whoever is most outdated.
    async fn refresh(self) {
        let mut every = tokio::time::interval(Duration::from_secs_f64(1.0 / REFRESHES_PER_SECOND));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            if let Some(id) = self.most_outdated() {
                // A failure is no harm: it is outdated at the next tick too.
                let _ = self.write(&id, true).await;
            }
        }
    }

    fn most_outdated(&self) -> Option<TargetId> {
        if !self.shared.leading.now() {
            return None;
        }
        let slots = self.slots();
        let behind = slots.iter().filter(|(_, slot)| !slot.silent && !slot.queued).filter_map(|(id, slot)| {
            let last = slot.parts.last_active?;
            let written = self.shared.index.known(id)?.status.last_active_time.as_ref().map(|time| time.0);
            let written = written.map_or(Timestamp::EPOCH, |at| Timestamp::from_millis(at.as_millisecond()));
            let behind = last.since(written);
            (behind >= OUTDATED).then_some((behind, id))
        });
        behind.max_by_key(|(behind, _)| *behind).map(|(_, id)| id.clone())
    }

    /// Whether there is nothing more to do.
    async fn write(&self, id: &TargetId, refresh: bool) -> bool {
        let Some((parts, turn)) = self.begin(id) else { return true };
        let _turn = turn.lock().await;
        let Some(known) = self.shared.index.known(id).filter(|known| !known.is_leaving()) else { return true };
        let Some(then) = desired(&known.status, &parts) else { return true };
        if !refresh && !is_worth_writing(&known.status, &then) {
            return true;
        }
        let Some(patch) = patch::between(&known.status, &then) else { return true };
        let Ok(_permit) = self.shared.permits.acquire().await else { return true };
        let wait = self.shared.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        tokio::time::sleep(wait).await;
        if !self.shared.leading.now() {
            return true;
        }
        self.send(id, &patch).await
    }

    fn begin(&self, id: &TargetId) -> Option<(Parts, Arc<tokio::sync::Mutex<()>>)> {
        let mut slots = self.slots();
        let slot = slots.get_mut(id)?;
        slot.queued = false;
        (!slot.silent && self.shared.leading.now()).then(|| (slot.parts.clone(), Arc::clone(&slot.turn)))
    }

    async fn send(&self, id: &TargetId, patch: &serde_json::Value) -> bool {
        let resource = scaled_object_resource();
        let api: Api<DynamicObject> = Api::namespaced_with(self.shared.client.clone(), id.namespace(), &resource);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match call(api.patch_status(id.name(), &params, &Patch::Merge(patch))).await {
            Ok(object) => {
                let status = object.data.get("status").cloned().and_then(|status| serde_json::from_value(status).ok());
                if let (Some(status), Some(version)) = (status, object.resource_version()) {
                    self.shared.index.put_status(id, &version, status);
                }
                true
            }
            Err(error) if error.is_not_found() => true,
            Err(error) => {
                tracing::warn!(scaled_object = %id, %error, "cannot write the status; it is tried again");
                false
            }
        }
    }
}

/// Whether more than a time differs that others will take along.
fn is_worth_writing(now: &Status, then: &Status) -> bool {
    if now.last_active_time.is_none() {
        return now != then;
    }
    let mut without = then.clone();
    without.last_active_time.clone_from(&now.last_active_time);
    *now != without
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn active_at(second: i64) -> Status {
        let at = Time(jiff::Timestamp::from_second(second).unwrap());
        Status { last_active_time: Some(at), ..Status::default() }
    }

    /// ACT-06: a poll of an active object alone writes nothing; the first activity, and whatever else changes, takes the
    /// time along
    #[test]
    fn a_newer_time_alone_waits_for_its_turn() {
        assert!(!is_worth_writing(&active_at(100), &active_at(130)));
        assert!(is_worth_writing(&Status::default(), &active_at(130)));
        assert!(is_worth_writing(&active_at(100), &Status { paused_replica_count: Some(1), ..active_at(130) }));
    }
}
