//! Everything the process knows of the cluster, in memory: looked up without waiting, kept by the watches.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidegate_crds::admission::{TargetKey, hpa_name};
use tidegate_crds::{ScaledObject, ScalingPolicy};
use tidegate_engine::TargetId;

use super::brief::{HpaBrief, KnownObject, Named, WorkloadBrief};
use crate::status::Status;

/// The index. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct Index {
    inner: Arc<RwLock<Inner>>,
    /// Watches whose first list is not in yet.
    waiting: Arc<AtomicUsize>,
}

type WorkloadKey = (Arc<str>, TargetKey);

#[derive(Debug, Default)]
struct Inner {
    objects: HashMap<TargetId, KnownObject>,
    by_target: HashMap<WorkloadKey, BTreeSet<TargetId>>,
    by_hpa: HashMap<Named, BTreeSet<TargetId>>,
    policies: HashMap<Named, Arc<ScalingPolicy>>,
    policies_of: HashMap<TargetId, BTreeSet<Named>>,
    hpas: HashMap<Named, Arc<HpaBrief>>,
    hpas_of: HashMap<WorkloadKey, BTreeSet<Named>>,
    hpas_owned: HashMap<TargetId, BTreeSet<Named>>,
    workloads: HashMap<WorkloadKey, Arc<WorkloadBrief>>,
}

fn add<K: std::hash::Hash + Eq, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: K, value: V) {
    map.entry(key).or_default().insert(value);
}

fn take<K: std::hash::Hash + Eq, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = map.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            map.remove(key);
        }
    }
}

fn workload_key(namespace: &str, target: &TargetKey) -> WorkloadKey {
    (namespace.into(), target.clone())
}

impl Index {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the first lists of all watches are in.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    pub(crate) fn expect_list(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn list_is_in(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// A ScaledObject's spec and metadata.
    #[must_use]
    pub fn scaled_object(&self, id: &TargetId) -> Option<Arc<ScaledObject>> {
        self.read().objects.get(id).map(|known| Arc::clone(&known.object))
    }

    /// A ScaledObject with its status.
    #[must_use]
    pub fn known(&self, id: &TargetId) -> Option<KnownObject> {
        self.read().objects.get(id).cloned()
    }

    /// All ScaledObjects.
    #[must_use]
    pub fn ids(&self) -> Vec<TargetId> {
        self.read().objects.keys().cloned().collect()
    }

    /// The ScaledObjects of a namespace that scale this workload, by name.
    #[must_use]
    pub fn scaled_objects_of(&self, namespace: &str, target: &TargetKey) -> Vec<TargetId> {
        let inner = self.read();
        inner.by_target.get(&workload_key(namespace, target)).into_iter().flatten().cloned().collect()
    }

    /// The ScaledObjects of a namespace that use this name for their HorizontalPodAutoscaler, by name.
    #[must_use]
    pub fn scaled_objects_with_hpa(&self, namespace: &str, hpa: &str) -> Vec<TargetId> {
        self.read().by_hpa.get(&Named::new(namespace, hpa)).into_iter().flatten().cloned().collect()
    }

    /// The HorizontalPodAutoscaler of this name.
    #[must_use]
    pub fn hpa(&self, namespace: &str, name: &str) -> Option<Arc<HpaBrief>> {
        self.read().hpas.get(&Named::new(namespace, name)).cloned()
    }

    /// The HorizontalPodAutoscalers of a namespace that scale this workload, by name.
    #[must_use]
    pub fn hpas_of(&self, namespace: &str, target: &TargetKey) -> Vec<Arc<HpaBrief>> {
        let inner = self.read();
        let names = inner.hpas_of.get(&workload_key(namespace, target));
        names.into_iter().flatten().filter_map(|name| inner.hpas.get(name)).cloned().collect()
    }

    /// The HorizontalPodAutoscalers whose controller is this ScaledObject, by name.
    #[must_use]
    pub fn hpas_owned_by(&self, id: &TargetId) -> Vec<Arc<HpaBrief>> {
        let inner = self.read();
        let names = inner.hpas_owned.get(id);
        names.into_iter().flatten().filter_map(|name| inner.hpas.get(name)).cloned().collect()
    }

    /// The ScalingPolicy that is attached to a ScaledObject; the first by name where there are several.
    #[must_use]
    pub fn scaling_policy(&self, id: &TargetId) -> Option<Arc<ScalingPolicy>> {
        let inner = self.read();
        inner.policies_of.get(id).and_then(BTreeSet::first).and_then(|name| inner.policies.get(name)).cloned()
    }

    /// A workload as its watch last saw it. `None`: it does not exist, or its kind is not watched (yet).
    #[must_use]
    pub fn workload(&self, namespace: &str, target: &TargetKey) -> Option<Arc<WorkloadBrief>> {
        self.read().workloads.get(&workload_key(namespace, target)).cloned()
    }

    /// Takes a ScaledObject; gives back what was known of it.
    pub(crate) fn put_object(&self, mut known: KnownObject) -> Option<KnownObject> {
        let id = id_of(&known.object);
        let (target, hpa) = (TargetKey::from(&known.object.spec.scale_target_ref), hpa_name(&known.object));
        let mut inner = self.write();
        let same = inner.objects.get(&id).filter(|before| before.object.metadata.uid == known.object.metadata.uid);
        known.came = same.map_or(known.came, |before| before.came);
        let before = inner.objects.insert(id.clone(), known);
        if let Some(before) = &before {
            inner.unlink(&id, &before.object);
        }
        add(&mut inner.by_target, workload_key(id.namespace(), &target), id.clone());
        add(&mut inner.by_hpa, Named::new(id.namespace(), &hpa), id);
        before
    }

    pub(crate) fn remove_object(&self, id: &TargetId) -> Option<KnownObject> {
        let mut inner = self.write();
        let before = inner.objects.remove(id)?;
        inner.unlink(id, &before.object);
        Some(before)
    }

    /// Takes the status that a write gave back, unless the watch was faster.
    pub(crate) fn put_status(&self, id: &TargetId, resource_version: &str, status: Status) {
        let mut inner = self.write();
        let Some(known) = inner.objects.get_mut(id) else { return };
        if is_newer(resource_version, known.object.metadata.resource_version.as_deref()) {
            known.status = Arc::new(status);
            let mut object = ScaledObject::clone(&known.object);
            object.metadata.resource_version = Some(resource_version.to_owned());
            known.object = Arc::new(object);
        }
    }

    /// Takes a ScalingPolicy; gives back the ScaledObjects that it was and is attached to.
    pub(crate) fn put_policy(&self, name: Named, policy: ScalingPolicy) -> Vec<TargetId> {
        let target = TargetId::new(name.namespace(), &policy.spec.target_ref.name);
        let mut inner = self.write();
        let mut touched = inner.drop_policy(&name);
        inner.policies.insert(name.clone(), Arc::new(policy));
        add(&mut inner.policies_of, target.clone(), name);
        touched.push(target);
        touched.dedup();
        touched
    }

    pub(crate) fn remove_policy(&self, name: &Named) -> Vec<TargetId> {
        self.write().drop_policy(name)
    }

    /// Takes a HorizontalPodAutoscaler; gives back what was known of it.
    pub(crate) fn put_hpa(&self, namespace: &str, hpa: Arc<HpaBrief>) -> Option<Arc<HpaBrief>> {
        let name = Named::new(namespace, &hpa.name);
        let mut inner = self.write();
        let before = inner.drop_hpa(&name);
        add(&mut inner.hpas_of, workload_key(namespace, &hpa.target), name.clone());
        if let Some(owner) = hpa.owner.as_ref().filter(|owner| owner.kind == "ScaledObject") {
            add(&mut inner.hpas_owned, TargetId::new(namespace, &owner.name), name.clone());
        }
        inner.hpas.insert(name, hpa);
        before
    }

    pub(crate) fn remove_hpa(&self, name: &Named) -> Option<Arc<HpaBrief>> {
        self.write().drop_hpa(name)
    }

    /// Takes a workload; gives back what was known of it.
    pub(crate) fn put_workload(
        &self,
        namespace: &str,
        target: &TargetKey,
        workload: WorkloadBrief,
    ) -> Option<Arc<WorkloadBrief>> {
        self.write().workloads.insert(workload_key(namespace, target), Arc::new(workload))
    }

    pub(crate) fn remove_workload(&self, namespace: &str, target: &TargetKey) -> Option<Arc<WorkloadBrief>> {
        self.write().workloads.remove(&workload_key(namespace, target))
    }
}

impl Inner {
    fn unlink(&mut self, id: &TargetId, object: &ScaledObject) {
        let target = workload_key(id.namespace(), &TargetKey::from(&object.spec.scale_target_ref));
        take(&mut self.by_target, &target, id);
        take(&mut self.by_hpa, &Named::new(id.namespace(), &hpa_name(object)), id);
    }

    fn drop_policy(&mut self, name: &Named) -> Vec<TargetId> {
        let Some(before) = self.policies.remove(name) else { return Vec::new() };
        let target = TargetId::new(name.namespace(), &before.spec.target_ref.name);
        take(&mut self.policies_of, &target, name);
        vec![target]
    }

    fn drop_hpa(&mut self, name: &Named) -> Option<Arc<HpaBrief>> {
        let before = self.hpas.remove(name)?;
        take(&mut self.hpas_of, &workload_key(name.namespace(), &before.target), name);
        if let Some(owner) = &before.owner {
            take(&mut self.hpas_owned, &TargetId::new(name.namespace(), &owner.name), name);
        }
        Some(before)
    }
}

/// A ScaledObject's id.
pub(crate) fn id_of(object: &ScaledObject) -> TargetId {
    let metadata = &object.metadata;
    TargetId::new(metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

/// Resource versions grow; where they are no numbers, what comes later counts.
pub(crate) fn is_newer(version: &str, than: Option<&str>) -> bool {
    match (version.parse::<u64>(), than.map(str::parse::<u64>)) {
        (Ok(version), Some(Ok(than))) => version > than,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
