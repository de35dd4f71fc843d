//! Clients shared between triggers: a connection for each server and identity, not for each trigger.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::wrap::{Faults, ReadObserver};

/// All shared clients of a process, and what is wrapped around every trigger. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub struct Clients {
    shared: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    observer: Option<Arc<dyn ReadObserver>>,
    faults: Option<Arc<dyn Faults>>,
}

impl Clients {
    /// No connection is made before the first read.
    #[must_use]
    pub fn new() -> Self {
        Clients::default()
    }

    /// The same clients; every trigger connected to the result tells `observer` of each read.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn ReadObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The same clients; every trigger connected to the result suffers these faults. For tests and rehearsals.
    #[must_use]
    pub fn with_faults(mut self, faults: Arc<dyn Faults>) -> Self {
        self.faults = Some(faults);
        self
    }

    pub(crate) fn observer(&self) -> Option<Arc<dyn ReadObserver>> {
        self.observer.clone()
    }

    pub(crate) fn faults(&self) -> Option<Arc<dyn Faults>> {
        self.faults.clone()
    }

    /// The process's one `T`, made at the first call. Each kind of source keeps its pool in a type of its own, so that
    /// a new trigger does not have to touch this file.
    #[must_use]
    pub fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shared.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // The key is the type of the value, so the conversion never fails; a fresh value is right all the same.
        Arc::clone(entry).downcast().unwrap_or_default()
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        out.debug_struct("Clients").field("shared", &shared.len()).finish_non_exhaustive()
    }
}
