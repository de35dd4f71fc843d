//! Clients shared between triggers: a connection for each server and identity, not for each trigger.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::egress::{AllowedHosts, Egress, EgressPolicy, Resolver};
use crate::ports::{Endpoints, PodCounter, PodUsage};
use crate::wrap::{Faults, ReadObserver, Telemetry};

/// All shared clients of a process, what is wrapped around every trigger, and what triggers need of the place they run
/// in. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub struct Clients {
    shared: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    observer: Option<Arc<dyn ReadObserver>>,
    faults: Option<Arc<dyn Faults>>,
    egress: Egress,
    pods: Option<Arc<dyn PodCounter>>,
    usage: Option<Arc<dyn PodUsage>>,
    endpoints: Option<Arc<dyn Endpoints>>,
    telemetry: Telemetry,
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

    /// Clients that go only where `egress` lets them. They share nothing with those before, whose connections may lead
    /// elsewhere.
    #[must_use]
    pub fn with_egress(mut self, egress: EgressPolicy) -> Self {
        self.egress = self.egress.under(egress);
        self.shared = Arc::default();
        self
    }

    /// Clients that find the addresses of names by `resolver`. They share nothing with those before. For tests of names
    /// that lead elsewhere.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.egress = self.egress.resolved_by(resolver);
        self.shared = Arc::default();
        self
    }

    /// The same clients; `kubernetes-workload` triggers connected to the result count pods by `pods`.
    #[must_use]
    pub fn with_pods(mut self, pods: Arc<dyn PodCounter>) -> Self {
        self.pods = Some(pods);
        self
    }

    /// The same clients; `cpu` and `memory` triggers connected to the result are read by `usage`.
    #[must_use]
    pub fn with_usage(mut self, usage: Arc<dyn PodUsage>) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The same clients; `metrics-api` triggers connected to the result find a Service's endpoints by `endpoints`.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: Arc<dyn Endpoints>) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    pub(crate) fn observer(&self) -> Option<Arc<dyn ReadObserver>> {
        self.observer.clone()
    }

    pub(crate) fn faults(&self) -> Option<Arc<dyn Faults>> {
        self.faults.clone()
    }

    pub(crate) fn egress(&self) -> Egress {
        self.egress.clone()
    }

    pub(crate) fn pods(&self) -> Option<Arc<dyn PodCounter>> {
        self.pods.clone()
    }

    pub(crate) fn usage(&self) -> Option<Arc<dyn PodUsage>> {
        self.usage.clone()
    }

    pub(crate) fn endpoints(&self) -> Option<Arc<dyn Endpoints>> {
        self.endpoints.clone()
    }

    /// The same clients for one trigger, whose calls are told by its name, and whose credentials are for these hosts alone
    /// where some are given.
    pub(crate) fn of_trigger(&self, telemetry: Telemetry, allowed: Option<Arc<AllowedHosts>>) -> Clients {
        Clients { telemetry, egress: self.egress.clone().only_to(allowed), ..self.clone() }
    }

    /// Where the trigger that is being connected tells of its calls.
    pub(crate) fn telemetry(&self) -> Telemetry {
        self.telemetry.clone()
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
