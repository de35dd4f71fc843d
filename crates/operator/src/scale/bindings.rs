//! What each served ScaledObject scales.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kube::core::ApiResource;
use tidegate_crds::admission::TargetKey;
use tidegate_engine::TargetId;

/// What one scales.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    pub(crate) key: TargetKey,
    pub(crate) resource: ApiResource,
    /// As events name it, `apps/v1.Deployment`.
    pub(crate) kind_text: Arc<str>,
    /// Whether decisions depend on which pods are ready.
    pub(crate) needs_ready: bool,
    /// The policy's metrics, in its order.
    pub(crate) metrics: Arc<[Arc<str>]>,
    /// Each one's trigger in the manifest.
    pub(crate) triggers: Arc<[usize]>,
}

impl Binding {
    /// Where the metrics of one of the manifest's triggers are in the policy.
    pub(crate) fn places(&self, trigger: usize) -> Vec<usize> {
        let triggers = self.triggers.iter().enumerate();
        triggers.filter(|(_, of)| **of == trigger).map(|(place, _)| place).collect()
    }
}

/// All of them. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings(Arc<RwLock<HashMap<TargetId, Arc<Binding>>>>);

impl Bindings {
    pub(crate) fn get(&self, id: &TargetId) -> Option<Arc<Binding>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn bind(&self, id: &TargetId, binding: Binding) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), Arc::new(binding));
    }

    pub(crate) fn unbind(&self, id: &TargetId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Those whose workload's kind does not tell of ready pods may need to be looked at again and again.
    pub(crate) fn needing_ready(&self) -> Vec<TargetId> {
        let bindings = self.0.read().unwrap_or_else(PoisonError::into_inner);
        bindings.iter().filter(|(_, binding)| binding.needs_ready).map(|(id, _)| id.clone()).collect()
    }
}
