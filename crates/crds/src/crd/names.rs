//! What the API calls each kind, and the columns that `kubectl get` shows of it.

use serde_json::{Value, json};

use crate::kinds::Known;

/// Names and columns of one kind.
pub(super) struct Names {
    pub(super) group: &'static str,
    pub(super) plural: &'static str,
    pub(super) short: Vec<&'static str>,
    pub(super) has_status: bool,
    pub(super) columns: &'static [Column],
}

/// One column: name, type, path, and whether only `-o wide` shows it.
pub(super) struct Column(&'static str, &'static str, &'static str, bool);

impl Column {
    pub(super) fn to_json(&self) -> Value {
        let mut column = json!({"name": self.0, "type": self.1, "jsonPath": self.2});
        if self.3 {
            column["priority"] = 1.into();
        }
        column
    }
}

const READY: Column = Column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", false);
const ACTIVE: Column = Column("Active", "string", ".status.conditions[?(@.type==\"Active\")].status", false);
const FALLBACK: Column = Column("Fallback", "string", ".status.conditions[?(@.type==\"Fallback\")].status", false);
const PAUSED: Column = Column("Paused", "string", ".status.conditions[?(@.type==\"Paused\")].status", false);
const MIN: Column = Column("Min", "integer", ".spec.minReplicaCount", false);
const MAX: Column = Column("Max", "integer", ".spec.maxReplicaCount", false);
const TRIGGERS: Column = Column("Triggers", "string", ".status.triggersTypes", false);
const AUTHENTICATIONS: Column = Column("Authentications", "string", ".status.authenticationsTypes", false);
const AGE: Column = Column("Age", "date", ".metadata.creationTimestamp", false);
const IDENTITY: Column = Column("PodIdentity", "string", ".spec.podIdentity.provider", false);
const SECRET: Column = Column("Secret", "string", ".spec.secretTargetRef[*].name", false);
const ENV: Column = Column("Env", "string", ".spec.env[*].name", false);
const FILE: Column = Column("FilePath", "string", ".spec.filePath", false);
const VAULT: Column = Column("VaultAddress", "string", ".spec.hashiCorpVault.address", false);
const SCALED_OBJECTS: Column = Column("ScaledObjects", "string", ".status.scaledobjects", true);
const SCALED_JOBS: Column = Column("ScaledJobs", "string", ".status.scaledjobs", true);

/// `None` for a kind that is not ours.
pub(super) fn of(known: Known) -> Option<Names> {
    let names = |group, plural, short: &[&'static str], columns| Names {
        group,
        plural,
        short: short.to_vec(),
        has_status: known != Known::ScalingPolicy,
        columns,
    };
    Some(match known {
        Known::ScaledObject => names(
            "keda.sh",
            "scaledobjects",
            &["so"],
            &[
                Column("ScaleTargetKind", "string", ".status.scaleTargetKind", false),
                Column("ScaleTargetName", "string", ".spec.scaleTargetRef.name", false),
                MIN,
                MAX,
                READY,
                ACTIVE,
                FALLBACK,
                PAUSED,
                TRIGGERS,
                AUTHENTICATIONS,
                AGE,
            ],
        ),
        Known::ScaledJob => {
            names("keda.sh", "scaledjobs", &["sj"], &[MIN, MAX, READY, ACTIVE, PAUSED, TRIGGERS, AUTHENTICATIONS, AGE])
        }
        Known::TriggerAuthentication => names(
            "keda.sh",
            "triggerauthentications",
            &["ta", "triggerauth"],
            &[IDENTITY, SECRET, ENV, VAULT, SCALED_OBJECTS, SCALED_JOBS],
        ),
        Known::ClusterTriggerAuthentication => names(
            "keda.sh",
            "clustertriggerauthentications",
            &["cta", "clustertriggerauth"],
            &[IDENTITY, SECRET, ENV, FILE, VAULT, SCALED_OBJECTS, SCALED_JOBS],
        ),
        Known::CloudEventSource => names("eventing.keda.sh", "cloudeventsources", &[], &[ACTIVE]),
        Known::ClusterCloudEventSource => names("eventing.keda.sh", "clustercloudeventsources", &[], &[ACTIVE]),
        Known::ScalingPolicy => names(
            "tidegate.dev",
            "scalingpolicies",
            &["scp"],
            &[
                Column("Target", "string", ".spec.targetRef.name", false),
                Column("Mode", "string", ".spec.mode", false),
                AGE,
            ],
        ),
        Known::Deployment | Known::Secret | Known::ConfigMap | Known::Scenario => return None,
    })
}
