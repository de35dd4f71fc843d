//! What survives a restart: the status of the ScaledObjects, where KEDA keeps it too. Nothing else is stored.
//!
//! A fresh process knows neither windows nor past changes, so the count that it finds counts as a recommendation of that
//! moment, as the HorizontalPodAutoscaler does it: nothing scales in because of a restart.

use std::sync::Arc;

use tidegate_crds::admission::TargetKey;
use tidegate_engine::{Recommendation, SavedState, TargetId, Timestamp};
use tidegate_runtime::{Clock, StateError, StateStore};

use super::bindings::Bindings;
use crate::status::{StatusWriter, find, reasons};
use crate::watches::Index;

/// The store.
pub(crate) struct StatusStates {
    pub(crate) index: Index,
    pub(crate) bindings: Bindings,
    pub(crate) status: StatusWriter,
    pub(crate) clock: Arc<dyn Clock>,
}

impl StateStore for StatusStates {
    fn load(&self, target: &TargetId) -> Result<Option<SavedState>, StateError> {
        let Some(known) = self.index.known(target) else { return Ok(None) };
        let (status, now) = (&known.status, self.clock.now());
        let conditions = status.conditions.as_deref().unwrap_or_default();
        let was_active =
            find(conditions, "Active").is_some_and(|active| active.reason.as_deref() == Some(reasons::ACTIVE));
        let written = status.last_active_time.as_ref().map(|time| Timestamp::from_millis(time.0.as_millisecond()));
        // The written time may be behind while it is active, so the cooldown counts from now then.
        let last_active = if was_active { Some(now) } else { written };
        let original = status.original_replica_count.and_then(|count| u32::try_from(count).ok());
        if last_active.is_none() && original.is_none() {
            return Ok(None);
        }
        let workload = TargetKey::from(&known.object.spec.scale_target_ref);
        let current = self.index.workload(target.namespace(), &workload).map(|brief| brief.replicas);
        let recommendations =
            current.filter(|replicas| *replicas > 0).map(|replicas| Recommendation { at: now, replicas });
        let health = status.health.clone().unwrap_or_default();
        let failures = self.bindings.get(target).map(|binding| {
            let failures = |metric: &Arc<str>| {
                let failures = health.get(&**metric).and_then(|health| health.number_of_failures);
                failures.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
            };
            binding.metrics.iter().map(failures).collect()
        });
        Ok(Some(SavedState {
            original_replicas: original,
            last_active,
            recommendations: recommendations.into_iter().collect(),
            failures: failures.unwrap_or_default(),
            ..SavedState::default()
        }))
    }

    fn save(&self, target: &TargetId, state: &SavedState) -> Result<(), StateError> {
        if let Some(at) = state.last_active {
            self.status.last_active(target, at);
        }
        Ok(())
    }

    fn remove(&self, _target: &TargetId) -> Result<(), StateError> {
        Ok(())
    }
}
