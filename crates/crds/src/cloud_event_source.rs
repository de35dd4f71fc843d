//! `CloudEventSource` and `ClusterCloudEventSource` of `eventing.keda.sh/v1alpha1`, as KEDA's schema has them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scaled_object::AuthenticationRef;
use crate::status::{CloudEventSourceStatus, lenient};

/// Where events about scaling are sent to as CloudEvents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudEventSource {
    /// Name, namespace, labels and annotations.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::object_meta")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: CloudEventSourceSpec,
    /// What was found and done; written by the operator.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub status: Option<CloudEventSourceStatus>,
}

/// The same for the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCloudEventSource {
    /// Name, labels and annotations.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::object_meta")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: CloudEventSourceSpec,
    /// What was found and done; written by the operator.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub status: Option<CloudEventSourceStatus>,
}

/// Where to and what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudEventSourceSpec {
    /// The cluster's name in the events. Default: the operator's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Where events are sent to.
    pub destination: Destination,
    /// Which events are sent. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_subscription: Option<EventSubscription>,
    /// Where the destination's credentials come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_ref: Option<AuthenticationRef>,
}

/// Where events are sent to; one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// A server that takes CloudEvents by POST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpDestination>,
    /// A topic of Azure Event Grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_event_grid_topic: Option<AzureEventGridTopic>,
}

/// A server that takes CloudEvents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpDestination {
    /// Its URL.
    pub uri: String,
}

/// A topic of Azure Event Grid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureEventGridTopic {
    /// Its URL.
    pub endpoint: String,
}

/// Which events are sent: either only the included ones, or all but the excluded ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSubscription {
    /// Only these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_event_types: Option<Vec<CloudEventType>>,
    /// All but these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_event_types: Option<Vec<CloudEventType>>,
}

macro_rules! event_types {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// Types of CloudEvents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum CloudEventType {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
        }

        impl CloudEventType {
            /// As written in a manifest and in an event.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(CloudEventType::$name => $text,)* }
            }
        }
    };
}

event_types! {
    /// A ScaledObject became ready.
    ScaledObjectReady = "keda.scaledobject.ready.v1",
    /// A ScaledObject cannot be served.
    ScaledObjectFailed = "keda.scaledobject.failed.v1",
    /// A ScaledObject was deleted.
    ScaledObjectRemoved = "keda.scaledobject.removed.v1",
    /// A ScaledObject was paused.
    ScaledObjectPaused = "keda.scaledobject.paused.v1",
    /// A ScaledObject is no longer paused.
    ScaledObjectUnpaused = "keda.scaledobject.unpaused.v1",
    /// A ScaledJob became ready.
    ScaledJobReady = "keda.scaledjob.ready.v1",
    /// A ScaledJob cannot be served.
    ScaledJobFailed = "keda.scaledjob.failed.v1",
    /// A ScaledJob was deleted.
    ScaledJobRemoved = "keda.scaledjob.removed.v1",
    /// A ScaledJob was paused.
    ScaledJobPaused = "keda.scaledjob.paused.v1",
    /// A ScaledJob is no longer paused.
    ScaledJobUnpaused = "keda.scaledjob.unpaused.v1",
    /// Jobs of an older ScaledJob are being deleted.
    RolloutCleanupStarted = "keda.scaledjob.rolloutcleanup.started.v1",
    /// They have been deleted.
    RolloutCleanupCompleted = "keda.scaledjob.rolloutcleanup.completed.v1",
    /// They could not be deleted.
    RolloutCleanupFailed = "keda.scaledjob.rolloutcleanup.failed.v1",
    /// A TriggerAuthentication was made.
    AuthenticationCreated = "keda.authentication.triggerauthentication.created.v1",
    /// A TriggerAuthentication was changed.
    AuthenticationUpdated = "keda.authentication.triggerauthentication.updated.v1",
    /// A TriggerAuthentication was deleted.
    AuthenticationRemoved = "keda.authentication.triggerauthentication.removed.v1",
    /// A ClusterTriggerAuthentication was made.
    ClusterAuthenticationCreated = "keda.authentication.clustertriggerauthentication.created.v1",
    /// A ClusterTriggerAuthentication was changed.
    ClusterAuthenticationUpdated = "keda.authentication.clustertriggerauthentication.updated.v1",
    /// A ClusterTriggerAuthentication was deleted.
    ClusterAuthenticationRemoved = "keda.authentication.clustertriggerauthentication.removed.v1",
}
