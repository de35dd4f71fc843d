//! What a trigger was given, resolved and not yet understood.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::egress::AllowedHosts;
use crate::secret::Secret;

/// One trigger of a manifest with everything its parameters can come from. Drivers make it; the catalogue reads it.
#[derive(Clone, Default)]
pub struct TriggerInput {
    /// The type as written, as `kafka` or `apache-kafka`.
    pub kind: String,
    /// Its place in `spec.triggers`, from 0.
    pub index: usize,
    /// `triggers[].name`.
    pub name: Option<String>,
    /// The ScaledObject's namespace.
    pub namespace: String,
    /// The ScaledObject's name.
    pub scaled_object: String,
    /// `triggers[].metadata`.
    pub metadata: BTreeMap<String, String>,
    /// The environment of the target's container, for `...FromEnv`.
    pub env: BTreeMap<String, Secret>,
    /// Parameters from the (Cluster)TriggerAuthentication.
    pub auth: BTreeMap<String, Secret>,
    /// The only hosts that the authentication lets the trigger go to.
    pub allowed_hosts: Option<Arc<AllowedHosts>>,
    /// `podIdentity.provider`, where one other than `none` is asked for.
    pub pod_identity: Option<String>,
    /// `triggers[].metricType`, where it is given.
    pub metric_type: Option<MetricType>,
    /// Whether `scalingModifiers` replaces the trigger's own target.
    pub formula_in_use: bool,
}

/// Shows which parameters there are, and no value: even metadata may hold a credential in an address or a header.
impl fmt::Debug for TriggerInput {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TriggerInput")
            .field("kind", &self.kind)
            .field("index", &self.index)
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("scaled_object", &self.scaled_object)
            .field("metadata", &self.metadata.keys())
            .field("env", &self.env.keys())
            .field("auth", &self.auth.keys())
            .field("allowed_hosts", &self.allowed_hosts)
            .field("pod_identity", &self.pod_identity)
            .field("metric_type", &self.metric_type)
            .field("formula_in_use", &self.formula_in_use)
            .finish()
    }
}

/// How a trigger's target is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricType {
    /// Value per replica. Of external metrics also without a `metricType`.
    AverageValue,
    /// Value in all. Only of external metrics.
    Value,
    /// Percent of what pods request. Only of `cpu` and `memory`.
    Utilization,
}

/// One thing wrong with, or suspicious about, a trigger's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The parameter, as `lagThreshold`. Empty for the trigger as a whole.
    pub parameter: String,
    /// What was found, what was expected, and what to do.
    pub message: String,
}
